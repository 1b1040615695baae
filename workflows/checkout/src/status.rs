//! Where a checkout stands, in one word and in full. Only reads.

use schemars::JsonSchema;
use serde::Serialize;
use stoa_contracts::checkout::{CheckoutError, CheckoutStatus};
use stoa_contracts::orders::{FulfilmentStatus, OrderError, OrderStatus, OrderView, PaymentStatus};
use stoa_contracts::payments::{AttemptState, AttemptView};
use stoa_kernel::{OrderId, TenantId};

use crate::Shared;

/// Where a checkout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckoutState {
    Processing,
    /// The shopper is awaited at `next_action_url`.
    RequiresAction,
    Paid,
    /// Nothing was charged; the same cart may be paid for again.
    Declined,
    Canceled,
}

/// What the status URL answers: the outcome first, then all there is to know.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct StatusBody {
    pub(crate) order_id: OrderId,
    pub(crate) state: CheckoutState,
    pub(crate) status: OrderStatus,
    pub(crate) payment_status: PaymentStatus,
    pub(crate) fulfilment_status: FulfilmentStatus,
    /// Where the shopper must go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_action_url: Option<String>,
    /// Whether nothing more will happen by itself.
    pub(crate) settled: bool,
    pub(crate) order: OrderView,
    pub(crate) payment: Option<AttemptView>,
}

impl From<CheckoutStatus> for StatusBody {
    fn from(status: CheckoutStatus) -> Self {
        let CheckoutStatus {
            order,
            payment,
            settled,
        } = status;
        let next_action_url = match payment.as_ref().map(|payment| &payment.state) {
            Some(AttemptState::RequiresAction { next_action_url }) if !settled => {
                Some(next_action_url.clone())
            }
            _ => None,
        };
        let state = match (order.status, order.payment_status) {
            (OrderStatus::Canceled, _) => CheckoutState::Canceled,
            (_, payment) if !awaits_money(payment) => CheckoutState::Paid,
            _ if settled => CheckoutState::Declined,
            _ if next_action_url.is_some() => CheckoutState::RequiresAction,
            _ => CheckoutState::Processing,
        };
        Self {
            order_id: order.id,
            state,
            status: order.status,
            payment_status: order.payment_status,
            fulfilment_status: order.fulfilment_status,
            next_action_url,
            settled,
            order,
            payment,
        }
    }
}

impl Shared {
    pub(crate) async fn status(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<CheckoutStatus, CheckoutError> {
        let order = self
            .peers
            .orders
            .view(tenant, order)
            .await
            .map_err(|error| match error {
                OrderError::Storage(error) => CheckoutError::Storage(error),
                OrderError::NotFound | OrderError::Transition { .. } => CheckoutError::CartNotFound,
            })?;
        let payment = self.peers.payments.newest_of(tenant, order.id).await?;
        let settled = is_settled(&order, payment.as_ref());
        Ok(CheckoutStatus {
            order,
            payment,
            settled,
        })
    }
}

/// A decline counts once the order tells its reason: only then is the cart open again.
fn is_settled(order: &OrderView, payment: Option<&AttemptView>) -> bool {
    if order.status == OrderStatus::Canceled || !awaits_money(order.payment_status) {
        return true;
    }
    let declined = payment.is_some_and(|payment| {
        matches!(
            payment.state,
            AttemptState::Declined { .. } | AttemptState::Voided
        )
    });
    declined && order.reason.is_some()
}

const fn awaits_money(payment: PaymentStatus) -> bool {
    matches!(
        payment,
        PaymentStatus::Pending | PaymentStatus::Authorized | PaymentStatus::PartiallyPaid
    )
}
