//! Orders as others see them, whole. Never writes.

use serde::de::DeserializeOwned;
use stoa_contracts::Totals;
use stoa_contracts::orders::{FulfilmentView, OrderLineView, OrderView, ReturnView};
use stoa_kernel::{Currency, Money, OrderId};
use stoa_storage::{Db, Error, Result, Row, Tx, params};

use super::status;

/// The order with its lines, in one round trip.
const VIEW: &str = "SELECT o.number, o.status, o.payment_status, o.fulfilment_status, o.email, \
     o.shipping_address, o.billing_address, o.shipping_option, o.currency, o.subtotal, \
     o.discount, o.shipping, o.tax, o.total, o.tax_inclusive, o.test, o.placed_at, o.paid_at, \
     o.canceled_at, o.reason, o.cart_id, o.version, o.customer_id, o.note, o.promotions, o.taxes, \
     o.gift_card, coalesce(o.paid, CASE WHEN o.paid_at IS NULL THEN 0 ELSE o.total END), \
     o.refunded, o.cancel_requested_at, o.fulfilments, o.returns, \
     l.id, l.variant_id, l.product_id, l.title, l.variant_title, l.sku, l.image, l.quantity, \
     l.unit_price, l.subtotal + l.discount, l.tax, l.total, l.discount, l.requires_shipping, \
     l.grams, l.adjustments, l.fulfilled, l.returned, l.refunded, l.components \
     FROM orders_order o JOIN orders_line l ON l.tenant_id = :tenant AND l.order_id = o.id \
     WHERE o.tenant_id = :tenant AND o.id = $1 ORDER BY l.position";
const LINE_AT: usize = 32;

/// Most orders have neither fulfilments nor returns: then one round trip is all.
pub(crate) async fn view(db: &Db, order: OrderId) -> Result<Option<OrderView>> {
    let mut found = Found::default();
    let lines = db
        .fetch(VIEW, params![order], |row| found.line(order, row))
        .await?;
    if found.has_more {
        // Once more, over one snapshot.
        let read = async move |tx: &mut Tx<'_>| view_in(tx, order).await;
        return db.read(read).await;
    }
    Ok(found.head.map(|head| OrderView { lines, ..head }))
}

pub(crate) async fn view_in(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<OrderView>> {
    let mut found = Found::default();
    let lines = tx
        .query(VIEW, params![order], |row| found.line(order, row))
        .await?;
    let Some(head) = found.head else {
        return Ok(None);
    };
    let (fulfilments, returns) = match found.has_more {
        true => (fulfilments(tx, order).await?, returns(tx, order).await?),
        false => (Vec::new(), Vec::new()),
    };
    Ok(Some(OrderView {
        lines,
        fulfilments,
        returns,
        ..head
    }))
}

/// Oldest first.
pub(crate) async fn fulfilments(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<FulfilmentView>> {
    const SQL: &str = "SELECT id, state, location_id, lines, tracking, created_at, shipped_at, \
         delivered_at FROM orders_fulfilment WHERE tenant_id = :tenant AND order_id = $1 \
         ORDER BY created_at, id";
    tx.query(SQL, params![order], |row| {
        Ok(FulfilmentView {
            id: row.get(0)?,
            state: status(row, 1)?,
            location_id: row.get(2)?,
            lines: serde_json::from_str(row.str(3)?)?,
            tracking: optional_json(row, 4)?,
            created_at: row.get(5)?,
            shipped_at: row.get(6)?,
            delivered_at: row.get(7)?,
        })
    })
    .await
}

/// Oldest first.
pub(crate) async fn returns(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<ReturnView>> {
    const SQL: &str = "SELECT id, state, lines, exchange, created_at, closed_at \
         FROM orders_return WHERE tenant_id = :tenant AND order_id = $1 ORDER BY created_at, id";
    tx.query(SQL, params![order], |row| {
        Ok(ReturnView {
            id: row.get(0)?,
            state: status(row, 1)?,
            lines: serde_json::from_str(row.str(2)?)?,
            exchange: serde_json::from_str(row.str(3)?)?,
            created_at: row.get(4)?,
            closed_at: row.get(5)?,
        })
    })
    .await
}

/// What the rows of [`VIEW`] said besides lines.
#[derive(Default)]
struct Found {
    head: Option<OrderView>,
    has_more: bool,
}

impl Found {
    fn line(&mut self, order: OrderId, row: &Row<'_>) -> Result<OrderLineView> {
        if self.head.is_none() {
            self.head = Some(head_of(order, row)?);
            self.has_more = row.get::<i64>(30)? + row.get::<i64>(31)? > 0;
        }
        line_of(row, LINE_AT, row.get(8)?)
    }
}

fn head_of(id: OrderId, row: &Row<'_>) -> Result<OrderView> {
    let currency: Currency = row.get(8)?;
    let money = |index: usize| Ok::<_, Error>(Money::new(row.get(index)?, currency));
    Ok(OrderView {
        id,
        number: row.get(0)?,
        status: status(row, 1)?,
        payment_status: status(row, 2)?,
        fulfilment_status: status(row, 3)?,
        email: row.get(4)?,
        shipping_address: optional_json(row, 5)?,
        billing_address: optional_json(row, 6)?,
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
        customer_id: row.get(22)?,
        note: row.get(23)?,
        promotions: optional_json(row, 24)?.unwrap_or_default(),
        taxes: optional_json(row, 25)?.unwrap_or_default(),
        gift_card: money(26)?,
        paid: money(27)?,
        refunded: money(28)?,
        cancel_requested_at: row.get(29)?,
        fulfilments: Vec::new(),
        returns: Vec::new(),
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
        discount: money(at + 12)?,
        requires_shipping: row.get(at + 13)?,
        grams: row.get(at + 14)?,
        adjustments: optional_json(row, at + 15)?.unwrap_or_default(),
        fulfilled: row.get(at + 16)?,
        returned: row.get(at + 17)?,
        refunded: row.get(at + 18)?,
        components: optional_json(row, at + 19)?.unwrap_or_default(),
    })
}

fn optional_json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<Option<T>> {
    let json: Option<String> = row.get(index)?;
    Ok(json.as_deref().map(serde_json::from_str).transpose()?)
}
