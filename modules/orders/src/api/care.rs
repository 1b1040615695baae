//! Notes, the timeline, and putting away: what staff do that moves neither stock nor money.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::orders::{OrderView, TimelineEntry};
use stoa_kernel::{NoteId, Timestamp};
use stoa_rest::{
    Caller, ETag, HeaderName, HeaderValue, Json, Limit, Method, Operation, Page, Path, Problem,
    Query, Routes, State, StatusCode, Tenant, TraceContext, code,
};

use super::{Api, ORDER_NOT_FOUND, ORDER_STATE_CONFLICT, READ, WRITE, cause, order_id, problem};

const NOTE_BYTES_MAX: usize = 5_000;

type Tagged<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

pub(super) fn add(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let timeline = Operation::new(
        "listOrderTimeline",
        "What happened to an order, newest first",
    )
    .query::<TimelineQuery>()
    .returns::<Page<TimelineEntry>>(200)
    .returns_problem(&ORDER_NOT_FOUND)
    .returns_problem(&code::INVALID_CURSOR);
    let note = Operation::new("addOrderNote", "Note something about an order, for staff")
        .body::<NewNote>()
        .returns::<TimelineEntry>(201)
        .returns_problem(&ORDER_NOT_FOUND);
    let archive = Operation::new("archiveOrder", "Put a completed order away")
        .returns::<OrderView>(200)
        .returns_problem(&ORDER_NOT_FOUND)
        .returns_problem(&ORDER_STATE_CONFLICT);
    let unarchive = Operation::new("unarchiveOrder", "Take an archived order out again")
        .returns::<OrderView>(200)
        .returns_problem(&ORDER_NOT_FOUND)
        .returns_problem(&ORDER_STATE_CONFLICT);
    routes
        .route(
            Method::GET,
            "/api/v1/admin/orders/{order_id}/timeline",
            READ,
            timeline,
            list_timeline,
        )
        .route(
            Method::POST,
            "/api/v1/admin/orders/{order_id}/notes",
            WRITE,
            note,
            add_note,
        )
        .route(
            Method::POST,
            "/api/v1/admin/orders/{order_id}/archive",
            WRITE,
            archive,
            archive_order,
        )
        .route(
            Method::POST,
            "/api/v1/admin/orders/{order_id}/unarchive",
            WRITE,
            unarchive,
            unarchive_order,
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TimelineQuery {
    /// From the page before.
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    /// Plain text, at most 5,000 bytes; no card numbers.
    text: String,
}

async fn list_timeline(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(order): Path<String>,
    Query(query): Query<TimelineQuery>,
) -> Result<Json<Page<TimelineEntry>>, Problem> {
    let order = order_id(&order)?;
    let scope = format!("{} timeline {order}", tenant.id);
    let after = query.cursor.as_deref();
    let after = after
        .map(|cursor| api.cursors.decode::<(Timestamp, NoteId)>(&scope, cursor))
        .transpose()?;
    let found = api
        .book
        .timeline(tenant.id, order, after, query.limit.plus_one())
        .await;
    let page = Page::of(found.map_err(problem)?, query.limit, |last| {
        api.cursors.encode(&scope, &(last.at, last.id))
    });
    Ok(Json(page))
}

async fn add_note(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(order): Path<String>,
    Json(note): Json<NewNote>,
) -> Result<(StatusCode, Json<TimelineEntry>), Problem> {
    let order = order_id(&order)?;
    let text = note.text.trim();
    if text.is_empty() || text.len() > NOTE_BYTES_MAX {
        return Err(Problem::invalid("text", "must be 1 to 5,000 bytes"));
    }
    // Addresses of mail are masked in logs as well, and are fine in a note.
    let digits: String = text.replace('@', " ");
    if stoa_telemetry::mask_text(&digits) != digits {
        return Err(Problem::invalid("text", "must not hold a card number"));
    }
    let cause = cause(&caller, trace, api.book.now());
    let book = api.book.clone();
    let entry = book
        .add_note(tenant.id, order, text.to_owned(), cause)
        .await;
    Ok((StatusCode::CREATED, Json(entry.map_err(problem)?)))
}

async fn archive_order(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(order): Path<String>,
) -> Result<Tagged<OrderView>, Problem> {
    let cause = cause(&caller, trace, api.book.now());
    let (book, order) = (api.book.clone(), order_id(&order)?);
    let view = book.archive(tenant.id, order, true, cause).await;
    tagged(view.map_err(problem)?)
}

async fn unarchive_order(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(order): Path<String>,
) -> Result<Tagged<OrderView>, Problem> {
    let cause = cause(&caller, trace, api.book.now());
    let (book, order) = (api.book.clone(), order_id(&order)?);
    let view = book.archive(tenant.id, order, false, cause).await;
    tagged(view.map_err(problem)?)
}

fn tagged(view: OrderView) -> Result<Tagged<OrderView>, Problem> {
    Ok((ETag::of_version(view.version).header(), Json(view)))
}
