//! The shopper's cart routes: what comes in, what goes out, and which refusal says what.

use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::cart::{CartError, CartKey, CartUpdate, CartView, Carts};
use stoa_contracts::pricing::ShippingOption;
use stoa_kernel::{CartId, LineId, Quantity, VariantId};
use stoa_rest::{
    Access, ETag, ErrorCode, ErrorPage, HeaderMap, HeaderName, HeaderValue, Json, Method,
    Operation, Page, Pagination, Path, Problem, Routes, State, StatusCode, Tenant, code, header,
};

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
const SHIPPING_OPTIONS: &str = "/api/v1/carts/{cart_id}/shipping-options";
/// Addresses and a cart are small; a body beyond this is neither.
const BODY_BYTES_MAX: usize = 64 * 1024;
const BUSY_RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

type Api = Arc<dyn Carts>;

pub(crate) fn routes(carts: Api) -> Routes {
    let shopper = Access::Shopper;
    let create = Operation::new("createCart", "Start an empty cart in the shop's currency")
        .returns::<NewCart>(201);
    let add = changing("addCartLine", "Put units of a variant into a cart")
        .description("A line of the same variant grows.")
        .body::<NewLine>()
        .returns_problem(&CART_FULL)
        .returns_problem(&VARIANT_NOT_FOR_SALE)
        .returns_problem(&INSUFFICIENT_STOCK);
    let set = changing("setCartLine", "Set how many units a line holds")
        .body::<LineQuantity>()
        .returns_problem(&CART_LINE_NOT_FOUND)
        .returns_problem(&VARIANT_NOT_FOR_SALE)
        .returns_problem(&INSUFFICIENT_STOCK);
    let remove = changing("removeCartLine", "Take a line out of a cart")
        .returns_problem(&CART_LINE_NOT_FOUND);
    let update = changing("updateCart", "Say who buys, where it goes, and how")
        .description("Fields left out stay as they are.")
        .body::<CartUpdate>();
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
        .route(
            Method::GET,
            SHIPPING_OPTIONS,
            shopper,
            options,
            list_options,
        )
        .error_pages(&PAGES)
        .with_state(carts)
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
    let key = carts
        .create(tenant.id, tenant.currency)
        .await
        .map_err(refusal)?;
    let cart = carts.view(tenant.id, &key).await.map_err(refusal)?;
    let ([tag, no_store], Json(cart)) = answer(cart);
    Ok((
        StatusCode::CREATED,
        (
            [tag, no_store],
            Json(NewCart {
                token: key.token,
                cart,
            }),
        ),
    ))
}

async fn get_cart(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
) -> Result<Answer<CartView>, Problem> {
    let key = cart_key(&cart, &headers)?;
    carts
        .view(tenant.id, &key)
        .await
        .map(answer)
        .map_err(refusal)
}

async fn update_cart(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
    Json(update): Json<CartUpdate>,
) -> Result<Answer<CartView>, Problem> {
    let key = cart_key(&cart, &headers)?;
    carts
        .update(tenant.id, &key, update)
        .await
        .map(answer)
        .map_err(refusal)
}

async fn add_line(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
    Json(line): Json<NewLine>,
) -> Result<Answer<CartView>, Problem> {
    let key = cart_key(&cart, &headers)?;
    let added = carts
        .add_line(tenant.id, &key, line.variant_id, line.quantity)
        .await;
    added.map(answer).map_err(refusal)
}

async fn set_line(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path((cart, line)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<LineQuantity>,
) -> Result<Answer<CartView>, Problem> {
    let key = cart_key(&cart, &headers)?;
    let line = line_id(&*carts, &tenant.id, &key, &line)?;
    let set = carts
        .set_quantity(tenant.id, &key, line, body.quantity)
        .await;
    set.map(answer).map_err(refusal)
}

async fn remove_line(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path((cart, line)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Answer<CartView>, Problem> {
    let key = cart_key(&cart, &headers)?;
    let line = line_id(&*carts, &tenant.id, &key, &line)?;
    carts
        .remove_line(tenant.id, &key, line)
        .await
        .map(answer)
        .map_err(refusal)
}

async fn list_options(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Page<ShippingOption>>, Problem> {
    let key = cart_key(&cart, &headers)?;
    let data = carts
        .shipping_options(tenant.id, &key)
        .await
        .map_err(refusal)?;
    Ok(Json(Page {
        data,
        pagination: Pagination {
            cursor: None,
            has_more: false,
        },
    }))
}

fn answer(cart: CartView) -> Answer<CartView> {
    let [tag] = ETag::of_version(cart.version).header();
    ([tag, (header::CACHE_CONTROL, NO_STORE)], Json(cart))
}

/// What is no id of a cart, and a token that is missing, look like a cart that does not exist.
fn cart_key(cart: &str, headers: &HeaderMap) -> Result<CartKey, Problem> {
    let token = headers
        .get(CART_TOKEN)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match CartId::from_str(cart) {
        Ok(id) => Ok(CartKey {
            id,
            token: token.to_owned(),
        }),
        Err(_) => Err(refusal(CartError::NotFound)),
    }
}

/// Only whoever may open the cart learns that it has no such line.
fn line_id(
    carts: &dyn Carts,
    tenant: &stoa_kernel::TenantId,
    key: &CartKey,
    line: &str,
) -> Result<LineId, Problem> {
    if !carts.opens(*tenant, key) {
        return Err(refusal(CartError::NotFound));
    }
    LineId::from_str(line).map_err(|_| refusal(CartError::LineNotFound))
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
