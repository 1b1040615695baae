//! Where a checkout stands, in one word and in full. Only reads.

use schemars::JsonSchema;
use serde::Serialize;
use stoa_contracts::checkout::{CheckoutError, CheckoutStatus};
use stoa_contracts::orders::{FulfilmentStatus, OrderError, OrderStatus, OrderView, PaymentStatus};
use stoa_contracts::payments::{AttemptState, AttemptView, PaymentError, PaymentMethodKind};
use stoa_kernel::{Money, OrderId, TenantId};

use crate::Shared;

/// Where a checkout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckoutState {
    Processing,
    /// The shopper is awaited at `next_action_url`.
    RequiresAction,
    /// The order stands; its money is promised and is taken later, or comes by itself.
    Authorized,
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
    /// How to pay, where the shopper pays by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<String>,
    /// What gift cards and store credit pay of the total.
    pub(crate) gift_card: Money,
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
            (_, PaymentStatus::Authorized) => CheckoutState::Authorized,
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
            instructions: None,
            gift_card: order.gift_card,
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
        let order = self.peers.orders.view(tenant, order).await;
        let order = order.map_err(|error| match error {
            OrderError::Storage(error) => CheckoutError::Storage(error),
            OrderError::NotFound | OrderError::Transition { .. } | OrderError::Invalid { .. } => {
                CheckoutError::CartNotFound
            }
        })?;
        let payment = self.peers.payments.newest_of(tenant, order.id).await?;
        let settled = is_settled(&order, payment.as_ref());
        Ok(CheckoutStatus {
            order,
            payment,
            settled,
        })
    }

    /// The status as the URL shows it, with the words of a way to pay by hand.
    pub(crate) async fn status_body(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<StatusBody, CheckoutError> {
        let mut body = StatusBody::from(self.status(tenant, order).await?);
        let promised = body
            .payment
            .as_ref()
            .filter(|payment| payment.state == AttemptState::Authorized);
        let Some(provider) = promised.map(|payment| payment.provider.clone()) else {
            return Ok(body);
        };
        let test = body.order.test;
        let methods = match self.peers.payments.methods(tenant, test).await {
            Ok(methods) => methods,
            Err(PaymentError::Storage(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%order, %error, "how to pay cannot be told");
                return Ok(body);
            }
        };
        body.instructions = methods
            .into_iter()
            .find(|method| method.id == provider && method.kind == PaymentMethodKind::Manual)
            .and_then(|method| method.instructions);
        Ok(body)
    }
}

/// A decline counts once the order tells its reason: only then is the cart open again.
fn is_settled(order: &OrderView, payment: Option<&AttemptView>) -> bool {
    if order.status == OrderStatus::Canceled || !awaits_money(order.payment_status) {
        return true;
    }
    let ended = payment.is_some_and(|payment| payment.state.is_final());
    if order.payment_status == PaymentStatus::PartiallyPaid {
        return ended;
    }
    let declined = payment.is_some_and(|payment| {
        matches!(
            payment.state,
            AttemptState::Declined { .. } | AttemptState::Voided
        )
    });
    declined && order.reason.is_some()
}

/// Whether more is to come by itself; what is promised waits for people.
const fn awaits_money(payment: PaymentStatus) -> bool {
    matches!(
        payment,
        PaymentStatus::Pending | PaymentStatus::PartiallyPaid
    )
}
