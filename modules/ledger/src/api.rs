//! Routes for cards, credit and books, and which refusal says what. A code is only ever in a body.

mod books;
mod cards;
mod credit;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{EntryId, Money, OrderId, Timestamp};
use stoa_rest::{
    Caller, CursorKey, ErrorCode, ErrorPage, HeaderValue, IdempotencyScope, Problem, Routes,
    TraceContext, code, header,
};
use stoa_storage::{Cause, Error, IdempotencyKey};

use crate::application::{Books, StaffError};
use crate::domain::AMOUNT_MAX;
use crate::infrastructure::WalletLine;

pub const GIFT_CARD_NOT_FOUND: ErrorCode =
    ErrorCode::new("gift_card_not_found", 404, "No such gift card");
pub const GIFT_CARD_ENDED: ErrorCode =
    ErrorCode::new("gift_card_ended", 409, "The gift card has ended");
pub const STORE_CREDIT_SHORT: ErrorCode =
    ErrorCode::new("store_credit_short", 409, "There is less store credit");

const AMOUNT_ABS_MAX: u64 = AMOUNT_MAX.unsigned_abs();
const TEXT_LENGTH_MAX: usize = 255;
const BUSY_RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

#[derive(Clone)]
struct Api {
    books: Arc<Books>,
    cursors: CursorKey,
}

pub(crate) fn routes(books: Arc<Books>, cursors: CursorKey) -> Routes {
    let routes = Routes::new("ledger");
    let routes = cards::add(routes);
    let routes = credit::add(routes);
    books::add(routes)
        .error_pages(&[
            ErrorPage {
                code: &GIFT_CARD_NOT_FOUND,
                markdown: include_str!("../../../docs/errors/gift_card_not_found.md"),
            },
            ErrorPage {
                code: &GIFT_CARD_ENDED,
                markdown: include_str!("../../../docs/errors/gift_card_ended.md"),
            },
            ErrorPage {
                code: &STORE_CREDIT_SHORT,
                markdown: include_str!("../../../docs/errors/store_credit_short.md"),
            },
        ])
        .with_state(Api { books, cursors })
}

/// One change of a gift card or of store credit.
#[derive(Debug, Serialize, JsonSchema)]
struct WalletLineView {
    entry_id: EntryId,
    /// `issued`, `topped_up`, `adjusted`, `spent`, `given_back`, `credited` or `replaced`.
    kind: String,
    order_id: Option<OrderId>,
    reason: Option<String>,
    at: Timestamp,
    /// Minor units; positive where it was put on.
    amount: i64,
}

impl From<WalletLine> for WalletLineView {
    fn from(line: WalletLine) -> Self {
        Self {
            entry_id: line.entry,
            kind: line.kind,
            order_id: line.order,
            reason: line.reason,
            at: line.posted_at,
            amount: line.amount,
        }
    }
}

/// Minor units and the currency they are of.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AmountBody {
    /// Minor units of the currency.
    amount: i64,
    currency: stoa_kernel::Currency,
}

impl AmountBody {
    fn positive(self) -> Result<Money, Problem> {
        match self.amount {
            1..=AMOUNT_MAX => Ok(Money::new(self.amount, self.currency)),
            _ => Err(Problem::invalid(
                "amount.amount",
                format!("must be from 1 to {AMOUNT_MAX}"),
            )),
        }
    }

    fn signed(self) -> Result<Money, Problem> {
        match self.amount.unsigned_abs() {
            1..=AMOUNT_ABS_MAX => Ok(Money::new(self.amount, self.currency)),
            _ => Err(Problem::invalid(
                "amount.amount",
                format!("must be from -{AMOUNT_MAX} to {AMOUNT_MAX}, and not 0"),
            )),
        }
    }
}

/// Free text that is kept: short, storable, and without a card number.
fn kept_text(field: &str, text: String) -> Result<String, Problem> {
    let length = text.chars().count();
    if length > TEXT_LENGTH_MAX {
        let reason = format!("has {length} characters, at most {TEXT_LENGTH_MAX}");
        return Err(Problem::invalid(field, reason));
    }
    if text.contains('\0') {
        return Err(Problem::invalid(field, "must not hold a zero byte"));
    }
    // E-mail addresses may stand in a note; without their sign only card numbers are masked.
    let plain = text.replace('@', " ");
    if stoa_telemetry::mask_text(&plain) != plain {
        return Err(Problem::invalid(field, "must not hold a card number"));
    }
    Ok(text)
}

fn stored_key(scope: IdempotencyScope) -> IdempotencyKey {
    IdempotencyKey {
        scope: format!("{} {}", scope.caller, scope.route),
        key: scope.key,
        body_hash: scope.body_hash,
    }
}

fn cause(api: &Api, caller: &Caller, trace: &TraceContext) -> Cause {
    Cause {
        trace: Some(trace.trace_id_hex()),
        ..Cause::new(caller.actor(), api.books.now())
    }
}

fn refusal(error: StaffError) -> Problem {
    match error {
        StaffError::UnknownCard => Problem::new(&GIFT_CARD_NOT_FOUND),
        StaffError::Ended => Problem::new(&GIFT_CARD_ENDED),
        StaffError::NotEnded => Problem::invalid("replaces", "has not ended"),
        StaffError::LessOnIt { available } => Problem::invalid(
            "amount.amount",
            format!("must be at most the {available} that are on the card"),
        ),
        StaffError::Currency { wanted } => {
            Problem::invalid("amount.currency", format!("the gift card is in {wanted}"))
        }
        StaffError::Short { available } => Problem::new(&STORE_CREDIT_SHORT)
            .with_detail(format!("{available} minor units can be taken."))
            .with_field("amount.amount", format!("must be at least -{available}")),
        StaffError::TooMuch => {
            let reason = format!("there would be more than {AMOUNT_MAX}");
            Problem::invalid("amount.amount", reason)
        }
        StaffError::KeyReused => Problem::new(&code::IDEMPOTENCY_KEY_REUSED),
        StaffError::KeyUnfinished => Problem::new(&code::IDEMPOTENCY_IN_PROGRESS),
        StaffError::Storage(error) => failure(error),
    }
}

fn failure(error: Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, BUSY_RETRY_AFTER),
        false => Problem::internal(error),
    }
}
