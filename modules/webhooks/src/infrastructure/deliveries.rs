//! SQL over deliveries and their attempts. Decides nothing.

use stoa_kernel::{DeliveryId, EndpointId, EventId, Timestamp};
use stoa_storage::{Db, Result, Row, Tx, params};

use super::endpoints::unknown;
use crate::domain::{Answered, Attempt, Delivery, DeliveryState, Failure, Fate};

/// Attempts of one delivery that are kept; older ones make room.
const ATTEMPTS_KEPT_MAX: u32 = 30;

pub(crate) struct NewDelivery {
    pub(crate) id: DeliveryId,
    pub(crate) event: EventId,
    pub(crate) subject: String,
    pub(crate) body: String,
}

/// Which deliveries of an endpoint to list, newest first.
pub(crate) struct Page {
    pub(crate) endpoint: EndpointId,
    pub(crate) state: Option<DeliveryState>,
    /// Exclusive.
    pub(crate) before: i64,
    pub(crate) limit: i64,
}

/// An attempt and the position of its delivery.
pub(crate) type AttemptOf = (i64, Attempt);

/// Writes a delivery to its place. One that may not wait fails at once, and can be replayed.
pub(crate) async fn append(
    tx: &mut Tx<'_>,
    endpoint: EndpointId,
    position: i64,
    new: &NewDelivery,
    failure: Option<Failure>,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO webhooks_delivery (tenant_id, id, endpoint_id, position, \
         event_id, subject, body, state, failure, attempts, next_attempt_at, created_at, \
         settled_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $9, $10)";
    let state = match failure {
        Some(_) => DeliveryState::Failed,
        None => DeliveryState::Pending,
    };
    let values = params![
        new.id,
        endpoint,
        position,
        new.event,
        &new.subject,
        &new.body,
        state.as_str(),
        failure.map(Failure::as_str),
        now,
        failure.map(|_| now)
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// The place of the one that is to be sent next.
pub(crate) async fn oldest_pending(tx: &mut Tx<'_>, endpoint: EndpointId) -> Result<Option<i64>> {
    const SQL: &str = "SELECT position FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND endpoint_id = $1 AND state = 'pending' \
         ORDER BY position LIMIT 1";
    tx.query_opt(SQL, params![endpoint], |row| row.get(0)).await
}

/// The one that is to be sent next.
pub(crate) async fn head(tx: &mut Tx<'_>, endpoint: EndpointId) -> Result<Option<Delivery>> {
    const SQL: &str = "SELECT id, position, event_id, subject, state, failure, attempts, \
         next_attempt_at, replay_of, created_at, settled_at FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND endpoint_id = $1 AND state = 'pending' \
         ORDER BY position LIMIT 1";
    tx.query_opt(SQL, params![endpoint], delivery_of).await
}

pub(crate) async fn body_of(tx: &mut Tx<'_>, id: DeliveryId) -> Result<String> {
    const SQL: &str = "SELECT body FROM webhooks_delivery WHERE tenant_id = :tenant AND id = $1";
    tx.query_one(SQL, params![id], |row| row.get(0)).await
}

pub(crate) async fn one(
    tx: &mut Tx<'_>,
    endpoint: EndpointId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    const SQL: &str = "SELECT id, position, event_id, subject, state, failure, attempts, \
         next_attempt_at, replay_of, created_at, settled_at FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND id = $2 AND endpoint_id = $1";
    tx.query_opt(SQL, params![endpoint, id], delivery_of).await
}

pub(crate) async fn list(db: &Db, page: &Page) -> Result<Vec<Delivery>> {
    const SQL: &str = "SELECT id, position, event_id, subject, state, failure, attempts, \
         next_attempt_at, replay_of, created_at, settled_at FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND endpoint_id = $1 AND position < $2 \
         AND (CAST($3 AS TEXT) = '' OR state = CAST($3 AS TEXT)) \
         ORDER BY position DESC LIMIT $4";
    let state = page.state.map_or("", DeliveryState::as_str);
    let values = params![page.endpoint, page.before, state, page.limit];
    db.fetch(SQL, values, delivery_of).await
}

/// The attempts of those deliveries of `state` that stand from `first` to `last`.
pub(crate) async fn attempts(
    db: &Db,
    endpoint: EndpointId,
    state: Option<DeliveryState>,
    (first, last): (i64, i64),
) -> Result<Vec<AttemptOf>> {
    const SQL: &str = "SELECT a.position, a.number, a.at, a.duration_ms, a.status, a.error, \
         a.answer FROM webhooks_delivery d JOIN webhooks_attempt a \
         ON a.tenant_id = :tenant AND a.endpoint_id = d.endpoint_id AND a.position = d.position \
         WHERE d.tenant_id = :tenant AND d.endpoint_id = $1 AND d.position BETWEEN $2 AND $3 \
         AND (CAST($4 AS TEXT) = '' OR d.state = CAST($4 AS TEXT)) \
         ORDER BY a.position, a.number";
    let state = state.map_or("", DeliveryState::as_str);
    db.fetch(SQL, params![endpoint, first, last, state], |row| {
        let status: Option<u32> = row.get(4)?;
        let error: Option<String> = row.get(5)?;
        let answer: Option<String> = row.get(6)?;
        let answered = match status.and_then(|status| u16::try_from(status).ok()) {
            Some(status) => Answered::Status(status, answer.unwrap_or_default()),
            None => Answered::Nothing(error.unwrap_or_default()),
        };
        let attempt = Attempt {
            number: row.get(1)?,
            at: row.get(2)?,
            duration_ms: row.get(3)?,
            answered,
        };
        Ok((row.get(0)?, attempt))
    })
    .await
}

/// When it was first tried, where it still waits after exactly `attempts` attempts.
pub(crate) async fn lock_pending(
    tx: &mut Tx<'_>,
    id: DeliveryId,
    attempts: u32,
) -> Result<Option<Option<Timestamp>>> {
    const SQL: &str = "SELECT first_attempt_at FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND id = $1 AND state = 'pending' AND attempts = $2 {lock}";
    tx.query_opt(SQL, params![id, attempts], |row| row.get(0))
        .await
}

/// Notes an attempt.
pub(crate) async fn record(
    tx: &mut Tx<'_>,
    endpoint: EndpointId,
    position: i64,
    attempt: &Attempt,
) -> Result<()> {
    const SQL: &str = "INSERT INTO webhooks_attempt (tenant_id, endpoint_id, position, number, \
         at, duration_ms, status, error, answer) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8)";
    const TRIM: &str = "DELETE FROM webhooks_attempt WHERE tenant_id = :tenant \
         AND endpoint_id = $1 AND position = $2 AND number <= $3";
    let (status, error, answer) = match &attempt.answered {
        Answered::Status(status, answer) => (Some(u32::from(*status)), None, Some(answer.as_str())),
        Answered::Nothing(error) => (None, Some(error.as_str()), None),
    };
    let values = params![
        endpoint,
        position,
        attempt.number,
        attempt.at,
        attempt.duration_ms,
        status,
        error,
        answer
    ];
    tx.execute(SQL, values).await?;
    if let Some(oldest) = attempt.number.checked_sub(ATTEMPTS_KEPT_MAX) {
        tx.execute(TRIM, params![endpoint, position, oldest])
            .await?;
    }
    Ok(())
}

/// Writes what became of a delivery after its attempt.
pub(crate) async fn settle(
    tx: &mut Tx<'_>,
    id: DeliveryId,
    attempt: &Attempt,
    first_at: Timestamp,
    fate: Fate,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE webhooks_delivery SET state = $2, failure = $3, attempts = $4, \
         first_attempt_at = $5, next_attempt_at = $6, settled_at = $7 \
         WHERE tenant_id = :tenant AND id = $1";
    let (state, failure, next, settled) = match fate {
        Fate::Delivered => (DeliveryState::Delivered, None, now, Some(now)),
        Fate::Failed(failure) => (DeliveryState::Failed, Some(failure), now, Some(now)),
        Fate::Again(at) => (DeliveryState::Pending, None, at, None),
    };
    let values = params![
        id,
        state.as_str(),
        failure.map(Failure::as_str),
        attempt.number,
        first_at,
        next,
        settled
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

fn delivery_of(row: &Row<'_>) -> Result<Delivery> {
    let state = row.str(4)?;
    let failure: Option<String> = row.get(5)?;
    let failure = failure
        .map(|text| Failure::parse(&text).ok_or_else(|| unknown("failure", text)))
        .transpose()?;
    Ok(Delivery {
        id: row.get(0)?,
        position: row.get(1)?,
        event: row.get(2)?,
        subject: row.get(3)?,
        state: DeliveryState::parse(state).ok_or_else(|| unknown("state", state.to_owned()))?,
        failure,
        attempts: row.get(6)?,
        next_attempt_at: row.get(7)?,
        replay_of: row.get(8)?,
        created_at: row.get(9)?,
        settled_at: row.get(10)?,
    })
}
