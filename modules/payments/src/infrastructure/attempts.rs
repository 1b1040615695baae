//! SQL of attempts: written with the order, advanced on their version, listed.

use stoa_contracts::payments::{AttemptState, AttemptView, NewAttempt};
use stoa_kernel::{AttemptId, Currency, Money, OrderId, Timestamp};
use stoa_storage::{Db, Result, Row, Tx, params};

use super::strange;
use crate::domain::Kind;

macro_rules! view_columns {
    () => {
        "id, order_id, amount, currency, provider, state, next_action_url, reason, created_at, \
         authorized_at, captured, CASE WHEN refunded + refunding + disputed > captured \
         THEN captured ELSE refunded + refunding + disputed END"
    };
}
macro_rules! whole {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            view_columns!(),
            ", token, return_url, intent_id, version, kind, capturing, refusal, failed_calls, \
             forgotten, forgotten_at FROM payments_attempt ",
            $rest
        )
    };
}
macro_rules! view {
    ($rest:literal) => {
        concat!("SELECT ", view_columns!(), " FROM payments_attempt ", $rest)
    };
}

const INSERT: &str = "INSERT INTO payments_attempt (tenant_id, id, order_id, number, amount, \
     currency, provider, token, return_url, state, created_at, updated_at, version, kind, \
     authorized_at) \
     VALUES (:tenant, $1, $2, (SELECT coalesce(max(number), 0) + 1 FROM payments_attempt \
     WHERE tenant_id = :tenant AND order_id = $2), $3, $4, $5, $6, $7, 'created', $8, $8, 1, $9, \
     $10)";
const BY_ID: &str = whole!("WHERE tenant_id = :tenant AND id = $1");
const BY_ID_LOCKED: &str = whole!("WHERE tenant_id = :tenant AND id = $1 {lock}");
const BY_INTENT: &str = whole!("WHERE tenant_id = :tenant AND intent_id = $1 AND provider = $2");
const NEWEST: &str =
    view!("WHERE tenant_id = :tenant AND order_id = $1 ORDER BY number DESC LIMIT 1");
const NEWEST_LOCKED: &str =
    view!("WHERE tenant_id = :tenant AND order_id = $1 ORDER BY number DESC LIMIT 1 {lock}");
const LIST: &str = view!("WHERE tenant_id = :tenant AND id < $1 ORDER BY id DESC LIMIT $2");
const LIST_OF_ORDER: &str =
    view!("WHERE tenant_id = :tenant AND order_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2");
const ALL_OF_ORDER: &str =
    view!("WHERE tenant_id = :tenant AND order_id = $1 ORDER BY number LIMIT $2");
const ADVANCE: &str = "UPDATE payments_attempt SET state = $3, \
     intent_id = coalesce($4, intent_id), next_action_url = $5, reason = $6, updated_at = $7, \
     authorized_at = $8, captured = $9, capturing = $10, token = $11, refusal = $12, \
     version = version + 1 \
     WHERE tenant_id = :tenant AND id = $1 AND version = $2 \
     AND state NOT IN ('succeeded', 'declined', 'voided')";
const SET_ASIDE: &str = "UPDATE payments_attempt SET capturing = capturing + $2, updated_at = $3, \
     version = version + 1 WHERE tenant_id = :tenant AND id = $1 AND authorized_at IS NOT NULL \
     AND state NOT IN ('succeeded', 'declined', 'voided') AND captured + capturing + $2 <= amount";
const LET_GO: &str = "UPDATE payments_attempt SET capturing = capturing - $2, updated_at = $3, \
     version = version + 1 WHERE tenant_id = :tenant AND id = $1 AND capturing >= $2";
const COUNT_FAILURE: &str = "UPDATE payments_attempt SET failed_calls = failed_calls + 1 \
     WHERE tenant_id = :tenant AND id = $1 AND failed_calls = $2";
const COUNT_FORGOTTEN: &str = "UPDATE payments_attempt SET forgotten = forgotten + 1, \
     forgotten_at = $3 WHERE tenant_id = :tenant AND id = $1 AND forgotten = $2";
const KNOWN_AGAIN: &str = "UPDATE payments_attempt SET forgotten = 0, forgotten_at = NULL \
     WHERE tenant_id = :tenant AND id = $1 AND forgotten > 0";
const DISPUTED: &str = "UPDATE payments_attempt SET disputed = disputed + $2, updated_at = $3 \
     WHERE tenant_id = :tenant AND id = $1 AND disputed + $2 >= 0";
/// How many attempts of one order are told of; nobody tries more often.
const OF_ORDER_MAX: i64 = 250;

