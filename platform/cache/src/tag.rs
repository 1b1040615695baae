//! Names of what a kept thing was made from: surrogate keys for CDNs, places in tables for us.

use stoa_kernel::{ProductId, TenantId};

/// Places of stamps in one process. Two tags at one place only cost a fill; an import of ten
/// thousand products hits one page in twenty that shows none of them.
pub(crate) const PLACES: usize = 1_048_576;
/// As [`PLACES`], of one tenant in Redis.
const SLOTS: u64 = 16_384;
const TEXT_BYTES_MAX: usize = 128;

/// One thing of one tenant that pages are made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag {
    tenant: TenantId,
    text: Box<str>,
}

impl Tag {
    /// Whatever cannot stand in a `Surrogate-Key` header becomes `_`, and a long text is cut: two
    /// things that come to share a tag are outdated together, which is safe.
    pub fn new(tenant: TenantId, text: &str) -> Self {
        let kept = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte),
            _ => '_',
        };
        let text: String = text.bytes().take(TEXT_BYTES_MAX).map(kept).collect();
        Self {
            tenant,
            text: text.into_boxed_str(),
        }
    }

    /// `product-<id>`.
    pub fn product(tenant: TenantId, product: ProductId) -> Self {
        Self::new(tenant, &format!("product-{product}"))
    }

    /// `collection-<handle>`: one collection's own words and members.
    pub fn collection(tenant: TenantId, handle: &str) -> Self {
        Self::new(tenant, &format!("collection-{handle}"))
    }

    /// `collections-<tenant>`: which collections there are, and what they are called.
    pub fn collections(tenant: TenantId) -> Self {
        Self::new(tenant, &format!("collections-{tenant}"))
    }

    /// `catalog-<tenant>`: any product of the tenant.
    pub fn catalog(tenant: TenantId) -> Self {
        Self::new(tenant, &format!("catalog-{tenant}"))
    }

    /// `found-<tenant>`: what this process's search index of the tenant says.
    pub fn found(tenant: TenantId) -> Self {
        Self::new(tenant, &format!("found-{tenant}"))
    }

    /// `tenant-<tenant>`: everything. Each entry carries it by itself.
    pub fn tenant(tenant: TenantId) -> Self {
        Self::new(tenant, &format!("tenant-{tenant}"))
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    pub(crate) fn place(&self) -> u32 {
        // The high bits: those of FNV are mixed best after one more multiplication.
        (self.mixed() >> 32) as u32 % PLACES as u32
    }

    /// The same in every process and version.
    pub(crate) fn slot(&self) -> u16 {
        ((self.mixed() >> 16) % SLOTS) as u16
    }

    /// FNV-1a, which is no secret: who can choose tags can outdate what shares a place with them.
    fn mixed(&self) -> u64 {
        const OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01B3;
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let tenant = self.tenant.as_u128().to_le_bytes();
        let bytes = tenant.iter().chain(self.text.as_bytes());
        let hash = bytes.fold(OFFSET, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        });
        (hash ^ (hash >> 29)).wrapping_mul(ODD)
    }
}

/// Where the stamps of these tags are, each place once.
pub(crate) fn places(tags: &[Tag]) -> Box<[u32]> {
    let mut places: Vec<u32> = tags.iter().map(Tag::place).collect();
    places.sort_unstable();
    places.dedup();
    places.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_fits_into_a_header_whatever_a_merchant_types() {
        let tenant = TenantId::from_u128(7);
        let tag = Tag::collection(tenant, "Té, café\r\nX: y");
        assert_eq!(tag.text(), "collection-T____caf____X__y");
        let long = Tag::new(tenant, &"x".repeat(1_000));
        assert_eq!(long.text().len(), TEXT_BYTES_MAX);
    }

    #[test]
    fn tenants_do_not_share_tags_and_slots_never_move() {
        let (one, other) = (TenantId::from_u128(1), TenantId::from_u128(2));
        let (a, b) = (Tag::new(one, "home"), Tag::new(other, "home"));
        assert_ne!(a, b);
        assert_ne!(a.place(), b.place());
        // Processes of two versions share Redis: a change here must come with a new schema.
        assert_eq!((a.slot(), b.slot()), (8992, 6434));
    }
}
