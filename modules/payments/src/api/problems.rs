//! The error codes of payments, their pages, and which failure is which. Decides no status by itself.

use stoa_contracts::payments::PaymentError;
use stoa_rest::{ErrorCode, ErrorPage, HeaderValue, Problem, code, header};

use crate::application::{AbandonError, NewsError, SetupError};
use crate::provider::WebhookError;

macro_rules! codes {
    ($($name:ident $code:literal $status:literal $title:literal;)*) => {
        $(#[doc = $title] pub const $name: ErrorCode = ErrorCode::new($code, $status, $title);)*

        pub(super) const PAGES: [ErrorPage; [$($code),*].len()] = [$(ErrorPage {
            code: &$name,
            markdown: include_str!(concat!("../../../../docs/errors/", $code, ".md")),
        }),*];
    };
}

codes! {
    PROVIDER_UNREACHABLE "provider_unreachable" 502 "The payment provider did not answer";
    PAYMENT_NOT_FOUND "payment_not_found" 404 "There is no such payment";
    PAYMENT_CONFLICT "payment_conflict" 409 "The payment does not stand where this can be done";
    REFUND_NOT_FOUND "refund_not_found" 404 "There is no such refund";
    PROVIDER_NOT_FOUND "payment_provider_not_found" 404 "There is no such payment provider";
    PROVIDER_TAKEN "payment_provider_taken" 409 "A payment provider has this id";
    PROVIDER_IN_USE "payment_provider_in_use" 409 "Payments were made through this provider";
    PAYMENT_SECRETS_ELSEWHERE "payment_secrets_elsewhere" 503 "This process does not hold the payment secrets";
    WEBHOOK_SIGNATURE_INVALID "webhook_signature_invalid" 400 "The signature does not hold";
}

const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

pub(super) fn storage(error: stoa_storage::Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS),
        false => Problem::internal(error),
    }
}

pub(super) fn payment(error: PaymentError) -> Problem {
    match error {
        PaymentError::Storage(error) => storage(error),
        PaymentError::Unreachable { message } => {
            Problem::new(&PROVIDER_UNREACHABLE).with_detail(message)
        }
        PaymentError::Invalid { field, reason } if field == "attempt" => {
            Problem::new(&PAYMENT_CONFLICT).with_detail(format!("The payment: {reason}."))
        }
        PaymentError::Invalid { field, reason } if field == "idempotency_key" => {
            Problem::new(&code::IDEMPOTENCY_KEY_REUSED).with_detail(format!("The key {reason}."))
        }
        PaymentError::Invalid { field, reason } => Problem::invalid(field, reason),
        error @ (PaymentError::UnknownProvider { .. } | PaymentError::TestOnly) => {
            Problem::new(&PAYMENT_CONFLICT).with_detail(error.to_string())
        }
    }
}

pub(super) fn abandon(error: AbandonError) -> Problem {
    match error {
        AbandonError::Payment(error) => payment(error),
        AbandonError::Settled => {
            Problem::new(&PAYMENT_CONFLICT).with_detail("The payment is settled.")
        }
        AbandonError::Known => Problem::new(&PAYMENT_CONFLICT)
            .with_detail("The provider knows the payment, or nobody was asked for it."),
    }
}

pub(super) fn setup(error: SetupError) -> Problem {
    match error {
        SetupError::NotFound => Problem::new(&PROVIDER_NOT_FOUND),
        SetupError::Taken { id } => {
            Problem::new(&PROVIDER_TAKEN).with_detail(format!("`{id}` is taken."))
        }
        SetupError::InUse => Problem::new(&PROVIDER_IN_USE),
        SetupError::Changed => Problem::new(&code::PRECONDITION_FAILED),
        SetupError::TooMany { max } => {
            Problem::invalid("id", format!("a shop has at most {max} ways to pay"))
        }
        SetupError::Invalid(PaymentError::Invalid { field, reason }) => {
            Problem::invalid(field, reason)
        }
        SetupError::Invalid(error) => payment(error),
        SetupError::Storage(error) => storage(error),
    }
}

pub(super) fn news(error: NewsError) -> Problem {
    match error {
        NewsError::NotFound => Problem::new(&PROVIDER_NOT_FOUND),
        NewsError::Webhook(WebhookError::Body { message }) => {
            Problem::new(&code::MALFORMED_BODY).with_detail(message)
        }
        NewsError::Webhook(error @ (WebhookError::Signature | WebhookError::NoSecret)) => {
            Problem::new(&WEBHOOK_SIGNATURE_INVALID).with_detail(error.to_string())
        }
        NewsError::Elsewhere { message } => {
            tracing::error!(%message, "a provider's call cannot be checked here");
            Problem::new(&PAYMENT_SECRETS_ELSEWHERE)
        }
        NewsError::Storage(error) => storage(error),
    }
}
