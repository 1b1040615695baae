//! The merchant's stock routes: what they share, and which refusal says what.

mod history;
mod levels;
mod places;
mod transfers;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use stoa_kernel::TenantId;
use stoa_rest::{
    Caller, CursorKey, ETag, ErrorCode, ErrorPage, HeaderValue, IdempotencyScope, IfMatch, Problem,
    Routes, TraceContext, code, header,
};
use stoa_storage::{Cause, Error, IdempotencyKey};

use crate::application::{Answer, Command, Precondition, StockError, Stockroom};
use crate::domain::TransferRefused;

pub const STOCK_BELOW_RESERVED: ErrorCode = ErrorCode::new(
    "stock_below_reserved",
    409,
    "Fewer than are promised to orders",
);
pub const STOCK_NOT_ON_SHELF: ErrorCode =
    ErrorCode::new("stock_not_on_shelf", 409, "Fewer can leave the shelf");
pub const LOCATION_NOT_FOUND: ErrorCode =
    ErrorCode::new("location_not_found", 404, "No such location");
pub const LOCATION_IN_USE: ErrorCode =
    ErrorCode::new("location_in_use", 409, "The location is in use");
pub const TRANSFER_NOT_FOUND: ErrorCode =
    ErrorCode::new("transfer_not_found", 404, "No such transfer");
pub const TRANSFER_NOT_OPEN: ErrorCode =
    ErrorCode::new("transfer_not_open", 409, "The transfer is past that step");

const TEXT_LENGTH_MAX: usize = 255;
const BUSY_RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
/// What an `If-Match` says of, in the operations that take one.
const IF_MATCH: &str = "The ETag of what you read, or `*`.";

#[derive(Clone)]
struct Api {
    stockroom: Arc<Stockroom>,
    cursors: CursorKey,
}

pub(crate) fn routes(stockroom: Arc<Stockroom>, cursors: CursorKey) -> Routes {
    let routes = Routes::new("inventory");
    let routes = levels::add(routes);
    let routes = history::add(routes);
    let routes = places::add(routes);
    let routes = transfers::add(routes);
    routes
        .error_pages(&[
            page(
                &STOCK_BELOW_RESERVED,
                include_str!("../../../docs/errors/stock_below_reserved.md"),
            ),
            page(
                &STOCK_NOT_ON_SHELF,
                include_str!("../../../docs/errors/stock_not_on_shelf.md"),
            ),
            page(
                &LOCATION_NOT_FOUND,
                include_str!("../../../docs/errors/location_not_found.md"),
            ),
            page(
                &LOCATION_IN_USE,
                include_str!("../../../docs/errors/location_in_use.md"),
            ),
            page(
                &TRANSFER_NOT_FOUND,
                include_str!("../../../docs/errors/transfer_not_found.md"),
            ),
            page(
                &TRANSFER_NOT_OPEN,
                include_str!("../../../docs/errors/transfer_not_open.md"),
            ),
        ])
        .with_state(Api { stockroom, cursors })
}

const fn page(code: &'static ErrorCode, markdown: &'static str) -> ErrorPage {
    ErrorPage { code, markdown }
}

/// Who asks, as every handler that changes something gets it.
struct Asker {
    caller: Caller,
    trace: TraceContext,
}

impl Api {
    /// Does it once, and reads the answer back: a second use of the key gets the same text.
    async fn run<V: DeserializeOwned>(
        &self,
        tenant: TenantId,
        asker: Asker,
        scope: IdempotencyScope,
        command: Command,
    ) -> Result<V, Problem> {
        let key = IdempotencyKey {
            scope: format!("{} {}", scope.caller, scope.route),
            key: scope.key,
            body_hash: scope.body_hash,
        };
        let cause = self.cause(asker);
        let done = self
            .stockroom
            .clone()
            .execute(tenant, command, key, cause, render)
            .await;
        serde_json::from_str(&done.map_err(refusal)?).map_err(Problem::internal)
    }

    fn cause(&self, asker: Asker) -> Cause {
        Cause {
            trace: Some(asker.trace.trace_id_hex()),
            ..Cause::new(asker.caller.actor(), self.stockroom.now())
        }
    }
}

