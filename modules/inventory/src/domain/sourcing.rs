//! Which place gives how much of an order. Pure: reads levels it is given, changes none.
//!
//! One place for the whole order comes first, for one parcel costs less than two; then, where the
//! shop splits orders, each place in its turn. What is on a shelf anywhere goes before backorders.

use std::collections::BTreeMap;

use stoa_contracts::Destination;
use stoa_contracts::inventory::{Allocation, Shortage};
use stoa_kernel::{LocationId, VariantId};

use super::{Level, LevelKey, Rule, Stock};

struct Shelves<'l> {
    levels: &'l BTreeMap<LevelKey, Level>,
    wanted: &'l BTreeMap<VariantId, i64>,
    ranked: Vec<LocationId>,
}

/// The whole demand in (variant, place) order, or what it is short of. Every variant of `wanted` is
/// tracked.
pub(crate) fn plan(
    wanted: &BTreeMap<VariantId, i64>,
    levels: &BTreeMap<LevelKey, Level>,
    rule: &Rule,
    destination: &Destination,
) -> Result<Vec<Allocation>, Vec<Shortage>> {
    let shelves = Shelves {
        levels,
        wanted,
        ranked: rule.ranked(destination),
    };
    let on_shelf = |stock: Stock, units| stock.available() >= units;
    if let Some(place) = shelves.place_of_all(on_shelf) {
        return Ok(shelves.all_from(place));
    }
    if rule.split {
        return shelves.over_all();
    }
    match shelves.place_of_all(|stock, units| stock.reserve(units).is_ok()) {
        Some(place) => Ok(shelves.all_from(place)),
        None => Err(shelves.short_at_best()),
    }
}

