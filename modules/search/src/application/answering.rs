//! Answers questions from the tenant's index: a bounded number at once, none on an async worker.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::sync::Cache;
use stoa_cache::Tag;
use stoa_contracts::search::{
    LIMIT_MAX, OnSearchChange, Search, SearchError, SearchPage, SearchQuery, SearchSort,
    Suggestions,
};
use stoa_kernel::{ProductId, TenantId};
use stoa_rest::CursorKey;
use tantivy::TantivyError;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::engine::Engine;
use super::following::{is_corruption, verified};
use super::slot::{Slot, Status, blocking};
use crate::domain::facets::{self, COLLECTION};
use crate::domain::language::tongue_of;
use crate::domain::rules::{Pins, Rules, Scope};
use crate::index::clauses;
use crate::index::live::Live;
use crate::index::page::{self, Found, From, Plan, text_of};
use crate::index::suggest::{self, Offered};

/// How long an answer waits for an index that is behind, or being opened or built.
const WAIT: Duration = Duration::from_millis(1_500);
/// Questions that indexes work on at once; others wait for their turn.
const AT_ONCE: usize = 8;
/// How long a question waits for its turn.
const TURN: Duration = Duration::from_secs(1);
/// Bytes of answers kept in memory.
const PAGES_BYTES_MAX: u64 = 8 << 20;
pub(crate) const FILTERS_MAX: usize = 16;
pub(crate) const FILTER_VALUES_MAX: usize = 50;
/// Characters of a query.
pub(crate) const TEXT_CHARS_MAX: usize = 400;
const SUGGESTIONS_MAX: u32 = 20;
/// A broken answer makes an index be read whole at most so often.
const VERIFY_EVERY: Duration = Duration::from_secs(5);

pub(crate) struct Answers {
    pub(crate) engine: Arc<Engine>,
    cursors: CursorKey,
    turns: Semaphore,
    pages: Cache<PageKey, Arc<Found>>,
}

/// Tenant, index, its state, the rules, and the question in words.
type PageKey = (TenantId, u64, u64, String, String);

