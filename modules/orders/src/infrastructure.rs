//! The order's own rows: written, locked, stepped. Decides nothing: what may be written is the
//! domain's to say.

mod goods;
mod lines;
mod listing;
mod reading;
mod timeline;

use serde::Serialize;
use stoa_contracts::orders::{
    FulfilmentStatus, NewOrder, NewOrderLine, OrderEdit, OrderState, OrderStatus, PaymentStatus,
};
use stoa_kernel::{AttemptId, LineId, Money, OrderId, ReturnId, Timestamp};
use stoa_storage::{Error, Result, Row, Stmt, Tx, Value, params};

use crate::domain::{Leave, Standing, StatusText, check_fulfillable};
use crate::numbers::FIRST_NUMBER;

pub(crate) use goods::{
    KeptFulfilment, KeptLine, UnitChange, change_units, insert_fulfilment, insert_refund,
    insert_return, is_refunded, lines_of, progress, refund_kept, remove_exchange, reverse_refund,
    set_fulfilment, set_return,
};
pub(crate) use listing::{Driver, list, waiting};
pub(crate) use reading::{fulfilments, returns, view, view_in};
pub(crate) use timeline::{insert_entry, timeline};

use lines::{CLEAR_LINES, INSERT_LINE, line_values, lists_of};

/// An order's row under lock, as far as a decision needs it.
#[derive(Debug, Clone)]
pub(crate) struct Locked {
    pub(crate) state: OrderState,
    pub(crate) number: i64,
    pub(crate) test: bool,
    pub(crate) was_paid: bool,
    pub(crate) fulfilments: i64,
    pub(crate) returns: i64,
    gift_card: i64,
    reason: Option<String>,
    attempt: Option<AttemptId>,
    payers: Vec<AttemptId>,
    promised: Option<i64>,
}

impl Locked {
    pub(crate) fn standing(&self) -> Standing<'_> {
        Standing {
            status: self.state.status,
            payment: self.state.payment,
            fulfilment: self.state.fulfilment,
            reason: self.reason.as_deref(),
            attempt: self.attempt,
            payers: self.payers.clone(),
            promised: self.promised,
            total: self.state.total.amount,
            gift_card: self.gift_card,
            paid: self.state.paid.amount,
            refunded: self.state.refunded.amount,
            cancel_requested: self.state.cancel_requested,
        }
    }

    /// The state after `next` was written.
    pub(crate) fn stepped(&self, next: &Standing<'_>) -> OrderState {
        let money = |amount| Money::new(amount, self.state.total.currency);
        OrderState {
            status: next.status,
            payment: next.payment,
            fulfilment: next.fulfilment,
            total: money(next.total),
            paid: money(next.paid),
            refunded: money(next.refunded),
            cancel_requested: next.cancel_requested,
            may_leave: check_fulfillable(next, Leave::Secured).is_ok(),
            version: self.state.version + 1,
            ..self.state
        }
    }
}

/// What becomes of an order that is written for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Draft,
    Placed,
}

/// Claims `count` numbers and returns the first. The row stays locked until the commit.
pub(crate) async fn claim_numbers(tx: &mut Tx<'_>, count: i64) -> Result<i64> {
    const SQL: &str = "INSERT INTO orders_number_block (tenant_id, next) VALUES (:tenant, $1) \
         ON CONFLICT (tenant_id) DO UPDATE SET next = orders_number_block.next + $2 \
         RETURNING next - $2";
    tx.query_one(SQL, params![FIRST_NUMBER + count, count], |row| row.get(0))
        .await
}

/// The order's number among invoices, and when it was given.
pub(crate) async fn invoice_of(
    tx: &mut Tx<'_>,
    order: OrderId,
) -> Result<Option<(i64, Timestamp)>> {
    const SQL: &str = "SELECT invoice_number, invoiced_at FROM orders_order \
         WHERE tenant_id = :tenant AND id = $1 AND invoice_number IS NOT NULL";
    tx.query_opt(SQL, params![order], |row| Ok((row.get(0)?, row.get(1)?)))
        .await
}

