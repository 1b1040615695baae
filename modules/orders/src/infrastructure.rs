//! All SQL of orders. Decides nothing: what may be written is the domain's to say.

use stoa_contracts::Totals;
use stoa_contracts::orders::{
    FulfilmentStatus, NewOrder, OrderLineView, OrderState, OrderStatus, OrderView, PaymentStatus,
};
use stoa_kernel::{AttemptId, Currency, Money, OrderId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Stmt, Tx, Value, params};

use crate::application::{ListPosition, OrderFilter, OrderSummary};
use crate::domain::{Standing, StatusText};
use crate::numbers::FIRST_NUMBER;

/// An order's row under lock, as far as a decision needs it.
#[derive(Debug, Clone)]
pub(crate) struct Locked {
    pub(crate) state: OrderState,
    pub(crate) number: i64,
    pub(crate) test: bool,
    reason: Option<String>,
    paid_by: Option<AttemptId>,
}

impl Locked {
    pub(crate) fn standing(&self) -> Standing<'_> {
        Standing {
            status: self.state.status,
            payment: self.state.payment,
            fulfilment: self.state.fulfilment,
            reason: self.reason.as_deref(),
            paid_by: self.paid_by,
        }
    }
}

/// Claims `count` numbers and returns the first. The row stays locked until the commit.
pub(crate) async fn claim_numbers(tx: &mut Tx<'_>, count: i64) -> Result<i64> {
    const SQL: &str = "INSERT INTO orders_number_block (tenant_id, next) VALUES (:tenant, $1) \
         ON CONFLICT (tenant_id) DO UPDATE SET next = orders_number_block.next + $2 \
         RETURNING next - $2";
    tx.query_one(SQL, params![FIRST_NUMBER + count, count], |row| row.get(0))
        .await
}

/// The order and its lines in one flight.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    order: &NewOrder,
    number: i64,
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO orders_order (tenant_id, id, number, cart_id, status, \
         payment_status, fulfilment_status, email, shipping_address, billing_address, \
         shipping_option, currency, subtotal, discount, shipping, tax, total, tax_inclusive, test, \
         placed_at, waiting_since, updated_at, version) \
         VALUES (:tenant, $1, $2, $3, 'pending', 'pending', 'not_fulfilled', $4, $5, $6, $7, $8, \
         $9, $10, $11, $12, $13, $14, $15, $16, $16, $16, 1)";
    let (shipping, billing) = addresses(order)?;
    let totals = &order.totals;
    let head = params![
        order.id,
        number,
        order.cart,
        &order.email,
        &shipping,
        &billing,
        &order.shipping_option,
        &totals.total.currency,
        totals.subtotal.amount,
        totals.discount.amount,
        totals.shipping.amount,
        totals.tax.amount,
        totals.total.amount,
        order.tax_inclusive,
        order.test,
        at
    ];
    let lines = line_values(order);
    let mut statements: Vec<Stmt<'_>> = Vec::with_capacity(1 + lines.len());
    statements.push((SQL, head));
    statements.extend(lines.iter().map(|line| (INSERT_LINE, line.as_slice())));
    tx.batch(&statements).await.map(|_| ())
}

/// Writes a placed order anew: the same number and cart, other contents, waiting from now.
pub(crate) async fn rewrite(tx: &mut Tx<'_>, order: &NewOrder, at: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE orders_order SET email = $2, shipping_address = $3, \
         billing_address = $4, shipping_option = $5, currency = $6, subtotal = $7, discount = $8, \
         shipping = $9, tax = $10, total = $11, tax_inclusive = $12, test = $13, reason = NULL, \
         waiting_since = $14, updated_at = $14, version = version + 1 \
         WHERE tenant_id = :tenant AND id = $1";
    const CLEAR: &str = "DELETE FROM orders_line WHERE tenant_id = :tenant AND order_id = $1";
    let (shipping, billing) = addresses(order)?;
    let totals = &order.totals;
    let head = params![
        order.id,
        &order.email,
        &shipping,
        &billing,
        &order.shipping_option,
        &totals.total.currency,
        totals.subtotal.amount,
        totals.discount.amount,
        totals.shipping.amount,
        totals.tax.amount,
        totals.total.amount,
        order.tax_inclusive,
        order.test,
        at
    ];
    let lines = line_values(order);
    let mut statements: Vec<Stmt<'_>> = Vec::with_capacity(2 + lines.len());
    let id = params![order.id];
    statements.extend([(SQL, head), (CLEAR, id)]);
    statements.extend(lines.iter().map(|line| (INSERT_LINE, line.as_slice())));
    tx.batch(&statements).await.map(|_| ())
}

