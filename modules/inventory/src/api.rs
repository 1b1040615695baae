//! The merchant's stock routes: what comes in, what goes out, and which refusal says what.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{LocationId, OrderId, Timestamp, VariantId};
use stoa_rest::{
    Access, Caller, CursorKey, ETag, ErrorCode, ErrorPage, HeaderName, HeaderValue, IdempotentJson,
    IfMatch, Json, Limit, Method, Operation, Page, Permission, Problem, Query, Routes, State,
    Tenant, TraceContext, code, header,
};
use stoa_storage::{Cause, Error, IdempotencyKey};

use crate::application::{Audit, LevelSet, Precondition, SetLevel, SetLevelError, Stockroom};
use crate::domain::{DEFAULT_LOCATION, DEFAULT_LOCATION_NAME, Level, LevelKey, Mismatch, Movement};

pub const STOCK_BELOW_RESERVED: ErrorCode = ErrorCode::new(
    "stock_below_reserved",
    409,
    "Fewer than are promised to orders",
);

const REASON_LENGTH_MAX: usize = 255;
const BUSY_RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

#[derive(Clone)]
struct Api {
    stockroom: Arc<Stockroom>,
    cursors: CursorKey,
}

pub(crate) fn routes(stockroom: Arc<Stockroom>, cursors: CursorKey) -> Routes {
    let read = Access::Staff(Permission::InventoryRead);
    Routes::new("inventory")
        .route(
            Method::PUT,
            "/api/v1/admin/inventory/levels",
            Access::Staff(Permission::InventoryWrite),
            set_operation(),
            put_level,
        )
        .route(
            Method::GET,
            "/api/v1/admin/inventory/levels",
            read,
            Operation::new("listInventoryLevels", "List stock levels")
                .query::<LevelQuery>()
                .returns::<Page<LevelView>>(200)
                .returns_problem(&code::INVALID_CURSOR),
            list_levels,
        )
        .route(
            Method::GET,
            "/api/v1/admin/inventory/movements",
            read,
            Operation::new(
                "listInventoryMovements",
                "List what changed a variant's stock",
            )
            .description("Newest first.")
            .query::<MovementQuery>()
            .returns::<Page<MovementView>>(200)
            .returns_problem(&code::INVALID_CURSOR),
            list_movements,
        )
        .route(
            Method::GET,
            "/api/v1/admin/inventory/locations",
            read,
            Operation::new("listInventoryLocations", "List the places that hold stock")
                .returns::<Page<LocationView>>(200),
            list_locations,
        )
        .route(
            Method::GET,
            "/api/v1/admin/inventory/audit",
            read,
            Operation::new(
                "auditInventory",
                "Check that movements and holds add up to the levels",
            )
            .returns::<AuditView>(200),
            audit,
        )
        .error_pages(&[ErrorPage {
            code: &STOCK_BELOW_RESERVED,
            markdown: include_str!("../../../docs/errors/stock_below_reserved.md"),
        }])
        .with_state(Api { stockroom, cursors })
}

