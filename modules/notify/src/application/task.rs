//! What a job carries: which mail about what. Ids and facts, never a name or an address.

use serde::{Deserialize, Serialize};
use stoa_kernel::{CartId, DisputeId, FulfilmentId, Money, OrderId, RefundId};

use crate::domain::Kind;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Task {
    OrderConfirmation {
        order: OrderId,
    },
    OrderShipped {
        order: OrderId,
        fulfilment: FulfilmentId,
    },
    OrderRefunded {
        order: OrderId,
        refund: RefundId,
        amount: Money,
        refunded: Money,
    },
    OrderCanceled {
        order: OrderId,
    },
    PaymentReturned {
        order: OrderId,
        refund: RefundId,
        amount: Money,
        why: String,
    },
    AbandonedCart {
        cart: CartId,
    },
    StaffPaymentReturned {
        order: OrderId,
        refund: RefundId,
        amount: Money,
        why: String,
    },
    StaffSagaStuck {
        order: OrderId,
        saga: String,
        step: String,
    },
    StaffDispute {
        order: OrderId,
        dispute: DisputeId,
        amount: Money,
        status: String,
    },
    /// Everything that ran low until the end of a window of time.
    StaffLowStock {
        window: i64,
    },
}

/// What jobs carried when there was one kind of mail only.
#[derive(Deserialize)]
struct Confirmation {
    order: OrderId,
}

impl Task {
    pub(super) fn read(payload: &serde_json::Value) -> Option<Self> {
        let old = || {
            let Confirmation { order } = Confirmation::deserialize(payload).ok()?;
            payload
                .get("kind")
                .is_none()
                .then_some(Self::OrderConfirmation { order })
        };
        Self::deserialize(payload).ok().or_else(old)
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::OrderConfirmation { .. } => Kind::OrderConfirmation,
            Self::OrderShipped { .. } => Kind::OrderShipped,
            Self::OrderRefunded { .. } => Kind::OrderRefunded,
            Self::OrderCanceled { .. } => Kind::OrderCanceled,
            Self::PaymentReturned { .. } => Kind::PaymentReturned,
            Self::AbandonedCart { .. } => Kind::AbandonedCart,
            Self::StaffPaymentReturned { .. } => Kind::StaffPaymentReturned,
            Self::StaffSagaStuck { .. } => Kind::StaffSagaStuck,
            Self::StaffDispute { .. } => Kind::StaffDispute,
            Self::StaffLowStock { .. } => Kind::StaffLowStock,
        }
    }

    /// One mail per key, however often its fact or its job comes.
    pub(super) fn key(&self) -> String {
        let kind = self.kind().as_str();
        match self {
            Self::OrderConfirmation { order } | Self::OrderCanceled { order } => {
                format!("{kind}:{order}")
            }
            Self::OrderShipped { fulfilment, .. } => format!("{kind}:{fulfilment}"),
            Self::OrderRefunded { refund, .. }
            | Self::PaymentReturned { refund, .. }
            | Self::StaffPaymentReturned { refund, .. } => format!("{kind}:{refund}"),
            Self::AbandonedCart { cart } => format!("{kind}:{cart}"),
            Self::StaffSagaStuck { order, saga, step } => format!("{kind}:{order}:{saga}:{step}"),
            Self::StaffDispute {
                dispute, status, ..
            } => format!("{kind}:{dispute}:{status}"),
            Self::StaffLowStock { window } => format!("{kind}:{window}"),
        }
    }
}
