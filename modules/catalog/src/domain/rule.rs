//! Collections by rule: what a rule asks of a product, and whether a product meets it. Never does
//! IO.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::CollectionInput;
use stoa_kernel::{CollectionId, Currency, Money, ProductId, Timestamp};

use super::rules::{check_collection, line};
use super::{CategoryId, Flaw, Tree};

pub(crate) const CONDITIONS_MAX: usize = 50;
/// Each of them is looked at whenever a product changes.
pub(crate) const RULE_COLLECTIONS_MAX: usize = 250;

/// How a collection is ordered where nobody asks for another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CollectionSort {
    /// As the merchant arranged it; only where it is filled by hand.
    #[default]
    Manual,
    Newest,
    Title,
    PriceAscending,
    PriceDescending,
}

impl CollectionSort {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Newest => "newest",
            Self::Title => "title",
            Self::PriceAscending => "price_ascending",
            Self::PriceDescending => "price_descending",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [
            Self::Manual,
            Self::Newest,
            Self::Title,
            Self::PriceAscending,
            Self::PriceDescending,
        ]
        .into_iter()
        .find(|sort| sort.word() == word)
    }
}

/// A collection on its way in. Its products are named only where it has no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CollectionDraft {
    pub(crate) input: CollectionInput,
    pub(crate) sort: CollectionSort,
    pub(crate) rule: Option<Rule>,
}

impl CollectionDraft {
    pub(crate) fn check(&self) -> Result<(), Flaw> {
        check_collection(&self.input)?;
        let Some(rule) = &self.rule else {
            return Ok(());
        };
        if !self.input.products.is_empty() {
            let reason = "are found by the rule and cannot be named beside it";
            return Err(Flaw::new("products", reason));
        }
        if self.sort == CollectionSort::Manual {
            return Err(Flaw::new("sort", "is not `manual` in a collection by rule"));
        }
        rule.check()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Meets {
    #[default]
    All,
    Any,
}

/// What products a collection holds by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Whether a product meets all conditions, or any of them.
    #[serde(default)]
    pub(crate) meets: Meets,
    /// 1 to 50.
    pub(crate) conditions: Vec<Condition>,
}

/// One thing that a product must be. Small and capital letters are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Condition {
    Tag {
        tag: String,
    },
    Vendor {
        vendor: String,
    },
    ProductType {
        product_type: String,
    },
    TitleContains {
        text: String,
    },
    /// Its lowest price is below this one.
    PriceBelow {
        price: Money,
    },
    /// Its lowest price is above this one.
    PriceAbove {
        price: Money,
    },
    /// Whether any of its variants can be bought.
    Available {
        available: bool,
    },
    /// It is in this category, by its handle, or below it. (A row holds the id here.)
    Category {
        category: String,
    },
    CreatedAfter {
        at: Timestamp,
    },
    /// Whether it shows a former price, in any currency.
    CompareAtSet {
        set: bool,
    },
}

/// What is known of a product when rules look at it.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) id: ProductId,
    pub(crate) title_lower: String,
    pub(crate) vendor: Option<String>,
    pub(crate) product_type: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) category: Option<CategoryId>,
    pub(crate) cards: Vec<CardFacts>,
}

#[derive(Debug, Clone)]
pub(crate) struct CardFacts {
    pub(crate) currency: Currency,
    pub(crate) price_min: i64,
    pub(crate) compare_at: bool,
    pub(crate) in_stock: bool,
}

/// The rules of a shop, as one process keeps them.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) version: i64,
    pub(crate) all: Vec<(CollectionId, Rule)>,
}

impl Rule {
    /// `path` are the ids of the categories on the way to the product's own.
    pub(crate) fn holds(&self, product: &Facts, path: &[String]) -> bool {
        let mut conditions = self.conditions.iter();
        match self.meets {
            Meets::All => conditions.all(|each| each.holds(product, path)),
            Meets::Any => conditions.any(|each| each.holds(product, path)),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Flaw> {
        if !(1..=CONDITIONS_MAX).contains(&self.conditions.len()) {
            let reason = format!("holds 1 to {CONDITIONS_MAX} entries");
            return Err(Flaw::new("rule.conditions", reason));
        }
        for (index, condition) in self.conditions.iter().enumerate() {
            let (name, text) = match condition {
                Condition::Tag { tag } => ("tag", tag),
                Condition::Vendor { vendor } => ("vendor", vendor),
                Condition::ProductType { product_type } => ("product_type", product_type),
                Condition::TitleContains { text } => ("text", text),
                Condition::Category { category } => ("category", category),
                _ => continue,
            };
            line(format!("rule.conditions[{index}].{name}"), text)?;
        }
        Ok(())
    }

    /// With the ids of categories in place of their handles, so that these may change.
    pub(crate) fn stored(mut self, tree: &Tree) -> Result<Self, Flaw> {
        for (index, condition) in self.conditions.iter_mut().enumerate() {
            if let Condition::Category { category } = condition {
                let found = tree.by_handle(category).ok_or_else(|| {
                    let field = format!("rule.conditions[{index}].category");
                    Flaw::new(field, "is the handle of no category")
                })?;
                *category = found.id.to_string();
            }
        }
        Ok(self)
    }

    /// The other way round.
    pub(crate) fn shown(mut self, tree: &Tree) -> Self {
        for condition in &mut self.conditions {
            if let Condition::Category { category } = condition
                && let Some(found) = category.parse().ok().and_then(|id| tree.get(id))
            {
                category.clone_from(&found.handle);
            }
        }
        self
    }

    /// Whether it asks for this very category; of a rule as rows hold it.
    pub(crate) fn names(&self, id: CategoryId) -> bool {
        let id = id.to_string();
        self.conditions
            .iter()
            .any(|each| matches!(each, Condition::Category { category } if *category == id))
    }
}

impl Condition {
    fn holds(&self, product: &Facts, path: &[String]) -> bool {
        let alike = |one: &str, other: &str| one == other || lower(one) == lower(other);
        let is =
            |wanted: &str, is: &Option<String>| is.as_deref().is_some_and(|is| alike(wanted, is));
        let price = |wanted: &Money| {
            let mut cards = product.cards.iter();
            cards
                .find(|card| card.currency == wanted.currency)
                .map(|card| card.price_min)
        };
        match self {
            Self::Tag { tag } => product.tags.iter().any(|each| alike(tag, each)),
            Self::Vendor { vendor } => is(vendor, &product.vendor),
            Self::ProductType { product_type } => is(product_type, &product.product_type),
            Self::TitleContains { text } => product.title_lower.contains(&lower(text)),
            Self::PriceBelow { price: bound } => price(bound).is_some_and(|is| is < bound.amount),
            Self::PriceAbove { price: bound } => price(bound).is_some_and(|is| is > bound.amount),
            Self::Available { available } => {
                product.cards.iter().any(|card| card.in_stock) == *available
            }
            Self::Category { category } => path.contains(category),
            Self::CreatedAfter { at } => product.created_at > *at,
            Self::CompareAtSet { set } => product.cards.iter().any(|card| card.compare_at) == *set,
        }
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}
