//! One payment and how it stands at a given time. Never changes itself.

use serde::Serialize;
use stoa_kernel::Timestamp;

use crate::entry::{ChargeId, IntentId, Metadata, RefundId};
use crate::request::IntentRequest;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Intent {
    pub(crate) id: IntentId,
    pub(crate) at: Timestamp,
    pub(crate) request: IntentRequest,
    pub(crate) state: State,
    pub(crate) refunds: Vec<Refund>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    Created,
    ActionRequired,
    Authorised {
        due: Timestamp,
    },
    Charged {
        charge: ChargeId,
        due: Timestamp,
        amount: i64,
        /// Key and metadata of the capture that took the money, where one did.
        capture: Option<(String, Metadata)>,
    },
    Declined {
        code: String,
    },
    Voided {
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refund {
    pub(crate) id: RefundId,
    pub(crate) at: Timestamp,
    pub(crate) amount: i64,
    pub(crate) key: String,
    pub(crate) metadata: Metadata,
}

/// What callers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Succeeded,
    Declined,
    Voided,
}

impl Intent {
    pub(crate) fn status(&self, now: Timestamp) -> Status {
        match &self.state {
            State::Created => Status::RequiresConfirmation,
            State::ActionRequired => Status::RequiresAction,
            State::Authorised { due } | State::Charged { due, .. } if now < *due => {
                Status::Processing
            }
            State::Authorised { .. } => Status::RequiresCapture,
            State::Charged { .. } => Status::Succeeded,
            State::Declined { .. } => Status::Declined,
            State::Voided { .. } => Status::Voided,
        }
    }

    /// Minor units taken by `now`.
    pub(crate) fn captured(&self, now: Timestamp) -> i64 {
        match self.state {
            State::Charged { due, amount, .. } if due <= now => amount,
            _ => 0,
        }
    }

    pub(crate) fn refunded(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::Declined => "declined",
            Self::Voided => "voided",
        }
    }
}
