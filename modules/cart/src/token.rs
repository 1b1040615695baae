//! The secret that opens one cart. Derived, never stored: a leaked database opens nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stoa_kernel::{CartId, TenantId};
use stoa_rest::CursorKey;
use subtle::ConstantTimeEq as _;

/// Makes and checks tokens. 256 bits, as long as the secret is one.
#[derive(Clone)]
pub(crate) struct TokenKey([u8; 32]);

impl TokenKey {
    pub(crate) const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Base64url of an HMAC-SHA256 over tenant and cart.
    pub(crate) fn token(&self, tenant: TenantId, cart: CartId) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        // Both ids have one length each, so no other pair signs alike.
        mac.update(format!("cart:{tenant}{cart}").as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// What signs the cursors of lists: as secret as the tokens, and of no use for them.
    pub(crate) fn cursors(&self) -> CursorKey {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(b"cursors of lists of carts");
        CursorKey::new(mac.finalize().into_bytes().into())
    }

    /// In time that does not depend on where the two differ.
    pub(crate) fn opens(&self, tenant: TenantId, cart: CartId, token: &str) -> bool {
        self.token(tenant, cart)
            .as_bytes()
            .ct_eq(token.as_bytes())
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_its_cart_of_its_tenant_and_no_other() {
        let key = TokenKey::new([7; 32]);
        let (tenant, cart) = (TenantId::from_u128(1), CartId::from_u128(2));
        let token = key.token(tenant, cart);
        assert_eq!(token.len(), 43);
        assert!(key.opens(tenant, cart, &token));
        assert!(!key.opens(TenantId::from_u128(2), cart, &token));
        assert!(!key.opens(tenant, CartId::from_u128(1), &token));
        assert!(!TokenKey::new([8; 32]).opens(tenant, cart, &token));
        for wrong in ["", &token[1..], &format!("{token}=")] {
            assert!(!key.opens(tenant, cart, wrong), "{wrong}");
        }
    }
}
