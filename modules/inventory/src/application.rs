//! What can be done with stock, each in one transaction. Holds no SQL and no HTTP.

mod contract;

use std::collections::BTreeMap;

use stoa_contracts::Deps;
use stoa_contracts::inventory::{AvailabilityChanged, InitialLevel, ReserveError};
use stoa_kernel::{OrderId, TenantId, Timestamp, VariantId, kind};
use stoa_storage::{Cause, Claim, Error, IdempotencyKey, Tx};

use crate::domain::{
    self, BelowReserved, DEFAULT_LOCATION, Level, LevelKey, Mismatch, Movement, MovementKind, Stock,
};
use crate::infrastructure::{self as store, LEVELS_PER_AUDIT_STEP};

/// Mismatches an audit reports before it stops: where there are more, the first explain the rest.
pub(crate) const MISMATCHES_MAX: usize = 250;

/// The stock of every tenant.
pub(crate) struct Stockroom {
    deps: Deps,
}

/// A count of the shelf.
#[derive(Debug, Clone)]
pub(crate) struct SetLevel {
    pub(crate) variant: VariantId,
    pub(crate) on_hand: u32,
    pub(crate) reason: Option<String>,
    pub(crate) precondition: Precondition,
}

/// What the caller believes of the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precondition {
    None,
    Exists,
    Version(i64),
}

