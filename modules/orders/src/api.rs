//! Routes of orders: one order for whoever placed it, all of them for staff. Holds no rule.

mod care;
mod listing;
mod paper;

use std::sync::Arc;

use stoa_contracts::orders::{OrderError, OrderView, Orders as _};
use stoa_kernel::{OrderId, Timestamp};
use stoa_rest::{
    Access, Caller, CursorKey, ETag, ErrorCode, ErrorPage, HeaderMap, HeaderName, HeaderValue,
    Json, Method, Operation, Path, Permission, Problem, Routes, State, Tenant, TraceContext, code,
    header,
};
use stoa_storage::Cause;

use crate::application::OrderBook;
use crate::domain::StatusText as _;
use crate::printing::Press;

pub const ORDER_NOT_FOUND: ErrorCode =
    ErrorCode::new("order_not_found", 404, "There is no such order");
pub const ORDER_STATE_CONFLICT: ErrorCode = ErrorCode::new(
    "order_state_conflict",
    409,
    "The order does not allow this where it stands",
);

const PAGES: [ErrorPage; 2] = [
    ErrorPage {
        code: &ORDER_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/order_not_found.md"),
    },
    ErrorPage {
        code: &ORDER_STATE_CONFLICT,
        markdown: include_str!("../../../docs/errors/order_state_conflict.md"),
    },
];

const ORDER_TOKEN: &str = "stoa-order-token";
const READ: Access = Access::Staff(Permission::OrdersRead);
const WRITE: Access = Access::Staff(Permission::OrdersWrite);

pub(crate) fn routes(book: Arc<OrderBook>, cursors: CursorKey) -> Routes {
    let own = Operation::new("getOrder", "An order, for whoever placed it")
        .header(
            "Stoa-Order-Token",
            true,
            "The token that the checkout answered.",
        )
        .returns::<OrderView>(200)
        .returns_problem(&ORDER_NOT_FOUND);
    let one = Operation::new("getOrderAsStaff", "An order")
        .returns::<OrderView>(200)
        .returns_problem(&ORDER_NOT_FOUND);
    let routes = Routes::new("orders")
        .route(
            Method::GET,
            "/api/v1/orders/{order_id}",
            Access::Shopper,
            own,
            own_order,
        )
        .route(
            Method::GET,
            "/api/v1/admin/orders/{order_id}",
            READ,
            one,
            any_order,
        );
    let routes = paper::add(care::add(listing::add(routes)));
    routes.error_pages(&PAGES).with_state(Arc::new(Api {
        book,
        cursors,
        press: Press::new(),
    }))
}

struct Api {
    book: Arc<OrderBook>,
    cursors: CursorKey,
    press: Press,
}

async fn own_order(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(order): Path<String>,
    headers: HeaderMap,
) -> Result<([(HeaderName, HeaderValue); 1], Json<OrderView>), Problem> {
    let order = order_id(&order)?;
    let token = headers
        .get(ORDER_TOKEN)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // A wrong token and a missing order look alike, and cost no read.
    if !api.book.opens(tenant.id, order, token) {
        return Err(Problem::new(&ORDER_NOT_FOUND));
    }
    let view = api.book.view(tenant.id, order).await.map_err(problem)?;
    Ok((
        [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
        Json(view),
    ))
}

async fn any_order(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(order): Path<String>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<OrderView>), Problem> {
    let view = api
        .book
        .view(tenant.id, order_id(&order)?)
        .await
        .map_err(problem)?;
    Ok((ETag::of_version(view.version).header(), Json(view)))
}

fn order_id(text: &str) -> Result<OrderId, Problem> {
    text.parse().map_err(|_| Problem::new(&ORDER_NOT_FOUND))
}

fn cause(caller: &Caller, trace: TraceContext, now: Timestamp) -> Cause {
    Cause {
        trace: Some(trace.trace_id_hex()),
        ..Cause::new(caller.actor(), now)
    }
}

fn problem(error: OrderError) -> Problem {
    match error {
        OrderError::NotFound => Problem::new(&ORDER_NOT_FOUND),
        OrderError::Transition {
            status,
            payment,
            step,
        } => Problem::new(&ORDER_STATE_CONFLICT).with_detail(format!(
            "The order is {} and its payment {}: it cannot be {step}.",
            status.text(),
            payment.text()
        )),
        OrderError::Invalid { field, reason } => Problem::invalid(field, reason),
        OrderError::Storage(error) if error.is_transient() => Problem::new(&code::TOO_BUSY)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
        OrderError::Storage(error) => Problem::internal(error),
    }
}
