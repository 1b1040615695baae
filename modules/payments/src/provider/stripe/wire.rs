//! What Stripe's answers and events look like, and what they mean here. Asks nobody.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stoa_kernel::Timestamp;

use crate::provider::{
    DisputeNews, Intent, IntentStatus, News, ProviderError, ProviderRefund, RefundStatus,
    WebhookError,
};

/// The code under which a refused `return_url` comes.
pub(super) const NO_RETURN_URL: &str = "no_return_url";

/// News of a refund under a charge's name; all others of charges carry the charge itself.
const REFUND_OF_CHARGE: &str = "charge.refund.updated";
const MICROS_PER_SECOND: i64 = 1_000_000;
/// Codes and reasons are kept with the payment; messages stand in logs and in what staff read.
const WORD_BYTES_MAX: usize = 100;
const MESSAGE_CHARS_MAX: usize = 300;
const URL_BYTES_MAX: usize = 4_096;

#[derive(Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

#[derive(Deserialize)]
pub(super) struct PaymentIntent {
    id: String,
    status: String,
    amount_received: Option<i64>,
    last_payment_error: Option<Failure>,
    next_action: Option<NextAction>,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<String>,
    decline_code: Option<String>,
}

#[derive(Deserialize)]
struct NextAction {
    redirect_to_url: Option<Redirect>,
}

#[derive(Deserialize)]
struct Redirect {
    url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    status: Option<String>,
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    refund: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorFacts,
}

#[derive(Deserialize)]
struct ErrorFacts {
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
    param: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    object: serde_json::Value,
}

/// A charge or a refund, as an event carries it.
#[derive(Deserialize)]
struct OfIntent {
    payment_intent: Option<String>,
    status: Option<String>,
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Dispute {
    id: String,
    payment_intent: Option<String>,
    amount: i64,
    currency: String,
    status: String,
    reason: Option<String>,
}

impl PaymentIntent {
    pub(super) fn read(self) -> Result<Intent, ProviderError> {
        let status = match self.status.as_str() {
            "requires_confirmation" => IntentStatus::RequiresConfirmation,
            "requires_action" => IntentStatus::RequiresAction,
            "processing" => IntentStatus::Processing,
            "requires_capture" => IntentStatus::RequiresCapture,
            "succeeded" => IntentStatus::Succeeded,
            "canceled" => IntentStatus::Voided,
            // The payment method it had was refused, and nobody but us could give it another.
            "requires_payment_method" => IntentStatus::Declined,
            _ => return Err(ProviderError::unknown("it names a status nobody knows")),
        };
        // It is written down before anything is charged by it.
        super::path_part(&self.id)?;
        let failure = self.last_payment_error;
        let code = failure.and_then(|failure| failure.decline_code.or(failure.code));
        Ok(Intent {
            id: self.id,
            status,
            decline_code: word(code),
            next_action_url: self
                .next_action
                .and_then(|action| action.redirect_to_url)
                .and_then(|redirect| redirect.url)
                .filter(|url| is_plain(url, URL_BYTES_MAX)),
            captured: self.amount_received,
        })
    }
}

impl Refund {
    pub(super) fn read(self) -> ProviderRefund {
        let status = match self.status.as_deref() {
            Some("succeeded") => RefundStatus::Succeeded,
            Some("failed" | "canceled") => RefundStatus::Failed {
                reason: word(self.failure_reason).unwrap_or_else(|| "refused".to_owned()),
            },
            _ => RefundStatus::Pending,
        };
        ProviderRefund {
            ours: self.metadata.refund.and_then(|id| id.parse().ok()),
            status,
        }
    }
}

/// What an answer that is not 200 means. Whatever is not a clear no is unknown.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> ProviderError {
    let failed = |message: String| match status.is_server_error() {
        true => ProviderError::Failed { message },
        false => ProviderError::unknown(message),
    };
    let Ok(ErrorBody { error }) = serde_json::from_slice::<ErrorBody>(body) else {
        return failed(format!("{status} without a reason"));
    };
    let message = short(&error.message.unwrap_or_default());
    let about_key = error.kind.as_deref() == Some("idempotency_error");
    let no_return_url = error.param.as_deref() == Some("return_url")
        && error.code.as_deref() == Some("parameter_unknown")
        || message == "Unexpected return_url";
    match status {
        // Of the provider's own kind: a gateway in between has pages for 404, too.
        StatusCode::NOT_FOUND if error.kind.as_deref() == Some("invalid_request_error") => {
            ProviderError::Forgotten
        }
        StatusCode::BAD_REQUEST if no_return_url => ProviderError::Refused {
            code: NO_RETURN_URL.to_owned(),
            message,
        },
        StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED if !about_key => {
            let code = word(error.decline_code.or(error.code));
            ProviderError::Refused {
                code: code.unwrap_or_else(|| "refused".to_owned()),
                message,
            }
        }
        // A wrong key, an overload, a twin under way: the payment itself was not refused.
        _ => failed(format!("{status}: {message}")),
    }
}

