//! Product pages kept in memory, ready to send. Never serves what a commit of this process, or an
//! event it was told of, has outdated.
//!
//! Nothing is looked up when a product changes: an entry carries the stamp its product had, and
//! is good while the stamp stands. Stamps live in two fixed tables. A fill does not know its
//! product before it has read it, so it also holds its place in the row of the last changes: if
//! its product is among those since, or the row does not reach back so far, what it read may be
//! old and is not kept. So an import of other products costs it nothing. What is known of a
//! handle without a product stands on the tenant's stamp. Stamps may collide, which only costs a
//! read.

mod found;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};
use stoa_contracts::catalog::ProductChanged;
use stoa_kernel::{Currency, Envelope, Fact as _, ProductId, TenantId};
use stoa_storage::Committed;
use tokio::sync::OnceCell;
use tokio::time::Instant;

pub(crate) use self::found::{CachedProduct, Found};

const BYTES_MAX: u64 = 64 * 1024 * 1024;
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);
/// What an entry weighs beside its body: key, headers, bookkeeping.
const ENTRY_BYTES: usize = 2_048;
/// How many there are when most are products of a page of text.
const ENTRIES_USUAL: usize = 8_192;
/// An import of ten thousand products hits one entry in twenty-five of others.
const PRODUCT_STAMPS: usize = 262_144;
const TENANT_STAMPS: usize = 1_024;
/// Handles that were asked for lately, of those whose answers lie ready in the database.
const ASKED: usize = 65_536;
/// How far back a fill can be judged.
const CHANGES_MAX: usize = 8_192;

#[derive(Clone)]
struct Entry {
    found: Found,
    /// The product's stamp, or the tenant's where there is no product.
    stamp: u64,
    until: Instant,
}

#[derive(Clone, PartialEq, Eq)]
struct Key {
    /// Of all the rest.
    hash: u64,
    tenant: TenantId,
    currency: Currency,
    handle: Arc<str>,
    /// Empty where none was asked for.
    locale: Box<str>,
}

/// A key that owns nothing, so that a hit allocates nothing.
struct KeyRef<'h> {
    hash: u64,
    tenant: TenantId,
    currency: Currency,
    handle: &'h str,
    locale: &'h str,
}

impl KeyRef<'_> {
    fn to_key(&self) -> Key {
        Key {
            hash: self.hash,
            tenant: self.tenant,
            currency: self.currency,
            handle: self.handle.into(),
            locale: self.locale.into(),
        }
    }
}
impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// A key is hashed once, and looked up in several tables.
#[derive(Clone, Copy, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

type HashedOnce = BuildHasherDefault<Hashed>;

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.hash == key.hash
            && self.tenant == key.tenant
            && self.currency == key.currency
            && *self.handle == *key.handle
            && *self.locale == *key.locale
    }
}

/// The last changes, oldest first.
#[derive(Default)]
struct Changes {
    last: VecDeque<(TenantId, ProductId)>,
    /// How many there ever were.
    count: u64,
}

impl Changes {
    fn push(&mut self, tenant: TenantId, product: ProductId) {
        if self.last.len() == CHANGES_MAX {
            self.last.pop_front();
        }
        self.last.push_back((tenant, product));
        self.count += 1;
    }

    /// Whether the product may have changed after the first `count` changes.
    fn may_hold(&self, count: u64, tenant: TenantId, product: ProductId) -> bool {
        let since = usize::try_from(self.count - count).unwrap_or(usize::MAX);
        let Some(known) = self.last.len().checked_sub(since) else {
            return true;
        };
        self.last
            .range(known..)
            .any(|one| *one == (tenant, product))
    }
}

/// One read that several callers wait for, begun under the tenant stamp `begun`, after so many
/// changes.
struct Flight {
    begun: u64,
    changes: u64,
    found: OnceCell<Found>,
}

pub(crate) struct ProductCache {
    entries: Cache<Key, Entry, Weights, HashedOnce>,
    flights: Mutex<HashMap<Key, Arc<Flight>, HashedOnce>>,
    /// Drawn by each process anew: who chooses handles cannot have them meet.
    hashes: RandomState,
    /// Parts of the hashes of keys that were asked for once.
    asked: Box<[AtomicU32]>,
    products: Box<[AtomicU32]>,
    tenants: Box<[AtomicU64]>,
    changes: Mutex<Changes>,
    subject: String,
}

