//! How many of the found products have which property. What a segment says of a query is kept:
//! segments never change, but for documents that are deleted from them. Where very many are found,
//! an even part of them is looked at, and the counts are estimates.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use fixedbitset::FixedBitSet;
use moka::sync::Cache;
use stoa_kernel::{Currency, TenantId};
use tantivy::columnar::StrColumn;
use tantivy::index::SegmentId;
use tantivy::{DocId, Result, SegmentReader};

use super::prices::Prices;
use super::schema::FACET;
use super::sets::{KEPT_FROM_DOCS, Matches, Sets, docs};
use crate::domain::facets::{PRICE, SEPARATOR, price_steps};

/// Bytes of what is kept of all tenants.
const KEPT_BYTES_MAX: u64 = 28 << 20;
/// The most frequent values of one facet in one segment; others are not counted.
const SEGMENT_VALUES_MAX: usize = 300;
/// A sample is kept for segments of up to a multiple of so many documents.
const SAMPLED_TOGETHER: DocId = 1 << 16;
/// Documents whose places in the columns are looked up together: the memory answers many at once.
const TALLIED_AT_ONCE: usize = 128;
/// Facets of one segment.
const SEGMENT_NAMES_MAX: usize = 500;

/// Counts of one query: by facet, then by value; and by price step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) values: HashMap<String, HashMap<String, u64>>,
    pub(crate) prices: Vec<u64>,
    /// Not every product was looked at.
    pub(crate) estimated: bool,
}

/// What is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'n> {
    All,
    /// Values of one facet, whose own filter is ignored.
    Facet(&'n str),
    /// Prices, whose own range is ignored.
    Prices,
}

impl<'n> Wanted<'n> {
    pub(crate) fn ignores(self) -> Option<&'n str> {
        match self {
            Self::All => None,
            Self::Facet(name) => Some(name),
            Self::Prices => Some(PRICE),
        }
    }

    /// What is told of one facet only is counted in half as many products.
    fn share(self, looked_at: usize) -> usize {
        match self {
            Self::All => looked_at,
            Self::Facet(_) | Self::Prices => looked_at / 2,
        }
    }
}

/// What is kept between queries. One for all tenants: keys begin with the tenant.
#[derive(Clone)]
pub(crate) struct Keeper {
    /// So many products of a query are looked at one by one.
    looked_at: usize,
    pub(crate) sets: Sets,
    counts: Cache<(TenantId, SegmentId, Arc<str>), Arc<Raw>>,
    layouts: Cache<(TenantId, SegmentId), Arc<Layout>>,
    samples: Cache<(Sample, u32), Arc<FixedBitSet>>,
}

/// A segment's answer, its deleted documents among them.
#[derive(Debug, Default)]
struct Raw {
    sample: Sample,
    /// Ordinals with their counts, by ordinal.
    ords: Vec<(u32, u32)>,
    prices: Vec<u32>,
}

/// Which documents of a segment are looked at: one in two to the power of this. Chosen by their
/// numbers alone, so that those deleted since fall under the same choice; a multiplication by the
/// golden ratio spreads neighbours evenly (Knuth, The Art of Computer Programming, 6.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Sample(u32);

impl Sample {
    fn of(found: usize, most: usize) -> Self {
        let halvings = (0..DocId::BITS - 1).find(|halvings| found >> halvings <= most.max(1));
        Self(halvings.unwrap_or_default())
    }

    fn takes(self, doc: DocId) -> bool {
        const GOLDEN: u32 = 0x9E37_79B1;
        self.0 == 0 || doc.wrapping_mul(GOLDEN) >> (DocId::BITS - self.0) == 0
    }

    fn all_of(self, counted: u32) -> u64 {
        u64::from(counted) << self.0
    }
}

/// Where the values of each facet stand among a segment's terms.
#[derive(Debug, Default)]
struct Layout {
    facets: Vec<(String, Range<u32>)>,
}

impl Keeper {
    pub(crate) fn new(looked_at: usize) -> Self {
        let part = KEPT_BYTES_MAX / 7;
        Self {
            looked_at,
            sets: Sets::new(part * 2),
            counts: Cache::builder()
                .max_capacity(part)
                .weigher(|(.., query): &(_, _, Arc<str>), raw: &Arc<Raw>| {
                    let bytes = raw.ords.len() * 8 + raw.prices.len() * 4 + query.len() + 128;
                    u32::try_from(bytes).unwrap_or(u32::MAX)
                })
                .build(),
            layouts: Cache::builder()
                .max_capacity(part)
                .weigher(|_, layout: &Arc<Layout>| {
                    let bytes = layout.facets.iter().map(|(name, _)| name.len() + 64);
                    u32::try_from(bytes.sum::<usize>() + 64).unwrap_or(u32::MAX)
                })
                .build(),
            samples: Cache::builder()
                .max_capacity(part)
                .weigher(|_, docs: &Arc<FixedBitSet>| (docs.len() / 8 + 128) as u32)
                .build(),
        }
    }

