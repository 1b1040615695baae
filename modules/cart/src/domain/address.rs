//! What an address and an e-mail address must be. Corrects nothing but surrounding spaces.

use stoa_contracts::Address;
use stoa_contracts::cart::CartError;
use stoa_telemetry::mask_text;

use super::country::is_country;
use super::invalid;

const FIELD_LENGTH_MAX: usize = 255;
/// RFC 5321, section 4.5.3.1, as corrected by erratum 1690.
const EMAIL_LENGTH_MAX: usize = 254;
const EMAIL_LOCAL_LENGTH_MAX: usize = 64;

/// `field` is the name under which a refusal speaks of the address.
pub(crate) fn checked_address(field: &str, address: Address) -> Result<Address, CartError> {
    let named = |part: &str| format!("{field}.{part}");
    let required = |part: &str, text: String| match checked_text(named(part), &text)? {
        Some(text) => Ok(text),
        None => Err(invalid(named(part), "must not be empty")),
    };
    let optional = |part: &str, text: Option<String>| match text {
        Some(text) => checked_text(named(part), &text),
        None => Ok(None),
    };
    if !is_country(&address.country) {
        let reason = "must be two upper-case letters of ISO 3166, such as DE";
        return Err(invalid(named("country"), reason));
    }
    Ok(Address {
        name: required("name", address.name)?,
        line1: required("line1", address.line1)?,
        line2: optional("line2", address.line2)?,
        city: required("city", address.city)?,
        region: optional("region", address.region)?,
        postal_code: required("postal_code", address.postal_code)?,
        country: address.country,
    })
}

pub(crate) fn checked_email(text: &str) -> Result<String, CartError> {
    let email = text.trim();
    if email.len() > EMAIL_LENGTH_MAX {
        let reason = format!("has {} characters, at most {EMAIL_LENGTH_MAX}", email.len());
        return Err(invalid("email", reason));
    }
    if !has_email_shape(email) {
        return Err(invalid(
            "email",
            "must be an address such as jo@example.com",
        ));
    }
    refuse_card_number("email", email)?;
    Ok(email.to_owned())
}

/// Only sending a mail tells whether an address exists; this catches what cannot.
fn has_email_shape(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return false;
    };
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    (1..=EMAIL_LOCAL_LENGTH_MAX).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .chars()
            .all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
        && labels.len() >= 2
        && labels.iter().all(is_label)
}

/// Trimmed; `None` where nothing is left.
fn checked_text(field: String, text: &str) -> Result<Option<String>, CartError> {
    let text = text.trim();
    let length = text.chars().count();
    if length > FIELD_LENGTH_MAX {
        return Err(invalid(
            field,
            format!("has {length} characters, at most {FIELD_LENGTH_MAX}"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(
            field,
            "must not hold control characters or line breaks",
        ));
    }
    refuse_card_number(&field, text)?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Shoppers do paste their card into the wrong field; it must never be stored.
pub(super) fn refuse_card_number(field: &str, text: &str) -> Result<(), CartError> {
    // The rule is the log's. It masks e-mail addresses too, which are no secret here.
    let without_at = text.replace('@', " ");
    match mask_text(&without_at) == without_at.as_str() {
        true => Ok(()),
        false => Err(invalid(
            field,
            "looks like a card number; never write one here",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        Address {
            name: " Jo Doe ".to_owned(),
            line1: "1 Agora".to_owned(),
            line2: Some("  ".to_owned()),
            city: "Athens".to_owned(),
            region: None,
            postal_code: "105 55".to_owned(),
            country: "GR".to_owned(),
        }
    }

    fn refused(change: impl FnOnce(&mut Address)) -> String {
        let mut address = address();
        change(&mut address);
        match checked_address("shipping_address", address) {
            Err(CartError::Invalid { field, .. }) => field,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn an_address_is_trimmed_and_empty_parts_are_left_out() {
        let kept = checked_address("shipping_address", address()).expect("it is complete");
        assert_eq!((kept.name.as_str(), kept.line2), ("Jo Doe", None));
    }

    #[test]
    fn each_wrong_part_is_named() {
        assert_eq!(
            refused(|a| a.name = " ".to_owned()),
            "shipping_address.name"
        );
        assert_eq!(
            refused(|a| a.line1 = String::new()),
            "shipping_address.line1"
        );
        assert_eq!(
            refused(|a| a.line2 = Some("x".repeat(256))),
            "shipping_address.line2"
        );
        assert_eq!(
            refused(|a| a.city = "a\nb".to_owned()),
            "shipping_address.city"
        );
        assert_eq!(
            refused(|a| a.region = Some("4111 1111 1111 1111".to_owned())),
            "shipping_address.region"
        );
        assert_eq!(
            refused(|a| a.postal_code = String::new()),
            "shipping_address.postal_code"
        );
        for country in ["gr", "GRC", "", "ZZ", "G "] {
            assert_eq!(
                refused(|a| a.country = country.to_owned()),
                "shipping_address.country"
            );
        }
        let longest = Address {
            line1: "ä".repeat(255),
            ..address()
        };
        assert!(checked_address("shipping_address", longest).is_ok());
    }

    #[test]
    fn digits_that_are_no_card_number_are_let_through() {
        for line2 in ["4111 1111 1111 1112", "0049 30 1234567", "9783161484100"] {
            let address = Address {
                line2: Some(line2.to_owned()),
                ..address()
            };
            assert!(
                checked_address("billing_address", address).is_ok(),
                "{line2}"
            );
        }
    }

    #[test]
    fn an_email_has_one_local_part_and_a_domain_with_a_dot() {
        for good in [
            "jo@example.com",
            " jo+x@sub.example.co ",
            "o'neil@exämple.de",
        ] {
            assert_eq!(checked_email(good).expect(good), good.trim());
        }
        let long = format!("{}@{}.com", "a".repeat(64), "b".repeat(190));
        for bad in [
            "",
            "jo",
            "@example.com",
            "jo@",
            "jo@example",
            "jo@.com",
            "jo doe@example.com",
            "jo@@example.com",
            "jo@exa mple.com",
            "jo@-x.com",
            ".jo@example.com",
            "a..b@example.com",
            "jo@example.com\nBcc: x@example.com",
            "4111111111111111@example.com",
            &long,
        ] {
            assert!(checked_email(bad).is_err(), "{bad}");
        }
    }
}
