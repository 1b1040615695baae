//! One thread that copies every cell's log into its file, so that no commit pays for it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Connection;
use super::connection::Copied;
use crate::{Error, Result, Stats};

const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);
/// Pages of the log above which the writer begins it anew, 64 MiB: SQLite does so by itself only
/// where nobody writes while a checkpoint ends.
const LOG_PAGES_MAX: u64 = 16_384;

/// What the writer and the checkpointer of a cell tell each other.
#[derive(Default)]
pub(crate) struct LogState {
    /// Batches committed since the cell was opened.
    pub(crate) batches: AtomicU64,
    /// Pages of the log that the last checkpoint could not copy.
    pages_left: AtomicU64,
    /// Pages that the log had at the last checkpoint, copied or not: while somebody always writes,
    /// it grows although all of it is copied.
    pages: AtomicU64,
}

impl LogState {
    /// Whether the log is to be begun anew. Says so once for each look of the checkpointer.
    pub(crate) fn is_long(&self) -> bool {
        self.pages.load(Ordering::Relaxed) > LOG_PAGES_MAX
            && self.pages.swap(0, Ordering::Relaxed) > 0
    }
}

struct Watched {
    connection: Connection,
    log: Weak<LogState>,
    batches_seen: u64,
    /// The last try failed: the next tick tries again, whatever was written.
    failed: bool,
}

#[derive(Default)]
struct Shared {
    watched: Mutex<Vec<Watched>>,
    stopping: AtomicBool,
    gate: Mutex<()>,
    stop: Condvar,
}

pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    stats: Arc<Stats>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Checkpointer {
    pub(crate) fn start(stats: Arc<Stats>) -> Result<Self> {
        let shared: Arc<Shared> = Arc::default();
        let its = shared.clone();
        let thread = std::thread::Builder::new()
            .name("stoa-checkpoint".to_owned())
            .spawn(move || {
                let mut gate = its.gate.lock();
                while !its.stopping.load(Ordering::Acquire) {
                    its.stop.wait_for(&mut gate, CHECKPOINT_EVERY);
                    its.watched.lock().retain_mut(Watched::tick);
                }
            })
            .map_err(|error| Error::io("starting the checkpoint thread", &error))?;
        Ok(Self {
            shared,
            stats,
            thread: Some(thread),
        })
    }

    /// Watches a cell for as long as the returned state lives.
    pub(crate) fn watch(&self, path: &Path) -> Result<Arc<LogState>> {
        let connection = Connection::open(path, Arc::default(), self.stats.clone())?;
        let log: Arc<LogState> = Arc::default();
        let watched = Watched {
            connection,
            log: Arc::downgrade(&log),
            batches_seen: 0,
            failed: false,
        };
        self.shared.watched.lock().push(watched);
        Ok(log)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.stop.notify_all();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Watched {
    /// Copies what was written since the last tick; false once the cell is closed.
    fn tick(&mut self) -> bool {
        let Some(log) = self.log.upgrade() else {
            return false;
        };
        let batches = log.batches.load(Ordering::Relaxed);
        let pages_left = log.pages_left.load(Ordering::Relaxed);
        if batches == self.batches_seen && pages_left == 0 && !self.failed {
            return true;
        }
        self.batches_seen = batches;
        match self.connection.checkpoint("PRAGMA wal_checkpoint(PASSIVE)") {
            Ok(Copied { pages, left }) => {
                log.pages_left.store(left, Ordering::Relaxed);
                log.pages.store(pages, Ordering::Relaxed);
                self.failed = false;
            }
            Err(error) => {
                if !self.failed {
                    tracing::warn!(%error, "the log cannot be copied into its database for now");
                }
                self.failed = true;
            }
        }
        true
    }
}
