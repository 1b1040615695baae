//! SQL of refunds: amounts are set aside on the attempts, and leave it one part at a time.

use stoa_contracts::payments::{NewRefund, RefundState, RefundView};
use stoa_kernel::{AttemptId, Currency, EntryId, Money, OrderId, RefundId, Timestamp};
use stoa_storage::{Db, Result, Row, Tx, params};

use super::strange;
use crate::domain::Kind;

const REFUNDABLE: &str = "SELECT id, currency, captured - refunded - refunding - disputed \
     FROM payments_attempt WHERE tenant_id = :tenant AND order_id = $1 AND captured > 0 \
     ORDER BY number DESC {lock}";
const SET_ASIDE: &str = "UPDATE payments_attempt SET refunding = refunding + $2, updated_at = $3 \
     WHERE tenant_id = :tenant AND id = $1 AND refunded + refunding + disputed + $2 <= captured";
const GONE: &str = "UPDATE payments_attempt SET refunding = refunding - $2, \
     refunded = refunded + $2, updated_at = $3 WHERE tenant_id = :tenant AND id = $1 \
     AND refunding >= $2";
const FREE: &str = "UPDATE payments_attempt SET refunding = refunding - $2, updated_at = $3 \
     WHERE tenant_id = :tenant AND id = $1 AND refunding >= $2";
const INSERT: &str = "INSERT INTO payments_refund (tenant_id, id, order_id, amount, currency, \
     given_back, store_credit, reason, memo, state, created_at, updated_at) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)";
const INSERT_PART: &str = "INSERT INTO payments_refund_part (tenant_id, refund_id, attempt_id, \
     entry_id, amount, state, version) VALUES (:tenant, $1, $2, $3, $4, $5, 1)";
const BY_ID: &str = "SELECT id, order_id, amount, currency, state, reason, failure, created_at, \
     memo, given_back FROM payments_refund WHERE tenant_id = :tenant AND id = $1";
const BY_ID_LOCKED: &str = "SELECT id, order_id, amount, currency, state, reason, failure, \
     created_at, memo, given_back FROM payments_refund WHERE tenant_id = :tenant AND id = $1 {lock}";
const OF_ORDER: &str = "SELECT id, order_id, amount, currency, state, reason, failure, created_at, \
     memo, given_back FROM payments_refund WHERE tenant_id = :tenant AND order_id = $1 \
     ORDER BY id LIMIT $2";
const LIST: &str = "SELECT id, order_id, amount, currency, state, reason, failure, created_at, \
     memo, given_back FROM payments_refund WHERE tenant_id = :tenant AND id < $1 \
     ORDER BY id DESC LIMIT $2";
const LIST_OF_ORDER: &str = "SELECT id, order_id, amount, currency, state, reason, failure, \
     created_at, memo, given_back FROM payments_refund WHERE tenant_id = :tenant \
     AND order_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2";
const PARTS: &str = "SELECT part.attempt_id, part.entry_id, part.amount, part.state, part.failure, \
     part.sent_at, part.version, attempt.provider, attempt.kind, attempt.intent_id \
     FROM payments_refund_part AS part JOIN payments_attempt AS attempt \
     ON attempt.tenant_id = :tenant AND attempt.id = part.attempt_id \
     WHERE part.tenant_id = :tenant AND part.refund_id = $1 ORDER BY part.attempt_id DESC";
const MARK_SENT: &str = "UPDATE payments_refund_part SET state = 'sent', sent_at = $4, \
     version = version + 1 WHERE tenant_id = :tenant AND refund_id = $1 AND attempt_id = $2 \
     AND version = $3 AND state IN ('pending', 'sent')";
const RESOLVE: &str = "UPDATE payments_refund_part SET state = $3, failure = $4, \
     version = version + 1 WHERE tenant_id = :tenant AND refund_id = $1 AND attempt_id = $2 \
     AND state IN ('pending', 'sent')";
const PART: &str = "SELECT part.attempt_id, part.entry_id, part.amount, part.state, part.failure, \
     part.sent_at, part.version, attempt.provider, attempt.kind, attempt.intent_id \
     FROM payments_refund_part AS part JOIN payments_attempt AS attempt \
     ON attempt.tenant_id = :tenant AND attempt.id = part.attempt_id \
     WHERE part.tenant_id = :tenant AND part.refund_id = $1 AND part.attempt_id = $2 \
     AND part.sent_at IS NOT NULL";
