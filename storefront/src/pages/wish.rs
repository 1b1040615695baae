//! A wish to buy that may have to wait in line: kept in a cookie of the waiting page, with the one
//! idempotency key it began with. Decides nothing.

use axum::response::Response;
use stoa_contracts::checkout::{PlaceOrder, Purchase};
use stoa_kernel::{Actor, Money};
use stoa_rest::StatusCode;
use stoa_storage::IdempotencyKey;

use super::till::{parsed_total, shown_total};
use crate::answer::{Trouble, private_page, with_cookies};
use crate::payment::provider_and_token;
use crate::shop::Shop;
use crate::views::{Meta, WaitingView};
use crate::visit::Visit;
use crate::words::say;

const HASH_BYTES: usize = 32;
const REFRESH_SECONDS_MAX: u32 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) key: String,
    pub(crate) body_hash: [u8; HASH_BYTES],
    /// `test:tok_success`.
    pub(crate) payment: String,
    pub(crate) gift_cards: Vec<String>,
    pub(crate) expected: Option<Money>,
}

/// Where a wish waits and where its shopper goes.
pub(crate) struct Line<'a> {
    /// The page that asks again.
    pub(crate) path: &'a str,
    /// Where one goes who will not wait.
    pub(crate) leave: &'a str,
    pub(crate) position: u32,
    pub(crate) seconds: u32,
}

impl Wish {
    pub(crate) fn request(
        &self,
        visit: &Visit,
        purchase: Purchase,
        scope: String,
        return_url: String,
    ) -> PlaceOrder {
        let (provider, token) = provider_and_token(&self.payment);
        PlaceOrder {
            tenant: visit.tenant_id(),
            test_mode: visit.tenant.test_mode,
            purchase,
            expected_total: self.expected,
            gift_cards: self.gift_cards.clone(),
            provider: provider.to_owned(),
            token: token.to_owned(),
            return_url: Some(return_url),
            idempotency: IdempotencyKey {
                scope,
                key: self.key.clone(),
                body_hash: self.body_hash,
            },
            actor: Actor::Shopper,
            trace: Some(visit.trace.trace_id_hex()),
        }
    }

    /// The wish of the waiting page's cookie.
    pub(crate) fn of(shop: &Shop, visit: &Visit) -> Option<Self> {
        Self::decoded(shop.cookies.wish(&visit.headers)?)
    }

    /// The waiting page; `None` where the wish does not fit into a cookie.
    pub(crate) async fn waits(
        &self,
        shop: &Shop,
        visit: &Visit,
        line: &Line<'_>,
    ) -> Result<Option<Response>, Trouble> {
        let Some(cookie) = shop.cookies.set_wish(line.path, &self.encoded()) else {
            return Ok(None);
        };
        let frame = shop.plain_frame(visit).await?;
        let view = WaitingView {
            meta: Meta::private(format!("{} · {}", say("In line"), frame.shop_name)),
            frame,
            position: line.position,
            url: line.path.to_owned(),
            refresh_seconds: line.seconds.clamp(1, REFRESH_SECONDS_MAX),
            leave_url: line.leave.to_owned(),
        };
        let page = private_page(StatusCode::OK, shop.theme.waiting(&view)?);
        Ok(Some(with_cookies(page, [cookie])))
    }

    fn encoded(&self) -> String {
        let expected = self.expected.map(shown_total).unwrap_or_default();
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("key", &self.key)
            .append_pair("hash", &hex::encode(self.body_hash))
            .append_pair("payment", &self.payment)
            .append_pair("gifts", &self.gift_cards.join(" "))
            .append_pair("expected", &expected)
            .finish()
    }

    fn decoded(text: &str) -> Option<Self> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect();
        let value = |name: &str| {
            let found = pairs.iter().find(|(found, _)| found == name);
            found.map(|(_, value)| value.as_str())
        };
        let hash = hex::decode(value("hash")?).ok()?;
        Some(Self {
            key: value("key").filter(|key| !key.is_empty())?.to_owned(),
            body_hash: hash.try_into().ok()?,
            payment: value("payment")?.to_owned(),
            gift_cards: value("gifts")?
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            expected: parsed_total(value("expected")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::Currency;

    #[test]
    fn a_wish_reads_back_as_it_was_and_fits_a_cookie() {
        let wish = Wish {
            key: "key & = ; more".to_owned(),
            body_hash: [9; 32],
            payment: "test:tok_success".to_owned(),
            gift_cards: vec!["AAAA-BBBB".to_owned(), "CCCC".to_owned()],
            expected: Some(Money::new(5290, Currency::EUR)),
        };
        let text = wish.encoded();
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        assert!(text.bytes().all(plain), "{text}");
        assert_eq!(Wish::decoded(&text), Some(wish));
        for broken in ["", "key=1", "key=1&hash=zz&payment=&gifts=&expected="] {
            assert_eq!(Wish::decoded(broken), None, "{broken}");
        }
    }
}
