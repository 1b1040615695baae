//! Runs one cell's due jobs, many at once, each under a lease.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use stoa_kernel::Timestamp;
use stoa_storage::{ClaimedJob, JobQueue, Result};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::ports::JobOutcome;
use crate::worker::{Pause, Shared};

const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(300);

pub(crate) async fn run(
    shared: Arc<Shared>,
    queue: JobQueue,
    mut news: watch::Receiver<u64>,
    mut pause: Pause,
) {
    let slots = Arc::new(Semaphore::new(shared.config.jobs_at_once_max));
    let mut running = JoinSet::new();
    loop {
        news.borrow_and_update();
        while running.try_join_next().is_some() {}
        let claimed = claim(&shared, &queue, slots.available_permits()).await;
        let claimed = claimed.unwrap_or_else(|error| {
            tracing::warn!(%error, "jobs could not be claimed; trying again");
            Vec::new()
        });
        if pause.ended() {
            give_back(&shared, &queue, &claimed).await;
            break;
        }
        let idle = claimed.is_empty();
        for job in claimed {
            let Ok(slot) = slots.clone().try_acquire_owned() else {
                break;
            };
            let (shared, queue) = (shared.clone(), queue.clone());
            running.spawn(async move {
                run_one(&shared, &queue, &job).await;
                drop(slot);
            });
        }
        if slots.available_permits() == 0 {
            drop(running.join_next().await);
        } else if idle {
            let at_most = until_due(&shared, &queue).await;
            if !pause.wait_until(&mut news, at_most).await {
                break;
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// The stop came while they were claimed: another worker need not wait for their lease to end.
async fn give_back(shared: &Shared, queue: &JobQueue, claimed: &[ClaimedJob]) {
    for job in claimed {
        if let Err(error) = queue.retry(job, shared.clock.now(), None, false).await {
            tracing::warn!(%error, job = %job.id, "a job could not be given back; its lease runs out");
        }
    }
}

/// The poll interval, or less where a job falls due sooner.
async fn until_due(shared: &Shared, queue: &JobQueue) -> Duration {
    let poll = shared.config.poll_every;
    match queue.next_due().await {
        Ok(Some(due)) => due
            .since(shared.clock.now())
            .clamp(Duration::from_millis(1), poll),
        _ => poll,
    }
}

async fn claim(shared: &Shared, queue: &JobQueue, free: usize) -> Result<Vec<ClaimedJob>> {
    let now = shared.clock.now();
    if free == 0 || queue.next_due().await?.is_none_or(|due| due > now) {
        return Ok(Vec::new());
    }
    let lease = format!("{:032x}", shared.ids.next_u128());
    queue
        .claim(lease, now, shared.config.lease, free as i64)
        .await
}

async fn run_one(shared: &Shared, queue: &JobQueue, job: &ClaimedJob) {
    let outcome = match shared.handlers.get(job.kind.as_str()) {
        // Nobody recorded the last attempt: the job may be what ends the process each time.
        _ if job.attempt > job.attempts_max => {
            JobOutcome::Dead(format!("given up after {} attempts", job.attempts_max))
        }
        Some(handler) => {
            // Ends before the lease does, so that no two run the job at once for long.
            let time_max = shared.config.lease * 3 / 4;
            let run = AssertUnwindSafe(handler.run(job)).catch_unwind();
            match tokio::time::timeout(time_max, run).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => JobOutcome::Failed("the handler panicked".to_owned()),
                Err(_) => JobOutcome::Failed(format!("took longer than {time_max:?}")),
            }
        }
        None => JobOutcome::Dead(format!("nobody does `{}` jobs", job.kind)),
    };
    if let Err(error) = record(shared, queue, job, outcome).await {
        // The lease runs out and the job comes round again: handlers are idempotent.
        tracing::warn!(%error, job = %job.id, "a job's outcome could not be recorded");
    }
}

async fn record(
    shared: &Shared,
    queue: &JobQueue,
    job: &ClaimedJob,
    outcome: JobOutcome,
) -> Result<()> {
    let now = shared.clock.now();
    match outcome {
        JobOutcome::Done => queue.finish(job).await,
        JobOutcome::Wait(at) => queue.retry(job, at, None, false).await,
        JobOutcome::Failed(error) if job.attempt < job.attempts_max => {
            tracing::warn!(%error, job = %job.id, kind = job.kind, attempt = job.attempt, "job failed");
            queue
                .retry(job, backoff(shared, job.attempt, now), Some(error), true)
                .await
        }
        JobOutcome::Failed(error) | JobOutcome::Dead(error) => {
            tracing::error!(%error, job = %job.id, kind = job.kind, "job set aside");
            queue.bury(job, error, now).await
        }
    }
}

/// Exponential with full jitter.
fn backoff(shared: &Shared, attempt: u32, now: Timestamp) -> Timestamp {
    let ceiling = BACKOFF_FIRST.saturating_mul(1 << attempt.min(16).saturating_sub(1));
    let ceiling = ceiling.min(BACKOFF_MAX).as_micros();
    let jittered = shared.ids.next_u128() % ceiling.max(1);
    now.plus(Duration::from_micros(jittered as u64 + 1))
}
