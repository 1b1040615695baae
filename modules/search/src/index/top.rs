//! The first products of a query in an order, after a place in it. Counts all that match.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use stoa_contracts::search::SearchSort;
use stoa_kernel::ProductId;
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, Result, Score, i64_to_u64};

use super::prices::Prices;
use super::schema::{CREATED, ID_HIGH, ID_LOW, SORT_TITLE};
use super::sets::Matches;

/// A product's place in an order; ties go by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Key {
    /// Less is first.
    Rank(u64),
    Title(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) key: Key,
    pub(crate) product: ProductId,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Top {
    /// In order.
    pub(crate) places: Vec<Place>,
    pub(crate) total: u64,
}

/// Collects the first `limit` places after `after`.
#[derive(Debug, Clone)]
pub(crate) struct Ranking {
    pub(crate) sort: SearchSort,
    pub(crate) limit: usize,
    pub(crate) after: Option<Place>,
}

/// What a rank is read from. Ranks are less for what comes first.
enum Source {
    Score,
    Newest(Column<i64>),
    /// Products without a price come last.
    Price {
        prices: Prices,
        falling: bool,
    },
    Title(StrColumn),
    /// No document has the property.
    Nothing,
}

impl Source {
    fn rank(&self, doc: DocId, score: Score) -> u64 {
        match self {
            // The bits of positive numbers are in their order.
            Self::Score => u64::from(u32::MAX - score.max(0.0).to_bits()),
            Self::Newest(column) => u64::MAX - column.first(doc).map_or(0, i64_to_u64),
            Self::Price { prices, falling } => match (prices.of(doc).map(i64_to_u64), falling) {
                (None, _) => u64::MAX,
                (Some(price), false) => price,
                (Some(price), true) => u64::MAX - price,
            },
            Self::Title(column) => column.ords().first(doc).unwrap_or(u64::MAX),
            Self::Nothing => u64::MAX,
        }
    }
}

pub(crate) struct Ranked {
    source: Source,
    high: Column<u64>,
    low: Column<u64>,
    limit: usize,
    after: Option<(u64, u128)>,
    /// The last of those kept is on top.
    kept: BinaryHeap<(u64, u128)>,
    total: u64,
}

impl Ranking {
    pub(crate) fn is_by_score(&self) -> bool {
        self.sort == SearchSort::Relevance
    }

    pub(crate) fn begin(&self, matches: &Matches<'_>) -> Result<Ranked> {
        let columns = matches.segment.fast_fields();
        let price = |falling| Source::Price {
            prices: matches.prices.clone(),
            falling,
        };
        let source = match self.sort {
            SearchSort::Relevance => Source::Score,
            SearchSort::Newest => Source::Newest(columns.i64(CREATED)?),
            SearchSort::PriceAscending => price(false),
            SearchSort::PriceDescending => price(true),
            SearchSort::Title => match columns.str(SORT_TITLE)? {
                Some(column) => Source::Title(column),
                None => Source::Nothing,
            },
        };
        let after = match &self.after {
            Some(place) => after_in(&source, place)?,
            None => None,
        };
        Ok(Ranked {
            source,
            high: columns.u64(ID_HIGH)?,
            low: columns.u64(ID_LOW)?,
            limit: self.limit,
            after,
            kept: BinaryHeap::with_capacity(self.limit + 1),
            total: 0,
        })
    }

    /// One order of what segments found.
    pub(crate) fn merge(&self, segments: Vec<Top>) -> Top {
        let mut all = Top::default();
        for segment in segments {
            all.total += segment.total;
            all.places.extend(segment.places);
        }
        all.places.sort_unstable();
        all.places.truncate(self.limit);
        all
    }
}

/// The last place before the page, as this segment ranks. `None`: all of the segment comes after.
fn after_in(source: &Source, place: &Place) -> Result<Option<(u64, u128)>> {
    let product = place.product.as_u128();
    match (&place.key, source) {
        (Key::Rank(rank), _) => Ok(Some((*rank, product))),
        (Key::Title(title), Source::Title(column)) => {
            let titles = column.dictionary();
            if let Some(ord) = titles.term_ord(title)? {
                return Ok(Some((ord, product)));
            }
            let bounds = titles.term_bounds_to_ord(Bound::Included(title), Bound::Unbounded)?;
            Ok(match bounds.0 {
                Bound::Included(next) | Bound::Excluded(next) => {
                    next.checked_sub(1).map(|before| (before, u128::MAX))
                }
                Bound::Unbounded => None,
            })
        }
        (Key::Title(_), _) => Ok(None),
    }
}

impl Ranked {
    pub(crate) fn collect(&mut self, doc: DocId, score: Score) {
        self.total += 1;
        let rank = self.source.rank(doc, score);
        let is_full = self.kept.len() >= self.limit;
        if is_full && self.kept.peek().is_none_or(|(last, _)| rank > *last) {
            return;
        }
        if self.after.is_some_and(|(after, _)| rank < after) {
            return;
        }
        let id = (u128::from(self.high.first(doc).unwrap_or_default()) << 64)
            | u128::from(self.low.first(doc).unwrap_or_default());
        if self
            .after
            .is_some_and(|after| (rank, id).cmp(&after) != Ordering::Greater)
        {
            return;
        }
        self.kept.push((rank, id));
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    pub(crate) fn end(self) -> Result<Top> {
        let mut places = Vec::with_capacity(self.kept.len());
        for (rank, id) in self.kept {
            let key = match &self.source {
                Source::Title(column) => {
                    let mut title = String::new();
                    column.ord_to_str(rank, &mut title)?;
                    Key::Title(title)
                }
                Source::Nothing => Key::Title(String::new()),
                _ => Key::Rank(rank),
            };
            let product = ProductId::from_u128(id);
            places.push(Place { key, product });
        }
        Ok(Top {
            places,
            total: self.total,
        })
    }
}
