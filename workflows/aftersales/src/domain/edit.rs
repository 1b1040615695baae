//! An order's lines and sums after an edit. What was agreed stays: prices, discounts of units that
//! stay, the delivery. Pure.

use stoa_contracts::Totals;
use stoa_contracts::orders::{NewOrderLine, OrderLineView, OrderView};
use stoa_contracts::pricing::{Adjustment, AppliedPromotion, Quote, QuotedLine, TaxLine};
use stoa_kernel::{Money, Quantity, allocate};

use super::first_parts;

/// A line as it is to be.
pub(crate) enum EditLine<'v> {
    Kept(&'v OrderLineView, Quantity),
    New(Box<NewOrderLine>),
}

/// What is written.
pub(crate) struct Edited {
    pub(crate) lines: Vec<NewOrderLine>,
    pub(crate) totals: Totals,
    pub(crate) promotions: Vec<AppliedPromotion>,
    pub(crate) taxes: Vec<TaxLine>,
}

/// `quote` prices the lines in their order at the agreed prices, without delivery. `None` where the
/// sums do not fit in 64 bits.
pub(crate) fn edited(view: &OrderView, lines: Vec<EditLine<'_>>, quote: &Quote) -> Option<Edited> {
    let written: Vec<NewOrderLine> = lines
        .into_iter()
        .zip(&quote.lines)
        .map(|(line, priced)| match line {
            EditLine::New(new) => priced_as(*new, priced),
            EditLine::Kept(old, quantity) => kept(old, quantity, priced),
        })
        .collect();
    let totals = totals(view, &written)?;
    Some(Edited {
        promotions: promotions(view, &written),
        taxes: taxes(view, &written, quote),
        totals,
        lines: written,
    })
}

fn priced_as(line: NewOrderLine, priced: &QuotedLine) -> NewOrderLine {
    NewOrderLine {
        unit_price: priced.unit_price,
        subtotal: priced.subtotal,
        discount: priced.discount,
        tax: priced.tax,
        total: priced.total,
        adjustments: priced.adjustments.clone(),
        ..line
    }
}

fn kept(old: &OrderLineView, quantity: Quantity, priced: &QuotedLine) -> NewOrderLine {
    let same = NewOrderLine {
        id: old.id,
        variant: old.variant_id,
        product: old.product_id,
        title: old.title.clone(),
        variant_title: old.variant_title.clone(),
        sku: old.sku.clone(),
        image: old.image.clone(),
        quantity,
        requires_shipping: old.requires_shipping,
        grams: old.grams,
        unit_price: old.unit_price,
        subtotal: old.subtotal,
        discount: old.discount,
        tax: old.tax,
        total: old.total,
        adjustments: old.adjustments.clone(),
    };
    if quantity == old.quantity {
        return same;
    }
    // Units that stay keep their part of the discount; units that come have none.
    let stay = |amount: i64| first_parts(amount, old.quantity.as_i64(), quantity.as_i64());
    let subtotal = priced.subtotal.amount;
    let discount = stay(old.discount.amount).min(subtotal);
    let tax = share_of(priced.tax.amount, subtotal - discount, subtotal);
    let currency = old.total.currency;
    let adjustment = |each: &Adjustment| Adjustment {
        amount: Money::new(stay(each.amount.amount), currency),
        ..each.clone()
    };
    NewOrderLine {
        subtotal: Money::new(subtotal, currency),
        discount: Money::new(discount, currency),
        tax: Money::new(tax, currency),
        total: Money::new(subtotal - discount + tax, currency),
        adjustments: old.adjustments.iter().map(adjustment).collect(),
        ..same
    }
}

/// `amount * part / whole`, half up.
fn share_of(amount: i64, part: i64, whole: i64) -> i64 {
    if part == whole || whole <= 0 {
        return amount;
    }
    let (amount, part, whole) = (i128::from(amount), i128::from(part), i128::from(whole));
    let share = (amount * part * 2 + whole) / (whole * 2);
    i64::try_from(share).unwrap_or(0)
}

