//! Rows of fulfilments, returns and refunds, and the units of lines. The order's row is locked by
//! whoever calls; lines still change by condition only, beside their CHECKs.

use serde::{Deserialize, Serialize};
use stoa_contracts::inventory::Allocation;
use stoa_contracts::orders::{
    FulfilmentState, FulfilmentView, LineUnits, NewFulfilment, RefundRecord, ReturnView,
};
use stoa_kernel::{
    FulfilmentId, LineId, LocationId, OrderId, Quantity, RefundId, ReturnId, Timestamp, VariantId,
};
use stoa_storage::{Result, Stmt, Tx, Value, params};

use crate::domain::{Progress, StatusText};

/// A line as far as goods go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeptLine {
    pub(crate) id: LineId,
    pub(crate) position: i64,
    pub(crate) quantity: Quantity,
    pub(crate) fulfilled: i64,
    pub(crate) returning: i64,
    pub(crate) returned: i64,
    pub(crate) refunded: i64,
}

/// A fulfilment with what had been taken where.
pub(crate) struct KeptFulfilment {
    pub(crate) view: FulfilmentView,
    pub(crate) taken: Vec<Allocation>,
}

/// Which units of lines change, by how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitChange {
    Packed,
    Unpacked,
    ReturnAnnounced,
    ReturnDropped,
    CameBack,
    Refunded,
    /// Their money came back to the shop.
    OwedAgain,
}

/// [`Allocation`] as it is kept.
#[derive(Serialize, Deserialize)]
struct Taken {
    variant: VariantId,
    location: LocationId,
    units: i64,
}

