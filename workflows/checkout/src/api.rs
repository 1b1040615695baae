//! Checkouts over HTTP: pay for a cart or an order, and follow what becomes of it. Decides nothing.

mod problems;
mod stream;

pub use problems::{
    CART_INCOMPLETE, COUPON_REFUSED, GIFT_CARD_REFUSED, IN_LINE, NOT_FOR_SALE, ORDER_CANCELED,
    ORDER_NOT_PAYABLE, OUT_OF_STOCK, STATUS_LINK_INVALID, TOO_MANY_ATTEMPTS, TOTAL_CHANGED,
};
pub(crate) use stream::places as stream_places;

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use stoa_contracts::cart::CartKey;
use stoa_contracts::checkout::{Checkout, JournalEntry, PlaceOrder, Placed, Purchase};
use stoa_contracts::payments::{PaymentError, PaymentMethod};
use stoa_kernel::{CartId, Money, OrderId};
use stoa_rest::{
    Access, Caller, HeaderMap, HeaderValue, IdempotentJson, Json, Method, Operation, Page, Path,
    Permission, Problem, Query, Routes, State, StatusCode, Tenant, TraceContext, code, header,
};
use stoa_storage::IdempotencyKey;
use stoa_telemetry::mask_text;
use tokio::sync::Semaphore;

use self::problems::{PAGES, problem};
use crate::Shared;
use crate::status::StatusBody;

const CART_TOKEN: &str = "stoa-cart-token";
const ORDER_TOKEN: &str = "stoa-order-token";
const BODY_BYTES_MAX: usize = 16 * 1024;
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
    /// The cart to be paid, with its token in `Stoa-Cart-Token`.
    #[serde(default)]
    cart_id: Option<CartId>,
    /// Instead of a cart: an order to be paid by its link, with its token in `Stoa-Order-Token`.
    #[serde(default)]
    order_id: Option<OrderId>,
    payment: PaymentBody,
    /// Codes of gift cards, used in this order before anything else is charged.
    #[serde(default, deserialize_with = "texts_unquoted")]
    gift_cards: Vec<String>,
    /// What the shopper was shown. Where it is another by now, nothing is written.
    #[serde(default)]
    expected_total: Option<Money>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PaymentBody {
    /// The id of one of the shop's payment methods; `gift_card` where gift cards pay for all.
    provider: String,
    /// What the provider gave for the card, such as `tok_success`; never a card number. Not for
    /// methods where the shopper pays by hand.
    #[serde(default, deserialize_with = "text_unquoted")]
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
    let methods = Operation::new("listPaymentMethods", "Ways to pay in this shop")
        .returns::<Page<PaymentMethod>>(200);
    let follow = Operation::new("readCheckoutStatus", "Read what became of a checkout")
        .description(
            "The address is `status_url` as a checkout gave it. With `Accept: text/event-stream` \
             each change is sent as it happens, until nothing more will or a minute has passed.",
        )
        .query::<StatusQuery>()
        .returns::<StatusBody>(200)
        .returns_type(200, EVENT_STREAM)
        .returns_problem(&STATUS_LINK_INVALID);
    let told = Operation::new(
        "readOrderJournal",
        "What was done for an order, step by step",
    )
    .description("Each step of its checkout beside what takes it back, oldest first.")
    .returns::<Page<JournalEntry>>(200)
    .returns_problem(&code::NOT_FOUND);
    let (shopper, staff) = (Access::Shopper, Access::Staff(Permission::OrdersRead));
    let status_path = "/api/v1/checkouts/{order_id}/status";
    let journal_path = "/api/v1/admin/orders/{order_id}/journal";
    let methods_path = "/api/v1/payment-methods";
    Routes::new("checkout")
        .route(
            Method::POST,
            "/api/v1/checkouts",
            shopper,
            placing(),
            create,
        )
        .route(Method::GET, status_path, shopper, follow, status)
        .route(Method::GET, methods_path, shopper, methods, payment_methods)
        .route(Method::GET, journal_path, staff, told, journal)
        .error_pages(PAGES)
        .with_state(state)
}

fn placing() -> Operation {
    Operation::new("createCheckout", "Place an order and start its payment")
        .description(
            "Answers as soon as the order is safely written, before it is paid; follow \
             `status_url` for the outcome. Another key for the same cart answers with the same \
             order, unless its payment was declined: then it is tried again. Store credit of a \
             signed-in customer is used after gift cards.",
        )
        .header(
            "Stoa-Cart-Token",
            false,
            "The token that the cart was created with; needed with `cart_id`.",
        )
        .header(
            "Stoa-Order-Token",
            false,
            "The token of the order's payment link; needed with `order_id`.",
        )
        .requires_idempotency_key()
        .body::<CheckoutBody>()
        .body_limit(BODY_BYTES_MAX)
        .time_limit(PLACE_TIME_MAX)
        .returns::<Placed>(202)
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&CART_INCOMPLETE)
        .returns_problem(&GIFT_CARD_REFUSED)
        .returns_problem(&OUT_OF_STOCK)
        .returns_problem(&NOT_FOR_SALE)
        .returns_problem(&ORDER_CANCELED)
        .returns_problem(&TOTAL_CHANGED)
        .returns_problem(&COUPON_REFUSED)
        .returns_problem(&TOO_MANY_ATTEMPTS)
        .returns_problem(&ORDER_NOT_PAYABLE)
        .returns_problem(&IN_LINE)
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
    let header_text = |name: &str| {
        let text = headers.get(name).and_then(|token| token.to_str().ok());
        text.unwrap_or_default().to_owned()
    };
    let (purchase, bought) = match (value.cart_id, value.order_id) {
        (Some(id), None) => {
            let token = header_text(CART_TOKEN);
            (Purchase::Cart(CartKey { id, token }), id.to_string())
        }
        (None, Some(id)) => {
            let token = header_text(ORDER_TOKEN);
            (Purchase::Order { id, token }, id.to_string())
        }
        _ => return Err(Problem::invalid("cart_id", "name a cart, or else an order")),
    };
    let request = PlaceOrder {
        tenant: tenant.id,
        test_mode: tenant.test_mode,
        purchase,
        expected_total: value.expected_total,
        gift_cards: value.gift_cards,
        provider: value.payment.provider,
        token: value.payment.token,
        return_url: value.payment.return_url,
        idempotency: IdempotencyKey {
            // Shoppers have no key of their own: what they buy tells them apart.
            scope: format!("{} {} {bought}", scope.caller, scope.route),
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

async fn payment_methods(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<PaymentMethod>>, Problem> {
    let payments = &api.shared.peers.payments;
    let methods = payments.methods(tenant.id, tenant.test_mode).await;
    let methods = methods.map_err(|error| match error {
        PaymentError::Storage(error) => problem(error.into()),
        error => Problem::internal(error),
    })?;
    Ok(Json(Page::whole(methods)))
}

async fn journal(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(order): Path<OrderId>,
) -> Result<Json<Page<JournalEntry>>, Problem> {
    let entries = api.contract.journal(tenant.id, order).await;
    Ok(Json(Page::whole(entries.map_err(problem)?)))
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
    let status = api.shared.status_body(tenant.id, order).await;
    Ok(Json(status.map_err(problem)?).into_response())
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

/// As [`text_unquoted`], for codes that are worth money.
fn texts_unquoted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let refused = || serde::de::Error::custom("must be a list of codes");
    let serde_json::Value::Array(values) = serde_json::Value::deserialize(deserializer)? else {
        return Err(refused());
    };
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        match value {
            serde_json::Value::String(text) => texts.push(text),
            _ => return Err(refused()),
        }
    }
    Ok(texts)
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
