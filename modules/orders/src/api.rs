//! Routes of orders: one order for whoever placed it, all of them for staff. Holds no rule.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::orders::{OrderError, OrderStatus, OrderView, Orders as _, PaymentStatus};
use stoa_kernel::OrderId;
use stoa_rest::{
    Access, CursorKey, ETag, ErrorCode, ErrorPage, HeaderMap, HeaderName, HeaderValue, Json, Limit,
    Method, Operation, Page, Pagination, Path, Permission, Problem, Query, Routes, State, Tenant,
    code, header,
};

use crate::application::{ListFilter, ListPosition, OrderBook, OrderSummary};

pub const ORDER_NOT_FOUND: ErrorCode =
    ErrorCode::new("order_not_found", 404, "There is no such order");

const PAGES: [ErrorPage; 1] = [ErrorPage {
    code: &ORDER_NOT_FOUND,
    markdown: include_str!("../../../docs/errors/order_not_found.md"),
}];

const ORDER_TOKEN: &str = "stoa-order-token";
const STAFF: Access = Access::Staff(Permission::OrdersRead);

pub(crate) fn routes(book: Arc<OrderBook>, cursors: CursorKey) -> Routes {
    let own = Operation::new("getOrder", "An order, for whoever placed it")
        .header(
            "Stoa-Order-Token",
            true,
            "The token that the checkout answered.",
        )
        .returns::<OrderView>(200)
        .returns_problem(&ORDER_NOT_FOUND);
    let all = Operation::new("listOrders", "Orders, newest first")
        .query::<ListQuery>()
        .returns::<Page<OrderSummary>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let one = Operation::new("getOrderAsStaff", "An order")
        .returns::<OrderView>(200)
        .returns_problem(&ORDER_NOT_FOUND);
    Routes::new("orders")
        .route(
            Method::GET,
            "/api/v1/orders/{order_id}",
            Access::Shopper,
            own,
            own_order,
        )
        .route(Method::GET, "/api/v1/admin/orders", STAFF, all, list_orders)
        .route(
            Method::GET,
            "/api/v1/admin/orders/{order_id}",
            STAFF,
            one,
            any_order,
        )
        .error_pages(&PAGES)
        .with_state(Arc::new(Api { book, cursors }))
}

struct Api {
    book: Arc<OrderBook>,
    cursors: CursorKey,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    status: Option<OrderStatus>,
    payment_status: Option<PaymentStatus>,
    /// From the page before.
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
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

async fn list_orders(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<OrderSummary>>, Problem> {
    let (status, payment_status) = (query.status, query.payment_status);
    let scope = format!("{} orders {status:?} {payment_status:?}", tenant.id);
    let after = query.cursor.as_deref();
    let after = after
        .map(|cursor| api.cursors.decode::<ListPosition>(&scope, cursor))
        .transpose()?;
    let filter = ListFilter {
        status,
        payment_status,
        ..ListFilter::default()
    };
    let limit = query.limit.get() as usize;
    let found = api.book.list(tenant.id, &filter, after, limit).await;
    let found = found.map_err(|error| problem(error.into()))?;
    let cursor = found
        .next
        .map(|position| api.cursors.encode(&scope, &position));
    Ok(Json(Page {
        data: found.orders,
        pagination: Pagination {
            has_more: cursor.is_some(),
            cursor,
        },
    }))
}

fn order_id(text: &str) -> Result<OrderId, Problem> {
    text.parse().map_err(|_| Problem::new(&ORDER_NOT_FOUND))
}

fn problem(error: OrderError) -> Problem {
    match error {
        OrderError::NotFound => Problem::new(&ORDER_NOT_FOUND),
        OrderError::Storage(error) if error.is_transient() => Problem::new(&code::TOO_BUSY)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
        OrderError::Invalid { field, reason } => Problem::invalid(field, reason),
        OrderError::Transition { .. } | OrderError::Storage(_) => Problem::internal(error),
    }
}
