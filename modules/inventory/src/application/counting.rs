//! Levels that people and counts set. Knows no order.

use stoa_kernel::{LocationId, VariantId};
use stoa_storage::{Cause, Tx};

use super::shelves::{Shelves, Why};
use super::{Precondition, StockError, Stockroom};
use crate::domain::{BelowReserved, DEFAULT_LOCATION, Delta, Level, LevelKey, MovementKind, Stock};
use crate::infrastructure as store;

/// What a merchant says of how a variant is sold; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Policy {
    pub(crate) backorder: Option<bool>,
    pub(crate) tracked: Option<bool>,
    /// `Some(None)` takes the threshold away.
    pub(crate) low_threshold: Option<Option<i64>>,
}

#[derive(Debug, Clone)]
pub(crate) struct SetLevel {
    pub(crate) variant: VariantId,
    pub(crate) location: LocationId,
    pub(crate) on_hand: u32,
    pub(crate) policy: Policy,
    pub(crate) reason: Option<String>,
    pub(crate) precondition: Precondition,
}

/// So many more or fewer.
#[derive(Debug, Clone)]
pub(crate) struct Adjust {
    pub(crate) variant: VariantId,
    pub(crate) location: LocationId,
    pub(crate) units: i64,
    pub(crate) reason: &'static str,
    pub(crate) note: Option<String>,
}

/// What somebody counted in one place, each variant once.
#[derive(Debug, Clone)]
pub(crate) struct Count {
    pub(crate) location: LocationId,
    pub(crate) lines: Vec<(VariantId, u32)>,
    pub(crate) note: Option<String>,
}

/// What a count of one variant found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) before: i64,
    pub(crate) level: Level,
}

impl Stockroom {
    pub(super) async fn set_level(
        &self,
        tx: &mut Tx<'_>,
        change: &SetLevel,
        cause: &Cause,
    ) -> Result<Level, StockError> {
        known_location(tx, change.location).await?;
        let key = (change.variant, change.location);
        let at = cause.occurred_at;
        let mut shelves = match change.precondition {
            // So that there is a row to lock, whoever counts this variant first.
            Precondition::None => Shelves::open(tx, [key], at).await?,
            _ => Shelves::lock(tx, &[change.variant], at).await?,
        };
        let stale = |current| StockError::Stale { current };
        let level = shelves.level(key).ok_or_else(|| stale(None))?;
        match change.precondition {
            Precondition::Version(version) if version != level.version => {
                return Err(stale(Some(level.version)));
            }
            _ => {}
        }
        let allowed = Stock {
            backorder: change.policy.backorder.unwrap_or(level.stock.backorder),
            ..level.stock
        };
        let (stock, delta) = allowed.set(change.on_hand).map_err(refused)?;
        let after = match change.location == DEFAULT_LOCATION {
            true => with_policy(Level { stock, ..level }, change.policy),
            false => Level { stock, ..level },
        };
        let why = Why {
            reason: change.reason.clone(),
            ..Why::default()
        };
        if after != level {
            shelves.replace(after, MovementKind::Set, delta, why.clone());
        }
        if change.location != DEFAULT_LOCATION
            && let Some(own) = shelves.level((change.variant, DEFAULT_LOCATION))
            && with_policy(own, change.policy) != own
        {
            let policy = with_policy(own, change.policy);
            shelves.replace(policy, MovementKind::Set, Delta::default(), why);
        }
        let answer = shown(&shelves, key).unwrap_or(after);
        self.settle(tx, shelves, cause).await?;
        Ok(answer)
    }

    pub(super) async fn adjust(
        &self,
        tx: &mut Tx<'_>,
        change: &Adjust,
        cause: &Cause,
    ) -> Result<Level, StockError> {
        known_location(tx, change.location).await?;
        let key = (change.variant, change.location);
        let mut shelves = Shelves::open(tx, [key], cause.occurred_at).await?;
        let level = shelves
            .level(key)
            .ok_or(StockError::Stale { current: None })?;
        let (stock, delta) = level.stock.adjust(change.units).map_err(refused)?;
        let after = Level { stock, ..level };
        let why = Why {
            reason: Some(change.reason.to_owned()),
            note: change.note.clone(),
            ..Why::default()
        };
        shelves.replace(after, MovementKind::Adjust, delta, why);
        let answer = shown(&shelves, key).unwrap_or(after);
        self.settle(tx, shelves, cause).await?;
        Ok(answer)
    }

    /// All of the list or none of it. A movement is written also where nothing differs: that it was
    /// counted is worth knowing.
    pub(super) async fn count(
        &self,
        tx: &mut Tx<'_>,
        count: &Count,
        cause: &Cause,
    ) -> Result<Vec<Counted>, StockError> {
        known_location(tx, count.location).await?;
        let keys = count.lines.iter().map(|line| (line.0, count.location));
        let mut shelves = Shelves::open(tx, keys, cause.occurred_at).await?;
        let mut before = Vec::with_capacity(count.lines.len());
        for (index, &(variant, counted)) in count.lines.iter().enumerate() {
            let key = (variant, count.location);
            let level = shelves
                .level(key)
                .ok_or(StockError::Stale { current: None })?;
            let (stock, delta) = level.stock.set(counted).map_err(|refused| {
                let line = Some(index);
                StockError::BelowReserved { line, refused }
            })?;
            let why = Why {
                note: count.note.clone(),
                ..Why::default()
            };
            shelves.replace(Level { stock, ..level }, MovementKind::Count, delta, why);
            before.push((key, level.stock.on_hand));
        }
        let counted = before.into_iter().filter_map(|(key, before)| {
            let level = shown(&shelves, key)?;
            Some(Counted { before, level })
        });
        let counted = counted.collect();
        self.settle(tx, shelves, cause).await?;
        Ok(counted)
    }
}

/// Locks the location, so that nobody removes it while it gets a level.
pub(super) async fn known_location(
    tx: &mut Tx<'_>,
    location: LocationId,
) -> Result<(), StockError> {
    let field = "location_id";
    if location == DEFAULT_LOCATION || store::locked_place(tx, location).await?.is_some() {
        return Ok(());
    }
    Err(StockError::UnknownLocation { field })
}

fn refused(refused: BelowReserved) -> StockError {
    StockError::BelowReserved {
        line: None,
        refused,
    }
}

/// A level with the policy of its variant, as merchants see it.
fn shown(shelves: &Shelves, key: LevelKey) -> Option<Level> {
    let own = shelves.level((key.0, DEFAULT_LOCATION))?;
    shelves.level(key).map(|level| Level {
        tracked: own.tracked,
        low_threshold: own.low_threshold,
        ..level
    })
}

fn with_policy(level: Level, policy: Policy) -> Level {
    Level {
        tracked: policy.tracked.unwrap_or(level.tracked),
        low_threshold: policy.low_threshold.unwrap_or(level.low_threshold),
        ..level
    }
}
