//! Tax: which rates hold for what, and one amount apart into net and tax. Whole numbers only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::pricing::{QuoteError, TaxLine};
use stoa_kernel::{Currency, CustomerId, Money, allocate};

use super::place::{Place, Whereabouts};
use super::sums::round_half_up;
use super::{TaxRule, buyer_key};

/// A shop's tax beside its one rate for everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct TaxTable {
    pub(crate) regions: Vec<TaxRegion>,
    pub(crate) categories: Vec<TaxCategory>,
    pub(crate) exemptions: Vec<Exemption>,
    pub(crate) provider: Option<TaxProvider>,
}

/// The rates of one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaxRegion {
    pub(crate) place: Place,
    #[serde(default = "yes")]
    pub(crate) shipping_taxed: bool,
    /// At most 10.
    pub(crate) rates: Vec<TaxRate>,
}

/// A named rate of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaxRate {
    pub(crate) name: String,
    /// Parts per million: 200000 is 20 %.
    pub(crate) rate_ppm: i64,
    /// The goods it is for. A category without a rate here pays those without a category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<String>,
    /// Taken of the net together with the taxes that are not compound.
    #[serde(default)]
    pub(crate) compound: bool,
}

/// Goods that are taxed alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaxCategory {
    pub(crate) name: String,
    /// Products of these types, in any case.
    pub(crate) product_types: Vec<String>,
}

/// A buyer who pays no tax: kept by id or by a hash, never by address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Exemption {
    CustomerId(CustomerId),
    /// SHA-256 of the trimmed address in small letters, as 64 hexadecimal digits.
    EmailSha256(String),
}

/// A service of the merchant's that answers with the rates of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaxProvider {
    /// `https`, at a public address.
    pub(crate) url: String,
}

/// Rates as a provider gave them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptRates {
    #[serde(default = "yes")]
    pub(crate) shipping_taxed: bool,
    pub(crate) rates: Vec<TaxRate>,
}

pub(crate) const fn yes() -> bool {
    true
}

/// The tax of one quote: what holds at its destination for its buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taxation {
    pub(crate) inclusive: bool,
    pub(crate) shipping_taxed: bool,
    rates: Vec<TaxRate>,
    /// Product type in small letters, to category.
    categories: BTreeMap<String, String>,
}

const MILLION: i128 = 1_000_000;
/// Rates of rates are exact in it.
const WHOLE: i128 = MILLION * MILLION;

/// What is taken of one kind of goods.
pub(crate) struct Burden {
    /// Of [`WHOLE`].
    rate: i128,
    /// Each rate by its place in the list, with its share.
    shares: Vec<(usize, u64)>,
}

/// One amount apart into what the shop keeps and what it owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) net: i64,
    pub(crate) tax: i64,
}

impl Taxation {
    /// The shop's one rate, for everything.
    pub(crate) fn flat(rule: TaxRule) -> Self {
        let rate = TaxRate {
            name: "Tax".to_owned(),
            rate_ppm: rule.ppm,
            category: None,
            compound: false,
        };
        Self {
            inclusive: rule.inclusive,
            shipping_taxed: true,
            rates: vec![rate],
            categories: BTreeMap::new(),
        }
    }

    /// Rates of a provider before those of the shop's own table, and those before the one rate.
    pub(crate) fn at(
        rule: TaxRule,
        table: &TaxTable,
        to: &Whereabouts,
        kept: Option<KeptRates>,
    ) -> Self {
        let own = || {
            let region = to.closest(&table.regions, |region| std::slice::from_ref(&region.place));
            region.map(|region| KeptRates {
                shipping_taxed: region.shipping_taxed,
                rates: region.rates.clone(),
            })
        };
        let Some(found) = kept.or_else(own) else {
            return Self::flat(rule);
        };
        let categories = table.categories.iter().flat_map(|category| {
            let types = category.product_types.iter();
            types.map(|each| (each.trim().to_lowercase(), category.name.clone()))
        });
        Self {
            inclusive: rule.inclusive,
            shipping_taxed: found.shipping_taxed,
            rates: found.rates,
            categories: categories.collect(),
        }
    }

