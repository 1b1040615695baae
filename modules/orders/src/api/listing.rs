//! Orders in lists: a page at a time as JSON, or all of them as a CSV stream.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::orders::{
    FulfilmentStatus, OrderError, OrderStatus, Orders as _, PaymentStatus,
};
use stoa_kernel::{CustomerId, TenantId, Timestamp};
use stoa_rest::{
    HeaderValue, Json, Limit, Method, Operation, Page, Pagination, Problem, Query, Routes, State,
    Tenant, code, header,
};

use super::{Api, READ, problem};
use crate::application::{ListFilter, ListPosition, OrderBook, OrderSummary};
use crate::export;

const SEARCH_BYTES_MAX: usize = 200;
/// Orders whose rows are in memory at once.
const EXPORT_PAGE: usize = 100;

pub(super) fn add(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let all = Operation::new("listOrders", "Orders, newest first")
        .description(
            "Filters may be combined. A page can hold fewer orders than `limit` although more \
             follow, where filters leave out most of what was looked at: go on while `has_more`. \
             `q` finds an order number, an e-mail address, what an address or a name (the whole \
             name or the last) begins with, or a SKU; of each of the last three at most the first \
             1,000 orders.",
        )
        .query::<ListQuery>()
        .returns::<Page<OrderSummary>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let csv = Operation::new("exportOrders", "Orders as CSV, newest first")
        .description(
            "One row per line item. An order's own sums stand in its first row alone, so that \
             columns add up. A text that a spreadsheet would run as a formula has an apostrophe \
             in front.",
        )
        .query::<ExportQuery>()
        .returns_type(200, "text/csv");
    routes
        .route(Method::GET, "/api/v1/admin/orders", READ, all, list_orders)
        .route(
            Method::GET,
            "/api/v1/admin/orders.csv",
            READ,
            csv,
            export_orders,
        )
}

macro_rules! filtered_query {
    ($name:ident { $($more:tt)* }) => {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $name {
            /// Order number, e-mail address, name or SKU.
            q: Option<String>,
            status: Option<OrderStatus>,
            payment_status: Option<PaymentStatus>,
            fulfilment_status: Option<FulfilmentStatus>,
            customer_id: Option<CustomerId>,
            /// Placed at this time or later.
            placed_from: Option<Timestamp>,
            /// Placed before this time.
            placed_to: Option<Timestamp>,
            test: Option<bool>,
            /// In minor units of the order's currency.
            total_min: Option<i64>,
            /// In minor units of the order's currency.
            total_max: Option<i64>,
            $($more)*
        }

        impl $name {
            fn filter(&self) -> Result<ListFilter, Problem> {
                let search = self.q.clone().filter(|text| !text.trim().is_empty());
                if search.as_ref().is_some_and(|text| text.len() > SEARCH_BYTES_MAX) {
                    return Err(Problem::invalid("q", "must not be longer than 200 bytes"));
                }
                Ok(ListFilter {
                    search,
                    status: self.status,
                    payment_status: self.payment_status,
                    fulfilment_status: self.fulfilment_status,
                    customer: self.customer_id,
                    placed_from: self.placed_from,
                    placed_to: self.placed_to,
                    test: self.test,
                    total_min: self.total_min,
                    total_max: self.total_max,
                })
            }
        }
    };
}

filtered_query! { ListQuery {
    /// From the page before.
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
} }
filtered_query! { ExportQuery {} }

async fn list_orders(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<OrderSummary>>, Problem> {
    let filter = query.filter()?;
    let scope = format!("{} {}", tenant.id, filter.scope());
    let after = query.cursor.as_deref();
    let after = after
        .map(|cursor| api.cursors.decode::<ListPosition>(&scope, cursor))
        .transpose()?;
    let limit = query.limit.get() as usize;
    let found = api.book.list(tenant.id, &filter, after, limit).await;
    let found = found.map_err(|error| problem(error.into()))?;
    let cursor = found.next.map(|next| api.cursors.encode(&scope, &next));
    let pagination = Pagination {
        has_more: cursor.is_some(),
        cursor,
    };
    Ok(Json(Page {
        data: found.orders,
        pagination,
    }))
}

async fn export_orders(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let export = Export {
        book: api.book.clone(),
        tenant: tenant.id,
        filter: query.filter()?,
        place: Place::Top,
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"orders.csv\""),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let body = Body::from_stream(stream::try_unfold(export, Export::next));
    Ok((headers, body).into_response())
}

/// An export on its way; holds one page of orders at a time.
struct Export {
    book: Arc<OrderBook>,
    tenant: TenantId,
    filter: ListFilter,
    place: Place,
}

enum Place {
    Top,
    After(Option<ListPosition>),
    End,
}

impl Export {
    /// An error cuts the body off, which a client notices: an export is whole or fails.
    async fn next(mut self) -> Result<Option<(String, Self)>, OrderError> {
        let mut position = match self.place {
            Place::Top => {
                self.place = Place::After(None);
                return Ok(Some((export::HEADER.to_owned(), self)));
            }
            Place::After(position) => position,
            Place::End => return Ok(None),
        };
        loop {
            let page = self
                .book
                .list(self.tenant, &self.filter, position, EXPORT_PAGE)
                .await?;
            let mut rows = String::new();
            for order in &page.orders {
                let view = self.book.view(self.tenant, order.id).await?;
                export::append(&mut rows, &view);
            }
            position = page.next;
            self.place = match position {
                Some(_) => Place::After(position),
                None => Place::End,
            };
            match (rows.is_empty(), position) {
                (true, Some(_)) => {}
                (true, None) => return Ok(None),
                (false, _) => return Ok(Some((rows, self))),
            }
        }
    }
}
