//! What the clauses of one question find in each segment, as sets of bits: each clause is worked out
//! once and combined as often as the answer needs it, for the page itself and for counts that ignore
//! one clause each. Sets of filters are kept: segments never change but for deleted documents, which
//! are among the kept ones and are taken out last.

use std::sync::Arc;

use fixedbitset::FixedBitSet;
use moka::sync::Cache;
use stoa_contracts::search::PriceRange;
use stoa_kernel::{Currency, TenantId};
use tantivy::index::SegmentId;
use tantivy::query::{EnableScoring, Weight};
use tantivy::{DocId, Result, Searcher, SegmentReader};

use super::clauses::BoxQuery;
use super::prices::Prices;

/// Smaller segments are worked out anew each time.
pub(super) const KEPT_FROM_DOCS: u32 = 2_000;

/// One filter of a question.
pub(crate) struct Clause {
    /// The facet that a count may ignore.
    pub(crate) name: String,
    /// All that it asks, in words.
    pub(crate) key: Arc<str>,
    pub(crate) asks: Asks,
}

pub(crate) enum Asks {
    Query(BoxQuery),
    /// A lowest price in a range, where a product has one.
    Price(PriceRange),
}

/// What is kept between questions, of all tenants.
#[derive(Clone)]
pub(crate) struct Sets {
    found: Cache<(TenantId, SegmentId, Arc<str>), Arc<FixedBitSet>>,
    alive: Cache<(TenantId, SegmentId, u32), Arc<FixedBitSet>>,
    prices: Cache<(TenantId, SegmentId, Currency), Prices>,
    /// Prices of a segment that would take more stay packed: they could not be kept.
    prices_bytes_max: u64,
}

/// The clauses of one question in one segment.
pub(crate) struct Matches<'s> {
    pub(crate) segment: &'s SegmentReader,
    /// What the text finds; nothing where none is asked for.
    pub(crate) text: Option<FixedBitSet>,
    /// In the currency of the question.
    pub(crate) prices: Prices,
    clauses: Vec<(&'s str, Arc<FixedBitSet>)>,
    hidden: Vec<DocId>,
    alive: Option<Arc<FixedBitSet>>,
}

impl Sets {
    /// Keeps `bytes_max` of sets, and as much of prices.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let bytes = |bits: &Arc<FixedBitSet>| (bits.len() / 8 + 192) as u32;
        Self {
            found: Cache::builder()
                .max_capacity(bytes_max - bytes_max / 4)
                .weigher(move |(.., key): &(_, _, Arc<str>), bits| bytes(bits) + key.len() as u32)
                .build(),
            alive: Cache::builder()
                .max_capacity(bytes_max / 4)
                .weigher(move |_, bits| bytes(bits))
                .build(),
            prices: Cache::builder()
                .max_capacity(bytes_max)
                .weigher(|_, prices: &Prices| (prices.bytes() + 128) as u32)
                .build(),
            prices_bytes_max: bytes_max / 2,
        }
    }

    /// Each segment with what the clauses find in it, the text not yet among them.
    pub(crate) fn matches<'s>(
        &self,
        tenant: TenantId,
        searcher: &'s Searcher,
        (clauses, currency): (&'s [Clause], Currency),
        hidden: Option<&BoxQuery>,
    ) -> Result<Vec<Matches<'s>>> {
        let hidden = hidden
            .map(|hidden| hidden.weight(EnableScoring::disabled_from_searcher(searcher)))
            .transpose()?;
        let one = |segment| -> Result<Matches<'s>> {
            let mut hidden_docs = Vec::new();
            if let Some(hidden) = &hidden {
                each(hidden.as_ref(), segment, |doc| hidden_docs.push(doc))?;
            }
            let prices = self.prices(tenant, segment, currency)?;
            let found = clauses.iter().map(|clause| {
                let found = self.found(tenant, searcher, (segment, &prices), clause)?;
                Ok((clause.name.as_str(), found))
            });
            let found = found.collect::<Result<_>>()?;
            Ok(Matches {
                segment,
                text: None,
                prices,
                clauses: found,
                hidden: hidden_docs,
                alive: self.alive(tenant, segment),
            })
        };
        searcher.segment_readers().iter().map(one).collect()
    }

    /// Documents of a segment that pass one clause, deleted ones among them.
    pub(crate) fn found(
        &self,
        tenant: TenantId,
        searcher: &Searcher,
        (segment, prices): (&SegmentReader, &Prices),
        clause: &Clause,
    ) -> Result<Arc<FixedBitSet>> {
        let key = (tenant, segment.segment_id(), Arc::clone(&clause.key));
        if let Some(kept) = self.found.get(&key) {
            return Ok(kept);
        }
        let found = Arc::new(match &clause.asks {
            Asks::Query(query) => {
                let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
                set_of(weight.as_ref(), segment)?
            }
            Asks::Price(range) => prices.within(*range, segment.max_doc()),
        });
        if segment.max_doc() >= KEPT_FROM_DOCS {
            self.found.insert(key, Arc::clone(&found));
        }
        Ok(found)
    }

    fn prices(
        &self,
        tenant: TenantId,
        segment: &SegmentReader,
        currency: Currency,
    ) -> Result<Prices> {
        let bytes = u64::from(segment.max_doc()) * Prices::BYTES_EACH;
        if segment.max_doc() < KEPT_FROM_DOCS || bytes > self.prices_bytes_max {
            return Prices::open(segment, currency);
        }
        let key = (tenant, segment.segment_id(), currency);
        if let Some(kept) = self.prices.get(&key) {
            return Ok(kept);
        }
        let prices = Prices::open(segment, currency)?.unpacked();
        self.prices.insert(key, prices.clone());
        Ok(prices)
    }

    fn alive(&self, tenant: TenantId, segment: &SegmentReader) -> Option<Arc<FixedBitSet>> {
        let alive = segment.alive_bitset()?;
        let key = (tenant, segment.segment_id(), segment.num_deleted_docs());
        Some(self.alive.get_with(key, || {
            let mut set = empty(segment);
            alive.iter_alive().for_each(|doc| set.insert(doc as usize));
            Arc::new(set)
        }))
    }
}

