//! What happens to an order after it was placed: goods, returns, refunds, edits, its timeline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{
    FulfilmentId, LineId, LocationId, Money, NoteId, OrderId, Quantity, RefundId, ReturnId,
    Timestamp,
};

use super::NewOrderLine;
use crate::inventory::Allocation;
use crate::pricing::{AppliedPromotion, TaxLine};
use crate::{Address, Totals};

/// Goods of an order packed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FulfilmentView {
    pub id: FulfilmentId,
    pub state: FulfilmentState,
    pub location_id: Option<LocationId>,
    pub lines: Vec<LineUnits>,
    pub tracking: Option<Tracking>,
    pub created_at: Timestamp,
    pub shipped_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FulfilmentState {
    /// Packed: taken from stock, not gone yet.
    Packed,
    Shipped,
    Delivered,
    /// Unpacked again before it left.
    Canceled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineUnits {
    pub line_id: LineId,
    pub quantity: Quantity,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tracking {
    #[serde(default)]
    pub carrier: Option<String>,
    pub number: String,
    /// http or https.
    #[serde(default)]
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFulfilment {
    pub id: FulfilmentId,
    pub order: OrderId,
    pub location: Option<LocationId>,
    pub lines: Vec<LineUnits>,
    /// What `inventory` took where; kept for the undo.
    pub taken: Vec<Allocation>,
    pub tracking: Option<Tracking>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FulfilmentStep {
    /// It left; tracking replaces what was there.
    Ship {
        tracking: Option<Tracking>,
    },
    Deliver,
    Cancel,
}

/// Goods that come, or came, back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnView {
    pub id: ReturnId,
    pub state: ReturnState,
    pub lines: Vec<ReturnLine>,
    /// What is sent in their place.
    pub exchange: Vec<LineUnits>,
    pub created_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnState {
    Requested,
    Received,
    Refused,
    Canceled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnLine {
    pub line_id: LineId,
    pub quantity: Quantity,
    pub reason: Option<String>,
    /// Units that arrived; at most `quantity`.
    pub received: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReturn {
    pub id: ReturnId,
    pub order: OrderId,
    pub lines: Vec<(LineUnits, Option<String>)>,
    /// Lines sent in exchange: new lines of the same order, with the prices agreed.
    pub exchange: Vec<NewOrderLine>,
}

/// What a finished refund did to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRecord {
    pub id: RefundId,
    pub amount: Money,
    /// Units it stands for; may be empty where it is an amount alone.
    pub lines: Vec<LineUnits>,
    pub reason: Option<String>,
}

/// A refund that was written, of which a provider took back all or part: it did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundReversal {
    pub id: RefundId,
    /// What of it did go back.
    pub left: Money,
}

/// An order's lines and sums after an edit; lines keep their ids where they stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEdit {
    pub order: OrderId,
    pub lines: Vec<NewOrderLine>,
    pub totals: Totals,
    pub promotions: Vec<AppliedPromotion>,
    pub taxes: Vec<TaxLine>,
    /// Where it goes from now on; `None` where that stays.
    pub shipping_address: Option<Address>,
    /// What changed, in words, for the timeline.
    pub summary: String,
}

/// One happening in an order's life, as staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    pub id: NoteId,
    /// `placed`, `paid`, `declined`, `note`, `shipped` and so on.
    pub kind: String,
    /// Plain text.
    pub text: String,
    /// Who did it, as in events.
    pub actor: String,
    pub at: Timestamp,
}
