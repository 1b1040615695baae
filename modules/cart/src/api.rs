//! The shopper's cart routes: what comes in, what goes out, and which refusal says what.

mod admin;

use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::cart::{CartError, CartKey, CartUpdate, CartView};
use stoa_contracts::pricing::ShippingOption;
use stoa_kernel::{CartId, LineId, Quantity, TenantId, VariantId};
use stoa_rest::{
    Access, ETag, ErrorCode, ErrorPage, HeaderMap, HeaderName, HeaderValue, IfMatch, Json, Method,
    Operation, Page, Path, Problem, Routes, State, StatusCode, Tenant, code, header,
};

use crate::application::{CartDesk, ChangeError, Seen};

pub const CART_NOT_FOUND: ErrorCode = ErrorCode::new(
    "cart_not_found",
    404,
    "There is no such cart, or its token is wrong",
);
pub const CART_LINE_NOT_FOUND: ErrorCode =
    ErrorCode::new("cart_line_not_found", 404, "The cart has no such line");
pub const CART_NOT_OPEN: ErrorCode = ErrorCode::new(
    "cart_not_open",
    409,
    "The cart is being paid for, or has been",
);
pub const CART_FULL: ErrorCode = ErrorCode::new("cart_full", 409, "The cart has no room for more");
pub const VARIANT_NOT_FOR_SALE: ErrorCode =
    ErrorCode::new("variant_not_for_sale", 409, "This variant is not for sale");
pub const INSUFFICIENT_STOCK: ErrorCode =
    ErrorCode::new("insufficient_stock", 409, "There are not that many");

const PAGES: [ErrorPage; 6] = [
    ErrorPage {
        code: &CART_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/cart_not_found.md"),
    },
    ErrorPage {
        code: &CART_LINE_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/cart_line_not_found.md"),
    },
    ErrorPage {
        code: &CART_NOT_OPEN,
        markdown: include_str!("../../../docs/errors/cart_not_open.md"),
    },
    ErrorPage {
        code: &CART_FULL,
        markdown: include_str!("../../../docs/errors/cart_full.md"),
    },
    ErrorPage {
        code: &VARIANT_NOT_FOR_SALE,
        markdown: include_str!("../../../docs/errors/variant_not_for_sale.md"),
    },
    ErrorPage {
        code: &INSUFFICIENT_STOCK,
        markdown: include_str!("../../../docs/errors/insufficient_stock.md"),
    },
];

const CART_TOKEN: &str = "stoa-cart-token";
const CART: &str = "/api/v1/carts/{cart_id}";
const LINES: &str = "/api/v1/carts/{cart_id}/lines";
const LINE: &str = "/api/v1/carts/{cart_id}/lines/{line_id}";
const NOTICES_SEEN: &str = "/api/v1/carts/{cart_id}/notices/seen";
const SHIPPING_OPTIONS: &str = "/api/v1/carts/{cart_id}/shipping-options";
/// Addresses and a cart are small; a body beyond this is neither.
const BODY_BYTES_MAX: usize = 64 * 1024;
const BUSY_RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

type Api = Arc<CartDesk>;

