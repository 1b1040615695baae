//! Ports for time and ids, so that both are passed in. The real clock lives in the server.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Id, IdKind, Timestamp};

/// Tells the time. Domain code takes a `Timestamp`; only application code holds a `Clock`.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// 128 fresh bits a call. Fit for ids, **not** for secrets.
pub trait IdSource: Send + Sync + 'static {
    fn next_u128(&self) -> u128;
}

impl dyn IdSource + '_ {
    /// A new id that sorts at `now`.
    pub fn make<K: IdKind>(&self, now: Timestamp) -> Id<K> {
        Id::from_parts(now.unix_ms(), self.next_u128())
    }
}

/// splitmix64 over an atomic counter: unique for one seed, replayable in tests, lock-free.
/// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.)
pub struct SeededIds {
    state: AtomicU64,
}

impl SeededIds {
    pub const fn new(seed: u64) -> Self {
        Self {
            state: AtomicU64::new(seed),
        }
    }

    const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

    fn mixed(mut z: u64) -> u64 {
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl IdSource for SeededIds {
    fn next_u128(&self) -> u128 {
        const STEP: u64 = SeededIds::GOLDEN_GAMMA;
        // Both steps at once: all threads of a process meet here.
        let state = self
            .state
            .fetch_add(STEP.wrapping_mul(2), Ordering::Relaxed);
        let first = Self::mixed(state.wrapping_add(STEP));
        let second = Self::mixed(state.wrapping_add(STEP.wrapping_mul(2)));
        (u128::from(first) << 64) | u128::from(second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (a, b) = (SeededIds::new(7), SeededIds::new(7));
        let first: Vec<u128> = (0..3).map(|_| a.next_u128()).collect();
        assert_eq!(first, (0..3).map(|_| b.next_u128()).collect::<Vec<_>>());
        assert_ne!(first[0], first[1]);
    }
}
