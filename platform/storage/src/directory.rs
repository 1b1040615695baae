//! What the control plane said of tenants, kept a moment as fresh and a while for when it cannot be
//! asked. Never makes a request wait long for what is known already.

use std::borrow::Borrow;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use crate::Result;

/// How long another process's change may go unseen.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How long what is known goes on counting while the control plane does not answer.
const KEPT_FOR: Duration = Duration::from_secs(10 * 60);
/// How long the one request that asks anew waits before it goes on with what is known.
const ASK_TIME_MAX: Duration = Duration::from_millis(250);
const ENTRIES_MAX: u64 = 100_000;

pub(crate) struct Directory<K, V> {
    kept: Cache<K, Arc<Kept<V>>>,
    began: Instant,
}

struct Kept<V> {
    value: V,
    /// Milliseconds since the directory began, at which it is asked for anew.
    due: AtomicU64,
}

pub(crate) enum Known<V> {
    Fresh(V),
    /// The caller is the one who asks anew; all others go on with this.
    Due(V),
    Nothing,
}

impl<K, V> Directory<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self {
            kept: Cache::builder()
                .max_capacity(ENTRIES_MAX)
                .time_to_live(KEPT_FOR)
                .build(),
            began: Instant::now(),
        }
    }

    pub(crate) fn look<Q>(&self, key: &Q) -> Known<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let Some(kept) = self.kept.get(key) else {
            return Known::Nothing;
        };
        let now = self.now();
        let due = kept.due.load(Ordering::Acquire);
        if now < due {
            return Known::Fresh(kept.value.clone());
        }
        let next = now + FRESH_FOR.as_millis() as u64;
        let mine = kept
            .due
            .compare_exchange(due, next, Ordering::AcqRel, Ordering::Acquire);
        match mine {
            Ok(_) => Known::Due(kept.value.clone()),
            Err(_) => Known::Fresh(kept.value.clone()),
        }
    }

    /// Asks with `read`, and keeps what it says. Where it does not say in time, what is known counts.
    pub(crate) async fn ask(
        &self,
        key: K,
        known: Option<V>,
        read: impl Future<Output = Result<V>>,
    ) -> Result<V> {
        let Some(known) = known else {
            let value = read.await?;
            self.keep(key, value.clone());
            return Ok(value);
        };
        match tokio::time::timeout(ASK_TIME_MAX, read).await {
            Ok(Ok(value)) => {
                self.keep(key, value.clone());
                Ok(value)
            }
            Ok(Err(error)) if !error.is_transient() => Err(error),
            Ok(Err(_)) | Err(_) => Ok(known),
        }
    }

    pub(crate) fn forget<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.kept.invalidate(key);
    }

    fn keep(&self, key: K, value: V) {
        let due = AtomicU64::new(self.now() + FRESH_FOR.as_millis() as u64);
        self.kept.insert(key, Arc::new(Kept { value, due }));
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn away() -> Error {
        Error::Unavailable {
            message: "away".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_is_known_counts_while_nobody_answers_and_not_before() {
        let directory: Directory<String, u8> = Directory::new();
        let never = directory.ask("a".to_owned(), None, async { Err(away()) });
        assert!(never.await.is_err());
        let first = directory.ask("a".to_owned(), None, async { Ok(1) }).await;
        assert_eq!(first.expect("an answer"), 1);
        assert!(matches!(directory.look("a"), Known::Fresh(1)));
        let lost = directory.ask("a".to_owned(), Some(1), async { Err(away()) });
        assert_eq!(lost.await.expect("what is known"), 1);
        let silent = directory.ask("a".to_owned(), Some(1), std::future::pending());
        assert_eq!(silent.await.expect("what is known"), 1);
        let gone = Error::UnknownTenant {
            tenant: "a".to_owned(),
        };
        let refused = directory.ask("a".to_owned(), Some(1), async { Err(gone) });
        assert!(
            refused.await.is_err(),
            "an answer, and not one to pass over"
        );
    }

    #[tokio::test]
    async fn one_of_many_asks_anew() {
        let directory: Directory<String, u8> = Directory::new();
        directory.keep("a".to_owned(), 1);
        let kept = directory.kept.get("a").expect("kept");
        kept.due.store(0, Ordering::Release);
        // Due at once: the clock may stand at 0.
        assert!(matches!(directory.look("a"), Known::Due(1)));
        assert!(matches!(directory.look("a"), Known::Fresh(1)));
    }
}
