//! One change to many products: which ones, and what becomes of each. Never does IO.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::{ProductInput, ProductStatus};
use stoa_kernel::{Id, IdKind, ProductId};

use super::{Extras, Flaw};

pub(crate) const BULK_IDS_MAX: usize = 10_000;
/// Errors that are kept of one bulk operation; the count goes on.
pub(crate) const BULK_ERRORS_MAX: i64 = 250;

pub(crate) enum Bulk {}
impl IdKind for Bulk {
    const PREFIX: &'static str = "bulk";
}
pub(crate) type BulkId = Id<Bulk>;

/// Which products, and what to do with them. Exactly one of `filter` and `ids` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkRequest {
    #[serde(default)]
    pub(crate) filter: Option<BulkFilter>,
    /// At most 10,000.
    #[serde(default)]
    pub(crate) ids: Vec<ProductId>,
    pub(crate) action: BulkAction,
}

/// Products that meet all that is said; an empty filter means every product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkFilter {
    #[serde(default)]
    status: Option<ProductStatus>,
    #[serde(default)]
    vendor: Option<String>,
    #[serde(default)]
    product_type: Option<String>,
    #[serde(default)]
    tag: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum BulkAction {
    SetStatus {
        status: ProductStatus,
    },
    AddTag {
        tag: String,
    },
    RemoveTag {
        tag: String,
    },
    SetVendor {
        vendor: Option<String>,
    },
    SetProductType {
        product_type: Option<String>,
    },
    /// By its handle; `null` takes products out of theirs.
    SetCategory {
        category: Option<String>,
    },
    Delete,
}

/// What a filter looks at.
pub(crate) struct BulkCandidate {
    pub(crate) id: ProductId,
    pub(crate) status: ProductStatus,
    pub(crate) vendor: Option<String>,
    pub(crate) product_type: Option<String>,
    pub(crate) tags: Vec<String>,
}

impl BulkFilter {
    pub(crate) fn holds(&self, product: &BulkCandidate) -> bool {
        let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        self.status.is_none_or(|status| status == product.status)
            && same(&self.vendor, &product.vendor)
            && same(&self.product_type, &product.product_type)
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| product.tags.contains(tag))
    }
}

impl BulkAction {
    /// The product after it; `None` where it is to go.
    pub(crate) fn apply(
        &self,
        mut input: ProductInput,
        mut extras: Extras,
    ) -> Option<(ProductInput, Extras)> {
        match self {
            Self::SetStatus { status } => input.status = *status,
            Self::AddTag { tag } => {
                if !input.tags.contains(tag) {
                    input.tags.push(tag.clone());
                }
            }
            Self::RemoveTag { tag } => input.tags.retain(|each| each != tag),
            Self::SetVendor { vendor } => input.vendor.clone_from(vendor),
            Self::SetProductType { product_type } => input.product_type.clone_from(product_type),
            Self::SetCategory { category } => extras.category.clone_from(category),
            Self::Delete => return None,
        }
        Some((input, extras))
    }
}

pub(crate) fn check_bulk(request: &BulkRequest) -> Result<(), Flaw> {
    if request.filter.is_some() != request.ids.is_empty() {
        return Err(Flaw::new("filter", "or `ids` is given, and not both"));
    }
    if request.ids.len() > BULK_IDS_MAX {
        return Err(Flaw::new(
            "ids",
            format!("holds at most {BULK_IDS_MAX} entries"),
        ));
    }
    Ok(())
}
