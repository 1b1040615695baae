//! What processes share in Redis. Trusts nothing there by its age: a value is given only while
//! Redis knows of no later invalidation of its tags, and this process has told all it knows.
//!
//! Each tenant has a count of invalidations, and for each slot of tags the count at which it was
//! last outdated. A fill takes the count before it reads its source; its value is stored, and
//! given, only while none of its slots has a later one. Counts that are lost (evicted, flushed)
//! begin anew under another seed, and what was stored under the old seed is dead.

mod link;
mod outbox;
mod pack;
mod scripts;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use stoa_kernel::TenantId;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use self::link::Link;
pub(crate) use self::link::Operation;
use self::outbox::Outbox;
pub(crate) use self::pack::unpack;
use self::scripts::Scripts;
use self::worker::Worker;
use crate::cache::CellPosition;
use crate::counters::Counters;
use crate::journal::Journal;
use crate::space::SpaceConfig;
use crate::tag::Tag;

/// Rises whenever the meaning of a key or a script changes: processes of two versions then share
/// nothing, rather than misread each other.
const SCHEMA: u32 = 2;
const ANSWER_TIME_MAX: Duration = Duration::from_millis(20);
/// Stores on their way at once; further ones are left out.
const STORES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 512 * 1024;

/// Where Redis is: one server, or whatever looks like one. Not a Redis Cluster.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://` or `rediss://`, with user, password and database number where needed.
    pub url: String,
    /// Comes before each key, so that several installations may use one Redis.
    pub prefix: String,
    /// How long a request waits for an answer before it goes on without.
    pub answer_time_max: Duration,
    /// What this process follows events from; see [`CellPosition`]. `None` where it does not know:
    /// what was stored before is then not used by anybody any more.
    pub positions: Option<Vec<CellPosition>>,
}

impl std::fmt::Debug for RedisConfig {
    // The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("prefix", &self.prefix)
            .field("answer_time_max", &self.answer_time_max)
            .finish_non_exhaustive()
    }
}

impl RedisConfig {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "stoa".to_owned(),
            answer_time_max: ANSWER_TIME_MAX,
            positions: None,
        }
    }
}

/// What a fill must show to store what it read.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    tenant: TenantId,
    generation: Bytes,
    seed: Bytes,
    count: i64,
}

pub(crate) struct Found {
    pub(crate) bytes: Bytes,
    pub(crate) time_left: Duration,
    pub(crate) token: Token,
}

pub(crate) enum Answer {
    Found(Found),
    Absent(Token),
    /// Lost, slow, or left alone for a while.
    Off,
}

pub(crate) struct Shared {
    link: Arc<Link>,
    outbox: Arc<Outbox>,
    scripts: Scripts,
    names: Names,
    stores: Arc<Semaphore>,
    #[cfg(test)]
    pub(crate) blind: std::sync::atomic::AtomicBool,
}

/// Names of keys.
#[derive(Debug, Clone)]
struct Names {
    prefix: String,
}

impl Names {
    /// The generation of everything, and how far events were followed.
    fn all(&self) -> String {
        format!("{}:g", self.prefix)
    }
    fn tenant(&self, tenant: TenantId) -> String {
        format!("{}:t:{tenant}", self.prefix)
    }
}

