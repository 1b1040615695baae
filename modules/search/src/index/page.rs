//! Answers one query from one index: a page of products, how many there are, and their facets.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stoa_contracts::search::{Facet, FacetKind, FacetValue, PriceRange, SearchFilter, SearchSort};
use stoa_kernel::{Currency, ProductId, TenantId};
use tantivy::query::{EmptyQuery, EnableScoring};
use tantivy::{Result, Searcher};

use super::clauses::{self, BoxQuery, Mode, Speech};
use super::counts::{Counts, Keeper, Wanted};
use super::live::Live;
use super::sets::{self, Asks, Clause, Matches};
use super::top::{Place, Ranking, Top};
use crate::domain::facets::{self, PRICE, TAG};
use crate::domain::rules::{Pins, Rules, place};

/// Values of one facet in an answer.
const VALUES_MAX: usize = 100;
/// Facets of one answer.
const FACETS_MAX: usize = 40;
/// Chosen facets whose counts ignore their own filter; those of others heed all filters.
const GROUPS_MAX: usize = 8;

/// What is asked of an index.
pub(crate) struct Plan {
    pub(crate) tenant: TenantId,
    pub(crate) text: String,
    pub(crate) tongues: Vec<usize>,
    pub(crate) currency: Currency,
    pub(crate) filters: Vec<SearchFilter>,
    pub(crate) price: Option<PriceRange>,
    pub(crate) sort: SearchSort,
    pub(crate) limit: usize,
    pub(crate) facets: bool,
    pub(crate) from: Option<From>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) pins: Pins,
    /// The text, its language and the merchant's rules, in words.
    pub(crate) sought: String,
    /// All of the above that decides what is found, in words.
    pub(crate) name: String,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct From {
    /// Products on the pages before.
    pub(crate) start: u64,
    pub(crate) mode: Mode,
    /// The last one that was found, not pinned.
    pub(crate) after: Option<Place>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) products: Vec<ProductId>,
    pub(crate) total: u64,
    pub(crate) facets: Vec<Facet>,
    pub(crate) corrected: Option<String>,
    pub(crate) next: Option<From>,
}

struct Asked<'p> {
    plan: &'p Plan,
    live: &'p Live,
    searcher: Searcher,
    keeper: &'p Keeper,
}

/// Blocks for as long as the index needs.
pub(crate) fn find(live: &Live, plan: &Plan, keeper: &Keeper) -> Result<Found> {
    let asked = Asked {
        plan,
        live,
        searcher: live.searcher(),
        keeper,
    };
    let from = plan.from.clone();
    let mode = from.as_ref().map_or(Mode::Strict, |from| from.mode);
    let found = asked.page(mode, from)?;
    let may_be_looser = plan.from.is_none() && !plan.text.trim().is_empty();
    match found.total == 0 && may_be_looser {
        true => asked.page(Mode::Loose, None),
        false => Ok(found),
    }
}

