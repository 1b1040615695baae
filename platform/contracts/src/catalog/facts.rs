//! What the catalog tells.

use serde::{Deserialize, Serialize};
use stoa_kernel::{CollectionId, Fact, ProductId};

/// A product was created, edited, re-priced, published, withdrawn, put into or taken out of a
/// collection, or removed; listings, caches and search follow it. It says nothing of what the
/// product is now: who needs that asks [`Catalog::documents`], and what is not told there is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChanged {
    pub product: ProductId,
    pub handle: String,
}

impl Fact for ProductChanged {
    const TYPE: &'static str = "catalog.product_changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.product.to_string()
    }
}

/// A collection was created, edited, refilled or removed; pages that list or link it follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionChanged {
    pub collection: CollectionId,
    pub handle: String,
}

impl Fact for CollectionChanged {
    const TYPE: &'static str = "catalog.collection_changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.collection.to_string()
    }
}
