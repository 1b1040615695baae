//! Price lists: which of a variant's prices is charged. Knows no tax and no promotion.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Currency, PriceListId, Timestamp, VariantId};

use super::tax::yes;

/// What a merchant says of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTerms {
    pub(crate) name: String,
    pub(crate) currency: Currency,
    #[serde(default)]
    pub(crate) kind: ListKind,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    /// Of several lists with a price for the goods, the lowest number wins; of equals the older.
    #[serde(default)]
    pub(crate) priority: i32,
    #[serde(default)]
    pub(crate) starts_at: Option<Timestamp>,
    /// The first moment at which it no longer holds.
    #[serde(default)]
    pub(crate) ends_at: Option<Timestamp>,
    /// Handles of customer groups, at most 20: it holds for their members only. Where there are
    /// none it holds for everybody.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListKind {
    /// Its prices hold where they are below the base price.
    #[default]
    Sale,
    /// Its prices hold, whatever the base price is.
    Override,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PriceList {
    pub(crate) id: PriceListId,
    pub(crate) terms: ListTerms,
}

impl PriceList {
    pub(crate) fn holds(&self, currency: Currency, now: Timestamp) -> bool {
        let terms = &self.terms;
        terms.enabled
            && terms.currency == currency
            && terms.starts_at.is_none_or(|from| from <= now)
            && terms.ends_at.is_none_or(|until| now < until)
    }

    /// Whether it holds for everybody, so that listings show it.
    pub(crate) fn shows(&self, now: Timestamp) -> bool {
        self.is_for_all() && self.holds(self.terms.currency, now)
    }

    pub(crate) fn is_for_all(&self) -> bool {
        self.terms.groups.is_empty()
    }

    /// Whether it is for somebody who is in these groups.
    pub(crate) fn is_for(&self, groups: &[String]) -> bool {
        self.is_for_all() || self.terms.groups.iter().any(|named| groups.contains(named))
    }

    /// The moments still to come at which listings change because of it.
    pub(crate) fn turns(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let moments = [self.terms.starts_at, self.terms.ends_at];
        let counts = self.terms.enabled && self.is_for_all();
        let to_come = move |at: &Timestamp| counts && *at > now;
        moments.into_iter().flatten().filter(to_come)
    }
}

impl ListTerms {
    /// Whether prices of the list count as they do by these terms, while both hold.
    pub(crate) fn counts_like(&self, other: &Self) -> bool {
        (self.kind, self.priority) == (other.kind, other.priority)
    }
}

/// A variant's base price in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BasePrice {
    pub(crate) amount: i64,
    pub(crate) compare_at: Option<i64>,
}

/// What listings show of a variant in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) amount: i64,
    pub(crate) compare_at: Option<i64>,
}

/// A price of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListPrice {
    pub(crate) variant: VariantId,
    pub(crate) list: PriceListId,
    /// For as many units as this of the variant in one cart, or more.
    pub(crate) min_quantity: i64,
    pub(crate) amount: i64,
}

/// Prices of the lists that hold now, by variant.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListPrices(HashMap<VariantId, Vec<Ranked>>);

#[derive(Debug, Clone, Copy)]
struct Ranked {
    /// Priority, then age.
    rank: (i32, PriceListId),
    kind: ListKind,
    min_quantity: i64,
    amount: i64,
}

impl ListPrices {
    pub(crate) fn of(lists: &[&PriceList], prices: &[ListPrice]) -> Self {
        let known: HashMap<PriceListId, &ListTerms> =
            lists.iter().map(|list| (list.id, &list.terms)).collect();
        let mut found = HashMap::<VariantId, Vec<Ranked>>::new();
        for price in prices {
            if let Some(terms) = known.get(&price.list) {
                found.entry(price.variant).or_default().push(Ranked {
                    rank: (terms.priority, price.list),
                    kind: terms.kind,
                    min_quantity: price.min_quantity,
                    amount: price.amount,
                });
            }
        }
        Self(found)
    }

    /// The price of so many units, given the base price.
    pub(crate) fn unit(&self, variant: VariantId, units: i64, base: Option<i64>) -> Option<i64> {
        let best = self.best(variant, units, base);
        best.map(|price| price.amount).or(base)
    }

    /// What listings show of one unit. A sale is shown with the base price, which is above it.
    pub(crate) fn listed(&self, variant: VariantId, base: Option<BasePrice>) -> Option<Listed> {
        let amount = base.map(|base| base.amount);
        match self.best(variant, 1, amount) {
            Some(best) => Some(Listed {
                amount: best.amount,
                compare_at: amount.filter(|_| best.kind == ListKind::Sale),
            }),
            None => base.map(|base| Listed {
                amount: base.amount,
                compare_at: base.compare_at,
            }),
        }
    }

    fn best(&self, variant: VariantId, units: i64, base: Option<i64>) -> Option<&Ranked> {
        let below = |price: &Ranked| base.is_none_or(|base| price.amount < base);
        let ranked = self.0.get(&variant).map_or(&[][..], Vec::as_slice);
        ranked
            .iter()
            .filter(|price| price.min_quantity <= units)
            .filter(|price| price.kind == ListKind::Override || below(price))
            .min_by_key(|price| (price.rank, std::cmp::Reverse(price.min_quantity)))
    }
}