/// Reads an event whose signature holds. Kinds that say nothing of payments name no intent.
pub(super) fn read_event(body: &[u8]) -> Result<News, WebhookError> {
    let event: Event = parse(serde_json::from_slice(body))?;
    let mut news = News {
        event: event.id,
        at: Timestamp::from_micros(event.created.saturating_mul(MICROS_PER_SECOND)),
        intent: None,
        refund: None,
        refund_failed: None,
        dispute: None,
    };
    let object = event.data.object;
    if event.kind.starts_with("payment_intent.") {
        news.intent = object["id"].as_str().map(str::to_owned);
    } else if event.kind.starts_with("charge.dispute.") {
        let dispute: Dispute = read(object)?;
        news.intent = dispute.payment_intent;
        news.dispute = Some(DisputeNews {
            reference: dispute.id,
            amount: dispute.amount,
            currency: dispute.currency.to_ascii_uppercase().parse().ok(),
            status: dispute.status,
            reason: word(dispute.reason),
        });
    } else if event.kind.starts_with("charge.") || event.kind.starts_with("refund.") {
        let part: OfIntent = read(object)?;
        let of_refund = event.kind.starts_with("refund.") || event.kind == REFUND_OF_CHARGE;
        if of_refund && matches!(part.status.as_deref(), Some("failed" | "canceled")) {
            let reason = word(part.failure_reason);
            news.refund_failed = Some(reason.unwrap_or_else(|| "refused".to_owned()));
        }
        news.intent = part.payment_intent;
        news.refund = part.metadata.refund.and_then(|id| id.parse().ok());
    }
    Ok(news)
}

fn read<T: DeserializeOwned>(object: serde_json::Value) -> Result<T, WebhookError> {
    parse(serde_json::from_value(object))
}

fn parse<T>(answer: serde_json::Result<T>) -> Result<T, WebhookError> {
    answer.map_err(|error| WebhookError::Body {
        message: error.to_string(),
    })
}

/// A code or reason as it may be kept; one that is none is left out.
fn word(text: Option<String>) -> Option<String> {
    text.filter(|text| is_plain(text, WORD_BYTES_MAX))
}

fn is_plain(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The beginning of a message, on one line.
fn short(message: &str) -> String {
    let line = message.chars().filter(|c| !c.is_control());
    line.take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn intent(id: &str, code: &str, url: &str) -> Result<Intent, ProviderError> {
        let intent: PaymentIntent = serde_json::from_value(json!({
            "id": id, "status": "requires_payment_method",
            "last_payment_error": { "code": code },
            "next_action": { "redirect_to_url": { "url": url } },
        }))
        .expect("an intent");
        intent.read()
    }

    #[test]
    fn an_intent_whose_id_fits_no_path_is_no_answer() {
        for id in ["", "pi/1", "pi_1?x", "../v1", &"p".repeat(256)] {
            let read = intent(id, "card_declined", "https://bank.example");
            assert!(matches!(read, Err(ProviderError::Unknown { .. })), "{id}");
        }
        let read = intent("pi_1", "card_declined", "https://bank.example").expect("an intent");
        assert_eq!(read.decline_code.as_deref(), Some("card_declined"));
        assert_eq!(
            read.next_action_url.as_deref(),
            Some("https://bank.example")
        );
    }

    #[test]
    fn only_the_providers_own_404_says_that_it_knows_no_such_payment() {
        let told = |body: &str| refusal(StatusCode::NOT_FOUND, body.as_bytes());
        let own = r#"{"error": {"type": "invalid_request_error", "message": "Not Found"}}"#;
        assert!(matches!(told(own), ProviderError::Forgotten));
        for other in [
            r#"{"error": {"code": 404, "message": "no route"}}"#,
            r#"{"error": {"message": "no route"}}"#,
            r#"{"error": "no route"}"#,
            "<html>",
            "",
        ] {
            assert!(
                matches!(told(other), ProviderError::Unknown { .. }),
                "{other}"
            );
        }
    }

    #[test]
    fn words_that_no_database_keeps_are_left_out() {
        let long = "x".repeat(5_000);
        for odd in ["", "a\0b", "a b", &long] {
            let read = intent("pi_1", odd, &format!("https://bank.example/{odd} ")).expect("it");
            assert_eq!(
                (read.decline_code, read.next_action_url),
                (None, None),
                "{odd}"
            );
            let dispute = json!({
                "id": "dp_1", "payment_intent": "pi_1", "amount": 1, "currency": "eur",
                "status": "lost", "reason": odd,
            });
            let event = json!({
                "id": "evt_1", "type": "charge.dispute.closed", "created": 1,
                "data": { "object": dispute },
            });
            let news = read_event(event.to_string().as_bytes()).expect("news");
            assert_eq!(news.dispute.expect("a dispute").reason, None, "{odd}");
        }
    }

    #[test]
    fn what_a_refusal_says_is_cut_short() {
        let body = |code: Value| {
            let message = format!("no\n{}", "x".repeat(5_000));
            json!({ "error": { "code": code, "message": message } }).to_string()
        };
        let refused = refusal(StatusCode::BAD_REQUEST, body(json!("a\0b")).as_bytes());
        let message = format!("no{}", "x".repeat(MESSAGE_CHARS_MAX - 2));
        let code = "refused".to_owned();
        assert_eq!(refused, ProviderError::Refused { code, message });
    }
}
