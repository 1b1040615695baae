//! Levels, adjustments, counts, movements and the audit over HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{LocationId, OrderId, Timestamp, TransferId, VariantId};
use stoa_rest::{
    Access, Caller, ETag, HeaderName, HeaderValue, IdempotentJson, IfMatch, Json, Limit, Method,
    Operation, Page, Permission, Problem, Query, Routes, State, Tenant, TraceContext, code,
};

use super::{Api, Asker, IF_MATCH, STOCK_BELOW_RESERVED, failure, precondition, present, text};
use crate::application::{Adjust, Audit, Command, Count, Counted, Policy, SetLevel};
use crate::domain::{DEFAULT_LOCATION, Level, LevelKey, Mismatch, Movement};

const COUNT_LINES_MAX: usize = 250;

pub(super) fn add(routes: Routes<Api>) -> Routes<Api> {
    let read = Access::Staff(Permission::InventoryRead);
    let write = Access::Staff(Permission::InventoryWrite);
    routes
        .route(Method::PUT, LEVELS, write, set_operation(), put_level)
        .route(
            Method::GET,
            LEVELS,
            read,
            Operation::new("listInventoryLevels", "List stock levels")
                .query::<LevelQuery>()
                .returns::<Page<LevelView>>(200)
                .returns_problem(&code::INVALID_CURSOR),
            list_levels,
        )
        .route(
            Method::POST,
            "/api/v1/admin/inventory/adjustments",
            write,
            adjust_operation(),
            adjust,
        )
        .route(
            Method::POST,
            "/api/v1/admin/inventory/counts",
            write,
            count_operation(),
            count,
        )
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

const LEVELS: &str = "/api/v1/admin/inventory/levels";

fn set_operation() -> Operation {
    Operation::new(
        "setInventoryLevel",
        "Set how many units of a variant are on hand",
    )
    .description(
        "A variant that was never counted gets its first level. `tracked` and `low_threshold` are \
         the variant's, whatever the location. `If-Match` takes the level's version as an ETag, \
         such as `\"7\"`.",
    )
    .body::<LevelChange>()
    .returns::<LevelView>(200)
    .header("If-Match", false, IF_MATCH)
    .requires_idempotency_key()
    .returns_problem(&code::PRECONDITION_FAILED)
    .returns_problem(&STOCK_BELOW_RESERVED)
}

fn adjust_operation() -> Operation {
    Operation::new(
        "adjustInventory",
        "Add units to a level or take some away, for a reason",
    )
    .body::<Adjustment>()
    .returns::<LevelView>(200)
    .requires_idempotency_key()
    .returns_problem(&STOCK_BELOW_RESERVED)
}

fn count_operation() -> Operation {
    Operation::new(
        "countInventory",
        "Set levels to what was counted, and see what differed",
    )
    .description("The whole list or none of it.")
    .body::<CountBody>()
    .returns::<CountView>(200)
    .requires_idempotency_key()
    .returns_problem(&STOCK_BELOW_RESERVED)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "`null` takes away, leaving out keeps")]
struct LevelChange {
    variant_id: VariantId,
    /// Left out, the shop's default place.
    #[serde(default)]
    location_id: Option<LocationId>,
    on_hand: u32,
    /// Whether more may be promised than are on hand; left out, as it was.
    #[serde(default)]
    backorder: Option<bool>,
    /// Whether the variant is counted at all: one that is not can always be sold, and is held for
    /// no order. Left out, as it was.
    #[serde(default)]
    tracked: Option<bool>,
    /// `inventory.low.v1` is told where the units that can be promised, over all active locations,
    /// fall to it or below. `null` takes it away; left out, as it was.
    #[serde(default, deserialize_with = "present")]
    low_threshold: Option<Option<u32>>,
    /// Kept with the movement, such as `counted` or `damaged`; at most 255 characters.
    #[serde(default)]
    reason: Option<String>,
}