/// An attempt with what only its provider needs to know.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) view: AttemptView,
    /// Empty once the provider holds an intent.
    pub(crate) token: String,
    pub(crate) return_url: Option<String>,
    pub(crate) intent: Option<String>,
    pub(crate) version: i64,
    pub(crate) kind: Kind,
    /// Set aside for a capture whose answer is not known yet.
    pub(crate) capturing: i64,
    /// The provider's no: an end once the intent is voided.
    pub(crate) refusal: Option<String>,
    /// Calls answered by a failure, which the provider may repeat to whoever sends their key again.
    pub(crate) failed_calls: i64,
    /// How often its provider did not know it, of late.
    pub(crate) forgotten: i64,
    /// When that was counted last.
    pub(crate) forgotten_at: Option<Timestamp>,
}

/// What an answer of the provider makes of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) state: AttemptState,
    /// Set once, when the provider has named its intent.
    pub(crate) intent: Option<String>,
    /// Taken in all, where the change says so.
    pub(crate) captured: Option<i64>,
    /// The provider's no, to be written down before the intent is voided.
    pub(crate) refusal: Option<String>,
    /// Whether people must hear of it.
    pub(crate) alarm: bool,
}

impl Change {
    pub(crate) const fn to(state: AttemptState) -> Self {
        Self {
            state,
            intent: None,
            captured: None,
            refusal: None,
            alarm: false,
        }
    }

    /// A no that was looked up: the attempt stays where it is until its intent is voided.
    pub(crate) fn refused(seen: &Attempt, reason: String) -> Self {
        Self {
            refusal: Some(reason),
            ..Self::to(seen.view.state.clone())
        }
    }

    /// Whether there is nothing in it to be written down.
    pub(crate) fn says_nothing(&self, seen: &Attempt) -> bool {
        self.state == seen.view.state && self.refusal.is_none()
    }
}

impl Attempt {
    /// Its end, once the intent is voided: what the provider refused before that was refused.
    pub(crate) fn voided(&self) -> AttemptState {
        match &self.refusal {
            Some(reason) => AttemptState::Declined {
                reason: reason.clone(),
            },
            None => AttemptState::Voided,
        }
    }

    /// As the row reads once `change` is committed.
    pub(crate) fn changed(mut self, change: &Change) -> Self {
        let all = (change.state == AttemptState::Succeeded).then_some(self.view.amount.amount);
        if let Some(taken) = change.captured.or(all) {
            // A provider that took more than was asked must not make the row impossible to write.
            self.view.captured.amount = taken.clamp(0, self.view.amount.amount);
        }
        if change.state.is_final() {
            self.capturing = 0;
        }
        self.intent = change.intent.clone().or(self.intent);
        self.refusal = change.refusal.clone().or(self.refusal);
        if self.intent.is_some() || change.state.is_final() {
            self.token.clear();
        }
        self.view.state = change.state.clone();
        self.version += 1;
        self
    }
}

/// A manual method's attempt is authorised from the start: nobody needs to be asked.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    attempt: &NewAttempt,
    kind: Kind,
    at: Timestamp,
) -> Result<()> {
    let promised = kind == Kind::Manual && attempt.amount.amount > 0;
    let values = params![
        attempt.id,
        attempt.order,
        attempt.amount.amount,
        &attempt.amount.currency,
        &attempt.provider,
        &attempt.token,
        &attempt.return_url,
        at,
        kind.as_str(),
        promised.then_some(at)
    ];
    tx.defer(&[(INSERT, values)]).await
}

