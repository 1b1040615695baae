//! The rows of an order's timeline. What the order's own columns say is not written here.

use stoa_contracts::orders::TimelineEntry;
use stoa_kernel::{NoteId, OrderId, Timestamp};
use stoa_storage::{Db, Result, Tx, params};

pub(crate) async fn insert_entry(
    tx: &mut Tx<'_>,
    order: OrderId,
    entry: &TimelineEntry,
) -> Result<()> {
    const SQL: &str = "INSERT INTO orders_timeline (tenant_id, order_id, at, id, kind, text, actor) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6)";
    let values = params![
        order,
        entry.at,
        entry.id,
        &entry.kind,
        &entry.text,
        &entry.actor
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Newest first, those before `position`.
pub(crate) async fn timeline(
    db: &Db,
    order: OrderId,
    position: (Timestamp, NoteId),
    limit: i64,
) -> Result<Vec<TimelineEntry>> {
    const SQL: &str = "SELECT id, kind, text, actor, at FROM orders_timeline \
         WHERE tenant_id = :tenant AND order_id = $1 AND (at, id) < ($2, $3) \
         ORDER BY at DESC, id DESC LIMIT $4";
    db.fetch(SQL, params![order, position.0, position.1, limit], |row| {
        Ok(TimelineEntry {
            id: row.get(0)?,
            kind: row.get(1)?,
            text: row.get(2)?,
            actor: row.get(3)?,
            at: row.get(4)?,
        })
    })
    .await
}
