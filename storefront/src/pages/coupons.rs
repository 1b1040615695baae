//! Promotion codes of a cart: tried, told of, forgotten. What a code is worth is not decided here.

use stoa_contracts::cart::{CartError, CartKey, CartUpdate, CartView as Cart};
use stoa_contracts::pricing::CouponRefusal;

use super::cart::BEING_PAID;
use super::shown::refusal_words;
use crate::answer::Trouble;
use crate::present::money;
use crate::shop::Shop;
use crate::views::CouponTag;
use crate::visit::Visit;
use crate::words::{say, tell};

/// What became of a code.
pub(crate) struct Tried {
    pub(crate) cart: Cart,
    /// Why it was not taken.
    pub(crate) error: Option<String>,
}

/// Tries one more code.
pub(crate) async fn add(
    shop: &Shop,
    visit: &Visit,
    key: &CartKey,
    cart: Cart,
    code: &str,
) -> Result<Tried, Trouble> {
    let code = code.trim();
    let refused = |cart, error: &str| Tried {
        cart,
        error: Some(error.to_owned()),
    };
    if code.is_empty() {
        return Ok(refused(cart, &say("Type the code first.")));
    }
    let before = cart.coupons.clone();
    let mut codes = before.clone();
    codes.push(code.to_owned());
    let cart = match put(shop, visit, key, codes).await {
        Ok(cart) => cart,
        Err(CartError::NotOpen) => return Ok(refused(cart, &say(BEING_PAID))),
        Err(CartError::Invalid { reason, .. }) => {
            return Ok(refused(
                cart,
                &tell("This {reason}.", &[("reason", &reason)]),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    match refusal(&cart, code).filter(|reason| !may_apply_later(*reason)) {
        None => Ok(Tried { cart, error: None }),
        Some(reason) => {
            let cart = put(shop, visit, key, before).await?;
            Ok(refused(cart, &refusal_words(reason)))
        }
    }
}

/// The cart without a code; as it is where it has none such.
pub(crate) async fn remove(
    shop: &Shop,
    visit: &Visit,
    key: &CartKey,
    cart: Cart,
    code: &str,
) -> Result<Cart, Trouble> {
    let mut codes = cart.coupons.clone();
    codes.retain(|known| known != code);
    if codes.len() == cart.coupons.len() {
        return Ok(cart);
    }
    match put(shop, visit, key, codes).await {
        Ok(cart) => Ok(cart),
        Err(CartError::NotOpen) => Ok(cart),
        Err(error) => Err(error.into()),
    }
}

/// Each code with what it does.
pub(crate) fn tags(cart: &Cart) -> Vec<CouponTag> {
    let told = |code: &String| match refusal(cart, code) {
        Some(reason) => (false, refusal_words(reason)),
        None => (true, worth(cart, code)),
    };
    let codes = cart.coupons.iter();
    codes
        .map(|code| {
            let (applied, text) = told(code);
            CouponTag {
                code: code.clone(),
                applied,
                text,
            }
        })
        .collect()
}

async fn put(
    shop: &Shop,
    visit: &Visit,
    key: &CartKey,
    codes: Vec<String>,
) -> Result<Cart, CartError> {
    let update = CartUpdate {
        coupons: Some(codes),
        ..CartUpdate::default()
    };
    shop.carts.update(visit.tenant_id(), key, update).await
}

fn refusal(cart: &Cart, code: &str) -> Option<CouponRefusal> {
    let mut refused = cart.refused_coupons.iter();
    let found = refused.find(|one| same(&one.code, code));
    found.map(|one| one.reason)
}

fn worth(cart: &Cart, code: &str) -> String {
    let brought = |by: &Option<String>| by.as_deref().is_some_and(|by| same(by, code));
    let found = cart.promotions.iter().find(|one| brought(&one.code));
    found.map_or_else(
        || say("Applied."),
        |one| {
            tell(
                "{offer}: you save {amount}.",
                &[("offer", &one.title), ("amount", &money(one.amount))],
            )
        },
    )
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// A code that never will is not kept: it would only stand in the way.
const fn may_apply_later(reason: CouponRefusal) -> bool {
    match reason {
        CouponRefusal::NotYetValid | CouponRefusal::DoesNotApply | CouponRefusal::NotCombinable => {
            true
        }
        CouponRefusal::Unknown | CouponRefusal::Expired | CouponRefusal::UsedUp => false,
    }
}
