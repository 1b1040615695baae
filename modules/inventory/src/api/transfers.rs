//! Transfers between locations over HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{LocationId, Quantity, Timestamp, TransferId, VariantId};
use stoa_rest::{
    Access, Caller, IdempotentJson, Json, Limit, Method, Operation, Page, Path, Permission,
    Problem, Query, Routes, State, StatusCode, Tenant, TraceContext, code,
};

use super::{
    Api, Asker, STOCK_NOT_ON_SHELF, TRANSFER_NOT_FOUND, TRANSFER_NOT_OPEN, failure, refusal, text,
};
use crate::application::{Command, NewTransfer, StockError};
use crate::domain::{Receipt, Transfer, TransferStatus};

const TRANSFER_LINES_MAX: usize = 250;

const LIST: &str = "/api/v1/admin/inventory/transfers";
const ONE: &str = "/api/v1/admin/inventory/transfers/{transfer_id}";

pub(super) fn add(routes: Routes<Api>) -> Routes<Api> {
    let read = Access::Staff(Permission::InventoryRead);
    let write = Access::Staff(Permission::InventoryWrite);
    routes
        .route(
            Method::GET,
            LIST,
            read,
            Operation::new("listTransfers", "List transfers between locations")
                .description("Newest first, without their lines.")
                .query::<TransferQuery>()
                .returns::<Page<TransferHead>>(200)
                .returns_problem(&code::INVALID_CURSOR),
            list,
        )
        .route(
            Method::POST,
            LIST,
            write,
            Operation::new("createTransfer", "Write down what is to go where")
                .description("Nothing moves before it is sent.")
                .body::<NewTransferBody>()
                .returns::<TransferView>(201)
                .requires_idempotency_key(),
            create,
        )
        .route(
            Method::GET,
            ONE,
            read,
            Operation::new("getTransfer", "Read a transfer")
                .returns::<TransferView>(200)
                .returns_problem(&TRANSFER_NOT_FOUND),
            get,
        )
        .route(
            Method::POST,
            "/api/v1/admin/inventory/transfers/{transfer_id}/send",
            write,
            step("sendTransfer", "Send it: the units leave the origin")
                .body::<NoFields>()
                .returns_problem(&STOCK_NOT_ON_SHELF),
            send,
        )
        .route(
            Method::POST,
            "/api/v1/admin/inventory/transfers/{transfer_id}/receive",
            write,
            step("receiveTransfer", "Receive all of it or part").body::<ReceiptBody>(),
            receive,
        )
        .route(
            Method::POST,
            "/api/v1/admin/inventory/transfers/{transfer_id}/cancel",
            write,
            step(
                "cancelTransfer",
                "Cancel it: what has not arrived goes back",
            )
            .body::<NoFields>(),
            cancel,
        )
}

fn step(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary)
        .returns::<TransferView>(200)
        .requires_idempotency_key()
        .returns_problem(&TRANSFER_NOT_FOUND)
        .returns_problem(&TRANSFER_NOT_OPEN)
}

