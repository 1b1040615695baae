//! One change to many products over HTTP: begun, watched, cancelled. Changes nothing itself.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use stoa_kernel::{ProductId, Timestamp};
use stoa_rest::{
    Access, Caller, Json, Method, Operation, Path, Permission, Problem, Routes, State, StatusCode,
    Tenant, TraceContext, code,
};

use super::{PRODUCT_BYTES_MAX, cause, edit_problem};
use crate::application::App;
use crate::domain::{BulkId, BulkRequest};
use crate::infrastructure::bulk::BulkRow;

pub(super) fn routes(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    const ONE: &str = "/api/v1/admin/products/bulk/{id}";
    const CANCEL: &str = "/api/v1/admin/products/bulk/{id}/cancel";
    let start = Operation::new("startBulk", "Change many products in the background")
        .description(
            "Products are changed one by one, in short steps; one that refuses is told and the \
             others go on. An empty `filter` means every product.",
        )
        .body::<BulkRequest>()
        .returns::<BulkStarted>(202)
        .body_limit(PRODUCT_BYTES_MAX);
    let read = Operation::new("readBulk", "Read how far a bulk change is")
        .returns::<BulkProgress>(200)
        .returns_problem(&code::NOT_FOUND);
    let cancel = Operation::new("cancelBulk", "Stop a bulk change where it is")
        .description("What is changed already stays changed.")
        .returns::<BulkProgress>(200)
        .returns_problem(&code::NOT_FOUND);
    let reads = Access::Staff(Permission::ProductsRead);
    let writes = Access::Staff(Permission::ProductsWrite);
    routes
        .route(
            Method::POST,
            "/api/v1/admin/products/bulk",
            writes,
            start,
            begin,
        )
        .route(Method::GET, ONE, reads, read, progress)
        .route(Method::POST, CANCEL, writes, cancel, stop)
}

#[derive(Debug, Serialize, JsonSchema)]
struct BulkStarted {
    id: BulkId,
}

/// How far a bulk change is.
#[derive(Debug, Serialize, JsonSchema)]
struct BulkProgress {
    id: BulkId,
    /// `running`, `cancelled` or `done`.
    state: String,
    /// Products that were to be changed and had their turn.
    seen: i64,
    changed: i64,
    failed: i64,
    /// At most 250.
    errors: Vec<BulkError>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BulkError {
    product_id: ProductId,
    message: String,
}

async fn begin(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Json(body): Json<BulkRequest>,
) -> Result<(StatusCode, Json<BulkStarted>), Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let started = app.start_bulk(tenant.id, body, cause).await;
    let id = started.map_err(edit_problem)?;
    Ok((StatusCode::ACCEPTED, Json(BulkStarted { id })))
}

async fn progress(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<BulkId>,
) -> Result<Json<BulkProgress>, Problem> {
    let (found, errors) = app
        .bulk_progress(tenant.id, id)
        .await
        .map_err(edit_problem)?;
    Ok(Json(shown(found, errors)))
}

async fn stop(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<BulkId>,
) -> Result<Json<BulkProgress>, Problem> {
    app.cancel_bulk(tenant.id, id).await.map_err(edit_problem)?;
    let (found, errors) = app
        .bulk_progress(tenant.id, id)
        .await
        .map_err(edit_problem)?;
    Ok(Json(shown(found, errors)))
}

fn shown(found: BulkRow, errors: Vec<(ProductId, String)>) -> BulkProgress {
    let error = |(product_id, message)| BulkError {
        product_id,
        message,
    };
    BulkProgress {
        id: found.id,
        state: found.state,
        seen: found.seen,
        changed: found.changed,
        failed: found.failed,
        errors: errors.into_iter().map(error).collect(),
        created_at: found.created_at,
        updated_at: found.updated_at,
    }
}
