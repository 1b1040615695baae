//! Slugs, kinds of keys and the shape of a key. Pure.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) const SLUG_LENGTH_MAX: usize = 40;
/// Host labels that are or may become the platform's own.
const RESERVED: [&str; 8] = [
    "www",
    "api",
    "admin",
    "platform",
    "localhost",
    "static",
    "cdn",
    "mail",
];

/// The first label of a tenant's host: 1 to 40 of `a-z0-9-`, no hyphen at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlugError {
    #[error("a slug is 1 to {SLUG_LENGTH_MAX} of a-z, 0-9 and -, with no - at either end")]
    Shape,
    #[error("`{slug}` is kept for the platform")]
    Reserved { slug: String },
}

impl Slug {
    pub fn new(text: &str) -> Result<Self, SlugError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let length_fits = (1..=SLUG_LENGTH_MAX).contains(&text.len());
        if !length_fits
            || !text.bytes().all(allowed)
            || text.starts_with('-')
            || text.ends_with('-')
        {
            return Err(SlugError::Shape);
        }
        if RESERVED.contains(&text) {
            return Err(SlugError::Reserved {
                slug: text.to_owned(),
            });
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// `sk_`: the merchant's own programs and staff.
    Secret,
    /// `pk_`: safe in a browser; opens nothing that a shopper may not see.
    Publishable,
    /// `op_`: whoever runs this installation.
    Operator,
}

impl KeyKind {
    pub(crate) const ALL: [Self; 3] = [Self::Secret, Self::Publishable, Self::Operator];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Publishable => "publishable",
            Self::Operator => "operator",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "sk_",
            Self::Publishable => "pk_",
            Self::Operator => "op_",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The key as its holder sees it, once.
pub(crate) fn key_text(kind: KeyKind, secret: &[u8; 32]) -> String {
    format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(secret))
}

/// What is stored of a key. A plain hash is enough: the key holds 256 random bits.
pub(crate) fn key_hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_host_labels() {
        for good in ["a", "my-shop", "0"] {
            assert_eq!(
                Slug::new(good).map(|slug| slug.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        let long = "a".repeat(41);
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", long.as_str()] {
            assert_eq!(Slug::new(bad), Err(SlugError::Shape), "{bad}");
        }
        assert_eq!(
            Slug::new("api"),
            Err(SlugError::Reserved {
                slug: "api".to_owned()
            })
        );
    }

    #[test]
    fn a_key_says_its_kind_and_only_its_hash_is_kept() {
        let text = key_text(KeyKind::Publishable, &[7; 32]);
        assert_eq!(text, "pk_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
        assert_ne!(key_hash(&text), key_hash("pk_x"));
    }
}
