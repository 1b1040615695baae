//! Goods of orders that leave, turn out not to have left, are given back, or come back. Plans no
//! reservation.

use std::collections::BTreeMap;

use stoa_contracts::inventory::{Allocation, ShipError};
use stoa_kernel::{LocationId, OrderId, VariantId};
use stoa_storage::{Cause, Error, Tx};

use super::Stockroom;
use super::shelves::{Shelves, Why};
use crate::domain::{DEFAULT_LOCATION, Delta, LevelKey, MovementKind};
use crate::infrastructure::{self as store, Hold};

/// The reason kept where goods left that nobody had counted.
const UNCOUNTED: &str = "uncounted";

impl Stockroom {
    /// Gives all of the order's holds back.
    pub(super) async fn release_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<(), Error> {
        let own = store::locked_holds(tx, order).await?;
        if own.is_empty() {
            return Ok(());
        }
        let mut shelves = lock_held(tx, &own, cause).await?;
        for hold in &own {
            let units = Delta::reserved(-hold.units);
            shelves.shift(hold.key(), MovementKind::Release, units, Why::order(order))?;
        }
        store::drop_holds(tx, order).await?;
        self.settle(tx, shelves, cause).await
    }

    /// From the last place back, so that the first ones keep what they were asked for.
    pub(super) async fn release_units_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        asked: &BTreeMap<VariantId, i64>,
        cause: &Cause,
    ) -> Result<i64, Error> {
        let mut own = store::locked_holds(tx, order).await?;
        own.reverse();
        let mut released = Vec::new();
        for (&variant, &units) in asked {
            released.extend(pick(&own, variant, units, None));
        }
        if released.is_empty() {
            return Ok(0);
        }
        let mut shelves = lock_held(tx, &released, cause).await?;
        for hold in &released {
            let units = Delta::reserved(-hold.units);
            shelves.shift(hold.key(), MovementKind::Release, units, Why::order(order))?;
        }
        store::resize_holds(tx, order, &left_of(&own, &released)).await?;
        self.settle(tx, shelves, cause).await?;
        Ok(released.iter().map(|hold| hold.units).sum())
    }

    pub(super) async fn ship_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        asked: &BTreeMap<VariantId, i64>,
        location: Option<LocationId>,
        cause: &Cause,
    ) -> Result<Vec<Allocation>, ShipError> {
        if let Some(location) = location
            && store::place(tx, location).await?.is_none()
        {
            return Err(ShipError::UnknownLocation);
        }
        let own = store::locked_holds(tx, order).await?;
        let variants: Vec<VariantId> = asked.keys().copied().collect();
        let mut shelves = Shelves::lock(tx, &variants, cause.occurred_at).await?;
        let mut taken: Vec<Hold> = Vec::new();
        for (&variant, &asked) in asked {
            let picked = pick(&own, variant, asked, location);
            let held: i64 = picked.iter().map(|hold| hold.units).sum();
            // What is not tracked is held nowhere, and leaves all the same.
            if held < asked && shelves.is_tracked(variant) {
                return Err(ShipError::NotHeld {
                    variant,
                    asked,
                    held,
                });
            }
            taken.extend(picked);
        }
        for hold in &taken {
            let on_hand = shelves.level(hold.key()).map_or(0, |at| at.stock.on_hand);
            if on_hand < hold.units {
                // A backorder is sent: so they were there, only nobody had counted them.
                let found = Delta::on_hand(hold.units - on_hand);
                let why = Why {
                    reason: Some(UNCOUNTED.to_owned()),
                    ..Why::order(order)
                };
                shelves.shift(hold.key(), MovementKind::Adjust, found, why)?;
            }
            let gone = Delta::held_goods(-hold.units);
            shelves.shift(hold.key(), MovementKind::Ship, gone, Why::order(order))?;
        }
        store::resize_holds(tx, order, &left_of(&own, &taken)).await?;
        self.settle(tx, shelves, cause).await?;
        Ok(taken.into_iter().map(allocation).collect())
    }

    pub(super) async fn unship_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        taken: &[Allocation],
        cause: &Cause,
    ) -> Result<(), Error> {
        let mut units: BTreeMap<LevelKey, i64> = BTreeMap::new();
        for taken in taken.iter().filter(|taken| taken.units > 0) {
            *units.entry((taken.variant, taken.location)).or_insert(0) += taken.units;
        }
        let back: Vec<Hold> = units
            .into_iter()
            .map(|((variant, location), units)| Hold {
                variant,
                location,
                units,
            })
            .collect();
        if back.is_empty() {
            return Ok(());
        }
        store::locked_holds(tx, order).await?;
        let mut shelves = lock_held(tx, &back, cause).await?;
        for hold in &back {
            let units = Delta::held_goods(hold.units);
            shelves.shift(hold.key(), MovementKind::Unship, units, Why::order(order))?;
        }
        // What was sent had been paid for.
        store::put_holds(tx, order, &back, None, cause.occurred_at).await?;
        self.settle(tx, shelves, cause).await
    }

    pub(super) async fn restock_in(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        goods: &BTreeMap<VariantId, i64>,
        location: Option<LocationId>,
        cause: &Cause,
    ) -> Result<(), ShipError> {
        if let Some(location) = location
            && store::locked_place(tx, location).await?.is_none()
        {
            return Err(ShipError::UnknownLocation);
        }
        let location = location.unwrap_or(DEFAULT_LOCATION);
        let keys = goods.keys().map(|&variant| (variant, location));
        let mut shelves = Shelves::open(tx, keys, cause.occurred_at).await?;
        for (&variant, &units) in goods {
            if shelves.is_tracked(variant) {
                let key = (variant, location);
                let back = Delta::on_hand(units);
                shelves.shift(key, MovementKind::Restock, back, Why::order(order))?;
            }
        }
        Ok(self.settle(tx, shelves, cause).await?)
    }
}

async fn lock_held(tx: &mut Tx<'_>, holds: &[Hold], cause: &Cause) -> Result<Shelves, Error> {
    let variants: Vec<VariantId> = holds.iter().map(|hold| hold.variant).collect();
    Shelves::lock(tx, &variants, cause.occurred_at).await
}

/// Up to `asked` units of a variant out of `own`, in its order; from one place, where it is named.
fn pick(own: &[Hold], variant: VariantId, asked: i64, place: Option<LocationId>) -> Vec<Hold> {
    let mut rest = asked;
    let mut picked = Vec::new();
    let of_variant = own.iter().filter(|hold| hold.variant == variant);
    for hold in of_variant.filter(|hold| place.is_none_or(|place| place == hold.location)) {
        let units = hold.units.min(rest);
        if units > 0 {
            picked.push(Hold { units, ..*hold });
            rest -= units;
        }
    }
    picked
}

/// What is left of those holds that something was taken from.
fn left_of(own: &[Hold], taken: &[Hold]) -> Vec<Hold> {
    let left = |taken: &Hold| {
        let of = own.iter().find(|hold| hold.key() == taken.key());
        of.map(|hold| Hold {
            units: hold.units - taken.units,
            ..*hold
        })
    };
    taken.iter().filter_map(left).collect()
}

fn allocation(hold: Hold) -> Allocation {
    Allocation {
        variant: hold.variant,
        location: hold.location,
        units: hold.units,
    }
}
