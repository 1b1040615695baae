//! A value with its tags, as bytes. Never trusts what it reads.

use bytes::{Buf as _, BufMut as _, Bytes};
use stoa_kernel::TenantId;

use crate::tag::Tag;

const TAGS_MAX: usize = 1_024;

pub(crate) fn pack(tags: &[Tag], value: &[u8]) -> Vec<u8> {
    const TAG_BYTES: usize = 48;
    let mut bytes = Vec::with_capacity(value.len() + tags.len() * TAG_BYTES);
    bytes.put_u16(u16::try_from(tags.len()).expect("an entry has few tags"));
    for tag in tags {
        // A tag's text is cut at far less.
        bytes.put_u16(u16::try_from(tag.text().len()).expect("a short text"));
        bytes.put_slice(tag.text().as_bytes());
    }
    bytes.put_slice(value);
    bytes
}

/// The tags and the value; `None` where these are not such bytes.
pub(crate) fn unpack(tenant: TenantId, bytes: &Bytes) -> Option<(Vec<Tag>, Bytes)> {
    let mut rest = bytes.clone();
    let count = usize::from(rest.try_get_u16().ok()?);
    if count == 0 || count > TAGS_MAX {
        return None;
    }
    let mut tags = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::from(rest.try_get_u16().ok()?);
        if rest.len() < length {
            return None;
        }
        let text = rest.split_to(length);
        tags.push(Tag::new(tenant, std::str::from_utf8(&text).ok()?));
    }
    Some((tags, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_every_torn_end_is_refused_or_shorter() {
        let tenant = TenantId::from_u128(3);
        let tags = vec![Tag::new(tenant, "home"), Tag::tenant(tenant)];
        let bytes = Bytes::from(pack(&tags, b"value"));
        let whole = unpack(tenant, &bytes).expect("as packed");
        assert_eq!(whole, (tags, Bytes::from_static(b"value")));
        for end in 0..bytes.len() - 5 {
            assert_eq!(unpack(tenant, &bytes.slice(..end)), None, "{end}");
        }
        assert_eq!(unpack(tenant, &Bytes::from_static(&[0, 0, 1])), None);
    }
}
