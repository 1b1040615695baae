//! The lowest prices of a segment's products in one currency, unpacked: ranges, orders and counts read
//! them far more often than segments change.

use std::sync::Arc;

use fixedbitset::FixedBitSet;
use stoa_contracts::search::PriceRange;
use stoa_kernel::Currency;
use tantivy::columnar::Column;
use tantivy::{DocId, Result, SegmentReader};

use super::schema::PRICE;

const NONE: u32 = u32::MAX;
/// Documents of a packed column that are compared in one go.
const COMPARED_AT_ONCE: u32 = 1 << 16;

#[derive(Clone)]
pub(crate) enum Prices {
    Unpacked(Arc<Unpacked>),
    /// Of a small segment or a vast one, or with prices too far from each other.
    Packed(Column<i64>),
    /// No product of the segment has one.
    Nothing,
}

/// By document, in four bytes each.
pub(crate) struct Unpacked {
    least: i64,
    /// What a price has above the least one; `NONE` where there is no price.
    above: Vec<u32>,
}

impl Prices {
    /// Of an unpacked one.
    pub(super) const BYTES_EACH: u64 = 4;

    pub(crate) fn open(segment: &SegmentReader, currency: Currency) -> Result<Self> {
        let column = segment
            .fast_fields()
            .column_opt(&format!("{PRICE}.{currency}"))?;
        Ok(column.map_or(Self::Nothing, Self::Packed))
    }

    pub(crate) fn unpacked(self) -> Self {
        let Self::Packed(column) = self else {
            return self;
        };
        let least = column.min_value();
        let span = column.max_value().checked_sub(least);
        if span.is_none_or(|span| span >= i64::from(NONE)) {
            return Self::Packed(column);
        }
        let above = (0..column.num_docs()).map(|doc| {
            let above = column.first(doc).map(|price| price - least);
            above.and_then(|above| u32::try_from(above).ok())
        });
        let above = above.map(|above| above.unwrap_or(NONE)).collect();
        Self::Unpacked(Arc::new(Unpacked { least, above }))
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Unpacked(prices) => prices.above.len() * 4,
            Self::Packed(_) | Self::Nothing => 0,
        }
    }

    pub(crate) fn of(&self, doc: DocId) -> Option<i64> {
        match self {
            Self::Unpacked(prices) => match prices.above.get(doc as usize) {
                None | Some(&NONE) => None,
                Some(above) => Some(prices.least + i64::from(*above)),
            },
            Self::Packed(column) => column.first(doc),
            Self::Nothing => None,
        }
    }

    /// Documents whose price is in the range.
    pub(crate) fn within(&self, range: PriceRange, max_doc: u32) -> FixedBitSet {
        let (min, max) = (range.min.unwrap_or(i64::MIN), range.max.unwrap_or(i64::MAX));
        match self {
            Self::Unpacked(prices) => prices.within(min, max),
            Self::Packed(column) if min <= max => compared(column, (min, max), max_doc),
            Self::Packed(_) | Self::Nothing => FixedBitSet::with_capacity(max_doc as usize),
        }
    }
}

impl Unpacked {
    fn within(&self, min: i64, max: i64) -> FixedBitSet {
        let above = |price: i64| price.saturating_sub(self.least);
        let (first, last) = (above(min).max(0), above(max).min(i64::from(NONE) - 1));
        let bounds = (u32::try_from(first), u32::try_from(last));
        let (Ok(first), Ok(last)) = bounds else {
            return FixedBitSet::with_capacity(self.above.len());
        };
        let Some(span) = last.checked_sub(first) else {
            return FixedBitSet::with_capacity(self.above.len());
        };
        let words = self.above.chunks(usize::BITS as usize).map(|chunk| {
            // What is below the first wraps around to the top.
            let is_in = chunk.iter().map(|above| above.wrapping_sub(first) <= span);
            let bits = is_in
                .enumerate()
                .map(|(bit, is_in)| usize::from(is_in) << bit);
            bits.fold(0, |word, bit| word | bit)
        });
        FixedBitSet::with_capacity_and_blocks(self.above.len(), words)
    }
}

fn compared(column: &Column<i64>, (min, max): (i64, i64), max_doc: u32) -> FixedBitSet {
    let mut found = FixedBitSet::with_capacity(max_doc as usize);
    let mut docs = Vec::new();
    for from in (0..max_doc).step_by(COMPARED_AT_ONCE as usize) {
        let to = max_doc.min(from + COMPARED_AT_ONCE);
        docs.clear();
        column.get_docids_for_value_range(min..=max, from..to, &mut docs);
        docs.iter().for_each(|doc| found.insert(*doc as usize));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_bounds_and_nobody_without_a_price() {
        let prices: Vec<Option<i64>> = (0..200)
            .map(|doc| (doc % 7 != 0).then_some(-50 + doc * 3))
            .collect();
        let of = |price: &Option<i64>| price.map_or(NONE, |price| (price + 47) as u32);
        let unpacked = Unpacked {
            least: -47,
            above: prices.iter().map(of).collect(),
        };
        let bounds = [
            (i64::MIN, i64::MAX),
            (i64::MIN, -48),
            (-47, -47),
            (-46, 10),
            (10, 9),
            (100, 101),
            (547, i64::MAX),
            (548, i64::MAX),
            (0, i64::MAX - 1),
        ];
        for (min, max) in bounds {
            let expected: Vec<usize> = (0..200)
                .filter(|doc| prices[*doc].is_some_and(|price| (min..=max).contains(&price)))
                .collect();
            let found: Vec<usize> = unpacked.within(min, max).ones().collect();
            assert_eq!(found, expected, "{min}..={max}");
        }
    }
}
