//! One kind of things kept in memory, bounded by bytes, with one read per key at a time. Behind it
//! stands Redis where there is one, and the source that the caller brings.

use std::sync::Arc;
use std::time::Duration;

// Keys are whole addresses, and hashed at every look.
use foldhash::fast::RandomState;
use moka::notification::RemovalCause;
use moka::sync::Cache as Memory;
use stoa_kernel::TenantId;
use tokio::time::Instant;

use crate::cache::Core;
use crate::counters::{FillEnd, ReadEnd, SpaceCounters};
use crate::entry::{Entry, Fill, Hit, Stored};
use crate::flight::{Flights, Key, KeyRef, Outcome};
use crate::journal::{Against, Mark};
use crate::shared::{self, Answer, Token};
use crate::tag::{Tag, places};

const BYTES_MAX: u64 = 64 * 1024 * 1024;
const ENTRY_BYTES_MAX: usize = 1024 * 1024;
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);
const MISSING_TIME_TO_LIVE: Duration = Duration::from_secs(10);
const SHARED_TIME_TO_LIVE: Duration = Duration::from_secs(60 * 60);
const STALE_FOR: Duration = Duration::from_secs(60);
/// What an entry weighs beside its value: key, stamps, bookkeeping.
const ENTRY_BYTES: usize = 512;
const KEY_BYTES_MAX: usize = 2 * 1024;
/// More would make every look at the entry long.
const TAGS_MAX: usize = 64;
/// How often a caller waits for a read that turns out to have begun too early.
const FLIGHTS_MAX: usize = 3;

/// What a space keeps, and for how long.
#[derive(Debug, Clone)]
pub struct SpaceConfig {
    /// Names the space in metrics and in Redis.
    pub name: &'static str,
    /// Names the shape of what is kept: processes that make other bytes from the same source must
    /// not read each other's. Letters and digits.
    pub edition: String,
    pub bytes_max: u64,
    /// What is larger is not kept.
    pub entry_bytes_max: usize,
    pub time_to_live: Duration,
    /// Of what does not exist.
    pub missing_time_to_live: Duration,
    /// In Redis.
    pub shared_time_to_live: Duration,
    /// Whether other processes may be given it, by Redis. Not so for what is made from something
    /// that each process has of its own, and that may be behind another's.
    pub shared: bool,
    /// How long after its time a value, if nothing outdated it, is still given while a read in
    /// the background replaces it.
    pub stale_for: Duration,
}

impl SpaceConfig {
    pub fn new(name: &'static str, edition: impl Into<String>) -> Self {
        Self {
            name,
            edition: edition.into(),
            bytes_max: BYTES_MAX,
            entry_bytes_max: ENTRY_BYTES_MAX,
            time_to_live: TIME_TO_LIVE,
            missing_time_to_live: MISSING_TIME_TO_LIVE,
            shared_time_to_live: SHARED_TIME_TO_LIVE,
            shared: true,
            stale_for: STALE_FOR,
        }
    }
}

/// What memory alone knows of a key.
pub enum Peek<T> {
    Fresh(Hit<T>),
    /// Past its time, but nothing it was made from has changed.
    Stale(Hit<T>),
    Absent,
}

/// Cheap to clone.
pub struct Space<T>(Arc<Inner<T>>);

struct Inner<T> {
    config: SpaceConfig,
    core: Arc<Core>,
    memory: Memory<Key, Hit<T>, RandomState>,
    flights: Flights<T>,
    counters: Arc<SpaceCounters>,
}

impl<T> Clone for Space<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Stored> Space<T> {
    pub(crate) fn new(core: Arc<Core>, config: SpaceConfig) -> Self {
        let counters = Arc::new(core.counters.space(config.name));
        let evictions = Arc::clone(&counters);
        let memory = Memory::builder()
            .max_capacity(config.bytes_max)
            .weigher(|_: &Key, hit: &Hit<T>| hit.0.weight)
            .time_to_live(config.time_to_live + config.stale_for)
            .eviction_listener(move |_, _, cause| match cause {
                RemovalCause::Size => evictions.evicted_for_size.inc(),
                RemovalCause::Expired => evictions.evicted_for_age.inc(),
                RemovalCause::Explicit | RemovalCause::Replaced => {}
            })
            .build_with_hasher(RandomState::default());
        Self(Arc::new(Inner {
            config,
            core,
            memory,
            flights: Flights::new(),
            counters,
        }))
    }

    /// What memory knows of the key: no waiting, nothing copied.
    pub fn peek(&self, tenant: TenantId, key: &str) -> Peek<T> {
        let peeked = self.look(tenant, key);
        match &peeked {
            Peek::Fresh(_) => self.0.counters.read(ReadEnd::Memory),
            Peek::Stale(_) => self.0.counters.read(ReadEnd::Stale),
            Peek::Absent => {}
        }
        peeked
    }

