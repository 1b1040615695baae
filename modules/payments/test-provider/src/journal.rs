//! The durable file: JSON lines, appended by one thread, group after group. Never rewrites a line.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::entry::Entry;
use crate::ledger::{Ledger, Refusal};

const JOURNAL_NAME: &str = "stoa-test-provider";
const JOURNAL_VERSION: u32 = 1;
/// Longer than any line this crate writes: bodies are at most 64 KiB.
const LINE_BYTES_MAX: usize = 256 * 1024;
const QUEUE_LINES_MAX: usize = 8192;
const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: another process holds this journal", path.display())]
    Held { path: PathBuf },
    #[error("{}: line {line}: {reason}", path.display())]
    Corrupt {
        path: PathBuf,
        line: u64,
        reason: String,
    },
}

/// How many lines are on disk, or why no more will be.
#[derive(Clone)]
enum Durable {
    Lines(u64),
    Failed,
}

/// Appends entries and says when they are on disk.
pub(crate) struct Journal {
    sender: Option<SyncSender<Vec<u8>>>,
    durable: watch::Receiver<Durable>,
    writer: Option<JoinHandle<()>>,
}

impl Journal {
    /// Replays `path` into a ledger, cuts off a torn last line, and starts the writer.
    /// Counting of lines starts at zero after a replay.
    pub(crate) fn open(path: &Path) -> Result<(Self, Ledger), OpenError> {
        let io = |source| OpenError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(io)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::Held {
                path: path.to_owned(),
            },
            TryLockError::Error(source) => io(source),
        })?;
        let (ledger, length) = replay(path, &mut file)?;
        if file.metadata().map_err(io)?.len() > length {
            file.set_len(length).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        if length == 0 {
            begin(path, &mut file).map_err(io)?;
        }
        let (sender, receiver) = sync_channel(QUEUE_LINES_MAX);
        let (done, durable) = watch::channel(Durable::Lines(0));
        let writer = std::thread::Builder::new()
            .name("test-provider-journal".to_owned())
            .spawn(move || write_groups(&mut file, &receiver, &done))
            .map_err(io)?;
        Ok((
            Self {
                sender: Some(sender),
                durable,
                writer: Some(writer),
            },
            ledger,
        ))
    }

    /// Queues a line. The caller holds the ledger's lock, so lines are in the ledger's order.
    pub(crate) fn append(&self, entry: &Entry) -> Result<(), Refusal> {
        let line = encode(entry).map_err(|_| Refusal::JournalFailed)?;
        let sender = self.sender.as_ref().ok_or(Refusal::JournalFailed)?;
        sender.try_send(line).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::Busy,
            TrySendError::Disconnected(_) => Refusal::JournalFailed,
        })
    }

    /// Returns once the first `lines` queued lines are on disk.
    pub(crate) async fn wait(&self, lines: u64) -> Result<(), Refusal> {
        let mut durable = self.durable.clone();
        let seen = durable
            .wait_for(|state| match state {
                Durable::Lines(done) => *done >= lines,
                Durable::Failed => true,
            })
            .await
            .map_err(|_| Refusal::JournalFailed)?;
        match &*seen {
            Durable::Lines(_) => Ok(()),
            Durable::Failed => Err(Refusal::JournalFailed),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has lost nothing that was answered for.
            let _ = writer.join();
        }
    }
}

/// The ledger after all whole lines, and how many bytes they take.
fn replay(path: &Path, file: &mut File) -> Result<(Ledger, u64), OpenError> {
    let io = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let corrupt = |line, reason| OpenError::Corrupt {
        path: path.to_owned(),
        line,
        reason,
    };
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    let mut reader = BufReader::new(file);
    let mut ledger = Ledger::default();
    let (mut length, mut number, mut line) = (0_u64, 0_u64, Vec::new());
    loop {
        line.clear();
        let read = io::Read::take(&mut reader, LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut line)
            .map_err(io)?;
        number += 1;
        if read > LINE_BYTES_MAX {
            return Err(corrupt(
                number,
                format!("longer than {LINE_BYTES_MAX} bytes"),
            ));
        }
        // Without its newline a line was never acknowledged: the end, or a torn tail.
        if line.last() != Some(&b'\n') {
            return Ok((ledger, length));
        }
        let entry: Entry =
            serde_json::from_slice(&line).map_err(|error| corrupt(number, error.to_string()))?;
        match entry {
            Entry::Opened { journal, version } if number == 1 => {
                if journal != JOURNAL_NAME || version != JOURNAL_VERSION {
                    let reason = format!("a `{journal}` journal of version {version}");
                    return Err(corrupt(number, reason));
                }
            }
            _ if number == 1 => return Err(corrupt(number, "no journal header".to_owned())),
            entry => ledger
                .apply(entry)
                .map_err(|error| corrupt(number, error.to_string()))?,
        }
        length += read as u64;
    }
}

/// Writes the header and makes the file itself durable in its folder.
fn begin(path: &Path, file: &mut File) -> io::Result<()> {
    let header = Entry::Opened {
        journal: JOURNAL_NAME.to_owned(),
        version: JOURNAL_VERSION,
    };
    file.write_all(&encode(&header)?)?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Drains the queue, writes once, syncs once, then wakes all who waited for those lines.
fn write_groups(file: &mut File, queue: &Receiver<Vec<u8>>, done: &watch::Sender<Durable>) {
    let mut group = Vec::new();
    let mut lines = 0;
    while let Ok(first) = queue.recv() {
        group.clear();
        group.extend_from_slice(&first);
        lines += 1;
        while group.len() < GROUP_BYTES_MAX
            && let Ok(next) = queue.try_recv()
        {
            group.extend_from_slice(&next);
            lines += 1;
        }
        if file
            .write_all(&group)
            .and_then(|()| file.sync_data())
            .is_err()
        {
            // What the file now holds is unknown until it is replayed, so nothing more is written.
            done.send_replace(Durable::Failed);
            return;
        }
        done.send_replace(Durable::Lines(lines));
    }
}

fn encode(entry: &Entry) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}
