//! Why a request is refused, and why a journal line makes no sense. Facts, not prose.

use super::Status;
use crate::entry::IntentId;

/// A request that changes nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("`{name}`: {reason}")]
    Field { name: &'static str, reason: String },
    #[error("the body is not the JSON this route takes: {reason}")]
    Body { reason: String },
    #[error("the body is longer than {bytes_max} bytes")]
    BodyTooLong { bytes_max: usize },
    #[error("the key is missing or wrong")]
    Unauthorized,
    #[error("there is no such route")]
    UnknownRoute,
    #[error("this route takes another method")]
    Method,
    #[error("there is no such intent")]
    UnknownIntent,
    #[error("`after`: there is no such charge in this account")]
    UnknownCharge,
    #[error("this idempotency key was used with another body")]
    KeyReused,
    #[error("the intent is voided")]
    Voided,
    #[error("no {step} while the intent is {}", status.as_str())]
    NotNow { step: &'static str, status: Status },
    #[error("{asked} asked, {left} left")]
    TooMuch { asked: i64, left: i64 },
    #[error("this payment takes no refunds")]
    RefundRefused,
    #[error("an intent takes at most {refunds_max} refunds")]
    TooManyRefunds { refunds_max: usize },
    #[error("the journal holds its {intents_max} intents; start a new file")]
    Full { intents_max: usize },
    #[error("too many requests are waiting for the disk")]
    Busy,
    #[error("the journal could not be written; restart the provider")]
    JournalFailed,
}

/// A line that cannot follow the lines before it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum FoldError {
    #[error("a second header")]
    SecondHeader,
    #[error("{intent} was never created")]
    UnknownIntent { intent: IntentId },
    #[error("{intent} cannot go there from where it stands")]
    OutOfOrder { intent: IntentId },
}
