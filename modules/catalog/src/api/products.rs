//! Products as merchants manage them.

use std::sync::Arc;

use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::ProductStatus;
use stoa_kernel::{ProductId, TenantId, Timestamp};
use stoa_rest::{
    Caller, IfMatch, Json, Limit, Page, Path, Problem, Query, State, StatusCode, Tenant,
    TraceContext,
};

use super::product_body::{AdminProduct, ProductBody, ProductPatch};
use super::{cause, edit_problem, versioned};
use crate::application::{App, Draft};
use crate::infrastructure::lists::AdminRow;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AdminListQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

/// A product in the merchant's list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AdminProductRow {
    id: ProductId,
    handle: String,
    title: String,
    status: ProductStatus,
    vendor: Option<String>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<AdminRow> for AdminProductRow {
    fn from(row: AdminRow) -> Self {
        Self {
            id: row.id,
            handle: row.handle,
            title: row.title,
            status: row.status,
            vendor: row.vendor,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Query(query): Query<AdminListQuery>,
) -> Result<Json<Page<AdminProductRow>>, Problem> {
    let scope = scope(tenant.id);
    let decode = |cursor: String| {
        app.cursors
            .decode::<(Timestamp, ProductId)>(&scope, &cursor)
    };
    let after = query.cursor.map(decode).transpose()?;
    let rows = app
        .admin_products(tenant.id, after, query.limit.plus_one())
        .await;
    let last = |row: &AdminRow| app.cursors.encode(&scope, &(row.created_at, row.id));
    let page = Page::of(rows.map_err(edit_problem)?, query.limit, last);
    Ok(Json(page.map(AdminProductRow::from)))
}

fn scope(tenant: TenantId) -> String {
    format!("{tenant} admin products")
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Json(mut body): Json<ProductBody>,
) -> Result<Response, Problem> {
    body.description_html = app
        .clean_html(&body.description_html)
        .map_err(edit_problem)?;
    let cause = cause(&caller, trace, app.deps.now());
    if let Some(index) = body.named_variant() {
        let field = format!("variants[{index}].id");
        return Err(Problem::invalid(field, "a new product has no variants yet"));
    }
    let created = app
        .create_product(tenant.id, body.into_draft(None), cause)
        .await
        .map_err(edit_problem)?;
    Ok(answer(StatusCode::CREATED, created.into()))
}

pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<ProductId>,
) -> Result<Response, Problem> {
    let found = app
        .whole_product(tenant.id, id)
        .await
        .map_err(edit_problem)?;
    Ok(answer(StatusCode::OK, found.into()))
}

pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<ProductId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
    Json(mut body): Json<ProductBody>,
) -> Result<Response, Problem> {
    body.description_html = app
        .clean_html(&body.description_html)
        .map_err(edit_problem)?;
    let cause = cause(&caller, trace, app.deps.now());
    let change = move |draft: Draft| Ok(body.clone().into_draft(Some(&draft)));
    let edited = app
        .edit_product(tenant.id, id, seen.version()?, cause, change)
        .await;
    Ok(answer(StatusCode::OK, edited.map_err(edit_problem)?.into()))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<ProductId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
    Json(mut patch): Json<ProductPatch>,
) -> Result<Response, Problem> {
    if let Some(html) = &patch.description_html {
        patch.description_html = Some(app.clean_html(html).map_err(edit_problem)?);
    }
    let cause = cause(&caller, trace, app.deps.now());
    let change = move |draft: Draft| Ok(patch.clone().apply(draft));
    let edited = app
        .edit_product(tenant.id, id, seen.version()?, cause, change)
        .await;
    Ok(answer(StatusCode::OK, edited.map_err(edit_problem)?.into()))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<ProductId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let deleted = app
        .delete_product(tenant.id, id, seen.version()?, cause)
        .await;
    deleted
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

pub(super) fn answer(status: StatusCode, product: AdminProduct) -> Response {
    versioned(status, product.version(), product)
}