/// The answer to a [`SetLevel`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LevelSet {
    Now(Level),
    /// The key was used before: the answer given then.
    Before {
        answer: String,
    },
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SetLevelError {
    #[error(transparent)]
    BelowReserved(#[from] BelowReserved),
    /// The level has another version, or there is none.
    #[error("the level is at another version: {current:?}")]
    Stale { current: Option<i64> },
    #[error("the idempotency key was used for another body")]
    KeyReused,
    #[error("the first operation with this idempotency key has no answer yet")]
    KeyUnfinished,
    #[error(transparent)]
    Storage(#[from] Error),
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Audit {
    pub(crate) levels: u64,
    pub(crate) mismatches: Vec<Mismatch>,
    /// False where it stopped at [`MISMATCHES_MAX`].
    pub(crate) complete: bool,
}

impl Stockroom {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.deps.now()
    }

    /// `render` makes the answer that later uses of the key get.
    pub(crate) async fn set_level(
        self: std::sync::Arc<Self>,
        tenant: TenantId,
        change: SetLevel,
        key: IdempotencyKey,
        cause: Cause,
        render: fn(&Level) -> String,
    ) -> Result<LevelSet, SetLevelError> {
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            match tx.claim_key(&key, cause.occurred_at).await? {
                Claim::Fresh => {}
                Claim::Stored { response, .. } => {
                    return Ok(LevelSet::Before { answer: response });
                }
                Claim::Reused => return Err(SetLevelError::KeyReused),
                Claim::Unfinished => return Err(SetLevelError::KeyUnfinished),
            }
            let level = self.set_level_in(tx, &change, &cause).await?;
            tx.store_response(&key, 200, &render(&level)).await?;
            Ok(LevelSet::Now(level))
        })
        .await
    }

    async fn set_level_in(
        &self,
        tx: &mut Tx<'_>,
        change: &SetLevel,
        cause: &Cause,
    ) -> Result<Level, SetLevelError> {
        if change.precondition == Precondition::None {
            // So that there is a row to lock, whoever counts this variant first.
            store::insert_levels(tx, &[uncounted(change.variant, cause)]).await?;
        }
        let found = store::locked_levels(tx, &[change.variant]).await?;
        let level = *found
            .first()
            .ok_or(SetLevelError::Stale { current: None })?;
        match change.precondition {
            Precondition::Version(version) if version != level.version => {
                return Err(SetLevelError::Stale {
                    current: Some(level.version),
                });
            }
            _ => {}
        }
        let (stock, delta) = level.stock.set(change.on_hand)?;
        if stock == level.stock {
            return Ok(level);
        }
        let (after, movement) = counted(level, stock, delta, change.reason.clone(), cause);
        store::store(tx, &[after], &[movement]).await?;
        self.tell(tx, &[(level.stock, after)], cause).await?;
        Ok(after)
    }

    /// After an `Err` the caller's body must return one too: rows may have been raised already,
    /// and only the rollback takes that back.
    async fn reserve_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        wanted: &BTreeMap<VariantId, i64>,
        expires_at: Timestamp,
        cause: &Cause,
    ) -> Result<(), ReserveError> {
        let at = cause.occurred_at;
        // Before and after, per variant: giving back and taking again is one change to shoppers.
        let mut changed: BTreeMap<VariantId, (Stock, Level)> = BTreeMap::new();
        let mut missing = store::raise(tx, order, wanted, at).await?;
        if !missing.is_empty() || wanted.is_empty() {
            // It may be the order's own earlier hold that kept everything from being raised.
            for (before, after) in self.give_back(tx, order, cause).await? {
                changed.insert(after.variant, (before, after));
            }
            if !changed.is_empty() {
                missing = store::raise(tx, order, wanted, at).await?;
            }
        }
        if !missing.is_empty() {
            let levels = store::levels(tx, &missing).await?;
            let shortages = domain::shortages(wanted, &missing, &levels);
            return Err(ReserveError::Short { shortages });
        }
        let variants: Vec<VariantId> = wanted.keys().copied().collect();
        let levels: Vec<(Level, i64)> = store::levels(tx, &variants)
            .await?
            .into_iter()
            .map(|level| (level, wanted[&level.variant]))
            .collect();
        store::insert_holds(tx, order, &levels, expires_at, at).await?;
        for (level, units) in levels {
            let before = level.stock.release(units).0;
            changed.entry(level.variant).or_insert((before, level)).1 = level;
        }
        let changed: Vec<(Stock, Level)> = changed.into_values().collect();
        self.tell(tx, &changed, cause).await?;
        Ok(())
    }

    /// Each level before and after; empty where the order holds nothing.
    async fn give_back(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<Vec<(Stock, Level)>, Error> {
        let held = store::held(tx, order).await?;
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let after = store::give_back(tx, order, &held, cause.occurred_at).await?;
        Ok(held
            .iter()
            .map(|held| held.level.stock)
            .zip(after)
            .collect())
    }

    async fn set_initial_in(
        &self,
        tx: &mut Tx<'_>,
        levels: &[InitialLevel],
        overwrite: bool,
        cause: &Cause,
    ) -> Result<(), Error> {
        // One per variant, the last of them, in id order.
        let wanted: BTreeMap<VariantId, InitialLevel> =
            levels.iter().map(|level| (level.variant, *level)).collect();
        let blank: Vec<Level> = wanted
            .keys()
            .map(|&variant| uncounted(variant, cause))
            .collect();
        let inserted = store::insert_levels(tx, &blank).await?;
        let mut found: Vec<Level> = Vec::new();
        let mut known: Vec<VariantId> = Vec::new();
        for (level, is_new) in blank.into_iter().zip(inserted) {
            match is_new {
                true => found.push(level),
                false if overwrite => known.push(level.variant),
                false => {}
            }
        }
        if !known.is_empty() {
            found.extend(store::locked_levels(tx, &known).await?);
        }
        let mut changes = Vec::new();
        for level in found {
            let wanted = wanted[&level.variant];
            if let Some(change) = imported(level, wanted, cause) {
                changes.push((level.stock, change));
            }
        }
        let (after, movements): (Vec<Level>, Vec<Movement>) =
            changes.iter().map(|(_, change)| change.clone()).unzip();
        store::store(tx, &after, &movements).await?;
        let changed: Vec<(Stock, Level)> = changes
            .into_iter()
            .map(|(before, (after, _))| (before, after))
            .collect();
        self.tell(tx, &changed, cause).await
    }

    /// Publishes what crossed zero, and nothing else.
    async fn tell(
        &self,
        tx: &mut Tx<'_>,
        changed: &[(Stock, Level)],
        cause: &Cause,
    ) -> Result<(), Error> {
        for (before, after) in changed {
            let Some(available) = domain::crossing(*before, after.stock) else {
                continue;
            };
            let fact = AvailabilityChanged {
                variant: after.variant,
                available,
                level_version: after.version,
            };
            let id = self.deps.ids.make::<kind::Event>(cause.occurred_at);
            tx.emit(id, cause, &fact).await?;
        }
        Ok(())
    }

    pub(crate) async fn levels(
        &self,
        tenant: TenantId,
        variant: Option<VariantId>,
        after: LevelKey,
        limit: i64,
    ) -> Result<Vec<Level>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::levels_after(tx, variant, after, limit).await)
            .await
    }

    pub(crate) async fn movements(
        &self,
        tenant: TenantId,
        variant: VariantId,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Movement>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            store::movements_before(tx, variant, before, limit).await
        })
        .await
    }

    /// Adds up the tenant's movements and holds, and compares. Each step reads one snapshot.
    pub(crate) async fn audit(&self, tenant: TenantId) -> Result<Audit, Error> {
        let db = self.deps.storage.db(tenant).await?;
        let mut audit = Audit::default();
        let mut after = VariantId::from_u128(0);
        loop {
            let (levels, last, mismatches) = db
                .read(async move |tx: &mut Tx<'_>| audit_step(tx, after).await)
                .await?;
            audit.levels += levels;
            audit.mismatches.extend(mismatches);
            if audit.mismatches.len() >= MISMATCHES_MAX {
                audit.mismatches.truncate(MISMATCHES_MAX);
                return Ok(audit);
            }
            let Some(last) = last else { break };
            after = last;
        }
        audit.complete = true;
        Ok(audit)
    }
}

