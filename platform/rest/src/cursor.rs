//! Signed positions in a list. A cursor opens only the list and the tenant it was made for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::code;
use crate::problem::Problem;

/// 128 bits of the signature: forging one takes more requests than a list has rows.
const SIGNATURE_BYTES: usize = 16;
/// Far above any sort key of ours.
const CURSOR_LENGTH_MAX: usize = 2048;

/// Signs cursors, so that a client can neither make one up nor carry one elsewhere.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// `position` is the sort key of the last row seen, so rows inserted later shift nothing.
    /// `scope` names the tenant, the list and every parameter that changes its rows or order.
    pub fn encode(&self, scope: &str, position: &impl Serialize) -> String {
        let payload = serde_json::to_vec(position).expect("a sort key of plain values serialises");
        let signature = self.mac(scope, &payload).finalize().into_bytes();
        let mut bytes = signature[..SIGNATURE_BYTES].to_vec();
        bytes.extend_from_slice(&payload);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// 400 `invalid_cursor` for one that was changed, or made for another scope.
    pub fn decode<T: DeserializeOwned>(&self, scope: &str, cursor: &str) -> Result<T, Problem> {
        let refused = || {
            Problem::new(&code::INVALID_CURSOR)
                .with_detail("Start the list again without a cursor.")
                .with_field("cursor", "does not belong to this list")
        };
        if cursor.len() > CURSOR_LENGTH_MAX {
            return Err(refused());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let (signature, payload) = bytes
            .split_at_checked(SIGNATURE_BYTES)
            .ok_or_else(refused)?;
        self.mac(scope, payload)
            .verify_truncated_left(signature)
            .map_err(|_| refused())?;
        serde_json::from_slice(payload).map_err(|_| refused())
    }

    fn mac(&self, scope: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        // The length keeps scope and payload apart: no pair of them signs like another.
        mac.update(&(scope.len() as u64).to_be_bytes());
        mac.update(scope.as_bytes());
        mac.update(payload);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: CursorKey = CursorKey::new([7; 32]);

    fn decode(key: &CursorKey, scope: &str, cursor: &str) -> Result<(String, i64), &'static str> {
        key.decode(scope, cursor)
            .map_err(|problem| problem.code().code)
    }

    #[test]
    fn a_cursor_opens_its_own_list_only() {
        let position = ("tea-pot".to_owned(), 42_i64);
        let cursor = KEY.encode("ten_1 products sort=title", &position);
        assert_eq!(
            decode(&KEY, "ten_1 products sort=title", &cursor),
            Ok(position)
        );
        let other_lists = ["ten_2 products sort=title", "ten_1 products sort=price", ""];
        for scope in other_lists {
            assert_eq!(
                decode(&KEY, scope, &cursor),
                Err("invalid_cursor"),
                "{scope}"
            );
        }
        let other_key = CursorKey::new([8; 32]);
        assert_eq!(
            decode(&other_key, "ten_1 products sort=title", &cursor),
            Err("invalid_cursor")
        );
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let cursor = KEY.encode("s", &("a", 1));
        for index in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(
                decode(&KEY, "s", &tampered),
                Err("invalid_cursor"),
                "{tampered}"
            );
        }
        for cursor in ["", "AAAA", "%", &"A".repeat(4096)] {
            assert_eq!(decode(&KEY, "s", cursor), Err("invalid_cursor"));
        }
    }
}
