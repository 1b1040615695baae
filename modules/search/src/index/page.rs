//! Answers one query from one index: a page of products, how many there are, and their facets.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stoa_contracts::search::{Facet, FacetKind, FacetValue, PriceRange, SearchFilter, SearchSort};
use stoa_kernel::{Currency, ProductId, TenantId};
use tantivy::collector::Count;
use tantivy::query::{AllQuery, EmptyQuery};
use tantivy::{Result, Searcher};

use super::clauses::{self, BoxQuery, Mode, Speech};
use super::counts::{Counts, Keeper, Wanted};
use super::live::Live;
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
}

/// Blocks for as long as the index needs.
pub(crate) fn find(live: &Live, plan: &Plan, keeper: &Keeper) -> Result<Found> {
    let asked = Asked {
        plan,
        live,
        searcher: live.searcher(),
    };
    let from = plan.from.clone();
    let mode = from.as_ref().map_or(Mode::Strict, |from| from.mode);
    let found = asked.page(mode, from, keeper)?;
    let may_be_looser = plan.from.is_none() && !plan.text.trim().is_empty();
    match found.total == 0 && may_be_looser {
        true => asked.page(Mode::Loose, None, keeper),
        false => Ok(found),
    }
}

impl Asked<'_> {
    fn page(&self, mode: Mode, from: Option<From>, keeper: &Keeper) -> Result<Found> {
        let plan = self.plan;
        let (start, after) = from.map_or((0, None), |from| (from.start, from.after));
        let (text, corrected) = self.text(mode)?;
        let pinned = self.pinned()?;
        let pinned_ids: Vec<ProductId> = pinned.iter().map(|(_, id)| *id).collect();
        let hidden = [plan.pins.hidden.as_slice(), &pinned_ids].concat();
        let organic = self.filtered(text.as_ref(), None, &hidden);
        let top = self.top(organic, after.clone())?;
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
            true => self.facets(text.as_ref(), mode, keeper)?,
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

    /// What is pinned, as far as it is published and passes the filters.
    fn pinned(&self) -> Result<Vec<(i64, ProductId)>> {
        let places = &self.plan.pins.places;
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<ProductId> = places.iter().map(|(_, id)| *id).collect();
        let named = clauses::products(&self.live.fields, &ids);
        let query = self.filtered(Some(&named), None, &self.plan.pins.hidden);
        let ranking = Ranking {
            sort: SearchSort::Newest,
            currency: self.plan.currency,
            limit: ids.len(),
            after: None,
        };
        let there = self.searcher.search(&query, &ranking)??;
        let is_there = |id: &ProductId| there.places.iter().any(|place| place.product == *id);
        Ok(places
            .iter()
            .copied()
            .filter(|(_, id)| is_there(id))
            .collect())
    }

    /// The text and every filter but that of `ignored`, without `hidden`.
    fn filtered(
        &self,
        text: Option<&BoxQuery>,
        ignored: Option<&str>,
        hidden: &[ProductId],
    ) -> BoxQuery {
        let (plan, fields) = (self.plan, &self.live.fields);
        let mut parts: Vec<BoxQuery> = text.iter().map(|text| text.box_clone()).collect();
        for filter in &plan.filters {
            if ignored != Some(filter.name.as_str()) {
                parts.push(clauses::facet(fields, &filter.name, &filter.values));
            }
        }
        if let Some(range) = plan.price
            && ignored != Some(PRICE)
        {
            parts.push(clauses::price(fields, plan.currency, range));
        }
        let query: BoxQuery = match parts.is_empty() {
            true => Box::new(AllQuery),
            false => clauses::all(parts),
        };
        clauses::without(fields, query, hidden)
    }

    fn top(&self, query: BoxQuery, after: Option<Place>) -> Result<Top> {
        let plan = self.plan;
        let sort = match plan.sort {
            SearchSort::Relevance if plan.text.trim().is_empty() => SearchSort::Newest,
            sort => sort,
        };
        let ranking = Ranking {
            sort,
            currency: plan.currency,
            limit: plan.limit,
            after,
        };
        self.searcher.search(&query, &ranking)?
    }

    fn facets(&self, text: Option<&BoxQuery>, mode: Mode, keeper: &Keeper) -> Result<Vec<Facet>> {
        let plan = self.plan;
        let count = |wanted: Wanted<'_>| -> Result<Counts> {
            let ignored = match wanted {
                Wanted::All => None,
                Wanted::Facet(name) => Some(name),
                Wanted::Prices => Some(PRICE),
            };
            let query = self.filtered(text, ignored, &plan.pins.hidden);
            let name = format!("{}\n{mode:?}\n{ignored:?}", plan.name);
            let name: Arc<str> = Arc::from(name);
            let what = (plan.currency, wanted);
            keeper.count(plan.tenant, &self.searcher, &query, &name, what)
        };
        let mut counts = count(Wanted::All)?;
        for filter in plan.filters.iter().take(GROUPS_MAX) {
            let mut alone = count(Wanted::Facet(&filter.name))?;
            let mut own = alone.values.remove(&filter.name).unwrap_or_default();
            if alone.estimated {
                let others = self.filtered(text, Some(&filter.name), &plan.pins.hidden);
                for value in &filter.values {
                    own.insert(value.clone(), self.exactly(&others, &filter.name, value)?);
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
    fn exactly(&self, others: &BoxQuery, name: &str, value: &String) -> Result<u64> {
        let with = clauses::facet(&self.live.fields, name, std::slice::from_ref(value));
        let both = clauses::all(vec![others.box_clone(), with]);
        Ok(self.searcher.search(&both, &Count)? as u64)
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
