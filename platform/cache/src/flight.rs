//! One read that several callers wait for. Whoever leads may be cut off or panic: the next one who
//! waits leads then, and with the last of them the flight is forgotten.

use std::borrow::Borrow as _;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use moka::Equivalent;
use parking_lot::Mutex;
use stoa_kernel::TenantId;
use tokio::sync::OnceCell;

use crate::entry::Hit;
use crate::journal::Mark;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) tenant: TenantId,
    pub(crate) text: Box<str>,
}

/// A key that owns nothing, so that a hit copies nothing.
pub(crate) struct KeyRef<'k> {
    pub(crate) tenant: TenantId,
    pub(crate) text: &'k str,
}

impl KeyRef<'_> {
    pub(crate) fn to_key(&self) -> Key {
        Key {
            tenant: self.tenant,
            text: self.text.into(),
        }
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tenant.hash(state);
        self.text.hash(state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let text: &str = self.text.borrow();
        KeyRef {
            tenant: self.tenant,
            text,
        }
        .hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.tenant == key.tenant && *self.text == *key.text
    }
}

pub(crate) enum Outcome<T> {
    Landed(Hit<T>),
    /// The leader has the error; the others read for themselves.
    Failed,
}

pub(crate) struct Flight<T> {
    /// From before its read.
    pub(crate) mark: Mark,
    pub(crate) outcome: OnceCell<Outcome<T>>,
}

pub(crate) struct Flights<T>(Mutex<HashMap<Key, Arc<Flight<T>>>>);

impl<T> Flights<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// Joins the flight of the key that has not landed, or begins one under `mark`.
    pub(crate) fn board(&self, key: &Key, mark: Mark) -> Boarding<'_, T> {
        let mut flights = self.0.lock();
        let flight = match flights.get(key) {
            // What landed may have been outdated since: whoever comes later looks for itself.
            Some(flight) if !flight.outcome.initialized() => Arc::clone(flight),
            _ => {
                let flight = Arc::new(Flight {
                    mark,
                    outcome: OnceCell::new(),
                });
                flights.insert(key.clone(), Arc::clone(&flight));
                flight
            }
        };
        Boarding {
            flights: self,
            key: key.clone(),
            flight,
        }
    }

    pub(crate) fn is_flying(&self, key: &Key) -> bool {
        self.0.lock().contains_key(key)
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }
}

/// Clears the flight away with whoever waits last, also when that one is cut off.
pub(crate) struct Boarding<'f, T> {
    flights: &'f Flights<T>,
    key: Key,
    pub(crate) flight: Arc<Flight<T>>,
}

impl<T> Drop for Boarding<'_, T> {
    fn drop(&mut self) {
        /// The table's and ours.
        const HOLDERS_LAST: usize = 2;
        let mut flights = self.flights.0.lock();
        let over =
            self.flight.outcome.initialized() || Arc::strong_count(&self.flight) <= HOLDERS_LAST;
        let known = flights.get(&self.key);
        if over && known.is_some_and(|known| Arc::ptr_eq(known, &self.flight)) {
            flights.remove(&self.key);
        }
    }
}
