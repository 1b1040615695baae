//! All SQL of the checkout workflow: its journal. Decides nothing.

use stoa_kernel::{AttemptId, OrderId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Tx, Value, params};

use crate::journal::{Note, Step};

const INSERT: &str = "INSERT INTO checkout_journal (tenant_id, order_id, attempt_id, step, parts, \
     open, detail, at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const CLOSE: &str = "UPDATE checkout_journal SET open = 0 \
     WHERE tenant_id = :tenant AND order_id = $1 AND attempt_id = $2 AND open = 1";
const OF_ORDER: &str = "SELECT order_id, attempt_id, step, parts, open, detail, at \
     FROM checkout_journal WHERE tenant_id = :tenant AND order_id = $1 \
     ORDER BY attempt_id, at, step LIMIT $2";
const OF_ATTEMPT: &str = "SELECT step FROM checkout_journal \
     WHERE tenant_id = :tenant AND order_id = $1 AND attempt_id = $2";
const PLACED: &str = "SELECT count(*) FROM checkout_journal \
     WHERE tenant_id = :tenant AND order_id = $1 AND step = 'placed'";
const OPEN: &str = "SELECT order_id, attempt_id, step, parts, open, detail, at \
     FROM checkout_journal WHERE tenant_id = :tenant AND open = 1 AND order_id > $1 \
     ORDER BY order_id LIMIT $2";
const PURGE: &str = "DELETE FROM checkout_journal WHERE tenant_id = :tenant AND \
     (order_id, attempt_id, step) IN (SELECT order_id, attempt_id, step FROM checkout_journal \
      WHERE tenant_id = :tenant AND order_id < $1 AND at < $2 AND open = 0 \
      ORDER BY order_id LIMIT $3)";

/// False where the step was written before: what goes with it was done then.
pub(crate) async fn write(tx: &mut Tx<'_>, note: &Note) -> Result<bool> {
    Ok(tx.execute(INSERT, &values(note)).await? == 1)
}

/// As [`write`], for the first step of an attempt.
pub(crate) async fn write_first(tx: &mut Tx<'_>, note: &Note) -> Result<()> {
    tx.defer(&[(INSERT, &values(note))]).await
}

fn values(note: &Note) -> [Value<'_>; 7] {
    [
        note.order.into(),
        note.attempt.into(),
        note.step.text().into(),
        i64::from(note.parts.bits()).into(),
        i64::from(note.open).into(),
        (&note.detail).into(),
        note.at.into(),
    ]
}

/// Nothing more follows from the attempt's steps.
pub(crate) async fn close(tx: &mut Tx<'_>, order: OrderId, attempt: AttemptId) -> Result<()> {
    tx.execute(CLOSE, params![order, attempt]).await.map(|_| ())
}

pub(crate) async fn of_order(db: &Db, order: OrderId, limit: i64) -> Result<Vec<Note>> {
    db.fetch(OF_ORDER, params![order, limit], note).await
}

pub(crate) async fn steps(
    tx: &mut Tx<'_>,
    order: OrderId,
    attempt: AttemptId,
) -> Result<Vec<Step>> {
    tx.query(OF_ATTEMPT, params![order, attempt], |row| step(row, 0))
        .await
}

/// As [`steps`], for a look that decides nothing.
pub(crate) async fn steps_of(db: &Db, order: OrderId, attempt: AttemptId) -> Result<Vec<Step>> {
    db.fetch(OF_ATTEMPT, params![order, attempt], |row| step(row, 0))
        .await
}

/// How often payment of the order was begun.
pub(crate) async fn attempts(tx: &mut Tx<'_>, order: OrderId) -> Result<u32> {
    tx.query_one(PLACED, params![order], |row| row.get(0)).await
}

/// Steps from which something is still to follow, in order of their orders.
pub(crate) async fn open(db: &Db, after: OrderId, limit: i64) -> Result<Vec<Note>> {
    db.fetch(OPEN, params![after, limit], note).await
}

/// Orders are told apart by the time in their ids, which the key sorts by; a draft may be placed
/// long after its id was made.
pub(crate) async fn purge(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    let oldest_kept = OrderId::from_parts(before.unix_ms(), 0);
    tx.execute(PURGE, params![oldest_kept, before, limit]).await
}

fn note(row: &Row<'_>) -> Result<Note> {
    let parts: i64 = row.get(3)?;
    Ok(Note {
        order: row.get(0)?,
        attempt: row.get(1)?,
        step: step(row, 2)?,
        parts: crate::journal::Parts::of_bits(u8::try_from(parts).unwrap_or(0)),
        open: row.get::<i64>(4)? == 1,
        detail: row.get(5)?,
        at: row.get(6)?,
    })
}

fn step(row: &Row<'_>, index: usize) -> Result<Step> {
    let text = row.str(index)?;
    Step::read(text).ok_or_else(|| Error::Column {
        index,
        wanted: "a step of a checkout",
        found: text.to_owned(),
    })
}