const REVERSE: &str = "UPDATE payments_refund_part SET state = 'failed', failure = $3, \
     version = version + 1 WHERE tenant_id = :tenant AND refund_id = $1 AND attempt_id = $2 \
     AND state = 'succeeded' AND sent_at IS NOT NULL";
const COME_BACK: &str = "UPDATE payments_attempt SET refunded = refunded - $2, updated_at = $3 \
     WHERE tenant_id = :tenant AND id = $1 AND refunded >= $2";
const OUTCOME: &str = "SELECT state, amount, failure FROM payments_refund_part \
     WHERE tenant_id = :tenant AND refund_id = $1 ORDER BY attempt_id";
const FINISH: &str = "UPDATE payments_refund SET state = $2, amount = $3, failure = $4, \
     updated_at = $5 WHERE tenant_id = :tenant AND id = $1 AND state <> 'failed'";

const OF_ORDER_MAX: i64 = 1_000;

/// A refund with what went back to gift cards at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refund {
    pub(crate) view: RefundView,
    pub(crate) given_back: i64,
}

/// What of a refund goes back through one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) attempt: AttemptId,
    /// The ledger's entry.
    pub(crate) entry: EntryId,
    pub(crate) amount: i64,
    pub(crate) state: PartState,
    pub(crate) version: i64,
    pub(crate) provider: String,
    pub(crate) kind: Kind,
    pub(crate) intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PartState {
    Pending,
    /// The provider may or may not have it.
    Sent {
        at: Timestamp,
    },
    Succeeded,
    Failed {
        reason: String,
    },
}

impl PartState {
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Pending | Self::Sent { .. })
    }

    fn columns(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Pending => ("pending", None),
            Self::Sent { .. } => ("sent", None),
            Self::Succeeded => ("succeeded", None),
            Self::Failed { reason } => ("failed", Some(reason)),
        }
    }
}

/// What can still go back through each attempt of an order, newest first; the rows are locked.
pub(crate) async fn refundable(
    tx: &mut Tx<'_>,
    order: OrderId,
) -> Result<Vec<(AttemptId, Currency, i64)>> {
    tx.query(REFUNDABLE, params![order], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })
    .await
}

/// False where the attempt does not have that much left.
pub(crate) async fn set_aside(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    amount: i64,
    now: Timestamp,
) -> Result<bool> {
    let values = params![attempt, amount, now];
    Ok(tx.execute(SET_ASIDE, values).await? == 1)
}

/// What was set aside has gone, or is free again.
pub(crate) async fn release(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    amount: i64,
    gone: bool,
    now: Timestamp,
) -> Result<bool> {
    let values = params![attempt, amount, now];
    let sql = if gone { GONE } else { FREE };
    Ok(tx.execute(sql, values).await? == 1)
}

pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    refund: &NewRefund,
    given_back: i64,
    state: RefundState,
    now: Timestamp,
) -> Result<()> {
    let memo = serde_json::to_string(&refund.memo)?;
    let values = params![
        refund.id,
        refund.order,
        refund.amount.amount,
        &refund.amount.currency,
        given_back,
        refund.store_credit,
        &refund.reason,
        &memo,
        state_word(state),
        now
    ];
    tx.execute(INSERT, values).await.map(|_| ())
}

pub(crate) async fn insert_part(
    tx: &mut Tx<'_>,
    refund: RefundId,
    attempt: AttemptId,
    entry: EntryId,
    amount: i64,
    state: &PartState,
) -> Result<()> {
    let (state, _) = state.columns();
    let values = params![refund, attempt, entry, amount, state];
    tx.execute(INSERT_PART, values).await.map(|_| ())
}

pub(crate) async fn in_tx(tx: &mut Tx<'_>, refund: RefundId) -> Result<Option<Refund>> {
    tx.query_opt(BY_ID_LOCKED, params![refund], refund_row)
        .await
}

pub(crate) async fn by_id(db: &Db, refund: RefundId) -> Result<Option<Refund>> {
    Ok(db.fetch(BY_ID, params![refund], refund_row).await?.pop())
}

pub(crate) async fn of_order(db: &Db, order: OrderId) -> Result<Vec<RefundView>> {
    let view = |row: &Row<'_>| refund_row(row).map(|refund| refund.view);
    db.fetch(OF_ORDER, params![order, OF_ORDER_MAX], view).await
}

/// Newest first, from before `before`.
pub(crate) async fn list(
    db: &Db,
    order: Option<OrderId>,
    before: RefundId,
    limit: i64,
) -> Result<Vec<RefundView>> {
    let view = |row: &Row<'_>| refund_row(row).map(|refund| refund.view);
    match order {
        Some(order) => {
            db.fetch(LIST_OF_ORDER, params![before, limit, order], view)
                .await
        }
        None => db.fetch(LIST, params![before, limit], view).await,
    }
}

