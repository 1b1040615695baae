//! All SQL of payments. Every change of an attempt is a conditional UPDATE on its version.

use stoa_contracts::payments::{AttemptSettled, AttemptState, AttemptView, NewAttempt};
use stoa_kernel::{AttemptId, Currency, EventId, Money, OrderId, Timestamp};
use stoa_storage::{Cause, Db, Error, Result, Row, Tx, params};

const INSERT: &str = "INSERT INTO payments_attempt (tenant_id, id, order_id, number, amount, \
     currency, provider, token, return_url, state, created_at, updated_at, version) \
     VALUES (:tenant, $1, $2, (SELECT coalesce(max(number), 0) + 1 FROM payments_attempt \
     WHERE tenant_id = :tenant AND order_id = $2), $3, $4, $5, $6, $7, 'created', $8, $8, 1)";
const BY_ID: &str = "SELECT id, order_id, amount, currency, provider, state, next_action_url, \
     reason, created_at, token, return_url, intent_id, version FROM payments_attempt \
     WHERE tenant_id = :tenant AND id = $1";
const NEWEST: &str = "SELECT id, order_id, amount, currency, provider, state, next_action_url, \
     reason, created_at FROM payments_attempt WHERE tenant_id = :tenant AND order_id = $1 \
     ORDER BY number DESC LIMIT 1";
const NEWEST_LOCKED: &str = "SELECT id, order_id, amount, currency, provider, state, \
     next_action_url, reason, created_at FROM payments_attempt \
     WHERE tenant_id = :tenant AND order_id = $1 ORDER BY number DESC LIMIT 1 {lock}";
const ADVANCE: &str = "UPDATE payments_attempt SET state = $3, \
     intent_id = coalesce($4, intent_id), next_action_url = $5, reason = $6, updated_at = $7, \
     version = version + 1 WHERE tenant_id = :tenant AND id = $1 AND version = $2 \
     AND state NOT IN ('succeeded', 'declined', 'voided')";
const LIST: &str = "SELECT id, order_id, amount, currency, provider, state, next_action_url, \
     reason, created_at FROM payments_attempt WHERE tenant_id = :tenant AND id < $1 \
     ORDER BY id DESC LIMIT $2";
const LIST_OF_ORDER: &str = "SELECT id, order_id, amount, currency, provider, state, \
     next_action_url, reason, created_at FROM payments_attempt WHERE tenant_id = :tenant \
     AND order_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2";

/// An attempt with what only its provider needs to know.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) view: AttemptView,
    pub(crate) token: String,
    pub(crate) return_url: Option<String>,
    pub(crate) intent: Option<String>,
    pub(crate) version: i64,
}

impl Attempt {
    /// As the row reads once `change` is committed.
    pub(crate) fn changed(mut self, change: Change) -> Self {
        self.view.state = change.state;
        self.intent = change.intent.or(self.intent);
        self.version += 1;
        self
    }
}

/// What an answer of the provider makes of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) state: AttemptState,
    /// Set once, when the provider has named its intent.
    pub(crate) intent: Option<String>,
}

impl Change {
    pub(crate) const fn to(state: AttemptState) -> Self {
        Self {
            state,
            intent: None,
        }
    }
}

pub(crate) async fn insert(tx: &mut Tx<'_>, attempt: &NewAttempt, at: Timestamp) -> Result<()> {
    let values = params![
        attempt.id,
        attempt.order,
        attempt.amount.amount,
        &attempt.amount.currency,
        &attempt.provider,
        &attempt.token,
        &attempt.return_url,
        at
    ];
    tx.execute(INSERT, values).await.map(|_| ())
}

pub(crate) async fn newest_locked(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<AttemptView>> {
    tx.query_opt(NEWEST_LOCKED, params![order], view).await
}

pub(crate) async fn newest(db: &Db, order: OrderId) -> Result<Option<AttemptView>> {
    Ok(db.fetch(NEWEST, params![order], view).await?.pop())
}

pub(crate) async fn by_id(db: &Db, attempt: AttemptId) -> Result<Option<Attempt>> {
    let whole = |row: &Row<'_>| {
        Ok(Attempt {
            view: view(row)?,
            token: row.get(9)?,
            return_url: row.get(10)?,
            intent: row.get(11)?,
            version: row.get(12)?,
        })
    };
    Ok(db.fetch(BY_ID, params![attempt], whole).await?.pop())
}

/// Commits a change, if the attempt is still as `seen`. The last change tells the world, once.
pub(crate) async fn advance(
    db: &Db,
    seen: &Attempt,
    change: &Change,
    now: Timestamp,
    event: EventId,
) -> Result<bool> {
    let (seen, change) = (seen.clone(), change.clone());
    db.write(async move |tx: &mut Tx<'_>| {
        let (state, url, reason) = columns(&change.state);
        let values = params![
            seen.view.id,
            seen.version,
            state,
            &change.intent,
            url,
            reason,
            now
        ];
        if tx.execute(ADVANCE, values).await? == 0 {
            return Ok::<_, Error>(false);
        }
        if change.state.is_final() {
            let settled = AttemptSettled {
                attempt: seen.view.id,
                order: seen.view.order_id,
                amount: seen.view.amount,
                succeeded: change.state == AttemptState::Succeeded,
            };
            tx.emit(event, &Cause::system(now), &settled).await?;
        }
        Ok(true)
    })
    .await
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

fn columns(state: &AttemptState) -> (&'static str, Option<&str>, Option<&str>) {
    match state {
        AttemptState::Created => ("created", None, None),
        AttemptState::Prepared => ("prepared", None, None),
        AttemptState::Confirming => ("confirming", None, None),
        AttemptState::Processing => ("processing", None, None),
        AttemptState::RequiresAction { next_action_url } => {
            ("requires_action", Some(next_action_url), None)
        }
        AttemptState::Authorized => ("processing", None, None),
        AttemptState::Succeeded => ("succeeded", None, None),
        AttemptState::Declined { reason } => ("declined", None, Some(reason)),
        AttemptState::Voided => ("voided", None, None),
    }
}

fn view(row: &Row<'_>) -> Result<AttemptView> {
    let state = match row.str(5)? {
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
        other => {
            return Err(Error::Column {
                index: 5,
                wanted: "the state of an attempt",
                found: other.to_owned(),
            });
        }
    };
    let amount = Money::new(row.get(2)?, row.get::<Currency>(3)?);
    Ok(AttemptView {
        id: row.get(0)?,
        order_id: row.get(1)?,
        amount,
        captured: match state {
            AttemptState::Succeeded => amount,
            _ => Money::zero(amount.currency),
        },
        refunded: Money::zero(amount.currency),
        provider: row.get(4)?,
        state,
        created_at: row.get(8)?,
    })
}
