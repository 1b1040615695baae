//! What requests are answered with, besides the views of orders. Holds no rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::orders::{OrderView, ReturnView};
use stoa_contracts::payments::{RefundState, RefundView};
use stoa_kernel::{LineId, Money, OrderId, Quantity, RefundId, Timestamp};

use crate::domain::RefundLine;
use crate::infrastructure::KeptRefund;

/// A refund and what it stands for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RefundAnswer {
    pub(crate) id: RefundId,
    pub(crate) order_id: OrderId,
    pub(crate) amount: Money,
    pub(crate) state: RefundState,
    pub(crate) reason: Option<String>,
    /// Why it failed, in whole or in part.
    pub(crate) failure: Option<String>,
    pub(crate) lines: Vec<RefundedLine>,
    /// What of it is for the delivery.
    pub(crate) shipping: Money,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RefundedLine {
    pub(crate) line_id: LineId,
    pub(crate) quantity: Quantity,
    pub(crate) amount: Money,
}

impl RefundAnswer {
    pub(crate) fn of(view: RefundView, lines: &[RefundLine], shipping: i64) -> Self {
        let currency = view.amount.currency;
        let line = |line: &RefundLine| RefundedLine {
            line_id: line.line_id,
            quantity: line.quantity,
            amount: Money::new(line.amount, currency),
        };
        Self {
            id: view.id,
            order_id: view.order_id,
            amount: view.amount,
            state: view.state,
            reason: view.reason,
            failure: view.failure,
            lines: lines.iter().map(line).collect(),
            shipping: Money::new(shipping, currency),
            created_at: view.created_at,
        }
    }

    /// With what is kept of it here; nothing is of those that checkout sent.
    pub(crate) fn joined(view: RefundView, kept: &[KeptRefund]) -> Self {
        match kept.iter().find(|kept| kept.id == view.id) {
            Some(kept) => Self::of(view, &kept.lines, kept.shipping),
            None => Self::of(view, &[], 0),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ReceiveAnswer {
    #[serde(rename = "return")]
    pub(crate) returned: ReturnView,
    pub(crate) refund: Option<RefundAnswer>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EditAnswer {
    pub(crate) order: OrderView,
    /// What goes back, where the order became cheaper than what was paid.
    pub(crate) refund: Option<RefundAnswer>,
    /// Where the rest can be paid, if there is one.
    pub(crate) payment_link: Option<PaymentLink>,
}

/// Opens the order to whoever has it, and lets them pay what is due.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PaymentLink {
    /// Relative to the shop's own address.
    pub(crate) url: String,
    /// What is to be paid now.
    pub(crate) due: Money,
}

/// `12.50 EUR`.
pub(crate) fn in_words(money: Money) -> String {
    format!("{} {}", money.to_decimal(), money.currency)
}
