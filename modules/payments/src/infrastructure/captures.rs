//! SQL of captures: one row per key, so that the same wish is carried out once.

use stoa_kernel::{AttemptId, EntryId, Timestamp};
use stoa_storage::{Db, Result, Row, Tx, params};

use super::strange;

const INSERT: &str = "INSERT INTO payments_capture (tenant_id, attempt_id, key, id, amount, state, \
     created_at, updated_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $6)";
const BY_KEY: &str = "SELECT key, id, amount, state, failure FROM payments_capture \
     WHERE tenant_id = :tenant AND attempt_id = $1 AND key = $2";
const PENDING: &str = "SELECT key, id, amount, state, failure FROM payments_capture \
     WHERE tenant_id = :tenant AND attempt_id = $1 AND state = 'pending' ORDER BY id LIMIT 1";
const SETTLE: &str = "UPDATE payments_capture SET state = $2, failure = $3, updated_at = $4 \
     WHERE tenant_id = :tenant AND attempt_id = $1 AND state = 'pending'";
const FAIL: &str = "UPDATE payments_capture SET state = 'failed', failure = $3, updated_at = $4 \
     WHERE tenant_id = :tenant AND attempt_id = $1 AND key = $2 AND state = 'pending'";
const DUE: &str = "SELECT attempt_id, next_try, tries FROM payments_capture \
     WHERE tenant_id = :tenant AND state = 'pending' AND next_try <= $1 AND updated_at < $2 \
     ORDER BY next_try, updated_at LIMIT $3";
const PUT_OFF: &str = "UPDATE payments_capture SET next_try = $3, tries = tries + 1 \
     WHERE tenant_id = :tenant AND attempt_id = $1 AND state = 'pending' AND next_try = $2";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capture {
    pub(crate) key: String,
    /// Names it towards provider and ledger.
    pub(crate) id: EntryId,
    pub(crate) amount: i64,
    pub(crate) state: CaptureState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CaptureState {
    Pending,
    Succeeded,
    Failed { reason: String },
}

impl CaptureState {
    fn columns(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Pending => ("pending", None),
            Self::Succeeded => ("succeeded", None),
            Self::Failed { reason } => ("failed", Some(reason)),
        }
    }
}

pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    capture: &Capture,
    now: Timestamp,
) -> Result<()> {
    let (state, _) = capture.state.columns();
    let values = params![
        attempt,
        &capture.key,
        capture.id,
        capture.amount,
        state,
        now
    ];
    tx.execute(INSERT, values).await.map(|_| ())
}

pub(crate) async fn by_key(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    key: &str,
) -> Result<Option<Capture>> {
    tx.query_opt(BY_KEY, params![attempt, key], capture).await
}

pub(crate) async fn read(db: &Db, attempt: AttemptId, key: &str) -> Result<Option<Capture>> {
    Ok(db
        .fetch(BY_KEY, params![attempt, key], capture)
        .await?
        .pop())
}

/// The capture that an attempt has money set aside for.
pub(crate) async fn pending(db: &Db, attempt: AttemptId) -> Result<Option<Capture>> {
    Ok(db.fetch(PENDING, params![attempt], capture).await?.pop())
}

/// Settles whatever capture of the attempt is under way.
pub(crate) async fn settle(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    state: &CaptureState,
    now: Timestamp,
) -> Result<()> {
    let (state, failure) = state.columns();
    let values = params![attempt, state, failure, now];
    tx.execute(SETTLE, values).await.map(|_| ())
}

/// False where it was settled before.
pub(crate) async fn fail(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    key: &str,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let values = params![attempt, key, reason, now];
    Ok(tx.execute(FAIL, values).await? == 1)
}

/// A capture that nobody waits for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) attempt: AttemptId,
    pub(crate) next_try: Timestamp,
    pub(crate) tries: i64,
}

/// Captures untouched since `before` whose time has come; those that waited longest come first.
pub(crate) async fn due(
    db: &Db,
    now: Timestamp,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Due>> {
    db.fetch(DUE, params![now, before, limit], |row| {
        Ok(Due {
            attempt: row.get(0)?,
            next_try: row.get(1)?,
            tries: row.get(2)?,
        })
    })
    .await
}

/// Its next time is `until`, whatever comes of this one; false where somebody else is at it.
pub(crate) async fn put_off(tx: &mut Tx<'_>, due: Due, until: Timestamp) -> Result<bool> {
    let values = params![due.attempt, due.next_try, until];
    Ok(tx.execute(PUT_OFF, values).await? >= 1)
}

fn capture(row: &Row<'_>) -> Result<Capture> {
    Ok(Capture {
        key: row.get(0)?,
        id: row.get(1)?,
        amount: row.get(2)?,
        state: match row.str(3)? {
            "pending" => CaptureState::Pending,
            "succeeded" => CaptureState::Succeeded,
            "failed" => CaptureState::Failed {
                reason: row.get::<Option<String>>(4)?.unwrap_or_default(),
            },
            other => return Err(strange(3, "the state of a capture", other)),
        },
    })
}
