//! Pricing over HTTP: prices, tax and shipping as merchants set them. Holds no rule and no SQL.

mod adjustments;
mod bodies;
mod currencies;
mod groups;
mod lists;
mod promotions;

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use stoa_kernel::{Currency, Timestamp, VariantId};
use stoa_rest::{
    Access, Caller, ETag, ErrorCode, ErrorPage, HeaderValue, IdempotencyScope, IdempotentJson,
    IfMatch, Json, Method, Operation, Page, Permission, Problem, Query, Routes, State, StatusCode,
    Tenant, TraceContext, code, header,
};
use stoa_storage::{Cause, IdempotencyKey};

use crate::application::{App, EditError, PriceChange};
use crate::infrastructure::PriceRow;
use bodies::{
    PriceBody, PriceEntry, PriceListQuery, PricesChanged, PricesPut, ProviderSecret, Shipping,
    ShippingPut, Tax, TaxPut,
};

pub const COUPON_CODE_TAKEN: ErrorCode =
    ErrorCode::new("coupon_code_taken", 409, "Another promotion has this code");
pub const PROMOTION_IN_USE: ErrorCode =
    ErrorCode::new("promotion_in_use", 409, "Orders hold uses of the promotion");

pub const CUSTOMER_GROUP_TAKEN: ErrorCode = ErrorCode::new(
    "customer_group_taken",
    409,
    "Another customer group has this handle",
);
pub const CUSTOMER_GROUP_IN_USE: ErrorCode = ErrorCode::new(
    "customer_group_in_use",
    409,
    "A price list names the customer group",
);

const PAGES: [ErrorPage; 4] = [
    ErrorPage {
        code: &CUSTOMER_GROUP_TAKEN,
        markdown: include_str!("../../../docs/errors/customer_group_taken.md"),
    },
    ErrorPage {
        code: &CUSTOMER_GROUP_IN_USE,
        markdown: include_str!("../../../docs/errors/customer_group_in_use.md"),
    },
    ErrorPage {
        code: &COUPON_CODE_TAKEN,
        markdown: include_str!("../../../docs/errors/coupon_code_taken.md"),
    },
    ErrorPage {
        code: &PROMOTION_IN_USE,
        markdown: include_str!("../../../docs/errors/promotion_in_use.md"),
    },
];
/// A thousand regions, or a hundred zones of five hundred places each.
const SETTINGS_BYTES_MAX: usize = 4 * 1024 * 1024;

const PRICES: &str = "/api/v1/admin/price-lists/default/prices";
const TAX: &str = "/api/v1/admin/tax";
const PROVIDER_SECRET: &str = "/api/v1/admin/tax/provider-secret";
const SHIPPING: &str = "/api/v1/admin/shipping";
const IF_MATCH: &str = "The ETag of what you read; without it the change is made in any case.";
/// How long a client should wait when storage is too busy.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

pub(crate) fn routes(app: Arc<App>) -> Routes {
    let list = Operation::new("listPrices", "List prices by variant and currency")
        .query::<PriceListQuery>()
        .returns::<Page<PriceEntry>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let put = Operation::new("setPrices", "Set prices; those not named stay")
        .description("At most 1000 in one call. All are set, or none.")
        .body::<PricesPut>()
        .returns::<PricesChanged>(200)
        .requires_idempotency_key();
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
        .merge(settings_routes())
        .merge(adjustments::routes())
        .merge(currencies::routes())
        .merge(groups::routes())
        .merge(lists::routes())
        .merge(promotions::routes())
        .error_pages(&PAGES)
        .with_state(app)
}

