//! Checkouts over HTTP: pay for a cart, and follow what becomes of it. Decides nothing.

mod stream;

pub(crate) use stream::places as stream_places;

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use stoa_contracts::cart::CartKey;
use stoa_contracts::checkout::{Checkout, CheckoutError, PlaceOrder, Placed};
use stoa_kernel::{CartId, OrderId};
use stoa_rest::{
    Access, Caller, ErrorCode, ErrorPage, HeaderMap, HeaderValue, IdempotentJson, Json, Method,
    Operation, Path, Problem, Query, Routes, State, StatusCode, Tenant, TraceContext, code, header,
};
use stoa_storage::IdempotencyKey;
use stoa_telemetry::mask_text;
use tokio::sync::Semaphore;

use crate::Shared;
use crate::status::StatusBody;

/// The cart lacks something that a paid order needs.
pub const CART_INCOMPLETE: ErrorCode =
    ErrorCode::new("cart_incomplete", 422, "The cart is not ready to be paid");
/// Fewer units are left than the cart asks for.
pub const OUT_OF_STOCK: ErrorCode =
    ErrorCode::new("out_of_stock", 409, "There is not enough in stock");
/// A product of the cart was withdrawn.
pub const NOT_FOR_SALE: ErrorCode =
    ErrorCode::new("not_for_sale", 409, "Something is not for sale");
/// The cart's order ended without a payment.
pub const ORDER_CANCELED: ErrorCode =
    ErrorCode::new("order_canceled", 409, "The order was canceled");
/// The link was changed, or is older than a day.
pub const STATUS_LINK_INVALID: ErrorCode = ErrorCode::new(
    "status_link_invalid",
    403,
    "The link does not open this checkout",
);

const PAGES: &[ErrorPage] = &[
    ErrorPage {
        code: &CART_INCOMPLETE,
        markdown: include_str!("../../../docs/errors/cart_incomplete.md"),
    },
    ErrorPage {
        code: &OUT_OF_STOCK,
        markdown: include_str!("../../../docs/errors/out_of_stock.md"),
    },
    ErrorPage {
        code: &NOT_FOR_SALE,
        markdown: include_str!("../../../docs/errors/not_for_sale.md"),
    },
    ErrorPage {
        code: &ORDER_CANCELED,
        markdown: include_str!("../../../docs/errors/order_canceled.md"),
    },
    ErrorPage {
        code: &STATUS_LINK_INVALID,
        markdown: include_str!("../../../docs/errors/status_link_invalid.md"),
    },
];

const CART_TOKEN: &str = "stoa-cart-token";
const BODY_BYTES_MAX: usize = 16 * 1024;
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
const EVENT_STREAM: &str = "text/event-stream";
/// A placement waits for its commit, and twins of one key wait for each other.
const PLACE_TIME_MAX: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) contract: Arc<dyn Checkout>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) streams: Arc<Semaphore>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CheckoutBody {
    cart_id: CartId,
    payment: PaymentBody,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PaymentBody {
    /// `test`.
    provider: String,
    /// What the provider gave for the card, such as `tok_success`; never a card number.
    #[serde(deserialize_with = "text_unquoted")]
    token: String,
    /// Where the shopper comes back to after an action at the provider.
    #[serde(default)]
    return_url: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StatusQuery {
    /// Seconds since 1970.
    expires: u64,
    signature: String,
}

pub(crate) fn routes(state: Api) -> Routes {
    let place = Operation::new("createCheckout", "Place an order and start its payment")
        .description(
            "Answers as soon as the order is safely written, before it is paid; follow \
             `status_url` for the outcome. Another key for the same cart answers with the same \
             order, unless its payment was declined: then it is tried again.",
        )
        .header(
            "Stoa-Cart-Token",
            true,
            "The token that the cart was created with.",
        )
        .requires_idempotency_key()
        .body::<CheckoutBody>()
        .body_limit(BODY_BYTES_MAX)
        .time_limit(PLACE_TIME_MAX)
        .returns::<Placed>(202)
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&CART_INCOMPLETE)
        .returns_problem(&OUT_OF_STOCK)
        .returns_problem(&NOT_FOR_SALE)
        .returns_problem(&ORDER_CANCELED);
    let follow = Operation::new("readCheckoutStatus", "Read what became of a checkout")
        .description(
            "The address is `status_url` as a checkout gave it. With `Accept: text/event-stream` \
             each change is sent as it happens, until nothing more will or a minute has passed.",
        )
        .query::<StatusQuery>()
        .returns::<StatusBody>(200)
        .returns_type(200, EVENT_STREAM)
        .returns_problem(&STATUS_LINK_INVALID);
    Routes::new("checkout")
        .route(
            Method::POST,
            "/api/v1/checkouts",
            Access::Shopper,
            place,
            create,
        )
        .route(
            Method::GET,
            "/api/v1/checkouts/{order_id}/status",
            Access::Shopper,
            follow,
            status,
        )
        .error_pages(PAGES)
        .with_state(state)
}

async fn create(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    headers: HeaderMap,
    body: Result<IdempotentJson<CheckoutBody>, Problem>,
) -> Result<Response, Problem> {
    let IdempotentJson { value, scope } = body.map_err(without_card_numbers)?;
    let token = headers
        .get(CART_TOKEN)
        .and_then(|token| token.to_str().ok())
        .unwrap_or_default();
    let request = PlaceOrder {
        tenant: tenant.id,
        test_mode: tenant.test_mode,
        cart: CartKey {
            id: value.cart_id,
            token: token.to_owned(),
        },
        provider: value.payment.provider,
        token: value.payment.token,
        return_url: value.payment.return_url,
        idempotency: IdempotencyKey {
            // Shoppers have no key of their own: the cart tells them apart.
            scope: format!("{} {} {}", scope.caller, scope.route, value.cart_id),
            key: scope.key,
            body_hash: scope.body_hash,
        },
        actor: caller.actor(),
        trace: Some(trace.trace_id_hex()),
    };
    let placed = api.contract.place(request).await.map_err(problem)?;
    let location = HeaderValue::from_str(&placed.status_url).map_err(Problem::internal)?;
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(placed),
    )
        .into_response())
}