pub(crate) fn routes(carts: Api) -> Routes {
    let shopper = Access::Shopper;
    let create = Operation::new("createCart", "Start an empty cart in the shop's currency")
        .returns::<NewCart>(201);
    let add = changing("addCartLine", "Put units of a variant into a cart")
        .description("A line of the same variant grows, and takes the price of now.")
        .body::<NewLine>()
        .returns_problem(&CART_FULL)
        .returns_problem(&VARIANT_NOT_FOR_SALE)
        .returns_problem(&INSUFFICIENT_STOCK);
    let set = changing("setCartLine", "Set how many units a line holds")
        .description("The line takes the price of now, also where the number stays the same.")
        .body::<LineQuantity>()
        .returns_problem(&CART_LINE_NOT_FOUND)
        .returns_problem(&VARIANT_NOT_FOR_SALE)
        .returns_problem(&INSUFFICIENT_STOCK);
    let remove = changing("removeCartLine", "Take a line out of a cart")
        .returns_problem(&CART_LINE_NOT_FOUND);
    let update = changing("updateCart", "Say who buys, where it goes, and how")
        .description(
            "Fields left out stay as they are. Coupons that do not apply are kept and told of in \
             `refused_coupons`.",
        )
        .body::<CartUpdate>();
    let seen = changing("seeCartNotices", "Accept what the notices of a cart tell").description(
        "Prices of now are taken, a delivery that is gone is not chosen any more. What stands in \
         the way of buying goes on being told.",
    );
    let options = opened(
        "listCartShippingOptions",
        "List the ways this cart can be sent",
    )
    .returns::<Page<ShippingOption>>(200);
    let view =
        opened("getCart", "A cart, with the prices and stock of now").returns::<CartView>(200);
    Routes::new("cart")
        .route(Method::POST, "/api/v1/carts", shopper, create, create_cart)
        .route(Method::GET, CART, shopper, view, get_cart)
        .route(Method::PATCH, CART, shopper, update, update_cart)
        .route(Method::POST, LINES, shopper, add, add_line)
        .route(Method::PATCH, LINE, shopper, set, set_line)
        .route(Method::DELETE, LINE, shopper, remove, remove_line)
        .route(Method::POST, NOTICES_SEEN, shopper, seen, see_notices)
        .route(
            Method::GET,
            SHIPPING_OPTIONS,
            shopper,
            options,
            list_options,
        )
        .error_pages(&PAGES)
        .with_state(carts.clone())
        .merge(admin::routes(carts))
}

fn opened(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary)
        .header(
            "Stoa-Cart-Token",
            true,
            "The token that came with the new cart.",
        )
        .returns_problem(&CART_NOT_FOUND)
}

fn changing(id: &'static str, summary: &'static str) -> Operation {
    opened(id, summary)
        .returns::<CartView>(200)
        .header("If-Match", false, "The ETag of the cart that you read.")
        .returns_problem(&code::PRECONDITION_FAILED)
        .returns_problem(&CART_NOT_OPEN)
        .body_limit(BODY_BYTES_MAX)
}