impl Shelves<'_> {
    fn stock(&self, variant: VariantId, place: LocationId) -> Stock {
        let level = self.levels.get(&(variant, place));
        level.map_or(Stock::NONE, |level| level.stock)
    }

    fn place_of_all(&self, fits: impl Fn(Stock, i64) -> bool) -> Option<LocationId> {
        let all_fit = |place: &LocationId| {
            let mut wanted = self.wanted.iter();
            wanted.all(|(&variant, &units)| fits(self.stock(variant, *place), units))
        };
        self.ranked.iter().copied().find(all_fit)
    }

    fn all_from(&self, location: LocationId) -> Vec<Allocation> {
        let wanted = self.wanted.iter();
        wanted
            .map(|(&variant, &units)| Allocation {
                variant,
                location,
                units,
            })
            .collect()
    }

    fn over_all(&self) -> Result<Vec<Allocation>, Vec<Shortage>> {
        let mut given: BTreeMap<LevelKey, i64> = BTreeMap::new();
        let mut shortages = Vec::new();
        for (&variant, &asked) in self.wanted {
            let mut rest = asked;
            for &place in &self.ranked {
                let units = self.stock(variant, place).available().min(rest);
                if units > 0 {
                    given.insert((variant, place), units);
                    rest -= units;
                }
            }
            let mut open = self.ranked.iter();
            let backorder = open.find(|place| self.stock(variant, **place).backorder);
            match (rest, backorder) {
                (0, _) => {}
                (_, Some(&place)) => *given.entry((variant, place)).or_insert(0) += rest,
                (_, None) => shortages.push(Shortage {
                    variant,
                    asked,
                    available: asked - rest,
                }),
            }
        }
        if !shortages.is_empty() {
            return Err(shortages);
        }
        let given = given.into_iter();
        Ok(given
            .map(|((variant, location), units)| Allocation {
                variant,
                location,
                units,
            })
            .collect())
    }

    /// What lacks at the place that lacks least.
    fn short_at_best(&self) -> Vec<Shortage> {
        let short_at = |place: Option<LocationId>| -> Vec<Shortage> {
            let mut short = Vec::new();
            for (&variant, &asked) in self.wanted {
                let stock = place.map_or(Stock::NONE, |place| self.stock(variant, place));
                if let Err(lack) = stock.reserve(asked) {
                    short.push(Shortage {
                        variant,
                        asked,
                        available: lack.available,
                    });
                }
            }
            short
        };
        let tried = self.ranked.iter().map(|&place| short_at(Some(place)));
        tried.min_by_key(Vec::len).unwrap_or_else(|| short_at(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Place, Preference};
    use proptest::prelude::*;
    use stoa_kernel::Timestamp;

    /// Variant, place and units; variant, asked and available.
    type Given = Vec<(u128, u128, i64)>;
    type Lacking = Vec<(u128, i64, i64)>;

    const PLACES: u128 = 4;
    const VARIANTS: u128 = 3;

    fn levels(rows: &[(u128, u128, i64, bool)]) -> BTreeMap<LevelKey, Level> {
        let level = |&(variant, place, on_hand, backorder): &(u128, u128, i64, bool)| {
            let key = (VariantId::from_u128(variant), LocationId::from_u128(place));
            let mut level = Level::blank(key.0, key.1, Timestamp::default());
            level.stock = Stock {
                on_hand,
                backorder,
                ..Stock::NONE
            };
            (key, level)
        };
        rows.iter().map(level).collect()
    }
    fn rule(split: bool) -> Rule {
        let place = |number| Place {
            id: LocationId::from_u128(number),
            priority: number as i64,
            ..Place::unwritten()
        };
        Rule::new(
            Preference::Priority,
            split,
            (1..PLACES).map(place).collect(),
        )
    }
    fn wanted(lines: &[(u128, i64)]) -> BTreeMap<VariantId, i64> {
        let line = |&(variant, units): &(u128, i64)| (VariantId::from_u128(variant), units);
        lines.iter().map(line).collect()
    }
    fn planned(
        lines: &[(u128, i64)],
        rows: &[(u128, u128, i64, bool)],
        split: bool,
    ) -> Result<Given, Lacking> {
        let to = Destination::default();
        let plan = plan(&wanted(lines), &levels(rows), &rule(split), &to);
        let plain = |given: Allocation| {
            let (variant, place) = (given.variant.as_u128(), given.location.as_u128());
            (variant, place, given.units)
        };
        let lack = |short: Shortage| (short.variant.as_u128(), short.asked, short.available);
        plan.map(|all| all.into_iter().map(plain).collect())
            .map_err(|all| all.into_iter().map(lack).collect())
    }

    #[test]
    fn one_parcel_goes_before_a_nearer_half() {
        let rows = [(1, 0, 5, false), (1, 1, 5, false), (2, 1, 5, false)];
        for split in [true, false] {
            let plan = planned(&[(1, 2), (2, 2)], &rows, split);
            assert_eq!(plan, Ok(vec![(1, 1, 2), (2, 1, 2)]), "{split}");
        }
    }

    #[test]
    fn only_a_shop_that_splits_takes_from_two_places() {
        let rows = [(1, 0, 5, false), (1, 1, 3, false)];
        assert_eq!(
            planned(&[(1, 7)], &rows, true),
            Ok(vec![(1, 0, 5), (1, 1, 2)])
        );
        assert_eq!(planned(&[(1, 7)], &rows, false), Err(vec![(1, 7, 5)]));
        assert_eq!(planned(&[(1, 9)], &rows, true), Err(vec![(1, 9, 8)]));
    }

    #[test]
    fn a_shelf_anywhere_goes_before_a_backorder() {
        let rows = [(1, 0, 1, true), (1, 2, 4, false)];
        assert_eq!(planned(&[(1, 3)], &rows, true), Ok(vec![(1, 2, 3)]));
        assert_eq!(
            planned(&[(1, 9)], &rows, true),
            Ok(vec![(1, 0, 5), (1, 2, 4)])
        );
        assert_eq!(planned(&[(1, 9)], &rows, false), Ok(vec![(1, 0, 9)]));
    }

    proptest! {
        #[test]
        fn a_plan_is_whole_within_stock_and_found_whenever_there_is_one(
            stock in prop::collection::vec((0_i64..5, prop::bool::weighted(0.1)), 12),
            lines in prop::collection::btree_map(1..=VARIANTS, 1_i64..7, 1..=3),
            split in any::<bool>(),
        ) {
            let rows: Vec<(u128, u128, i64, bool)> = stock.iter().enumerate()
                .map(|(at, &(units, backorder))| {
                    let at = at as u128;
                    (1 + at / PLACES, at % PLACES, units, backorder)
                })
                .collect();
            let lines: Vec<(u128, i64)> = lines.into_iter().collect();
            let of = |variant: u128| rows.iter().filter(move |row| row.0 == variant);
            let can_be = if split {
                lines.iter().all(|&(variant, units)| {
                    of(variant).any(|row| row.3) || of(variant).map(|row| row.2).sum::<i64>() >= units
                })
            } else {
                (0..PLACES).any(|place| lines.iter().all(|&(variant, units)| {
                    of(variant).any(|row| row.1 == place && (row.3 || row.2 >= units))
                }))
            };
            match planned(&lines, &rows, split) {
                Err(shortages) => {
                    prop_assert!(!can_be, "refused what there is");
                    prop_assert!(!shortages.is_empty());
                    for (variant, asked, available) in shortages {
                        prop_assert!(available < asked);
                        prop_assert!(lines.contains(&(variant, asked)));
                    }
                }
                Ok(given) => {
                    prop_assert!(can_be);
                    prop_assert!(given.is_sorted_by_key(|&(variant, place, _)| (variant, place)));
                    for &(variant, units) in &lines {
                        let sum: i64 = given.iter().filter(|row| row.0 == variant).map(|row| row.2).sum();
                        prop_assert_eq!(sum, units);
                    }
                    for &(variant, place, units) in &given {
                        let row = of(variant).find(|row| row.1 == place).expect("a level");
                        prop_assert!(units > 0 && (row.3 || units <= row.2));
                    }
                    if !split {
                        prop_assert!(given.iter().all(|row| row.1 == given[0].1));
                    }
                }
            }
        }
    }
}
