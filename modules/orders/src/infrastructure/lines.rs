//! The columns of an order's lines as they are written. Reads nothing.

use stoa_contracts::orders::NewOrderLine;
use stoa_kernel::{OrderId, ReturnId};
use stoa_storage::{Result, Value};

use super::list_text;

pub(super) const CLEAR_LINES: &str =
    "DELETE FROM orders_line WHERE tenant_id = :tenant AND order_id = $1";

pub(super) const INSERT_LINE: &str = "INSERT INTO orders_line (tenant_id, order_id, position, id, \
     variant_id, product_id, title, variant_title, sku, image, quantity, unit_price, subtotal, \
     tax, total, discount, requires_shipping, grams, adjustments, return_id, components) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
     $18, $19, $20)";

pub(super) fn line_values<'l>(
    order: OrderId,
    lines: &'l [NewOrderLine],
    lists: &'l [Lists],
    first_position: i64,
    exchange_of: Option<ReturnId>,
) -> Vec<[Value<'l>; 20]> {
    let values = lines.iter().zip(lists).zip(first_position..);
    let values = values.map(|((line, lists), position)| {
        [
            Value::from(order),
            Value::from(position),
            Value::from(line.id),
            Value::from(line.variant),
            Value::from(line.product),
            Value::from(&line.title),
            Value::from(&line.variant_title),
            Value::from(&line.sku),
            Value::from(&line.image),
            Value::from(line.quantity),
            Value::from(line.unit_price.amount),
            Value::from(line.subtotal.amount - line.discount.amount),
            Value::from(line.tax.amount),
            Value::from(line.total.amount),
            Value::from(line.discount.amount),
            Value::from(line.requires_shipping),
            Value::from(line.grams),
            Value::from(&lists.adjustments),
            Value::from(exchange_of),
            Value::from(&lists.components),
        ]
    });
    values.collect()
}

/// The columns of a line that are JSON lists.
pub(super) struct Lists {
    adjustments: Option<String>,
    components: Option<String>,
}

pub(super) fn lists_of(lines: &[NewOrderLine]) -> Result<Vec<Lists>> {
    let lists = lines.iter().map(|line| {
        Ok(Lists {
            adjustments: list_text(&line.adjustments)?,
            components: list_text(&line.components)?,
        })
    });
    lists.collect()
}
