//! Background work kept in the cell: enqueued with the business rows, leased, retried, buried.

use std::sync::Arc;
use std::time::Duration;

use stoa_kernel::{JobId, TenantId, Timestamp};

use crate::cell::Cell;
use crate::outbox::Committed;
use crate::{Error, Result, Tx, Value, params};

/// Work to be done after this transaction commits, at `run_at` or later.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub id: JobId,
    pub kind: &'static str,
    /// At most one unfinished job of this kind and key exists per tenant; another is dropped.
    pub unique_key: Option<String>,
    pub payload: serde_json::Value,
    pub run_at: Timestamp,
    /// After this many failed attempts the job is buried, kept for people to look at.
    pub attempts_max: u32,
}

/// A job leased to one worker until `leased_until`.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    pub id: JobId,
    pub tenant: TenantId,
    pub kind: String,
    pub payload: serde_json::Value,
    /// This attempt's number, from 1.
    pub attempt: u32,
    pub attempts_max: u32,
    pub lease: String,
}

const ENQUEUE: &str = "INSERT INTO stoa_job (id, tenant_id, kind, unique_key, payload, run_at, \
                       attempts_max, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                       ON CONFLICT DO NOTHING";

impl Tx<'_> {
    /// Enqueues with this transaction; false where an unfinished job of that key exists.
    pub async fn enqueue(&mut self, job: &NewJob, now: Timestamp) -> Result<bool> {
        let payload = serde_json::to_string(&job.payload)?;
        let values = self.job_values(job, &payload, now);
        let new = self.execute_system(ENQUEUE, &values).await? == 1;
        self.committed.push(Committed::Job {
            tenant: self.tenant(),
            kind: job.kind,
        });
        Ok(new)
    }

    /// As [`Self::enqueue`], for whoever need not know whether it is new: no round trip.
    pub async fn enqueue_unasked(&mut self, job: &NewJob, now: Timestamp) -> Result<()> {
        let payload = serde_json::to_string(&job.payload)?;
        let values = self.job_values(job, &payload, now);
        self.defer_system(&[(ENQUEUE, &values)]).await?;
        self.committed.push(Committed::Job {
            tenant: self.tenant(),
            kind: job.kind,
        });
        Ok(())
    }

    fn job_values<'v>(&self, job: &'v NewJob, payload: &'v str, now: Timestamp) -> [Value<'v>; 8] {
        [
            Value::from(job.id),
            Value::from(self.tenant()),
            Value::from(job.kind),
            Value::from(&job.unique_key),
            Value::from(payload),
            Value::from(job.run_at),
            Value::from(job.attempts_max),
            Value::from(now),
        ]
    }

    /// Makes the unfinished job of this kind and key due now, if there is one that waits; false
    /// where there is none or it is being run.
    pub async fn hasten(&mut self, kind: &'static str, key: &str, now: Timestamp) -> Result<bool> {
        const SQL: &str = "UPDATE stoa_job SET run_at = $4 WHERE tenant_id = $1 AND kind = $2 \
                           AND unique_key = $3 AND dead_at IS NULL AND lease IS NULL AND run_at > $4";
        let values = params![self.tenant(), kind, key, now];
        let hastened = self.execute_system(SQL, values).await? > 0;
        self.committed.push(Committed::Job {
            tenant: self.tenant(),
            kind,
        });
        Ok(hastened)
    }
}

/// One cell's jobs, as the workers see them.
#[derive(Clone)]
pub struct JobQueue {
    cell: Arc<Cell>,
    /// `|kind|kind|`; empty takes every kind.
    kinds: String,
}