/// Gives a locked order that has none the next number among invoices: without gaps, since the
/// counter's row stays locked until the commit.
pub(crate) async fn claim_invoice(
    tx: &mut Tx<'_>,
    order: OrderId,
    at: Timestamp,
) -> Result<(i64, Timestamp)> {
    const NEXT: &str = "INSERT INTO orders_invoice_block (tenant_id, next) VALUES (:tenant, 2) \
         ON CONFLICT (tenant_id) DO UPDATE SET next = orders_invoice_block.next + 1 \
         RETURNING next - 1";
    const GIVE: &str = "UPDATE orders_order SET invoice_number = $2, invoiced_at = $3 \
         WHERE tenant_id = :tenant AND id = $1 AND invoice_number IS NULL";
    let number: i64 = tx.query_one(NEXT, params![], |row| row.get(0)).await?;
    tx.execute(GIVE, params![order, number, at]).await?;
    Ok((number, at))
}

/// The order and its lines in one flight.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    order: &NewOrder,
    number: i64,
    written: Written,
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO orders_order (tenant_id, id, number, cart_id, status, \
         payment_status, fulfilment_status, email, shipping_address, billing_address, \
         shipping_option, currency, subtotal, discount, shipping, tax, total, tax_inclusive, test, \
         placed_at, waiting_since, updated_at, version, customer_id, name_key, note, promotions, \
         taxes, gift_card, paid) \
         VALUES (:tenant, $1, $2, $3, $4, 'pending', 'not_fulfilled', $5, $6, $7, $8, $9, $10, \
         $11, $12, $13, $14, $15, $16, $17, $17, $17, 1, $18, $19, $20, $21, $22, $23, 0)";
    let status = match written {
        Written::Draft => OrderStatus::Draft,
        Written::Placed => OrderStatus::Pending,
    };
    let texts = Texts::of(order)?;
    let totals = &order.totals;
    let head = params![
        order.id,
        number,
        order.cart,
        status.text(),
        &order.email,
        &texts.shipping,
        &texts.billing,
        &order.shipping_option,
        &totals.total.currency,
        totals.subtotal.amount,
        totals.discount.amount,
        totals.shipping.amount,
        totals.tax.amount,
        totals.total.amount,
        order.tax_inclusive,
        order.test,
        at,
        order.customer,
        &texts.name_key,
        &order.note,
        &texts.promotions,
        &texts.taxes,
        order.gift_card.amount
    ];
    let lists = lists_of(&order.lines)?;
    let lines = line_values(order.id, &order.lines, &lists, 0, None);
    let mut statements: Vec<Stmt<'_>> = Vec::with_capacity(1 + lines.len());
    statements.push((SQL, head));
    statements.extend(lines.iter().map(|line| (INSERT_LINE, line.as_slice())));
    tx.defer(&statements).await
}

/// Writes an order anew: the same number and cart, other contents, waiting from now.
pub(crate) async fn rewrite(
    tx: &mut Tx<'_>,
    order: &NewOrder,
    status: OrderStatus,
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE orders_order SET email = $2, shipping_address = $3, \
         billing_address = $4, shipping_option = $5, currency = $6, subtotal = $7, discount = $8, \
         shipping = $9, tax = $10, total = $11, tax_inclusive = $12, test = $13, reason = NULL, \
         waiting_since = $14, updated_at = $14, version = version + 1, customer_id = $15, \
         name_key = $16, note = $17, promotions = $18, taxes = $19, gift_card = $20, \
         placed_at = CASE WHEN status = 'draft' THEN $14 ELSE placed_at END, status = $21 \
         WHERE tenant_id = :tenant AND id = $1";
    let texts = Texts::of(order)?;
    let totals = &order.totals;
    let head = params![
        order.id,
        &order.email,
        &texts.shipping,
        &texts.billing,
        &order.shipping_option,
        &totals.total.currency,
        totals.subtotal.amount,
        totals.discount.amount,
        totals.shipping.amount,
        totals.tax.amount,
        totals.total.amount,
        order.tax_inclusive,
        order.test,
        at,
        order.customer,
        &texts.name_key,
        &order.note,
        &texts.promotions,
        &texts.taxes,
        order.gift_card.amount,
        status.text()
    ];
    let lists = lists_of(&order.lines)?;
    let lines = line_values(order.id, &order.lines, &lists, 0, None);
    let mut statements: Vec<Stmt<'_>> = Vec::with_capacity(2 + lines.len());
    let id = params![order.id];
    statements.extend([(SQL, head), (CLEAR_LINES, id)]);
    statements.extend(lines.iter().map(|line| (INSERT_LINE, line.as_slice())));
    tx.batch(&statements).await.map(|_| ())
}

