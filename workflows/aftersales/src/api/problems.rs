//! The refusals of this workflow, each with its page. Decides nothing.

use stoa_contracts::inventory::Shortage;
use stoa_rest::{ErrorCode, ErrorPage, HeaderValue, Problem, code, header};
use stoa_storage::Error;

use crate::errors::CareError;

/// More money than is left of what was paid.
pub const REFUND_TOO_MUCH: ErrorCode =
    ErrorCode::new("refund_too_much", 409, "That much is not left to refund");
/// The order holds fewer units than are to leave.
pub const GOODS_NOT_HELD: ErrorCode =
    ErrorCode::new("goods_not_held", 409, "The order does not hold these goods");
/// The order has no such fulfilment.
pub const FULFILMENT_NOT_FOUND: ErrorCode =
    ErrorCode::new("fulfilment_not_found", 404, "There is no such fulfilment");
/// The order has no such return.
pub const RETURN_NOT_FOUND: ErrorCode =
    ErrorCode::new("return_not_found", 404, "There is no such return");
/// A payment or a refund of the order is being carried out.
pub const PAYMENT_UNDER_WAY: ErrorCode =
    ErrorCode::new("payment_under_way", 409, "Money of the order is on its way");

// Codes of other modules, whose pages are theirs.
pub(super) const ORDER_NOT_FOUND: ErrorCode =
    ErrorCode::new("order_not_found", 404, "There is no such order");
pub(super) const ORDER_STATE_CONFLICT: ErrorCode = ErrorCode::new(
    "order_state_conflict",
    409,
    "The order does not allow this where it stands",
);
pub(super) const OUT_OF_STOCK: ErrorCode =
    ErrorCode::new("out_of_stock", 409, "There is not enough in stock");
pub(super) const LOCATION_NOT_FOUND: ErrorCode =
    ErrorCode::new("location_not_found", 404, "No such location");

macro_rules! pages {
    ($($code:ident $file:literal)*) => {
        pub(super) const PAGES: &[ErrorPage] = &[$(ErrorPage {
            code: &$code,
            markdown: include_str!(concat!("../../../../docs/errors/", $file, ".md")),
        },)*];
    };
}

pages! {
    REFUND_TOO_MUCH "refund_too_much"
    GOODS_NOT_HELD "goods_not_held"
    FULFILMENT_NOT_FOUND "fulfilment_not_found"
    RETURN_NOT_FOUND "return_not_found"
    PAYMENT_UNDER_WAY "payment_under_way"
}

const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

pub(super) fn problem(error: CareError) -> Problem {
    match error {
        CareError::OrderNotFound => Problem::new(&ORDER_NOT_FOUND),
        CareError::FulfilmentNotFound => Problem::new(&FULFILMENT_NOT_FOUND),
        CareError::ReturnNotFound => Problem::new(&RETURN_NOT_FOUND),
        CareError::UnknownLocation => Problem::new(&LOCATION_NOT_FOUND),
        CareError::Stands {
            status,
            payment,
            step,
        } => Problem::new(&ORDER_STATE_CONFLICT).with_detail(format!(
            "The order is {} and its payment {}: it cannot be {step}.",
            word(status),
            word(payment)
        )),
        CareError::Refused(why) => Problem::new(&ORDER_STATE_CONFLICT).with_detail(why),
        CareError::Invalid { field, reason } => Problem::invalid(field, reason),
        CareError::TooMuch { asked, left } => Problem::new(&REFUND_TOO_MUCH)
            .with_detail(format!("{asked} is more than the {left} that is left."))
            .with_field("amount.amount", format!("must be at most {left}")),
        CareError::Short { shortages } => short(shortages),
        CareError::NotHeld {
            variant,
            asked,
            held,
        } => Problem::new(&GOODS_NOT_HELD).with_field(
            variant.to_string(),
            format!("{asked} are to leave, {held} are held there"),
        ),
        CareError::UnderWay => Problem::new(&PAYMENT_UNDER_WAY),
        CareError::KeyReused => Problem::new(&code::IDEMPOTENCY_KEY_REUSED),
        CareError::KeyUnfinished => Problem::new(&code::IDEMPOTENCY_IN_PROGRESS),
        CareError::Checkout(error) => Problem::new(&code::CONFLICT).with_detail(error.to_string()),
        CareError::Unreachable { message } => storage(Error::Unavailable { message }),
        CareError::Storage(error) => storage(error),
    }
}

fn storage(error: Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS),
        false => Problem::internal(error),
    }
}

fn short(shortages: Vec<Shortage>) -> Problem {
    let shortages = shortages.into_iter();
    shortages.fold(Problem::new(&OUT_OF_STOCK), |problem, short| {
        let reason = format!("asked {}, available {}", short.asked, short.available);
        problem.with_field(short.variant.to_string(), reason)
    })
}

/// As the API writes it.
fn word(status: impl serde::Serialize) -> String {
    match status.serialize(serde_json::value::Serializer) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
