//! Ways of delivery: which are offered where, and what they cost. Whole numbers only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::pricing::{QuoteError, ShippingOption};
use stoa_kernel::{Currency, Money};

use super::place::{Place, Whereabouts};
use super::{PricedLine, ShippingRate, goods_total};

/// Places that are delivered to alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) places: Vec<Place>,
    /// At most 50, in the order shown.
    pub(crate) options: Vec<ZoneOption>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneOption {
    /// 1 to 64 of a-z, 0-9, - and _; once per zone and currency. Carts hold on to it.
    pub(crate) id: String,
    pub(crate) name: String,
    /// As shown: with tax where prices include it.
    pub(crate) rate: Rate,
    /// Goods of this value, as shown, are delivered for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) free_from: Option<Money>,
}

/// How a delivery is priced. All amounts of one option are in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Rate {
    Flat {
        price: Money,
    },
    /// For the first unit that is shipped, and for each further one.
    PerItem {
        first: Money,
        each_further: Money,
    },
    /// The lightest band that holds the goods; heavier goods are not delivered so.
    ByWeight {
        bands: Vec<WeightBand>,
    },
    /// The highest band that the goods' value reaches; cheaper goods are not delivered so.
    ByPrice {
        bands: Vec<PriceBand>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightBand {
    pub(crate) up_to_grams: i64,
    pub(crate) price: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceBand {
    pub(crate) from: Money,
    pub(crate) price: Money,
}

impl Rate {
    /// Every amount in it.
    pub(crate) fn amounts(&self) -> Vec<Money> {
        match self {
            Self::Flat { price } => vec![*price],
            Self::PerItem {
                first,
                each_further,
            } => vec![*first, *each_further],
            Self::ByWeight { bands } => bands.iter().map(|band| band.price).collect(),
            Self::ByPrice { bands } => bands
                .iter()
                .flat_map(|band| [band.from, band.price])
                .collect(),
        }
    }

    /// `None` where the goods are not delivered so.
    fn amount(&self, parcel: &Parcel) -> Result<Option<i64>, QuoteError> {
        Ok(match self {
            Self::Flat { price } => Some(price.amount),
            Self::PerItem {
                first,
                each_further,
            } => {
                let further = (parcel.units - 1).max(0);
                let rest = each_further.amount.checked_mul(further);
                let sum = rest.and_then(|rest| rest.checked_add(first.amount));
                Some(sum.ok_or(QuoteError::Overflow)?)
            }
            Self::ByWeight { bands } => bands
                .iter()
                .filter(|band| parcel.grams <= band.up_to_grams)
                .min_by_key(|band| band.up_to_grams)
                .map(|band| band.price.amount),
            Self::ByPrice { bands } => bands
                .iter()
                .filter(|band| band.from.amount <= parcel.goods)
                .max_by_key(|band| band.from.amount)
                .map(|band| band.price.amount),
        })
    }
}

/// What a delivery is priced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parcel {
    /// All goods as listed, before promotions.
    pub(crate) goods: i64,
    /// Of what is shipped.
    pub(crate) grams: i64,
    pub(crate) units: i64,
}

impl Parcel {
    pub(crate) fn of(lines: &[PricedLine]) -> Result<Self, QuoteError> {
        let goods = goods_total(lines)?;
        let (mut grams, mut units) = (0_i64, 0_i64);
        for line in lines.iter().filter(|each| each.line.requires_shipping) {
            let count = line.line.quantity.as_i64();
            let weight = line.line.grams.max(0).saturating_mul(count);
            grams = grams.saturating_add(weight);
            units = units.saturating_add(count);
        }
        Ok(Self {
            goods,
            grams,
            units,
        })
    }
}

/// What is offered at a destination, in the merchant's order: the ways of its zone, or those for
/// everywhere where no zone holds it.
pub(crate) fn offers(
    zones: &[Zone],
    everywhere: &[ShippingRate],
    to: &Whereabouts,
    currency: Currency,
    parcel: &Parcel,
) -> Result<Vec<ShippingOption>, QuoteError> {
    let Some(zone) = to.closest(zones, |zone| &zone.places) else {
        let mine = everywhere.iter().filter(|rate| rate.currency == currency);
        return Ok(mine
            .map(|rate| rate.option(currency, parcel.goods))
            .collect());
    };
    let mut offered = Vec::with_capacity(zone.options.len());
    for option in &zone.options {
        if option.rate.amounts().first().map(|first| first.currency) != Some(currency) {
            continue;
        }
        let Some(amount) = option.rate.amount(parcel)? else {
            continue;
        };
        let reached = |from: Money| parcel.goods >= from.amount;
        let amount = if option.free_from.is_some_and(reached) {
            0
        } else {
            amount
        };
        offered.push(ShippingOption {
            id: option.id.clone(),
            name: option.name.clone(),
            price: Money::new(amount, currency),
        });
    }
    Ok(offered)
}
