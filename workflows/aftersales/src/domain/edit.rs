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

/// What an edit prices anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pricing {
    /// Only what changed: the quote is without delivery.
    AsAgreed,
    /// Taxes of all lines and the delivery, for it goes elsewhere: prices and the share that
    /// discounts take stay.
    Anew,
}

/// `quote` prices the lines in their order at the agreed prices. `None` where the sums do not fit in
/// 64 bits.
pub(crate) fn edited(
    view: &OrderView,
    lines: Vec<EditLine<'_>>,
    quote: &Quote,
    pricing: Pricing,
) -> Option<Edited> {
    let written: Vec<NewOrderLine> = lines
        .into_iter()
        .zip(&quote.lines)
        .map(|(line, priced)| match line {
            EditLine::New(new) => priced_as(*new, priced),
            EditLine::Kept(old, quantity) => kept(old, quantity, priced, pricing),
        })
        .collect();
    let delivery = match pricing {
        Pricing::AsAgreed => Delivery::agreed(view),
        Pricing::Anew => Delivery::anew(view, quote),
    };
    let totals = totals(view, &written, &delivery)?;
    let rates: &[TaxLine] = match pricing {
        Pricing::AsAgreed => &view.taxes,
        Pricing::Anew => &quote.taxes,
    };
    Some(Edited {
        promotions: promotions(view, &written),
        taxes: taxes(view, &written, quote, (delivery.tax, rates)),
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

/// The price of the delivery, net, what promotions take off it, and its tax.
struct Delivery {
    price: i64,
    discount: i64,
    tax: i64,
}

impl Delivery {
    /// What the lines do not explain.
    fn agreed(view: &OrderView) -> Self {
        let discount: i64 = view.lines.iter().map(|line| line.discount.amount).sum();
        let tax: i64 = view.lines.iter().map(|line| line.tax.amount).sum();
        Self {
            price: view.totals.shipping.amount,
            discount: view.totals.discount.amount - discount,
            tax: view.totals.tax.amount - tax,
        }
    }

    /// As quoted, less the share that was taken off before.
    fn anew(view: &OrderView, quote: &Quote) -> Self {
        let (before, price) = (Self::agreed(view), quote.totals.shipping.amount);
        let discounts: i64 = quote.lines.iter().map(|line| line.discount.amount).sum();
        let taxes: i64 = quote.lines.iter().map(|line| line.tax.amount).sum();
        let quoted = quote.totals.discount.amount - discounts;
        let kept = match before.price {
            0 => 0,
            old => share_of(price, before.discount, old),
        };
        let discount = kept.max(quoted).clamp(0, price.max(0));
        let tax = match price - quoted {
            0 => 0,
            left => share_of(quote.totals.tax.amount - taxes, price - discount, left),
        };
        Self {
            price,
            discount,
            tax,
        }
    }
}

fn kept(
    old: &OrderLineView,
    quantity: Quantity,
    priced: &QuotedLine,
    pricing: Pricing,
) -> NewOrderLine {
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
        // What is held for it was decided when it was sold.
        components: old.components.clone(),
    };
    if quantity == old.quantity && pricing == Pricing::AsAgreed {
        return same;
    }
    // Units that stay keep their part of the discount; units that come have none.
    let stay = |amount: i64| first_parts(amount, old.quantity.as_i64(), quantity.as_i64());
    let subtotal = priced.subtotal.amount;
    let discount = match pricing {
        Pricing::AsAgreed => stay(old.discount.amount),
        // Another tax makes another net of the same price: the discount keeps its share of it.
        Pricing::Anew => {
            let staying = quantity.as_i64().min(old.quantity.as_i64());
            let net = share_of(subtotal, staying, quantity.as_i64());
            match stay(old.subtotal.amount) {
                0 => 0,
                before => share_of(net, stay(old.discount.amount), before),
            }
        }
    }
    .min(subtotal);
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

fn totals(view: &OrderView, lines: &[NewOrderLine], delivery: &Delivery) -> Option<Totals> {
    let currency = view.currency;
    let sum = |of: fn(&NewOrderLine) -> Money| {
        let amounts = lines.iter().map(|line| i128::from(of(line).amount));
        i64::try_from(amounts.sum::<i128>()).ok()
    };
    let subtotal = sum(|line| line.subtotal)?;
    let discount = sum(|line| line.discount)?.checked_add(delivery.discount)?;
    let tax = sum(|line| line.tax)?.checked_add(delivery.tax)?;
    let shipping = delivery.price;
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

/// The tax by rate: of the goods as they are quoted, of the delivery over its own rates.
fn taxes(
    view: &OrderView,
    lines: &[NewOrderLine],
    quote: &Quote,
    (delivery, delivered_at): (i64, &[TaxLine]),
) -> Vec<TaxLine> {
    let goods: i64 = lines.iter().map(|line| line.tax.amount).sum();
    let rates = match quote.taxes.is_empty() {
        true => &view.taxes,
        false => &quote.taxes,
    };
    let mut spread = spread(goods, rates);
    for part in self::spread(delivery, delivered_at) {
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

    fn eur(amount: i64) -> Money {
        Money::new(amount, stoa_kernel::Currency::EUR)
    }

    fn agreed_line() -> OrderLineView {
        OrderLineView {
            id: stoa_kernel::LineId::from_u128(1),
            variant_id: stoa_kernel::VariantId::from_u128(2),
            product_id: stoa_kernel::ProductId::from_u128(3),
            title: "Pot".to_owned(),
            variant_title: "Default".to_owned(),
            sku: None,
            image: None,
            quantity: Quantity::new(2).expect("two"),
            requires_shipping: true,
            grams: 1,
            unit_price: eur(1_190),
            // 19 % is included; a tenth is off.
            subtotal: eur(2_000),
            discount: eur(200),
            tax: eur(342),
            total: eur(2_142),
            adjustments: Vec::new(),
            fulfilled: 0,
            returned: 0,
            refunded: 0,
            components: Vec::new(),
        }
    }

    #[test]
    fn another_tax_leaves_the_price_and_the_share_of_the_discount() {
        let old = agreed_line();
        // The same 23.80, with 7 % included.
        let priced = QuotedLine {
            variant: old.variant_id,
            quantity: old.quantity,
            unit_price: old.unit_price,
            subtotal: eur(2_224),
            discount: eur(0),
            tax: eur(156),
            total: eur(2_380),
            adjustments: Vec::new(),
        };
        let anew = kept(&old, old.quantity, &priced, Pricing::Anew);
        let sums = (anew.subtotal, anew.discount, anew.tax, anew.total);
        assert_eq!(sums, (eur(2_224), eur(222), eur(140), eur(2_142)));
        let same = kept(&old, old.quantity, &priced, Pricing::AsAgreed);
        assert_eq!((same.subtotal, same.tax), (eur(2_000), eur(342)));
    }
}
