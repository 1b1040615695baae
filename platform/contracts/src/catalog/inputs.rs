//! Whole products and collections on their way in. Holds no behaviour.

use serde::{Deserialize, Serialize};
use stoa_kernel::{ProductId, Timestamp, VariantId};

use super::{Attribute, MediaLink, ProductKind, ProductOption, ProductStatus, Seo};

/// A whole product to be created, or to replace the one with its handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductInput {
    pub handle: String,
    pub title: String,
    pub description_html: String,
    pub vendor: Option<String>,
    pub product_type: Option<String>,
    pub tags: Vec<String>,
    pub status: ProductStatus,
    pub options: Vec<ProductOption>,
    pub variants: Vec<VariantInput>,
    pub media: Vec<MediaLink>,
    pub seo: Seo,
    pub gift_card: bool,
    /// `None` keeps what the product has.
    pub extras: Option<Box<ProductExtras>>,
}

/// What product files of other shops do not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductExtras {
    /// A bundle stays one, and nothing else becomes one.
    pub kind: ProductKind,
    /// A category's handle; an unknown one is an error.
    pub category: Option<String>,
    pub attributes: Vec<Attribute>,
    pub publish_at: Option<Timestamp>,
    pub unpublish_at: Option<Timestamp>,
    /// A JSON object.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// What a bundle is made of, one list per variant in their order. Empty keeps what it is made of;
    /// a new bundle is made of something.
    pub components: Vec<Vec<NamedComponent>>,
}

/// A variant that a bundle holds, by names that mean the same in another shop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedComponent {
    /// Of its product.
    pub handle: String,
    /// Its option values, in the order of the product's options.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    pub quantity: u32,
}

/// A product as the merchant wrote it, with extras.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRecord {
    pub id: ProductId,
    pub input: ProductInput,
    /// The ids of the input's variants, in their order.
    pub variants: Vec<VariantId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantInput {
    pub option_values: Vec<String>,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    pub grams: i64,
    pub requires_shipping: bool,
    pub taxable: bool,
    pub image: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upserted {
    pub product: ProductId,
    pub outcome: UpsertOutcome,
    /// One per input variant, in that order: its id, and whether it is new.
    pub variants: Vec<(VariantId, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpsertOutcome {
    Created,
    Updated,
    /// It was already exactly so: nothing was written, nothing published.
    Unchanged,
}

/// A branch of the tree of categories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryInput {
    pub handle: String,
    pub title: String,
    /// A handle; `None` at the root.
    pub parent: Option<String>,
}

/// A collection filled by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionInput {
    pub handle: String,
    pub title: String,
    pub description_html: String,
    pub image: Option<MediaLink>,
    /// Product handles in order; unknown ones are an error.
    pub products: Vec<String>,
}