pub(crate) async fn lines_of(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<KeptLine>> {
    const SQL: &str = "SELECT id, position, quantity, fulfilled, returning_units, returned, \
         refunded FROM orders_line \
         WHERE tenant_id = :tenant AND order_id = $1 ORDER BY position";
    tx.query(SQL, params![order], |row| {
        Ok(KeptLine {
            id: row.get(0)?,
            position: row.get(1)?,
            quantity: row.get(2)?,
            fulfilled: row.get(3)?,
            returning: row.get(4)?,
            returned: row.get(5)?,
            refunded: row.get(6)?,
        })
    })
    .await
}

/// Changes units line by line; answers whether every line allowed it. Where one did not, the
/// caller must not commit.
pub(crate) async fn change_units(
    tx: &mut Tx<'_>,
    order: OrderId,
    change: UnitChange,
    lines: &[LineUnits],
) -> Result<bool> {
    const PACKED: &str = "UPDATE orders_line SET fulfilled = fulfilled + $3 WHERE \
         tenant_id = :tenant AND order_id = $1 AND id = $2 AND fulfilled + $3 <= quantity";
    const UNPACKED: &str = "UPDATE orders_line SET fulfilled = fulfilled - $3 WHERE \
         tenant_id = :tenant AND order_id = $1 AND id = $2 \
         AND fulfilled - $3 >= returned + returning_units";
    const ANNOUNCED: &str = "UPDATE orders_line SET returning_units = returning_units + $3 WHERE \
         tenant_id = :tenant AND order_id = $1 AND id = $2 \
         AND returned + returning_units + $3 <= fulfilled";
    const DROPPED: &str = "UPDATE orders_line SET returning_units = returning_units - $3 WHERE \
         tenant_id = :tenant AND order_id = $1 AND id = $2 AND returning_units >= $3";
    const CAME_BACK: &str = "UPDATE orders_line SET returned = returned + $3 WHERE \
         tenant_id = :tenant AND order_id = $1 AND id = $2 \
         AND returned + returning_units + $3 <= fulfilled";
    const REFUNDED: &str = "UPDATE orders_line SET refunded = refunded + $3 WHERE \
         tenant_id = :tenant AND order_id = $1 AND id = $2 AND refunded + $3 <= quantity";
    const OWED_AGAIN: &str = "UPDATE orders_line SET refunded = refunded - $3 WHERE \
         tenant_id = :tenant AND order_id = $1 AND id = $2 AND refunded >= $3";
    let sql = match change {
        UnitChange::Packed => PACKED,
        UnitChange::Unpacked => UNPACKED,
        UnitChange::ReturnAnnounced => ANNOUNCED,
        UnitChange::ReturnDropped => DROPPED,
        UnitChange::CameBack => CAME_BACK,
        UnitChange::Refunded => REFUNDED,
        UnitChange::OwedAgain => OWED_AGAIN,
    };
    let values: Vec<[Value<'_>; 3]> = lines
        .iter()
        .map(|line| [order.into(), line.line_id.into(), line.quantity.into()])
        .collect();
    let statements: Vec<Stmt<'_>> = values.iter().map(|row| (sql, row.as_slice())).collect();
    let changed = tx.batch(&statements).await?;
    Ok(changed.iter().all(|&rows| rows == 1))
}

/// How far the goods of the order are.
pub(crate) async fn progress(tx: &mut Tx<'_>, order: OrderId) -> Result<Progress> {
    let lines = lines_of(tx, order).await?;
    let mut progress = Progress::default();
    for line in &lines {
        let ordered = line.quantity.as_i64();
        // Money of goods that never left: they will not leave any more.
        let withdrawn = (line.refunded - line.returned).clamp(0, ordered - line.fulfilled);
        progress.wanted += ordered - withdrawn;
        progress.packed += line.fulfilled;
    }
    for fulfilment in super::fulfilments(tx, order).await? {
        let units: i64 = fulfilment
            .lines
            .iter()
            .map(|line| line.quantity.as_i64())
            .sum();
        match fulfilment.state {
            FulfilmentState::Packed | FulfilmentState::Canceled => {}
            FulfilmentState::Shipped => progress.shipped += units,
            FulfilmentState::Delivered => {
                progress.shipped += units;
                progress.delivered += units;
            }
        }
    }
    Ok(progress)
}

pub(crate) async fn insert_fulfilment(
    tx: &mut Tx<'_>,
    new: &NewFulfilment,
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO orders_fulfilment (tenant_id, order_id, id, state, location_id, \
         lines, taken, tracking, created_at) \
         VALUES (:tenant, $1, $2, 'packed', $3, $4, $5, $6, $7)";
    let taken: Vec<Taken> = new
        .taken
        .iter()
        .map(|allocation| Taken {
            variant: allocation.variant,
            location: allocation.location,
            units: allocation.units,
        })
        .collect();
    let lines = serde_json::to_string(&new.lines)?;
    let taken = serde_json::to_string(&taken)?;
    let tracking = new
        .tracking
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    let values = params![
        new.order,
        new.id,
        new.location,
        &lines,
        &taken,
        &tracking,
        at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

impl KeptFulfilment {
    pub(crate) async fn read(
        tx: &mut Tx<'_>,
        order: OrderId,
        id: FulfilmentId,
    ) -> Result<Option<Self>> {
        const SQL: &str = "SELECT taken FROM orders_fulfilment \
             WHERE tenant_id = :tenant AND order_id = $1 AND id = $2";
        let taken = tx
            .query_opt(SQL, params![order, id], |row| {
                let taken: Vec<Taken> = serde_json::from_str(row.str(0)?)?;
                Ok(taken)
            })
            .await?;
        let Some(taken) = taken else {
            return Ok(None);
        };
        let all = super::fulfilments(tx, order).await?;
        let view = all.into_iter().find(|fulfilment| fulfilment.id == id);
        Ok(view.map(|view| Self {
            view,
            taken: taken
                .into_iter()
                .map(|taken| Allocation {
                    variant: taken.variant,
                    location: taken.location,
                    units: taken.units,
                })
                .collect(),
        }))
    }
}

pub(crate) async fn set_fulfilment(
    tx: &mut Tx<'_>,
    order: OrderId,
    fulfilment: &FulfilmentView,
) -> Result<()> {
    const SQL: &str = "UPDATE orders_fulfilment SET state = $3, tracking = $4, shipped_at = $5, \
         delivered_at = $6 WHERE tenant_id = :tenant AND order_id = $1 AND id = $2";
    let tracking = fulfilment.tracking.as_ref();
    let tracking = tracking.map(serde_json::to_string).transpose()?;
    let values = params![
        order,
        fulfilment.id,
        fulfilment.state.text(),
        &tracking,
        fulfilment.shipped_at,
        fulfilment.delivered_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

pub(crate) async fn insert_return(tx: &mut Tx<'_>, order: OrderId, new: &ReturnView) -> Result<()> {
    const SQL: &str = "INSERT INTO orders_return (tenant_id, order_id, id, state, lines, exchange, \
         created_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6)";
    let lines = serde_json::to_string(&new.lines)?;
    let exchange = serde_json::to_string(&new.exchange)?;
    let values = params![
        order,
        new.id,
        new.state.text(),
        &lines,
        &exchange,
        new.created_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

pub(crate) async fn set_return(tx: &mut Tx<'_>, order: OrderId, ended: &ReturnView) -> Result<()> {
    const SQL: &str = "UPDATE orders_return SET state = $3, lines = $4, exchange = $5, \
         closed_at = $6 WHERE tenant_id = :tenant AND order_id = $1 AND id = $2";
    let lines = serde_json::to_string(&ended.lines)?;
    let exchange = serde_json::to_string(&ended.exchange)?;
    let values = params![
        order,
        ended.id,
        ended.state.text(),
        &lines,
        &exchange,
        ended.closed_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Takes the lines of an exchange that is off out of the order again; answers how many went.
pub(crate) async fn remove_exchange(tx: &mut Tx<'_>, order: OrderId, id: ReturnId) -> Result<u64> {
    const SQL: &str = "DELETE FROM orders_line WHERE tenant_id = :tenant AND order_id = $1 \
         AND return_id = $2 AND fulfilled = 0 AND refunded = 0";
    tx.execute(SQL, params![order, id]).await
}

pub(crate) async fn is_refunded(tx: &mut Tx<'_>, order: OrderId, id: RefundId) -> Result<bool> {
    const SQL: &str = "SELECT 1 FROM orders_refund \
         WHERE tenant_id = :tenant AND order_id = $1 AND id = $2";
    let found = tx.query_opt(SQL, params![order, id], |_| Ok(())).await?;
    Ok(found.is_some())
}

pub(crate) async fn insert_refund(
    tx: &mut Tx<'_>,
    order: OrderId,
    refund: &RefundRecord,
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO orders_refund (tenant_id, order_id, id, amount, lines, reason, \
         refunded_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6)";
    let lines = serde_json::to_string(&refund.lines)?;
    let values = params![
        order,
        refund.id,
        refund.amount.amount,
        &lines,
        &refund.reason,
        at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// A refund that is written: how much of it is back at the customer, and what it stood for.
pub(crate) async fn refund_kept(
    tx: &mut Tx<'_>,
    order: OrderId,
    id: RefundId,
) -> Result<Option<(i64, Vec<LineUnits>)>> {
    const SQL: &str = "SELECT coalesce(left_over, amount), lines FROM orders_refund \
         WHERE tenant_id = :tenant AND order_id = $1 AND id = $2";
    tx.query_opt(SQL, params![order, id], |row| {
        Ok((row.get(0)?, serde_json::from_str(row.str(1)?)?))
    })
    .await
}

/// The order's row is locked. Its units are counted as refunded once only, so they are forgotten here.
pub(crate) async fn reverse_refund(
    tx: &mut Tx<'_>,
    order: OrderId,
    id: RefundId,
    left: i64,
) -> Result<()> {
    const SQL: &str = "UPDATE orders_refund SET left_over = $3, lines = '[]' \
         WHERE tenant_id = :tenant AND order_id = $1 AND id = $2";
    tx.execute(SQL, params![order, id, left]).await.map(|_| ())
}
