//! Codes of gift cards: made from a secret, shown once, kept only as a keyed hash.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stoa_kernel::{GiftCardId, TenantId};

/// 32 letters without look-alikes: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Five bits each: 100 bits, which no one guesses.
const SYMBOLS: usize = 20;
const SYMBOLS_PER_GROUP: usize = 4;
/// Longer text is no code, however many spaces it has.
const TYPED_LENGTH_MAX: usize = 64;

/// A code as people see it, such as `7KQ2-...`; `Debug` and logs never show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct GiftCode([u8; SYMBOLS]);

/// Makes and recognises codes. As good as the secret is secret.
#[derive(Clone)]
pub(crate) struct CodeKey([u8; 32]);

impl CodeKey {
    pub(crate) const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The code of a new card. `request` is what the caller's own idempotency key was: a repeated
    /// request can be given the code again, although it is stored nowhere.
    pub(crate) fn issue(&self, tenant: TenantId, card: GiftCardId, request: &[&str]) -> GiftCode {
        let mut mac = self.mac("issue", tenant);
        mac.update(&card.to_bytes());
        for part in request {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let bytes = mac.finalize().into_bytes();
        let bit = |at: usize| (bytes[at / 8] >> (7 - at % 8)) & 1;
        GiftCode(std::array::from_fn(|symbol| {
            let index = (0..5).fold(0, |index, at| index << 1 | bit(symbol * 5 + at));
            ALPHABET[usize::from(index)]
        }))
    }

    /// What is stored of a code, and what it is found by.
    pub(crate) fn hash(&self, tenant: TenantId, code: &GiftCode) -> [u8; 32] {
        let mut mac = self.mac("find", tenant);
        mac.update(&code.0);
        mac.finalize().into_bytes().into()
    }

    /// Both purposes and the tenant are in every code: what is one shop's is no other's.
    fn mac(&self, purpose: &str, tenant: TenantId) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(&tenant.to_bytes());
        mac
    }
}

impl GiftCode {
    /// Reads what someone typed: case, spaces and dashes do not matter, and O, I and L are taken
    /// for the digits they look like.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        if typed.len() > TYPED_LENGTH_MAX {
            return None;
        }
        let mut symbols = [0; SYMBOLS];
        let mut count = 0;
        for byte in typed.bytes() {
            let symbol = match byte.to_ascii_uppercase() {
                b' ' | b'-' => continue,
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            if !ALPHABET.contains(&symbol) {
                return None;
            }
            *symbols.get_mut(count)? = symbol;
            count += 1;
        }
        (count == SYMBOLS).then_some(Self(symbols))
    }

    /// In groups of four.
    pub(crate) fn reveal(&self) -> String {
        let groups: Vec<String> = self
            .0
            .chunks(SYMBOLS_PER_GROUP)
            .map(|group| group.iter().map(|&symbol| char::from(symbol)).collect())
            .collect();
        groups.join("-")
    }

    pub(crate) fn last4(&self) -> String {
        let end = &self.0[SYMBOLS - SYMBOLS_PER_GROUP..];
        end.iter().map(|&symbol| char::from(symbol)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: CodeKey = CodeKey::new([7; 32]);
    const TENANT: TenantId = TenantId::from_u128(1);

    fn code(card: u128) -> GiftCode {
        KEY.issue(TENANT, GiftCardId::from_u128(card), &["route", "key"])
    }

    #[test]
    fn a_code_has_twenty_symbols_and_reads_back_however_it_is_typed() {
        let shown = code(1).reveal();
        assert_eq!(shown.len(), 24);
        let symbols = shown.bytes().filter(|&byte| byte != b'-');
        assert_eq!(symbols.filter(|byte| ALPHABET.contains(byte)).count(), 20);
        let typed = [
            shown.to_lowercase(),
            shown.replace('-', " "),
            shown.replace('-', ""),
            shown.replace('0', "o").replace('1', "l"),
        ];
        for typed in typed {
            assert!(GiftCode::parse(&typed) == Some(code(1)), "{typed}");
        }
        assert!(shown.ends_with(&code(1).last4()));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let shown = code(1).reveal();
        let wrong = [
            "",
            "-",
            &shown[1..],
            &format!("{shown}0"),
            &"A".repeat(65),
            "ü",
        ];
        for wrong in wrong {
            assert!(GiftCode::parse(wrong).is_none(), "{wrong}");
        }
        assert!(GiftCode::parse(&shown.replace('-', "U")).is_none());
    }

    #[test]
    fn cards_requests_shops_and_installations_have_codes_of_their_own() {
        let card = GiftCardId::from_u128(1);
        let others = [
            code(2),
            KEY.issue(TENANT, card, &["route", "other"]),
            KEY.issue(TENANT, card, &["routek", "ey"]),
            KEY.issue(TenantId::from_u128(2), card, &["route", "key"]),
            CodeKey::new([8; 32]).issue(TENANT, card, &["route", "key"]),
        ];
        for other in others {
            assert!(other != code(1));
        }
        assert!(KEY.issue(TENANT, card, &["route", "key"]) == code(1));
        assert!(KEY.hash(TENANT, &code(1)) != KEY.hash(TenantId::from_u128(2), &code(1)));
        assert!(KEY.hash(TENANT, &code(1)) != CodeKey::new([8; 32]).hash(TENANT, &code(1)));
    }
}
