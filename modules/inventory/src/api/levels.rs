//! Levels, adjustments and counts over HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{LocationId, Timestamp, VariantId};
use stoa_rest::{
    Access, Caller, ETag, HeaderName, HeaderValue, IdempotentJson, IfMatch, Json, Limit, Method,
    Operation, Page, Permission, Problem, Query, Routes, State, Tenant, TraceContext, code,
};

use super::{Api, Asker, IF_MATCH, STOCK_BELOW_RESERVED, failure, precondition, present, text};
use crate::application::{Adjust, Command, Count, Counted, Policy, SetLevel};
use crate::domain::{DEFAULT_LOCATION, Level, LevelKey};

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
