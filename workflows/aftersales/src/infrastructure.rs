//! All SQL of the workflow: refunds under way and orders to be canceled. Decides nothing.

use stoa_kernel::{LocationId, OrderId, RefundId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Tx, params};

use crate::domain::{Given, RefundLine};

/// Refunds of one order that are looked at; far above what any order has.
const REFUNDS_MAX: i64 = 1_000;

const INSERT_REFUND: &str = "INSERT INTO aftersales_refund (tenant_id, id, order_id, amount, \
     lines, shipping, restock, location_id, reason, purpose, state, created_at) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10)";
const END_REFUND: &str = "UPDATE aftersales_refund SET state = $2, amount = $3, lines = $4, \
     shipping = $5 WHERE tenant_id = :tenant AND id = $1 AND state = 'pending'";
const REVERSE_REFUND: &str = "UPDATE aftersales_refund SET state = $2, amount = $3, lines = $4, \
     shipping = $5 WHERE tenant_id = :tenant AND id = $1 AND state = 'done' AND amount >= $3";
const EXPECT_LESS: &str = "UPDATE aftersales_refund SET reversed_left = $2 \
     WHERE tenant_id = :tenant AND id = $1 AND state = 'pending' \
     AND (reversed_left IS NULL OR reversed_left > $2)";
const REFUND: &str = "SELECT id, order_id, amount, lines, shipping, restock, location_id, reason, \
     purpose, state, created_at, reversed_left FROM aftersales_refund \
     WHERE tenant_id = :tenant AND id = $1";
const OF_ORDER: &str = "SELECT id, order_id, amount, lines, shipping, restock, location_id, \
     reason, purpose, state, created_at, reversed_left FROM aftersales_refund \
     WHERE tenant_id = :tenant AND order_id = $1 ORDER BY id LIMIT $2";
const PENDING: &str = "SELECT id, order_id, created_at FROM aftersales_refund \
     WHERE tenant_id = :tenant AND state = 'pending' AND created_at < $1 AND id > $2 \
     ORDER BY id LIMIT $3";
const TELL_REFUND: &str = "UPDATE aftersales_refund SET told_at = $2 \
     WHERE tenant_id = :tenant AND id = $1 AND state = 'pending' AND told_at IS NULL";

const PUT_CANCEL: &str = "INSERT INTO aftersales_cancel (tenant_id, order_id, reason, restock, \
     state, requested_at) VALUES (:tenant, $1, $2, $3, 'requested', $4) \
     ON CONFLICT (tenant_id, order_id) DO UPDATE SET reason = excluded.reason, \
     restock = excluded.restock, state = 'requested', requested_at = excluded.requested_at, \
     told_at = NULL";
const CANCEL: &str = "SELECT reason, restock, state, requested_at FROM aftersales_cancel \
     WHERE tenant_id = :tenant AND order_id = $1";
const END_CANCEL: &str = "UPDATE aftersales_cancel SET state = $2 \
     WHERE tenant_id = :tenant AND order_id = $1 AND state = 'requested'";
const REQUESTED: &str = "SELECT order_id, requested_at FROM aftersales_cancel \
     WHERE tenant_id = :tenant AND state = 'requested' AND requested_at < $1 AND order_id > $2 \
     ORDER BY order_id LIMIT $3";
const TELL_CANCEL: &str = "UPDATE aftersales_cancel SET told_at = $2 \
     WHERE tenant_id = :tenant AND order_id = $1 AND state = 'requested' AND told_at IS NULL";

macro_rules! words {
    ($(#[$doc:meta])* $name:ident $what:literal: $($variant:ident $text:literal)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $($variant,)*
        }

        impl $name {
            pub(crate) const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            fn read(row: &Row<'_>, index: usize) -> Result<Self> {
                match row.str(index)? {
                    $($text => Ok(Self::$variant),)*
                    other => Err(Error::Column {
                        index,
                        wanted: $what,
                        found: other.to_owned(),
                    }),
                }
            }
        }
    };
}

words! {
    /// What a refund is for.
    Purpose "a purpose of a refund": Refund "refund" Cancel "cancel" Edit "edit" Return "return"
}
words! {
    Kept "the state of a refund": Pending "pending" Done "done" Failed "failed"
}
words! {
    Asked "the state of a cancellation": Requested "requested" Stuck "stuck" Done "done"
}

/// A refund as this workflow knows it.
#[derive(Debug, Clone)]
pub(crate) struct KeptRefund {
    pub(crate) id: RefundId,
    pub(crate) order: OrderId,
    pub(crate) amount: i64,
    pub(crate) lines: Vec<RefundLine>,
    pub(crate) shipping: i64,
    pub(crate) restock: bool,
    pub(crate) location: Option<LocationId>,
    pub(crate) reason: Option<String>,
    pub(crate) purpose: Purpose,
    pub(crate) state: Kept,
    pub(crate) created_at: Timestamp,
    /// What of it did go back at most, where that is known before it ended.
    pub(crate) reversed_left: Option<i64>,
}

impl Given for KeptRefund {
    fn lines(&self) -> Option<&[RefundLine]> {
        (self.state != Kept::Failed).then_some(&self.lines)
    }
    fn shipping(&self) -> i64 {
        match self.state {
            Kept::Failed => 0,
            Kept::Pending | Kept::Done => self.shipping,
        }
    }
    fn is_pending(&self) -> bool {
        self.state == Kept::Pending
    }
}

