//! One change to many prices over HTTP: begun, watched, cancelled. Changes nothing itself.

use std::sync::Arc;

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use stoa_kernel::{Timestamp, VariantId};
use stoa_rest::{
    Access, Caller, IdempotentJson, Json, Method, Operation, Path, Permission, Problem, Routes,
    State, StatusCode, Tenant, TraceContext, code,
};

use super::{cause, key_of, problem, stored};
use crate::application::{App, NewAdjustment};
use crate::domain::{AdjustmentId, AdjustmentTerms};

const ALL: &str = "/api/v1/admin/prices/adjustments";
const ONE: &str = "/api/v1/admin/prices/adjustments/{adjustment_id}";
const CANCEL: &str = "/api/v1/admin/prices/adjustments/{adjustment_id}/cancel";

#[derive(Debug, Serialize, JsonSchema)]
struct AdjustmentStarted {
    id: AdjustmentId,
}

/// How far a change of prices is.
#[derive(Debug, Serialize, JsonSchema)]
struct AdjustmentProgress {
    id: AdjustmentId,
    #[serde(flatten)]
    terms: AdjustmentTerms,
    /// `running`, `cancelled` or `done`.
    state: String,
    /// Prices that were to move and had their turn.
    seen: i64,
    changed: i64,
    failed: i64,
    /// At most 250.
    errors: Vec<AdjustmentError>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AdjustmentError {
    variant_id: VariantId,
    message: String,
}

pub(super) fn routes() -> Routes<Arc<App>> {
    let start = Operation::new(
        "startPriceAdjustment",
        "Move many base prices in the background",
    )
    .description(
        "Each price that there is now moves once, in short steps; one that cannot is told and \
             the others go on. A former price stays while it is above the new one.",
    )
    .body::<AdjustmentTerms>()
    .returns::<AdjustmentStarted>(202)
    .requires_idempotency_key();
    let read = Operation::new("readPriceAdjustment", "Read how far a change of prices is")
        .returns::<AdjustmentProgress>(200)
        .returns_problem(&code::NOT_FOUND);
    let cancel = Operation::new(
        "cancelPriceAdjustment",
        "Stop a change of prices where it is",
    )
    .description("What moved already stays moved.")
    .returns::<AdjustmentProgress>(200)
    .returns_problem(&code::NOT_FOUND);
    let reads = Access::Staff(Permission::PricesRead);
    let writes = Access::Staff(Permission::PricesWrite);
    Routes::new("pricing")
        .route(Method::POST, ALL, writes, start, begin)
        .route(Method::GET, ONE, reads, read, progress)
        .route(Method::POST, CANCEL, writes, cancel, stop)
}

async fn begin(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<AdjustmentTerms>,
) -> Result<Response, Problem> {
    let new = NewAdjustment {
        terms: body.value,
        key: key_of(body.scope),
        cause: cause(&caller, trace, app.deps.now()),
        answer: |id| {
            serde_json::to_string(&AdjustmentStarted { id }).expect("an id always serialises")
        },
    };
    let begun = app.start_adjustment(tenant.id, tenant.currency, new).await;
    Ok(stored(StatusCode::ACCEPTED, begun.map_err(problem)?))
}

async fn progress(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<AdjustmentId>,
) -> Result<Json<AdjustmentProgress>, Problem> {
    let (row, errors) = app.adjustment(tenant.id, id).await.map_err(problem)?;
    let error = |(variant_id, message)| AdjustmentError {
        variant_id,
        message,
    };
    Ok(Json(AdjustmentProgress {
        id: row.id,
        terms: row.terms,
        state: row.state,
        seen: row.seen,
        changed: row.changed,
        failed: row.failed,
        errors: errors.into_iter().map(error).collect(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    }))
}

async fn stop(
    State(app): State<Arc<App>>,
    tenant: Tenant,
    id: Path<AdjustmentId>,
) -> Result<Json<AdjustmentProgress>, Problem> {
    let (Tenant(shop), Path(asked)) = (&tenant, &id);
    let stopped = app.cancel_adjustment(shop.id, *asked).await;
    stopped.map_err(problem)?;
    progress(State(app), tenant, id).await
}