impl Answers {
    pub(crate) fn new(engine: Arc<Engine>, cursors: CursorKey) -> Self {
        let pages = Cache::builder()
            .max_capacity(PAGES_BYTES_MAX)
            .weigher(|key: &PageKey, found: &Arc<Found>| {
                let values = found
                    .facets
                    .iter()
                    .map(|facet| facet.values.len() * 64 + 64);
                let bytes = key.4.len() + found.products.len() * 16 + values.sum::<usize>() + 256;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .build();
        Self {
            engine,
            cursors,
            turns: Semaphore::new(AT_ONCE),
            pages,
        }
    }

    /// How the tenant's index stands.
    pub(crate) async fn status(&self, tenant: TenantId) -> Result<Status, SearchError> {
        let slot = self.engine.slot(tenant);
        blocking(move || slot.status())
            .await
            .map_err(|problem| SearchError::Index { problem })
    }

    async fn live(&self, tenant: TenantId) -> Result<(Arc<Slot>, Arc<Live>), SearchError> {
        let slot = self.engine.slot(tenant);
        slot.wait(WAIT).await;
        let live = slot.live().ok_or(SearchError::Building)?;
        Ok((slot, live))
    }

    /// Has an index answer. One that fails is looked through, and built anew where it is torn.
    async fn ask<T: Send + 'static>(
        &self,
        kind: &'static str,
        slot: &Arc<Slot>,
        live: &Arc<Live>,
        work: impl FnOnce(&Live) -> tantivy::Result<T> + Send + 'static,
    ) -> Result<T, SearchError> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(SearchError::Busy);
        };
        let began = Instant::now();
        let asked = Arc::clone(live);
        let answer = blocking(move || work(&asked)).await;
        self.engine.meters.answered(kind, began.elapsed());
        let (problem, may_be_torn) = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => (error.to_string(), is_torn(&error)),
            Err(panic) => (panic, true),
        };
        self.engine.meters.failures.inc();
        tracing::warn!(tenant = %slot.tenant, %problem, "a search index failed");
        if may_be_torn && self.is_verify_due(slot) && !verified(live).await {
            slot.drop_live(live.number);
            self.engine.torn(slot, live);
        }
        Err(SearchError::Index { problem })
    }

    fn is_verify_due(&self, slot: &Slot) -> bool {
        let mut last = slot.verified_at.lock();
        let is_due = last.is_none_or(|at| at.elapsed() >= VERIFY_EVERY);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }

    fn plan(
        &self,
        tenant: TenantId,
        query: &SearchQuery,
        rules: Arc<Rules>,
        live: &Live,
    ) -> Result<Plan, SearchError> {
        check(query)?;
        let mut filters = query.filters.clone();
        for filter in &mut filters {
            filter.values.sort_unstable();
            filter.values.dedup();
        }
        filters.sort_by(|a, b| a.name.cmp(&b.name));
        let locale = query.locale.as_deref().unwrap_or_default();
        let sought = format!("{locale:?} {:?} {}", query.text, rules.digest);
        let mut name = format!("{} {:?} ", query.currency, query.sort);
        for filter in &filters {
            // As lists of quoted texts no two sets of filters read alike.
            let _ = write!(name, "{:?}={:?} ", filter.name, filter.values);
        }
        if let Some(range) = query.price {
            let _ = write!(name, "{} ", text_of(range));
        }
        name.push_str(&sought);
        let scope = format!("{tenant} search {name}");
        let from = match &query.cursor {
            None => None,
            Some(cursor) => Some(
                self.cursors
                    .decode::<From>(&scope, cursor)
                    .map_err(|_| SearchError::Cursor)?,
            ),
        };
        Ok(Plan {
            tenant,
            text: query.text.clone(),
            tongues: tongues(query.locale.as_deref(), &rules.locale),
            currency: query.currency,
            price: query.price,
            sort: query.sort,
            limit: query.limit as usize,
            facets: query.facets,
            from,
            pins: pins(query, &rules, live),
            filters,
            rules,
            sought,
            name,
        })
    }
}

#[async_trait]
impl Search for Answers {
    async fn find(&self, tenant: TenantId, query: &SearchQuery) -> Result<SearchPage, SearchError> {
        let (slot, live) = self.live(tenant).await?;
        let rules = self.engine.rules(tenant).await?;
        let plan = self.plan(tenant, query, rules, &live)?;
        let scope = format!("{tenant} search {}", plan.name);
        let question = format!(
            "{} {} {:?} {}",
            plan.limit, plan.facets, query.cursor, plan.name
        );
        let key = (
            tenant,
            live.number,
            live.reloads(),
            plan.rules.digest.clone(),
            question,
        );
        let found = match self.pages.get(&key) {
            Some(kept) => {
                self.engine.meters.page_hits.inc();
                kept
            }
            None => {
                let keeper = self.engine.keeper.clone();
                let work = move |live: &Live| page::find(live, &plan, &keeper);
                let found = Arc::new(self.ask("find", &slot, &live, work).await?);
                self.pages.insert(key, Arc::clone(&found));
                found
            }
        };
        tell(tenant, &found.products);
        Ok(SearchPage {
            products: found.products.clone(),
            total: found.total,
            facets: found.facets.clone(),
            next_cursor: found
                .next
                .as_ref()
                .map(|next| self.cursors.encode(&scope, next)),
            corrected: found.corrected.clone(),
        })
    }

    async fn suggest(
        &self,
        tenant: TenantId,
        prefix: &str,
        locale: Option<&str>,
        limit: u32,
    ) -> Result<Suggestions, SearchError> {
        let (slot, live) = self.live(tenant).await?;
        let rules = self.engine.rules(tenant).await?;
        let tongues = tongues(locale, &rules.locale);
        let text = prefix.to_owned();
        let limit = limit.clamp(1, SUGGESTIONS_MAX) as usize;
        let work = move |live: &Live| suggest::suggest(live, &text, tongues, &rules, limit);
        let Offered { queries, products } = self.ask("suggest", &slot, &live, work).await?;
        Ok(Suggestions { queries, products })
    }

