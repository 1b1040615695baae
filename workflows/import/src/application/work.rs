//! The job that imports and the sweep that cleans up. Both may run twice and change nothing more.

use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, JobHandler, JobOutcome, Recurring};
use stoa_kernel::{CellId, ImportId, Timestamp};
use stoa_storage::{ClaimedJob, Db, Error, NewJob, Tx};

use super::slice::{SliceEnd, SliceError};
use super::{ImportState, Importer};
use crate::infrastructure as store;

pub(super) const JOB_KIND: &str = "import.run";
pub(super) const JOB_ATTEMPTS_MAX: u32 = 20;
/// Well below a job's lease.
const SLICE_TIME_MAX: Duration = Duration::from_secs(20);
/// After these the job looks again.
const TURN_WAIT: Duration = Duration::from_secs(1);
const OVERTAKEN_WAIT: Duration = Duration::from_secs(5);

const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);
/// An upload that stopped coming is removed, an import that stands still is started again.
const IDLE_MAX: Duration = Duration::from_secs(3600);
/// How long a finished import and its issues are kept.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
const SWEPT_MAX: i64 = 100;

pub(super) fn job_payload(id: ImportId) -> serde_json::Value {
    serde_json::json!({ "import": id })
}

/// Lands a spooled file, slice by slice.
pub(crate) struct ImportJob(pub(crate) Importer);

#[async_trait]
impl JobHandler for ImportJob {
    fn kind(&self) -> &'static str {
        JOB_KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let importer = &self.0;
        let id = job.payload["import"].as_str().map(str::parse::<ImportId>);
        let Some(Ok(id)) = id else {
            return JobOutcome::Dead(format!("names no import: {}", job.payload));
        };
        let Ok(_turn) = importer.inner.turns.try_acquire() else {
            return JobOutcome::Wait(importer.now().plus(TURN_WAIT));
        };
        let db = match importer.db(job.tenant).await {
            Ok(db) => db,
            Err(error) => return JobOutcome::Failed(error.to_string()),
        };
        let error = match importer.slice(&db, id, SLICE_TIME_MAX).await {
            Ok(SliceEnd::Finished) => return JobOutcome::Done,
            Ok(SliceEnd::More) => return JobOutcome::Wait(importer.now()),
            Err(SliceError::Overtaken) => {
                return JobOutcome::Wait(importer.now().plus(OVERTAKEN_WAIT));
            }
            Err(error) => error.to_string(),
        };
        if job.attempt < job.attempts_max {
            return JobOutcome::Failed(error);
        }
        match importer.give_up(&db, id, &error).await {
            Ok(()) => JobOutcome::Dead(error),
            Err(second) => JobOutcome::Dead(format!("{error}; then {second}")),
        }
    }
}

/// Removes uploads that never ended and imports of long ago; wakes what stands still.
pub(crate) struct Sweep(pub(crate) Importer);

#[async_trait]
impl Recurring for Sweep {
    fn name(&self) -> &'static str {
        "import.sweep"
    }

    fn every(&self) -> Duration {
        SWEEP_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let tenants = self.0.inner.deps.storage.tenants().await?;
        for tenant in tenants.iter().filter(|tenant| tenant.cell == cell) {
            let db = self.0.db(tenant.id).await?;
            self.sweep(&db, now).await?;
        }
        Ok(())
    }
}

impl Sweep {
    async fn sweep(&self, db: &Db, now: Timestamp) -> Result<(), Error> {
        let (idle, old) = (now.minus(IDLE_MAX), now.minus(KEPT));
        for (state, before) in [
            (ImportState::Receiving, idle),
            (ImportState::Done, old),
            (ImportState::Failed, old),
        ] {
            for id in untouched(db, state, before).await? {
                // It may have moved on since: then it stays.
                db.write(async move |tx: &mut Tx<'_>| store::abandon(tx, id, state, before).await)
                    .await?;
            }
        }
        for id in untouched(db, ImportState::Abandoned, now).await? {
            remove_abandoned(db, id).await?;
        }
        for state in [ImportState::Queued, ImportState::Running] {
            for id in untouched(db, state, idle).await? {
                self.wake(db, id, now).await?;
            }
        }
        Ok(())
    }

    /// Its job was set aside, or else it is dropped as a second one.
    async fn wake(&self, db: &Db, id: ImportId, now: Timestamp) -> Result<(), Error> {
        let job = NewJob {
            id: self.0.inner.deps.ids.make(now),
            kind: JOB_KIND,
            unique_key: Some(id.to_string()),
            payload: job_payload(id),
            run_at: now,
            attempts_max: JOB_ATTEMPTS_MAX,
        };
        db.write(async move |tx: &mut Tx<'_>| tx.enqueue(&job, now).await.map(|_| ()))
            .await
    }
}

async fn untouched(db: &Db, state: ImportState, before: Timestamp) -> Result<Vec<ImportId>, Error> {
    db.read(async move |tx: &mut Tx<'_>| store::untouched(tx, state, before, SWEPT_MAX).await)
        .await
}

/// Chunks first: the run's row is what finds them again after a kill.
pub(super) async fn remove_abandoned(db: &Db, id: ImportId) -> Result<(), Error> {
    store::purge(db, id).await?;
    db.write_bulk(async move |tx: &mut Tx<'_>| store::delete_run(tx, id).await)
        .await
}
