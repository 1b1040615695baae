//! Themes in memory: bounded in bytes, each read once however many ask for it at the same time. What
//! was being read while a shop switched is given to whoever asked before, and to nobody after.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stoa_contracts::themes::{ThemeId, ThemeSource};
use stoa_kernel::TenantId;
use stoa_storage::Error;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Sources and what renderers make of them, estimated.
const BYTES_MAX: usize = 96 * 1024 * 1024;
/// Also of shops without a theme of their own.
const ENTRIES_MAX: usize = 10_000;
/// A compiled template takes about so many times its source.
const COMPILED_FACTOR: usize = 6;
const ENTRY_BYTES: usize = 512;
/// A safety net below the events: nothing older is believed.
const TRUSTED: Duration = Duration::from_secs(300);

/// Which theme of a shop.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Which {
    Active,
    One(ThemeId),
    Digest(String),
}

pub(crate) type Found = Option<Arc<ThemeSource>>;
type Slot = Arc<OnceCell<Found>>;

struct Entry {
    slot: Slot,
    bytes: usize,
    used: u64,
    until: Instant,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<TenantId, HashMap<Which, Entry>>,
    count: usize,
    bytes: usize,
    clock: u64,
}

#[derive(Default)]
pub(crate) struct Shelf {
    inner: Mutex<Inner>,
}

impl Shelf {
    /// What is kept under this key, read by `load` where nothing is.
    pub(crate) async fn get(
        &self,
        tenant: TenantId,
        which: &Which,
        load: impl Future<Output = Result<Found, Error>>,
    ) -> Result<Found, Error> {
        let slot = self.inner.lock().slot(tenant, which);
        if let Some(found) = slot.get() {
            return Ok(found.clone());
        }
        let found = slot.get_or_try_init(|| load).await?.clone();
        self.inner.lock().filled(tenant, which, &slot, &found);
        Ok(found)
    }

    /// Whoever asks from now on reads anew.
    pub(crate) fn forget(&self, tenant: TenantId) {
        let mut inner = self.inner.lock();
        if let Some(gone) = inner.entries.remove(&tenant) {
            inner.count -= gone.len();
            inner.bytes -= gone.values().map(|entry| entry.bytes).sum::<usize>();
        }
    }

    pub(crate) fn clear(&self) {
        *self.inner.lock() = Inner::default();
    }
}

impl Inner {
    fn slot(&mut self, tenant: TenantId, which: &Which) -> Slot {
        self.clock += 1;
        let (used, now) = (self.clock, Instant::now());
        let known = self
            .entries
            .get_mut(&tenant)
            .and_then(|own| own.get_mut(which));
        if let Some(entry) = known
            && entry.until > now
        {
            entry.used = used;
            return entry.slot.clone();
        }
        self.remove(tenant, which);
        while self.count >= ENTRIES_MAX {
            self.evict();
        }
        let slot = Slot::default();
        let entry = Entry {
            slot: slot.clone(),
            bytes: ENTRY_BYTES,
            used,
            until: now + TRUSTED,
        };
        self.entries
            .entry(tenant)
            .or_default()
            .insert(which.clone(), entry);
        self.count += 1;
        self.bytes += ENTRY_BYTES;
        slot
    }

    /// Counts what was read, if it is still what is kept.
    fn filled(&mut self, tenant: TenantId, which: &Which, slot: &Slot, found: &Found) {
        let known = self
            .entries
            .get_mut(&tenant)
            .and_then(|own| own.get_mut(which));
        let Some(entry) = known.filter(|entry| Arc::ptr_eq(&entry.slot, slot)) else {
            return;
        };
        // That something is not there is only worth keeping of what every page asks.
        if found.is_none() && *which != Which::Active {
            self.remove(tenant, which);
            return;
        }
        let bytes = found.as_deref().map_or(0, weight) + ENTRY_BYTES;
        let before = std::mem::replace(&mut entry.bytes, bytes);
        self.bytes = self.bytes - before + bytes;
        while self.bytes > BYTES_MAX && self.count > 1 {
            self.evict();
        }
    }

    fn remove(&mut self, tenant: TenantId, which: &Which) {
        let Some(own) = self.entries.get_mut(&tenant) else {
            return;
        };
        if let Some(gone) = own.remove(which) {
            self.count -= 1;
            self.bytes -= gone.bytes;
        }
        if own.is_empty() {
            self.entries.remove(&tenant);
        }
    }

    /// Drops what was not used for longest.
    fn evict(&mut self) {
        let all = self.entries.iter();
        let all =
            all.flat_map(|(tenant, own)| own.iter().map(|(which, one)| (*tenant, which, one)));
        let oldest = all.min_by_key(|(_, _, entry)| entry.used);
        match oldest.map(|(tenant, which, _)| (tenant, which.clone())) {
            Some((tenant, which)) => self.remove(tenant, &which),
            None => (self.count, self.bytes) = (0, 0),
        }
    }
}