pub(crate) async fn parts(db: &Db, refund: RefundId) -> Result<Vec<Part>> {
    db.fetch(PARTS, params![refund], part).await
}

/// Commits that the provider may have it from now on; false where somebody else was faster.
pub(crate) async fn mark_sent(
    tx: &mut Tx<'_>,
    refund: RefundId,
    part: &Part,
    now: Timestamp,
) -> Result<bool> {
    let values = params![refund, part.attempt, part.version, now];
    Ok(tx.execute(MARK_SENT, values).await? == 1)
}

/// False where the part was resolved before.
pub(crate) async fn resolve(
    tx: &mut Tx<'_>,
    refund: RefundId,
    attempt: AttemptId,
    state: &PartState,
) -> Result<bool> {
    let (state, failure) = state.columns();
    let values = params![refund, attempt, state, failure];
    Ok(tx.execute(RESOLVE, values).await? == 1)
}

/// What of a refund went, or goes, to the provider of this attempt.
pub(crate) async fn sent_part(
    tx: &mut Tx<'_>,
    refund: RefundId,
    attempt: AttemptId,
) -> Result<Option<Part>> {
    tx.query_opt(PART, params![refund, attempt], part).await
}

/// A part that had gone back did not arrive, and is ours again; false where that is known already.
pub(crate) async fn reverse(
    tx: &mut Tx<'_>,
    refund: RefundId,
    part: &Part,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let values = params![refund, part.attempt, reason];
    if tx.execute(REVERSE, values).await? != 1 {
        return Ok(false);
    }
    let values = params![part.attempt, part.amount, now];
    Ok(tx.execute(COME_BACK, values).await? == 1)
}

/// How every part ended: whether it is still open, its amount, and why it failed.
pub(crate) async fn outcome(tx: &mut Tx<'_>, refund: RefundId) -> Result<Vec<(PartState, i64)>> {
    let no_time = Timestamp::default();
    tx.query(OUTCOME, params![refund], |row| {
        let state = part_state(row, 0, row.get(2)?, Some(no_time))?;
        Ok((state, row.get(1)?))
    })
    .await
}

pub(crate) async fn finish(
    tx: &mut Tx<'_>,
    refund: RefundId,
    state: RefundState,
    amount: i64,
    failure: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let values = params![refund, state_word(state), amount, failure, now];
    tx.execute(FINISH, values).await.map(|_| ())
}

const fn state_word(state: RefundState) -> &'static str {
    match state {
        RefundState::Pending => "pending",
        RefundState::Succeeded => "succeeded",
        RefundState::Failed => "failed",
    }
}

fn refund_row(row: &Row<'_>) -> Result<Refund> {
    Ok(Refund {
        view: RefundView {
            id: row.get(0)?,
            order_id: row.get(1)?,
            amount: Money::new(row.get(2)?, row.get::<Currency>(3)?),
            state: match row.str(4)? {
                "pending" => RefundState::Pending,
                "succeeded" => RefundState::Succeeded,
                "failed" => RefundState::Failed,
                other => return Err(strange(4, "the state of a refund", other)),
            },
            reason: row.get(5)?,
            failure: row.get(6)?,
            created_at: row.get(7)?,
            memo: serde_json::from_str(row.str(8)?)?,
        },
        given_back: row.get(9)?,
    })
}

fn part(row: &Row<'_>) -> Result<Part> {
    let kind = row.str(8)?;
    Ok(Part {
        attempt: row.get(0)?,
        entry: row.get(1)?,
        amount: row.get(2)?,
        state: part_state(row, 3, row.get(4)?, row.get(5)?)?,
        version: row.get(6)?,
        provider: row.get(7)?,
        kind: Kind::parse(kind).ok_or_else(|| strange(8, "a kind of provider", kind))?,
        intent: row.get(9)?,
    })
}

fn part_state(
    row: &Row<'_>,
    index: usize,
    failure: Option<String>,
    sent_at: Option<Timestamp>,
) -> Result<PartState> {
    Ok(match (row.str(index)?, sent_at) {
        ("pending", _) => PartState::Pending,
        ("sent", Some(at)) => PartState::Sent { at },
        ("succeeded", _) => PartState::Succeeded,
        ("failed", _) => PartState::Failed {
            reason: failure.unwrap_or_default(),
        },
        (other, _) => return Err(strange(index, "the state of a refund's part", other)),
    })
}