async fn status(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(order): Path<OrderId>,
    Query(query): Query<StatusQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (links, now) = (&api.shared.links, api.shared.deps.now());
    if !links.opens(tenant.id, order, query.expires, &query.signature, now) {
        return Err(Problem::new(&STATUS_LINK_INVALID));
    }
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains(EVENT_STREAM)) {
        return stream::follow(api.shared.clone(), &api.streams, tenant.id, order);
    }
    let status = api
        .contract
        .status(tenant.id, order)
        .await
        .map_err(problem)?;
    Ok(Json(StatusBody::from(status)).into_response())
}

fn problem(error: CheckoutError) -> Problem {
    match error {
        CheckoutError::CartNotFound => Problem::not_found("No such cart, or its token is wrong."),
        CheckoutError::CartEmpty => Problem::new(&CART_INCOMPLETE).with_field("lines", "is empty"),
        CheckoutError::Incomplete { fields } => fields.into_iter().fold(
            Problem::new(&CART_INCOMPLETE),
            |problem, (field, reason)| problem.with_field(field, reason),
        ),
        CheckoutError::Short { shortages } => {
            shortages
                .into_iter()
                .fold(Problem::new(&OUT_OF_STOCK), |problem, short| {
                    let reason = format!("asked {}, available {}", short.asked, short.available);
                    problem.with_field(short.variant.to_string(), reason)
                })
        }
        CheckoutError::NotForSale { variants } => variants
            .into_iter()
            .fold(Problem::new(&NOT_FOR_SALE), |problem, variant| {
                problem.with_field(variant.to_string(), "is not for sale")
            }),
        CheckoutError::Payment { field, reason } => Problem::invalid(field, reason),
        CheckoutError::KeyReused => Problem::new(&code::IDEMPOTENCY_KEY_REUSED)
            .with_detail("Send a fresh Idempotency-Key with every new checkout."),
        CheckoutError::KeyUnfinished => Problem::new(&code::IDEMPOTENCY_IN_PROGRESS),
        CheckoutError::Canceled => Problem::new(&ORDER_CANCELED).with_detail("Start a new cart."),
        CheckoutError::Storage(error) if error.is_transient() => {
            Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS)
        }
        CheckoutError::Storage(error) => Problem::internal(error),
    }
}

/// serde repeats a value of the wrong kind in its message, and this one may be a card number.
fn text_unquoted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        _ => Err(serde::de::Error::custom(
            "must be a token such as tok_success",
        )),
    }
}

/// Whatever else of a body is repeated in its refusal.
fn without_card_numbers(problem: Problem) -> Problem {
    let clean = |text: &str| mask_text(text) == text;
    let errors = problem.errors();
    if problem.detail().is_none_or(clean)
        && errors
            .iter()
            .all(|error| clean(&error.field) && clean(&error.reason))
    {
        return problem;
    }
    let fields = errors
        .iter()
        .map(|error| mask_text(&error.field).into_owned());
    fields.fold(Problem::new(&code::INVALID_REQUEST), |problem, field| {
        problem.with_field(
            field,
            "looks like a card number; send the provider's token instead",
        )
    })
}
