//! Preview links: which theme, until when, signed for one shop. Keeps nothing.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stoa_contracts::themes::ThemeId;
use stoa_kernel::{TenantId, Timestamp};

const SIGNATURE_BYTES: usize = 16;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// Signs the preview links of an installation.
#[derive(Clone)]
pub(crate) struct LinkKey([u8; 32]);

impl LinkKey {
    pub(crate) const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Letters, digits, `_` and `.` only: fit for a path and a cookie.
    pub(crate) fn sign(&self, tenant: TenantId, theme: ThemeId, until: Timestamp) -> String {
        let seconds = until.micros() / MICROS_PER_SECOND;
        let signature = self.mac(tenant, theme, seconds).finalize().into_bytes();
        format!(
            "{theme}.{seconds}.{}",
            hex::encode(&signature[..SIGNATURE_BYTES])
        )
    }

    /// The theme that a link of this shop opens now.
    pub(crate) fn open(&self, tenant: TenantId, token: &str, now: Timestamp) -> Option<ThemeId> {
        let mut parts = token.splitn(3, '.');
        let theme: ThemeId = parts.next()?.parse().ok()?;
        let seconds: i64 = parts.next()?.parse().ok()?;
        let signature = hex::decode(parts.next()?).ok()?;
        let whole = signature.len() == SIGNATURE_BYTES;
        let genuine = self
            .mac(tenant, theme, seconds)
            .verify_truncated_left(&signature);
        let young = seconds > now.micros() / MICROS_PER_SECOND;
        (whole && genuine.is_ok() && young).then_some(theme)
    }

    fn mac(&self, tenant: TenantId, theme: ThemeId, seconds: i64) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("theme preview\n{tenant}\n{theme}\n{seconds}").as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_one_theme_of_one_shop_for_a_while() {
        let key = LinkKey::new([1; 32]);
        let (shop, other) = (TenantId::from_u128(1), TenantId::from_u128(2));
        let theme = ThemeId::from_u128(9);
        let at = |second: i64| Timestamp::from_micros(second * MICROS_PER_SECOND);
        let token = key.sign(shop, theme, at(100));
        assert_eq!(key.open(shop, &token, at(99)), Some(theme));
        assert_eq!(key.open(shop, &token, at(100)), None, "it is over");
        assert_eq!(key.open(other, &token, at(99)), None, "of another shop");
        assert_eq!(LinkKey::new([2; 32]).open(shop, &token, at(99)), None);
        let later = token.replace(".100.", ".999.");
        assert_eq!(key.open(shop, &later, at(99)), None, "its time is signed");
        let swapped = token.replace(&theme.to_string(), &ThemeId::from_u128(8).to_string());
        assert_eq!(
            key.open(shop, &swapped, at(99)),
            None,
            "its theme is signed"
        );
        for broken in ["", ".", "..", "x.1.00", &token[..token.len() - 2]] {
            assert_eq!(key.open(shop, broken, at(99)), None, "{broken}");
        }
    }
}