fn settings_routes() -> Routes<Arc<App>> {
    let reads = Access::Staff(Permission::SettingsRead);
    let writes = Access::Staff(Permission::SettingsWrite);
    let tax = Operation::new("readTax", "Read the tax of the shop").returns::<Tax>(200);
    let set_tax = Operation::new("setTax", "Set the tax of the shop")
        .description("The one rate holds where no region does. What is left out stays as it is.")
        .body::<TaxPut>()
        .returns::<Tax>(200)
        .header("If-Match", false, IF_MATCH)
        .returns_problem(&code::PRECONDITION_FAILED)
        .body_limit(SETTINGS_BYTES_MAX);
    let secret = Operation::new(
        "readTaxProviderSecret",
        "Read the secret that questions to the tax provider are signed with",
    )
    .returns::<ProviderSecret>(200);
    let shipping =
        Operation::new("readShipping", "Read the ways of delivery").returns::<Shipping>(200);
    let set_shipping = Operation::new("setShipping", "Replace the ways of delivery")
        .description("`options` are those where no zone is. Zones left out stay as they are.")
        .body::<ShippingPut>()
        .returns::<Shipping>(200)
        .header("If-Match", false, IF_MATCH)
        .returns_problem(&code::PRECONDITION_FAILED)
        .body_limit(SETTINGS_BYTES_MAX);
    Routes::new("pricing")
        .route(Method::GET, TAX, reads, tax, read_tax)
        .route(Method::PUT, TAX, writes, set_tax, put_tax)
        .route(Method::GET, PROVIDER_SECRET, writes, secret, read_secret)
        .route(Method::GET, SHIPPING, reads, shipping, read_shipping)
        .route(Method::PUT, SHIPPING, writes, set_shipping, put_shipping)
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
    let key = key_of(body.scope);
    let change = PriceChange {
        prices: body
            .value
            .prices
            .into_iter()
            .map(PriceBody::into_price)
            .collect(),
        key,
        cause: cause(&caller, trace, app.deps.now()),
        answer: |changed| PricesChanged { changed }.to_json(),
    };
    let answer = app
        .change_prices(tenant.id, change)
        .await
        .map_err(problem)?;
    Ok(stored(StatusCode::OK, answer))
}

fn cause(caller: &Caller, trace: TraceContext, now: Timestamp) -> Cause {
    Cause {
        trace: Some(trace.trace_id_hex()),
        ..Cause::new(caller.actor(), now)
    }
}

fn key_of(scope: IdempotencyScope) -> IdempotencyKey {
    IdempotencyKey {
        scope: format!("{} {}", scope.caller, scope.route),
        key: scope.key,
        body_hash: scope.body_hash,
    }
}

/// An answer that is JSON already.
fn stored(status: StatusCode, answer: String) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, JSON)], answer).into_response()
}

async fn read_tax(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Response, Problem> {
    let shop = app.settings(tenant.id, tenant.currency).await;
    let shop = shop.map_err(problem)?;
    Ok(versioned(shop.settings.tax_version, Tax::from(shop)))
}

async fn put_tax(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    seen: Option<IfMatch>,
    Json(body): Json<TaxPut>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let edit = body.into_edit()?;
    let set = app.set_tax(tenant.id, tenant.currency, seen, edit).await;
    let shop = set.map_err(problem)?;
    Ok(versioned(shop.settings.tax_version, Tax::from(shop)))
}

async fn read_secret(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Json<ProviderSecret>, Problem> {
    let secret = app.provider_secret(tenant.id).await;
    let secret = secret.map_err(|error| storage_problem(&error))?;
    Ok(Json(ProviderSecret { secret }))
}

async fn read_shipping(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Response, Problem> {
    let shop = app.settings(tenant.id, tenant.currency).await;
    let shop = shop.map_err(problem)?;
    Ok(versioned(
        shop.settings.shipping_version,
        Shipping::from(shop),
    ))
}

async fn put_shipping(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    seen: Option<IfMatch>,
    Json(body): Json<ShippingPut>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let (rates, zones) = body.into_parts()?;
    let set = app
        .set_shipping(tenant.id, tenant.currency, seen, rates, zones)
        .await;
    let shop = set.map_err(problem)?;
    Ok(versioned(
        shop.settings.shipping_version,
        Shipping::from(shop),
    ))
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
        EditError::Missing => Problem::new(&code::NOT_FOUND),
        EditError::CodeTaken { code } => Problem::new(&COUPON_CODE_TAKEN)
            .with_detail(format!("Another promotion has the code `{code}`.")),
        EditError::GroupTaken { handle } => Problem::new(&CUSTOMER_GROUP_TAKEN)
            .with_detail(format!("Another customer group has the handle `{handle}`.")),
        EditError::GroupInUse { list } => Problem::new(&CUSTOMER_GROUP_IN_USE)
            .with_detail(format!("The price list `{list}` names it.")),
        EditError::InUse { uses } => Problem::new(&PROMOTION_IN_USE).with_detail(format!(
            "Orders hold {uses} of its uses. Switch it off with `enabled` instead."
        )),
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
