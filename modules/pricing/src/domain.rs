//! What a cart costs: lines, promotions, tax, shipping, totals. Whole numbers only; never does IO.

mod adjusting;
mod checks;
mod delivery;
mod groups;
mod lists;
mod place;
mod promotions;
mod reduce;
mod settings;
mod sums;
mod tax;

pub(crate) use adjusting::{
    ADJUSTMENT_ERRORS_MAX, AdjustmentId, AdjustmentTerms, PriceFilter, check_adjustment,
};
pub(crate) use checks::{
    check_kept_rates, check_list, check_list_prices, check_promotion, check_tax_table, check_zones,
};
pub(crate) use delivery::{Parcel, Zone, offers};
pub(crate) use groups::{GroupId, GroupTerms, check_group};
pub(crate) use lists::{BasePrice, ListPrice, ListPrices, ListTerms, PriceList};
pub(crate) use place::Whereabouts;
pub(crate) use promotions::{
    Budget, Candidate, Promotion, PromotionTerms, Promotions, buyer_key, code_key,
};
pub(crate) use reduce::{Basket, Reduction, reduce};
pub(crate) use settings::{
    Flaw, Settings, ShippingRate, TaxRule, check_prices, check_shipping, check_tax, price_to_keep,
};
pub(crate) use tax::{
    Exemption, KeptRates, TaxCategory, TaxProvider, TaxRate, TaxRegion, TaxTable, Taxation, yes,
};

use std::collections::HashMap;

use stoa_contracts::Totals;
use stoa_contracts::pricing::{QuoteError, QuoteLine, QuotedLine, TaxLine};
use stoa_kernel::{Currency, Money, VariantId};

use sums::Sum;
use tax::TaxSums;

/// A line and its unit price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PricedLine {
    pub(crate) line: QuoteLine,
    /// Minor units of the quote's currency, as listed.
    pub(crate) unit: i64,
}

/// Everything a quote sums up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calculation {
    pub(crate) lines: Vec<QuotedLine>,
    pub(crate) totals: Totals,
    pub(crate) taxes: Vec<TaxLine>,
}

/// Gives each line its price: what staff agreed, else the best list's, else the base price.
pub(crate) fn price_lines(
    lines: &[QuoteLine],
    currency: Currency,
    base: &HashMap<VariantId, i64>,
    lists: &ListPrices,
) -> Result<Vec<PricedLine>, QuoteError> {
    let mut units = HashMap::<VariantId, i64>::new();
    for line in lines.iter().filter(|line| line.unit_price.is_none()) {
        *units.entry(line.variant).or_default() += line.quantity.as_i64();
    }
    let priced = |line: &QuoteLine| {
        let variant = line.variant;
        let unit = match line.unit_price {
            Some(agreed) if agreed.currency == currency => Some(agreed.amount.max(0)),
            Some(_) => None,
            None => {
                let count = units.get(&variant).copied().unwrap_or(0);
                lists.unit(variant, count, base.get(&variant).copied())
            }
        };
        Ok(PricedLine {
            line: line.clone(),
            unit: unit.ok_or(QuoteError::NoPrice { variant, currency })?,
        })
    };
    lines.iter().map(priced).collect()
}

/// Sums up lines and the price of a delivery, less what promotions take off, with their tax.
pub(crate) fn calculate(
    taxation: &Taxation,
    currency: Currency,
    lines: &[PricedLine],
    delivery: i64,
    reduction: &Reduction,
) -> Result<Calculation, QuoteError> {
    let money = |amount: i64| Money::new(amount, currency);
    let (mut subtotal, mut discount, mut tax) = (Sum::default(), Sum::default(), Sum::default());
    let mut taxes = TaxSums::default();
    let mut quoted = Vec::with_capacity(lines.len());
    for (at, each) in lines.iter().enumerate() {
        let line = &each.line;
        let burden = taxation.of_goods(line.taxable, line.product_type.as_deref());
        let adjustments = reduction.lines.get(at).cloned().unwrap_or_default();
        let off: Sum = adjustments.iter().map(|each| each.amount.amount).collect();
        let part = part(taxation, &burden, listed_total(each)?, off.get()?)?;
        taxes.add(taxation, &burden, part.tax);
        subtotal.add(part.net);
        discount.add(part.discount);
        tax.add(part.tax);
        quoted.push(QuotedLine {
            variant: line.variant,
            quantity: line.quantity,
            unit_price: money(each.unit),
            subtotal: money(part.net),
            discount: money(part.discount),
            tax: money(part.tax),
            total: money(part.total()?),
            adjustments,
        });
    }
    let burden = taxation.of_delivery();
    let shipping = part(taxation, &burden, delivery, reduction.delivery)?;
    taxes.add(taxation, &burden, shipping.tax);
    discount.add(shipping.discount);
    tax.add(shipping.tax);
    let (subtotal, discount, tax) = (subtotal.get()?, discount.get()?, tax.get()?);
    let total: Sum = [subtotal, shipping.net, tax, -discount]
        .into_iter()
        .collect();
    Ok(Calculation {
        lines: quoted,
        totals: Totals {
            subtotal: money(subtotal),
            discount: money(discount),
            shipping: money(shipping.net),
            tax: money(tax),
            total: money(total.get()?),
        },
        taxes: taxes.lines(currency)?,
    })
}

/// A line or the delivery: net before the discount, the discount net, tax of what is left.
struct Part {
    net: i64,
    discount: i64,
    tax: i64,
}

impl Part {
    fn total(&self) -> Result<i64, QuoteError> {
        let sum: Sum = [self.net, self.tax, -self.discount].into_iter().collect();
        sum.get()
    }
}

/// `off` is taken of `listed` as it is listed; the net discount is what that takes off the net.
fn part(
    taxation: &Taxation,
    burden: &tax::Burden,
    listed: i64,
    off: i64,
) -> Result<Part, QuoteError> {
    let after = taxation.split(listed - off, burden)?;
    let net = match off {
        0 => after.net,
        _ => taxation.split(listed, burden)?.net,
    };
    Ok(Part {
        net,
        discount: net - after.net,
        tax: after.tax,
    })
}

pub(crate) fn needs_shipping<'l>(mut lines: impl Iterator<Item = &'l QuoteLine>) -> bool {
    lines.any(|line| line.requires_shipping)
}

/// What the goods cost as shown: free delivery is measured by it.
pub(crate) fn goods_total(lines: &[PricedLine]) -> Result<i64, QuoteError> {
    let mut sum = Sum::default();
    for each in lines {
        sum.add(listed_total(each)?);
    }
    sum.get()
}

fn listed_total(each: &PricedLine) -> Result<i64, QuoteError> {
    each.unit
        .checked_mul(each.line.quantity.as_i64())
        .ok_or(QuoteError::Overflow)
}

#[cfg(test)]
mod tests;
