//! Variants as merchants look them up and change many at once. Checks nothing itself.

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::VariantInput;
use stoa_kernel::{ProductId, VariantId};
use stoa_rest::{
    Caller, IfMatch, Json, Limit, Method, Operation, Page, Path, Permission, Problem, Query,
    Routes, State, StatusCode, Tenant, TraceContext, code,
};

use super::product_body::{AdminProduct, present};
use super::products::answer;
use super::{PRODUCT_BYTES_MAX, cause, edit_problem, storage_problem};
use crate::application::{App, Draft};
use crate::domain::{Flaw, VARIANTS_MAX, spellings};
use crate::infrastructure::handles::{self, Code, FoundVariant};

pub(super) fn routes(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    let find = Operation::new("findVariants", "Find variants by barcode or SKU")
        .description("A GTIN is found in each of its lengths. Exactly one of the two is given.")
        .query::<VariantQuery>()
        .returns::<Page<AdminFoundVariant>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let change = Operation::new("updateVariants", "Change some fields of many variants")
        .description("Variants left out stay as they are, and so do fields left out.")
        .body::<VariantChangesBody>()
        .returns::<AdminProduct>(200)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND)
        .body_limit(PRODUCT_BYTES_MAX);
    let reads = stoa_rest::Access::Staff(Permission::ProductsRead);
    let writes = stoa_rest::Access::Staff(Permission::ProductsWrite);
    const OF_ONE: &str = "/api/v1/admin/products/{id}/variants";
    routes
        .route(
            Method::GET,
            "/api/v1/admin/variants",
            reads,
            find,
            find_variants,
        )
        .route(Method::PATCH, OF_ONE, writes, change, change_variants)
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VariantQuery {
    #[serde(default)]
    barcode: Option<String>,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

/// A variant and the product it is of.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AdminFoundVariant {
    id: VariantId,
    product_id: ProductId,
    product_handle: String,
    product_title: String,
    title: String,
    sku: Option<String>,
    barcode: Option<String>,
    in_stock: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariantChangesBody {
    /// At most 2000, each variant once.
    variants: Vec<VariantChange>,
}

/// Fields to change; `null` clears one that can be empty.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VariantChange {
    id: VariantId,
    #[serde(default, deserialize_with = "present")]
    sku: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    barcode: Option<Option<String>>,
    #[serde(default)]
    grams: Option<i64>,
    #[serde(default)]
    requires_shipping: Option<bool>,
    #[serde(default)]
    taxable: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    image: Option<Option<String>>,
}

async fn find_variants(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Query(query): Query<VariantQuery>,
) -> Result<Json<Page<AdminFoundVariant>>, Problem> {
    let barcodes = query.barcode.as_deref().map(spellings).unwrap_or_default();
    let wanted = match (&query.barcode, &query.sku) {
        (Some(_), None) => Code::Barcode(&barcodes),
        (None, Some(sku)) => Code::Sku(sku),
        _ => {
            return Err(Problem::invalid(
                "barcode",
                "or `sku` is given, and not both",
            ));
        }
    };
    let scope = format!("{} variants {:?} {:?}", tenant.id, query.barcode, query.sku);
    let decode = |cursor: &String| app.cursors.decode::<VariantId>(&scope, cursor);
    let after = query.cursor.as_ref().map(decode).transpose()?;
    let after = after.unwrap_or(VariantId::from_u128(0));
    let busy = |error| storage_problem(&error);
    let db = app.deps.storage.db(tenant.id).await.map_err(busy)?;
    let rows = handles::variants(&db, &wanted, after, query.limit.plus_one())
        .await
        .map_err(busy)?;
    let last = |row: &FoundVariant| app.cursors.encode(&scope, &row.id);
    let page = Page::of(rows, query.limit, last);
    Ok(Json(page.map(|found| AdminFoundVariant {
        id: found.id,
        product_id: found.product,
        product_handle: found.handle,
        product_title: found.product_title,
        title: found.title,
        sku: found.sku,
        barcode: found.barcode,
        in_stock: found.in_stock,
    })))
}

async fn change_variants(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<ProductId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
    Json(body): Json<VariantChangesBody>,
) -> Result<Response, Problem> {
    if body.variants.len() > VARIANTS_MAX {
        let reason = format!("holds at most {VARIANTS_MAX} entries");
        return Err(Problem::invalid("variants", reason));
    }
    let cause = cause(&caller, trace, app.deps.now());
    let change = move |draft: Draft| apply(draft, &body.variants);
    let edited = app
        .edit_product(tenant.id, id, seen.version()?, cause, change)
        .await;
    Ok(answer(StatusCode::OK, edited.map_err(edit_problem)?.into()))
}

fn apply(mut draft: Draft, changes: &[VariantChange]) -> Result<Draft, Flaw> {
    let ids = draft.ids.iter().enumerate();
    let mut places: HashMap<VariantId, usize> = ids
        .filter_map(|(place, id)| Some(((*id)?, place)))
        .collect();
    for (index, change) in changes.iter().enumerate() {
        let Some(place) = places.remove(&change.id) else {
            let reason = "is no variant of this product, or is named twice";
            return Err(Flaw::new(format!("variants[{index}].id"), reason));
        };
        let variant: &mut VariantInput = &mut draft.input.variants[place];
        let change = change.clone();
        variant.sku = change.sku.unwrap_or_else(|| variant.sku.take());
        variant.barcode = change.barcode.unwrap_or_else(|| variant.barcode.take());
        variant.grams = change.grams.unwrap_or(variant.grams);
        variant.requires_shipping = change
            .requires_shipping
            .unwrap_or(variant.requires_shipping);
        variant.taxable = change.taxable.unwrap_or(variant.taxable);
        variant.image = change.image.unwrap_or_else(|| variant.image.take());
    }
    Ok(draft)
}
