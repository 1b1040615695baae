//! What a provider's answer makes of an attempt, which tokens may be sent on, and how a refund is
//! split. Pure.

mod place;
mod setup;

use stoa_contracts::payments::{AttemptState, PaymentError};
use stoa_kernel::AttemptId;
use stoa_telemetry::mask_text;

pub(crate) use self::place::may_be_called;
pub(crate) use self::setup::{Capture, ProviderDraft, ProviderKind, check_draft, check_key};
use crate::provider::{Intent, IntentStatus, ProviderError};

/// The built-in provider's id; no shop's own provider has it.
pub(crate) const TEST_PROVIDER: &str = "test";

const TEST_TOKEN_PREFIX: &str = "tok_";
const TEST_TOKEN_REST_LENGTH_MAX: usize = 60;
const TOKEN_PREFIXES: [&str; 2] = ["pm_", "tok_"];
const TOKEN_LENGTH_MAX: usize = 255;
const REASON_BYTES_MAX: usize = 500;

/// Through what an attempt is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Test,
    Stripe,
    /// By hand: nobody is called.
    Manual,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Stripe => "stripe",
            Self::Manual => "manual",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Test, Self::Stripe, Self::Manual]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Refuses what is no token of such a provider, above all card numbers. Never repeats the value.
pub(crate) fn check_token(kind: Kind, token: &str) -> Result<(), PaymentError> {
    let refused = |reason: &str| Err(invalid("payment.token", reason));
    if holds_card_number(token) {
        return refused("looks like a card number; send the token that the provider gave for it");
    }
    match kind {
        Kind::Manual if token.is_empty() => Ok(()),
        Kind::Manual => refused("this way to pay takes no token"),
        Kind::Test => {
            let rest = token.strip_prefix(TEST_TOKEN_PREFIX).unwrap_or_default();
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            let fits = (1..=TEST_TOKEN_REST_LENGTH_MAX).contains(&rest.len());
            match fits && rest.bytes().all(plain) {
                true => Ok(()),
                false => refused("is not a token such as tok_success"),
            }
        }
        Kind::Stripe => {
            let named = TOKEN_PREFIXES.iter().any(|prefix| {
                token
                    .strip_prefix(prefix)
                    .is_some_and(|rest| !rest.is_empty())
            });
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            match named && token.len() <= TOKEN_LENGTH_MAX && token.bytes().all(plain) {
                true => Ok(()),
                false => {
                    refused("is not a payment method such as pm_... or a token such as tok_...")
                }
            }
        }
    }
}

/// Free text that is kept: bounded, and without card numbers.
pub(crate) fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), PaymentError> {
    if text.len() > bytes_max {
        return Err(invalid(field, &format!("takes at most {bytes_max} bytes")));
    }
    if text.contains('\0') {
        return Err(invalid(field, "holds a NUL character"));
    }
    if holds_card_number(text) {
        return Err(invalid(field, "looks like a card number"));
    }
    Ok(())
}

pub(crate) fn check_reason(reason: Option<&str>) -> Result<(), PaymentError> {
    reason.map_or(Ok(()), |reason| {
        check_text("reason", reason, REASON_BYTES_MAX)
    })
}

