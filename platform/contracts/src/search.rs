//! Finding products: what pages and other modules may ask of `search`.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Currency, ProductId, TenantId};

use crate::catalog::CatalogError;

/// Products of one page.
pub const LIMIT_MAX: u32 = 250;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchSort {
    /// Best first; newest first where nothing is looked for.
    #[default]
    Relevance,
    Newest,
    Title,
    PriceAscending,
    PriceDescending,
}

/// One facet's chosen values: a product must have one of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchFilter {
    /// As [`Facet::name`]: `vendor`, `type`, `tag`, `collection`, `category`, `available`,
    /// `option.Color`, `attribute.Material`.
    pub name: String,
    pub values: Vec<String>,
}

/// Bounds of a product's lowest price, in minor units, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PriceRange {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// What the shopper typed; empty finds everything.
    pub text: String,
    /// A BCP 47 tag; the shop's own language by default.
    pub locale: Option<String>,
    pub currency: Currency,
    /// Products must pass every one of them.
    pub filters: Vec<SearchFilter>,
    pub price: Option<PriceRange>,
    pub sort: SearchSort,
    /// 1 to [`LIMIT_MAX`].
    pub limit: u32,
    /// Opaque, from an earlier page of the same query.
    pub cursor: Option<String>,
    /// Whether facets are counted.
    pub facets: bool,
}

impl SearchQuery {
    /// All products, best first, with facets.
    pub fn all(currency: Currency, limit: u32) -> Self {
        Self {
            text: String::new(),
            locale: None,
            currency,
            filters: Vec::new(),
            price: None,
            sort: SearchSort::default(),
            limit,
            cursor: None,
            facets: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchPage {
    pub products: Vec<ProductId>,
    /// How many products the query finds on all pages.
    pub total: u64,
    pub facets: Vec<Facet>,
    pub next_cursor: Option<String>,
    /// What was looked for instead of words that no product has.
    pub corrected: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FacetKind {
    /// Each value as it is.
    Values,
    /// Values are ranges of minor units: `1000..1999`, `500000..`.
    Prices,
}

/// A property of the found products. Its counts ignore its own filter, and heed all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Facet {
    pub name: String,
    pub kind: FacetKind,
    /// The most frequent ones; ranges in order.
    pub values: Vec<FacetValue>,
    /// The counts are estimates: more products are found than are looked at one by one. Those of
    /// chosen values are exact all the same.
    #[serde(default)]
    pub approximate: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FacetValue {
    pub value: String,
    pub count: u64,
    pub selected: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suggestions {
    /// What the shopper may be about to type, the most promising first.
    pub queries: Vec<String>,
    pub products: Vec<ProductId>,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum SearchError {
    #[error("the cursor is not one of this list")]
    Cursor,
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    /// The tenant's index is being built; ask again in a moment.
    #[error("the search index is being built")]
    Building,
    #[error("too many searches at once")]
    Busy,
    /// The index failed; it is being built anew.
    #[error("the search index failed: {problem}")]
    Index { problem: String },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

/// Told of a tenant whose lists may be others from now on.
pub type OnSearchChange = Arc<dyn Fn(TenantId) + Send + Sync>;

#[async_trait]
pub trait Search: Send + Sync + 'static {
    /// A page of what the query finds.
    async fn find(&self, tenant: TenantId, query: &SearchQuery) -> Result<SearchPage, SearchError>;

    /// Ends of what is being typed: at most `limit` queries and as many products.
    async fn suggest(
        &self,
        tenant: TenantId,
        prefix: &str,
        locale: Option<&str>,
        limit: u32,
    ) -> Result<Suggestions, SearchError>;

    /// Products like this one, the most alike first.
    async fn similar(
        &self,
        tenant: TenantId,
        product: ProductId,
        limit: u32,
    ) -> Result<Vec<ProductId>, SearchError>;

    /// From now on `hear` is called whenever what this process finds for a tenant may have
    /// changed, after the change is to be seen: whoever keeps a list forgets it then. It must not
    /// wait. `false` where nothing is ever told; lists are then not to be kept for long.
    fn on_change(&self, hear: OnSearchChange) -> bool {
        let _ = hear;
        false
    }
}
