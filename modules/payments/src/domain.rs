//! What a provider's answer makes of an attempt, and which tokens may be sent on. Pure.

use stoa_contracts::payments::{AttemptState, PaymentError};
use stoa_telemetry::mask_text;

use crate::provider::{Intent, IntentStatus, ProviderError};

/// The only provider there is so far.
pub(crate) const TEST_PROVIDER: &str = "test";

const TOKEN_PREFIX: &str = "tok_";
const TOKEN_REST_LENGTH_MAX: usize = 60;

/// Refuses what is no provider's token, above all card numbers. Never repeats the value.
pub(crate) fn check_token(token: &str) -> Result<(), PaymentError> {
    let refused = |reason: &str| {
        Err(PaymentError::Invalid {
            field: "payment.token".to_owned(),
            reason: reason.to_owned(),
        })
    };
    // Only card numbers and mail addresses are masked.
    if mask_text(token) != token {
        return refused("looks like a card number; send the token that the provider gave for it");
    }
    let rest = token.strip_prefix(TOKEN_PREFIX).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !(1..=TOKEN_REST_LENGTH_MAX).contains(&rest.len()) || !rest.bytes().all(plain) {
        return refused("is not a token such as tok_success");
    }
    Ok(())
}

/// Where an attempt stands whose intent stands so at the provider.
///
/// `RequiresConfirmation` and `RequiresCapture` ask for another call and are never an end.
pub(crate) fn after(intent: &Intent) -> Result<AttemptState, ProviderError> {
    match intent.status {
        IntentStatus::Succeeded => Ok(AttemptState::Succeeded),
        IntentStatus::Voided => Ok(AttemptState::Voided),
        IntentStatus::Processing => Ok(AttemptState::Processing),
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
        IntentStatus::RequiresConfirmation | IntentStatus::RequiresCapture => Err(
            ProviderError::unknown("the intent stands where no further call can bring it on"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(token: &str) -> Option<String> {
        match check_token(token) {
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
        };
        assert!(matches!(after(&intent), Err(ProviderError::Unknown { .. })));
        intent.next_action_url = Some("https://bank.example/3ds".to_owned());
        let next_action_url = "https://bank.example/3ds".to_owned();
        assert_eq!(
            after(&intent),
            Ok(AttemptState::RequiresAction { next_action_url })
        );
    }
}
