//! What a shopper reads when an order cannot be placed, and what they can do. Never the inside of a
//! failure.

use stoa_contracts::cart::{CartLineView, CartView as Cart};
use stoa_contracts::checkout::CheckoutError;
use stoa_contracts::inventory::Shortage;
use stoa_contracts::pricing::CouponRefusal;
use stoa_kernel::{Money, VariantId};
use stoa_rest::StatusCode;

use super::Trouble;
use super::input::{field_error, summary_error};
use crate::pages::shown::refusal_words;
use crate::views::{FormError, LineFix};
use crate::words::{say, tell};

/// What the page of a refused order says.
pub(in crate::pages) struct Refused {
    pub(in crate::pages) status: StatusCode,
    pub(in crate::pages) errors: Vec<FormError>,
    pub(in crate::pages) fixes: Vec<LineFix>,
    pub(in crate::pages) changed: Option<(Money, Money)>,
    pub(in crate::pages) start_over: bool,
}

impl Refused {
    fn of(status: StatusCode, errors: Vec<FormError>) -> Self {
        Self {
            status,
            errors,
            fixes: Vec::new(),
            changed: None,
            start_over: false,
        }
    }
}

/// The page's words, or the trouble that is none of the shopper's. `cart` is what was to be bought,
/// where that is a cart.
pub(in crate::pages) fn told(
    error: CheckoutError,
    cart: Option<&Cart>,
) -> Result<Refused, Trouble> {
    let (conflict, invalid) = (StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY);
    let summary = |text: &str| Refused::of(conflict, vec![summary_error(text)]);
    Ok(match error {
        CheckoutError::Incomplete { fields } => {
            let errors = fields.into_iter().map(|(field, reason)| {
                field_error(field, tell("This {reason}.", &[("reason", &reason)]))
            });
            Refused::of(invalid, errors.collect())
        }
        CheckoutError::Payment { field, reason } if field == "gift_cards" => Refused::of(
            invalid,
            vec![field_error(
                "gift_card",
                tell("This {reason}.", &[("reason", &reason)]),
            )],
        ),
        CheckoutError::Payment { reason, .. } => {
            let text = tell("This way to pay {reason}.", &[("reason", &reason)]);
            Refused::of(invalid, vec![field_error("payment", text)])
        }
        CheckoutError::GiftCard { reason, .. } => {
            let text = tell(
                "A gift card {reason}. Please look at what it pays now.",
                &[("reason", &reason)],
            );
            Refused::of(conflict, vec![field_error("gift_card", text)])
        }
        CheckoutError::Coupon { code, reason } => {
            Refused::of(conflict, vec![field_error("coupon", lapsed(&code, reason))])
        }
        CheckoutError::Short { shortages } => short(&shortages, cart),
        CheckoutError::NotForSale { variants } => gone(&variants, cart),
        CheckoutError::TotalChanged { expected, now } => Refused {
            changed: Some((expected, now)),
            ..Refused::of(conflict, Vec::new())
        },
        CheckoutError::TooManyAttempts { max } => Refused {
            start_over: true,
            ..summary(&format!(
                "Payment of this order was tried {max} times and can be tried no more. Nothing \
                 was charged."
            ))
        },
        CheckoutError::OrderStands { .. } => {
            summary("This order can no longer be paid here. Please look at where it stands.")
        }
        CheckoutError::InLine { .. } => {
            summary("Many people want this right now. Please press the button again in a moment.")
        }
        CheckoutError::KeyReused => {
            summary("The form changed after it was sent. Please look at it, then press again.")
        }
        CheckoutError::KeyUnfinished => {
            summary("Your order is being placed. Please wait a moment, then press again.")
        }
        other => return Err(other.into()),
    })
}

fn lapsed(code: &str, reason: CouponRefusal) -> String {
    format!(
        "{code}: {} Remove it, or use another; then press again.",
        refusal_words(reason)
    )
}

fn short(shortages: &[Shortage], cart: Option<&Cart>) -> Refused {
    let mut refused = Refused::of(StatusCode::CONFLICT, Vec::new());
    for short in shortages {
        let title = title(cart, short.variant);
        let left = u32::try_from(short.available).ok().filter(|left| *left > 0);
        let text = match left {
            None => tell(
                "{title} is sold out: somebody was faster.",
                &[("title", &title)],
            ),
            Some(left) => tell(
                "Only {count} of {title} can still be had.",
                &[("count", &left.to_string()), ("title", &title)],
            ),
        };
        refused.errors.push(to_fixes(text, cart));
        let lines = lines_of(cart, short.variant);
        // Two lines of one thing share what is left; which gives way is the shopper's choice.
        let alone = lines.len() == 1;
        let fixes = lines
            .into_iter()
            .map(|line| fix(line, left.filter(|_| alone)));
        refused.fixes.extend(fixes);
    }
    refused
}

fn gone(variants: &[VariantId], cart: Option<&Cart>) -> Refused {
    let mut refused = Refused::of(StatusCode::CONFLICT, Vec::new());
    for variant in variants {
        let text = tell(
            "{title} is not sold any more.",
            &[("title", &title(cart, *variant))],
        );
        refused.errors.push(to_fixes(text, cart));
        let fixes = lines_of(cart, *variant);
        refused
            .fixes
            .extend(fixes.into_iter().map(|line| fix(line, None)));
    }
    refused
}

/// Leads to the ways out, where the page has some.
fn to_fixes(message: String, cart: Option<&Cart>) -> FormError {
    FormError {
        field: cart.map(|_| "fixes".to_owned()),
        message,
    }
}

fn fix(line: &CartLineView, offer: Option<u32>) -> LineFix {
    let action = format!("/cart/lines/{}", line.id);
    LineFix {
        title: line.title.clone(),
        remove_action: format!("{action}/remove"),
        action,
        offer,
    }
}

fn lines_of(cart: Option<&Cart>, variant: VariantId) -> Vec<&CartLineView> {
    let lines = cart.map(|cart| cart.lines.iter()).into_iter().flatten();
    lines.filter(|line| line.variant_id == variant).collect()
}

fn title(cart: Option<&Cart>, variant: VariantId) -> String {
    let lines = lines_of(cart, variant);
    lines
        .first()
        .map_or_else(|| say("Something in this order"), |line| line.title.clone())
}

/// One sentence for the whole page.
pub(in crate::pages) fn plain(status: StatusCode, text: &str) -> Refused {
    Refused::of(status, vec![summary_error(text)])
}