/// `{}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoFields {}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewTransferBody {
    origin_id: LocationId,
    destination_id: LocationId,
    /// At most 250; units of one variant are added up.
    lines: Vec<UnitsLine>,
    /// At most 255 characters.
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UnitsLine {
    variant_id: VariantId,
    /// From 1 up.
    units: u32,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReceiptBody {
    /// What arrived; left out, all that is on its way.
    #[serde(default)]
    lines: Option<Vec<UnitsLine>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StatusName {
    Draft,
    InTransit,
    Done,
    Canceled,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TransferQuery {
    #[serde(default)]
    status: Option<StatusName>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct TransferView {
    #[serde(flatten)]
    head: TransferHead,
    lines: Vec<LineView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct TransferHead {
    id: TransferId,
    origin_id: LocationId,
    destination_id: LocationId,
    /// `draft`, `in_transit`, `done` or `canceled`.
    status: String,
    note: Option<String>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct LineView {
    variant_id: VariantId,
    units: i64,
    received: i64,
}

async fn list(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<TransferQuery>,
) -> Result<Json<Page<TransferHead>>, Problem> {
    let status = query.status.map(|status| match status {
        StatusName::Draft => TransferStatus::Draft,
        StatusName::InTransit => TransferStatus::InTransit,
        StatusName::Done => TransferStatus::Done,
        StatusName::Canceled => TransferStatus::Canceled,
    });
    let named = status.map_or("", TransferStatus::as_str);
    let scope = format!("{} inventory transfers {named}", tenant.id);
    let before = match &query.cursor {
        None => TransferId::from_u128(u128::MAX),
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let limit = query.limit;
    let transfers = api
        .stockroom
        .transfers_before(tenant.id, status, before, limit.plus_one());
    let page = Page::of(transfers.await.map_err(failure)?, limit, |last| {
        api.cursors.encode(&scope, &last.id)
    });
    Ok(Json(page.map(|transfer| TransferView::from(transfer).head)))
}

async fn create(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<NewTransferBody>,
) -> Result<(StatusCode, Json<TransferView>), Problem> {
    let new = body.value;
    if new.origin_id == new.destination_id {
        let reason = "must be another location than `origin_id`";
        return Err(Problem::invalid("destination_id", reason));
    }
    let command = Command::DraftTransfer(NewTransfer {
        origin: new.origin_id,
        destination: new.destination_id,
        lines: units_of(&new.lines)?,
        note: text("note", new.note)?,
    });
    let asker = Asker { caller, trace };
    let transfer = api.run(tenant.id, asker, body.scope, command).await?;
    Ok((StatusCode::CREATED, Json(transfer)))
}

async fn get(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(id): Path<TransferId>,
) -> Result<Json<TransferView>, Problem> {
    let transfer = api.stockroom.transfer_of(tenant.id, id).await;
    match transfer.map_err(failure)? {
        Some(transfer) => Ok(Json(transfer.into())),
        None => Err(refusal(StockError::TransferNotFound { id })),
    }
}

async fn send(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(id): Path<TransferId>,
    body: IdempotentJson<NoFields>,
) -> Result<Json<TransferView>, Problem> {
    let asker = Asker { caller, trace };
    let command = Command::SendTransfer(id);
    let sent = api.run(tenant.id, asker, body.scope, command).await;
    sent.map(Json)
}

async fn receive(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(id): Path<TransferId>,
    body: IdempotentJson<ReceiptBody>,
) -> Result<Json<TransferView>, Problem> {
    let arrives = body.value.lines.map(|lines| units_of(&lines)).transpose()?;
    let asker = Asker { caller, trace };
    let command = Command::ReceiveTransfer(id, arrives);
    let received = api.run(tenant.id, asker, body.scope, command).await;
    received.map(Json)
}

async fn cancel(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(id): Path<TransferId>,
    body: IdempotentJson<NoFields>,
) -> Result<Json<TransferView>, Problem> {
    let asker = Asker { caller, trace };
    let command = Command::CancelTransfer(id);
    let canceled = api.run(tenant.id, asker, body.scope, command).await;
    canceled.map(Json)
}

fn units_of(lines: &[UnitsLine]) -> Result<Receipt, Problem> {
    let count = lines.len();
    if !(1..=TRANSFER_LINES_MAX).contains(&count) {
        let reason = format!("has {count} lines, from 1 to {TRANSFER_LINES_MAX} are taken");
        return Err(Problem::invalid("lines", reason));
    }
    let mut units = Receipt::new();
    for (at, line) in lines.iter().enumerate() {
        let quantity = Quantity::new(line.units)
            .map_err(|error| Problem::invalid(format!("lines[{at}].units"), error.to_string()))?;
        *units.entry(line.variant_id).or_insert(0) += quantity.as_i64();
    }
    Ok(units)
}

impl From<Transfer> for TransferView {
    fn from(transfer: Transfer) -> Self {
        let lines = transfer.lines.iter().map(|line| LineView {
            variant_id: line.variant,
            units: line.units,
            received: line.received,
        });
        Self {
            lines: lines.collect(),
            head: TransferHead {
                id: transfer.id,
                origin_id: transfer.origin,
                destination_id: transfer.destination,
                status: transfer.status.as_str().to_owned(),
                note: transfer.note,
                version: transfer.version,
                created_at: transfer.created_at,
                updated_at: transfer.updated_at,
            },
        }
    }
}