pub(crate) fn invalid(field: &str, reason: &str) -> PaymentError {
    PaymentError::Invalid {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Mail addresses are masked as well, and are no card numbers.
fn holds_card_number(text: &str) -> bool {
    let without_mail = text.replace('@', " ");
    mask_text(&without_mail) != without_mail
}

/// Where an attempt stands whose intent stands so at the provider.
///
/// `RequiresConfirmation` asks for another call and is never an end.
pub(crate) fn after(intent: &Intent) -> Result<AttemptState, ProviderError> {
    match intent.status {
        IntentStatus::Succeeded => Ok(AttemptState::Succeeded),
        IntentStatus::Voided => Ok(AttemptState::Voided),
        IntentStatus::Processing => Ok(AttemptState::Processing),
        IntentStatus::RequiresCapture => Ok(AttemptState::Authorized),
        IntentStatus::Declined => {
            let reason = intent.decline_code.clone();
            Ok(AttemptState::Declined {
                reason: reason.unwrap_or_else(|| "declined".to_owned()),
            })
        }
        IntentStatus::RequiresAction => match &intent.next_action_url {
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(AttemptState::RequiresAction {
                    next_action_url: url.clone(),
                })
            }
            _ => Err(ProviderError::unknown(
                "an action is required, but no page for it is named",
            )),
        },
        IntentStatus::RequiresConfirmation => Err(ProviderError::unknown(
            "the intent stands where no further call can bring it on",
        )),
    }
}

/// What of `wanted` goes back through which attempt, taken from the first on, and what is left over.
pub(crate) fn split(wanted: i64, left: &[(AttemptId, i64)]) -> (Vec<(AttemptId, i64)>, i64) {
    let mut rest = wanted;
    let mut parts = Vec::new();
    for &(attempt, left) in left {
        let part = rest.min(left);
        if part > 0 {
            parts.push((attempt, part));
            rest -= part;
        }
    }
    (parts, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(token: &str) -> Option<String> {
        match check_token(Kind::Test, token) {
            Ok(()) => None,
            Err(PaymentError::Invalid { field, reason }) => Some(format!("{field} {reason}")),
            Err(other) => Some(other.to_string()),
        }
    }

    #[test]
    fn tokens_have_one_shape() {
        for token in [
            "tok_success",
            "tok_3ds",
            "tok_a",
            &format!("tok_{}", "a".repeat(60)),
        ] {
            assert_eq!(refusal(token), None, "{token}");
        }
        let shape = "payment.token is not a token such as tok_success";
        for token in [
            "",
            "tok_",
            "success",
            "tok_A",
            "tok_a b",
            &format!("tok_{}", "a".repeat(61)),
        ] {
            assert_eq!(refusal(token).as_deref(), Some(shape), "{token}");
        }
    }

    #[test]
    fn a_card_number_is_refused_and_not_repeated() {
        for token in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "tok_378282246310005",
        ] {
            let text = refusal(token).expect("a refusal");
            assert!(
                text.starts_with("payment.token looks like a card number"),
                "{text}"
            );
            assert!(!text.bytes().any(|byte| byte.is_ascii_digit()), "{text}");
        }
    }

    #[test]
    fn an_action_without_a_page_is_no_answer() {
        let mut intent = Intent {
            id: "pi_1".to_owned(),
            status: IntentStatus::RequiresAction,
            decline_code: None,
            next_action_url: Some("javascript:alert(1)".to_owned()),
            captured: None,
        };
        assert!(matches!(after(&intent), Err(ProviderError::Unknown { .. })));
        intent.next_action_url = Some("https://bank.example/3ds".to_owned());
        let next_action_url = "https://bank.example/3ds".to_owned();
        assert_eq!(
            after(&intent),
            Ok(AttemptState::RequiresAction { next_action_url })
        );
    }

    #[test]
    fn a_stripe_token_is_a_payment_method_or_a_token_and_no_card() {
        let fine = |token: &str| check_token(Kind::Stripe, token).is_ok();
        assert!(fine("pm_card_visa") && fine("tok_visa") && fine("pm_1NXW2eLkdIwHu7ixAbc"));
        for token in [
            "",
            "pm_",
            "pi_1",
            "pm_a b",
            "4242424242424242",
            "pm_4242424242424242",
        ] {
            assert!(!fine(token), "{token}");
        }
        assert!(check_token(Kind::Manual, "").is_ok());
        assert!(check_token(Kind::Manual, "tok_success").is_err());
    }

    #[test]
    fn texts_take_mail_addresses_and_no_card_numbers() {
        assert!(check_text("instructions", "Write to pay@shop.example", 100).is_ok());
        assert!(check_text("instructions", "Pay with 4111 1111 1111 1111", 100).is_err());
        assert!(check_text("instructions", "long", 3).is_err());
    }

    #[test]
    fn a_refund_takes_the_first_attempt_first() {
        let [a, b] = [AttemptId::from_u128(1), AttemptId::from_u128(2)];
        assert_eq!(split(50, &[(a, 30), (b, 40)]), (vec![(a, 30), (b, 20)], 0));
        assert_eq!(split(90, &[(a, 30), (b, 40)]), (vec![(a, 30), (b, 40)], 20));
        assert_eq!(split(10, &[(a, 0), (b, 40)]), (vec![(b, 10)], 0));
    }
}
