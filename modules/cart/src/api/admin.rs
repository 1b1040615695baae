//! Staff's cart routes: looking at carts, dismissing their notices, and giving one to a customer whom a
//! shop of its own signed in. They go by the staff's permission, never by a cart's token.

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::cart::CartView;
use stoa_kernel::{CartId, CustomerId};
use stoa_rest::{
    Access, IfMatch, Json, Limit, Method, Operation, Page, Path, Permission, Problem, Query,
    Routes, State, Tenant, code,
};

use super::{
    Answer, Api, BODY_BYTES_MAX, CART_NOT_FOUND, CART_NOT_OPEN, NewCart, answer, cart_id,
    change_refusal, refusal, seen, with_token,
};
use crate::domain::CartSummary;

const CARTS: &str = "/api/v1/admin/carts";
const CART: &str = "/api/v1/admin/carts/{cart_id}";
const DISMISS: &str = "/api/v1/admin/carts/{cart_id}/notices/dismiss";
const ASSIGN: &str = "/api/v1/admin/carts/{cart_id}/assign";

pub(super) fn routes(carts: Api) -> Routes {
    let read = Access::Staff(Permission::CartsRead);
    let list = Operation::new("listCarts", "List carts")
        .description("Newest first.")
        .query::<CartQuery>()
        .returns::<Page<CartSummary>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let get = Operation::new("getCartAsStaff", "A cart, as its shopper sees it")
        .returns::<CartView>(200)
        .returns_problem(&CART_NOT_FOUND);
    let assign = Operation::new("assignCart", "Give a cart to a customer who signed in")
        .description(
            "For shops with a sign-in of their own. Where the customer has an open cart already, \
             the guest's lines are added to it and the guest's cart ends: the answer is the \
             customer's cart, with the token that opens it. Repeated, it \
             changes nothing more.",
        )
        .header("If-Match", false, "The ETag of the guest's cart.")
        .body::<Assignment>()
        .body_limit(BODY_BYTES_MAX)
        .returns::<NewCart>(200)
        .returns_problem(&CART_NOT_FOUND)
        .returns_problem(&CART_NOT_OPEN)
        .returns_problem(&code::PRECONDITION_FAILED);
    let dismiss = Operation::new("dismissCartNotices", "Dismiss what found no room in a cart")
        .description(
            "Notices of kind `not_merged` are told no more, to staff and shopper alike; all others \
             stay. Repeated, it changes nothing.",
        )
        .header("If-Match", false, "The ETag of the cart.")
        .returns::<CartView>(200)
        .returns_problem(&CART_NOT_FOUND)
        .returns_problem(&CART_NOT_OPEN)
        .returns_problem(&code::PRECONDITION_FAILED);
    let write = Access::Staff(Permission::CartsWrite);
    Routes::new("cart")
        .route(Method::GET, CARTS, read, list, list_carts)
        .route(Method::GET, CART, read, get, get_cart)
        .route(Method::POST, ASSIGN, write, assign, assign_cart)
        .route(Method::POST, DISMISS, write, dismiss, dismiss_notices)
        .with_state(carts)
}

#[derive(Debug, Deserialize, JsonSchema)]
struct CartQuery {
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Assignment {
    customer_id: CustomerId,
}

async fn list_carts(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<CartQuery>,
) -> Result<Json<Page<CartSummary>>, Problem> {
    let scope = format!("{} carts", tenant.id);
    let cursors = carts.cursors();
    let before: Option<CartId> = match &query.cursor {
        None => None,
        Some(cursor) => Some(cursors.decode(&scope, cursor)?),
    };
    let found = carts.list(tenant.id, before, query.limit.plus_one()).await;
    let page = Page::of(found.map_err(refusal)?, query.limit, |last| {
        cursors.encode(&scope, &last.id)
    });
    Ok(Json(page))
}

async fn get_cart(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
) -> Result<Answer<CartView>, Problem> {
    let view = carts.view_cart(tenant.id, cart_id(&cart)?).await;
    view.map(answer).map_err(refusal)
}

async fn assign_cart(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    if_match: Option<IfMatch>,
    Json(body): Json<Assignment>,
) -> Result<Answer<NewCart>, Problem> {
    let id = cart_id(&cart)?;
    let given = carts.give(tenant.id, id, body.customer_id, seen(if_match));
    let view = given.await.map_err(change_refusal)?;
    let key = carts.key(tenant.id, view.id);
    Ok(with_token(key, view))
}

async fn dismiss_notices(
    State(carts): State<Api>,
    Tenant(tenant): Tenant,
    Path(cart): Path<String>,
    if_match: Option<IfMatch>,
) -> Result<Answer<CartView>, Problem> {
    let id = cart_id(&cart)?;
    let dismissed = carts.dismiss(tenant.id, id, seen(if_match)).await;
    dismissed.map(answer).map_err(change_refusal)
}
