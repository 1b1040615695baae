//! One tenant's place among the indexes of a process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use stoa_kernel::TenantId;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::index::live::Live;
use crate::index::pen::Pen;

/// Names the folder that counts, among those of one tenant.
const CURRENT: &str = "current";

/// Why an index is built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Missing,
    Version,
    Torn,
    /// The tenant's cell was restored, or the tenant lives in another one.
    Epoch,
    /// Events it needs are gone.
    Gap,
    Locale,
    Asked,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Version => "version",
            Self::Torn => "torn",
            Self::Epoch => "epoch",
            Self::Gap => "gap",
            Self::Locale => "locale",
            Self::Asked => "asked",
        }
    }

    /// Whether the old index can be kept current meanwhile.
    pub(crate) const fn leaves_events_usable(self) -> bool {
        matches!(self, Self::Locale | Self::Asked)
    }
}

/// How far an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Being opened, or built for the first time.
    Closed,
    /// It answers, and has events to catch up with.
    Behind,
    Current,
}

/// How an index stands, for staff.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    /// Whether it has caught up with the events.
    pub(crate) is_current: bool,
    pub(crate) documents: u64,
    pub(crate) position: i64,
    pub(crate) bytes: u64,
    pub(crate) locale: Option<String>,
    /// Why it is being built, and how many documents the new one has.
    pub(crate) rebuilding: Option<(Reason, u64)>,
}

#[derive(Debug, Default)]
pub(crate) struct Build {
    pub(crate) running: Option<Reason>,
    /// Asked for while another build ran.
    pub(crate) again: Option<Reason>,
}

/// What follows the events for one index.
pub(crate) struct Feed {
    pub(crate) pen: Option<Pen>,
    /// The last event that was read; what it says may not be committed yet.
    pub(crate) read: i64,
    pub(crate) dirty_since: Option<Instant>,
    /// Documents written since the last commit.
    pub(crate) waiting: usize,
    pub(crate) written_at: Instant,
    pub(crate) checked_at: Option<Instant>,
    /// After a failure.
    pub(crate) not_before: Option<Instant>,
    pub(crate) failures: u32,
    pub(crate) merging: Arc<AtomicUsize>,
    pub(crate) merged: Arc<AtomicBool>,
}

impl Feed {
    pub(crate) fn at(position: i64) -> Self {
        Self {
            pen: None,
            read: position,
            dirty_since: None,
            waiting: 0,
            written_at: Instant::now(),
            checked_at: None,
            not_before: None,
            failures: 0,
            merging: Arc::default(),
            merged: Arc::default(),
        }
    }

    /// Whether something is due every `every`; the first time at once.
    pub(crate) fn is_check_due(&mut self, every: Duration) -> bool {
        let now = Instant::now();
        let due = self.checked_at.is_none_or(|last| now - last >= every);
        if due {
            self.checked_at = Some(now);
        }
        due
    }
}

pub(crate) struct Slot {
    pub(crate) tenant: TenantId,
    /// Holds the tenant's folders, and nobody else's.
    pub(crate) folder: PathBuf,
    live: RwLock<Option<Arc<Live>>>,
    pub(crate) state: watch::Sender<State>,
    pub(crate) feed: tokio::sync::Mutex<Feed>,
    pub(crate) build: Mutex<Build>,
    pub(crate) built_documents: AtomicU64,
    pub(crate) used: AtomicU64,
    /// The last event that nothing is waiting of to be committed.
    pub(crate) seen: AtomicI64,
    pub(crate) closed: AtomicBool,
    pub(crate) verified_at: Mutex<Option<Instant>>,
}

impl Slot {
    /// The folder's name is made of the tenant's id and of nothing else.
    pub(crate) fn new(tenant: TenantId, root: &Path) -> Self {
        Self {
            tenant,
            folder: root.join(tenant.to_string()),
            live: RwLock::new(None),
            state: watch::Sender::new(State::Closed),
            feed: tokio::sync::Mutex::new(Feed::at(0)),
            build: Mutex::default(),
            built_documents: AtomicU64::new(0),
            used: AtomicU64::new(0),
            seen: AtomicI64::new(0),
            closed: AtomicBool::new(false),
            verified_at: Mutex::new(None),
        }
    }

    pub(crate) fn live(&self) -> Option<Arc<Live>> {
        self.live.read().clone()
    }

    pub(crate) fn show(&self, live: Option<Arc<Live>>) {
        *self.live.write() = live;
    }

    /// Takes an index out of use, unless another one took its place already.
    pub(crate) fn drop_live(&self, number: u64) {
        let mut live = self.live.write();
        if live.as_ref().is_some_and(|live| live.number == number) {
            *live = None;
            self.state.send_replace(State::Closed);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Waits until it is current, but no longer than `most`.
    pub(crate) async fn wait(&self, most: Duration) {
        let mut state = self.state.subscribe();
        let current = state.wait_for(|state| *state == State::Current);
        drop(tokio::time::timeout(most, current).await);
    }

    /// The folder that counts.
    pub(crate) fn current_folder(&self) -> Option<PathBuf> {
        let name = std::fs::read_to_string(self.folder.join(CURRENT)).ok()?;
        let is_ours = name.starts_with('g') && name[1..].bytes().all(|byte| byte.is_ascii_digit());
        (is_ours && name.len() > 1).then(|| self.folder.join(name))
    }

    /// A folder that was not there before.
    pub(crate) fn fresh_folder(&self) -> PathBuf {
        let last = self.numbers().into_iter().max().unwrap_or_default();
        self.folder.join(format!("g{}", last + 1))
    }

    /// Makes `folder` the one that counts, and removes the others.
    pub(crate) fn keep_only(&self, folder: &Path) -> std::io::Result<()> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let fresh = self.folder.join("current.new");
        let mut file = std::fs::File::create(&fresh)?;
        std::io::Write::write_all(&mut file, name.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.folder.join(CURRENT))?;
        std::fs::File::open(&self.folder)?.sync_all()?;
        for number in self.numbers() {
            let other = self.folder.join(format!("g{number}"));
            if other != folder {
                std::fs::remove_dir_all(other)?;
            }
        }
        Ok(())
    }

    fn numbers(&self) -> Vec<u64> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix('g')?.parse().ok())
            .collect()
    }

    pub(crate) fn status(&self) -> Status {
        let live = self.live();
        let mark = live.as_ref().map(|live| live.mark());
        let running = self.build.lock().running;
        Status {
            is_current: *self.state.borrow() == State::Current,
            documents: live.as_ref().map_or(0, |live| live.searcher().num_docs()),
            position: mark.as_ref().map_or(0, |mark| {
                mark.position.max(self.seen.load(Ordering::Acquire))
            }),
            bytes: live.as_ref().map_or(0, |live| live.bytes()),
            locale: mark.map(|mark| mark.locale),
            rebuilding: running
                .map(|reason| (reason, self.built_documents.load(Ordering::Relaxed))),
        }
    }
}

/// Runs what blocks. A panic within is the index's fault, not the process's.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) => Err(error.to_string()),
    }
}
