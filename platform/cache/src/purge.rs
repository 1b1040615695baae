//! Tells CDNs what was outdated: batched, each tag once, bounded in number and time. Told by events,
//! a moment after them; never in the way of a commit.

mod courier;
mod target;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::courier::Courier;
pub use self::target::{PurgeStyle, PurgeTarget};
use crate::counters::PurgeCounters;
use crate::tag::Tag;

/// Tags waiting for one CDN; beyond it, whole tenants are purged instead.
const TAGS_WAITING_MAX: usize = 10_000;
const TRIES_MAX: u32 = 8;
const WAIT_FIRST: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(60);

pub(crate) struct Purger {
    queues: Vec<Queue>,
    after: Duration,
    counters: Arc<PurgeCounters>,
}

struct Queue {
    target: PurgeTarget,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

/// Texts of tags, each once.
#[derive(Default)]
struct Waiting {
    tags: BTreeSet<String>,
    /// Tags of whole tenants that took the place of too many others.
    tenants: BTreeSet<String>,
}

impl Waiting {
    fn len(&self) -> usize {
        self.tags.len() + self.tenants.len()
    }

    fn add(&mut self, tag: &Tag) {
        let tenant = Tag::tenant(tag.tenant_id());
        if self.tenants.contains(tenant.text()) {
            return;
        }
        if self.tags.len() >= TAGS_WAITING_MAX && !self.tags.contains(tag.text()) {
            self.tenants.insert(tenant.text().to_owned());
            return;
        }
        self.tags.insert(tag.text().to_owned());
    }

    fn take(&mut self, most: usize) -> Vec<String> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let first = self.tenants.pop_first().or_else(|| self.tags.pop_first());
            let Some(first) = first else { break };
            taken.push(first);
        }
        taken
    }
}

impl Purger {
    pub(crate) fn new(
        targets: Vec<PurgeTarget>,
        after: Duration,
        counters: Arc<PurgeCounters>,
    ) -> Self {
        let queue = |target| Queue {
            target,
            waiting: Mutex::default(),
            filled: Notify::new(),
        };
        Self {
            queues: targets.into_iter().map(queue).collect(),
            after,
            counters,
        }
    }

    /// One task a CDN, so that a slow one holds up no other.
    pub(crate) fn start(purger: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let courier = Courier::new();
        let start = |at: usize| {
            let (purger, courier) = (Arc::clone(purger), courier.clone());
            tokio::spawn(async move { purger.serve(&purger.queues[at], &courier).await })
        };
        (0..purger.queues.len()).map(start).collect()
    }

    pub(crate) fn purge(&self, tags: &[Tag]) {
        for queue in &self.queues {
            let mut waiting = queue.waiting.lock();
            tags.iter().for_each(|tag| waiting.add(tag));
            drop(waiting);
            queue.filled.notify_one();
        }
        self.show();
    }

    async fn serve(&self, queue: &Queue, courier: &Courier) {
        loop {
            if queue.waiting.lock().len() == 0 {
                queue.filled.notified().await;
            }
            // Others outdate meanwhile, and what follows soon goes along.
            tokio::time::sleep(self.after).await;
            loop {
                let tags = queue.waiting.lock().take(queue.target.tags_max());
                if tags.is_empty() {
                    break;
                }
                self.send(queue, courier, &tags).await;
                self.show();
            }
        }
    }

    async fn send(&self, queue: &Queue, courier: &Courier, tags: &[String]) {
        let count = tags.len() as u64;
        let mut wait = WAIT_FIRST;
        for attempt in 1..=TRIES_MAX {
            match courier.send(&queue.target, tags).await {
                Ok(()) => {
                    self.counters.sent.inc_by(count);
                    return;
                }
                Err(error) => {
                    let host = queue.target.host();
                    tracing::warn!(%error, attempt, host, "a CDN was not purged");
                    if !error.is_worth_another_try() || attempt == TRIES_MAX {
                        break;
                    }
                }
            }
            self.counters.retried.inc_by(count);
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
        self.counters.given_up.inc_by(count);
        tracing::error!(
            host = queue.target.host(),
            tags = count,
            "tags stay unpurged at a CDN"
        );
    }

    fn show(&self) {
        let all = self.queues.iter().map(|queue| queue.waiting.lock().len());
        let all: usize = all.sum();
        self.counters
            .waiting
            .set(i64::try_from(all).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::TenantId;

    #[test]
    fn a_tag_waits_once_and_too_many_become_their_tenant() {
        let (busy, calm) = (TenantId::from_u128(1), TenantId::from_u128(2));
        let mut waiting = Waiting::default();
        waiting.add(&Tag::new(calm, "home"));
        waiting.add(&Tag::new(calm, "home"));
        assert_eq!(waiting.len(), 1);
        for number in 0..TAGS_WAITING_MAX + 5 {
            waiting.add(&Tag::new(busy, &format!("product-{number}")));
        }
        assert_eq!(waiting.len(), TAGS_WAITING_MAX + 1);
        let first = waiting.take(2);
        assert_eq!(first, [Tag::tenant(busy).text(), "home"]);
    }
}
