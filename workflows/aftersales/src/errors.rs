//! Why something cannot be done to an order. Says nothing of HTTP.

use stoa_contracts::checkout::CheckoutError;
use stoa_contracts::inventory::{ReserveError, ShipError, Shortage};
use stoa_contracts::orders::{OrderError, OrderState, OrderStatus, PaymentStatus};
use stoa_contracts::payments::{PaymentError, RefundError};
use stoa_contracts::pricing::QuoteError;
use stoa_kernel::VariantId;
use stoa_storage::Error;

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CareError {
    #[error("no such order")]
    OrderNotFound,
    #[error("no such fulfilment")]
    FulfilmentNotFound,
    #[error("no such return")]
    ReturnNotFound,
    #[error("an order that is {status:?}/{payment:?} cannot be {step}")]
    Stands {
        status: OrderStatus,
        payment: PaymentStatus,
        step: &'static str,
    },
    /// As above, where status and payment alone do not say why.
    #[error("{0}")]
    Refused(&'static str),
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error("{asked} is more than the {left} that can still go back")]
    TooMuch { asked: i64, left: i64 },
    #[error("not enough stock")]
    Short { shortages: Vec<Shortage> },
    #[error("{asked} of {variant} are to leave, {held} are held")]
    NotHeld {
        variant: VariantId,
        asked: i64,
        held: i64,
    },
    #[error("no such location")]
    UnknownLocation,
    /// Somebody is at the provider with the amounts as they are.
    #[error("a payment or a refund is under way")]
    UnderWay,
    #[error("the payment provider did not answer: {message}")]
    Unreachable { message: String },
    #[error("the idempotency key was used for another body")]
    KeyReused,
    #[error("the first operation with this idempotency key has no answer yet")]
    KeyUnfinished,
    #[error(transparent)]
    Checkout(Box<CheckoutError>),
    #[error(transparent)]
    Storage(#[from] Error),
}

pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> CareError {
    CareError::Invalid {
        field: field.into(),
        reason: reason.into(),
    }
}

pub(crate) const fn stands(state: &OrderState, step: &'static str) -> CareError {
    CareError::Stands {
        status: state.status,
        payment: state.payment,
        step,
    }
}

impl From<serde_json::Error> for CareError {
    fn from(error: serde_json::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<OrderError> for CareError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NotFound => Self::OrderNotFound,
            OrderError::Transition {
                status,
                payment,
                step,
            } => Self::Stands {
                status,
                payment,
                step,
            },
            OrderError::Invalid { field, reason } => Self::Invalid { field, reason },
            OrderError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<RefundError> for CareError {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::TooMuch { asked, left } => Self::TooMuch { asked, left },
            RefundError::Invalid { field, reason } => Self::Invalid { field, reason },
            RefundError::NotFound => invalid("refund", "is not known to payments"),
            RefundError::Unreachable { message } => Self::Unreachable { message },
            RefundError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<PaymentError> for CareError {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::Storage(error) => Self::Storage(error),
            PaymentError::Invalid { field, reason } => Self::Invalid { field, reason },
            error @ (PaymentError::UnknownProvider { .. }
            | PaymentError::TestOnly
            | PaymentError::Unreachable { .. }) => Self::Unreachable {
                message: error.to_string(),
            },
        }
    }
}

impl From<ShipError> for CareError {
    fn from(error: ShipError) -> Self {
        match error {
            ShipError::NotHeld {
                variant,
                asked,
                held,
            } => Self::NotHeld {
                variant,
                asked,
                held,
            },
            ShipError::UnknownLocation => Self::UnknownLocation,
            ShipError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<ReserveError> for CareError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Short { shortages } => Self::Short { shortages },
            ReserveError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<QuoteError> for CareError {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::NoPrice { variant, currency } => invalid(
                "lines",
                format!("{variant} has no price in {currency}; agree on one"),
            ),
            QuoteError::UnknownShippingOption { .. } => {
                invalid("shipping_option_id", "is not offered for these lines")
            }
            QuoteError::Overflow => invalid("lines", "come to more than can be paid"),
            QuoteError::Storage(error) => Self::Storage(error),
        }
    }
}