impl Asked<'_> {
    fn page(&self, mode: Mode, from: Option<From>) -> Result<Found> {
        let plan = self.plan;
        let (start, after) = from.map_or((0, None), |from| (from.start, from.after));
        let (text, corrected) = self.text(mode)?;
        let clauses = self.clauses();
        let hidden = self.products(&plan.pins.hidden);
        let sets = &self.keeper.sets;
        let mut segments = sets.matches(
            plan.tenant,
            &self.searcher,
            (&clauses, plan.currency),
            hidden.as_ref(),
        )?;
        let pinned = self.pinned(&segments)?;
        let top = self.top(text.as_ref(), &mut segments, &pinned, after.clone())?;
        let found: Vec<ProductId> = top.places.iter().map(|place| place.product).collect();
        let placed = place(start, plan.limit, &pinned, &found, top.total);
        let next = placed.more.then(|| From {
            start: start + placed.products.len() as u64,
            mode,
            after: match placed.found_used.checked_sub(1) {
                Some(last) => Some(top.places[last].clone()),
                None => after,
            },
        });
        let facets = match plan.facets {
            true => self.facets(&segments, &clauses, mode)?,
            false => Vec::new(),
        };
        Ok(Found {
            products: placed.products,
            total: top.total + pinned.len() as u64,
            facets,
            corrected,
            next,
        })
    }

    fn text(&self, mode: Mode) -> Result<(Option<BoxQuery>, Option<String>)> {
        if self.plan.text.trim().is_empty() {
            return Ok((None, None));
        }
        let speech = Speech {
            searcher: &self.searcher,
            fields: &self.live.fields,
            analyses: self.live.index.tokenizers(),
            tongues: self.plan.tongues.clone(),
            rules: &self.plan.rules,
        };
        Ok(match speech.sought(&self.plan.text, mode)? {
            Some(sought) => (Some(sought.query), sought.corrected),
            // Signs without a word find nothing.
            None => (Some(Box::new(EmptyQuery)), None),
        })
    }

    fn clauses(&self) -> Vec<Clause> {
        let plan = self.plan;
        let filters = plan.filters.iter();
        let filters = filters.map(|filter| self.values(&filter.name, &filter.values));
        let price = plan.price.map(|range| Clause {
            name: PRICE.to_owned(),
            key: format!("{} {}", plan.currency, text_of(range)).into(),
            asks: Asks::Price(range),
        });
        filters.chain(price).collect()
    }

    fn values(&self, name: &str, values: &[String]) -> Clause {
        Clause {
            name: name.to_owned(),
            // As lists of quoted texts no two filters read alike.
            key: format!("{name:?}={values:?}").into(),
            asks: Asks::Query(clauses::facet(&self.live.fields, name, values)),
        }
    }

    fn products(&self, ids: &[ProductId]) -> Option<BoxQuery> {
        (!ids.is_empty()).then(|| clauses::products(&self.live.fields, ids))
    }

    /// What is pinned, as far as it is published and passes the filters.
    fn pinned(&self, segments: &[Matches<'_>]) -> Result<Vec<(i64, ProductId)>> {
        let places = &self.plan.pins.places;
        let ids: Vec<ProductId> = places.iter().map(|(_, id)| *id).collect();
        let Some(named) = self.products(&ids) else {
            return Ok(Vec::new());
        };
        let weight = named.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
        let ranking = Ranking {
            sort: SearchSort::Newest,
            limit: ids.len(),
            after: None,
        };
        let mut there = Vec::new();
        for matches in segments {
            let mut ranked = ranking.begin(matches)?;
            let passing = matches.passing();
            sets::each(weight.as_ref(), matches.segment, |doc| {
                if passing.contains(doc as usize) {
                    ranked.collect(doc, 0.0);
                }
            })?;
            there.extend(ranked.end()?.places);
        }
        let is_there = |id: &ProductId| there.iter().any(|place| place.product == *id);
        Ok(places
            .iter()
            .copied()
            .filter(|(_, id)| is_there(id))
            .collect())
    }

    /// The first products that are not pinned. What the text finds stays with the segments.
    fn top(
        &self,
        text: Option<&BoxQuery>,
        segments: &mut [Matches<'_>],
        pinned: &[(i64, ProductId)],
        after: Option<Place>,
    ) -> Result<Top> {
        let plan = self.plan;
        let sort = match (plan.sort, text) {
            (SearchSort::Relevance, None) => SearchSort::Newest,
            (sort, _) => sort,
        };
        let ranking = Ranking {
            sort,
            limit: plan.limit,
            after,
        };
        let scoring = match ranking.is_by_score() {
            true => EnableScoring::enabled_from_searcher(&self.searcher),
            false => EnableScoring::disabled_from_searcher(&self.searcher),
        };
        let weight = text.map(|text| text.weight(scoring)).transpose()?;
        let pinned_ids: Vec<ProductId> = pinned.iter().map(|(_, id)| *id).collect();
        let pinned = self.products(&pinned_ids);
        let pinned = pinned
            .map(|pinned| pinned.weight(EnableScoring::disabled_from_searcher(&self.searcher)))
            .transpose()?;
        let mut tops = Vec::with_capacity(segments.len());
        for matches in segments {
            let mut passing = matches.passing();
            if let Some(pinned) = &pinned {
                sets::each(pinned.as_ref(), matches.segment, |doc| {
                    passing.set(doc as usize, false);
                })?;
            }
            let mut ranked = ranking.begin(matches)?;
            match &weight {
                Some(weight) if ranking.is_by_score() => {
                    let mut found = sets::empty(matches.segment);
                    weight.for_each(matches.segment, &mut |doc, score| {
                        found.insert(doc as usize);
                        if passing.contains(doc as usize) {
                            ranked.collect(doc, score);
                        }
                    })?;
                    matches.text = Some(found);
                }
                weight => {
                    if let Some(weight) = weight {
                        let found = sets::set_of(weight.as_ref(), matches.segment)?;
                        passing.intersect_with(&found);
                        matches.text = Some(found);
                    }
                    sets::docs(&passing).for_each(|doc| ranked.collect(doc, 0.0));
                }
            }
            tops.push(ranked.end()?);
        }
        Ok(ranking.merge(tops))
    }

    fn facets(
        &self,
        segments: &[Matches<'_>],
        clauses: &[Clause],
        mode: Mode,
    ) -> Result<Vec<Facet>> {
        let plan = self.plan;
        let count = |wanted: Wanted<'_>| -> Result<Counts> {
            let heeded = clauses
                .iter()
                .filter(|clause| Some(clause.name.as_str()) != wanted.ignores());
            let hidden = &plan.pins.hidden;
            // What is told of one facet is counted in a smaller part.
            let all = wanted == Wanted::All;
            let mut name = format!(
                "{} {mode:?} {} {all} {hidden:?}\n",
                plan.sought, plan.currency
            );
            heeded.for_each(|clause| {
                name.push_str(&clause.key);
                name.push('\n');
            });
            let what = (plan.currency, wanted);
            self.keeper
                .count(plan.tenant, segments, &Arc::from(name), what)
        };
        let mut counts = count(Wanted::All)?;
        for filter in plan.filters.iter().take(GROUPS_MAX) {
            let mut alone = count(Wanted::Facet(&filter.name))?;
            let mut own = alone.values.remove(&filter.name).unwrap_or_default();
            if alone.estimated {
                for value in &filter.values {
                    own.insert(value.clone(), self.exactly(segments, &filter.name, value)?);
                }
            }
            counts.values.insert(filter.name.clone(), own);
            counts.estimated |= alone.estimated;
        }
        if plan.price.is_some() {
            let alone = count(Wanted::Prices)?;
            counts.prices = alone.prices;
            counts.estimated |= alone.estimated;
        }
        Ok(self.told(counts))
    }

    /// What was chosen stands beside the number of products found: there no estimate will do.
    fn exactly(&self, segments: &[Matches<'_>], name: &str, value: &String) -> Result<u64> {
        let clause = self.values(name, std::slice::from_ref(value));
        let mut total = 0;
        for matches in segments {
            let sets = &self.keeper.sets;
            let with = sets.found(
                self.plan.tenant,
                &self.searcher,
                (matches.segment, &matches.prices),
                &clause,
            )?;
            let mut others = matches.all_but(Some(name));
            matches.drop_deleted(&mut others);
            total += others.intersection_count(&with) as u64;
        }
        Ok(total)
    }

    fn told(&self, counts: Counts) -> Vec<Facet> {
        let plan = self.plan;
        let chosen = |name: &str| -> &[String] {
            let filter = plan.filters.iter().find(|filter| filter.name == name);
            filter.map_or(&[], |filter| filter.values.as_slice())
        };
        let by_name: BTreeMap<_, _> = counts.values.into_iter().collect();
        let mut told: Vec<Facet> = Vec::new();
        for (name, values) in by_name {
            let chosen = chosen(&name);
            if name == TAG && chosen.is_empty() {
                continue;
            }
            let mut values: Vec<FacetValue> = values
                .into_iter()
                .map(|(value, count)| FacetValue {
                    selected: chosen.contains(&value),
                    value,
                    count,
                })
                .collect();
            for value in chosen {
                if !values.iter().any(|known| known.value == *value) {
                    values.push(FacetValue {
                        value: value.clone(),
                        count: 0,
                        selected: true,
                    });
                }
            }
            // What is chosen is never cut off.
            values.sort_by(|a, b| {
                let key = |value: &FacetValue| (!value.selected, u64::MAX - value.count);
                key(a).cmp(&key(b)).then_with(|| a.value.cmp(&b.value))
            });
            values.truncate(VALUES_MAX);
            values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
            told.push(Facet {
                name,
                kind: FacetKind::Values,
                values,
                approximate: counts.estimated,
            });
        }
        told.sort_by_key(|facet| !facet.values.iter().any(|value| value.selected));
        told.truncate(FACETS_MAX);
        told.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(prices) = self.prices(&counts.prices, counts.estimated) {
            told.push(prices);
        }
        told
    }

    fn prices(&self, counts: &[u64], approximate: bool) -> Option<Facet> {
        let steps = facets::price_steps(self.plan.currency);
        let chosen = self.plan.price.map(text_of);
        let mut values: Vec<FacetValue> = facets::price_ranges(&steps, counts)
            .into_iter()
            .map(|(value, count)| FacetValue {
                selected: chosen.as_ref() == Some(&value),
                value,
                count,
            })
            .collect();
        if let Some(value) = chosen
            && !values.iter().any(|known| known.selected)
        {
            let (count, selected) = (0, true);
            values.push(FacetValue {
                value,
                count,
                selected,
            });
        }
        (!values.is_empty()).then(|| Facet {
            name: PRICE.to_owned(),
            kind: FacetKind::Prices,
            values,
            approximate,
        })
    }
}

/// As ranges are written: `1000..1999`, `..500`.
pub(crate) fn text_of(range: PriceRange) -> String {
    let bound = |amount: Option<i64>| amount.map(|amount| amount.to_string()).unwrap_or_default();
    format!("{}..{}", bound(range.min), bound(range.max))
}
