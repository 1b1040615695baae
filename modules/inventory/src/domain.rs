//! Stock arithmetic and its audit. Knows nothing of databases, requests or time.

mod audit;
mod movement;
mod places;
mod sourcing;
mod standing;
mod transfer;

use std::collections::BTreeMap;

use stoa_contracts::inventory::Demand;
use stoa_kernel::{LocationId, Timestamp, VariantId};

pub(crate) use audit::{LevelKey, Mismatch, Moved, Reading, resum};
pub(crate) use movement::{Movement, MovementKind};
pub(crate) use places::{DEFAULT_LOCATION, Place, Preference, Rule};
pub(crate) use sourcing::plan;
pub(crate) use standing::Standing;
pub(crate) use transfer::{Receipt, Transfer, TransferLine, TransferRefused, TransferStatus};

/// Units of one variant in one place. `0 <= reserved <= on_hand`, unless it may be backordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stock {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    /// On its way here from another place.
    pub(crate) incoming: i64,
    pub(crate) backorder: bool,
}

/// What one movement changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delta {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) incoming: i64,
}

impl Delta {
    pub(crate) const fn on_hand(units: i64) -> Self {
        Self {
            on_hand: units,
            reserved: 0,
            incoming: 0,
        }
    }
    pub(crate) const fn reserved(units: i64) -> Self {
        Self {
            on_hand: 0,
            reserved: units,
            incoming: 0,
        }
    }
    pub(crate) const fn incoming(units: i64) -> Self {
        Self {
            on_hand: 0,
            reserved: 0,
            incoming: units,
        }
    }
    /// Goods that were held leave (negative), or come back to be held again.
    pub(crate) const fn held_goods(units: i64) -> Self {
        Self {
            on_hand: units,
            reserved: units,
            incoming: 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{asked} asked for, {available} available")]
pub(crate) struct Short {
    pub(crate) asked: i64,
    pub(crate) available: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{on_hand} on hand would be below the {reserved} reserved")]
pub(crate) struct BelowReserved {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
}

impl Stock {
    /// Of a variant that was never counted.
    pub(crate) const NONE: Self = Self {
        on_hand: 0,
        reserved: 0,
        incoming: 0,
        backorder: false,
    };

    /// What can still be promised; never negative.
    pub(crate) fn available(self) -> i64 {
        (self.on_hand - self.reserved).max(0)
    }

    /// Whether one more can be had.
    pub(crate) fn is_available(self) -> bool {
        self.reserve(1).is_ok()
    }

    /// The rule that the conditional UPDATE of a reservation carries out.
    pub(crate) fn reserve(self, units: i64) -> Result<(Self, Delta), Short> {
        if !self.backorder && self.on_hand - self.reserved < units {
            return Err(Short {
                asked: units,
                available: self.available(),
            });
        }
        let delta = Delta::reserved(units);
        Ok((self.moved(delta), delta))
    }

    /// `units` were reserved before.
    pub(crate) fn release(self, units: i64) -> (Self, Delta) {
        let delta = Delta::reserved(-units);
        (self.moved(delta), delta)
    }

    /// A count of the shelf. What is reserved stays promised, so it cannot fall below that.
    pub(crate) fn set(self, on_hand: u32) -> Result<(Self, Delta), BelowReserved> {
        let on_hand = i64::from(on_hand);
        if !self.backorder && on_hand < self.reserved {
            return Err(BelowReserved {
                on_hand,
                reserved: self.reserved,
            });
        }
        let delta = Delta::on_hand(on_hand - self.on_hand);
        Ok((self.moved(delta), delta))
    }

    /// Takes units off the shelf for good, or puts more there. What is reserved stays promised.
    pub(crate) fn adjust(self, units: i64) -> Result<(Self, Delta), BelowReserved> {
        let on_hand = self.on_hand + units;
        if on_hand < 0 || (!self.backorder && on_hand < self.reserved) {
            return Err(BelowReserved {
                on_hand,
                reserved: self.reserved,
            });
        }
        let delta = Delta::on_hand(units);
        Ok((self.moved(delta), delta))
    }

    /// Whether the CHECKs of the database let it stand.
    pub(crate) fn is_lawful(self) -> bool {
        self.on_hand >= 0
            && self.reserved >= 0
            && self.incoming >= 0
            && (self.backorder || self.reserved <= self.on_hand)
    }

    pub(crate) fn moved(self, delta: Delta) -> Self {
        Self {
            on_hand: self.on_hand + delta.on_hand,
            reserved: self.reserved + delta.reserved,
            incoming: self.incoming + delta.incoming,
            backorder: self.backorder,
        }
    }
}

/// A row of stock as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) variant: VariantId,
    pub(crate) location: LocationId,
    pub(crate) stock: Stock,
    /// Whether the variant is counted at all; means something at the default location alone.
    pub(crate) tracked: bool,
    /// The variant is low at or below it; means something at the default location alone.
    pub(crate) low_threshold: Option<i64>,
    pub(crate) version: i64,
    pub(crate) updated_at: Timestamp,
}

impl Level {
    #[cfg(test)]
    pub(crate) const fn blank(variant: VariantId, location: LocationId, at: Timestamp) -> Self {
        Self {
            variant,
            location,
            stock: Stock::NONE,
            tracked: true,
            low_threshold: None,
            version: 0,
            updated_at: at,
        }
    }

    pub(crate) const fn key(&self) -> LevelKey {
        (self.variant, self.location)
    }
}

/// Units per variant in id order, so that every transaction takes rows in one order.
pub(crate) fn sum_demand(demand: &[Demand]) -> BTreeMap<VariantId, i64> {
    let mut wanted = BTreeMap::new();
    for line in demand {
        *wanted.entry(line.variant).or_insert(0) += line.quantity.as_i64();
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stoa_kernel::Quantity;

    const fn stock(on_hand: i64, reserved: i64) -> Stock {
        Stock {
            on_hand,
            reserved,
            incoming: 0,
            backorder: false,
        }
    }

    #[test]
    fn stock_is_promised_to_the_last_unit_and_no_further() {
        assert_eq!(
            stock(10, 7).reserve(3),
            Ok((stock(10, 10), Delta::reserved(3)))
        );
        assert_eq!(
            stock(10, 7).reserve(4),
            Err(Short {
                asked: 4,
                available: 3
            })
        );
        let backorder = Stock {
            backorder: true,
            ..stock(0, 5)
        };
        assert_eq!(backorder.available(), 0);
        assert!(backorder.reserve(1_000_000).is_ok());
    }

    #[test]
    fn a_count_below_what_is_promised_is_refused() {
        assert_eq!(
            stock(10, 4).set(3),
            Err(BelowReserved {
                on_hand: 3,
                reserved: 4
            })
        );
        assert_eq!(stock(10, 4).set(4), Ok((stock(4, 4), Delta::on_hand(-6))));
        let backorder = Stock {
            backorder: true,
            ..stock(0, 5)
        };
        assert_eq!(backorder.set(3).map(|(after, _)| after.on_hand), Ok(3));
    }

    #[test]
    fn demand_for_one_variant_is_summed() {
        let (a, b) = (VariantId::from_u128(1), VariantId::from_u128(2));
        let line = |variant, units| Demand {
            variant,
            quantity: Quantity::new(units).expect("from 1 up"),
        };
        let wanted = sum_demand(&[line(b, 1), line(a, 2), line(a, 3)]);
        assert_eq!(wanted, BTreeMap::from([(a, 5), (b, 1)]));
    }

    #[test]
    fn an_adjustment_leaves_what_is_promised() {
        let below = |on_hand| {
            Err(BelowReserved {
                on_hand,
                reserved: 4,
            })
        };
        assert_eq!(
            stock(10, 4).adjust(-6),
            Ok((stock(4, 4), Delta::on_hand(-6)))
        );
        assert_eq!(stock(10, 4).adjust(-7), below(3));
        let backorder = Stock {
            backorder: true,
            ..stock(2, 4)
        };
        assert_eq!(backorder.adjust(-2).map(|(after, _)| after.on_hand), Ok(0));
        assert_eq!(
            backorder.adjust(-3),
            below(-1),
            "nobody has fewer than none"
        );
    }

    #[derive(Debug, Clone)]
    enum Step {
        Reserve(i64),
        /// Gives back one of the open holds.
        Release(usize),
        Set(u32),
        Adjust(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1_i64..20).prop_map(Step::Reserve),
            any::<usize>().prop_map(Step::Release),
            (0_u32..40).prop_map(Step::Set),
            (-20_i64..20).prop_map(Step::Adjust),
        ]
    }

    proptest! {
        #[test]
        fn no_sequence_breaks_the_bounds_and_movements_re_sum(
            backorder in any::<bool>(),
            steps in prop::collection::vec(step(), 0..60),
        ) {
            let mut now = Stock { backorder, ..Stock::NONE };
            let mut holds: Vec<i64> = Vec::new();
            let mut total = Delta::default();
            for step in steps {
                let moved = match step {
                    Step::Reserve(units) => now.reserve(units).ok().inspect(|_| holds.push(units)),
                    Step::Release(_) if holds.is_empty() => None,
                    Step::Release(at) => Some(now.release(holds.remove(at % holds.len()))),
                    Step::Set(on_hand) => now.set(on_hand).ok(),
                    Step::Adjust(units) => now.adjust(units).ok(),
                };
                let Some((after, delta)) = moved else { continue };
                now = after;
                total.on_hand += delta.on_hand;
                total.reserved += delta.reserved;
                prop_assert!(now.is_lawful());
                prop_assert_eq!(now.reserved, holds.iter().sum::<i64>());
            }
            let sum = Delta { on_hand: now.on_hand, reserved: now.reserved, incoming: 0 };
            prop_assert_eq!(total, sum);
        }
    }
}