fn render(answer: &Answer) -> String {
    let text = match answer {
        Answer::Level(level) => serde_json::to_string(&levels::LevelView::of(level)),
        Answer::Counted(counted) => serde_json::to_string(&levels::CountView::of(counted)),
        Answer::Place(place) => serde_json::to_string(&places::PlaceView::from(place.clone())),
        Answer::Transfer(transfer) => {
            serde_json::to_string(&transfers::TransferView::from(transfer.clone()))
        }
    };
    text.expect("ids, numbers and texts always serialise")
}

fn precondition(if_match: Option<IfMatch>) -> Result<Precondition, Problem> {
    Ok(match if_match.map(|tag| tag.version()).transpose()? {
        None => Precondition::None,
        Some(None) => Precondition::Exists,
        Some(Some(version)) => Precondition::Version(version),
    })
}

/// Text that a merchant wrote; an empty one is none.
fn text(field: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let length = text.chars().count();
    if length > TEXT_LENGTH_MAX {
        let reason = format!("has {length} characters, at most {TEXT_LENGTH_MAX}");
        return Err(Problem::invalid(field, reason));
    }
    // No database here stores it; unrefused, it would look like a fault of ours.
    if text.contains('\0') {
        return Err(Problem::invalid(field, "must not hold a zero byte"));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// Tells `null` from what was left out.
#[expect(clippy::option_option, reason = "`null` takes away, leaving out keeps")]
fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

fn refusal(error: StockError) -> Problem {
    match error {
        StockError::BelowReserved { line, refused } => {
            let field = match line {
                None => "on_hand".to_owned(),
                Some(line) => format!("lines[{line}].counted"),
            };
            Problem::new(&STOCK_BELOW_RESERVED)
                .with_detail(format!(
                    "{} on hand would be fewer than the {} reserved for orders.",
                    refused.on_hand, refused.reserved
                ))
                .with_field(field, format!("must be at least {}", refused.reserved))
        }
        StockError::Stale { current } => stale(current),
        StockError::UnknownLocation { field } => {
            Problem::invalid(field, "this shop has no such location")
        }
        StockError::LocationNotFound { id } => {
            Problem::new(&LOCATION_NOT_FOUND).with_detail(format!("This shop has no {id}."))
        }
        StockError::LocationInUse => Problem::new(&LOCATION_IN_USE),
        StockError::TooManyLocations { max } => {
            let detail = format!("A shop has at most {max} locations.");
            Problem::new(&LOCATION_IN_USE).with_detail(detail)
        }
        StockError::TransferNotFound { id } => {
            Problem::new(&TRANSFER_NOT_FOUND).with_detail(format!("This shop has no {id}."))
        }
        StockError::Transfer(TransferRefused::Status { status }) => {
            let detail = format!("Its status is `{}`.", status.as_str());
            Problem::new(&TRANSFER_NOT_OPEN).with_detail(detail)
        }
        StockError::Transfer(refused @ TransferRefused::MoreThanDue { .. }) => {
            Problem::invalid("lines", refused.to_string())
        }
        StockError::NotOnShelf {
            variant,
            asked,
            available,
        } => Problem::new(&STOCK_NOT_ON_SHELF).with_detail(format!(
            "{asked} of {variant} are to leave, {available} can."
        )),
        StockError::KeyReused => Problem::new(&code::IDEMPOTENCY_KEY_REUSED),
        StockError::KeyUnfinished => Problem::new(&code::IDEMPOTENCY_IN_PROGRESS),
        StockError::Storage(error) => failure(error),
    }
}

fn stale(current: Option<i64>) -> Problem {
    let problem = Problem::new(&code::PRECONDITION_FAILED);
    match current {
        None => problem.with_detail("There is nothing yet that could match: leave If-Match out."),
        Some(version) => {
            let [(name, tag)] = ETag::of_version(version).header();
            problem
                .with_header(name, tag)
                .with_detail("It changed since you read it.")
        }
    }
}

fn failure(error: Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, BUSY_RETRY_AFTER),
        false => Problem::internal(error),
    }
}
