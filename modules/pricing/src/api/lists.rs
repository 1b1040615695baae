//! Price lists over HTTP, as merchants make, fill and remove them. Holds no rule and no SQL.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Money, PriceListId, Timestamp, VariantId};
use stoa_rest::{
    Access, Caller, IdempotentJson, IfMatch, Json, Limit, Method, Operation, Page, Path,
    Permission, Problem, Query, Routes, State, StatusCode, Tenant, TraceContext, code,
};

use super::bodies::PricesChanged;
use super::{cause, key_of, problem, storage_problem, stored, version_of, versioned};
use crate::application::{App, ListPricesChange, NewList};
use crate::domain::{ListPrice, ListTerms};
use crate::infrastructure::lists::ListRow;

const ALL: &str = "/api/v1/admin/price-lists";
const ONE: &str = "/api/v1/admin/price-lists/{price_list_id}";
const PRICES: &str = "/api/v1/admin/price-lists/{price_list_id}/prices";

/// A price list as it stands, without its prices.
#[derive(Debug, Serialize, JsonSchema)]
struct ListView {
    id: PriceListId,
    #[serde(flatten)]
    terms: ListTerms,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ListRow> for ListView {
    fn from(row: ListRow) -> Self {
        Self {
            id: row.id,
            terms: row.terms,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ListPricesQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListPricesPut {
    /// At most 1000.
    prices: Vec<ListPriceBody>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListPriceBody {
    variant_id: VariantId,
    /// For as many units of the variant in one cart, or more; 1 where it is left out.
    #[serde(default = "one")]
    min_quantity: i64,
    /// In the list's currency; `null` takes the price out of the list.
    price: Option<Money>,
}

const fn one() -> i64 {
    1
}

#[derive(Debug, Serialize, JsonSchema)]
struct ListPriceEntry {
    variant_id: VariantId,
    min_quantity: i64,
    price: Money,
}

pub(super) fn routes() -> Routes<Arc<App>> {
    let reads = Access::Staff(Permission::PricesRead);
    let writes = Access::Staff(Permission::PricesWrite);
    let list = Operation::new("listPriceLists", "List the price lists, the oldest first")
        .description("At most 50 of them. The base prices are the list `default`.")
        .returns::<Page<ListView>>(200);
    let create = Operation::new("createPriceList", "Make a price list")
        .body::<ListTerms>()
        .returns::<ListView>(201)
        .requires_idempotency_key();
    let read = Operation::new("readPriceList", "Read a price list")
        .returns::<ListView>(200)
        .returns_problem(&code::NOT_FOUND);
    let replace = Operation::new("replacePriceList", "Replace a price list; its prices stay")
        .body::<ListTerms>()
        .returns::<ListView>(200)
        .header("If-Match", false, super::IF_MATCH)
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&code::PRECONDITION_FAILED);
    let delete = Operation::new("deletePriceList", "Remove a price list with its prices")
        .returns_empty(204)
        .header("If-Match", false, super::IF_MATCH)
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&code::PRECONDITION_FAILED);
    let prices = Operation::new("listPriceListPrices", "List the prices of a price list")
        .query::<ListPricesQuery>()
        .returns::<Page<ListPriceEntry>>(200)
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&code::INVALID_CURSOR);
    let put = Operation::new(
        "setPriceListPrices",
        "Set prices of a price list; others stay",
    )
    .description("At most 1000 in one call. All are set, or none.")
    .body::<ListPricesPut>()
    .returns::<PricesChanged>(200)
    .requires_idempotency_key()
    .returns_problem(&code::NOT_FOUND);
    Routes::new("pricing")
        .route(Method::GET, ALL, reads, list, list_lists)
        .route(Method::POST, ALL, writes, create, create_list)
        .route(Method::GET, ONE, reads, read, read_list)
        .route(Method::PUT, ONE, writes, replace, replace_list)
        .route(Method::DELETE, ONE, writes, delete, delete_list)
        .route(Method::GET, PRICES, reads, prices, list_prices)
        .route(Method::PUT, PRICES, writes, put, put_prices)
}

async fn list_lists(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<ListView>>, Problem> {
    let rows = app.price_lists(tenant.id).await.map_err(problem)?;
    Ok(Json(Page::whole(rows).map(ListView::from)))
}

async fn create_list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    body: IdempotentJson<ListTerms>,
) -> Result<Response, Problem> {
    let new = NewList {
        terms: body.value,
        key: key_of(body.scope),
        now: app.deps.now(),
        answer: |row| {
            serde_json::to_string(&ListView::from(row)).expect("plain values always serialise")
        },
    };
    let made = app.create_list(tenant.id, tenant.currency, new).await;
    Ok(stored(StatusCode::CREATED, made.map_err(problem)?))
}

async fn read_list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<PriceListId>,
) -> Result<Response, Problem> {
    let found = app.price_list(tenant.id, id).await;
    let row = found.map_err(problem)?;
    Ok(versioned(row.version, ListView::from(row)))
}

async fn replace_list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<PriceListId>,
    seen: Option<IfMatch>,
    Json(body): Json<ListTerms>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let row = app
        .replace_list(tenant.id, id, seen, body)
        .await
        .map_err(problem)?;
    Ok(versioned(row.version, ListView::from(row)))
}

async fn delete_list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<PriceListId>,
    seen: Option<IfMatch>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let gone = app.delete_list(tenant.id, id, seen).await;
    gone.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn list_prices(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<PriceListId>,
    Query(query): Query<ListPricesQuery>,
) -> Result<Json<Page<ListPriceEntry>>, Problem> {
    let key = app.cursor_key().await;
    let key = key.map_err(|error| storage_problem(&error))?;
    let scope = format!("{} prices of {id}", tenant.id);
    let decode = |cursor: String| key.decode::<(VariantId, i64)>(&scope, &cursor);
    let after = query.cursor.map(decode).transpose()?;
    let found = app
        .list_prices(tenant.id, id, after, query.limit.plus_one())
        .await;
    let (terms, rows) = found.map_err(problem)?;
    let last = |row: &ListPrice| key.encode(&scope, &(row.variant, row.min_quantity));
    let page = Page::of(rows, query.limit, last);
    Ok(Json(page.map(|row| ListPriceEntry {
        variant_id: row.variant,
        min_quantity: row.min_quantity,
        price: Money::new(row.amount, terms.currency),
    })))
}

async fn put_prices(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<PriceListId>,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<ListPricesPut>,
) -> Result<Response, Problem> {
    let list = id;
    let (mut put, mut gone) = (Vec::new(), Vec::new());
    for body in body.value.prices {
        let price = ListPrice {
            variant: body.variant_id,
            list,
            min_quantity: body.min_quantity,
            amount: body.price.map_or(0, |price| price.amount),
        };
        match body.price {
            Some(stated) => put.push((price, stated.currency)),
            None => gone.push(price),
        }
    }
    let change = ListPricesChange {
        list,
        put,
        gone,
        key: key_of(body.scope),
        cause: cause(&caller, trace, app.deps.now()),
        answer: |changed| PricesChanged { changed }.to_json(),
    };
    let answer = app.change_list_prices(tenant.id, change).await;
    Ok(stored(StatusCode::OK, answer.map_err(problem)?))
}