fn set_operation() -> Operation {
    Operation::new(
        "setInventoryLevel",
        "Set how many units of a variant are on hand",
    )
    .description(
        "A variant that was never counted gets its first level. `If-Match` takes the \
                     level's version as an ETag, such as `\"7\"`.",
    )
    .body::<LevelChange>()
    .returns::<LevelView>(200)
    .header(
        "If-Match",
        false,
        "The ETag of the level that you read, or `*`.",
    )
    .requires_idempotency_key()
    .returns_problem(&code::PRECONDITION_FAILED)
    .returns_problem(&STOCK_BELOW_RESERVED)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LevelChange {
    variant_id: VariantId,
    /// Left out, the shop's default place.
    #[serde(default)]
    location_id: Option<LocationId>,
    on_hand: u32,
    /// Kept with the movement, such as `counted` or `damaged`; at most 255 characters.
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct LevelQuery {
    #[serde(default)]
    variant_id: Option<VariantId>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct MovementQuery {
    variant_id: VariantId,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct LevelView {
    variant_id: VariantId,
    location_id: LocationId,
    /// Units in the place.
    on_hand: i64,
    /// Units promised to orders.
    reserved: i64,
    /// Units that can still be promised.
    available: i64,
    /// Whether more may be promised than are on hand.
    backorder: bool,
    /// Rises with every change; as an ETag it goes into `If-Match`.
    version: i64,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MovementView {
    variant_id: VariantId,
    location_id: LocationId,
    /// The version that this change gave the level.
    version: i64,
    /// `set`, `reserve` or `release`.
    kind: &'static str,
    on_hand_delta: i64,
    reserved_delta: i64,
    order_id: Option<OrderId>,
    reason: Option<String>,
    at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LocationView {
    id: LocationId,
    name: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AuditView {
    /// Levels looked at.
    levels: u64,
    /// Whether all were; false where too many did not add up to go on.
    complete: bool,
    mismatches: Vec<MismatchView>,
}

/// A level, and what its movements and holds add up to.
#[derive(Debug, Serialize, JsonSchema)]
struct MismatchView {
    variant_id: VariantId,
    location_id: LocationId,
    on_hand: i64,
    on_hand_moved: i64,
    reserved: i64,
    reserved_moved: i64,
    reserved_held: i64,
    version: i64,
    movements: i64,
}

async fn put_level(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    if_match: Option<IfMatch>,
    body: IdempotentJson<LevelChange>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<LevelView>), Problem> {
    let change = body.value;
    if change.location_id.is_some_and(|id| id != DEFAULT_LOCATION) {
        return Err(Problem::invalid(
            "location_id",
            "this shop has no such location",
        ));
    }
    let reason_length = change
        .reason
        .as_ref()
        .map_or(0, |reason| reason.chars().count());
    if reason_length > REASON_LENGTH_MAX {
        let reason = format!("has {reason_length} characters, at most {REASON_LENGTH_MAX}");
        return Err(Problem::invalid("reason", reason));
    }
    // No database here stores it; unrefused, it would look like a fault of ours.
    if change
        .reason
        .as_ref()
        .is_some_and(|text| text.contains('\0'))
    {
        return Err(Problem::invalid("reason", "must not hold a zero byte"));
    }
    let precondition = match if_match.map(|tag| tag.version()).transpose()? {
        None => Precondition::None,
        Some(None) => Precondition::Exists,
        Some(Some(version)) => Precondition::Version(version),
    };
    let change = SetLevel {
        variant: change.variant_id,
        on_hand: change.on_hand,
        reason: change.reason,
        precondition,
    };
    let key = IdempotencyKey {
        scope: format!("{} {}", body.scope.caller, body.scope.route),
        key: body.scope.key,
        body_hash: body.scope.body_hash,
    };
    let cause = Cause {
        trace: Some(trace.trace_id_hex()),
        ..Cause::new(caller.actor(), api.stockroom.now())
    };
    let set = api
        .stockroom
        .set_level(tenant.id, change, key, cause, render)
        .await;
    let view = match set.map_err(refusal)? {
        LevelSet::Now(level) => LevelView::of(&level),
        LevelSet::Before { answer } => serde_json::from_str(&answer).map_err(Problem::internal)?,
    };
    Ok((ETag::of_version(view.version).header(), Json(view)))
}

async fn list_levels(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<LevelQuery>,
) -> Result<Json<Page<LevelView>>, Problem> {
    let scope = match query.variant_id {
        None => format!("{} inventory levels", tenant.id),
        Some(variant) => format!("{} inventory levels {variant}", tenant.id),
    };
    let first: LevelKey = (VariantId::from_u128(0), LocationId::from_u128(0));
    let after = match &query.cursor {
        None => first,
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let levels = api
        .stockroom
        .levels(tenant.id, query.variant_id, after, query.limit.plus_one());
    let page = Page::of(levels.await.map_err(failure)?, query.limit, |last| {
        api.cursors.encode(&scope, &(last.variant, last.location))
    });
    Ok(Json(page.map(|level| LevelView::of(&level))))
}

async fn list_movements(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<MovementQuery>,
) -> Result<Json<Page<MovementView>>, Problem> {
    let scope = format!("{} inventory movements {}", tenant.id, query.variant_id);
    let before = match &query.cursor {
        None => i64::MAX,
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let limit = query.limit;
    let movements = api
        .stockroom
        .movements(tenant.id, query.variant_id, before, limit.plus_one());
    let page = Page::of(movements.await.map_err(failure)?, limit, |last| {
        api.cursors.encode(&scope, &last.level_version)
    });
    Ok(Json(page.map(MovementView::from)))
}

async fn list_locations() -> Json<Page<LocationView>> {
    let only = LocationView {
        id: DEFAULT_LOCATION,
        name: DEFAULT_LOCATION_NAME,
    };
    Json(Page::of(vec![only], Limit::default(), |_| String::new()))
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

fn render(level: &Level) -> String {
    serde_json::to_string(&LevelView::of(level)).expect("ids and numbers always serialise")
}

fn refusal(error: SetLevelError) -> Problem {
    match error {
        SetLevelError::BelowReserved(below) => Problem::new(&STOCK_BELOW_RESERVED)
            .with_detail(format!(
                "{} on hand would be fewer than the {} reserved for orders.",
                below.on_hand, below.reserved
            ))
            .with_field("on_hand", format!("must be at least {}", below.reserved)),
        SetLevelError::Stale { current } => {
            let problem = Problem::new(&code::PRECONDITION_FAILED);
            match current {
                None => problem.with_detail("This variant has no level yet: leave If-Match out."),
                Some(version) => {
                    let [(name, tag)] = ETag::of_version(version).header();
                    problem
                        .with_header(name, tag)
                        .with_detail("The level changed since you read it.")
                }
            }
        }
        SetLevelError::KeyReused => Problem::new(&code::IDEMPOTENCY_KEY_REUSED),
        SetLevelError::KeyUnfinished => Problem::new(&code::IDEMPOTENCY_IN_PROGRESS),
        SetLevelError::Storage(error) => failure(error),
    }
}

fn failure(error: Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, BUSY_RETRY_AFTER),
        false => Problem::internal(error),
    }
}

impl LevelView {
    fn of(level: &Level) -> Self {
        Self {
            variant_id: level.variant,
            location_id: level.location,
            on_hand: level.stock.on_hand,
            reserved: level.stock.reserved,
            available: level.stock.available(),
            backorder: level.stock.backorder,
            version: level.version,
            updated_at: level.updated_at,
        }
    }
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
            order_id: movement.order,
            reason: movement.reason,
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
            version: row.version,
            movements: row.moved.count,
        }
    }
}