/// A cart and the secret that opens it: send it as `Stoa-Cart-Token`. It is shown only here.
#[derive(Debug, Serialize, JsonSchema)]
struct NewCart {
    token: String,
    #[serde(flatten)]
    cart: CartView,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewLine {
    variant_id: VariantId,
    quantity: Quantity,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LineQuantity {
    quantity: Quantity,
}

/// No cache keeps a cart; the tag is its version.
type Answer<T> = ([(HeaderName, HeaderValue); 2], Json<T>);

async fn create_cart(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
) -> Result<(StatusCode, Answer<NewCart>), Problem> {
    let begun = carts.begin(tenant.id, tenant.currency).await;
    let (key, cart) = begun.map_err(refusal)?;
    Ok((StatusCode::CREATED, with_token(key, cart)))
}

/// A cart with the secret that opens it.
fn with_token(key: CartKey, cart: CartView) -> Answer<NewCart> {
    let ([tag, no_store], Json(cart)) = answer(cart);
    let token = key.token;
    ([tag, no_store], Json(NewCart { token, cart }))
}

async fn get_cart(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
) -> Result<Answer<CartView>, Problem> {
    let id = admitted(&carts, tenant.id, &cart, &headers)?;
    let view = carts.view_cart(tenant.id, id).await;
    view.map(answer).map_err(refusal)
}

async fn update_cart(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
    if_match: Option<IfMatch>,
    Json(update): Json<CartUpdate>,
) -> Result<Answer<CartView>, Problem> {
    let id = admitted(&carts, tenant.id, &cart, &headers)?;
    let changed = carts.change(tenant.id, id, update, seen(if_match)).await;
    changed.map(answer).map_err(change_refusal)
}

async fn add_line(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
    if_match: Option<IfMatch>,
    Json(line): Json<NewLine>,
) -> Result<Answer<CartView>, Problem> {
    let id = admitted(&carts, tenant.id, &cart, &headers)?;
    let (variant, quantity) = (line.variant_id, line.quantity);
    let added = carts.add(tenant.id, id, variant, quantity, seen(if_match));
    added.await.map(answer).map_err(change_refusal)
}

async fn set_line(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path((cart, line)): Path<(String, String)>,
    headers: HeaderMap,
    if_match: Option<IfMatch>,
    Json(body): Json<LineQuantity>,
) -> Result<Answer<CartView>, Problem> {
    let id = admitted(&carts, tenant.id, &cart, &headers)?;
    let line = line_id(&line)?;
    let set = carts.set_line(tenant.id, id, line, body.quantity, seen(if_match));
    set.await.map(answer).map_err(change_refusal)
}

async fn remove_line(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path((cart, line)): Path<(String, String)>,
    headers: HeaderMap,
    if_match: Option<IfMatch>,
) -> Result<Answer<CartView>, Problem> {
    let id = admitted(&carts, tenant.id, &cart, &headers)?;
    let removed = carts.remove(tenant.id, id, line_id(&line)?, seen(if_match));
    removed.await.map(answer).map_err(change_refusal)
}

async fn see_notices(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
    if_match: Option<IfMatch>,
) -> Result<Answer<CartView>, Problem> {
    let id = admitted(&carts, tenant.id, &cart, &headers)?;
    let accepted = carts.see(tenant.id, id, seen(if_match)).await;
    accepted.map(answer).map_err(change_refusal)
}

async fn list_options(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Page<ShippingOption>>, Problem> {
    let id = admitted(&carts, tenant.id, &cart, &headers)?;
    let options = carts.list_shipping_options(tenant.id, id).await;
    options.map(|data| Json(Page::whole(data))).map_err(refusal)
}

fn answer(cart: CartView) -> Answer<CartView> {
    let [tag] = ETag::of_version(cart.version).header();
    ([tag, (header::CACHE_CONTROL, NO_STORE)], Json(cart))
}

/// The cart that path and token open. What is no id of a cart, and a token that is missing, look
/// like a cart that does not exist.
fn admitted(
    carts: &CartDesk,
    tenant: TenantId,
    cart: &str,
    headers: &HeaderMap,
) -> Result<CartId, Problem> {
    let token = headers
        .get(CART_TOKEN)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let id = cart_id(cart)?;
    carts
        .admitted(tenant, &CartKey { id, token })
        .map_err(refusal)
}

fn cart_id(text: &str) -> Result<CartId, Problem> {
    CartId::from_str(text).map_err(|_| refusal(CartError::NotFound))
}

/// Asked only once the cart is opened: nobody else learns that it has no such line.
fn line_id(text: &str) -> Result<LineId, Problem> {
    LineId::from_str(text).map_err(|_| refusal(CartError::LineNotFound))
}

/// What the change is meant for: `If-Match`, where the client sent one.
fn seen(if_match: Option<IfMatch>) -> Seen {
    match if_match {
        None => Seen::default(),
        Some(tags) => Seen::only(move |version| tags.check(&ETag::of_version(version)).is_ok()),
    }
}

fn change_refusal(error: ChangeError) -> Problem {
    match error {
        ChangeError::Refused(error) => refusal(error),
        ChangeError::Stale { version } => {
            let [(name, tag)] = ETag::of_version(version).header();
            Problem::new(&code::PRECONDITION_FAILED)
                .with_header(name, tag)
                .with_detail("The cart changed since you read it: read it again.")
        }
    }
}

fn refusal(error: CartError) -> Problem {
    let detail = error.to_string();
    match error {
        CartError::NotFound => Problem::new(&CART_NOT_FOUND),
        CartError::LineNotFound => Problem::new(&CART_LINE_NOT_FOUND),
        CartError::NotOpen => Problem::new(&CART_NOT_OPEN),
        CartError::NotForSale { .. } => Problem::new(&VARIANT_NOT_FOR_SALE)
            .with_detail(detail)
            .with_field("variant_id", "is not for sale"),
        CartError::Short {
            asked, available, ..
        } => Problem::new(&INSUFFICIENT_STOCK)
            .with_detail(detail)
            .with_field(
                "quantity",
                format!("is {asked} in all, {available} can be had"),
            ),
        CartError::TooManyLines { .. } => Problem::new(&CART_FULL).with_detail(detail),
        CartError::Invalid { field, reason } => Problem::invalid(field, reason).with_detail(detail),
        CartError::Storage(error) if error.is_transient() => {
            Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, BUSY_RETRY_AFTER)
        }
        CartError::Storage(error) => Problem::internal(error),
    }
}