impl ProductCache {
    pub(crate) fn new() -> Self {
        Self {
            entries: Cache::with(
                ENTRIES_USUAL,
                BYTES_MAX,
                Weights,
                HashedOnce::default(),
                DefaultLifecycle::default(),
            ),
            flights: Mutex::default(),
            hashes: RandomState::new(),
            asked: (0..ASKED).map(|_| AtomicU32::new(0)).collect(),
            products: (0..PRODUCT_STAMPS).map(|_| AtomicU32::new(0)).collect(),
            tenants: (0..TENANT_STAMPS).map(|_| AtomicU64::new(0)).collect(),
            changes: Mutex::default(),
            subject: ProductChanged::subject(),
        }
    }

    /// What is known of the handle; reads it with `fill` where nothing is. One of several callers
    /// at once reads, unless the tenant's products changed after that read began.
    pub(crate) async fn get<E>(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
        locale: &str,
        fill: impl AsyncFnOnce() -> Result<Found, E>,
    ) -> Result<Found, E> {
        let key = self.key(tenant, handle, currency, locale);
        if let Some(found) = self.peek(&key, Instant::now()) {
            return Ok(found);
        }
        let key = key.to_key();
        let waiting = Waiting {
            flight: self.join_flight(&key),
            cache: self,
            key,
        };
        let found = waiting
            .flight
            .found
            .get_or_try_init(async || fill().await)
            .await?
            .clone();
        self.keep(&waiting, &found);
        Ok(found)
    }

    /// What memory knows of the handle, in no language asked for.
    pub(crate) fn known(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
        now: Instant,
    ) -> Option<Found> {
        self.peek(&self.key(tenant, handle, currency, ""), now)
    }

