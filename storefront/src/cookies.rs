//! The shopper's cookies: the cart's key, how many units it holds, and the keys of orders.
//! Knows how they are written and read, never what they open.

use stoa_contracts::cart::CartKey;
use stoa_kernel::OrderId;
use stoa_rest::{HeaderMap, HeaderValue, header};

const CART_SECONDS: u32 = 30 * 24 * 60 * 60;
const ORDER_SECONDS: u32 = 90 * 24 * 60 * 60;
const TOKEN_LENGTH_MAX: usize = 512;
const COUNT: &str = "stoa_cart_count";
/// The language and the currency a shopper chose.
pub(crate) const LANGUAGE: &str = "stoa_lang";
pub(crate) const CURRENCY: &str = "stoa_currency";
const CHOICE_SECONDS: u32 = 365 * 24 * 60 * 60;
const WISH: &str = "stoa_wish";
const WISH_SECONDS: u32 = 15 * 60;
const WISH_LENGTH_MAX: usize = 3_000;
/// For the page's own script.
const SHOWN: &str = "SameSite=Lax";
const HIDDEN: &str = "SameSite=Lax; HttpOnly";
/// Never sent on a way here from another site.
const STRICT: &str = "SameSite=Strict; HttpOnly";

/// How cookies are written here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieRules {
    /// Over https they carry `Secure`, and the cart's name `__Host-`, which no neighbouring host
    /// can overwrite. Over plain http browsers refuse both.
    pub(crate) secure: bool,
}

impl CookieRules {
    fn cart_name(self) -> &'static str {
        if self.secure {
            "__Host-stoa_cart"
        } else {
            "stoa_cart"
        }
    }

    pub(crate) fn cart_key(self, headers: &HeaderMap) -> Option<CartKey> {
        let (id, token) = read(headers, self.cart_name())?.split_once('.')?;
        let id = id.parse().ok()?;
        is_token(token).then(|| CartKey {
            id,
            token: token.to_owned(),
        })
    }

    /// Whether the browser sends a cart at all, readable or not.
    pub(crate) fn has_cart(self, headers: &HeaderMap) -> bool {
        read(headers, self.cart_name()).is_some()
    }

    pub(crate) fn set_cart(self, key: &CartKey) -> HeaderValue {
        let value = format!("{}.{}", key.id, key.token);
        self.write(self.cart_name(), &value, "/", CART_SECONDS, HIDDEN)
    }

    /// For the script that fills the badge, so that pages without a cart are the same for all.
    pub(crate) fn set_count(self, units: u32) -> HeaderValue {
        self.write(COUNT, &units.to_string(), "/", CART_SECONDS, SHOWN)
    }

    pub(crate) fn clear_cart(self) -> [HeaderValue; 2] {
        [
            self.write(self.cart_name(), "", "/", 0, HIDDEN),
            self.write(COUNT, "", "/", 0, SHOWN),
        ]
    }

    /// Read by the page's own script as well, which keeps the language of an address.
    pub(crate) fn set_preference(self, name: &str, value: &str) -> HeaderValue {
        self.write(name, value, "/", CHOICE_SECONDS, SHOWN)
    }

    /// For no script to read.
    pub(crate) fn set_hidden(self, name: &str, value: &str, seconds: u32) -> HeaderValue {
        self.write(name, value, "/", seconds, HIDDEN)
    }

    pub(crate) fn order_token(self, headers: &HeaderMap, order: OrderId) -> Option<&str> {
        read(headers, &order_name(order)).filter(|token| is_token(token))
    }

    /// Sent back to the order's own pages only.
    pub(crate) fn set_order(self, order: OrderId, token: &str) -> HeaderValue {
        let path = format!("/orders/{order}");
        self.write(&order_name(order), token, &path, ORDER_SECONDS, HIDDEN)
    }

    pub(crate) fn pay_token(self, headers: &HeaderMap, order: OrderId) -> Option<&str> {
        read(headers, &pay_name(order)).filter(|token| is_token(token))
    }

    /// Sent back to the order's payment link only.
    pub(crate) fn set_pay(self, order: OrderId, token: &str) -> HeaderValue {
        let path = format!("/pay/{order}");
        self.write(&pay_name(order), token, &path, ORDER_SECONDS, HIDDEN)
    }

    /// What a shopper in line wants to buy, as its page wrote it.
    pub(crate) fn wish(self, headers: &HeaderMap) -> Option<&str> {
        read(headers, WISH).filter(|text| !text.is_empty() && text.len() <= WISH_LENGTH_MAX)
    }

    /// `text` is form-encoded; `path` is the page that waits.
    pub(crate) fn set_wish(self, path: &str, text: &str) -> Option<HeaderValue> {
        (text.len() <= WISH_LENGTH_MAX).then(|| self.write(WISH, text, path, WISH_SECONDS, STRICT))
    }

    pub(crate) fn clear_wish(self, path: &str) -> HeaderValue {
        self.write(WISH, "", path, 0, STRICT)
    }

    fn write(self, name: &str, value: &str, path: &str, seconds: u32, rules: &str) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; {rules}{secure}");
        HeaderValue::from_str(&text).expect("ids, tokens and encoded forms are visible ASCII")
    }
}

/// What [`CookieRules::set_preference`] kept.
pub(crate) fn preference<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    read(headers, name)
}

fn pay_name(order: OrderId) -> String {
    format!("stoa_pay_{order}")
}

fn order_name(order: OrderId) -> String {
    format!("stoa_{order}")
}

fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// What may stand in a cookie without quotes.
pub(crate) fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~=+/".contains(&byte);
    (1..=TOKEN_LENGTH_MAX).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::CartId;

    fn sent(cookies: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookies.parse().expect("a header value"));
        headers
    }

    #[test]
    fn a_cart_cookie_reads_back_and_carries_its_flags() {
        let rules = CookieRules { secure: true };
        let key = CartKey {
            id: CartId::from_u128(7),
            token: "a.b-c".to_owned(),
        };
        let text = rules.set_cart(&key).to_str().expect("ASCII").to_owned();
        assert_eq!(
            text,
            format!(
                "__Host-stoa_cart={}.a.b-c; Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly; Secure",
                key.id
            )
        );
        let pair = text.split(';').next().expect("a pair");
        assert_eq!(
            rules.cart_key(&sent(&format!("x=1; {pair}; y=2"))),
            Some(key)
        );
    }

    #[test]
    fn what_is_no_key_opens_nothing() {
        let rules = CookieRules { secure: false };
        let id = CartId::from_u128(7);
        for value in [
            "",
            "x",
            &format!("{id}"),
            &format!("{id}."),
            &format!("{id}.a b\""),
        ] {
            assert_eq!(
                rules.cart_key(&sent(&format!("stoa_cart={value}"))),
                None,
                "{value}"
            );
        }
        // A cookie set by plain http must not stand in for the one bound to this host.
        let secure = CookieRules { secure: true };
        assert_eq!(secure.cart_key(&sent(&format!("stoa_cart={id}.abc"))), None);
    }
}
