//! What a module implements to hear facts and to do work after a commit.

use std::time::Duration;

use async_trait::async_trait;
use stoa_kernel::{CellId, Envelope, Timestamp};
use stoa_storage::{ClaimedJob, Tx};

/// Why a handler failed; it is run again, with growing pauses.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HandlerError {
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
    #[error("{0}")]
    Failed(String),
}

/// Hears facts. Its work and the mark that it saw the fact commit in one transaction, so a second
/// delivery changes nothing.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Never changes: its position is kept under it.
    fn name(&self) -> &'static str;

    /// Subjects such as `orders.paid.v1`.
    fn subjects(&self) -> Vec<String>;

    /// Awaits nothing but `tx`; anything outside the database is a job enqueued here.
    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError>;

    /// Several of one tenant in their order, in one transaction: for whoever can do with fewer
    /// statements than one after the other takes.
    async fn handle_all(&self, tx: &mut Tx<'_>, events: &[&Envelope]) -> Result<(), HandlerError> {
        for event in events {
            self.handle(tx, event).await?;
        }
        Ok(())
    }
}

/// What became of one run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    Done,
    /// Nothing failed; look again then. Does not count as an attempt.
    Wait(Timestamp),
    /// Run again with backoff, until the job's attempts are used up.
    Failed(String),
    /// Never run again; kept for people to look at.
    Dead(String),
}

/// Does one kind of job, outside any transaction. May run twice: it is idempotent.
#[async_trait]
pub trait JobHandler: Send + Sync + 'static {
    fn kind(&self) -> &'static str;

    async fn run(&self, job: &ClaimedJob) -> JobOutcome;
}

/// Work that comes round by the clock, once per cell.
#[async_trait]
pub trait Recurring: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    fn every(&self) -> Duration;

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError>;
}

/// The transport did not take, or did not bring, events; the log has them all the same.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    pub message: String,
}

/// Carries sequenced events between processes sooner than they would find them in the log. Never
/// the only copy: consumers read from the log whatever did not come, came twice or out of order.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends events of one cell in their order; returns once all of them are on the transport's
    /// disk. Sending one again does no harm.
    async fn publish(&self, events: &[Envelope]) -> Result<(), TransportError>;

    /// Waits for the next events that any process published since this one began to listen.
    async fn receive(&self) -> Result<Vec<Envelope>, TransportError>;
}
