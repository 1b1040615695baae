//! The refusals of checkouts, each with its page. Decides nothing.

use stoa_contracts::checkout::CheckoutError;
use stoa_contracts::pricing::CouponRefusal;
use stoa_rest::{ErrorCode, ErrorPage, HeaderValue, Problem, code, header};

/// The cart lacks something that a paid order needs.
pub const CART_INCOMPLETE: ErrorCode =
    ErrorCode::new("cart_incomplete", 422, "The cart is not ready to be paid");
/// Fewer units are left than the cart asks for.
pub const OUT_OF_STOCK: ErrorCode =
    ErrorCode::new("out_of_stock", 409, "There is not enough in stock");
/// A product of the cart was withdrawn.
pub const NOT_FOR_SALE: ErrorCode =
    ErrorCode::new("not_for_sale", 409, "Something is not for sale");
/// The cart's order ended without a payment.
pub const ORDER_CANCELED: ErrorCode =
    ErrorCode::new("order_canceled", 409, "The order was canceled");
/// The link was changed, or is older than a day.
pub const STATUS_LINK_INVALID: ErrorCode = ErrorCode::new(
    "status_link_invalid",
    403,
    "The link does not open this checkout",
);
/// What is to be paid is not what the shopper was shown.
pub const TOTAL_CHANGED: ErrorCode = ErrorCode::new("total_changed", 409, "The total has changed");
/// A code does not apply any more, or its last use went to somebody else.
pub const COUPON_REFUSED: ErrorCode =
    ErrorCode::new("coupon_refused", 409, "A coupon cannot be used");
/// A gift card is unknown, ended, empty or of another currency.
pub const GIFT_CARD_REFUSED: ErrorCode =
    ErrorCode::new("gift_card_refused", 422, "A gift card cannot be used");
/// The order was declined as often as it may be.
pub const TOO_MANY_ATTEMPTS: ErrorCode =
    ErrorCode::new("too_many_attempts", 409, "Payment was tried too often");
/// The order does not take a payment where it stands.
pub const ORDER_NOT_PAYABLE: ErrorCode =
    ErrorCode::new("order_not_payable", 409, "The order takes no such payment");
/// Many want the same: the place in line is kept.
pub const IN_LINE: ErrorCode = ErrorCode::new("in_line", 429, "Others are ahead in line");

macro_rules! pages {
    ($($code:ident $file:literal)*) => {
        pub(super) const PAGES: &[ErrorPage] = &[$(ErrorPage {
            code: &$code,
            markdown: include_str!(concat!("../../../../docs/errors/", $file, ".md")),
        },)*];
    };
}

pages! {
    CART_INCOMPLETE "cart_incomplete"
    OUT_OF_STOCK "out_of_stock"
    NOT_FOR_SALE "not_for_sale"
    ORDER_CANCELED "order_canceled"
    STATUS_LINK_INVALID "status_link_invalid"
    TOTAL_CHANGED "total_changed"
    COUPON_REFUSED "coupon_refused"
    GIFT_CARD_REFUSED "gift_card_refused"
    TOO_MANY_ATTEMPTS "too_many_attempts"
    IN_LINE "in_line"
    ORDER_NOT_PAYABLE "order_not_payable"
}

const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

pub(super) fn problem(error: CheckoutError) -> Problem {
    match error {
        CheckoutError::CartNotFound => {
            Problem::not_found("No such cart or order, or its token is wrong.")
        }
        CheckoutError::CartEmpty => Problem::new(&CART_INCOMPLETE).with_field("lines", "is empty"),
        CheckoutError::Incomplete { fields } => fields.into_iter().fold(
            Problem::new(&CART_INCOMPLETE),
            |problem, (field, reason)| problem.with_field(field, reason),
        ),
        CheckoutError::Short { shortages } => {
            shortages
                .into_iter()
                .fold(Problem::new(&OUT_OF_STOCK), |problem, short| {
                    let reason = format!("asked {}, available {}", short.asked, short.available);
                    problem.with_field(short.variant.to_string(), reason)
                })
        }
        CheckoutError::NotForSale { variants } => variants
            .into_iter()
            .fold(Problem::new(&NOT_FOR_SALE), |problem, variant| {
                problem.with_field(variant.to_string(), "is not for sale")
            }),
        CheckoutError::Payment { field, reason } => Problem::invalid(field, reason),
        CheckoutError::KeyReused => Problem::new(&code::IDEMPOTENCY_KEY_REUSED)
            .with_detail("Send a fresh Idempotency-Key with every new checkout."),
        CheckoutError::KeyUnfinished => Problem::new(&code::IDEMPOTENCY_IN_PROGRESS),
        CheckoutError::Canceled => Problem::new(&ORDER_CANCELED).with_detail("Start a new cart."),
        CheckoutError::Storage(error) if error.is_transient() => {
            Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS)
        }
        CheckoutError::Storage(error) => Problem::internal(error),
        other => refusal(other),
    }
}

/// What stands between this shopper and this order.
fn refusal(error: CheckoutError) -> Problem {
    match error {
        CheckoutError::TotalChanged { now, .. } => Problem::new(&TOTAL_CHANGED)
            .with_detail("Show the new total and ask again.")
            .with_field("total.amount", now.amount.to_string())
            .with_field("total.currency", now.currency.to_string()),
        CheckoutError::Coupon { code, reason } => {
            Problem::new(&COUPON_REFUSED).with_field(code, coupon_reason(reason))
        }
        CheckoutError::GiftCard { position, reason } => Problem::new(&GIFT_CARD_REFUSED)
            .with_field(
                format!("gift_cards[{}]", position.saturating_sub(1)),
                reason,
            ),
        CheckoutError::OrderStands { reason } => {
            Problem::new(&ORDER_NOT_PAYABLE).with_detail(format!("{reason}."))
        }
        CheckoutError::TooManyAttempts { max } => Problem::new(&TOO_MANY_ATTEMPTS)
            .with_detail(format!("Payment was tried {max} times. Start a new cart.")),
        CheckoutError::InLine {
            position,
            retry_after_seconds,
        } => Problem::new(&IN_LINE)
            .with_detail("Send the same request again after the pause; the place in line is kept.")
            .with_field("position", position.to_string())
            .with_header(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds)),
        other => Problem::internal(other),
    }
}

const fn coupon_reason(reason: CouponRefusal) -> &'static str {
    match reason {
        CouponRefusal::Unknown => "is not known",
        CouponRefusal::NotYetValid => "is not valid yet",
        CouponRefusal::Expired => "has expired",
        CouponRefusal::UsedUp => "is used up",
        CouponRefusal::DoesNotApply => "does not apply to this cart",
        CouponRefusal::NotCombinable => "does not go together with another promotion",
    }
}
