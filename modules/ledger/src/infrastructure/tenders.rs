//! What orders hold, have spent and got back. Each order's tender row is locked before its rows.

use stoa_kernel::{Currency, OrderId, RefundId, Timestamp};
use stoa_storage::{Error, Stmt, Tx, Value, params};

use crate::domain::{EntryKind, Held, Spend};

/// Locks the order's tender row; false where cards and credit never paid for it.
pub(crate) async fn lock_tender(tx: &mut Tx<'_>, order: OrderId) -> Result<bool, Error> {
    const SQL: &str = "SELECT order_id FROM ledger_tender WHERE tenant_id = :tenant \
         AND order_id = $1 {lock}";
    let found = tx
        .query_opt(SQL, params![order], |row| row.get::<OrderId>(0))
        .await?;
    Ok(found.is_some())
}

/// As [`lock_tender`], after making the row.
pub(crate) async fn open_tender(
    tx: &mut Tx<'_>,
    order: OrderId,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO ledger_tender (tenant_id, order_id, created_at) \
         VALUES (:tenant, $1, $2) ON CONFLICT DO NOTHING";
    tx.execute(SQL, params![order, at]).await?;
    lock_tender(tx, order).await.map(|_| ())
}

/// What the order holds, first used first.
pub(crate) async fn held_by(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<Held>, Error> {
    const SQL: &str = "SELECT wallet_id, position, amount FROM ledger_hold \
         WHERE tenant_id = :tenant AND order_id = $1 ORDER BY position";
    tx.query(SQL, params![order], |row| {
        Ok(Held {
            wallet: row.get(0)?,
            position: row.get(1)?,
            amount: row.get(2)?,
        })
    })
    .await
}

pub(crate) async fn drop_holds(tx: &mut Tx<'_>, order: OrderId) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM ledger_hold WHERE tenant_id = :tenant AND order_id = $1";
    tx.execute(SQL, params![order]).await.map(|_| ())
}

pub(crate) async fn insert_holds(
    tx: &mut Tx<'_>,
    order: OrderId,
    holds: &[Held],
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO ledger_hold (tenant_id, order_id, wallet_id, position, amount) \
         VALUES (:tenant, $1, $2, $3, $4)";
    let rows: Vec<[Value<'_>; 4]> = holds
        .iter()
        .map(|held| {
            [
                order.into(),
                held.wallet.into(),
                held.position.into(),
                held.amount.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// What the order has spent in `currency`, first used first.
pub(crate) async fn spends_of(
    tx: &mut Tx<'_>,
    order: OrderId,
    currency: Currency,
) -> Result<Vec<Spend>, Error> {
    const SQL: &str = "SELECT seq, wallet_id, amount, given_back FROM ledger_spend \
         WHERE tenant_id = :tenant AND order_id = $1 AND currency = $2 ORDER BY seq";
    tx.query(SQL, params![order, &currency], |row| {
        Ok(Spend {
            seq: row.get(0)?,
            wallet: row.get(1)?,
            amount: row.get(2)?,
            given_back: row.get(3)?,
        })
    })
    .await
}

/// How much the order has spent in `currency`.
pub(crate) async fn spent_in(
    tx: &mut Tx<'_>,
    order: OrderId,
    currency: Currency,
) -> Result<i64, Error> {
    const SQL: &str = "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM ledger_spend \
         WHERE tenant_id = :tenant AND order_id = $1 AND currency = $2";
    tx.query_one(SQL, params![order, &currency], |row| row.get(0))
        .await
}

/// Appends what was held to what was spent.
pub(crate) async fn add_spends(
    tx: &mut Tx<'_>,
    order: OrderId,
    holds: &[Held],
    currency: Currency,
) -> Result<(), Error> {
    const NEXT: &str = "SELECT CAST(coalesce(max(seq) + 1, 0) AS BIGINT) FROM ledger_spend \
         WHERE tenant_id = :tenant AND order_id = $1";
    const SQL: &str = "INSERT INTO ledger_spend (tenant_id, order_id, seq, wallet_id, currency, \
         amount, given_back) VALUES (:tenant, $1, $2, $3, $4, $5, 0)";
    let next: i64 = tx.query_one(NEXT, params![order], |row| row.get(0)).await?;
    let rows: Vec<[Value<'_>; 5]> = (next..)
        .zip(holds)
        .map(|(seq, held)| {
            [
                order.into(),
                seq.into(),
                held.wallet.into(),
                (&currency).into(),
                held.amount.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// Notes on each spend what of it was given back.
pub(crate) async fn give_back_spends(
    tx: &mut Tx<'_>,
    order: OrderId,
    shares: &[(Spend, i64)],
) -> Result<(), Error> {
    const SQL: &str = "UPDATE ledger_spend SET given_back = given_back + $3 \
         WHERE tenant_id = :tenant AND order_id = $1 AND seq = $2";
    let rows: Vec<[Value<'_>; 3]> = shares
        .iter()
        .map(|(spend, part)| [order.into(), spend.seq.into(), (*part).into()])
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// What this refund was answered before.
pub(crate) async fn find_refund(
    tx: &mut Tx<'_>,
    refund: RefundId,
    kind: EntryKind,
) -> Result<Option<i64>, Error> {
    const SQL: &str = "SELECT amount FROM ledger_refund WHERE tenant_id = :tenant \
         AND refund_id = $1 AND kind = $2";
    tx.query_opt(SQL, params![refund, kind.as_str()], |row| row.get(0))
        .await
}

/// False where this refund was answered before; a concurrent twin waits here.
pub(crate) async fn insert_refund(
    tx: &mut Tx<'_>,
    refund: RefundId,
    kind: EntryKind,
    amount: i64,
    at: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO ledger_refund (tenant_id, refund_id, kind, amount, refunded_at) \
         VALUES (:tenant, $1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let values = params![refund, kind.as_str(), amount, at];
    Ok(tx.execute(SQL, values).await? == 1)
}
