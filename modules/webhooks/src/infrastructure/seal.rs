//! Keeps signing keys unreadable at rest. Bound to their endpoint: a copied row opens nowhere else.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use stoa_kernel::{EndpointId, TenantId};
use stoa_storage::Error;

use crate::domain::SigningKey;

const NONCE_BYTES: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's signing secret does not open with this installation's key")]
pub(crate) struct SealError;

pub(crate) struct Seal(XChaCha20Poly1305);

impl Seal {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&key.into()))
    }

    pub(crate) fn close(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        key: &SigningKey,
    ) -> Result<Vec<u8>, Error> {
        // Random nonces of this length never meet.
        let nonce: [u8; NONCE_BYTES] = random()?;
        let context = context(tenant, endpoint);
        let payload = Payload {
            msg: key.as_bytes(),
            aad: &context,
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|error| Error::Io {
            context: "sealing a signing secret".to_owned(),
            message: error.to_string(),
        })?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub(crate) fn open(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        sealed: &[u8],
    ) -> Result<SigningKey, SealError> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(SealError)?;
        let context = context(tenant, endpoint);
        let payload = Payload {
            msg: rest,
            aad: &context,
        };
        let opened = self.0.decrypt(&XNonce::from(*nonce), payload);
        opened.map(SigningKey::from_bytes).map_err(|_| SealError)
    }
}

pub(crate) fn random_key() -> Result<SigningKey, Error> {
    random().map(SigningKey::new)
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Io {
        context: "asking the system for randomness".to_owned(),
        message: error.to_string(),
    })?;
    Ok(bytes)
}

fn context(tenant: TenantId, endpoint: EndpointId) -> [u8; 32] {
    let mut context = [0; 32];
    context[..16].copy_from_slice(&tenant.to_bytes());
    context[16..].copy_from_slice(&endpoint.to_bytes());
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_opens_for_its_own_endpoint_only() {
        let seal = Seal::new([1; 32]);
        let key = SigningKey::new([7; 32]);
        let (tenant, endpoint) = (TenantId::from_u128(1), EndpointId::from_u128(2));
        let sealed = seal.close(tenant, endpoint, &key).expect("sealed");
        assert!(!sealed.windows(8).any(|window| window == [7; 8]));
        assert_eq!(seal.open(tenant, endpoint, &sealed), Ok(key.clone()));
        let again = seal.close(tenant, endpoint, &key).expect("sealed");
        assert_ne!(again, sealed);
        let other = EndpointId::from_u128(3);
        assert_eq!(seal.open(tenant, other, &sealed), Err(SealError));
        let stranger = TenantId::from_u128(4);
        assert_eq!(seal.open(stranger, endpoint, &sealed), Err(SealError));
        assert_eq!(
            Seal::new([2; 32]).open(tenant, endpoint, &sealed),
            Err(SealError)
        );
        let mut bent = sealed;
        bent[30] ^= 1;
        assert_eq!(seal.open(tenant, endpoint, &bent), Err(SealError));
        assert_eq!(seal.open(tenant, endpoint, &[0; 5]), Err(SealError));
    }
}