    /// For a buyer who pays no tax; prices stay as they are listed.
    pub(crate) fn exempt(self) -> Self {
        Self {
            rates: Vec::new(),
            ..self
        }
    }

    pub(crate) fn of_goods(&self, taxable: bool, product_type: Option<&str>) -> Burden {
        if !taxable {
            return Burden::none();
        }
        let category = product_type
            .and_then(|name| self.categories.get(&name.trim().to_lowercase()))
            .filter(|name| {
                let mut rates = self.rates.iter();
                rates.any(|rate| rate.category.as_ref() == Some(name))
            });
        self.burden(category.map(String::as_str))
    }

    pub(crate) fn of_delivery(&self) -> Burden {
        match self.shipping_taxed {
            true => self.burden(None),
            false => Burden::none(),
        }
    }

    fn burden(&self, category: Option<&str>) -> Burden {
        let mine = || {
            let rates = self.rates.iter().enumerate();
            rates.filter(|(_, rate)| rate.category.as_deref() == category)
        };
        let plain: i128 = mine()
            .filter(|(_, rate)| !rate.compound)
            .map(|(_, rate)| i128::from(rate.rate_ppm))
            .sum();
        let share = |rate: &TaxRate| {
            let base = if rate.compound {
                MILLION + plain
            } else {
                MILLION
            };
            i128::from(rate.rate_ppm) * base
        };
        let shares: Vec<(usize, u64)> = mine()
            .map(|(at, rate)| (at, u64::try_from(share(rate)).unwrap_or(0)))
            .collect();
        Burden {
            rate: shares.iter().map(|(_, share)| i128::from(*share)).sum(),
            shares,
        }
    }

    /// Tax is rounded once, half up. `listed` is gross where prices include tax, else net.
    pub(crate) fn split(&self, listed: i64, burden: &Burden) -> Result<Split, QuoteError> {
        let base = if self.inclusive {
            WHOLE + burden.rate
        } else {
            WHOLE
        };
        let tax = round_half_up(i128::from(listed) * burden.rate, base);
        let tax = i64::try_from(tax).map_err(|_| QuoteError::Overflow)?;
        let net = if self.inclusive { listed - tax } else { listed };
        Ok(Split { net, tax })
    }
}

impl Burden {
    fn none() -> Self {
        Self {
            rate: 0,
            shares: Vec::new(),
        }
    }
}

/// The tax of a quote by name and rate.
#[derive(Default)]
pub(crate) struct TaxSums<'t>(BTreeMap<(&'t str, i64), i128>);

impl<'t> TaxSums<'t> {
    /// A line's tax, shared among its rates so that the parts sum to it.
    pub(crate) fn add(&mut self, taxation: &'t Taxation, burden: &Burden, tax: i64) {
        let weights: Vec<u64> = burden.shares.iter().map(|(_, share)| *share).collect();
        let parts = allocate(tax, &weights);
        for ((at, _), part) in burden.shares.iter().zip(parts) {
            let rate = &taxation.rates[*at];
            if rate.rate_ppm > 0 {
                *self.0.entry((&rate.name, rate.rate_ppm)).or_default() += i128::from(part);
            }
        }
    }

    pub(crate) fn lines(self, currency: Currency) -> Result<Vec<TaxLine>, QuoteError> {
        let line = |((name, rate_ppm), sum): ((&str, i64), i128)| {
            let amount = i64::try_from(sum).map_err(|_| QuoteError::Overflow)?;
            Ok(TaxLine {
                name: name.to_owned(),
                rate_ppm,
                amount: Money::new(amount, currency),
            })
        };
        self.0.into_iter().map(line).collect()
    }
}

impl TaxTable {
    pub(crate) fn is_exempt(&self, email: Option<&str>, customer: Option<CustomerId>) -> bool {
        if self.exemptions.is_empty() {
            return false;
        }
        let hash = email
            .and_then(|email| buyer_key(Some(email), None))
            .map(hex::encode);
        self.exemptions.iter().any(|each| match each {
            Exemption::CustomerId(id) => customer == Some(*id),
            Exemption::EmailSha256(known) => {
                let same = |hash: &String| known.eq_ignore_ascii_case(hash);
                hash.as_ref().is_some_and(same)
            }
        })
    }
}
