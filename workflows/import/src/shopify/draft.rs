//! What a product file comes to: drafts and issues. Plain data.

use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::{Attribute, NamedComponent, ProductKind};
use stoa_kernel::{Money, Timestamp};

/// One product of the file, good or rejected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParsedProduct {
    /// From 1, in the file's order; stable for one file, so that an import can resume after it.
    pub ordinal: u64,
    /// `None` where the rows do not even tell that.
    pub handle: Option<String>,
    pub lines: LineRange,
    /// Rows of the file that went into it.
    pub rows: u64,
    /// `None`: rejected, and `issues` says why.
    pub draft: Option<ProductDraft>,
    pub issues: Vec<RowIssue>,
    /// Issues beyond `ISSUES_PER_PRODUCT_MAX`, counted only.
    pub issues_dropped: u64,
}

/// The lines on which the first and the last row of a product start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRange {
    pub first: u64,
    pub last: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductDraft {
    pub handle: String,
    /// True where earlier rows of this file made the product, and these are to be merged into it.
    pub continues: bool,
    /// `None` only in a continuation whose rows repeat no title.
    pub details: Option<ProductDetails>,
    /// In a continuation a name may be empty: then the product's own name at that place holds.
    pub options: Vec<OptionDraft>,
    /// Never empty but in a continuation that brings pictures only.
    pub variants: Vec<VariantDraft>,
    /// In order; each URL once.
    pub images: Vec<ImageDraft>,
    pub lines: LineRange,
}

/// What a product says once, whatever its variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductDetails {
    pub title: String,
    /// Sanitised.
    pub description_html: String,
    pub vendor: String,
    pub product_type: String,
    pub tags: Vec<String>,
    pub status: DraftStatus,
    pub seo_title: String,
    pub seo_description: String,
    pub gift_card: bool,
    /// `None` where the file's header tells no such thing: then the product keeps what it has.
    #[serde(default)]
    pub extras: Option<ExtrasDraft>,
    /// Texts that a plain cell cannot carry.
    #[serde(default)]
    pub exact: Exact,
}

/// By the name of the text.
pub type Exact = std::collections::BTreeMap<String, ExactText>;

/// A text as it is; it holds only while the plain cell says what it said when the file was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactText {
    /// A digest of what the plain cell says.
    pub of: String,
    pub is: serde_json::Value,
}

/// What only files of this program tell of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtrasDraft {
    pub kind: ProductKind,
    pub category: Option<String>,
    pub attributes: Vec<Attribute>,
    pub publish_at: Option<Timestamp>,
    pub unpublish_at: Option<Timestamp>,
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftStatus {
    Active,
    Draft,
    Archived,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionDraft {
    pub name: String,
    /// In the order of their first appearance.
    pub values: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantDraft {
    /// One value per option of the product.
    pub option_values: Vec<String>,
    pub sku: String,
    pub barcode: String,
    /// `None` where the file says `none`: it is not for sale.
    pub price: Option<Money>,
    pub compare_at: Option<Money>,
    /// In further currencies: prices, each with the former one.
    #[serde(default)]
    pub prices: Vec<(Money, Option<Money>)>,
    pub grams: i64,
    pub requires_shipping: bool,
    pub taxable: bool,
    /// False: the variant is sold without counting stock.
    pub inventory_tracked: bool,
    /// `None` where the file says nothing, so that an import need not touch the stock.
    pub quantity: Option<i64>,
    pub policy: StockPolicy,
    pub image_url: Option<String>,
    /// What a bundle's variant is made of; empty where the file says nothing.
    #[serde(default)]
    pub components: Vec<NamedComponent>,
    pub line: u64,
}

/// What happens at zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockPolicy {
    Deny,
    Continue,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageDraft {
    pub url: String,
    pub alt: String,
    /// From 1, without gaps.
    pub position: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowIssue {
    /// Where the row starts.
    pub line: u64,
    /// As the file's header names it.
    pub column: Option<String>,
    pub value_excerpt: String,
    pub reason: String,
    pub severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The product is rejected.
    Error,
    /// The product lands; something in it was changed or left out.
    Warning,
}