    fn key<'h>(
        &self,
        tenant: TenantId,
        handle: &'h str,
        currency: Currency,
        locale: &'h str,
    ) -> KeyRef<'h> {
        KeyRef {
            hash: self.hashes.hash_one((tenant, currency, handle, locale)),
            tenant,
            currency,
            handle,
            locale,
        }
    }

    /// The product changed: nothing read of it before now is good.
    pub(crate) fn product_changed(&self, tenant: TenantId, product: ProductId) {
        let mut changes = self.changes.lock();
        changes.push(tenant, product);
        self.tenant_stamp(tenant).fetch_add(1, Ordering::SeqCst);
        self.product_stamp(tenant, product)
            .fetch_add(1, Ordering::SeqCst);
    }

    /// What a transaction of this process left behind; returns how many products it changed.
    pub(crate) fn on_commit(&self, committed: &[Committed]) -> u32 {
        let mut changes = 0;
        for each in committed {
            if let Committed::Event {
                tenant,
                subject,
                key,
            } = each
                && *subject == self.subject
            {
                self.changed_by_key(*tenant, key);
                changes += 1;
            }
        }
        changes
    }

    /// A fact that another process may have committed; returns how many products it is of.
    pub(crate) fn on_event(&self, event: &Envelope) -> u32 {
        let ours = event.subject == self.subject;
        if ours {
            self.changed_by_key(event.tenant, &event.key);
        }
        u32::from(ours)
    }

    /// Facts may have been missed: nothing is known any more.
    pub(crate) fn flush(&self) {
        let mut changes = self.changes.lock();
        changes.last.clear();
        changes.count += 1;
        for stamp in &self.tenants {
            stamp.fetch_add(1, Ordering::SeqCst);
        }
        for stamp in &self.products {
            stamp.fetch_add(1, Ordering::SeqCst);
        }
        self.entries.clear();
    }

    fn changed_by_key(&self, tenant: TenantId, key: &str) {
        match key.parse() {
            Ok(product) => self.product_changed(tenant, product),
            Err(error) => {
                tracing::error!(%error, "a product change without a product id");
                self.flush();
            }
        }
    }

    fn peek(&self, key: &KeyRef<'_>, now: Instant) -> Option<Found> {
        let entry = self.entries.get(key).filter(|entry| now < entry.until)?;
        let stamp = match &entry.found {
            Found::Product(product) => self.product_now(key.tenant, product.id),
            Found::Moved(_) | Found::Nothing => {
                self.tenant_stamp(key.tenant).load(Ordering::SeqCst)
            }
        };
        (stamp == entry.stamp).then_some(entry.found)
    }

    /// Joins a read that began after the tenant's last change, or begins one.
    fn join_flight(&self, key: &Key) -> Arc<Flight> {
        let mut flights = self.flights.lock();
        let known = self.changes.lock();
        let (begun, changes) = (
            self.tenant_stamp(key.tenant).load(Ordering::SeqCst),
            known.count,
        );
        drop(known);
        match flights.get(key) {
            Some(flight) if flight.begun == begun => Arc::clone(flight),
            _ => {
                let flight = Arc::new(Flight {
                    begun,
                    changes,
                    found: OnceCell::new(),
                });
                flights.insert(key.clone(), Arc::clone(&flight));
                flight
            }
        }
    }

    fn keep(&self, waiting: &Waiting<'_>, found: &Found) {
        let (tenant, begun) = (waiting.key.tenant, waiting.flight.begun);
        let changes = self.changes.lock();
        let (stamp, stands) = match found {
            Found::Product(product) => {
                let id = product.id;
                let raced = changes.may_hold(waiting.flight.changes, tenant, id);
                let wanted = !product.stored || self.was_asked_for(&waiting.key);
                (self.product_now(tenant, id), wanted && !raced)
            }
            Found::Moved(_) | Found::Nothing => {
                let now = self.tenant_stamp(tenant).load(Ordering::SeqCst);
                (begun, now == begun)
            }
        };
        drop(changes);
        if stands {
            let found = found.clone();
            let until = Instant::now() + TIME_TO_LIVE;
            let entry = Entry {
                found,
                stamp,
                until,
            };
            self.entries.insert(waiting.key.clone(), entry);
        }
    }

    /// Whether the key was asked for before, as far as is remembered. Who asks for one product
    /// after the other, as crawlers do, is not to fill memory with what nobody asks for again.
    fn was_asked_for(&self, key: &Key) -> bool {
        let mark = (key.hash >> 32) as u32;
        self.asked[key.hash as usize % ASKED].swap(mark, Ordering::Relaxed) == mark
    }

    fn product_now(&self, tenant: TenantId, product: ProductId) -> u64 {
        let stamp = self.product_stamp(tenant, product);
        u64::from(stamp.load(Ordering::SeqCst))
    }

    fn product_stamp(&self, tenant: TenantId, product: ProductId) -> &AtomicU32 {
        &self.products[place(tenant.as_u128() ^ product.as_u128(), PRODUCT_STAMPS)]
    }

    fn tenant_stamp(&self, tenant: TenantId) -> &AtomicU64 {
        &self.tenants[place(tenant.as_u128(), TENANT_STAMPS)]
    }
}

/// Clears the flight away with whoever waits last, also when that one is cut off.
struct Waiting<'c> {
    cache: &'c ProductCache,
    key: Key,
    flight: Arc<Flight>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        /// The table's and ours.
        const HOLDERS_LAST: usize = 2;
        let mut flights = self.cache.flights.lock();
        let over =
            self.flight.found.initialized() || Arc::strong_count(&self.flight) <= HOLDERS_LAST;
        if over
            && flights
                .get(&self.key)
                .is_some_and(|known| Arc::ptr_eq(known, &self.flight))
        {
            flights.remove(&self.key);
        }
    }
}

/// Ids are random below their time, and a multiplication spreads them over the high bits.
fn place(bits: u128, places: usize) -> usize {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = ((bits as u64) ^ ((bits >> 64) as u64)).wrapping_mul(ODD);
    (mixed >> 32) as usize % places
}

#[derive(Clone)]
struct Weights;

impl Weighter<Key, Entry> for Weights {
    /// The view repeats what the body holds, with some overhead per field.
    fn weight(&self, key: &Key, entry: &Entry) -> u64 {
        let body = match &entry.found {
            Found::Product(product) => product.body.len(),
            Found::Moved(handle) => handle.len(),
            Found::Nothing => 0,
        };
        (ENTRY_BYTES + key.handle.len() + body.saturating_mul(3)) as u64
    }
}

#[cfg(test)]
mod tests;
