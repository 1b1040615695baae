//! What all spaces of a process share: what is outdated, by whom it is told, and whom it tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use stoa_kernel::{CellId, Envelope, Fact, TenantId};
use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::counters::Counters;
use crate::entry::Stored;
use crate::journal::{Against, Journal, Mark, Seal};
use crate::purge::{PurgeTarget, Purger};
use crate::shared::{RedisConfig, Shared};
use crate::space::{Space, SpaceConfig};
use crate::tag::{Tag, places};

/// Background reads at once, of all spaces.
const REFRESHES_MAX: usize = 16;
/// Other processes outdate within this; a CDN that came back earlier could be given the old page.
const PURGE_AFTER: Duration = Duration::from_secs(1);

/// How far a cell's events are followed already when a process starts: those after it will come
/// to [`Cache::on_event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellPosition {
    pub cell: CellId,
    pub epoch: i64,
    pub seq: i64,
}

#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// Shared by all processes; `None` keeps everything in memory alone.
    pub redis: Option<RedisConfig>,
    /// CDNs to be told what was outdated. In a process that follows events; one is enough.
    pub purge_urls: Vec<PurgeTarget>,
    /// How long after an event its tags are purged.
    pub purge_after: Duration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            redis: None,
            purge_urls: Vec::new(),
            purge_after: PURGE_AFTER,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("the address of Redis is not usable")]
    Redis(#[source] redis::RedisError),
    #[error("a metric of the cache cannot be registered")]
    Metrics(#[from] prometheus::Error),
    #[error("`{url}` is no address that can be purged: {reason}")]
    PurgeUrl { url: String, reason: &'static str },
}

/// Which tags a fact outdates, by its tenant and key.
pub type Rule = fn(TenantId, &str) -> Vec<Tag>;

/// Cheap to clone; its work in the background ends with the last clone and space.
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Core>);

pub(crate) struct Core {
    pub(crate) journal: Arc<Journal>,
    pub(crate) counters: Counters,
    pub(crate) shared: Option<Arc<Shared>>,
    pub(crate) refreshes: Arc<Semaphore>,
    purger: Option<Arc<Purger>>,
    pub(crate) rules: RwLock<Vec<(String, Rule)>>,
    /// Whether events are followed already.
    followed: AtomicBool,
    tasks: Vec<JoinHandle<()>>,
    #[cfg(test)]
    pub(crate) blind: AtomicBool,
}

impl Core {
    pub(crate) fn seal(&self, mark: Mark, places: Box<[u32]>) -> Option<Seal> {
        #[cfg(test)]
        if self.blind.load(Ordering::Relaxed) {
            return Some(self.journal.seal_blindly(places));
        }
        self.journal.seal(mark, places, Against::Outdated)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Cache {
    /// Starts the background work in the current runtime. Redis may be away: it is used from when
    /// it answers.
    pub fn start(config: CacheConfig, metrics: &Metrics) -> Result<Self, CacheError> {
        let counters = Counters::register(metrics)?;
        let journal = Arc::new(Journal::new());
        let mut tasks = Vec::new();
        let mut shared = None;
        if let Some(redis) = config.redis {
            // The client takes the process's default; without it, it could not choose.
            drop(rustls::crypto::ring::default_provider().install_default());
            let started = Shared::start(redis, Arc::clone(&journal), &counters);
            let (started, task) = started.map_err(CacheError::Redis)?;
            shared = Some(started);
            tasks.push(task);
        }
        let mut purger = None;
        if !config.purge_urls.is_empty() {
            let made = Arc::new(Purger::new(
                config.purge_urls,
                config.purge_after,
                Arc::clone(&counters.purges),
            ));
            tasks.extend(Purger::start(&made));
            purger = Some(made);
        }
        Ok(Self(Arc::new(Core {
            journal,
            counters,
            shared,
            refreshes: Arc::new(Semaphore::new(REFRESHES_MAX)),
            purger,
            rules: RwLock::default(),
            followed: AtomicBool::new(false),
            tasks,
            #[cfg(test)]
            blind: AtomicBool::new(false),
        })))
    }

    /// A place for one kind of things. One space per name.
    pub fn space<T: Stored>(&self, config: SpaceConfig) -> Space<T> {
        Space::new(Arc::clone(&self.0), config)
    }

    /// From now on `F` outdates what `rule` names. Given twice, both count.
    pub fn outdate_by<F: Fact>(&self, rule: Rule) {
        self.0.rules.write().push((F::subject(), rule));
    }

    /// Nothing made from these before now is served by this process any more; other processes
    /// learn it by the event that tells of the change.
    pub fn invalidate(&self, tags: &[Tag]) {
        if tags.is_empty() {
            return;
        }
        if let Some(shared) = &self.0.shared {
            shared.outbox().outdate(tags);
        }
        self.0.journal.outdate(&places(tags));
    }

    /// As [`Cache::invalidate`], of what only this process has: Redis holds nothing under these tags.
    pub fn invalidate_here(&self, tags: &[Tag]) {
        self.0.journal.outdate(&places(tags));
    }

    /// A fact that a transaction of this process left behind: to be told from the storage's commit
    /// hook, before whoever committed is answered.
    pub fn committed(&self, tenant: TenantId, subject: &str, key: &str) {
        self.invalidate(&self.tags(tenant, subject, key));
    }

    /// A fact that any process may have committed. Every event is to be given, in order: what is
    /// shared knows by their numbers that none was missed. Never blocks.
    pub fn on_event(&self, event: &Envelope) {
        self.0.followed.store(true, Ordering::Relaxed);
        let tags = self.tags(event.tenant, &event.subject, &event.key);
        if let Some(shared) = &self.0.shared {
            shared.outbox().follow(event, &tags);
        }
        if tags.is_empty() {
            return;
        }
        self.0.journal.outdate(&places(&tags));
        if let Some(purger) = &self.0.purger {
            purger.purge(&tags);
        }
    }

    /// Events may have been missed: nothing is known any more, here and in Redis. Before the first
    /// event it says where following begins: what was read before is forgotten here, while Redis
    /// knows by the positions whether anything was missed.
    pub fn on_gap(&self) {
        if self.0.followed.swap(true, Ordering::Relaxed)
            && let Some(shared) = &self.0.shared
        {
            shared.outbox().move_all();
        }
        self.0.journal.flush();
    }

    /// Whether Redis is there and used; `None` where none was asked for.
    pub fn redis_is_open(&self) -> Option<bool> {
        self.0.shared.as_ref().map(|shared| shared.is_open())
    }

    /// How many invalidations Redis is yet to be told.
    pub fn untold(&self) -> usize {
        let shared = self.0.shared.as_ref();
        shared.map_or(0, |shared| shared.outbox().waiting())
    }

    fn tags(&self, tenant: TenantId, subject: &str, key: &str) -> Vec<Tag> {
        let rules = self.0.rules.read();
        let rules = rules.iter().filter(|(known, _)| known == subject);
        rules.flat_map(|(_, rule)| rule(tenant, key)).collect()
    }

    /// Waits for stores on their way to Redis.
    #[cfg(test)]
    pub(crate) async fn stores_ended(&self) {
        if let Some(shared) = &self.0.shared {
            shared.stores_ended().await;
        }
    }

    #[cfg(test)]
    pub(crate) fn blind(&self) {
        self.0.blind.store(true, Ordering::Relaxed);
        if let Some(shared) = &self.0.shared {
            shared.blind.store(true, Ordering::Relaxed);
        }
    }
}
