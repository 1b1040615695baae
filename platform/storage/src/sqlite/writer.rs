//! The one writer of a SQLite cell: drains its queue into one durable commit, then answers all.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::Connection;
use super::checkpoint::LogState;
use crate::outbox::{CommitHooks, Committed};
use crate::tx::{Scope, Tx};
use crate::{Error, Result, Stats};

/// Requests joined into one durable commit at most.
const BATCH_MAX: usize = 256;
/// A batch closes after this, so that the first of it is not held up by the last.
const BATCH_TIME_MAX: Duration = Duration::from_millis(20);
/// Requests that may wait; one more is refused as busy.
const QUEUE_MAX: usize = 16_384;

/// Interactive work goes before bulk work, which takes a batch to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Interactive,
    Bulk,
}

trait Job: Send {
    /// Runs the body inside a savepoint of its own.
    fn run(&mut self, connection: &mut Connection);
    /// Runs the body in a transaction that is all its own; false where it is to be rolled back.
    fn run_alone(&mut self, connection: &mut Connection) -> bool;
    /// Says what became of it once the batch is durable, or is not.
    fn answer(self: Box<Self>, commit: &Result<()>, hooks: &CommitHooks);
}

#[derive(Default)]
struct Queue {
    state: Mutex<Lanes>,
    arrived: Condvar,
}

#[derive(Default)]
struct Lanes {
    interactive: VecDeque<Box<dyn Job>>,
    bulk: VecDeque<Box<dyn Job>>,
    closed: bool,
}

pub(crate) struct Writer {
    queue: Arc<Queue>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        log: Arc<LogState>,
        stats: Arc<Stats>,
        hooks: CommitHooks,
    ) -> Result<Self> {
        let queue: Arc<Queue> = Arc::default();
        let its_queue = queue.clone();
        // Bodies may create tokio handles (channels, notifies); they never wait on them.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let thread = std::thread::Builder::new()
            .name("stoa-writer".to_owned())
            .spawn(move || {
                let _guard = runtime.as_ref().map(tokio::runtime::Handle::enter);
                run(connection, &its_queue, &log, &stats, &hooks);
            })
            .map_err(|error| Error::io("starting the writer thread", &error))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Queues `body`; resolves after the commit that holds it is durable.
    pub(crate) async fn submit<T, E, F>(&self, scope: Scope, lane: Lane, body: F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = BodyJob {
            scope,
            body,
            outcome: None,
            committed: Vec::new(),
            reply,
        };
        self.push(lane, Box::new(job))?;
        answer.await.unwrap_or_else(|_| {
            Err(Error::Unavailable {
                message: "the writer stopped".to_owned(),
            }
            .into())
        })
    }

    fn push(&self, lane: Lane, job: Box<dyn Job>) -> Result<()> {
        let mut lanes = self.queue.state.lock();
        if lanes.closed {
            return Err(Error::Unavailable {
                message: "the cell is closed".to_owned(),
            });
        }
        let queue = match lane {
            Lane::Interactive => &mut lanes.interactive,
            Lane::Bulk => &mut lanes.bulk,
        };
        if queue.len() >= QUEUE_MAX {
            return Err(Error::Busy { limit: QUEUE_MAX });
        }
        queue.push_back(job);
        drop(lanes);
        self.queue.arrived.notify_one();
        Ok(())
    }

    /// Requests waiting to be written.
    pub(crate) fn depth(&self) -> usize {
        let lanes = self.queue.state.lock();
        lanes.interactive.len() + lanes.bulk.len()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.state.lock().closed = true;
        self.queue.arrived.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the writer has already failed its waiters.
            drop(thread.join());
        }
    }
}

impl Queue {
    /// The next job and its lane; `None` once closed and empty.
    fn wait(&self) -> Option<(Box<dyn Job>, Lane)> {
        let mut lanes = self.state.lock();
        loop {
            if let Some(job) = lanes.interactive.pop_front() {
                return Some((job, Lane::Interactive));
            }
            if let Some(job) = lanes.bulk.pop_front() {
                return Some((job, Lane::Bulk));
            }
            if lanes.closed {
                return None;
            }
            self.arrived.wait(&mut lanes);
        }
    }

    fn next_interactive(&self) -> Option<Box<dyn Job>> {
        self.state.lock().interactive.pop_front()
    }
}

fn run(
    mut connection: Connection,
    queue: &Queue,
    log: &LogState,
    stats: &Stats,
    hooks: &CommitHooks,
) {
    let mut disk = Disk::default();
    while let Some((first, lane)) = queue.wait() {
        let mut batch: Vec<Box<dyn Job>> = Vec::new();
        let commit = match lane {
            Lane::Interactive => run_batch(&mut connection, queue, first, &mut batch),
            Lane::Bulk => run_alone(&mut connection, first, &mut batch),
        };
        disk.seen(&commit);
        if commit.is_ok() {
            stats.batch(batch.len());
        }
        for job in batch {
            job.answer(&commit, hooks);
        }
        log.batches.fetch_add(1, Ordering::Relaxed);
        if log.is_long()
            && let Err(error) = connection.restart_log()
        {
            tracing::warn!(%error, "the log could not be restarted");
        }
    }
}

