//! SQL of what providers told: events heard once, and disputes.

use schemars::JsonSchema;
use serde::Serialize;
use stoa_kernel::{AttemptId, Currency, DisputeId, Money, OrderId, Timestamp};
use stoa_storage::{Db, Result, Row, Tx, params};

const HEAR: &str = "INSERT INTO payments_event (tenant_id, provider, event_id, received_at) \
     VALUES (:tenant, $1, $2, $3) ON CONFLICT DO NOTHING";
const FORGET: &str = "DELETE FROM payments_event WHERE tenant_id = :tenant \
     AND (provider, event_id) IN (SELECT provider, event_id FROM payments_event \
     WHERE tenant_id = :tenant AND received_at < $1 ORDER BY received_at LIMIT $2)";
const INSERT: &str = "INSERT INTO payments_dispute (tenant_id, id, provider, reference, attempt_id, \
     order_id, amount, currency, status, reason, told_at, created_at, updated_at) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) ON CONFLICT DO NOTHING";
const KNOWN: &str = "SELECT id, attempt_id, order_id, provider, amount, currency, status, reason, \
     created_at, updated_at, told_at, booked, lowered FROM payments_dispute \
     WHERE tenant_id = :tenant AND provider = $1 AND reference = $2 {lock}";
const UPDATE: &str = "UPDATE payments_dispute SET amount = $2, status = $3, reason = $4, \
     told_at = $5, updated_at = $6, booked = $7, lowered = $8 WHERE tenant_id = :tenant AND id = $1";
const LIST: &str = "SELECT id, attempt_id, order_id, provider, amount, currency, status, reason, \
     created_at, updated_at, told_at, booked, lowered FROM payments_dispute \
     WHERE tenant_id = :tenant AND id < $1 \
     ORDER BY id DESC LIMIT $2";

/// A charge that a cardholder disputes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Dispute {
    pub(crate) id: DisputeId,
    pub(crate) attempt_id: AttemptId,
    pub(crate) order_id: OrderId,
    pub(crate) provider: String,
    pub(crate) amount: Money,
    /// The provider's word: `needs_response`, `won`, `lost` and so on.
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// The provider's time of the newest news of it.
    #[serde(skip)]
    pub(crate) told_at: Timestamp,
    /// What stands in the books of it as lost.
    #[serde(skip)]
    pub(crate) booked: i64,
    /// By how much that lowers what can go back through its attempt.
    #[serde(skip)]
    pub(crate) lowered: i64,
}

/// True the first time an event is heard.
pub(crate) async fn hear(
    tx: &mut Tx<'_>,
    provider: &str,
    event: &str,
    now: Timestamp,
) -> Result<bool> {
    let values = params![provider, event, now];
    Ok(tx.execute(HEAR, values).await? == 1)
}

/// Drops up to `limit` events heard before `before`.
pub(crate) async fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(FORGET, params![before, limit]).await
}

/// False where the provider has told of it before.
pub(crate) async fn insert(tx: &mut Tx<'_>, dispute: &Dispute, reference: &str) -> Result<bool> {
    let values = params![
        dispute.id,
        &dispute.provider,
        reference,
        dispute.attempt_id,
        dispute.order_id,
        dispute.amount.amount,
        &dispute.amount.currency,
        &dispute.status,
        &dispute.reason,
        dispute.told_at,
        dispute.created_at
    ];
    Ok(tx.execute(INSERT, values).await? == 1)
}

pub(crate) async fn known(
    tx: &mut Tx<'_>,
    provider: &str,
    reference: &str,
) -> Result<Option<Dispute>> {
    tx.query_opt(KNOWN, params![provider, reference], dispute)
        .await
}

pub(crate) async fn update(tx: &mut Tx<'_>, dispute: &Dispute) -> Result<()> {
    let values = params![
        dispute.id,
        dispute.amount.amount,
        &dispute.status,
        &dispute.reason,
        dispute.told_at,
        dispute.updated_at,
        dispute.booked,
        dispute.lowered
    ];
    tx.execute(UPDATE, values).await.map(|_| ())
}

/// Newest first, from before `before`.
pub(crate) async fn list(db: &Db, before: DisputeId, limit: i64) -> Result<Vec<Dispute>> {
    db.fetch(LIST, params![before, limit], dispute).await
}

fn dispute(row: &Row<'_>) -> Result<Dispute> {
    Ok(Dispute {
        id: row.get(0)?,
        attempt_id: row.get(1)?,
        order_id: row.get(2)?,
        provider: row.get(3)?,
        amount: Money::new(row.get(4)?, row.get::<Currency>(5)?),
        status: row.get(6)?,
        reason: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        told_at: row.get(10)?,
        booked: row.get(11)?,
        lowered: row.get(12)?,
    })
}
