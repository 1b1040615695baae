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
    pub(crate) incoming: i64,
    pub(crate) version: i64,
    pub(crate) moved: Moved,
    /// The units of all holds.
    pub(crate) held: i64,
    /// The units that transfers are still to bring.
    pub(crate) due: i64,
}

/// Everything that was read of a range of variants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    pub(crate) levels: Vec<Level>,
    pub(crate) moved: Vec<(LevelKey, Moved)>,
    pub(crate) held: Vec<(LevelKey, i64)>,
    pub(crate) due: Vec<(LevelKey, i64)>,
}

impl Mismatch {
    fn is_sound(&self) -> bool {
        self.moved.total.on_hand == self.on_hand
            && self.moved.total.reserved == self.reserved
            && self.moved.total.incoming == self.incoming
            && self.held == self.reserved
            && self.due == self.incoming
            && self.moved.count == self.version
    }
}

/// What does not add up, in key order. Rows without a level count as well.
pub(crate) fn resum(reading: &Reading) -> Vec<Mismatch> {
    let blank = |key| Mismatch {
        key,
        on_hand: 0,
        reserved: 0,
        incoming: 0,
        version: 0,
        moved: Moved::default(),
        held: 0,
        due: 0,
    };
    let mut found: BTreeMap<LevelKey, Mismatch> = BTreeMap::new();
    for level in &reading.levels {
        let row = Mismatch {
            on_hand: level.stock.on_hand,
            reserved: level.stock.reserved,
            incoming: level.stock.incoming,
            version: level.version,
            ..blank(level.key())
        };
        found.insert(level.key(), row);
    }
    for &(key, moved) in &reading.moved {
        found.entry(key).or_insert_with(|| blank(key)).moved = moved;
    }
    for &(key, units) in &reading.held {
        found.entry(key).or_insert_with(|| blank(key)).held = units;
    }
    for &(key, units) in &reading.due {
        found.entry(key).or_insert_with(|| blank(key)).due = units;
    }
    found.into_values().filter(|row| !row.is_sound()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DEFAULT_LOCATION, Stock};
    use stoa_kernel::Timestamp;

    const KEY: LevelKey = (VariantId::from_u128(1), DEFAULT_LOCATION);

    fn sound() -> Reading {
        let stock = Stock {
            on_hand: 10,
            reserved: 2,
            incoming: 4,
            backorder: false,
        };
        let total = Delta {
            on_hand: 10,
            reserved: 2,
            incoming: 4,
        };
        Reading {
            levels: vec![Level {
                stock,
                version: 3,
                ..Level::blank(KEY.0, KEY.1, Timestamp::default())
            }],
            moved: vec![(KEY, Moved { total, count: 3 })],
            held: vec![(KEY, 2)],
            due: vec![(KEY, 4)],
        }
    }

    #[test]
    fn every_single_difference_is_found() {
        type Break = fn(&mut Reading);
        let breaks: [(&str, Break); 8] = [
            ("on hand", |read| read.levels[0].stock.on_hand -= 1),
            ("reserved", |read| read.levels[0].stock.reserved -= 1),
            ("incoming", |read| read.levels[0].stock.incoming -= 1),
            ("a movement is missing", |read| read.levels[0].version += 1),
            ("a hold is missing", |read| read.held.clear()),
            ("a transfer is missing", |read| read.due.clear()),
            ("no level", |read| read.levels.clear()),
            ("no movements", |read| read.moved.clear()),
        ];
        assert_eq!(resum(&sound()), []);
        for (what, spoil) in breaks {
            let mut read = sound();
            spoil(&mut read);
            assert_eq!(resum(&read).len(), 1, "{what}");
        }
    }
}
