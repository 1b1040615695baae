//! Checks that levels are the sum of their movements and holds. Reads nothing itself.

use std::collections::BTreeMap;

use stoa_kernel::{LocationId, VariantId};

use super::{Delta, Level};

pub(crate) type LevelKey = (VariantId, LocationId);

/// The movements of one level, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moved {
    pub(crate) total: Delta,
    pub(crate) count: i64,
}

/// A level that is not what its movements and holds say. All zero where one side has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) key: LevelKey,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) version: i64,
    pub(crate) moved: Moved,
    /// The units of all holds.
    pub(crate) held: i64,
}

impl Mismatch {
    fn is_sound(&self) -> bool {
        self.moved.total.on_hand == self.on_hand
            && self.moved.total.reserved == self.reserved
            && self.held == self.reserved
            && self.moved.count == self.version
    }
}

/// What does not add up, in key order. Rows without a level count as well.
pub(crate) fn resum(
    levels: &[Level],
    moved: &[(LevelKey, Moved)],
    held: &[(LevelKey, i64)],
) -> Vec<Mismatch> {
    let blank = |key| Mismatch {
        key,
        on_hand: 0,
        reserved: 0,
        version: 0,
        moved: Moved::default(),
        held: 0,
    };
    let mut found: BTreeMap<LevelKey, Mismatch> = BTreeMap::new();
    for level in levels {
        let key = (level.variant, level.location);
        let (on_hand, reserved) = (level.stock.on_hand, level.stock.reserved);
        found.insert(
            key,
            Mismatch {
                on_hand,
                reserved,
                version: level.version,
                ..blank(key)
            },
        );
    }
    for &(key, moved) in moved {
        found.entry(key).or_insert_with(|| blank(key)).moved = moved;
    }
    for &(key, units) in held {
        found.entry(key).or_insert_with(|| blank(key)).held = units;
    }
    found.into_values().filter(|row| !row.is_sound()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DEFAULT_LOCATION, Stock};
    use stoa_kernel::Timestamp;

    const KEY: LevelKey = (VariantId::from_u128(1), DEFAULT_LOCATION);

    fn level(on_hand: i64, reserved: i64, version: i64) -> Level {
        Level {
            variant: KEY.0,
            location: KEY.1,
            stock: Stock {
                on_hand,
                reserved,
                backorder: false,
            },
            version,
            updated_at: Timestamp::default(),
        }
    }
    fn moved(on_hand: i64, reserved: i64, count: i64) -> [(LevelKey, Moved); 1] {
        [(
            KEY,
            Moved {
                total: Delta { on_hand, reserved },
                count,
            },
        )]
    }

    #[test]
    fn every_single_difference_is_found() {
        let sound = (level(10, 2, 3), moved(10, 2, 3), [(KEY, 2)]);
        assert_eq!(resum(&[sound.0], &sound.1, &sound.2), []);
        let broken = |level: Level, moved: &[(LevelKey, Moved)], held: &[(LevelKey, i64)]| {
            resum(&[level], moved, held).len()
        };
        assert_eq!(broken(level(9, 2, 3), &sound.1, &sound.2), 1, "on hand");
        assert_eq!(
            broken(level(10, 1, 3), &sound.1, &[(KEY, 1)]),
            1,
            "reserved"
        );
        assert_eq!(
            broken(level(10, 2, 4), &sound.1, &sound.2),
            1,
            "a movement is missing"
        );
        assert_eq!(broken(sound.0, &sound.1, &[]), 1, "a hold is missing");
        assert_eq!(
            resum(&[], &sound.1, &[]).len(),
            1,
            "movements without a level"
        );
        assert_eq!(resum(&[], &[], &sound.2).len(), 1, "a hold without a level");
    }
}