impl Matches<'_> {
    /// What passes the text and every clause but those of `ignored`; deleted documents among it.
    pub(crate) fn all_but(&self, ignored: Option<&str>) -> FixedBitSet {
        self.combined(self.text.as_ref(), ignored)
    }

    /// The same of no text, and without what is deleted.
    pub(crate) fn passing(&self) -> FixedBitSet {
        let mut passing = self.combined(None, None);
        self.drop_deleted(&mut passing);
        passing
    }

    pub(crate) fn drop_deleted(&self, found: &mut FixedBitSet) {
        if let Some(alive) = &self.alive {
            found.intersect_with(alive);
        }
    }

    /// What is deleted of it. `None` where nothing is deleted from the segment.
    pub(crate) fn deleted_of(&self, found: impl FnOnce() -> FixedBitSet) -> Option<FixedBitSet> {
        let alive = self.alive.as_ref()?;
        let mut gone = found();
        gone.difference_with(alive);
        Some(gone)
    }

    fn combined(&self, text: Option<&FixedBitSet>, ignored: Option<&str>) -> FixedBitSet {
        let heeded = self
            .clauses
            .iter()
            .filter(|(name, _)| ignored != Some(*name))
            .map(|(_, set)| set.as_ref());
        let mut sets = text.into_iter().chain(heeded);
        let mut all = sets.next().cloned().unwrap_or_else(|| {
            let mut all = empty(self.segment);
            all.insert_range(..);
            all
        });
        sets.for_each(|set| all.intersect_with(set));
        self.hidden
            .iter()
            .for_each(|doc| all.set(*doc as usize, false));
        all
    }
}

/// The documents of a set, in order.
pub(crate) fn docs(set: &FixedBitSet) -> impl Iterator<Item = DocId> + '_ {
    // Made of document numbers.
    set.ones().map(|bit| bit as DocId)
}

/// A set of a segment's documents with none in it.
pub(crate) fn empty(segment: &SegmentReader) -> FixedBitSet {
    FixedBitSet::with_capacity(segment.max_doc() as usize)
}

/// All documents of a segment that a query finds, deleted ones among them.
pub(crate) fn set_of(weight: &dyn Weight, segment: &SegmentReader) -> Result<FixedBitSet> {
    let mut found = empty(segment);
    each(weight, segment, |doc| found.insert(doc as usize))?;
    Ok(found)
}

pub(crate) fn each(
    weight: &dyn Weight,
    segment: &SegmentReader,
    mut take: impl FnMut(DocId),
) -> Result<()> {
    weight.for_each_no_score(segment, &mut |docs| docs.iter().for_each(|doc| take(*doc)))
}