    async fn similar(
        &self,
        tenant: TenantId,
        product: ProductId,
        limit: u32,
    ) -> Result<Vec<ProductId>, SearchError> {
        let documents = self.engine.catalog.documents(tenant, &[product]).await?;
        let Some(document) = documents.into_iter().next() else {
            return Ok(Vec::new());
        };
        let (slot, live) = self.live(tenant).await?;
        let limit = limit.clamp(1, LIMIT_MAX) as usize;
        let work = move |live: &Live| suggest::similar(live, &document, limit);
        let similar = self.ask("similar", &slot, &live, work).await?;
        // Whoever gets none of them looks elsewhere, of which nothing is known here.
        if !similar.is_empty() {
            tell(tenant, &similar);
        }
        Ok(similar)
    }

    fn on_change(&self, hear: OnSearchChange) -> bool {
        self.engine.hear(hear);
        true
    }
}

/// A page made of this is another one when the index changes, or one of the products does.
fn tell(tenant: TenantId, products: &[ProductId]) {
    let products = products
        .iter()
        .map(|&product| Tag::product(tenant, product));
    stoa_cache::tell(std::iter::once(Tag::found(tenant)).chain(products));
}

fn is_torn(error: &TantivyError) -> bool {
    is_corruption(error)
}

fn check(query: &SearchQuery) -> Result<(), SearchError> {
    let invalid = |field: &str, reason: String| {
        Err(SearchError::Invalid {
            field: field.to_owned(),
            reason,
        })
    };
    if !(1..=LIMIT_MAX).contains(&query.limit) {
        return invalid("limit", format!("must be 1 to {LIMIT_MAX}"));
    }
    if query.text.chars().count() > TEXT_CHARS_MAX {
        return invalid("q", format!("has at most {TEXT_CHARS_MAX} characters"));
    }
    if query.filters.len() > FILTERS_MAX {
        return invalid("filter", format!("has at most {FILTERS_MAX} names"));
    }
    let mut names: Vec<&str> = query
        .filters
        .iter()
        .map(|filter| filter.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.len() != query.filters.len() {
        return invalid("filter", "names a facet twice".to_owned());
    }
    for filter in &query.filters {
        let field = format!("filter.{}", filter.name);
        if !facets::is_name(&filter.name) {
            return invalid(&field, "is no facet".to_owned());
        }
        if !(1..=FILTER_VALUES_MAX).contains(&filter.values.len()) {
            return invalid(&field, format!("takes 1 to {FILTER_VALUES_MAX} values"));
        }
    }
    Ok(())
}

/// The shopper's language first, then the shop's.
fn tongues(asked: Option<&str>, home: &str) -> Vec<usize> {
    let mut found: Vec<usize> = asked
        .into_iter()
        .chain([home])
        .filter_map(tongue_of)
        .collect();
    found.dedup();
    found
}

/// Places count in the merchant's own order, not in one that the shopper chose; what is hidden is
/// hidden in all.
fn pins(query: &SearchQuery, rules: &Rules, live: &Live) -> Pins {
    let words = clauses::words(live.index.tokenizers(), &query.text);
    let collection = query
        .filters
        .iter()
        .find(|filter| filter.name == COLLECTION && filter.values.len() == 1);
    let pins = match (words.is_empty(), collection) {
        (false, _) => {
            let plain: Vec<&str> = words.iter().map(|word| word.plain.as_str()).collect();
            rules.pins(Scope::Query, &plain.join(" "))
        }
        (true, Some(filter)) => rules.pins(Scope::Collection, &filter.values[0]),
        (true, None) => None,
    };
    let mut pins = pins.cloned().unwrap_or_default();
    if query.sort != SearchSort::Relevance {
        pins.places.clear();
    }
    pins
}
