//! Wakes those who watch an order when this process commits something about it. Only a hint:
//! another process's commits are found by looking again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stoa_kernel::{OrderId, TenantId};
use stoa_storage::{Committed, Storage};
use tokio::sync::watch;

type Watched = HashMap<(TenantId, String), watch::Sender<()>>;

#[derive(Clone, Default)]
pub(crate) struct Watches {
    watched: Arc<Mutex<Watched>>,
}

/// One watcher's place; given up when it is dropped.
pub(crate) struct Watch {
    key: (TenantId, String),
    news: watch::Receiver<()>,
    watches: Watches,
}

impl Watches {
    pub(crate) fn new(storage: &Storage) -> Self {
        let watches = Self::default();
        let told = watches.clone();
        storage.on_commit(move |committed| told.tell(committed));
        watches
    }

    pub(crate) fn watch(&self, tenant: TenantId, order: OrderId) -> Watch {
        let key = (tenant, order.to_string());
        let mut watched = self.watched.lock();
        let sender = watched
            .entry(key.clone())
            .or_insert_with(|| watch::channel(()).0);
        Watch {
            news: sender.subscribe(),
            key,
            watches: self.clone(),
        }
    }

    fn tell(&self, committed: &[Committed]) {
        let watched = self.watched.lock();
        if watched.is_empty() {
            return;
        }
        for one in committed {
            if let Committed::Event { tenant, key, .. } = one
                && let Some(sender) = watched.get(&(*tenant, key.clone()))
            {
                sender.send_replace(());
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.watched.lock().len()
    }
}

impl Watch {
    /// Returns at the next commit about the order, at once where one came since the last call.
    pub(crate) async fn changed(&mut self) {
        if self.news.changed().await.is_err() {
            // The sender lives as long as any watcher; without one there is no news.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.watches.watched.lock();
        // This receiver still counts.
        if watched
            .get(&self.key)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            watched.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_wakes_the_watchers_of_its_order_and_no_place_is_left_behind() {
        let watches = Watches::default();
        let (tenant, order) = (TenantId::from_u128(1), OrderId::from_u128(2));
        let (mut first, second) = (watches.watch(tenant, order), watches.watch(tenant, order));
        let other = watches.watch(TenantId::from_u128(9), order);
        let subject = "orders.paid.v1".to_owned();
        watches.tell(&[Committed::Event {
            tenant,
            subject,
            key: order.to_string(),
        }]);
        first.changed().await;
        assert!(second.news.has_changed().expect("the sender lives"));
        assert!(!other.news.has_changed().expect("the sender lives"));
        assert_eq!(watches.len(), 2);
        drop((first, other));
        assert_eq!(watches.len(), 1);
        drop(second);
        assert_eq!(watches.len(), 0);
    }
}
