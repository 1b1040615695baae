//! All indexes of a process: opened when first asked for, closed when many are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::{Mutex, RwLock};
use sha2::{Digest as _, Sha256};
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::search::OnSearchChange;
use stoa_kernel::TenantId;
use stoa_storage::Result;
use tokio::sync::Semaphore;

use super::meters::Meters;
use super::slot::{Feed, Reason, Slot, State, blocking};
use crate::domain::rules::Rules;
use crate::index::counts::Keeper;
use crate::index::live::{Flaw, Live, Mark};
use crate::index::schema::{self, PLAIN, VERSION};
use crate::infrastructure;

/// How long another process's change of the rules may go unseen.
const RULES_TTL: Duration = Duration::from_secs(1);
/// Tenants whose rules are kept in memory.
const RULES_MAX: u64 = 10_000;
/// Builds that run at once.
const BUILDS_MAX: usize = 2;

/// How search works in one process.
#[derive(Debug, Clone)]
pub struct SearchConfig {
    /// Holds a folder for each tenant; this process's own.
    pub dir: PathBuf,
    /// The language of texts that are no translations, for shops that name none.
    pub locale: String,
    /// Indexes kept open; the longest unused closes first.
    pub open_max: usize,
    /// How often the event log is looked at.
    pub every: Duration,
    /// How long changes are gathered before they are committed together.
    pub settle: Duration,
    /// So many products of a query are looked at one by one to count their facets, and half as many
    /// for a facet that ignores its own filter. Where more are found, an even part of them is, and the
    /// counts are estimates.
    pub looked_at_max: usize,
}

impl SearchConfig {
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            locale: "en".to_owned(),
            open_max: 64,
            every: Duration::from_millis(100),
            settle: Duration::from_millis(300),
            looked_at_max: 16_384,
        }
    }
}

pub(crate) struct Engine {
    pub(crate) deps: Deps,
    pub(crate) config: SearchConfig,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) keeper: Keeper,
    pub(crate) meters: Meters,
    pub(crate) builds: Semaphore,
    pub(crate) over: AtomicBool,
    slots: Mutex<HashMap<TenantId, Arc<Slot>>>,
    rules: Cache<TenantId, Arc<Rules>>,
    /// Digests of the rules that were read last.
    digests: Cache<TenantId, String>,
    hearers: RwLock<Vec<OnSearchChange>>,
    uses: AtomicU64,
}

impl Engine {
    pub(crate) fn new(
        deps: Deps,
        config: SearchConfig,
        catalog: Arc<dyn Catalog>,
        meters: Meters,
    ) -> Self {
        Self {
            deps,
            keeper: Keeper::new(config.looked_at_max),
            config,
            catalog,
            meters,
            builds: Semaphore::new(BUILDS_MAX),
            over: AtomicBool::new(false),
            slots: Mutex::default(),
            rules: Cache::builder()
                .max_capacity(RULES_MAX)
                .time_to_live(RULES_TTL)
                .build(),
            digests: Cache::new(RULES_MAX),
            hearers: RwLock::default(),
            uses: AtomicU64::new(0),
        }
    }

    /// The tenant's slot; its index is opened in the background where it was not.
    pub(crate) fn slot(self: &Arc<Self>, tenant: TenantId) -> Arc<Slot> {
        let use_number = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&tenant) {
            slot.used.store(use_number, Ordering::Relaxed);
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::new(tenant, &self.config.dir));
        slot.used.store(use_number, Ordering::Relaxed);
        slots.insert(tenant, Arc::clone(&slot));
        self.meters.open.set(slots.len() as i64);
        let (engine, opened) = (Arc::clone(self), Arc::clone(&slot));
        tokio::spawn(async move { engine.open(&opened).await });
        slot
    }

    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.lock().values().cloned().collect()
    }

    /// Takes a slot away, if it is still this one.
    pub(crate) fn forget(&self, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock();
        let is_it = slots
            .get(&slot.tenant)
            .is_some_and(|known| Arc::ptr_eq(known, slot));
        if is_it {
            slots.remove(&slot.tenant);
        }
        slot.closed.store(true, Ordering::Release);
        self.meters.open.set(slots.len() as i64);
    }

    async fn open(self: &Arc<Self>, slot: &Arc<Slot>) {
        let reading = Arc::clone(slot);
        let opened = blocking(move || {
            let folder = reading.current_folder().ok_or(Flaw::Missing)?;
            Live::open(&folder)
        });
        let opened = opened.await.unwrap_or_else(|what| Err(Flaw::Torn { what }));
        match opened {
            Ok(live) => {
                *slot.feed.lock().await = Feed::at(live.mark().position);
                slot.show(Some(Arc::new(live)));
                self.changed(slot.tenant);
                slot.state.send_replace(State::Behind);
            }
            Err(flaw) => {
                let reason = match flaw {
                    Flaw::Missing => Reason::Missing,
                    Flaw::Version => Reason::Version,
                    Flaw::Torn { .. } | Flaw::Tantivy(_) => Reason::Torn,
                };
                if reason == Reason::Torn {
                    tracing::warn!(tenant = %slot.tenant, %flaw, "a search index is torn");
                }
                self.build(slot, reason);
            }
        }
    }

    /// What an index of the tenant would have to say of itself now.
    pub(crate) async fn mark(&self, tenant: TenantId) -> Result<Mark> {
        let locale = self.rules(tenant).await?.locale.clone();
        let cell = self.deps.storage.tenant(tenant).await?.cell;
        let log = self.deps.storage.event_log(cell).await?;
        Ok(Mark {
            schema: VERSION,
            cell,
            epoch: log.epoch(),
            position: log.head().await?,
            locale,
        })
    }

    pub(crate) async fn rules(&self, tenant: TenantId) -> Result<Arc<Rules>> {
        if let Some(known) = self.rules.get(&tenant) {
            return Ok(known);
        }
        let db = self.deps.storage.db(tenant).await?;
        let stored = infrastructure::read(&db).await?;
        let digest = Sha256::digest(format!("{stored:?}").as_bytes());
        let digest: Vec<String> = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let analyses = schema::analyses();
        let words = |text: &String| schema::terms(&analyses, PLAIN, text);
        let groups = stored
            .groups
            .iter()
            .map(|group| group.iter().map(words).collect())
            .collect();
        let pins = stored
            .pins
            .into_iter()
            .map(|pin| (pin.scope, pin.term, pin.pin))
            .collect();
        let locale = stored.locale.unwrap_or_else(|| self.config.locale.clone());
        let rules = Arc::new(Rules::new(locale, digest.concat(), groups, pins));
        self.rules.insert(tenant, Arc::clone(&rules));
        let before = self.digests.get(&tenant);
        if before.as_ref() != Some(&rules.digest) {
            self.digests.insert(tenant, rules.digest.clone());
            // The first look changes nothing.
            if before.is_some() {
                self.changed(tenant);
            }
        }
        Ok(rules)
    }

    pub(crate) fn hear(&self, hearer: OnSearchChange) {
        self.hearers.write().push(hearer);
    }

    /// What is found for the tenant may be something else from now on.
    pub(crate) fn changed(&self, tenant: TenantId) {
        for hearer in self.hearers.read().iter() {
            hearer(tenant);
        }
    }

    /// After a change made in this process.
    pub(crate) fn forget_rules(&self, tenant: TenantId) {
        self.rules.invalidate(&tenant);
        self.changed(tenant);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}
