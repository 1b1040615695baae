//! Published products as indexes read them. Holds no behaviour.

use stoa_kernel::{Money, ProductId, Timestamp};

use super::ProductOption;

/// A published product as search sees it: words in all languages, prices in all currencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductDocument {
    pub id: ProductId,
    pub handle: String,
    pub title: String,
    /// Without markup, cut at a bound.
    pub description: String,
    pub vendor: Option<String>,
    pub product_type: Option<String>,
    pub tags: Vec<String>,
    /// The product's options with all their values: facets.
    pub options: Vec<ProductOption>,
    /// Names and values that staff gave the product, by its category: facets.
    pub attributes: Vec<(String, String)>,
    pub skus: Vec<String>,
    pub barcodes: Vec<String>,
    /// Handles of the collections that hold it.
    pub collections: Vec<String>,
    /// Handles from the root of the tree to the product's category.
    pub categories: Vec<String>,
    /// Lowest and highest base price of each currency.
    pub prices: Vec<(Money, Money)>,
    pub available: bool,
    pub created_at: Timestamp,
    /// Title and description (without markup) by locale.
    pub translations: Vec<DocumentTranslation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentTranslation {
    /// A BCP 47 tag, lower case: `de`, `pt-br`.
    pub locale: String,
    pub title: String,
    pub description: String,
}

/// Where a published product is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductAddress {
    pub id: ProductId,
    pub handle: String,
}