/// Levels seen, the last variant unless this was the end, and what does not add up.
async fn audit_step(
    tx: &mut Tx<'_>,
    after: VariantId,
) -> Result<(u64, Option<VariantId>, Vec<Mismatch>), Error> {
    let start = (after, stoa_kernel::LocationId::from_u128(u128::MAX));
    let mut levels = store::levels_after(tx, None, start, LEVELS_PER_AUDIT_STEP).await?;
    let is_end = (levels.len() as i64) < LEVELS_PER_AUDIT_STEP;
    let last = match levels.last().map(|level| level.variant) {
        Some(cut) if !is_end => {
            // Its other places may be in the next step.
            levels.retain(|level| level.variant != cut);
            levels.last().map(|level| level.variant)
        }
        _ => None,
    };
    let until = last.unwrap_or(VariantId::from_u128(u128::MAX));
    let moved = store::moved_per_level(tx, after, until).await?;
    let held = store::held_per_level(tx, after, until).await?;
    Ok((
        levels.len() as u64,
        last,
        domain::resum(&levels, &moved, &held),
    ))
}

/// The level of a variant before its first count.
fn uncounted(variant: VariantId, cause: &Cause) -> Level {
    Level {
        variant,
        location: DEFAULT_LOCATION,
        stock: Stock::NONE,
        version: 0,
        updated_at: cause.occurred_at,
    }
}

/// What an import makes of a level; `None` where it is so already. Never below what is reserved.
fn imported(level: Level, wanted: InitialLevel, cause: &Cause) -> Option<(Level, Movement)> {
    let floor = if wanted.backorder {
        0
    } else {
        level.stock.reserved
    };
    let stock = Stock {
        on_hand: i64::from(wanted.on_hand).max(floor),
        backorder: wanted.backorder,
        ..level.stock
    };
    let is_new = level.version == 0;
    if stock == level.stock && !is_new {
        return None;
    }
    let delta = domain::Delta {
        on_hand: stock.on_hand - level.stock.on_hand,
        reserved: 0,
    };
    Some(counted(
        level,
        stock,
        delta,
        Some("import".to_owned()),
        cause,
    ))
}

/// A level after a count, and the movement that says so.
fn counted(
    level: Level,
    stock: Stock,
    delta: domain::Delta,
    reason: Option<String>,
    cause: &Cause,
) -> (Level, Movement) {
    let at = cause.occurred_at;
    let after = Level {
        stock,
        version: level.version + 1,
        updated_at: at,
        ..level
    };
    let movement = Movement {
        variant: level.variant,
        location: level.location,
        level_version: after.version,
        kind: MovementKind::Set,
        delta,
        order: None,
        reason,
        at,
    };
    (after, movement)
}
