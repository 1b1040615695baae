//! What became of pages that a theme could not make: counted at once, written down seldom.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stoa_contracts::themes::{ThemeFailure, ThemeFailureKind, ThemeId};
use stoa_kernel::TenantId;
use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus::{IntCounterVec, Opts, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// One page of one theme is written down at most once in this time.
const QUIET: Duration = Duration::from_secs(10);
const KNOWN_MAX: usize = 1_000;
const WRITES_MAX: usize = 2;

type Key = (TenantId, ThemeId, &'static str);

struct Known {
    written: Instant,
    /// Since then, not written down.
    more: u32,
}

pub(crate) struct Failures {
    known: Mutex<HashMap<Key, Known>>,
    writes: Arc<Semaphore>,
    fallbacks: IntCounterVec,
}

impl Failures {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            known: Mutex::default(),
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
            fallbacks: counter(metrics).expect("the name below is valid and registered once"),
        }
    }

    /// How many times it is to be written down as, with the room to do so; `None` where it is not.
    pub(crate) fn note(
        &self,
        tenant: TenantId,
        theme: ThemeId,
        failure: &ThemeFailure,
    ) -> Option<(u32, OwnedSemaphorePermit)> {
        let kind = failure.kind.as_str();
        self.fallbacks.with_label_values(&[kind]).inc();
        let now = Instant::now();
        let mut known = self.known.lock();
        if known.len() >= KNOWN_MAX {
            known.retain(|_, one| one.written + QUIET > now);
        }
        if known.len() >= KNOWN_MAX {
            return None;
        }
        let key = (tenant, theme, failure.page);
        if let Some(one) = known.get_mut(&key)
            && one.written + QUIET > now
        {
            one.more = one.more.saturating_add(1);
            return None;
        }
        let room = self.writes.clone().try_acquire_owned().ok()?;
        let fresh = Known {
            written: now,
            more: 0,
        };
        let before = known.insert(key, fresh).map_or(0, |one| one.more);
        Some((before.saturating_add(1), room))
    }
}

fn counter(metrics: &Metrics) -> Result<IntCounterVec> {
    let opts = Opts::new(
        "stoa_theme_fallbacks_total",
        "Pages made with the built-in theme because the shop's own failed",
    );
    let counter = IntCounterVec::new(opts, &["kind"])?;
    for kind in ThemeFailureKind::ALL {
        counter.with_label_values(&[kind.as_str()]);
    }
    metrics.registry().register(Box::new(counter.clone()))?;
    Ok(counter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::Timestamp;

    #[tokio::test(start_paused = true)]
    async fn a_page_that_fails_all_the_time_is_written_down_once_in_a_while() {
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let failures = Failures::new(&metrics);
        let (shop, theme) = (TenantId::from_u128(1), ThemeId::from_u128(2));
        let failure = ThemeFailure {
            page: "home.html",
            file: "home.html".to_owned(),
            line: Some(1),
            kind: ThemeFailureKind::Limit,
            reason: "takes too many steps".to_owned(),
        };
        let times = || failures.note(shop, theme, &failure).map(|(times, _)| times);
        assert_eq!(times(), Some(1));
        for _ in 0..99 {
            assert_eq!(times(), None);
        }
        tokio::time::advance(QUIET).await;
        assert_eq!(times(), Some(100));
        assert!(
            metrics
                .render()
                .contains("stoa_theme_fallbacks_total{kind=\"limit\"} 101")
        );
    }
}
