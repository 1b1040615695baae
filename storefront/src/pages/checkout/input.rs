//! What was typed at checkout: split into what a cart can save, checked, its errors named. Knows no
//! database.

use stoa_contracts::Address;
use stoa_contracts::cart::{CartUpdate, CartView as Cart};
use stoa_contracts::pricing::ShippingOption;

use crate::form::{CheckoutInput, is_country};
use crate::views::FormError;
use crate::words::say;

const EMAIL_BYTES_MAX: usize = 254;

pub(super) fn from_cart(cart: &Cart) -> CheckoutInput {
    let address = cart.shipping_address.clone().unwrap_or_default();
    CheckoutInput {
        email: cart.email.clone().unwrap_or_default(),
        name: address.name,
        line1: address.line1,
        line2: address.line2.unwrap_or_default(),
        city: address.city,
        region: address.region.unwrap_or_default(),
        postal_code: address.postal_code,
        country: address.country,
        shipping_option_id: cart.shipping_option_id.clone().unwrap_or_default(),
        ..CheckoutInput::default()
    }
}

/// Without the spaces that fingers and autofill leave at the ends.
pub(super) fn trimmed(input: &CheckoutInput) -> CheckoutInput {
    let trim = |text: &String| text.trim().to_owned();
    CheckoutInput {
        email: trim(&input.email),
        name: trim(&input.name),
        line1: trim(&input.line1),
        line2: trim(&input.line2),
        city: trim(&input.city),
        region: trim(&input.region),
        postal_code: trim(&input.postal_code),
        country: trim(&input.country),
        shipping_option_id: trim(&input.shipping_option_id),
        payment: trim(&input.payment),
        coupon: trim(&input.coupon),
        gift_card: trim(&input.gift_card),
        gift_cards: trim(&input.gift_cards),
    }
}

/// One update for each part that is whole, so that one wrong field does not lose the others.
pub(super) fn updates(input: &CheckoutInput) -> Vec<CartUpdate> {
    let input = trimmed(input);
    let optional = |text: String| (!text.is_empty()).then_some(text);
    let whole = [&input.name, &input.line1, &input.city, &input.postal_code]
        .iter()
        .all(|field| !field.is_empty());
    let address = (whole && is_country(&input.country)).then(|| Address {
        name: input.name,
        line1: input.line1,
        line2: optional(input.line2),
        city: input.city,
        region: optional(input.region),
        postal_code: input.postal_code,
        country: input.country,
    });
    let email = Some(input.email).filter(|email| is_email(email));
    let shipping = optional(input.shipping_option_id);
    let mut updates = Vec::new();
    if email.is_some() {
        updates.push(CartUpdate {
            email,
            ..CartUpdate::default()
        });
    }
    // The address first: which ways of shipping there are may depend on it.
    if address.is_some() {
        updates.push(CartUpdate {
            shipping_address: address,
            ..CartUpdate::default()
        });
    }
    if shipping.is_some() {
        updates.push(CartUpdate {
            shipping_option_id: shipping,
            ..CartUpdate::default()
        });
    }
    updates
}

/// What is missing before this can be paid; fields that have an error already get no second one.
pub(super) fn checked(
    input: &CheckoutInput,
    options: &[ShippingOption],
    to_pay: bool,
    known: &[FormError],
) -> Vec<FormError> {
    let input = trimmed(input);
    let no_shipping = !options.is_empty()
        && !options
            .iter()
            .any(|option| option.id == input.shipping_option_id);
    let rules = [
        (
            !is_email(&input.email),
            "email",
            "Enter an e-mail address such as name@example.com",
        ),
        (input.name.is_empty(), "name", "Enter your full name"),
        (input.line1.is_empty(), "line1", "Enter street and number"),
        (
            input.postal_code.is_empty(),
            "postal_code",
            "Enter a postal code",
        ),
        (input.city.is_empty(), "city", "Enter a city"),
        (!is_country(&input.country), "country", "Choose a country"),
        (
            no_shipping,
            "shipping_option_id",
            "Choose how it should be sent",
        ),
        (
            to_pay && input.payment.is_empty(),
            "payment",
            "Choose how to pay",
        ),
    ];
    rules
        .into_iter()
        .filter(|(broken, field, _)| {
            *broken
                && !known
                    .iter()
                    .any(|error| error.field.as_deref() == Some(field))
        })
        .map(|(_, field, message)| field_error(field, say(message)))
        .collect()
}

/// One `@` between two texts, a host with a point or a plain name, no spaces.
fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    text.len() <= EMAIL_BYTES_MAX
        && !text.contains(char::is_whitespace)
        && parts.is_some_and(|(name, host)| {
            !name.is_empty() && !host.contains('@') && !host.trim_matches('.').is_empty()
        })
}

/// Names a field of the form by the contract's name of it, such as `shipping_address.city`.
pub(crate) fn field_error(field: &str, message: String) -> FormError {
    const FIELDS: [&str; 12] = [
        "email",
        "name",
        "line1",
        "line2",
        "city",
        "region",
        "postal_code",
        "country",
        "shipping_option_id",
        "payment",
        "coupon",
        "gift_card",
    ];
    let last = field.rsplit('.').next().unwrap_or(field);
    let named = match last {
        "token" | "provider" => Some("payment"),
        "gift_cards" => Some("gift_card"),
        "shipping_option" => Some("shipping_option_id"),
        "shipping_address" => Some("line1"),
        other => FIELDS.into_iter().find(|known| *known == other),
    };
    FormError {
        field: named.map(str::to_owned),
        message,
    }
}

pub(super) fn summary_error(message: impl Into<String>) -> FormError {
    FormError {
        field: None,
        message: say(&message.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_parts_are_saved() {
        let input = CheckoutInput {
            email: " ida@example.com ".to_owned(),
            name: "Ida".to_owned(),
            shipping_option_id: "standard".to_owned(),
            ..CheckoutInput::default()
        };
        let updates = updates(&input);
        assert_eq!(updates.len(), 2);
        assert_eq!(updates[0].email.as_deref(), Some("ida@example.com"));
        assert_eq!(updates[1].shipping_option_id.as_deref(), Some("standard"));
    }

    #[test]
    fn every_missing_field_is_named_once() {
        let known = [field_error("shipping_address.city", "too long".to_owned())];
        let option = ShippingOption {
            id: "standard".to_owned(),
            name: "Standard".to_owned(),
            price: stoa_kernel::Money::zero(stoa_kernel::Currency::EUR),
        };
        let errors = checked(&CheckoutInput::default(), &[option], true, &known);
        let fields: Vec<_> = errors
            .iter()
            .filter_map(|error| error.field.as_deref())
            .collect();
        assert_eq!(
            fields,
            [
                "email",
                "name",
                "line1",
                "postal_code",
                "country",
                "shipping_option_id",
                "payment"
            ]
        );
    }

    #[test]
    fn an_address_of_mail_has_two_sides() {
        for good in ["a@b", "ida.l+x@mail.example.com"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@."] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
