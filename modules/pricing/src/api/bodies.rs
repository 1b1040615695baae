//! Prices, tax and shipping as merchants send and get them. Checks only what types cannot say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{CustomerId, Money, Timestamp, VariantId};
use stoa_rest::{Limit, Problem};

use crate::application::{ShopSettings, TaxEdit};
use crate::domain::{
    Exemption, ShippingRate, TaxCategory, TaxProvider, TaxRegion, TaxRule, Zone, buyer_key,
};
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

/// Tax as merchants send it; what is left out, the rate apart, stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaxPut {
    /// For everything taxable, where no region holds. Parts per million: 200000 is 20 %.
    rate_ppm: i64,
    /// Whether listed prices include the tax.
    prices_include_tax: bool,
    /// At most 1000. The closest to a destination holds: postal codes before regions before
    /// countries.
    #[serde(default)]
    regions: Option<Vec<TaxRegion>>,
    /// At most 100.
    #[serde(default)]
    categories: Option<Vec<TaxCategory>>,
    /// At most 1000.
    #[serde(default)]
    exemptions: Option<Vec<ExemptionBody>>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    provider: Option<Option<TaxProvider>>,
}

/// A buyer who pays no tax. Addresses are kept as a hash.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ExemptionBody {
    CustomerId(CustomerId),
    EmailSha256(String),
    Email(String),
}

/// Tells a field that is null from one that is left out.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl TaxPut {
    pub(crate) fn into_edit(self) -> Result<TaxEdit, Problem> {
        let exemptions = self.exemptions.map(|all| {
            let each = |(index, body): (usize, ExemptionBody)| body.into_exemption(index);
            all.into_iter().enumerate().map(each).collect()
        });
        Ok(TaxEdit {
            rule: TaxRule {
                ppm: self.rate_ppm,
                inclusive: self.prices_include_tax,
            },
            regions: self.regions,
            categories: self.categories,
            exemptions: exemptions.transpose()?,
            provider: self.provider,
        })
    }
}

impl ExemptionBody {
    fn into_exemption(self, index: usize) -> Result<Exemption, Problem> {
        Ok(match self {
            Self::CustomerId(id) => Exemption::CustomerId(id),
            Self::EmailSha256(hash) => Exemption::EmailSha256(hash.to_lowercase()),
            Self::Email(email) => {
                let Some(key) = buyer_key(Some(&email), None) else {
                    let field = format!("exemptions[{index}].email");
                    return Err(Problem::invalid(field, "must not be empty"));
                };
                Exemption::EmailSha256(hex::encode(key))
            }
        })
    }
}

/// A shop's tax.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Tax {
    rate_ppm: i64,
    prices_include_tax: bool,
    regions: Vec<TaxRegion>,
    categories: Vec<TaxCategory>,
    exemptions: Vec<Exemption>,
    provider: Option<TaxProvider>,
}

impl From<ShopSettings> for Tax {
    fn from(shop: ShopSettings) -> Self {
        Self {
            rate_ppm: shop.settings.tax.ppm,
            prices_include_tax: shop.settings.tax.inclusive,
            regions: shop.tax.regions,
            categories: shop.tax.categories,
            exemptions: shop.tax.exemptions,
            provider: shop.tax.provider,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProviderSecret {
    /// `whsec_` and the key in base64, as Standard Webhooks write it.
    pub(crate) secret: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShippingPut {
    /// At most 50, in the order shown.
    options: Vec<ShippingBody>,
    /// At most 100. The closest to a destination holds.
    #[serde(default)]
    zones: Option<Vec<Zone>>,
}

/// The ways of delivery, in the order shown: those where no zone is, and those of each zone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shipping {
    options: Vec<ShippingBody>,
    zones: Vec<Zone>,
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
    pub(crate) fn into_parts(self) -> Result<(Vec<ShippingRate>, Option<Vec<Zone>>), Problem> {
        let rates = self
            .options
            .into_iter()
            .enumerate()
            .map(|(index, body)| body.into_rate(index))
            .collect::<Result<_, _>>()?;
        Ok((rates, self.zones))
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

impl From<ShopSettings> for Shipping {
    fn from(shop: ShopSettings) -> Self {
        let body = |rate: ShippingRate| ShippingBody {
            id: rate.id,
            name: rate.name,
            price: Money::new(rate.amount, rate.currency),
            free_from: rate
                .free_from
                .map(|amount| Money::new(amount, rate.currency)),
        };
        Self {
            options: shop.everywhere.into_iter().map(body).collect(),
            zones: shop.zones,
        }
    }
}
