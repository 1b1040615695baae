//! Invoices and packing slips, as pages for a printer.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::orders::Orders as _;
use stoa_kernel::FulfilmentId;
use stoa_rest::{
    Caller, HeaderValue, Method, Operation, Path, Problem, Query, Routes, State, Tenant,
    TraceContext, header,
};

use super::{Api, ORDER_NOT_FOUND, ORDER_STATE_CONFLICT, READ, cause, order_id, problem};
use crate::printing::{Paper, Printed};

pub(super) fn add(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let invoice = Operation::new("printInvoice", "An order's invoice, ready to print")
        .description(
            "The first look gives the invoice its number: they run from 1 without gaps. Drafts \
             and canceled orders have no invoice, unless it was given before.",
        )
        .query::<InvoiceQuery>()
        .returns_type(200, "text/html")
        .returns_problem(&ORDER_NOT_FOUND)
        .returns_problem(&ORDER_STATE_CONFLICT);
    let slip = Operation::new(
        "printPackingSlip",
        "An order's packing slip, ready to print",
    )
    .query::<SlipQuery>()
    .returns_type(200, "text/html")
    .returns_problem(&ORDER_NOT_FOUND);
    routes
        .route(
            Method::GET,
            "/api/v1/admin/orders/{order_id}/invoice",
            READ,
            invoice,
            print_invoice,
        )
        .route(
            Method::GET,
            "/api/v1/admin/orders/{order_id}/packing-slip",
            READ,
            slip,
            print_slip,
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InvoiceQuery {
    /// Left out: what is usual where the order is billed.
    paper: Option<Paper>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SlipQuery {
    /// Left out: what is usual where the order is billed.
    paper: Option<Paper>,
    /// Left out: everything that was ordered.
    fulfilment_id: Option<FulfilmentId>,
}

async fn print_invoice(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(order): Path<String>,
    Query(query): Query<InvoiceQuery>,
) -> Result<Response, Problem> {
    let cause = cause(&caller, trace, api.book.now());
    let (book, order) = (api.book.clone(), order_id(&order)?);
    let invoiced = book.invoice(tenant.id, order, cause).await;
    let invoiced = invoiced.map_err(problem)?;
    let printed = api.press.invoice(&tenant.name, &invoiced, query.paper);
    page(printed)
}

async fn print_slip(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(order): Path<String>,
    Query(query): Query<SlipQuery>,
) -> Result<Response, Problem> {
    let view = api.book.view(tenant.id, order_id(&order)?).await;
    let view = view.map_err(problem)?;
    let parcel = match query.fulfilment_id {
        None => None,
        Some(id) => {
            let parcel = view.fulfilments.iter().find(|parcel| parcel.id == id);
            let missing = || Problem::invalid("fulfilment_id", "is none of the order's");
            Some(parcel.ok_or_else(missing)?)
        }
    };
    let printed = api
        .press
        .packing_slip(&tenant.name, &view, parcel, query.paper);
    page(printed)
}

fn page(printed: Result<Printed, minijinja::Error>) -> Result<Response, Problem> {
    // The error's long form shows the values of the page.
    let Printed { html, policy } = printed
        .map_err(|error| Problem::internal(format!("a template failed: {}", error.kind())))?;
    let policy = HeaderValue::from_str(&policy).map_err(Problem::internal)?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, html).into_response())
}
