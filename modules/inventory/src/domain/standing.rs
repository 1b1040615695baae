//! What shoppers and merchants know of a variant over all its places. Changes no stock.

use super::{DEFAULT_LOCATION, Level, Rule};

/// A variant over all places, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whether one more can be had from a place that sends orders.
    pub(crate) sellable: bool,
    /// Units that can be promised, over active places.
    pub(crate) total: i64,
    pub(crate) low_threshold: Option<i64>,
    /// The sum of the levels' versions: as each only rises, this rises with every change. Whoever
    /// reads it holds the lock of the variant's row at the default place, so no two read the same.
    pub(crate) version: i64,
}

/// What is worth telling of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct News {
    pub(crate) available: Option<bool>,
    /// Units left and the threshold.
    pub(crate) low: Option<(i64, i64)>,
}

impl Standing {
    /// `levels` are all of one variant.
    pub(crate) fn of<'l>(levels: impl Iterator<Item = &'l Level> + Clone, rule: &Rule) -> Self {
        let own = levels
            .clone()
            .find(|level| level.location == DEFAULT_LOCATION);
        let tracked = own.is_none_or(|level| level.tracked);
        let place = |level: &Level| rule.place(level.location);
        let from_stock = levels.clone().any(|level| {
            place(level).is_some_and(super::Place::gives) && level.stock.is_available()
        });
        Self {
            sellable: !tracked || from_stock,
            total: levels
                .clone()
                .filter(|level| place(level).is_some_and(|place| place.active))
                .map(|level| level.stock.available())
                .sum(),
            low_threshold: own
                .filter(|level| level.tracked)
                .and_then(|level| level.low_threshold),
            version: levels.map(|level| level.version).sum(),
        }
    }

    fn is_low(&self) -> Option<(i64, i64)> {
        let threshold = self.low_threshold?;
        (self.total <= threshold).then_some((self.total, threshold))
    }

    pub(crate) fn news(&self, after: &Self) -> News {
        let low = match self.is_low() {
            None => after.is_low(),
            // Told when it fell; again only after it rose above.
            Some(_) => None,
        };
        News {
            available: (self.sellable != after.sellable).then_some(after.sellable),
            low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Place, Preference, Stock};
    use stoa_kernel::{LocationId, Timestamp, VariantId};

    fn level(place: u128, on_hand: i64, reserved: i64) -> Level {
        let variant = VariantId::from_u128(1);
        let blank = Level::blank(variant, LocationId::from_u128(place), Timestamp::default());
        Level {
            stock: Stock {
                on_hand,
                reserved,
                ..Stock::NONE
            },
            version: 2,
            ..blank
        }
    }
    fn two_places() -> Rule {
        let second = Place {
            id: LocationId::from_u128(1),
            ..Place::unwritten()
        };
        Rule::new(Preference::Priority, true, vec![second])
    }
    fn news(before: &[Level], after: &[Level], rule: &Rule) -> News {
        let standing = |levels: &[Level]| Standing::of(levels.iter(), rule);
        standing(before).news(&standing(after))
    }
    fn crossing(before: &[Level], after: &[Level]) -> Option<bool> {
        news(before, after, &two_places()).available
    }

    #[test]
    fn only_the_way_over_zero_of_all_places_together_is_a_crossing() {
        assert_eq!(crossing(&[level(0, 1, 0)], &[level(0, 1, 1)]), Some(false));
        assert_eq!(crossing(&[level(0, 1, 1)], &[level(0, 2, 1)]), Some(true));
        assert_eq!(crossing(&[level(0, 9, 0)], &[level(0, 9, 8)]), None);
        let other = level(1, 1, 0);
        assert_eq!(
            crossing(&[level(0, 1, 0), other], &[level(0, 1, 1), other]),
            None
        );
        let backorder = |reserved| {
            let mut level = level(0, 0, reserved);
            level.stock.backorder = true;
            level
        };
        assert_eq!(crossing(&[backorder(0)], &[backorder(9)]), None);
    }

    #[test]
    fn a_place_that_does_not_ship_counts_for_low_stock_and_not_for_shoppers() {
        let rule = two_places().with_flags(LocationId::from_u128(1), true, false);
        let levels = [level(0, 0, 0), level(1, 5, 0)];
        let standing = Standing::of(levels.iter(), &rule);
        assert_eq!((standing.sellable, standing.total), (false, 5));
        assert_eq!(standing.version, 4);
        let closed = rule.with_flags(LocationId::from_u128(1), false, false);
        assert_eq!(Standing::of(levels.iter(), &closed).total, 0);
    }

    #[test]
    fn low_stock_is_told_on_the_way_down_alone() {
        let rule = Rule::plain();
        let with = |on_hand| {
            let mut level = level(0, on_hand, 0);
            level.low_threshold = Some(3);
            [level]
        };
        assert_eq!(news(&with(4), &with(3), &rule).low, Some((3, 3)));
        assert_eq!(news(&with(3), &with(2), &rule).low, None);
        assert_eq!(news(&with(2), &with(4), &rule).low, None);
        // A threshold set where there is already less.
        assert_eq!(news(&[level(0, 1, 0)], &with(1), &rule).low, Some((1, 3)));
        let mut uncounted = with(1);
        uncounted[0].tracked = false;
        assert_eq!(news(&with(4), &uncounted, &rule).low, None);
    }

    #[test]
    fn what_is_not_tracked_can_always_be_had() {
        let mut level = level(0, 0, 0);
        level.tracked = false;
        assert!(Standing::of([level].iter(), &Rule::plain()).sellable);
        assert!(!Standing::of([].iter(), &Rule::plain()).sellable);
    }
}