/// Why units were added or taken away.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Received,
    Returned,
    Found,
    Lost,
    Damaged,
    Stolen,
    Expired,
    Given,
    Correction,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Returned => "returned",
            Self::Found => "found",
            Self::Lost => "lost",
            Self::Damaged => "damaged",
            Self::Stolen => "stolen",
            Self::Expired => "expired",
            Self::Given => "given",
            Self::Correction => "correction",
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Adjustment {
    variant_id: VariantId,
    /// Left out, the shop's default place.
    #[serde(default)]
    location_id: Option<LocationId>,
    /// Units that came (positive) or went (negative); not 0.
    delta: i32,
    reason: Reason,
    /// At most 255 characters.
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CountBody {
    /// Left out, the shop's default place.
    #[serde(default)]
    location_id: Option<LocationId>,
    /// At most 250, each variant once.
    lines: Vec<CountLine>,
    /// At most 255 characters.
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CountLine {
    variant_id: VariantId,
    counted: u32,
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
    /// Left out, the shop's default place.
    #[serde(default)]
    location_id: Option<LocationId>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct LevelView {
    variant_id: VariantId,
    location_id: LocationId,
    /// Units in the place.
    on_hand: i64,
    /// Units promised to orders.
    reserved: i64,
    /// Units that can still be promised.
    available: i64,
    /// Units on their way here from another location.
    incoming: i64,
    /// Whether more may be promised than are on hand.
    backorder: bool,
    /// Whether the variant is counted at all, at any location.
    tracked: bool,
    /// The variant's, over all locations.
    low_threshold: Option<i64>,
    /// Rises with every change; as an ETag it goes into `If-Match`.
    version: i64,
    updated_at: Timestamp,
}

/// What a count found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct CountView {
    /// In the order of the count.
    lines: Vec<CountedView>,
    /// Lines whose count was not what was on hand.
    differing: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct CountedView {
    /// On hand before the count, as far as was known.
    before: i64,
    counted: i64,
    /// Units found, or missing where negative.
    difference: i64,
    level: LevelView,
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

type Tagged<V> = ([(HeaderName, HeaderValue); 1], Json<V>);

fn tagged(view: LevelView) -> Tagged<LevelView> {
    (ETag::of_version(view.version).header(), Json(view))
}

async fn put_level(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    if_match: Option<IfMatch>,
    body: IdempotentJson<LevelChange>,
) -> Result<Tagged<LevelView>, Problem> {
    let change = body.value;
    let command = Command::SetLevel(SetLevel {
        variant: change.variant_id,
        location: change.location_id.unwrap_or(DEFAULT_LOCATION),
        on_hand: change.on_hand,
        policy: Policy {
            backorder: change.backorder,
            tracked: change.tracked,
            low_threshold: change.low_threshold.map(|said| said.map(i64::from)),
        },
        reason: text("reason", change.reason)?,
        precondition: precondition(if_match)?,
    });
    let asker = Asker { caller, trace };
    let level = api.run(tenant.id, asker, body.scope, command).await?;
    Ok(tagged(level))
}

async fn adjust(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<Adjustment>,
) -> Result<Tagged<LevelView>, Problem> {
    let change = body.value;
    if change.delta == 0 {
        return Err(Problem::invalid("delta", "must not be 0"));
    }
    let command = Command::Adjust(Adjust {
        variant: change.variant_id,
        location: change.location_id.unwrap_or(DEFAULT_LOCATION),
        units: i64::from(change.delta),
        reason: change.reason.as_str(),
        note: text("note", change.note)?,
    });
    let asker = Asker { caller, trace };
    let level = api.run(tenant.id, asker, body.scope, command).await?;
    Ok(tagged(level))
}

async fn count(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<CountBody>,
) -> Result<Json<CountView>, Problem> {
    let count = body.value;
    let lines = count.lines.len();
    if !(1..=COUNT_LINES_MAX).contains(&lines) {
        let reason = format!("has {lines} lines, from 1 to {COUNT_LINES_MAX} are taken");
        return Err(Problem::invalid("lines", reason));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (at, line) in count.lines.iter().enumerate() {
        if !seen.insert(line.variant_id) {
            let field = format!("lines[{at}].variant_id");
            return Err(Problem::invalid(field, "stands in the list twice"));
        }
    }
    let lines = count.lines.iter();
    let command = Command::Count(Count {
        location: count.location_id.unwrap_or(DEFAULT_LOCATION),
        lines: lines.map(|line| (line.variant_id, line.counted)).collect(),
        note: text("note", count.note)?,
    });
    let asker = Asker { caller, trace };
    let counted = api.run(tenant.id, asker, body.scope, command).await?;
    Ok(Json(counted))
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
        api.cursors.encode(&scope, &last.key())
    });
    Ok(Json(page.map(|level| LevelView::of(&level))))
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

impl LevelView {
    pub(super) fn of(level: &Level) -> Self {
        Self {
            variant_id: level.variant,
            location_id: level.location,
            on_hand: level.stock.on_hand,
            reserved: level.stock.reserved,
            available: level.stock.available(),
            incoming: level.stock.incoming,
            backorder: level.stock.backorder,
            tracked: level.tracked,
            low_threshold: level.low_threshold,
            version: level.version,
            updated_at: level.updated_at,
        }
    }
}

impl CountView {
    pub(super) fn of(counted: &[Counted]) -> Self {
        let line = |counted: &Counted| CountedView {
            before: counted.before,
            counted: counted.level.stock.on_hand,
            difference: counted.level.stock.on_hand - counted.before,
            level: LevelView::of(&counted.level),
        };
        let lines: Vec<CountedView> = counted.iter().map(line).collect();
        Self {
            differing: lines.iter().filter(|line| line.difference != 0).count(),
            lines,
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