    /// `name` says all that is found: the text and how it is taken, the clauses that are heeded, what
    /// is hidden, and the currency.
    pub(crate) fn count(
        &self,
        tenant: TenantId,
        segments: &[Matches<'_>],
        name: &Arc<str>,
        (currency, wanted): (Currency, Wanted<'_>),
    ) -> Result<Counts> {
        let steps = price_steps(currency);
        let mut all = Counts {
            prices: vec![0; steps.len()],
            ..Counts::default()
        };
        let alive = |matches: &Matches<'_>| u64::from(matches.segment.num_docs());
        let documents = segments.iter().map(alive).sum::<u64>().max(1);
        for matches in segments {
            let columns = Columns::open(matches, &steps)?;
            let share = wanted.share(self.looked_at) as u64 * alive(matches) / documents;
            let share = usize::try_from(share).unwrap_or(usize::MAX);
            let raw = self.raw(tenant, matches, name, (&columns, wanted, share));
            let layout = self.layout(tenant, matches.segment, &columns)?;
            // Of the deleted documents only.
            let gone = matches
                .deleted_of(|| matches.all_but(wanted.ignores()))
                .map_or_else(Raw::default, |gone| {
                    columns.tally(&self.taken(gone, raw.sample), raw.sample)
                });
            all.estimated |= raw.sample != Sample::default();
            for (step, count) in all.prices.iter_mut().enumerate() {
                let of = |raw: &Raw| raw.prices.get(step).copied().unwrap_or_default();
                *count += raw.sample.all_of(of(&raw).saturating_sub(of(&gone)));
            }
            let facets = layout.facets.iter().filter(|(name, _)| match wanted {
                Wanted::Facet(only) => name == only,
                Wanted::All => true,
                Wanted::Prices => false,
            });
            add_values(&mut all, &columns, facets, &raw, &gone)?;
        }
        Ok(all)
    }

    fn raw(
        &self,
        tenant: TenantId,
        matches: &Matches<'_>,
        name: &Arc<str>,
        (columns, wanted, share): (&Columns<'_>, Wanted<'_>, usize),
    ) -> Arc<Raw> {
        let segment = matches.segment;
        let key = (tenant, segment.segment_id(), Arc::clone(name));
        if let Some(kept) = self.counts.get(&key) {
            return kept;
        }
        let found = matches.all_but(wanted.ignores());
        let sample = Sample::of(found.count_ones(..), share);
        let raw = Arc::new(columns.tally(&self.taken(found, sample), sample));
        if segment.max_doc() >= KEPT_FROM_DOCS {
            self.counts.insert(key, Arc::clone(&raw));
        }
        raw
    }

    /// Those of the found documents that are looked at.
    fn taken(&self, mut found: FixedBitSet, sample: Sample) -> Vec<DocId> {
        if sample != Sample::default() {
            let documents = (found.len() as DocId).next_multiple_of(SAMPLED_TOGETHER);
            let taken = self.samples.get_with((sample, documents), || {
                let all = (0..documents).filter(|doc| sample.takes(*doc));
                let mut taken = FixedBitSet::with_capacity(documents as usize);
                all.for_each(|doc| taken.insert(doc as usize));
                Arc::new(taken)
            });
            found.intersect_with(&taken);
        }
        docs(&found).collect()
    }

    fn layout(
        &self,
        tenant: TenantId,
        segment: &SegmentReader,
        columns: &Columns<'_>,
    ) -> Result<Arc<Layout>> {
        let key = (tenant, segment.segment_id());
        if let Some(kept) = self.layouts.get(&key) {
            return Ok(kept);
        }
        let mut layout = Layout::default();
        if let Some(facets) = &columns.facets {
            let mut terms = facets.dictionary().stream()?;
            while terms.advance() {
                let name = terms.key().split(|byte| *byte == SEPARATOR as u8).next();
                let name = std::str::from_utf8(name.unwrap_or_default()).unwrap_or_default();
                let ord = terms.term_ord() as u32;
                let known = layout.facets.len();
                match layout.facets.last_mut() {
                    Some((last, range)) if last == name => range.end = ord + 1,
                    _ if known >= SEGMENT_NAMES_MAX => break,
                    _ => layout.facets.push((name.to_owned(), ord..ord + 1)),
                }
            }
        }
        let layout = Arc::new(layout);
        if segment.max_doc() >= KEPT_FROM_DOCS {
            self.layouts.insert(key, Arc::clone(&layout));
        }
        Ok(layout)
    }
}

struct Columns<'s> {
    facets: Option<StrColumn>,
    prices: &'s Prices,
    steps: &'s [i64],
}

impl<'s> Columns<'s> {
    fn open(matches: &'s Matches<'_>, steps: &'s [i64]) -> Result<Self> {
        let facets = matches.segment.fast_fields().str(FACET)?;
        Ok(Self {
            facets,
            prices: &matches.prices,
            steps,
        })
    }

