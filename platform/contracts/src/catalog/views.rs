//! Products and collections as shoppers see them. Holds no behaviour.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{CollectionId, Money, ProductId, VariantId};

use super::ProductKind;

/// A product as shoppers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductView {
    pub id: ProductId,
    pub handle: String,
    pub title: String,
    /// Sanitised HTML.
    pub description_html: String,
    pub vendor: Option<String>,
    pub product_type: Option<String>,
    pub tags: Vec<String>,
    pub options: Vec<ProductOption>,
    pub variants: Vec<VariantView>,
    pub media: Vec<MediaLink>,
    pub seo: Seo,
    pub kind: ProductKind,
    /// From the root of the tree to the product's own; empty where it has none.
    #[serde(default)]
    pub categories: Vec<CategoryLink>,
    /// In the order of the category, then by name.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryLink {
    pub handle: String,
    pub title: String,
}

/// What staff say of a product, such as `Material`: `Linen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    pub name: String,
    pub value: String,
}

/// A branch of the tree that products are sorted into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryView {
    pub handle: String,
    pub title: String,
    /// The handle of the branch it grows from; `None` at the root.
    pub parent: Option<String>,
    /// 0 at the root.
    pub depth: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductOption {
    pub name: String,
    pub values: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VariantView {
    pub id: VariantId,
    pub sku: Option<String>,
    /// Option values joined by ` / `, or `Default`.
    pub title: String,
    /// One value per product option, in their order.
    pub option_values: Vec<String>,
    /// `None` where the variant has no price in the currency asked for: it cannot be bought.
    pub price: Option<Money>,
    pub compare_at_price: Option<Money>,
    pub available: bool,
    pub image: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaLink {
    pub url: String,
    pub alt: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Seo {
    pub title: Option<String>,
    pub description: Option<String>,
}

/// A product in a list: enough for a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductSummary {
    pub id: ProductId,
    pub handle: String,
    pub title: String,
    pub vendor: Option<String>,
    pub image: Option<MediaLink>,
    /// Lowest price of its variants.
    pub price: Option<Money>,
    /// Highest price of its variants, where it differs.
    pub price_max: Option<Money>,
    pub compare_at_price: Option<Money>,
    pub available: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CollectionView {
    pub id: CollectionId,
    pub handle: String,
    pub title: String,
    pub description_html: String,
    pub image: Option<MediaLink>,
}