fn weight(source: &ThemeSource) -> usize {
    let templates = source
        .templates
        .iter()
        .map(|(name, text)| name.len() + text.len());
    let words = source
        .locales
        .values()
        .flatten()
        .map(|(key, word)| key.len() + word.len());
    let assets = source.assets.iter().map(String::len);
    templates.sum::<usize>() * COMPILED_FACTOR + words.sum::<usize>() + assets.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    const SHOP: TenantId = TenantId::from_u128(1);

    fn theme(name: &str, template_bytes: usize) -> Found {
        let home = ("home.html".to_owned(), "x".repeat(template_bytes));
        Some(Arc::new(ThemeSource {
            name: name.to_owned(),
            templates: [home].into(),
            ..ThemeSource::default()
        }))
    }

    fn name(found: &Found) -> &str {
        found.as_ref().map_or("none", |theme| theme.name.as_str())
    }

    #[tokio::test]
    async fn many_who_ask_at_once_cause_one_read() {
        let shelf = Arc::new(Shelf::default());
        let reads = Arc::new(AtomicUsize::new(0));
        let asking = (0..50).map(|_| {
            let (shelf, reads) = (shelf.clone(), reads.clone());
            tokio::spawn(async move {
                let load = async {
                    reads.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok(theme("dusk", 10))
                };
                shelf.get(SHOP, &Which::Active, load).await
            })
        });
        for asked in asking.collect::<Vec<_>>() {
            let found = asked.await.expect("no panic").expect("a theme");
            assert_eq!(name(&found), "dusk");
        }
        assert_eq!(reads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_was_read_across_a_switch_never_stays() {
        let shelf = Arc::new(Shelf::default());
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (shelf, began, go) = (shelf.clone(), began.clone(), go.clone());
            tokio::spawn(async move {
                let load = async {
                    began.notify_one();
                    go.notified().await;
                    Ok(theme("old", 10))
                };
                shelf.get(SHOP, &Which::Active, load).await
            })
        };
        began.notified().await;
        shelf.forget(SHOP);
        let load = async { Ok(theme("new", 10)) };
        let found = shelf
            .get(SHOP, &Which::Active, load)
            .await
            .expect("a theme");
        assert_eq!(name(&found), "new");
        go.notify_one();
        slow.await.expect("no panic").expect("a theme");
        let load = async { Ok(theme("read again", 10)) };
        let found = shelf
            .get(SHOP, &Which::Active, load)
            .await
            .expect("a theme");
        assert_eq!(name(&found), "new");
    }

    #[tokio::test]
    async fn it_stays_within_its_bytes_and_drops_the_least_used() {
        let shelf = Shelf::default();
        let each = 1024 * 1024;
        let fits = BYTES_MAX / (each * COMPILED_FACTOR + 1024);
        for shop in 0..fits as u128 + 1 {
            let load = async { Ok(theme("dusk", each)) };
            let tenant = TenantId::from_u128(shop);
            shelf
                .get(tenant, &Which::Active, load)
                .await
                .expect("a theme");
            let first = async { Ok(theme("first", each)) };
            let tenant = TenantId::from_u128(0);
            shelf
                .get(tenant, &Which::Active, first)
                .await
                .expect("a theme");
        }
        assert!(shelf.inner.lock().bytes <= BYTES_MAX);
        let again = |shop| {
            let load = async { Ok(theme("again", each)) };
            let shelf = &shelf;
            async move {
                let found = shelf
                    .get(TenantId::from_u128(shop), &Which::Active, load)
                    .await;
                name(&found.expect("a theme")).to_owned()
            }
        };
        assert_eq!(again(0).await, "dusk", "it was used all the time");
        assert_eq!(again(1).await, "again", "it was used least");
    }

    #[tokio::test]
    async fn that_something_is_not_there_is_kept_of_the_active_theme_only() {
        let shelf = Shelf::default();
        for which in [Which::Active, Which::Digest("x".to_owned())] {
            let nothing = async { Ok(None) };
            assert!(
                shelf
                    .get(SHOP, &which, nothing)
                    .await
                    .expect("no theme")
                    .is_none()
            );
        }
        assert_eq!(shelf.inner.lock().count, 1);
        let failing = async { Err(Error::Busy { limit: 1 }) };
        let one = Which::One(ThemeId::from_u128(1));
        assert!(shelf.get(SHOP, &one, failing).await.is_err());
        let load = async { Ok(theme("later", 1)) };
        let found = shelf.get(SHOP, &one, load).await.expect("a theme");
        assert_eq!(name(&found), "later", "a failure is not kept");
    }
}
