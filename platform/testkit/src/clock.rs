//! Clocks for tests: the system's, and one that moves only when told.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use stoa_kernel::{Clock, Timestamp};

pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests need a clock, and this is theirs"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_micros(since.expect("the clock is after 1970").as_micros() as i64)
    }
}

/// Stands still until [`ManualClock::advance`].
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Starts at 2026-01-01T00:00:00Z.
    pub const fn new() -> Self {
        Self(AtomicI64::new(1_767_225_600_000_000))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
