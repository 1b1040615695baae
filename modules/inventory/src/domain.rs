//! Stock arithmetic and its audit. Knows nothing of databases, requests or time.

mod audit;

use std::collections::BTreeMap;

use stoa_contracts::inventory::{Demand, Shortage};
use stoa_kernel::{LocationId, OrderId, Timestamp, VariantId};

pub(crate) use audit::{LevelKey, Mismatch, Moved, resum};

/// Every tenant has this one place for its stock. It stands in every key, so others can come.
pub(crate) const DEFAULT_LOCATION: LocationId = LocationId::from_u128(0);
pub(crate) const DEFAULT_LOCATION_NAME: &str = "Default";

/// Units of one variant in one place. `0 <= reserved <= on_hand`, unless it may be backordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stock {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) backorder: bool,
}

/// What one movement changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delta {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
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
        backorder: false,
    };

    /// What can still be promised; never negative.
    pub(crate) fn available(self) -> i64 {
        (self.on_hand - self.reserved).max(0)
    }

    /// What shoppers see: whether one more can be had.
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
        Ok(self.moved(Delta {
            on_hand: 0,
            reserved: units,
        }))
    }

    /// `units` were reserved before.
    pub(crate) fn release(self, units: i64) -> (Self, Delta) {
        self.moved(Delta {
            on_hand: 0,
            reserved: -units,
        })
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
        Ok(self.moved(Delta {
            on_hand: on_hand - self.on_hand,
            reserved: 0,
        }))
    }

    fn moved(self, delta: Delta) -> (Self, Delta) {
        let after = Self {
            on_hand: self.on_hand + delta.on_hand,
            reserved: self.reserved + delta.reserved,
            backorder: self.backorder,
        };
        (after, delta)
    }
}

/// Whether a variant became available (`true`), stopped being so, or neither.
pub(crate) fn crossing(before: Stock, after: Stock) -> Option<bool> {
    let (was, is) = (before.is_available(), after.is_available());
    (was != is).then_some(is)
}

/// A row of stock as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) variant: VariantId,
    pub(crate) location: LocationId,
    pub(crate) stock: Stock,
    pub(crate) version: i64,
    pub(crate) updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MovementKind {
    /// The shelf was counted, or filled by an import.
    Set,
    Reserve,
    Release,
}

impl MovementKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Reserve => "reserve",
            Self::Release => "release",
        }
    }
}

/// One change of a level, forever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movement {
    pub(crate) variant: VariantId,
    pub(crate) location: LocationId,
    /// The version this change gave the level.
    pub(crate) level_version: i64,
    pub(crate) kind: MovementKind,
    pub(crate) delta: Delta,
    pub(crate) order: Option<OrderId>,
    pub(crate) reason: Option<String>,
    pub(crate) at: Timestamp,
}

/// Units per variant in id order, so that every transaction takes rows in one order.
pub(crate) fn sum_demand(demand: &[Demand]) -> BTreeMap<VariantId, i64> {
    let mut wanted = BTreeMap::new();
    for line in demand {
        *wanted.entry(line.variant).or_insert(0) += line.quantity.as_i64();
    }
    wanted
}

/// What to tell of `missing`, which could not be reserved. A variant without a level has none.
pub(crate) fn shortages(
    wanted: &BTreeMap<VariantId, i64>,
    missing: &[VariantId],
    levels: &[Level],
) -> Vec<Shortage> {
    let shortage = |&variant: &VariantId| {
        let level = levels.iter().find(|level| level.variant == variant);
        let asked = wanted.get(&variant).copied().unwrap_or(0);
        Shortage {
            variant,
            asked,
            available: level.map_or(0, |level| level.stock.available()),
        }
    };
    missing.iter().map(shortage).collect()
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
            backorder: false,
        }
    }

    #[test]
    fn stock_is_promised_to_the_last_unit_and_no_further() {
        assert_eq!(
            stock(10, 7).reserve(3),
            Ok((
                stock(10, 10),
                Delta {
                    on_hand: 0,
                    reserved: 3
                }
            ))
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
        assert_eq!(
            stock(10, 4).set(4),
            Ok((
                stock(4, 4),
                Delta {
                    on_hand: -6,
                    reserved: 0
                }
            ))
        );
        let backorder = Stock {
            backorder: true,
            ..stock(0, 5)
        };
        assert_eq!(backorder.set(3).map(|(after, _)| after.on_hand), Ok(3));
    }

    #[test]
    fn only_the_way_over_zero_is_a_crossing() {
        assert_eq!(crossing(stock(1, 0), stock(1, 1)), Some(false));
        assert_eq!(crossing(stock(1, 1), stock(2, 1)), Some(true));
        assert_eq!(crossing(stock(9, 0), stock(9, 8)), None);
        let backorder = |reserved| Stock {
            backorder: true,
            ..stock(0, reserved)
        };
        assert_eq!(crossing(backorder(0), backorder(9)), None);
    }

    #[test]
    fn demand_for_one_variant_is_summed_and_shortages_name_each_once() {
        let (a, b) = (VariantId::from_u128(1), VariantId::from_u128(2));
        let line = |variant, units| Demand {
            variant,
            quantity: Quantity::new(units).expect("from 1 up"),
        };
        let wanted = sum_demand(&[line(b, 1), line(a, 2), line(a, 3)]);
        assert_eq!(wanted, BTreeMap::from([(a, 5), (b, 1)]));
        let level = Level {
            variant: a,
            location: DEFAULT_LOCATION,
            stock: stock(4, 0),
            version: 1,
            updated_at: Timestamp::default(),
        };
        assert_eq!(
            shortages(&wanted, &[a, b], &[level]),
            [
                Shortage {
                    variant: a,
                    asked: 5,
                    available: 4
                },
                Shortage {
                    variant: b,
                    asked: 1,
                    available: 0
                }
            ]
        );
    }

    #[derive(Debug, Clone)]
    enum Step {
        Reserve(i64),
        /// Gives back one of the open holds.
        Release(usize),
        Set(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1_i64..20).prop_map(Step::Reserve),
            any::<usize>().prop_map(Step::Release),
            (0_u32..40).prop_map(Step::Set),
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
                };
                let Some((after, delta)) = moved else { continue };
                now = after;
                total.on_hand += delta.on_hand;
                total.reserved += delta.reserved;
                prop_assert!(now.on_hand >= 0 && now.reserved >= 0);
                prop_assert!(backorder || now.reserved <= now.on_hand);
                prop_assert_eq!(now.reserved, holds.iter().sum::<i64>());
            }
            prop_assert_eq!(total, Delta { on_hand: now.on_hand, reserved: now.reserved });
        }
    }
}