impl JobQueue {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        Self {
            cell,
            kinds: String::new(),
        }
    }

    /// A view of the queue that sees only jobs of these kinds: a process leaves the others to
    /// those who know how to do them.
    #[must_use]
    pub fn only(mut self, kinds: &[&str]) -> Self {
        self.kinds = kinds
            .iter()
            .fold("|".to_owned(), |all, kind| format!("{all}{kind}|"));
        self
    }

    /// Whether a job is due; a read, so that an idle worker writes nothing.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        const SQL: &str = "SELECT run_at FROM stoa_job WHERE dead_at IS NULL \
             AND (CAST($1 AS TEXT) = '' OR replace($1, '|' || kind || '|', '') <> $1) \
             ORDER BY run_at LIMIT 1";
        let kinds = self.kinds.clone();
        self.cell
            .system_read(async move |tx: &mut Tx<'_>| {
                tx.query_opt(SQL, params![&kinds], |row| row.get(0)).await
            })
            .await
    }

    /// Leases up to `limit` due jobs. A lease that runs out makes the job due again.
    pub async fn claim(
        &self,
        lease: String,
        now: Timestamp,
        lease_time: Duration,
        limit: i64,
    ) -> Result<Vec<ClaimedJob>> {
        // Materialized, so that no plan asks for the due jobs twice and leases more than `limit`.
        const SQL: &str = "WITH due AS MATERIALIZED (SELECT id FROM stoa_job \
             WHERE dead_at IS NULL AND run_at <= $3 \
             AND (CAST($5 AS TEXT) = '' OR replace($5, '|' || kind || '|', '') <> $5) \
             ORDER BY run_at LIMIT $4 {skip_locked}) \
             UPDATE stoa_job SET lease = $1, run_at = $2, attempts = attempts + 1 \
             WHERE id IN (SELECT id FROM due) \
             RETURNING id, tenant_id, kind, payload, attempts, attempts_max";
        let until = now.plus(lease_time);
        let kinds = self.kinds.clone();
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                tx.query(SQL, params![&lease, until, now, limit, &kinds], |row| {
                    Ok(ClaimedJob {
                        id: row.get(0)?,
                        tenant: row.get(1)?,
                        kind: row.get(2)?,
                        payload: serde_json::from_str(row.str(3)?)?,
                        attempt: row.get(4)?,
                        attempts_max: row.get(5)?,
                        lease: lease.clone(),
                    })
                })
                .await
            })
            .await
    }

    /// Removes a finished job, unless the lease has passed to another worker.
    pub async fn finish(&self, job: &ClaimedJob) -> Result<()> {
        const SQL: &str = "DELETE FROM stoa_job WHERE id = $1 AND lease = $2";
        let (id, lease) = (job.id, job.lease.clone());
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                tx.execute(SQL, params![id, &lease]).await.map(|_| ())
            })
            .await
    }

    /// Puts a job back for `run_at`. `counted` false gives the attempt back (it only waits).
    pub async fn retry(
        &self,
        job: &ClaimedJob,
        run_at: Timestamp,
        error: Option<String>,
        counted: bool,
    ) -> Result<()> {
        const SQL: &str = "UPDATE stoa_job SET run_at = $3, last_error = $4, lease = NULL, \
                           attempts = attempts - $5 WHERE id = $1 AND lease = $2";
        let (id, lease) = (job.id, job.lease.clone());
        let given_back = i64::from(!counted);
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                let values = params![id, &lease, run_at, &error, given_back];
                tx.execute(SQL, values).await.map(|_| ())
            })
            .await
    }

    /// Sets aside a job that failed for good.
    pub async fn bury(&self, job: &ClaimedJob, error: String, now: Timestamp) -> Result<()> {
        const SQL: &str = "UPDATE stoa_job SET dead_at = $3, last_error = $4, lease = NULL \
                           WHERE id = $1 AND lease = $2";
        let (id, lease) = (job.id, job.lease.clone());
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                tx.execute(SQL, params![id, &lease, now, &error])
                    .await
                    .map(|_| ())
            })
            .await
    }

    /// Frees the leases of a process that is gone. Only the owner of a data directory may call it:
    /// nobody else can be holding one.
    pub async fn free_leases(&self, now: Timestamp) -> Result<u64> {
        const SQL: &str = "UPDATE stoa_job SET run_at = $1, lease = NULL WHERE lease IS NOT NULL";
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| tx.execute(SQL, params![now]).await)
            .await
    }

    /// True for the one process whose turn `name` is; the next turn comes after `every`.
    pub async fn take_turn(&self, name: &str, now: Timestamp, every: Duration) -> Result<bool> {
        const DUE: &str = "SELECT next_at FROM stoa_schedule WHERE name = $1";
        const SQL: &str = "INSERT INTO stoa_schedule (name, next_at) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at \
             WHERE stoa_schedule.next_at <= $3";
        let asked = name.to_owned();
        let next_at = self
            .cell
            .system_read(async move |tx: &mut Tx<'_>| {
                tx.query_opt(DUE, params![&asked], |row| row.get::<Timestamp>(0))
                    .await
            })
            .await?;
        if next_at.is_some_and(|at| at > now) {
            return Ok(false);
        }
        let next = now.plus(every);
        let asked = name.to_owned();
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                tx.execute(SQL, params![&asked, next, now])
                    .await
                    .map(|changed| changed == 1)
            })
            .await
    }

    /// Jobs by state: (waiting or running, buried).
    pub async fn depth(&self) -> Result<(i64, i64)> {
        const SQL: &str = "SELECT (SELECT count(*) FROM stoa_job WHERE dead_at IS NULL), \
                           (SELECT count(*) FROM stoa_job WHERE dead_at IS NOT NULL)";
        self.cell
            .system_read(async move |tx: &mut Tx<'_>| {
                tx.query_one(SQL, params![], |row| Ok((row.get(0)?, row.get(1)?)))
                    .await
            })
            .await
    }

    /// Drops up to `limit` buried jobs and as many idempotency rows older than `before`; call it
    /// until it finds none. A week's keys in one statement would outlast its time limit, and then
    /// none would ever go.
    pub async fn purge(&self, before: Timestamp, limit: i64) -> Result<u64> {
        const JOBS: &str = "DELETE FROM stoa_job WHERE id IN (SELECT id FROM stoa_job \
             WHERE dead_at < $1 LIMIT $2)";
        const KEYS: &str = "DELETE FROM stoa_idempotency WHERE (tenant_id, scope, key) IN \
             (SELECT tenant_id, scope, key FROM stoa_idempotency \
              WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
        self.cell
            .system_write_bulk(async move |tx: &mut Tx<'_>| {
                let jobs = tx.execute(JOBS, params![before, limit]).await?;
                Ok::<_, Error>(jobs + tx.execute(KEYS, params![before, limit]).await?)
            })
            .await
    }
}