pub(crate) async fn lock(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<Locked>> {
    const SQL: &str = "SELECT cart_id, status, payment_status, fulfilment_status, currency, total, \
         number, test, reason, attempt_id FROM orders_order \
         WHERE tenant_id = :tenant AND id = $1 {lock}";
    tx.query_opt(SQL, params![order], |row| {
        Ok(Locked {
            state: OrderState {
                id: order,
                cart: row.get(0)?,
                status: status(row, 1)?,
                payment: status(row, 2)?,
                fulfilment: status(row, 3)?,
                total: Money::new(row.get(5)?, row.get(4)?),
            },
            number: row.get(6)?,
            test: row.get(7)?,
            reason: row.get(8)?,
            paid_by: row.get(9)?,
        })
    })
    .await
}

/// Writes where a locked order stands from now on, and when it was paid or canceled.
pub(crate) async fn update_standing(
    tx: &mut Tx<'_>,
    order: OrderId,
    next: Standing<'_>,
    at: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE orders_order SET status = $2, payment_status = $3, \
         fulfilment_status = $4, reason = $5, attempt_id = $6, paid_at = coalesce(paid_at, $7), \
         canceled_at = coalesce(canceled_at, $8), updated_at = $9, version = version + 1 \
         WHERE tenant_id = :tenant AND id = $1";
    let values = params![
        order,
        next.status.text(),
        next.payment.text(),
        next.fulfilment.text(),
        next.reason,
        next.paid_by,
        (next.payment == PaymentStatus::Paid).then_some(at),
        (next.status == OrderStatus::Canceled).then_some(at),
        at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// The order with its lines, in one round trip.
pub(crate) async fn view(db: &Db, order: OrderId) -> Result<Option<OrderView>> {
    const SQL: &str = "SELECT o.number, o.status, o.payment_status, o.fulfilment_status, o.email, \
         o.shipping_address, o.billing_address, o.shipping_option, o.currency, o.subtotal, \
         o.discount, o.shipping, o.tax, o.total, o.tax_inclusive, o.test, o.placed_at, o.paid_at, \
         o.canceled_at, o.reason, o.cart_id, o.version, \
         l.id, l.variant_id, l.product_id, l.title, l.variant_title, l.sku, l.image, l.quantity, \
         l.unit_price, l.subtotal, l.tax, l.total \
         FROM orders_order o JOIN orders_line l ON l.tenant_id = :tenant AND l.order_id = o.id \
         WHERE o.tenant_id = :tenant AND o.id = $1 ORDER BY l.position";
    let mut head = None;
    let lines = db
        .fetch(SQL, params![order], |row| {
            if head.is_none() {
                head = Some(view_of(order, row)?);
            }
            line_of(row, 22, row.get(8)?)
        })
        .await?;
    Ok(head.map(|head| OrderView { lines, ..head }))
}

/// Newest first, those after `position`.
pub(crate) async fn list(
    db: &Db,
    filter: OrderFilter,
    position: Option<ListPosition>,
    limit: i64,
) -> Result<Vec<OrderSummary>> {
    const SQL: &str = "SELECT id, number, status, payment_status, fulfilment_status, email, \
         currency, total, test, placed_at FROM orders_order WHERE tenant_id = :tenant \
         AND status = coalesce($1, status) AND payment_status = coalesce($2, payment_status) \
         AND (placed_at, id) < ($3, $4) ORDER BY placed_at DESC, id DESC LIMIT $5";
    let (placed_at, id) = position.unwrap_or((i64::MAX, OrderId::from_u128(u128::MAX)));
    let values = params![
        filter.status.map(StatusText::text),
        filter.payment_status.map(StatusText::text),
        placed_at,
        id,
        limit
    ];
    db.fetch(SQL, values, |row| {
        Ok(OrderSummary {
            id: row.get(0)?,
            number: row.get(1)?,
            status: status(row, 2)?,
            payment_status: status(row, 3)?,
            fulfilment_status: status(row, 4)?,
            email: row.get(5)?,
            total: Money::new(row.get(7)?, row.get(6)?),
            test: row.get(8)?,
            placed_at: row.get(9)?,
        })
    })
    .await
}

/// Those that wait for payment since before `before`, oldest first.
pub(crate) async fn waiting(db: &Db, before: Timestamp, limit: u32) -> Result<Vec<OrderId>> {
    // As the partial index says it, so that settled orders cost nothing.
    const SQL: &str = "SELECT id FROM orders_order WHERE tenant_id = :tenant \
         AND payment_status = 'pending' AND status IN ('pending', 'requires_action') \
         AND waiting_since < $1 ORDER BY waiting_since, id LIMIT $2";
    db.fetch(SQL, params![before, limit], |row| row.get(0))
        .await
}

const INSERT_LINE: &str = "INSERT INTO orders_line (tenant_id, order_id, position, id, \
     variant_id, product_id, title, variant_title, sku, image, quantity, unit_price, subtotal, \
     tax, total) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

fn line_values(order: &NewOrder) -> Vec<[Value<'_>; 14]> {
    let values = order.lines.iter().enumerate().map(|(position, line)| {
        [
            Value::from(order.id),
            Value::from(position as i64),
            Value::from(line.id),
            Value::from(line.variant),
            Value::from(line.product),
            Value::from(&line.title),
            Value::from(&line.variant_title),
            Value::from(&line.sku),
            Value::from(&line.image),
            Value::from(line.quantity),
            Value::from(line.unit_price.amount),
            Value::from(line.subtotal.amount),
            Value::from(line.tax.amount),
            Value::from(line.total.amount),
        ]
    });
    values.collect()
}

fn addresses(order: &NewOrder) -> Result<(Option<String>, Option<String>)> {
    let json = |address: &Option<_>| address.as_ref().map(serde_json::to_string).transpose();
    Ok((
        json(&order.shipping_address)?,
        json(&order.billing_address)?,
    ))
}

fn view_of(id: OrderId, row: &Row<'_>) -> Result<OrderView> {
    let currency: Currency = row.get(8)?;
    let money = |index: usize| Ok::<_, Error>(Money::new(row.get(index)?, currency));
    let address = |index: usize| {
        let json: Option<String> = row.get(index)?;
        Ok::<_, Error>(json.as_deref().map(serde_json::from_str).transpose()?)
    };
    Ok(OrderView {
        id,
        number: row.get(0)?,
        status: status::<OrderStatus>(row, 1)?,
        payment_status: status::<PaymentStatus>(row, 2)?,
        fulfilment_status: status::<FulfilmentStatus>(row, 3)?,
        email: row.get(4)?,
        shipping_address: address(5)?,
        billing_address: address(6)?,
        shipping_option: row.get(7)?,
        currency,
        lines: Vec::new(),
        totals: Totals {
            subtotal: money(9)?,
            discount: money(10)?,
            shipping: money(11)?,
            tax: money(12)?,
            total: money(13)?,
        },
        tax_inclusive: row.get(14)?,
        test: row.get(15)?,
        placed_at: row.get(16)?,
        paid_at: row.get(17)?,
        canceled_at: row.get(18)?,
        reason: row.get(19)?,
        cart_id: row.get(20)?,
        version: row.get(21)?,
    })
}

/// A line whose columns begin at `at`.
fn line_of(row: &Row<'_>, at: usize, currency: Currency) -> Result<OrderLineView> {
    let money = |index: usize| Ok::<_, Error>(Money::new(row.get(index)?, currency));
    Ok(OrderLineView {
        id: row.get(at)?,
        variant_id: row.get(at + 1)?,
        product_id: row.get(at + 2)?,
        title: row.get(at + 3)?,
        variant_title: row.get(at + 4)?,
        sku: row.get(at + 5)?,
        image: row.get(at + 6)?,
        quantity: row.get(at + 7)?,
        unit_price: money(at + 8)?,
        subtotal: money(at + 9)?,
        tax: money(at + 10)?,
        total: money(at + 11)?,
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
