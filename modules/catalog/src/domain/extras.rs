//! What a product is beside its content: its kind, its dates, what a bundle is made of, files and
//! metadata. Never does IO.

use std::collections::HashSet;

use stoa_contracts::catalog::{Attribute, DigitalFile, ProductKind, ProductStatus};
use stoa_kernel::{Timestamp, VariantId};

use super::rules::{file_url, line};
use super::{Flaw, check_attributes};

pub(crate) type Metadata = serde_json::Map<String, serde_json::Value>;

pub(crate) const COMPONENTS_MAX: usize = 50;
pub(crate) const COMPONENT_QUANTITY_MAX: u32 = 1_000;
pub(crate) const FILES_MAX: usize = 50;
pub(crate) const METADATA_BYTES_MAX: usize = 16 * 1024;
pub(crate) const VARIANT_METADATA_BYTES_MAX: usize = 4 * 1024;

/// Between which moments a product is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Dates {
    pub(crate) publish_at: Option<Timestamp>,
    pub(crate) unpublish_at: Option<Timestamp>,
}

impl Dates {
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.publish_at.is_none_or(|at| at <= now) && self.unpublish_at.is_none_or(|at| at > now)
    }
}

/// Which part of a product's life it is in, as far as dates and kind say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) kind: ProductKind,
    pub(crate) publish_at: Option<Timestamp>,
    pub(crate) unpublish_at: Option<Timestamp>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            kind: ProductKind::Physical,
            publish_at: None,
            unpublish_at: None,
        }
    }
}

impl Standing {
    pub(crate) fn dates(&self) -> Dates {
        Dates {
            publish_at: self.publish_at,
            unpublish_at: self.unpublish_at,
        }
    }

    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.dates().is_open(now)
    }

    /// How a product that was set to `status` stands.
    pub(crate) fn shown(&self, status: ProductStatus, now: Timestamp) -> ProductStatus {
        match status {
            ProductStatus::Active if !self.is_open(now) => ProductStatus::Draft,
            status => status,
        }
    }

    /// The moments after `now` at which it changes how it stands.
    pub(crate) fn turns(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        [self.publish_at, self.unpublish_at]
            .into_iter()
            .flatten()
            .filter(move |at| *at > now)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Extras {
    pub(crate) standing: Standing,
    /// Its handle.
    pub(crate) category: Option<String>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) files: Vec<DigitalFile>,
    pub(crate) metadata: Metadata,
    /// One per variant of the product.
    pub(crate) variants: Vec<VariantExtras>,
}

impl Extras {
    /// Those of a product of so many variants of which nobody said any.
    pub(crate) fn plain(variants: usize) -> Self {
        Self {
            variants: vec![VariantExtras::default(); variants],
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct VariantExtras {
    pub(crate) metadata: Metadata,
    /// What a bundle's variant is made of, each with how many.
    pub(crate) components: Vec<(VariantId, u32)>,
}

pub(crate) const fn kind_word(kind: ProductKind) -> &'static str {
    match kind {
        ProductKind::Physical => "physical",
        ProductKind::Digital => "digital",
        ProductKind::GiftCard => "gift_card",
        ProductKind::Bundle => "bundle",
    }
}

pub(crate) fn kind_of(word: &str) -> Option<ProductKind> {
    match word {
        "physical" => Some(ProductKind::Physical),
        "digital" => Some(ProductKind::Digital),
        "gift_card" => Some(ProductKind::GiftCard),
        "bundle" => Some(ProductKind::Bundle),
        _ => None,
    }
}

pub(crate) fn check_extras(extras: &Extras) -> Result<(), Flaw> {
    let standing = &extras.standing;
    if let (Some(from), Some(until)) = (standing.publish_at, standing.unpublish_at)
        && until <= from
    {
        return Err(Flaw::new("unpublish_at", "is after `publish_at`"));
    }
    if extras.files.len() > FILES_MAX {
        return Err(Flaw::new(
            "files",
            format!("holds at most {FILES_MAX} entries"),
        ));
    }
    if !extras.files.is_empty() && standing.kind != ProductKind::Digital {
        return Err(Flaw::new("files", "belong to digital products"));
    }
    for (index, file) in extras.files.iter().enumerate() {
        line(format!("files[{index}].name"), &file.name)?;
        file_url(&format!("files[{index}].url"), &file.url)?;
    }
    check_attributes(&extras.attributes)?;
    metadata("metadata", &extras.metadata, METADATA_BYTES_MAX)?;
    for (index, variant) in extras.variants.iter().enumerate() {
        let field = format!("variants[{index}].metadata");
        metadata(&field, &variant.metadata, VARIANT_METADATA_BYTES_MAX)?;
        let field = format!("variants[{index}].components");
        components(&field, standing.kind, &variant.components)?;
    }
    Ok(())
}

fn metadata(field: &str, metadata: &Metadata, max: usize) -> Result<(), Flaw> {
    let length = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
    if length > max {
        return Err(Flaw::new(field, format!("is at most {max} bytes of JSON")));
    }
    Ok(())
}

fn components(field: &str, kind: ProductKind, components: &[(VariantId, u32)]) -> Result<(), Flaw> {
    if components.is_empty() == (kind == ProductKind::Bundle) {
        return Err(Flaw::new(
            field,
            "belong to each variant of a bundle, and to nothing else",
        ));
    }
    if components.len() > COMPONENTS_MAX {
        return Err(Flaw::new(
            field,
            format!("holds at most {COMPONENTS_MAX} entries"),
        ));
    }
    let mut seen = HashSet::new();
    for (index, (variant, quantity)) in components.iter().enumerate() {
        if !seen.insert(variant) {
            return Err(Flaw::new(
                format!("{field}[{index}].variant_id"),
                "is named twice",
            ));
        }
        if !(1..=COMPONENT_QUANTITY_MAX).contains(quantity) {
            let reason = format!("is 1 to {COMPONENT_QUANTITY_MAX}");
            return Err(Flaw::new(format!("{field}[{index}].quantity"), reason));
        }
    }
    Ok(())
}
