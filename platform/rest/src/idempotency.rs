//! Reads idempotency keys and says what they are scoped to. Remembers nothing: storage does.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::body::BodyBytes;
use crate::code;
use crate::context::context_of;
use crate::extract::{parse_json, require_json};
use crate::problem::Problem;

/// The name of the header.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

const KEY_LENGTH_MAX: usize = 255;

/// The client's key: 1 to 255 visible ASCII characters. Required where it is extracted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else {
            return Err(Problem::new(&code::IDEMPOTENCY_KEY_MISSING)
                .with_detail("Send a fresh random Idempotency-Key with every new operation."));
        };
        let bytes = value.as_bytes();
        let fits = (1..=KEY_LENGTH_MAX).contains(&bytes.len());
        match std::str::from_utf8(bytes) {
            Ok(text) if fits && bytes.iter().all(u8::is_ascii_graphic) => Ok(Self(text.to_owned())),
            _ => Err(Problem::new(&code::IDEMPOTENCY_KEY_MISSING)
                .with_detail("An Idempotency-Key is 1 to 255 visible ASCII characters.")),
        }
    }
}

/// SHA-256 of the body as it came: the same key with another body is refused by it.
pub fn fingerprint(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// What one use of a key is filed under, within its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyScope {
    /// [`crate::Caller::id`].
    pub caller: String,
    /// `POST /api/v1/checkouts`.
    pub route: String,
    pub key: String,
    pub body_hash: [u8; 32],
}

/// A JSON body together with the scope of its idempotency key; 400 without a key.
#[derive(Debug, Clone)]
pub struct IdempotentJson<T> {
    pub value: T,
    pub scope: IdempotencyScope,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for IdempotentJson<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        require_json(&parts.headers)?;
        let context = context_of(&parts)?;
        let caller = context.caller.id();
        // The path as sent, not its pattern: one key may not serve two carts.
        let route = format!("{} {}", parts.method, parts.uri.path());
        let request = Request::from_parts(parts, body);
        let BodyBytes(bytes) = BodyBytes::from_request(request, state).await?;
        let value = parse_json(&bytes)?;
        let scope = IdempotencyScope {
            caller,
            route,
            key,
            body_hash: fingerprint(&bytes),
        };
        Ok(Self { value, scope })
    }
}