    /// What [`Space::peek`] calls fresh. Counts nothing else: whoever is given nothing here asks on.
    pub fn fresh(&self, tenant: TenantId, key: &str, now: Instant) -> Option<Hit<T>> {
        let hit = self.standing(tenant, key)?;
        let fresh = now < hit.0.fresh_until;
        fresh.then(|| {
            self.0.counters.read(ReadEnd::Memory);
            hit
        })
    }

    fn standing(&self, tenant: TenantId, key: &str) -> Option<Hit<T>> {
        let key = KeyRef { tenant, text: key };
        let hit = self.0.memory.get(&key)?;
        self.stands(&hit).then_some(hit)
    }

    fn look(&self, tenant: TenantId, key: &str) -> Peek<T> {
        let Some(hit) = self.standing(tenant, key) else {
            return Peek::Absent;
        };
        let now = Instant::now();
        if now < hit.0.fresh_until {
            return Peek::Fresh(hit);
        }
        // That there is nothing is not worth giving past its time.
        if hit.is_some() && now < hit.0.fresh_until + hit.0.stale_for {
            return Peek::Stale(hit);
        }
        Peek::Absent
    }

    fn stands(&self, hit: &Hit<T>) -> bool {
        let seal = hit.0.seal.as_ref();
        seal.is_some_and(|seal| self.0.core.journal.stands(seal))
    }

    /// What is known of the key; reads it with `fill` where nothing is. One of several callers at
    /// once reads. A value past its time is given while `fill` runs in the background.
    pub async fn get<E, F, R>(&self, tenant: TenantId, key: &str, fill: F) -> Result<Hit<T>, E>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<Fill<T>, E>> + Send + 'static,
        E: Send + 'static,
    {
        match self.peek(tenant, key) {
            Peek::Fresh(hit) => Ok(hit),
            Peek::Stale(hit) => {
                self.refresh(tenant, key, fill);
                Ok(hit)
            }
            Peek::Absent => self.read(tenant, key, fill).await,
        }
    }