impl Shared {
    pub(crate) fn start(
        config: RedisConfig,
        journal: Arc<Journal>,
        counters: &Counters,
    ) -> Result<(Arc<Self>, JoinHandle<()>), redis::RedisError> {
        let names = Names {
            prefix: format!("{}:c{SCHEMA}", config.prefix),
        };
        let scripts = Scripts::new();
        let link = Arc::new(Link::new(
            config.url.as_str(),
            config.answer_time_max,
            counters,
        )?);
        let outbox = Arc::new(Outbox::new(journal, counters));
        let worker = Worker::new(
            Arc::clone(&link),
            Arc::clone(&outbox),
            scripts.clone(),
            names.clone(),
            config.positions,
        );
        let shared = Self {
            link,
            outbox,
            scripts,
            names,
            stores: Arc::new(Semaphore::new(STORES_MAX)),
            #[cfg(test)]
            blind: std::sync::atomic::AtomicBool::new(false),
        };
        Ok((Arc::new(shared), tokio::spawn(worker.run())))
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether Redis may be asked at the moment.
    pub(crate) fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// Whether Redis was told all that this process outdated at these places.
    pub(crate) fn is_told_of(&self, places: &[u32]) -> bool {
        self.outbox.is_told_of(places)
    }

    pub(crate) fn entry_name(&self, space: &SpaceConfig, tenant: TenantId, key: &str) -> String {
        /// Half of SHA-256: no two keys share it.
        const HASH_BYTES: usize = 16;
        let hash = hex::encode(&Sha256::digest(key.as_bytes())[..HASH_BYTES]);
        let (prefix, name, edition) = (&self.names.prefix, space.name, &space.edition);
        format!("{prefix}:e:{tenant}:{name}:{edition}:{hash}")
    }

    pub(crate) async fn read(&self, tenant: TenantId, name: &str) -> Answer {
        type Read = (Bytes, Bytes, i64, Option<Bytes>, i64);
        let Ok(seed) = scripts::seed() else {
            return Answer::Off;
        };
        let mut ask = self.scripts.read.ask(3);
        ask.arg(self.names.all())
            .arg(self.names.tenant(tenant))
            .arg(name)
            .arg(seed);
        let read: Option<Read> = self.link.ask(Operation::Read, &ask).await;
        let Some((generation, seed, count, bytes, left)) = read else {
            return Answer::Off;
        };
        let token = Token {
            tenant,
            generation,
            seed,
            count,
        };
        match bytes {
            Some(bytes) => Answer::Found(Found {
                bytes,
                time_left: Duration::from_millis(u64::try_from(left).unwrap_or(0)),
                token,
            }),
            None => Answer::Absent(token),
        }
    }

    /// Stores in the background what was read under `token`, unless it is too much, or was
    /// outdated since.
    pub(crate) fn store_later(
        self: &Arc<Self>,
        name: String,
        token: Token,
        tags: &[Tag],
        value: &[u8],
        time: Duration,
    ) {
        if value.len() > VALUE_BYTES_MAX || !self.is_open() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.stores).try_acquire_owned() else {
            return;
        };
        let bytes = pack::pack(tags, value);
        let mut slots: Vec<u16> = tags.iter().map(Tag::slot).collect();
        slots.sort_unstable();
        slots.dedup();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            shared.store(&name, token, &slots, bytes, time).await;
        });
    }

    async fn store(&self, name: &str, token: Token, slots: &[u16], bytes: Vec<u8>, time: Duration) {
        let token = self.planted(name, token).await;
        let slots: Vec<String> = slots.iter().map(u16::to_string).collect();
        let mut ask = self.scripts.store.ask(3);
        ask.arg(self.names.all())
            .arg(self.names.tenant(token.tenant))
            .arg(name)
            .arg(&token.generation[..])
            .arg(&token.seed[..])
            .arg(token.count)
            .arg(slots.join(","))
            .arg(bytes)
            .arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1));
        let _: Option<i64> = self.link.ask(Operation::Store, &ask).await;
    }

    #[cfg(test)]
    pub(crate) async fn stores_ended(&self) {
        drop(self.stores.acquire_many(STORES_MAX as u32).await);
    }

    #[cfg(not(test))]
    async fn planted(&self, _: &str, token: Token) -> Token {
        token
    }

    /// A token of now, as if the fill had raced nothing: what a seeded test must catch.
    #[cfg(test)]
    async fn planted(&self, name: &str, token: Token) -> Token {
        if !self.blind.load(std::sync::atomic::Ordering::Relaxed) {
            return token;
        }
        match self.read(token.tenant, name).await {
            Answer::Absent(now) | Answer::Found(Found { token: now, .. }) => now,
            Answer::Off => token,
        }
    }
}
