//! Secrets of shops at rest: sealed by anybody, opened only where the private key is. Never logs one.

use std::fmt;

use crypto_box::aead::OsRng;
use crypto_box::{PublicKey, SecretKey};

/// Everybody may seal a secret; only who holds the private key may open it.
#[derive(Clone)]
pub struct SealKeys {
    public: [u8; 32],
    private: Option<[u8; 32]>,
}

/// A secret in the clear, for as long as a call needs it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// This process takes secrets in and never reads them again.
    #[error(
        "this process does not hold the key that opens payment secrets; the payments role does"
    )]
    Elsewhere,
    #[error("a sealed secret does not open: it was sealed for another key")]
    Foreign,
    #[error("the system gave no randomness")]
    Randomness,
}

impl SealKeys {
    /// For the process that speaks to providers.
    pub fn opening(private: [u8; 32]) -> Self {
        Self {
            public: *SecretKey::from(private).public_key().as_bytes(),
            private: Some(private),
        }
    }

    /// For processes that take secrets in and never read them again.
    pub const fn sealing(public: [u8; 32]) -> Self {
        Self {
            public,
            private: None,
        }
    }

    /// To be given to [`Self::sealing`] in other processes.
    pub const fn public(&self) -> [u8; 32] {
        self.public
    }

    pub(crate) const fn opens(&self) -> bool {
        self.private.is_some()
    }

    pub(crate) fn seal(&self, secret: &str) -> Result<Vec<u8>, SealError> {
        PublicKey::from(self.public)
            .seal(&mut OsRng, secret.as_bytes())
            .map_err(|_| SealError::Randomness)
    }

    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Secret, SealError> {
        let private = self.private.ok_or(SealError::Elsewhere)?;
        let bytes = SecretKey::from(private)
            .unseal(sealed)
            .map_err(|_| SealError::Foreign)?;
        String::from_utf8(bytes)
            .map(Secret)
            .map_err(|_| SealError::Foreign)
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKeys")
            .field("opens", &self.opens())
            .finish_non_exhaustive()
    }
}

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_seals_need_not_be_able_to_open() {
        let payments = SealKeys::opening([7; 32]);
        let web = SealKeys::sealing(payments.public());
        let sealed = web.seal("sk_test_1").expect("a box");
        assert_eq!(
            payments.open(&sealed).expect("the secret").expose(),
            "sk_test_1"
        );
        assert_eq!(web.open(&sealed), Err(SealError::Elsewhere));
        let stranger = SealKeys::opening([8; 32]);
        assert_eq!(stranger.open(&sealed), Err(SealError::Foreign));
        assert_ne!(
            web.seal("sk_test_1").expect("a box"),
            sealed,
            "boxes repeat"
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let keys = SealKeys::opening([7; 32]);
        let sealed = keys.seal("sk_test_1").expect("a box");
        let secret = keys.open(&sealed).expect("the secret");
        assert_eq!(
            format!("{secret:?} {keys:?}"),
            "Secret SealKeys { opens: true, .. }"
        );
    }
}
