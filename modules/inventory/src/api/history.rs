//! Movements and the audit over HTTP. Changes nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{LocationId, OrderId, Timestamp, TransferId, VariantId};
use stoa_rest::{
    Access, Json, Limit, Method, Operation, Page, Permission, Problem, Query, Routes, State,
    Tenant, code,
};

use super::{Api, failure};
use crate::application::Audit;
use crate::domain::{DEFAULT_LOCATION, Mismatch, Movement};

pub(super) fn add(routes: Routes<Api>) -> Routes<Api> {
    let read = Access::Staff(Permission::InventoryRead);
    routes
        .route(
            Method::GET,
            "/api/v1/admin/inventory/movements",
            read,
            Operation::new("listInventoryMovements", "List what changed a level")
                .description("Newest first.")
                .query::<MovementQuery>()
                .returns::<Page<MovementView>>(200)
                .returns_problem(&code::INVALID_CURSOR),
            list_movements,
        )
        .route(
            Method::GET,
            "/api/v1/admin/inventory/audit",
            read,
            Operation::new(
                "auditInventory",
                "Check that movements, holds and transfers add up to the levels",
            )
            .returns::<AuditView>(200),
            audit,
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct MovementQuery {
    variant_id: VariantId,
    /// Left out, the shop's default place.
    #[serde(default)]
    location_id: Option<LocationId>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MovementView {
    variant_id: VariantId,
    location_id: LocationId,
    /// The version that this change gave the level.
    version: i64,
    /// `set`, `adjust`, `count`, `reserve`, `release`, `ship`, `unship`, `restock`, `transfer_out`,
    /// `transfer_due`, `transfer_in`, `transfer_back`, `transfer_void` or `place`.
    kind: &'static str,
    on_hand_delta: i64,
    reserved_delta: i64,
    incoming_delta: i64,
    order_id: Option<OrderId>,
    transfer_id: Option<TransferId>,
    reason: Option<String>,
    note: Option<String>,
    at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AuditView {
    /// Levels looked at.
    levels: u64,
    /// Whether all were; false where too many did not add up to go on.
    complete: bool,
    mismatches: Vec<MismatchView>,
}

/// A level, and what its movements, holds and transfers add up to.
#[derive(Debug, Serialize, JsonSchema)]
struct MismatchView {
    variant_id: VariantId,
    location_id: LocationId,
    on_hand: i64,
    on_hand_moved: i64,
    reserved: i64,
    reserved_moved: i64,
    reserved_held: i64,
    incoming: i64,
    incoming_moved: i64,
    incoming_due: i64,
    version: i64,
    movements: i64,
}

async fn list_movements(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<MovementQuery>,
) -> Result<Json<Page<MovementView>>, Problem> {
    let key = (
        query.variant_id,
        query.location_id.unwrap_or(DEFAULT_LOCATION),
    );
    let scope = format!("{} inventory movements {} {}", tenant.id, key.0, key.1);
    let before = match &query.cursor {
        None => i64::MAX,
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let limit = query.limit;
    let movements = api
        .stockroom
        .movements(tenant.id, key, before, limit.plus_one());
    let page = Page::of(movements.await.map_err(failure)?, limit, |last| {
        api.cursors.encode(&scope, &last.level_version)
    });
    Ok(Json(page.map(MovementView::from)))
}

async fn audit(State(api): State<Api>, Tenant(tenant): Tenant) -> Result<Json<AuditView>, Problem> {
    let Audit {
        levels,
        mismatches,
        complete,
    } = api.stockroom.audit(tenant.id).await.map_err(failure)?;
    let mismatches = mismatches.into_iter().map(MismatchView::from).collect();
    Ok(Json(AuditView {
        levels,
        complete,
        mismatches,
    }))
}

impl From<Movement> for MovementView {
    fn from(movement: Movement) -> Self {
        Self {
            variant_id: movement.variant,
            location_id: movement.location,
            version: movement.level_version,
            kind: movement.kind.as_str(),
            on_hand_delta: movement.delta.on_hand,
            reserved_delta: movement.delta.reserved,
            incoming_delta: movement.delta.incoming,
            order_id: movement.order,
            transfer_id: movement.transfer,
            reason: movement.reason,
            note: movement.note,
            at: movement.at,
        }
    }
}

impl From<Mismatch> for MismatchView {
    fn from(row: Mismatch) -> Self {
        Self {
            variant_id: row.key.0,
            location_id: row.key.1,
            on_hand: row.on_hand,
            on_hand_moved: row.moved.total.on_hand,
            reserved: row.reserved,
            reserved_moved: row.moved.total.reserved,
            reserved_held: row.held,
            incoming: row.incoming,
            incoming_moved: row.moved.total.incoming,
            incoming_due: row.due,
            version: row.version,
            movements: row.moved.count,
        }
    }
}
