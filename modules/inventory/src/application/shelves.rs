//! The levels of some variants under their locks: changed here first, then written in one flight.
//! Decides nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use stoa_contracts::Destination;
use stoa_contracts::inventory::{Allocation, Shortage};
use stoa_kernel::{LocationId, OrderId, Timestamp, TransferId, VariantId};
use stoa_storage::{Error, Tx};

use crate::domain::{
    self, DEFAULT_LOCATION, Delta, Level, LevelKey, Movement, MovementKind, Rule, Standing,
};
use crate::infrastructure as store;

/// All places of some variants. Who holds it holds the variants' locks, so nothing here changes but
/// by its own hand.
pub(super) struct Shelves {
    read: BTreeMap<LevelKey, Level>,
    now: BTreeMap<LevelKey, Level>,
    pub(super) rule: Rule,
    movements: Vec<Movement>,
    at: Timestamp,
}

/// What a movement is for.
#[derive(Debug, Clone, Default)]
pub(super) struct Why {
    pub(super) order: Option<OrderId>,
    pub(super) transfer: Option<TransferId>,
    pub(super) reason: Option<String>,
    pub(super) note: Option<String>,
}

impl Why {
    pub(super) fn order(order: OrderId) -> Self {
        Self {
            order: Some(order),
            ..Self::default()
        }
    }
    pub(super) fn transfer(transfer: TransferId) -> Self {
        Self {
            transfer: Some(transfer),
            ..Self::default()
        }
    }
}

/// What is to be written, and how the variants stood before and stand after.
pub(super) struct Outcome {
    /// Each with the version it was read with.
    pub(super) levels: Vec<(i64, Level)>,
    pub(super) movements: Vec<Movement>,
    pub(super) standings: Vec<(VariantId, Standing, Standing)>,
}

impl Shelves {
    /// Locks first and reads then: the reading sees all that was committed by those who held the
    /// locks before. So does the rule, which a merchant may just have changed.
    pub(super) async fn lock(
        tx: &mut Tx<'_>,
        variants: &[VariantId],
        at: Timestamp,
    ) -> Result<Self, Error> {
        store::lock_variants(tx, variants).await?;
        let found = store::levels(tx, variants).await?;
        let rule = rule_over(tx, &found).await?;
        let now: BTreeMap<LevelKey, Level> = found
            .levels
            .into_iter()
            .map(|level| (level.key(), level))
            .collect();
        Ok(Self {
            read: now.clone(),
            now,
            rule,
            movements: Vec::new(),
            at,
        })
    }

    /// As [`Self::lock`], after making the levels that are missing: those asked for, and each
    /// variant's own at the default location, which is its lock.
    pub(super) async fn open(
        tx: &mut Tx<'_>,
        keys: impl IntoIterator<Item = LevelKey>,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let keys: BTreeSet<LevelKey> = keys
            .into_iter()
            .flat_map(|key| [(key.0, DEFAULT_LOCATION), key])
            .collect();
        let variants: Vec<VariantId> = keys.iter().map(|key| key.0).collect();
        let keys: Vec<LevelKey> = keys.into_iter().collect();
        store::insert_levels(tx, &keys, at).await?;
        Self::lock(tx, &variants, at).await
    }

    pub(super) fn level(&self, key: LevelKey) -> Option<Level> {
        self.now.get(&key).copied()
    }

    pub(super) fn is_tracked(&self, variant: VariantId) -> bool {
        is_tracked(&self.now, variant)
    }

    /// Which places give the demand, by the shop's rule; what is not tracked comes from nowhere.
    pub(super) fn plan(
        &self,
        wanted: &BTreeMap<VariantId, i64>,
        destination: &Destination,
    ) -> Result<Vec<Allocation>, Vec<Shortage>> {
        let mut tracked = wanted.clone();
        tracked.retain(|&variant, _| self.is_tracked(variant));
        if tracked.is_empty() {
            return Ok(Vec::new());
        }
        domain::plan(&tracked, &self.now, &self.rule, destination)
    }

    /// Moves units of one level. The caller has made sure that they are there.
    pub(super) fn shift(
        &mut self,
        key: LevelKey,
        kind: MovementKind,
        delta: Delta,
        why: Why,
    ) -> Result<(), Error> {
        let level = self.now.get(&key).copied();
        let Some(level) = level.filter(|level| level.stock.moved(delta).is_lawful()) else {
            // Caught here, for the database would only say that a constraint was broken.
            return Err(Error::Statement {
                sql: format!("{} of {delta:?}", kind.as_str()),
                message: format!("{key:?} is {level:?}"),
            });
        };
        let after = Level {
            stock: level.stock.moved(delta),
            ..level
        };
        self.replace(after, kind, delta, why);
        Ok(())
    }

    /// Puts a level in the place of what it was; `delta` is what that moved.
    pub(super) fn replace(&mut self, after: Level, kind: MovementKind, delta: Delta, why: Why) {
        let after = Level {
            version: after.version + 1,
            updated_at: self.at,
            ..after
        };
        self.now.insert(after.key(), after);
        self.movements.push(Movement {
            variant: after.variant,
            location: after.location,
            level_version: after.version,
            kind,
            delta,
            order: why.order,
            transfer: why.transfer,
            reason: why.reason,
            note: why.note,
            at: self.at,
        });
    }

    pub(super) fn outcome(self) -> Outcome {
        let mut levels = Vec::new();
        let mut variants = BTreeSet::new();
        for (key, level) in &self.now {
            let read = self.read.get(key).map_or(0, |read| read.version);
            if level.version != read {
                levels.push((read, *level));
                variants.insert(key.0);
            }
        }
        let standings = variants
            .into_iter()
            .map(|variant| {
                let before = standing(&self.read, variant, &self.rule);
                (variant, before, standing(&self.now, variant, &self.rule))
            })
            .collect();
        Outcome {
            levels,
            movements: self.movements,
            standings,
        }
    }
}

/// The rule that decides over what was found; read only in a shop that has one.
pub(super) async fn rule_over(tx: &mut Tx<'_>, found: &store::Found) -> Result<Rule, Error> {
    match found.is_sourced {
        true => store::rule(tx).await,
        false => Ok(Rule::plain()),
    }
}

/// A variant over all its places among `levels`.
pub(super) fn standing(
    levels: &BTreeMap<LevelKey, Level>,
    variant: VariantId,
    rule: &Rule,
) -> Standing {
    Standing::of(of_variant(levels, variant), rule)
}

pub(super) fn of_variant(
    levels: &BTreeMap<LevelKey, Level>,
    variant: VariantId,
) -> impl Iterator<Item = &Level> + Clone {
    let first = (variant, LocationId::from_u128(0));
    let last = (variant, LocationId::from_u128(u128::MAX));
    levels.range(first..=last).map(|(_, level)| level)
}

pub(super) fn is_tracked(levels: &BTreeMap<LevelKey, Level>, variant: VariantId) -> bool {
    let own = levels.get(&(variant, DEFAULT_LOCATION));
    own.is_none_or(|level| level.tracked)
}
