//! SQL that sends deliveries again. Decides nothing.

use stoa_kernel::{DeliveryId, EndpointId, Timestamp};
use stoa_storage::{Result, Tx, Value, params};

use crate::domain::DeliveryState;

/// Settled deliveries by the time they were made, oldest first; replays themselves not among them.
pub(crate) struct Range {
    pub(crate) endpoint: EndpointId,
    pub(crate) from: Timestamp,
    /// Exclusive.
    pub(crate) until: Timestamp,
    /// The last one of the page before: when it was made, and its place.
    pub(crate) after: Option<(i64, i64)>,
    /// Only these; both where not said.
    pub(crate) state: Option<DeliveryState>,
    pub(crate) limit: i64,
}

/// The deliveries of a range, with when they were made and their places.
pub(crate) async fn in_range(
    tx: &mut Tx<'_>,
    range: &Range,
) -> Result<Vec<(DeliveryId, (i64, i64))>> {
    const SQL: &str = "SELECT id, created_at, position FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND endpoint_id = $1 AND (created_at, position) > ($2, $3) \
         AND created_at < $4 AND replay_of IS NULL AND state <> 'pending' \
         AND (CAST($5 AS TEXT) = '' OR state = CAST($5 AS TEXT)) \
         ORDER BY created_at, position LIMIT $6";
    let (at, position) = range.after.unwrap_or((range.from.micros(), 0));
    let state = range.state.map_or("", DeliveryState::as_str);
    let values = params![
        range.endpoint,
        at,
        position,
        range.until,
        state,
        range.limit
    ];
    tx.query(SQL, values, |row| {
        Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
    })
    .await
}

/// Copies deliveries, in order, to the places from `first` on: the same events, sent once more.
pub(crate) async fn copy(
    tx: &mut Tx<'_>,
    copies: &[(DeliveryId, DeliveryId)],
    first: i64,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO webhooks_delivery (tenant_id, id, endpoint_id, position, \
         event_id, subject, body, state, attempts, next_attempt_at, replay_of, created_at) \
         SELECT d.tenant_id, $2, d.endpoint_id, $3, d.event_id, d.subject, d.body, 'pending', 0, \
         $4, d.id, $4 FROM webhooks_delivery d WHERE d.tenant_id = :tenant AND d.id = $1";
    let rows: Vec<[Value<'_>; 4]> = copies
        .iter()
        .zip(first..)
        .map(|(&(original, copy), position)| {
            [original.into(), copy.into(), position.into(), now.into()]
        })
        .collect();
    let statements: Vec<_> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// Makes the delivery that is next in order due now. Lock the endpoint before.
pub(crate) async fn hasten_head(
    tx: &mut Tx<'_>,
    endpoint: EndpointId,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE webhooks_delivery SET next_attempt_at = $2 \
         WHERE tenant_id = :tenant AND endpoint_id = $1 AND state = 'pending' \
         AND next_attempt_at > $2";
    tx.execute(SQL, params![endpoint, now]).await.map(|_| ())
}
