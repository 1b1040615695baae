//! What callers may ask, checked: bodies in, typed requests out. Never touches state.

use serde::{Deserialize, Serialize};
use stoa_kernel::{Currency, Id, IdKind};
use url::Url;

use crate::entry::{IntentId, Metadata};
use crate::ledger::Refusal;

const TEXT_BYTES_MAX: usize = 255;
const URL_BYTES_MAX: usize = 2048;
const METADATA_PAIRS_MAX: usize = 16;
/// Large enough for any order in any currency, small enough that sums of refunds cannot overflow.
const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// The tokens stand for cards and decide what happens on confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Token {
    #[serde(rename = "tok_success")]
    Success,
    #[serde(rename = "tok_decline")]
    Decline,
    #[serde(rename = "tok_3ds")]
    ThreeDs,
    #[serde(rename = "tok_delay")]
    Delay,
    #[serde(rename = "tok_timeout_after_charge")]
    TimeoutAfterCharge,
    /// Held on confirm, whatever the capture method: charged by a capture.
    #[serde(rename = "tok_capture_later")]
    CaptureLater,
    /// Charged; its refunds are made and never answered.
    #[serde(rename = "tok_refund_timeout")]
    RefundTimeout,
    /// Charged; its refunds are refused.
    #[serde(rename = "tok_refund_decline")]
    RefundDecline,
}

/// Whether a confirmation takes the money or only holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CaptureMethod {
    #[default]
    Automatic,
    Manual,
}

/// A checked request to prepare a payment; stored whole, so that a repeated one can be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct IntentRequest {
    pub(crate) account: String,
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) idempotency_key: String,
    pub(crate) token: Token,
    pub(crate) capture_method: CaptureMethod,
    pub(crate) metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) return_url: Option<String>,
}

/// The body of `POST /v1/intents` as it arrives.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentBody {
    account: String,
    amount: i64,
    currency: String,
    idempotency_key: String,
    token: String,
    #[serde(default)]
    capture_method: CaptureMethod,
    metadata: Metadata,
    return_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmBody {
    idempotency_key: String,
}

/// The body of capture, void and refund.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepBody {
    amount: Option<i64>,
    idempotency_key: String,
    #[serde(default)]
    metadata: Metadata,
}

/// A checked capture, void or refund. Without an amount it means all that is left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) amount: Option<i64>,
    pub(crate) key: String,
    pub(crate) metadata: Metadata,
}

impl IntentBody {
    pub(crate) fn check(self) -> Result<IntentRequest, Refusal> {
        check_text("account", &self.account)?;
        check_amount(self.amount)?;
        check_text("idempotency_key", &self.idempotency_key)?;
        check_metadata(&self.metadata)?;
        for name in ["order_id", "attempt_id"] {
            if self.metadata.get(name).is_none_or(String::is_empty) {
                return Err(field("metadata", format!("`{name}` is missing")));
            }
        }
        let currency = self
            .currency
            .parse()
            .map_err(|_| field("currency", "not an ISO 4217 code such as EUR".to_owned()))?;
        if let Some(url) = &self.return_url {
            check_return_url(url)?;
        }
        Ok(IntentRequest {
            token: parse_token(&self.token)?,
            account: self.account,
            amount: self.amount,
            currency,
            idempotency_key: self.idempotency_key,
            capture_method: self.capture_method,
            metadata: self.metadata,
            return_url: self.return_url,
        })
    }
}

impl ConfirmBody {
    pub(crate) fn check(self) -> Result<String, Refusal> {
        check_text("idempotency_key", &self.idempotency_key)?;
        Ok(self.idempotency_key)
    }
}

impl StepBody {
    pub(crate) fn check(self) -> Result<Step, Refusal> {
        check_text("idempotency_key", &self.idempotency_key)?;
        check_metadata(&self.metadata)?;
        if let Some(amount) = self.amount {
            check_amount(amount)?;
        }
        Ok(Step {
            amount: self.amount,
            key: self.idempotency_key,
            metadata: self.metadata,
        })
    }
}

/// An id in a path; anything else names nothing.
pub(crate) fn parse_intent_id(text: &str) -> Result<IntentId, Refusal> {
    parse_id(text).ok_or(Refusal::UnknownIntent)
}

pub(crate) fn parse_id<K: IdKind>(text: &str) -> Option<Id<K>> {
    text.parse().ok()
}

fn field(name: &'static str, reason: String) -> Refusal {
    Refusal::Field { name, reason }
}

// The text of an unknown token is never repeated: somebody may have sent a card number.
fn parse_token(text: &str) -> Result<Token, Refusal> {
    Ok(match text {
        "tok_success" => Token::Success,
        "tok_decline" => Token::Decline,
        "tok_3ds" => Token::ThreeDs,
        "tok_delay" => Token::Delay,
        "tok_timeout_after_charge" => Token::TimeoutAfterCharge,
        "tok_capture_later" => Token::CaptureLater,
        "tok_refund_timeout" => Token::RefundTimeout,
        "tok_refund_decline" => Token::RefundDecline,
        _ => {
            let known = "tok_success, tok_decline, tok_3ds, tok_delay, tok_timeout_after_charge, \
                         tok_capture_later, tok_refund_timeout or tok_refund_decline";
            return Err(field("token", format!("not one of {known}")));
        }
    })
}

fn check_text(name: &'static str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(field(
            name,
            format!("1 to {TEXT_BYTES_MAX} bytes, not {}", text.len()),
        ));
    }
    Ok(())
}

fn check_amount(amount: i64) -> Result<(), Refusal> {
    if !(1..=AMOUNT_MAX).contains(&amount) {
        return Err(field(
            "amount",
            format!("1 to {AMOUNT_MAX} minor units, not {amount}"),
        ));
    }
    Ok(())
}

fn check_metadata(metadata: &Metadata) -> Result<(), Refusal> {
    if metadata.len() > METADATA_PAIRS_MAX {
        return Err(field(
            "metadata",
            format!("more than {METADATA_PAIRS_MAX} pairs"),
        ));
    }
    if metadata
        .iter()
        .any(|(name, text)| name.len().max(text.len()) > TEXT_BYTES_MAX)
    {
        return Err(field(
            "metadata",
            format!("a text longer than {TEXT_BYTES_MAX} bytes"),
        ));
    }
    Ok(())
}

fn check_return_url(text: &str) -> Result<(), Refusal> {
    let web = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !web || text.len() > URL_BYTES_MAX {
        let reason = format!("not an http or https URL of at most {URL_BYTES_MAX} bytes");
        return Err(field("return_url", reason));
    }
    Ok(())
}
