//! Prices, tax and shipping as merchants send and get them. Checks only what types cannot say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Money, Timestamp, VariantId};
use stoa_rest::{Limit, Problem};

use crate::domain::{ShippingRate, TaxRule};
use crate::infrastructure::PriceRow;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PriceListQuery {
    /// Only prices of this variant.
    #[serde(default)]
    pub(crate) variant_id: Option<VariantId>,
    #[serde(default)]
    pub(crate) limit: Limit,
    #[serde(default)]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PricesPut {
    /// At most 1000.
    pub(crate) prices: Vec<PriceBody>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceBody {
    variant_id: VariantId,
    price: Money,
    /// A former price, shown struck through: above `price`, in its currency.
    #[serde(default)]
    compare_at_price: Option<Money>,
}

impl PriceBody {
    pub(crate) fn into_price(self) -> NewPrice {
        NewPrice {
            variant: self.variant_id,
            price: self.price,
            compare_at: self.compare_at_price,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PricesChanged {
    /// How many differed from what was there.
    pub(crate) changed: usize,
}

impl PricesChanged {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a number always serialises")
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PriceEntry {
    variant_id: VariantId,
    price: Money,
    compare_at_price: Option<Money>,
    updated_at: Timestamp,
}

impl From<PriceRow> for PriceEntry {
    fn from(row: PriceRow) -> Self {
        Self {
            variant_id: row.price.variant,
            price: row.price.price,
            compare_at_price: row.price.compare_at,
            updated_at: row.updated_at,
        }
    }
}

/// One rate for everything taxable, shipping included.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tax {
    /// Parts per million: 200000 is 20 %.
    rate_ppm: i64,
    /// Whether listed prices include the tax.
    prices_include_tax: bool,
}

impl From<TaxRule> for Tax {
    fn from(rule: TaxRule) -> Self {
        Self {
            rate_ppm: rule.ppm,
            prices_include_tax: rule.inclusive,
        }
    }
}
impl From<Tax> for TaxRule {
    fn from(tax: Tax) -> Self {
        Self {
            ppm: tax.rate_ppm,
            inclusive: tax.prices_include_tax,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShippingPut {
    /// At most 50, in the order shown.
    options: Vec<ShippingBody>,
}

/// The ways of delivery, in the order shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shipping {
    options: Vec<ShippingBody>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShippingBody {
    /// 1 to 64 of a-z, 0-9, - and _; once per currency.
    id: String,
    name: String,
    /// As shown: with tax where prices include it.
    price: Money,
    /// Goods of this value, as shown, are delivered for nothing.
    #[serde(default)]
    free_from: Option<Money>,
}

impl ShippingPut {
    pub(crate) fn into_rates(self) -> Result<Vec<ShippingRate>, Problem> {
        self.options
            .into_iter()
            .enumerate()
            .map(|(index, body)| body.into_rate(index))
            .collect()
    }
}

impl ShippingBody {
    fn into_rate(self, index: usize) -> Result<ShippingRate, Problem> {
        if self
            .free_from
            .is_some_and(|from| from.currency != self.price.currency)
        {
            let field = format!("options[{index}].free_from.currency");
            return Err(Problem::invalid(field, "must be the currency of the price"));
        }
        Ok(ShippingRate {
            id: self.id,
            name: self.name,
            currency: self.price.currency,
            amount: self.price.amount,
            free_from: self.free_from.map(|from| from.amount),
        })
    }
}

impl From<Vec<ShippingRate>> for Shipping {
    fn from(rates: Vec<ShippingRate>) -> Self {
        let body = |rate: ShippingRate| ShippingBody {
            id: rate.id,
            name: rate.name,
            price: Money::new(rate.amount, rate.currency),
            free_from: rate
                .free_from
                .map(|amount| Money::new(amount, rate.currency)),
        };
        Self {
            options: rates.into_iter().map(body).collect(),
        }
    }
}