    /// Reads the key in the background, unless somebody does, or too much is being refreshed.
    pub fn refresh<E, F, R>(&self, tenant: TenantId, key: &str, fill: F)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<Fill<T>, E>> + Send + 'static,
        E: Send + 'static,
    {
        let owned = KeyRef { tenant, text: key }.to_key();
        if self.0.flights.is_flying(&owned) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.0.core.refreshes).try_acquire_owned() else {
            return;
        };
        let space = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            // Who asked has an answer; the next one to miss learns of an error.
            drop(space.read(tenant, &owned.text, fill).await);
        });
    }

    async fn read<E, F, R>(&self, tenant: TenantId, key: &str, fill: F) -> Result<Hit<T>, E>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<Fill<T>, E>>,
    {
        let key = KeyRef { tenant, text: key }.to_key();
        if key.text.len() > KEY_BYTES_MAX {
            return self.fill(&key, fill, None).await;
        }
        let mut fill = Some(fill);
        for _ in 0..FLIGHTS_MAX {
            let mark = self.0.core.journal.mark();
            let boarding = self.0.flights.board(&key, mark);
            let mut led = None;
            let lead = async || {
                let fill = fill.take().expect("a caller leads once, and then returns");
                match self.lead(&key, fill).await {
                    Ok(hit) => {
                        led = Some(Ok(hit.clone()));
                        Outcome::Landed(hit)
                    }
                    Err(error) => {
                        led = Some(Err(error));
                        Outcome::Failed
                    }
                }
            };
            let outcome = boarding.flight.outcome.get_or_init(lead).await;
            if let Some(led) = led {
                return led;
            }
            match outcome {
                // Still good now; or nothing at all was outdated between its take-off and this
                // caller's coming. That it was good when it landed would not do: a change may
                // have come between, and this caller after the change.
                Outcome::Landed(hit) if self.stands(hit) || mark == boarding.flight.mark => {
                    self.0.counters.read(ReadEnd::Joined);
                    return Ok(hit.clone());
                }
                Outcome::Landed(_) => {}
                Outcome::Failed => break,
            }
        }
        let fill = fill.take().expect("a caller that leads returns");
        self.fill(&key, fill, None).await
    }

    async fn lead<E, F, R>(&self, key: &Key, fill: F) -> Result<Hit<T>, E>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<Fill<T>, E>>,
    {
        // A flight may have landed between this caller's look and its boarding.
        if let Peek::Fresh(hit) = self.look(key.tenant, &key.text) {
            self.0.counters.read(ReadEnd::Joined);
            return Ok(hit);
        }
        let redis = self.0.core.shared.as_ref();
        let Some(redis) = redis.filter(|_| self.0.config.shared) else {
            return self.fill(key, fill, None).await;
        };
        let mark = self.0.core.journal.mark();
        let name = redis.entry_name(&self.0.config, key.tenant, &key.text);
        let token = match redis.read(key.tenant, &name).await {
            Answer::Off => None,
            Answer::Absent(token) => Some(token),
            Answer::Found(found) => match self.take_over(key, mark, &found) {
                Some(hit) => return Ok(hit),
                None => Some(found.token),
            },
        };
        let token = token.map(|token| (name, token));
        self.fill(key, fill, token).await
    }

    /// What Redis holds, unless this process knows better.
    fn take_over(&self, key: &Key, mark: Mark, found: &shared::Found) -> Option<Hit<T>> {
        let core = &self.0.core;
        let (tags, bytes) = shared::unpack(key.tenant, &found.bytes)?;
        let value = T::from_bytes(bytes)?;
        let places = places(&tags);
        let redis = core.shared.as_ref()?;
        // What waits to be told first, then what was told since the mark: in this order one of
        // the two gives an answer away that Redis made before it was told.
        if redis.is_told_of(&places) {
            let seal = core.journal.seal(mark, places, Against::OutdatedOrTold)?;
            let weight = self.weight(key, Some(&value), tags.len());
            let time = self.0.config.time_to_live.min(found.time_left);
            let hit = Hit(Arc::new(Entry {
                value: Some(value),
                seal: Some(seal),
                fresh_until: Instant::now() + time,
                // What was stored for a moment is not given for longer than that.
                stale_for: self.0.config.stale_for.min(time),
                weight,
            }));
            self.keep(key, &hit);
            self.0.counters.read(ReadEnd::Shared);
            return Some(hit);
        }
        None
    }

    async fn fill<E, F, R>(
        &self,
        key: &Key,
        fill: F,
        token: Option<(String, Token)>,
    ) -> Result<Hit<T>, E>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<Fill<T>, E>>,
    {
        self.0.counters.read(ReadEnd::Filled);
        let mark = self.0.core.journal.mark();
        match fill().await {
            Ok(made) => Ok(self.land(key, mark, made, token)),
            Err(error) => {
                self.0.counters.fill(FillEnd::Failed);
                Err(error)
            }
        }
    }

    fn land(&self, key: &Key, mark: Mark, made: Fill<T>, token: Option<(String, Token)>) -> Hit<T> {
        let Fill {
            value,
            mut tags,
            time_to_live,
        } = made;
        tags.push(Tag::tenant(key.tenant));
        let weight = self.weight(key, value.as_ref(), tags.len());
        let config = &self.0.config;
        let time = match &value {
            Some(_) => config.time_to_live,
            None => config.missing_time_to_live,
        };
        let fits = tags.len() <= TAGS_MAX
            && key.text.len() <= KEY_BYTES_MAX
            && weight as usize <= config.entry_bytes_max
            && tags.iter().all(|tag| tag.tenant_id() == key.tenant);
        let seal = if fits {
            self.0.core.seal(mark, places(&tags))
        } else {
            None
        };
        self.0.counters.fill(match (fits, &seal) {
            (true, Some(_)) => FillEnd::Kept,
            (true, None) => FillEnd::Raced,
            (false, _) => FillEnd::Unfit,
        });
        let hit = Hit(Arc::new(Entry {
            value,
            seal,
            fresh_until: Instant::now() + time_to_live.map_or(time, |own| own.min(time)),
            stale_for: time_to_live.map_or(config.stale_for, |_| Duration::ZERO),
            weight,
        }));
        if hit.was_kept() {
            self.keep(key, &hit);
            self.share(&hit, &tags, time_to_live, token);
        }
        hit
    }

    fn keep(&self, key: &Key, hit: &Hit<T>) {
        self.0.memory.insert(key.clone(), hit.clone());
        self.0
            .counters
            .holds(self.0.memory.entry_count(), self.0.memory.weighted_size());
    }

    fn share(
        &self,
        hit: &Hit<T>,
        tags: &[Tag],
        time: Option<Duration>,
        token: Option<(String, Token)>,
    ) {
        let (Some(redis), Some((name, token))) = (&self.0.core.shared, token) else {
            return;
        };
        let Some(bytes) = hit.as_ref().and_then(T::to_bytes) else {
            return;
        };
        let most = self.0.config.shared_time_to_live;
        let time = time.map_or(most, |own| own.min(most));
        redis.store_later(name, token, tags, &bytes, time);
    }

    fn weight(&self, key: &Key, value: Option<&T>, tags: usize) -> u32 {
        const TAG_BYTES: usize = 16;
        let value = value.map_or(0, T::weight);
        let all = ENTRY_BYTES + key.text.len() + value.saturating_add(tags * TAG_BYTES);
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// Drops everything from this process's memory, which a test does to look behind it.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.0.memory.invalidate_all();
    }

    #[cfg(test)]
    pub(crate) fn flying(&self) -> usize {
        self.0.flights.count()
    }
}