    /// What some documents have.
    fn tally(&self, taken: &[DocId], sample: Sample) -> Raw {
        let values = self.facets.as_ref().map_or(0, |facets| facets.num_terms());
        let mut tally = Tally {
            ords: vec![0; values],
            prices: vec![0; self.steps.len()],
        };
        let (mut rows, mut read) = (Vec::with_capacity(TALLIED_AT_ONCE), Vec::new());
        for batch in taken.chunks(TALLIED_AT_ONCE) {
            if let Some(facets) = &self.facets {
                let ords = facets.ords();
                rows.clear();
                rows.extend(batch.iter().map(|doc| ords.index.value_row_ids(*doc)));
                for rows in &rows {
                    read.resize(rows.len(), 0);
                    ords.values.get_range(u64::from(rows.start), &mut read);
                    tally.add_values(&read);
                }
            }
            for price in batch.iter().filter_map(|doc| self.prices.of(*doc)) {
                let step = self.steps.partition_point(|start| *start <= price);
                tally.prices[step.saturating_sub(1)] += 1;
            }
        }
        tally.end(sample)
    }
}

struct Tally {
    ords: Vec<u32>,
    prices: Vec<u32>,
}

impl Tally {
    fn add_values(&mut self, ords: &[u64]) {
        for ord in ords {
            if let Some(count) = self.ords.get_mut(*ord as usize) {
                *count += 1;
            }
        }
    }

    fn end(self, sample: Sample) -> Raw {
        let counted = self
            .ords
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        Raw {
            sample,
            ords: counted.map(|(ord, count)| (ord as u32, *count)).collect(),
            prices: self.prices,
        }
    }
}

fn add_values<'l>(
    all: &mut Counts,
    columns: &Columns<'_>,
    of_facets: impl Iterator<Item = &'l (String, Range<u32>)>,
    raw: &Raw,
    gone: &Raw,
) -> Result<()> {
    let Some(facets) = &columns.facets else {
        return Ok(());
    };
    let gone: HashMap<u32, u32> = gone.ords.iter().copied().collect();
    for (name, range) in of_facets {
        let from = raw.ords.partition_point(|(ord, _)| *ord < range.start);
        let to = raw.ords.partition_point(|(ord, _)| *ord < range.end);
        let mut left: Vec<(u64, u64)> = raw.ords[from..to]
            .iter()
            .map(|(ord, count)| {
                let gone = gone.get(ord).copied().unwrap_or_default();
                let left = raw.sample.all_of(count.saturating_sub(gone));
                (u64::from(*ord), left)
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        if left.len() > SEGMENT_VALUES_MAX {
            left.select_nth_unstable_by_key(SEGMENT_VALUES_MAX, |(_, count)| u64::MAX - count);
            left.truncate(SEGMENT_VALUES_MAX);
        }
        if left.is_empty() {
            continue;
        }
        left.sort_unstable();
        let ords: Vec<u64> = left.iter().map(|(ord, _)| *ord).collect();
        let values = all.values.entry(name.clone()).or_default();
        let mut counts = left.iter().map(|(_, count)| *count);
        facets.dictionary().sorted_ords_to_term_cb(&ords, |term| {
            let value = term.get(name.len() + 1..).unwrap_or_default();
            let value = String::from_utf8_lossy(value).into_owned();
            *values.entry(value).or_default() += counts.next().unwrap_or_default();
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_power_of_two_and_even() {
        assert_eq!(Sample::of(1_000, 1_000), Sample(0));
        assert_eq!(Sample::of(1_001, 1_000), Sample(1));
        assert_eq!(Sample::of(70_000, 1_000), Sample(7));
        let sample = Sample(4);
        let taken = |from: DocId| {
            (from..from + 16_000)
                .filter(|doc| sample.takes(*doc))
                .count()
        };
        for from in [0, 5_000, 1_000_000] {
            assert!((990..=1_010).contains(&taken(from)), "{}", taken(from));
        }
        assert_eq!(sample.all_of(3), 48);
        assert!((0..100).all(|doc| Sample(0).takes(doc)));
    }
}
