//! Sums no order may break and no single row can hold. Pure.

use stoa_contracts::Totals;
use stoa_contracts::orders::{NewOrder, NewOrderLine, OrderEdit};

/// Far above any cart.
pub(crate) const LINES_PER_ORDER_MAX: usize = 500;

/// One currency, and lines that add up.
pub(crate) fn check_amounts(order: &NewOrder) -> Result<(), String> {
    check_sums(&order.lines, &order.totals).map_err(|problem| format!("{} {problem}", order.id))?;
    let gift_card = order.gift_card;
    if gift_card.currency != order.totals.total.currency {
        return Err(format!("{} is in more than one currency", order.id));
    }
    if gift_card.amount < 0 || gift_card.amount > order.totals.total.amount {
        return Err(format!(
            "gift cards pay more than the total of {}",
            order.id
        ));
    }
    Ok(())
}

pub(crate) fn check_edit(edit: &OrderEdit) -> Result<(), String> {
    check_sums(&edit.lines, &edit.totals).map_err(|problem| format!("{} {problem}", edit.order))
}

fn check_sums(lines: &[NewOrderLine], totals: &Totals) -> Result<(), String> {
    if lines.is_empty() || lines.len() > LINES_PER_ORDER_MAX {
        return Err(format!("has {} lines", lines.len()));
    }
    let amounts = [
        totals.subtotal,
        totals.discount,
        totals.shipping,
        totals.tax,
    ];
    let of_lines = lines.iter().flat_map(|line| {
        [
            line.unit_price,
            line.subtotal,
            line.discount,
            line.tax,
            line.total,
        ]
    });
    if amounts
        .into_iter()
        .chain(of_lines)
        .any(|money| money.currency != totals.total.currency)
    {
        return Err("is in more than one currency".to_owned());
    }
    let subtotal: i128 = lines
        .iter()
        .map(|line| i128::from(line.subtotal.amount))
        .sum();
    if subtotal != i128::from(totals.subtotal.amount) {
        return Err("has lines that do not add up to its total".to_owned());
    }
    let line_is_wrong = |line: &NewOrderLine| {
        let [subtotal, discount, tax, total] =
            [line.subtotal, line.discount, line.tax, line.total].map(|m| i128::from(m.amount));
        discount > subtotal || subtotal - discount + tax != total
    };
    if let Some(line) = lines.iter().find(|line| line_is_wrong(line)) {
        return Err(format!("has a line that does not add up: {}", line.id));
    }
    // What is missing is the delivery's.
    let discount: i128 = lines
        .iter()
        .map(|line| i128::from(line.discount.amount))
        .sum();
    if discount > i128::from(totals.discount.amount) {
        return Err("has lines with more discount than its total has".to_owned());
    }
    Ok(())
}
