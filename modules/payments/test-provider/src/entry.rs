//! The facts a journal line can hold. Past tense only: a line says what happened, never what to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stoa_kernel::{Id, IdKind, Timestamp};

use crate::request::IntentRequest;

/// Free text pairs that come back unchanged; the shop's order and attempt ids live here.
pub(crate) type Metadata = BTreeMap<String, String>;

pub(crate) enum IntentKind {}
impl IdKind for IntentKind {
    const PREFIX: &'static str = "pi";
}
pub(crate) enum ChargeKind {}
impl IdKind for ChargeKind {
    const PREFIX: &'static str = "ch";
}
pub(crate) enum RefundKind {}
impl IdKind for RefundKind {
    const PREFIX: &'static str = "re";
}

/// A payment from preparation to its end.
pub(crate) type IntentId = Id<IntentKind>;
/// Money taken.
pub(crate) type ChargeId = Id<ChargeKind>;
/// Money given back.
pub(crate) type RefundId = Id<RefundKind>;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// Always the first line: what the file is, and how to read it.
    Opened {
        journal: String,
        version: u32,
    },
    IntentCreated {
        intent: IntentId,
        at: Timestamp,
        request: IntentRequest,
    },
    Confirmed {
        intent: IntentId,
        at: Timestamp,
        key: String,
        outcome: Outcome,
    },
    /// The shopper approved or rejected on the provider's own page.
    ActionDecided {
        intent: IntentId,
        at: Timestamp,
        outcome: Outcome,
    },
    Captured {
        intent: IntentId,
        at: Timestamp,
        charge: ChargeId,
        amount: i64,
        key: String,
        metadata: Metadata,
    },
    Voided {
        intent: IntentId,
        at: Timestamp,
    },
    Refunded {
        intent: IntentId,
        at: Timestamp,
        refund: RefundId,
        amount: i64,
        key: String,
        metadata: Metadata,
    },
}

/// What a confirmation led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The whole amount is taken at `due`; before that the payment is processing.
    Charged {
        charge: ChargeId,
        due: Timestamp,
    },
    /// The amount is held from `due` on, for a later capture.
    Authorised {
        due: Timestamp,
    },
    Declined {
        code: String,
    },
    ActionRequired,
}

impl Entry {
    /// When it happened.
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Opened { .. } => Timestamp::default(),
            Self::IntentCreated { at, .. }
            | Self::Confirmed { at, .. }
            | Self::ActionDecided { at, .. }
            | Self::Captured { at, .. }
            | Self::Voided { at, .. }
            | Self::Refunded { at, .. } => *at,
        }
    }

    /// The payment it is about.
    pub(crate) const fn intent(&self) -> Option<IntentId> {
        match self {
            Self::Opened { .. } => None,
            Self::IntentCreated { intent, .. }
            | Self::Confirmed { intent, .. }
            | Self::ActionDecided { intent, .. }
            | Self::Captured { intent, .. }
            | Self::Voided { intent, .. }
            | Self::Refunded { intent, .. } => Some(*intent),
        }
    }
}