/// An order that is to be canceled.
#[derive(Debug, Clone)]
pub(crate) struct KeptCancel {
    pub(crate) reason: String,
    pub(crate) restock: bool,
    pub(crate) state: Asked,
    pub(crate) requested_at: Timestamp,
}

pub(crate) async fn insert_refund(tx: &mut Tx<'_>, refund: &KeptRefund) -> Result<()> {
    let lines = serde_json::to_string(&refund.lines)?;
    let values = params![
        refund.id,
        refund.order,
        refund.amount,
        &lines,
        refund.shipping,
        i64::from(refund.restock),
        refund.location,
        &refund.reason,
        refund.purpose.text(),
        refund.created_at
    ];
    tx.execute(INSERT_REFUND, values).await.map(|_| ())
}

/// False where it had ended before.
pub(crate) async fn end_refund(tx: &mut Tx<'_>, refund: &KeptRefund) -> Result<bool> {
    rewrite_refund(tx, END_REFUND, refund).await
}

/// One that had gone through; told again, it changes nothing.
pub(crate) async fn reverse_refund(tx: &mut Tx<'_>, refund: &KeptRefund) -> Result<bool> {
    rewrite_refund(tx, REVERSE_REFUND, refund).await
}

/// Of a refund under way no more than this will have gone back. False where that is known.
pub(crate) async fn expect_less(tx: &mut Tx<'_>, refund: RefundId, left: i64) -> Result<bool> {
    Ok(tx.execute(EXPECT_LESS, params![refund, left]).await? == 1)
}

async fn rewrite_refund(tx: &mut Tx<'_>, sql: &'static str, refund: &KeptRefund) -> Result<bool> {
    let lines = serde_json::to_string(&refund.lines)?;
    let values = params![
        refund.id,
        refund.state.text(),
        refund.amount,
        &lines,
        refund.shipping
    ];
    Ok(tx.execute(sql, values).await? == 1)
}

pub(crate) async fn refund(tx: &mut Tx<'_>, refund: RefundId) -> Result<Option<KeptRefund>> {
    tx.query_opt(REFUND, params![refund], refund_row).await
}

/// Oldest first. Whoever holds the order's lock sees all there are.
pub(crate) async fn refunds_of(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<KeptRefund>> {
    tx.query(OF_ORDER, params![order, REFUNDS_MAX], refund_row)
        .await
}

/// As [`refunds_of`], for a look that decides nothing.
pub(crate) async fn refunds_shown(db: &Db, order: OrderId) -> Result<Vec<KeptRefund>> {
    db.fetch(OF_ORDER, params![order, REFUNDS_MAX], refund_row)
        .await
}

/// Refunds under way that were opened before `before`, in id order from after the one given.
pub(crate) async fn pending(
    db: &Db,
    before: Timestamp,
    after: RefundId,
    limit: u32,
) -> Result<Vec<(RefundId, OrderId, Timestamp)>> {
    db.fetch(PENDING, params![before, after, limit], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })
    .await
}

/// True the first time.
pub(crate) async fn tell_refund(tx: &mut Tx<'_>, refund: RefundId, at: Timestamp) -> Result<bool> {
    Ok(tx.execute(TELL_REFUND, params![refund, at]).await? == 1)
}

/// Asked again, a cancellation that got stuck starts over.
pub(crate) async fn put_cancel(tx: &mut Tx<'_>, order: OrderId, cancel: &KeptCancel) -> Result<()> {
    let values = params![
        order,
        &cancel.reason,
        i64::from(cancel.restock),
        cancel.requested_at
    ];
    tx.execute(PUT_CANCEL, values).await.map(|_| ())
}

pub(crate) async fn cancel(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<KeptCancel>> {
    tx.query_opt(CANCEL, params![order], |row| {
        Ok(KeptCancel {
            reason: row.get(0)?,
            restock: row.get::<i64>(1)? == 1,
            state: Asked::read(row, 2)?,
            requested_at: row.get(3)?,
        })
    })
    .await
}

pub(crate) async fn end_cancel(tx: &mut Tx<'_>, order: OrderId, state: Asked) -> Result<bool> {
    Ok(tx.execute(END_CANCEL, params![order, state.text()]).await? == 1)
}

/// Cancellations asked for before `before` that have not ended, as [`pending`].
pub(crate) async fn requested(
    db: &Db,
    before: Timestamp,
    after: OrderId,
    limit: u32,
) -> Result<Vec<(OrderId, Timestamp)>> {
    db.fetch(REQUESTED, params![before, after, limit], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .await
}

/// True the first time.
pub(crate) async fn tell_cancel(tx: &mut Tx<'_>, order: OrderId, at: Timestamp) -> Result<bool> {
    Ok(tx.execute(TELL_CANCEL, params![order, at]).await? == 1)
}

fn refund_row(row: &Row<'_>) -> Result<KeptRefund> {
    Ok(KeptRefund {
        id: row.get(0)?,
        order: row.get(1)?,
        amount: row.get(2)?,
        lines: serde_json::from_str(row.str(3)?)?,
        shipping: row.get(4)?,
        restock: row.get::<i64>(5)? == 1,
        location: row.get(6)?,
        reason: row.get(7)?,
        purpose: Purpose::read(row, 8)?,
        state: Kept::read(row, 9)?,
        created_at: row.get(10)?,
        reversed_left: row.get(11)?,
    })
}