/// Tells the log once that the disk is full, and once that it is not any more.
#[derive(Default)]
struct Disk {
    full: bool,
}

impl Disk {
    fn seen(&mut self, commit: &Result<()>) {
        match commit {
            Err(Error::DiskFull) if !self.full => {
                self.full = true;
                tracing::error!("the disk is full: nothing is written until there is room");
            }
            Ok(()) if self.full => {
                self.full = false;
                tracing::info!("there is room on the disk again");
            }
            _ => {}
        }
    }
}

fn run_batch(
    connection: &mut Connection,
    queue: &Queue,
    first: Box<dyn Job>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<()> {
    let began = Instant::now();
    let open = connection.control("BEGIN IMMEDIATE");
    let mut next = Some(first);
    while let Some(mut job) = next.take() {
        if open.is_ok() {
            job.run(connection);
        }
        batch.push(job);
        // A full disk or an I/O error may have rolled back the whole batch, not one savepoint.
        if open.is_ok() && !connection.in_transaction() {
            return Err(rolled_back());
        }
        let closing = open.is_err() || batch.len() >= BATCH_MAX || began.elapsed() > BATCH_TIME_MAX;
        if !closing {
            next = queue.next_interactive();
        }
    }
    open?;
    commit(connection)
}

/// Bulk work has a transaction to itself and needs no savepoint: within one SQLite copies every page
/// before it is written, which is a good part of the work of a large body.
fn run_alone(
    connection: &mut Connection,
    mut job: Box<dyn Job>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<()> {
    let open = connection.control("BEGIN IMMEDIATE");
    let is_kept = open.is_ok() && job.run_alone(connection);
    batch.push(job);
    open?;
    if !connection.in_transaction() {
        return Err(rolled_back());
    }
    match is_kept {
        true => commit(connection),
        false => connection.control("ROLLBACK"),
    }
}

fn rolled_back() -> Error {
    Error::Commit {
        message: "the database rolled the batch back".to_owned(),
    }
}

fn commit(connection: &Connection) -> Result<()> {
    connection.control("COMMIT").or_else(|error| {
        if connection.in_transaction() {
            connection.control("ROLLBACK")?;
        }
        Err(match error {
            Error::DiskFull => Error::DiskFull,
            other => Error::Commit {
                message: other.to_string(),
            },
        })
    })
}

struct BodyJob<T, E, F> {
    scope: Scope,
    body: F,
    outcome: Option<Result<T, E>>,
    committed: Vec<Committed>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for BodyJob<T, E, F>
where
    F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, connection: &mut Connection) {
        let outcome = self.run_in_savepoint(connection);
        self.outcome = Some(outcome);
    }

    fn run_alone(&mut self, connection: &mut Connection) -> bool {
        let (outcome, committed) = run_body(connection, self.scope, &self.body);
        let is_kept = outcome.is_ok();
        if is_kept {
            self.committed = committed;
        }
        self.outcome = Some(outcome);
        is_kept
    }

    fn answer(self: Box<Self>, commit: &Result<()>, hooks: &CommitHooks) {
        let answer = match (self.outcome, commit) {
            (Some(Ok(value)), Ok(())) => {
                hooks.run(&self.committed);
                Ok(value)
            }
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.clone().into()),
            (None, Ok(())) => Err(Error::Commit {
                message: "the batch ended early".to_owned(),
            }
            .into()),
        };
        // The caller may have gone; the commit stands either way.
        drop(self.reply.send(answer));
    }
}

impl<T, E, F> BodyJob<T, E, F>
where
    F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send,
    E: From<Error>,
{
    fn run_in_savepoint(&mut self, connection: &mut Connection) -> Result<T, E> {
        connection.control("SAVEPOINT body")?;
        let (outcome, committed) = run_body(connection, self.scope, &self.body);
        if outcome.is_err() && connection.in_transaction() {
            connection.control("ROLLBACK TO body")?;
        }
        if connection.in_transaction() {
            connection.control("RELEASE body")?;
        }
        if outcome.is_ok() {
            self.committed = committed;
        }
        outcome
    }
}

/// Runs a body to its end inside the transaction that the caller has opened and will close.
pub(crate) fn run_body<T, E, F>(
    connection: &mut Connection,
    scope: Scope,
    body: &F,
) -> (Result<T, E>, Vec<Committed>)
where
    F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E>,
    E: From<Error>,
{
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut tx = Tx::lite(connection, scope);
        let outcome = poll_once(body(&mut tx));
        (
            outcome,
            tx.failure().cloned(),
            std::mem::take(&mut tx.committed),
        )
    }));
    match ran {
        Ok((Some(Ok(_)), Some(failure), _)) => (Err(failure.into()), Vec::new()),
        Ok((Some(outcome), _, committed)) => (outcome, committed),
        Ok((None, ..)) => (Err(Error::BodyAwaited.into()), Vec::new()),
        Err(panic) => (Err(Error::panicked(&*panic).into()), Vec::new()),
    }
}

/// On SQLite every statement is ready at once, so a body that is not has awaited something else.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
