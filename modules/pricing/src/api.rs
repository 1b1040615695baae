//! Pricing over HTTP: prices, tax and shipping as merchants set them. Holds no rule and no SQL.

mod bodies;

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use stoa_kernel::{Currency, VariantId};
use stoa_rest::{
    Access, Caller, ETag, HeaderValue, IdempotentJson, IfMatch, Json, Method, Operation, Page,
    Permission, Problem, Query, Routes, State, StatusCode, Tenant, TraceContext, code, header,
};
use stoa_storage::{Cause, IdempotencyKey};

use crate::application::{App, EditError, PriceChange};
use crate::infrastructure::PriceRow;
use bodies::{
    PriceBody, PriceEntry, PriceListQuery, PricesChanged, PricesPut, Shipping, ShippingPut, Tax,
};

const PRICES: &str = "/api/v1/admin/price-lists/default/prices";
const TAX: &str = "/api/v1/admin/tax";
const SHIPPING: &str = "/api/v1/admin/shipping";
const IF_MATCH: &str = "The ETag of what you read; without it the change is made in any case.";
/// How long a client should wait when storage is too busy.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

pub(crate) fn routes(app: Arc<App>) -> Routes {
    let reads = Access::Staff(Permission::SettingsRead);
    let writes = Access::Staff(Permission::SettingsWrite);
    let list = Operation::new("listPrices", "List prices by variant and currency")
        .query::<PriceListQuery>()
        .returns::<Page<PriceEntry>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let put = Operation::new("setPrices", "Set prices; those not named stay")
        .description("At most 1000 in one call. All are set, or none.")
        .body::<PricesPut>()
        .returns::<PricesChanged>(200)
        .requires_idempotency_key();
    let tax = Operation::new("readTax", "Read the tax rate").returns::<Tax>(200);
    let set_tax = Operation::new("setTax", "Set the tax rate")
        .body::<Tax>()
        .returns::<Tax>(200)
        .header("If-Match", false, IF_MATCH)
        .returns_problem(&code::PRECONDITION_FAILED);
    let shipping =
        Operation::new("readShipping", "Read the ways of delivery").returns::<Shipping>(200);
    let set_shipping = Operation::new("setShipping", "Replace the ways of delivery")
        .body::<ShippingPut>()
        .returns::<Shipping>(200)
        .header("If-Match", false, IF_MATCH)
        .returns_problem(&code::PRECONDITION_FAILED);
    Routes::new("pricing")
        .route(
            Method::GET,
            PRICES,
            Access::Staff(Permission::PricesRead),
            list,
            list_prices,
        )
        .route(
            Method::PUT,
            PRICES,
            Access::Staff(Permission::PricesWrite),
            put,
            put_prices,
        )
        .route(Method::GET, TAX, reads, tax, read_tax)
        .route(Method::PUT, TAX, writes, set_tax, put_tax)
        .route(Method::GET, SHIPPING, reads, shipping, read_shipping)
        .route(Method::PUT, SHIPPING, writes, set_shipping, put_shipping)
        .with_state(app)
}

async fn list_prices(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Query(query): Query<PriceListQuery>,
) -> Result<Json<Page<PriceEntry>>, Problem> {
    let key = app
        .cursor_key()
        .await
        .map_err(|error| storage_problem(&error))?;
    let scope = format!("{} prices {:?}", tenant.id, query.variant_id);
    let decode = |cursor: String| key.decode::<(VariantId, Currency)>(&scope, &cursor);
    let after = query.cursor.map(decode).transpose()?;
    let rows = app
        .prices(tenant.id, query.variant_id, after, query.limit.plus_one())
        .await;
    let last = |row: &PriceRow| key.encode(&scope, &(row.price.variant, row.price.price.currency));
    let page = Page::of(rows.map_err(problem)?, query.limit, last);
    Ok(Json(page.map(PriceEntry::from)))
}

async fn put_prices(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<PricesPut>,
) -> Result<Response, Problem> {
    let scope = body.scope;
    let key = IdempotencyKey {
        scope: format!("{} {}", scope.caller, scope.route),
        key: scope.key,
        body_hash: scope.body_hash,
    };
    let trace = Some(trace.trace_id_hex());
    let change = PriceChange {
        prices: body
            .value
            .prices
            .into_iter()
            .map(PriceBody::into_price)
            .collect(),
        key,
        cause: Cause {
            trace,
            ..Cause::new(caller.actor(), app.deps.now())
        },
        answer: |changed| PricesChanged { changed }.to_json(),
    };
    let answer = app
        .change_prices(tenant.id, change)
        .await
        .map_err(problem)?;
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, JSON)], answer).into_response())
}

async fn read_tax(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Response, Problem> {
    let (settings, _) = app
        .settings(tenant.id, tenant.currency)
        .await
        .map_err(problem)?;
    Ok(versioned(settings.tax_version, Tax::from(settings.tax)))
}

async fn put_tax(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    seen: Option<IfMatch>,
    Json(body): Json<Tax>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let set = app
        .set_tax(tenant.id, tenant.currency, seen, body.into())
        .await;
    let settings = set.map_err(problem)?;
    Ok(versioned(settings.tax_version, Tax::from(settings.tax)))
}

async fn read_shipping(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Response, Problem> {
    let (settings, rates) = app
        .settings(tenant.id, tenant.currency)
        .await
        .map_err(problem)?;
    Ok(versioned(settings.shipping_version, Shipping::from(rates)))
}

async fn put_shipping(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    seen: Option<IfMatch>,
    Json(body): Json<ShippingPut>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let rates = body.into_rates()?;
    let set = app
        .set_shipping(tenant.id, tenant.currency, seen, rates)
        .await;
    let (settings, rates) = set.map_err(problem)?;
    Ok(versioned(settings.shipping_version, Shipping::from(rates)))
}

fn version_of(seen: Option<IfMatch>) -> Result<Option<i64>, Problem> {
    Ok(seen.map(|seen| seen.version()).transpose()?.flatten())
}

fn versioned<T: serde::Serialize>(version: i64, value: T) -> Response {
    (
        StatusCode::OK,
        ETag::of_version(version).header(),
        Json(value),
    )
        .into_response()
}

fn problem(error: EditError) -> Problem {
    match error {
        EditError::Stale { current } => {
            let [(name, value)] = ETag::of_version(current).header();
            Problem::new(&code::PRECONDITION_FAILED)
                .with_header(name, value)
                .with_detail("It changed since you read it. Read it again and repeat the change.")
        }
        EditError::KeyReused => Problem::new(&code::IDEMPOTENCY_KEY_REUSED),
        EditError::KeyUnfinished => Problem::new(&code::IDEMPOTENCY_IN_PROGRESS),
        EditError::Flaw(flaw) => {
            let detail = format!("`{}` {}.", flaw.field, flaw.reason);
            Problem::invalid(flaw.field, flaw.reason).with_detail(detail)
        }
        EditError::Storage(error) => storage_problem(&error),
    }
}

fn storage_problem(error: &stoa_storage::Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, RETRY_AFTER),
        false => Problem::internal(error),
    }
}
