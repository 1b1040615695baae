//! Holding stock for orders. Ships nothing and sets no level.
//!
//! A shop with one place is served by one conditional UPDATE per variant and no lock before it. Any
//! other case locks the variants, reads, plans over the places and writes: under the locks a plan
//! cannot turn out short, so nothing is raised that would have to be taken back.

use std::collections::BTreeMap;

use stoa_contracts::Destination;
use stoa_contracts::inventory::{Allocation, ReserveError, Shortage};
use stoa_kernel::{OrderId, Timestamp, VariantId};
use stoa_storage::{Cause, Error, Tx};

use super::Stockroom;
use super::shelves::{Shelves, Why, is_tracked, of_variant, rule_over, standing};
use crate::domain::{DEFAULT_LOCATION, Delta, Level, LevelKey, MovementKind, Stock};
use crate::infrastructure::{self as store, Hold};

/// How often a row that was short and is no longer, on reading it again, is tried.
const RAISES_MAX: u32 = 4;

/// Who asks for how much, and until when it is held: `None` is for good.
pub(super) struct Request<'r> {
    pub(super) order: OrderId,
    pub(super) wanted: BTreeMap<VariantId, i64>,
    pub(super) destination: &'r Destination,
    pub(super) expires_at: Option<Timestamp>,
}

impl Stockroom {
    /// After an `Err` the caller's body must return one too: rows may have been raised already,
    /// and only the rollback takes that back.
    pub(super) async fn reserve_in(
        &self,
        tx: &mut Tx<'_>,
        request: &Request<'_>,
        expires_at: Timestamp,
        cause: &Cause,
    ) -> Result<(), ReserveError> {
        let Request { order, wanted, .. } = request;
        let missing = store::raise(tx, *order, wanted, cause.occurred_at).await?;
        if missing.len() < wanted.len() {
            let raised = self
                .raise_rest(tx, *order, wanted, missing, cause.occurred_at)
                .await?;
            return self
                .hold_raised(tx, *order, &raised, expires_at, cause)
                .await
                .map_err(ReserveError::from);
        }
        // None was raised: all are short, or the order's own holds or the shop's rule forbade it.
        let own = store::locked_holds(tx, *order).await?;
        if own.is_empty() {
            if wanted.is_empty() {
                return Ok(());
            }
            let found = store::levels(tx, &missing).await?;
            if !found.is_sourced {
                let short = shortages(wanted, &missing, found.levels);
                if !short.is_empty() {
                    return Err(ReserveError::Short { shortages: short });
                }
            }
        }
        self.place(tx, request, &own, cause).await
    }

    /// Tries those again that were short when they were tried and are not when they are read: what
    /// is there is not refused. Answers all that was raised.
    async fn raise_rest(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        wanted: &BTreeMap<VariantId, i64>,
        mut missing: Vec<VariantId>,
        at: Timestamp,
    ) -> Result<BTreeMap<VariantId, i64>, ReserveError> {
        let mut raised = wanted.clone();
        for _ in 0..RAISES_MAX {
            if missing.is_empty() {
                return Ok(raised);
            }
            let found = store::levels(tx, &missing).await?.levels;
            let levels = keyed(found.iter().copied());
            let short = shortages(wanted, &missing, found);
            if !short.is_empty() {
                return Err(ReserveError::Short { shortages: short });
            }
            // Only what is tracked is held.
            missing.retain(|&variant| {
                let tracked = is_tracked(&levels, variant);
                if !tracked {
                    raised.remove(&variant);
                }
                tracked
            });
            let again = missing
                .iter()
                .map(|variant| (*variant, wanted[variant]))
                .collect();
            missing = store::raise(tx, order, &again, at).await?;
        }
        match missing.is_empty() {
            true => Ok(raised),
            // Others took it each time it came back. The whole transaction may be tried again.
            false => Err(Error::Contention {
                attempts: RAISES_MAX,
            }
            .into()),
        }
    }

