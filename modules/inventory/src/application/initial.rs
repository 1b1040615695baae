//! Levels that imports set. Knows no order.

use std::collections::BTreeMap;

use stoa_contracts::inventory::InitialLevel;
use stoa_kernel::{Timestamp, VariantId};
use stoa_storage::{Cause, Error, Tx};

use super::Stockroom;
use super::shelves::{Shelves, Why};
use crate::domain::{DEFAULT_LOCATION, Delta, Level, Movement, MovementKind, Standing, Stock};
use crate::infrastructure as store;

/// What movements of an import give for their reason.
const REASON: &str = "import";

impl Stockroom {
    pub(super) async fn set_initial_in(
        &self,
        tx: &mut Tx<'_>,
        levels: &[InitialLevel],
        overwrite: bool,
        cause: &Cause,
    ) -> Result<(), Error> {
        // One per variant, the last of them, in id order.
        let wanted: BTreeMap<VariantId, InitialLevel> =
            levels.iter().map(|level| (level.variant, *level)).collect();
        let first: Vec<Level> = wanted
            .values()
            .map(|wanted| first_level(*wanted, cause.occurred_at))
            .collect();
        let inserted = store::insert_first_levels(tx, &first).await?;
        let is_new = |at: &usize| inserted.get(*at).copied().unwrap_or_default();
        let (new, known): (Vec<usize>, Vec<usize>) = (0..first.len()).partition(is_new);
        let new: Vec<Level> = new.into_iter().map(|at| first[at]).collect();
        if !new.is_empty() {
            self.settle_first(tx, &new, cause).await?;
        }
        if !overwrite || known.is_empty() {
            return Ok(());
        }
        let known: Vec<VariantId> = known.into_iter().map(|at| first[at].variant).collect();
        let mut shelves = Shelves::lock(tx, &known, cause.occurred_at).await?;
        for variant in known {
            let level = shelves.level((variant, DEFAULT_LOCATION));
            let change = level.and_then(|level| imported(level, wanted[&variant]));
            if let Some((after, delta)) = change {
                let why = Why {
                    reason: Some(REASON.to_owned()),
                    ..Why::default()
                };
                shelves.replace(after, MovementKind::Set, delta, why);
            }
        }
        self.settle(tx, shelves, cause).await
    }

    /// What follows from levels that were just inserted: each is the only one of its variant, whose
    /// lock it is, so nothing has to be read but the rule, and that after them.
    async fn settle_first(
        &self,
        tx: &mut Tx<'_>,
        levels: &[Level],
        cause: &Cause,
    ) -> Result<(), Error> {
        let movements: Vec<Movement> = levels.iter().map(first_movement).collect();
        store::insert_movements(tx, &movements).await?;
        let rule = store::rule(tx).await?;
        for level in levels {
            let blank = Level {
                stock: Stock::NONE,
                version: 0,
                ..*level
            };
            let before = Standing::of(std::iter::once(&blank), &rule);
            let after = Standing::of(std::iter::once(level), &rule);
            self.tell(tx, level.variant, &before, &after, cause).await?;
        }
        Ok(())
    }
}

/// The level of a variant that has none yet.
fn first_level(wanted: InitialLevel, at: Timestamp) -> Level {
    Level {
        variant: wanted.variant,
        location: DEFAULT_LOCATION,
        stock: Stock {
            on_hand: i64::from(wanted.on_hand),
            backorder: wanted.backorder,
            ..Stock::NONE
        },
        tracked: true,
        low_threshold: None,
        version: 1,
        updated_at: at,
    }
}

fn first_movement(level: &Level) -> Movement {
    Movement {
        variant: level.variant,
        location: level.location,
        level_version: level.version,
        kind: MovementKind::Set,
        delta: Delta::on_hand(level.stock.on_hand),
        order: None,
        transfer: None,
        reason: Some(REASON.to_owned()),
        note: None,
        at: level.updated_at,
    }
}

/// What an import makes of a level; `None` where it is so already. Never below what is reserved.
fn imported(level: Level, wanted: InitialLevel) -> Option<(Level, Delta)> {
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
    let delta = Delta::on_hand(stock.on_hand - level.stock.on_hand);
    Some((Level { stock, ..level }, delta))
}
