//! What a cart costs: lines, tax, shipping, totals. Whole numbers only; never does IO.

mod settings;

pub(crate) use settings::{
    Flaw, Settings, ShippingRate, TaxRule, check_prices, check_shipping, check_tax, price_to_keep,
};

use stoa_contracts::Totals;
use stoa_contracts::pricing::{QuoteError, QuoteLine, QuotedLine, ShippingOption, TaxLine};
use stoa_kernel::{Currency, Money};

/// A line and its unit price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PricedLine {
    pub(crate) line: QuoteLine,
    /// Minor units of the quote's currency, as listed.
    pub(crate) unit: i64,
}

/// Everything a quote says, worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calculation {
    pub(crate) lines: Vec<QuotedLine>,
    pub(crate) totals: Totals,
    pub(crate) taxes: Vec<TaxLine>,
    pub(crate) shipping: Option<ShippingOption>,
}

/// One amount apart into what the shop keeps and what it owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Split {
    net: i64,
    tax: i64,
}

impl TaxRule {
    /// Tax is rounded once, half up. `listed` is gross where prices include tax, else net.
    fn split(self, listed: i64, taxable: bool) -> Result<Split, QuoteError> {
        if !taxable {
            return Ok(Split {
                net: listed,
                tax: 0,
            });
        }
        const MILLION: i128 = 1_000_000;
        let rate = i128::from(self.ppm);
        let base = if self.inclusive {
            MILLION + rate
        } else {
            MILLION
        };
        let tax = round_half_up(i128::from(listed) * rate, base);
        let tax = i64::try_from(tax).map_err(|_| QuoteError::Overflow)?;
        let net = if self.inclusive { listed - tax } else { listed };
        Ok(Split { net, tax })
    }
}

/// Prices the lines and the shipping chosen. Lines that need no shipping alone ship for nothing,
/// whatever was chosen.
pub(crate) fn calculate(
    tax: TaxRule,
    currency: Currency,
    lines: &[PricedLine],
    chosen: Option<&ShippingRate>,
) -> Result<Calculation, QuoteError> {
    let money = |amount: i64| Money::new(amount, currency);
    let mut subtotal = Sum::default();
    let mut taxes = Sum::default();
    let mut quoted = Vec::with_capacity(lines.len());
    for each in lines {
        let listed = listed_total(each)?;
        let split = tax.split(listed, each.line.taxable)?;
        let total = split
            .net
            .checked_add(split.tax)
            .ok_or(QuoteError::Overflow)?;
        subtotal.add(split.net);
        taxes.add(split.tax);
        quoted.push(QuotedLine {
            variant: each.line.variant,
            quantity: each.line.quantity,
            unit_price: money(each.unit),
            subtotal: money(split.net),
            discount: money(0),
            tax: money(split.tax),
            total: money(total),
            adjustments: Vec::new(),
        });
    }
    let shipping = match chosen.filter(|_| needs_shipping(lines.iter().map(|each| &each.line))) {
        Some(rate) => Some(rate.option(currency, goods_total(lines)?)),
        None => None,
    };
    let listed = shipping.as_ref().map_or(0, |option| option.price.amount);
    let delivery = tax.split(listed, true)?;
    taxes.add(delivery.tax);
    let (subtotal, taxes) = (subtotal.get()?, taxes.get()?);
    let mut total = Sum::default();
    [subtotal, delivery.net, taxes]
        .into_iter()
        .for_each(|part| total.add(part));
    let totals = Totals {
        subtotal: money(subtotal),
        discount: money(0),
        shipping: money(delivery.net),
        tax: money(taxes),
        total: money(total.get()?),
    };
    let taxes = TaxLine {
        name: "Tax".to_owned(),
        rate_ppm: tax.ppm,
        amount: totals.tax,
    };
    Ok(Calculation {
        lines: quoted,
        totals,
        taxes: vec![taxes],
        shipping,
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

/// `numerator / denominator`, both of a sum of money that is not negative.
fn round_half_up(numerator: i128, denominator: i128) -> i128 {
    (2 * numerator + denominator).div_euclid(2 * denominator)
}

/// Adds without overflow on the way; only the end must fit.
#[derive(Default)]
struct Sum(i128);

impl Sum {
    fn add(&mut self, amount: i64) {
        self.0 += i128::from(amount);
    }
    fn get(&self) -> Result<i64, QuoteError> {
        i64::try_from(self.0).map_err(|_| QuoteError::Overflow)
    }
}

#[cfg(test)]
mod tests;