fn totals(view: &OrderView, lines: &[NewOrderLine]) -> Option<Totals> {
    let currency = view.currency;
    let sum = |of: fn(&NewOrderLine) -> Money| {
        let amounts = lines.iter().map(|line| i128::from(of(line).amount));
        i64::try_from(amounts.sum::<i128>()).ok()
    };
    let old_discount: i64 = view.lines.iter().map(|line| line.discount.amount).sum();
    let old_tax: i64 = view.lines.iter().map(|line| line.tax.amount).sum();
    let subtotal = sum(|line| line.subtotal)?;
    let discount = sum(|line| line.discount)? + (view.totals.discount.amount - old_discount);
    let tax = sum(|line| line.tax)?.checked_add(view.totals.tax.amount - old_tax)?;
    let shipping = view.totals.shipping.amount;
    let gross = subtotal.checked_add(shipping)?.checked_add(tax)?;
    let money = |amount| Money::new(amount, currency);
    Some(Totals {
        subtotal: money(subtotal),
        discount: money(discount),
        shipping: money(shipping),
        tax: money(tax),
        total: money(gross.checked_sub(discount)?),
    })
}

/// Each promotion less what it had taken off units that are gone.
fn promotions(view: &OrderView, lines: &[NewOrderLine]) -> Vec<AppliedPromotion> {
    let taken = |adjustments: &mut dyn Iterator<Item = &Adjustment>, of: &AppliedPromotion| {
        adjustments
            .filter(|each| each.promotion_id == of.promotion_id)
            .map(|each| each.amount.amount)
            .sum::<i64>()
    };
    let mut left = Vec::with_capacity(view.promotions.len());
    for promotion in &view.promotions {
        let before = taken(
            &mut view.lines.iter().flat_map(|line| &line.adjustments),
            promotion,
        );
        let after = taken(
            &mut lines.iter().flat_map(|line| &line.adjustments),
            promotion,
        );
        let amount = promotion.amount.amount - before + after;
        if amount > 0 || before == after {
            left.push(AppliedPromotion {
                amount: Money::new(amount, promotion.amount.currency),
                ..promotion.clone()
            });
        }
    }
    left
}

/// The tax by rate: of the goods as they are quoted, of the delivery as it was spread before.
fn taxes(view: &OrderView, lines: &[NewOrderLine], quote: &Quote) -> Vec<TaxLine> {
    let goods: i64 = lines.iter().map(|line| line.tax.amount).sum();
    let old_goods: i64 = view.lines.iter().map(|line| line.tax.amount).sum();
    let delivery = view.totals.tax.amount - old_goods;
    let rates = match quote.taxes.is_empty() {
        true => &view.taxes,
        false => &quote.taxes,
    };
    let mut spread = spread(goods, rates);
    for part in self::spread(delivery, &view.taxes) {
        let same = |each: &&mut TaxLine| each.name == part.name && each.rate_ppm == part.rate_ppm;
        match spread.iter_mut().find(same) {
            Some(line) => line.amount.amount += part.amount.amount,
            None => spread.push(part),
        }
    }
    spread.retain(|line| line.amount.amount != 0);
    spread
}

fn spread(amount: i64, over: &[TaxLine]) -> Vec<TaxLine> {
    let weights: Vec<u64> = over
        .iter()
        .map(|line| line.amount.amount.unsigned_abs())
        .collect();
    let parts = allocate(amount, &weights);
    over.iter()
        .zip(parts)
        .map(|(line, part)| TaxLine {
            amount: Money::new(part, line.amount.currency),
            ..line.clone()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_half_up_and_a_whole_stays_whole() {
        assert_eq!(share_of(190, 1_000, 1_000), 190);
        assert_eq!(share_of(19, 50, 100), 10);
        assert_eq!(share_of(19, 0, 100), 0);
        assert_eq!(share_of(0, 0, 0), 0);
    }
}