/// Writes an edit's lines and sums; `refunded` units of lines that stay are kept.
pub(crate) async fn rewrite_edited(
    tx: &mut Tx<'_>,
    edit: &OrderEdit,
    refunded: &[(LineId, i64)],
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE orders_order SET subtotal = $2, discount = $3, shipping = $4, \
         tax = $5, total = $6, promotions = $7, taxes = $8, updated_at = $9, \
         shipping_address = coalesce($10, shipping_address), name_key = coalesce($11, name_key) \
         WHERE tenant_id = :tenant AND id = $1";
    const KEEP: &str = "UPDATE orders_line SET refunded = $3 \
         WHERE tenant_id = :tenant AND order_id = $1 AND id = $2";
    let (promotions, taxes) = (list_text(&edit.promotions)?, list_text(&edit.taxes)?);
    let address = edit.shipping_address.as_ref();
    let name = address.map(|address| name_key(&address.name));
    let address = address.map(serde_json::to_string).transpose()?;
    let totals = &edit.totals;
    let head = params![
        edit.order,
        totals.subtotal.amount,
        totals.discount.amount,
        totals.shipping.amount,
        totals.tax.amount,
        totals.total.amount,
        &promotions,
        &taxes,
        at,
        &address,
        &name
    ];
    let lists = lists_of(&edit.lines)?;
    let lines = line_values(edit.order, &edit.lines, &lists, 0, None);
    let kept: Vec<[Value<'_>; 3]> = refunded
        .iter()
        .map(|(line, units)| [edit.order.into(), (*line).into(), (*units).into()])
        .collect();
    let id = params![edit.order];
    let mut statements: Vec<Stmt<'_>> = vec![(SQL, head), (CLEAR_LINES, id)];
    statements.extend(lines.iter().map(|line| (INSERT_LINE, line.as_slice())));
    statements.extend(kept.iter().map(|values| (KEEP, values.as_slice())));
    tx.batch(&statements).await.map(|_| ())
}

/// Lines sent in exchange, behind those the order has.
pub(crate) async fn insert_exchange(
    tx: &mut Tx<'_>,
    order: OrderId,
    id: ReturnId,
    lines: &[NewOrderLine],
    first_position: i64,
) -> Result<()> {
    let lists = lists_of(lines)?;
    let lines = line_values(order, lines, &lists, first_position, Some(id));
    let statements: Vec<Stmt<'_>> = lines
        .iter()
        .map(|line| (INSERT_LINE, line.as_slice()))
        .collect();
    tx.batch(&statements).await.map(|_| ())
}

pub(crate) async fn lock(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<Locked>> {
    const SQL: &str = "SELECT cart_id, status, payment_status, fulfilment_status, currency, total, \
         number, test, reason, attempt_id, gift_card, \
         coalesce(paid, CASE WHEN paid_at IS NULL THEN 0 ELSE total END), refunded, payers, \
         cancel_requested_at, version, paid_at, fulfilments, returns, promised FROM orders_order \
         WHERE tenant_id = :tenant AND id = $1 {lock}";
    let key = params![order];
    let found = tx.query_opt(SQL, key, |row| {
        let currency = row.get(4)?;
        let money = |index: usize| Ok::<_, Error>(Money::new(row.get(index)?, currency));
        let payment: PaymentStatus = status(row, 2)?;
        let attempt: Option<AttemptId> = row.get(9)?;
        let payers: Option<String> = row.get(13)?;
        Ok(Locked {
            state: OrderState {
                id: order,
                cart: row.get(0)?,
                paid: money(11)?,
                refunded: money(12)?,
                cancel_requested: row.get::<Option<i64>>(14)?.is_some(),
                version: row.get(15)?,
                status: status(row, 1)?,
                payment,
                fulfilment: status(row, 3)?,
                total: money(5)?,
                may_leave: false,
            },
            number: row.get(6)?,
            test: row.get(7)?,
            was_paid: row.get::<Option<i64>>(16)?.is_some(),
            fulfilments: row.get(17)?,
            returns: row.get(18)?,
            gift_card: row.get(10)?,
            reason: row.get(8)?,
            attempt,
            payers: match payers {
                Some(json) => serde_json::from_str(&json)?,
                None => alone(payment, attempt),
            },
            promised: row.get(19)?,
        })
    });
    let mut found = found.await?;
    if let Some(locked) = &mut found {
        locked.state.may_leave = check_fulfillable(&locked.standing(), Leave::Secured).is_ok();
    }
    Ok(found)
}

/// Who paid, where nothing else is noted: most orders are paid at once.
fn alone(payment: PaymentStatus, attempt: Option<AttemptId>) -> Vec<AttemptId> {
    use PaymentStatus::{Paid, PartiallyPaid, PartiallyRefunded, Refunded};
    match payment {
        Paid | PartiallyPaid | PartiallyRefunded | Refunded => attempt.into_iter().collect(),
        PaymentStatus::Pending
        | PaymentStatus::Authorized
        | PaymentStatus::Voided
        | PaymentStatus::Expired => Vec::new(),
    }
}

/// Writes where a locked order stands from now on, and when it was paid or canceled.
pub(crate) async fn update_standing(
    tx: &mut Tx<'_>,
    order: OrderId,
    next: &Standing<'_>,
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE orders_order SET status = $2, payment_status = $3, \
         fulfilment_status = $4, reason = $5, attempt_id = $6, paid_at = coalesce(paid_at, $7), \
         canceled_at = coalesce(canceled_at, $8), updated_at = $9, version = version + 1, \
         paid = $10, refunded = $11, payers = $12, \
         cancel_requested_at = coalesce(cancel_requested_at, $13), promised = $14 \
         WHERE tenant_id = :tenant AND id = $1";
    let payers = match next.payers == alone(next.payment, next.attempt) {
        true => None,
        false => Some(serde_json::to_string(&next.payers)?),
    };
    let values = params![
        order,
        next.status.text(),
        next.payment.text(),
        next.fulfilment.text(),
        next.reason,
        next.attempt,
        next.is_covered().then_some(at),
        (next.status == OrderStatus::Canceled).then_some(at),
        at,
        next.paid,
        next.refunded,
        &payers,
        next.cancel_requested.then_some(at),
        next.promised
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Writes where the fulfilment axis leads; counts what was packed or announced besides.
pub(crate) async fn update_fulfilment(
    tx: &mut Tx<'_>,
    order: OrderId,
    axes: (OrderStatus, FulfilmentStatus),
    added: (i64, i64),
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE orders_order SET status = $2, fulfilment_status = $3, \
         fulfilments = fulfilments + $4, returns = returns + $5, updated_at = $6, \
         version = version + 1 WHERE tenant_id = :tenant AND id = $1";
    let values = params![order, axes.0.text(), axes.1.text(), added.0, added.1, at];
    tx.execute(SQL, values).await.map(|_| ())
}

/// The columns of an order that are JSON or made for search.
struct Texts {
    shipping: Option<String>,
    billing: Option<String>,
    name_key: Option<String>,
    promotions: Option<String>,
    taxes: Option<String>,
}

impl Texts {
    fn of(order: &NewOrder) -> Result<Self> {
        let json = |address: &Option<_>| address.as_ref().map(serde_json::to_string).transpose();
        let reader = order.shipping_address.as_ref();
        let reader = reader.or(order.billing_address.as_ref());
        Ok(Self {
            shipping: json(&order.shipping_address)?,
            billing: json(&order.billing_address)?,
            name_key: reader.map(|address| name_key(&address.name)),
            promotions: list_text(&order.promotions)?,
            taxes: list_text(&order.taxes)?,
        })
    }
}

/// `Ada King Lovelace` is found as `lovelace ada king`.
pub(crate) fn name_key(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> = lower.split_whitespace().collect();
    if !words.is_empty() {
        words.rotate_right(1);
    }
    words.join(" ")
}

fn list_text<T: Serialize>(list: &[T]) -> Result<Option<String>> {
    Ok(match list {
        [] => None,
        list => Some(serde_json::to_string(list)?),
    })
}

fn status<S: StatusText>(row: &Row<'_>, index: usize) -> Result<S> {
    let text = row.str(index)?;
    S::read(text).ok_or_else(|| Error::Column {
        index,
        wanted: std::any::type_name::<S>(),
        found: text.to_owned(),
    })
}
