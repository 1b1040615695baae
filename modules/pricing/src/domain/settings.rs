//! A shop's tax and shipping, their first values, and the bounds of what merchants set.

use std::collections::HashSet;

use stoa_contracts::pricing::{NewPrice, ShippingOption};
use stoa_kernel::{Currency, Money};

pub(crate) const PRICES_PER_CALL_MAX: usize = 1_000;
pub(crate) const SHIPPING_OPTIONS_MAX: usize = 50;
const ID_CHARS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 255;
const TAX_PPM_FIRST: i64 = 200_000;

/// One rate for everything taxable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaxRule {
    /// Parts per million: 200,000 is 20 %.
    pub(crate) ppm: i64,
    /// Whether listed prices include it.
    pub(crate) inclusive: bool,
}

/// What one way of delivery costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShippingRate {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    /// Goods of this value ship for nothing.
    pub(crate) free_from: Option<i64>,
}

impl ShippingRate {
    /// As offered to a shopper whose goods cost `goods`.
    pub(crate) fn option(&self, currency: Currency, goods: i64) -> ShippingOption {
        let free = self.free_from.is_some_and(|from| goods >= from);
        let amount = if free { 0 } else { self.amount };
        ShippingOption {
            id: self.id.clone(),
            name: self.name.clone(),
            price: Money::new(amount, currency),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) currency: Currency,
    pub(crate) tax: TaxRule,
    pub(crate) tax_version: i64,
    pub(crate) shipping_version: i64,
    /// Moves with every change of what a quote goes by.
    pub(crate) terms_mark: i64,
}

impl Settings {
    /// What a new shop starts with: prices include 20 % tax.
    pub(crate) const fn first(currency: Currency) -> Self {
        Self {
            currency,
            tax: TaxRule {
                ppm: TAX_PPM_FIRST,
                inclusive: true,
            },
            tax_version: 1,
            shipping_version: 1,
            terms_mark: 1,
        }
    }

    /// How a new shop delivers: for 4.90, free from 60.00, or express for 12.90.
    pub(crate) fn first_shipping(currency: Currency) -> [ShippingRate; 2] {
        let amount = |cents: i64| in_minor_units(cents, currency);
        [
            ShippingRate {
                id: "standard".to_owned(),
                name: "Standard delivery".to_owned(),
                currency,
                amount: amount(490),
                free_from: Some(amount(6_000)),
            },
            ShippingRate {
                id: "express".to_owned(),
                name: "Express delivery".to_owned(),
                currency,
                amount: amount(1_290),
                free_from: None,
            },
        ]
    }
}

/// Hundredths of a currency's unit as its own minor units, rounded half up.
fn in_minor_units(hundredths: i64, currency: Currency) -> i64 {
    (hundredths * 10_i64.pow(currency.exponent()) + 50) / 100
}

/// A broken rule: which field, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub(crate) struct Flaw {
    pub(crate) field: String,
    pub(crate) reason: String,
}

impl Flaw {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

/// A price as it is kept: a former price that is not above it says nothing, so it goes.
pub(crate) fn price_to_keep(price: &NewPrice) -> NewPrice {
    let above = |former: &Money| {
        former.currency == price.price.currency && former.amount > price.price.amount
    };
    NewPrice {
        compare_at: price.compare_at.filter(above),
        ..*price
    }
}

pub(crate) fn check_prices(prices: &[NewPrice]) -> Result<(), Flaw> {
    if prices.len() > PRICES_PER_CALL_MAX {
        return Err(Flaw::new(
            "prices",
            format!("holds at most {PRICES_PER_CALL_MAX} entries"),
        ));
    }
    let mut seen = HashSet::new();
    for (index, each) in prices.iter().enumerate() {
        let field = |name: &str| format!("prices[{index}].{name}");
        if each.price.amount < 0 {
            return Err(Flaw::new(field("price.amount"), "must not be negative"));
        }
        if let Some(former) = each.compare_at {
            if former.currency != each.price.currency {
                let reason = "must be in the currency of the price";
                return Err(Flaw::new(field("compare_at_price.currency"), reason));
            }
            if former.amount <= each.price.amount {
                let reason = "must be above the price";
                return Err(Flaw::new(field("compare_at_price.amount"), reason));
            }
        }
        if !seen.insert((each.variant, each.price.currency)) {
            let reason = "has a price in this currency in the list already";
            return Err(Flaw::new(field("variant_id"), reason));
        }
    }
    Ok(())
}

pub(crate) fn check_tax(tax: TaxRule) -> Result<(), Flaw> {
    match (0..=1_000_000).contains(&tax.ppm) {
        true => Ok(()),
        false => Err(Flaw::new("rate_ppm", "is 0 to 1000000 (parts per million)")),
    }
}

pub(crate) fn check_shipping(options: &[ShippingRate]) -> Result<(), Flaw> {
    if options.len() > SHIPPING_OPTIONS_MAX {
        let reason = format!("holds at most {SHIPPING_OPTIONS_MAX} entries");
        return Err(Flaw::new("options", reason));
    }
    let mut seen = HashSet::new();
    for (index, option) in options.iter().enumerate() {
        let field = |name: &str| format!("options[{index}].{name}");
        check_id(&option.id, || field("id"))?;
        check_name(&option.name, || field("name"))?;
        if option.amount < 0 {
            return Err(Flaw::new(field("price.amount"), "must not be negative"));
        }
        if option.free_from.is_some_and(|from| from < 0) {
            return Err(Flaw::new(field("free_from.amount"), "must not be negative"));
        }
        if !seen.insert((option.currency, option.id.as_str())) {
            return Err(Flaw::new(
                field("id"),
                "is in the list twice for this currency",
            ));
        }
    }
    Ok(())
}

pub(crate) fn check_id(id: &str, field: impl FnOnce() -> String) -> Result<(), Flaw> {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    match (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(letters) {
        true => Ok(()),
        false => {
            let reason = format!("is 1 to {ID_CHARS_MAX} of a-z, 0-9, - and _");
            Err(Flaw::new(field(), reason))
        }
    }
}

pub(crate) fn check_name(name: &str, field: impl FnOnce() -> String) -> Result<(), Flaw> {
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.contains('\0');
    match fits && !name.trim().is_empty() {
        true => Ok(()),
        false => {
            let reason = format!("is 1 to {NAME_CHARS_MAX} characters");
            Err(Flaw::new(field(), reason))
        }
    }
}