pub(crate) async fn newest_locked(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<AttemptView>> {
    tx.query_opt(NEWEST_LOCKED, params![order], view).await
}

pub(crate) async fn newest(db: &Db, order: OrderId) -> Result<Option<AttemptView>> {
    Ok(db.fetch(NEWEST, params![order], view).await?.pop())
}

pub(crate) async fn all_of_order(db: &Db, order: OrderId) -> Result<Vec<AttemptView>> {
    db.fetch(ALL_OF_ORDER, params![order, OF_ORDER_MAX], view)
        .await
}

pub(crate) async fn by_id(db: &Db, attempt: AttemptId) -> Result<Option<Attempt>> {
    Ok(db.fetch(BY_ID, params![attempt], whole).await?.pop())
}

pub(crate) async fn by_id_locked(tx: &mut Tx<'_>, attempt: AttemptId) -> Result<Option<Attempt>> {
    tx.query_opt(BY_ID_LOCKED, params![attempt], whole).await
}

pub(crate) async fn by_intent(
    tx: &mut Tx<'_>,
    provider: &str,
    intent: &str,
) -> Result<Option<Attempt>> {
    tx.query_opt(BY_INTENT, params![intent, provider], whole)
        .await
}

/// Writes `to`, if the attempt is still as `seen`.
pub(crate) async fn advance(
    tx: &mut Tx<'_>,
    seen: &Attempt,
    to: &Attempt,
    now: Timestamp,
) -> Result<bool> {
    let (state, url, reason) = columns(&to.view.state, to.intent.is_some());
    let authorized = (to.view.state == AttemptState::Authorized).then_some(now);
    let values = params![
        seen.view.id,
        seen.version,
        state,
        &to.intent,
        url,
        reason,
        now,
        authorized,
        to.view.captured.amount,
        to.capturing,
        &to.token,
        &to.refusal
    ];
    Ok(tx.execute(ADVANCE, values).await? == 1)
}

/// Sets an amount aside for a capture; false where the attempt does not hold that much.
pub(crate) async fn set_aside(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    amount: i64,
    now: Timestamp,
) -> Result<bool> {
    let values = params![attempt, amount, now];
    Ok(tx.execute(SET_ASIDE, values).await? == 1)
}

/// Frees what a capture had set aside.
pub(crate) async fn let_go(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    amount: i64,
    now: Timestamp,
) -> Result<bool> {
    let values = params![attempt, amount, now];
    Ok(tx.execute(LET_GO, values).await? == 1)
}

/// Counts a call that was answered by a failure; no more than once if two come at once.
pub(crate) async fn count_failure(tx: &mut Tx<'_>, seen: &Attempt) -> Result<()> {
    let values = params![seen.view.id, seen.failed_calls];
    tx.execute(COUNT_FAILURE, values).await.map(|_| ())
}

/// Counts that its provider did not know it; no more than once if two ask at once.
pub(crate) async fn count_forgotten(tx: &mut Tx<'_>, seen: &Attempt, now: Timestamp) -> Result<()> {
    let values = params![seen.view.id, seen.forgotten, now];
    tx.execute(COUNT_FORGOTTEN, values).await.map(|_| ())
}

/// Its provider knows it after all.
pub(crate) async fn known_again(tx: &mut Tx<'_>, attempt: AttemptId) -> Result<()> {
    tx.execute(KNOWN_AGAIN, params![attempt]).await.map(|_| ())
}

/// Notes that a cardholder took money back, or that it was given back to us where `amount` is below
/// zero.
pub(crate) async fn dispute(
    tx: &mut Tx<'_>,
    attempt: AttemptId,
    amount: i64,
    now: Timestamp,
) -> Result<bool> {
    let values = params![attempt, amount, now];
    Ok(tx.execute(DISPUTED, values).await? == 1)
}

/// Newest first, from before `before`.
pub(crate) async fn list(
    db: &Db,
    order: Option<OrderId>,
    before: AttemptId,
    limit: i64,
) -> Result<Vec<AttemptView>> {
    match order {
        Some(order) => {
            db.fetch(LIST_OF_ORDER, params![before, limit, order], view)
                .await
        }
        None => db.fetch(LIST, params![before, limit], view).await,
    }
}

fn columns(state: &AttemptState, has_intent: bool) -> (&'static str, Option<&str>, Option<&str>) {
    match state {
        AttemptState::Created => ("created", None, None),
        AttemptState::Prepared => ("prepared", None, None),
        AttemptState::Confirming => ("confirming", None, None),
        // Told apart by `authorized_at`; by hand there is no intent, which `processing` would need.
        AttemptState::Authorized if !has_intent => ("created", None, None),
        AttemptState::Processing | AttemptState::Authorized => ("processing", None, None),
        AttemptState::RequiresAction { next_action_url } => {
            ("requires_action", Some(next_action_url), None)
        }
        AttemptState::Succeeded => ("succeeded", None, None),
        AttemptState::Declined { reason } => ("declined", None, Some(reason)),
        AttemptState::Voided => ("voided", None, None),
    }
}

fn whole(row: &Row<'_>) -> Result<Attempt> {
    let kind = row.str(16)?;
    Ok(Attempt {
        view: view(row)?,
        token: row.get(12)?,
        return_url: row.get(13)?,
        intent: row.get(14)?,
        version: row.get(15)?,
        kind: Kind::parse(kind).ok_or_else(|| strange(16, "a kind of provider", kind))?,
        capturing: row.get(17)?,
        refusal: row.get(18)?,
        failed_calls: row.get(19)?,
        forgotten: row.get(20)?,
        forgotten_at: row.get(21)?,
    })
}

fn view(row: &Row<'_>) -> Result<AttemptView> {
    let authorized: Option<Timestamp> = row.get(9)?;
    let state = match row.str(5)? {
        "created" | "processing" if authorized.is_some() => AttemptState::Authorized,
        "created" => AttemptState::Created,
        "prepared" => AttemptState::Prepared,
        "confirming" => AttemptState::Confirming,
        "processing" => AttemptState::Processing,
        "requires_action" => AttemptState::RequiresAction {
            next_action_url: row.get(6)?,
        },
        "succeeded" => AttemptState::Succeeded,
        "declined" => AttemptState::Declined {
            reason: row.get(7)?,
        },
        "voided" => AttemptState::Voided,
        other => return Err(strange(5, "the state of an attempt", other)),
    };
    let currency: Currency = row.get(3)?;
    Ok(AttemptView {
        id: row.get(0)?,
        order_id: row.get(1)?,
        amount: Money::new(row.get(2)?, currency),
        captured: Money::new(row.get(10)?, currency),
        refunded: Money::new(row.get(11)?, currency),
        provider: row.get(4)?,
        state,
        created_at: row.get(8)?,
    })
}
