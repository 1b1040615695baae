//! The places of one listener's connections. When all are taken, those that ask for nothing give way,
//! so that a crowd which only holds connections open never shuts out who comes to ask.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::activity::Activity;

/// One of so many places is made free at a time, so that a crowd is not looked through for each
/// newcomer.
const SHARE: usize = 16;
/// A crowd that presses on for minutes is told of a few times.
const TELL_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Places {
    total: usize,
    asking_time: Duration,
    free: Arc<Semaphore>,
    taken: Arc<Mutex<Taken>>,
    told: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    activity: Arc<Activity>,
    task: AbortHandle,
}

/// Given back when the connection's task ends, however it ends.
struct Place {
    number: u64,
    taken: Arc<Mutex<Taken>>,
    _free: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.lock().open.remove(&self.number);
    }
}

impl Places {
    pub(super) fn new(total: usize, asking_time: Duration) -> Self {
        Self {
            total,
            asking_time,
            free: Arc::new(Semaphore::new(total)),
            taken: Arc::default(),
            told: Mutex::new(None),
        }
    }

    /// Waits for a free place, and makes some where that can be done.
    pub(super) async fn free(&self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(free) = Arc::clone(&self.free).try_acquire_owned() {
                return free;
            }
            self.make_room();
            tokio::select! {
                free = Arc::clone(&self.free).acquire_owned() => {
                    return free.expect("nobody closes the places");
                }
                () = tokio::time::sleep(self.asking_time) => {}
            }
        }
    }

    /// Runs a connection on a place; its time begins now.
    pub(super) fn take<F>(
        &self,
        free: OwnedSemaphorePermit,
        tasks: &mut JoinSet<()>,
        connection: impl FnOnce(Arc<Activity>) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let activity = Arc::new(Activity::new());
        let connection = connection(Arc::clone(&activity));
        // Held until it is listed, so that it cannot end before.
        let mut taken = self.taken.lock();
        let number = taken.next;
        taken.next += 1;
        let place = Place {
            number,
            taken: Arc::clone(&self.taken),
            _free: free,
        };
        let task = tasks.spawn(async move {
            let _place = place;
            connection.await;
        });
        taken.open.insert(number, Open { activity, task });
    }

    /// Closes connections that were given nothing for longest.
    pub(super) fn make_room(&self) {
        let closing = self.longest_useless();
        if closing.is_empty() {
            return;
        }
        for task in &closing {
            task.abort();
        }
        let now = Instant::now();
        let mut told = self.told.lock();
        if told.is_none_or(|told| now - told >= TELL_EVERY) {
            *told = Some(now);
            tracing::warn!(
                closed = closing.len(),
                places = self.total,
                "all places for connections are taken; those that ask for nothing give way"
            );
        }
    }

    fn longest_useless(&self) -> Vec<AbortHandle> {
        let mut taken = self.taken.lock();
        let mut useless: Vec<(Duration, u64)> = taken
            .open
            .iter()
            .filter_map(|(number, open)| Some((open.activity.useless_for()?, *number)))
            .filter(|(time, _)| *time >= self.asking_time)
            .collect();
        useless.sort_unstable_by_key(|(time, number)| (Reverse(*time), *number));
        useless.truncate((self.total / SHARE).max(1));
        let closing = useless
            .into_iter()
            .filter_map(|(_, number)| taken.open.remove(&number));
        closing.map(|open| open.task).collect()
    }
}