    /// Writes down what was raised at the default location.
    async fn hold_raised(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        raised: &BTreeMap<VariantId, i64>,
        expires_at: Timestamp,
        cause: &Cause,
    ) -> Result<(), Error> {
        let variants: Vec<VariantId> = raised.keys().copied().collect();
        let found = store::levels(tx, &variants).await?;
        let own = found
            .levels
            .iter()
            .filter(|level| level.location == DEFAULT_LOCATION);
        let levels: Vec<(Level, i64)> = own.map(|level| (*level, raised[&level.variant])).collect();
        store::insert_holds(tx, order, &levels, expires_at, cause.occurred_at).await?;
        let rule = rule_over(tx, &found).await?;
        let after = keyed(found.levels.into_iter());
        let mut before = after.clone();
        for (level, units) in levels {
            let was = Level {
                stock: level.stock.release(units).0,
                version: level.version - 1,
                ..level
            };
            before.insert(was.key(), was);
        }
        for variant in variants {
            let was = standing(&before, variant, &rule);
            let is = standing(&after, variant, &rule);
            self.tell(tx, variant, &was, &is, cause).await?;
        }
        Ok(())
    }

    /// Replaces what the order holds by what it asks for, wherever that is.
    async fn place(
        &self,
        tx: &mut Tx<'_>,
        request: &Request<'_>,
        own: &[Hold],
        cause: &Cause,
    ) -> Result<(), ReserveError> {
        let Request { order, wanted, .. } = request;
        let held = own.iter().map(|hold| hold.variant);
        let variants: Vec<VariantId> = held.chain(wanted.keys().copied()).collect();
        let mut shelves = Shelves::lock(tx, &variants, cause.occurred_at).await?;
        for hold in own {
            let given_back = Delta::reserved(-hold.units);
            let why = Why::order(*order);
            shelves.shift(hold.key(), MovementKind::Release, given_back, why)?;
        }
        let given = plan(&shelves, request)?;
        if !own.is_empty() {
            store::drop_holds(tx, *order).await?;
        }
        self.hold(tx, request, shelves, &given, cause).await
    }

    /// Adds to what the order holds.
    pub(super) async fn reserve_more_in(
        &self,
        tx: &mut Tx<'_>,
        request: &Request<'_>,
        cause: &Cause,
    ) -> Result<(), ReserveError> {
        if request.wanted.is_empty() {
            return Ok(());
        }
        store::locked_holds(tx, request.order).await?;
        let variants: Vec<VariantId> = request.wanted.keys().copied().collect();
        let shelves = Shelves::lock(tx, &variants, cause.occurred_at).await?;
        let given = plan(&shelves, request)?;
        self.hold(tx, request, shelves, &given, cause).await
    }

    async fn hold(
        &self,
        tx: &mut Tx<'_>,
        request: &Request<'_>,
        mut shelves: Shelves,
        given: &[Allocation],
        cause: &Cause,
    ) -> Result<(), ReserveError> {
        let mut holds = Vec::with_capacity(given.len());
        for given in given {
            let hold = Hold {
                variant: given.variant,
                location: given.location,
                units: given.units,
            };
            let why = Why::order(request.order);
            let units = Delta::reserved(hold.units);
            shelves.shift(hold.key(), MovementKind::Reserve, units, why)?;
            holds.push(hold);
        }
        let Request {
            order, expires_at, ..
        } = request;
        store::put_holds(tx, *order, &holds, *expires_at, cause.occurred_at).await?;
        Ok(self.settle(tx, shelves, cause).await?)
    }
}

fn plan(shelves: &Shelves, request: &Request<'_>) -> Result<Vec<Allocation>, ReserveError> {
    shelves
        .plan(&request.wanted, request.destination)
        .map_err(|shortages| ReserveError::Short { shortages })
}

fn keyed(levels: impl Iterator<Item = Level>) -> BTreeMap<LevelKey, Level> {
    levels.map(|level| (level.key(), level)).collect()
}

/// Which of `missing` are short in a shop with one place; a variant without a level has none.
fn shortages(
    wanted: &BTreeMap<VariantId, i64>,
    missing: &[VariantId],
    levels: Vec<Level>,
) -> Vec<Shortage> {
    let levels = keyed(levels.into_iter());
    let mut short = Vec::new();
    for &variant in missing {
        let own = of_variant(&levels, variant).find(|level| level.location == DEFAULT_LOCATION);
        let stock = own.map_or(Stock::NONE, |level| level.stock);
        let asked = wanted.get(&variant).copied().unwrap_or(0);
        if let (true, Err(lack)) = (is_tracked(&levels, variant), stock.reserve(asked)) {
            short.push(Shortage {
                variant,
                asked,
                available: lack.available,
            });
        }
    }
    short
}
