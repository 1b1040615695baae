//! What a checkout finds: nothing, an order that stands, or one that may be paid anew. Decides under
//! the locks of the cart and the order; changes nothing but what a lost decline left untold.

use stoa_contracts::checkout::{CheckoutError, PlaceOrder};
use stoa_contracts::orders::{
    NewOrder, OrderState, OrderStatus, OrderView, PaymentStatus, PaymentStep,
};
use stoa_contracts::payments::{AttemptState, AttemptView};
use stoa_kernel::{AttemptId, CartId, Money, OrderId};
use stoa_storage::{Cause, Tx};

use super::{Fresh, Writing, order_error};
use crate::Shared;

pub(super) enum Decision {
    /// It is being paid, or has been: the answer is the same again.
    Stands(OrderId, AttemptId),
    Write(Box<NewOrder>, Writing),
}

impl Shared {
    pub(super) async fn decide_cart(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        cart: CartId,
        fresh: Fresh,
        cause: &Cause,
    ) -> Result<Decision, CheckoutError> {
        let cart = self.peers.carts.lock(tx, cart).await?;
        let cart = cart.ok_or(CheckoutError::CartNotFound)?;
        let Some(order) = cart.order else {
            let order = self.draft(tx, request, &cart, fresh.order).await?;
            return Ok(Decision::Write(Box::new(order), Writing::New));
        };
        let Some(state) = self.peers.orders.lock(tx, order).await? else {
            tracing::error!(%order, cart = %cart.id, "a cart names an order that does not exist");
            return Err(CheckoutError::Canceled);
        };
        if let Some(stands) = self.standing(tx, &state, cause).await? {
            return Ok(stands);
        }
        self.start_over(tx, order, cause).await?;
        let order = self.draft(tx, request, &cart, order).await?;
        Ok(Decision::Write(Box::new(order), Writing::Again))
    }

    pub(super) async fn decide_order(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        id: OrderId,
        cart: Option<CartId>,
        cause: &Cause,
    ) -> Result<Decision, CheckoutError> {
        if let Some(cart) = cart {
            self.peers.carts.lock(tx, cart).await?;
        }
        let state = self.peers.orders.lock(tx, id).await?;
        let state = state.ok_or(CheckoutError::CartNotFound)?;
        if state.status == OrderStatus::Draft {
            let order = self.written(tx, id).await?;
            return Ok(Decision::Write(Box::new(order), Writing::Draft));
        }
        if state.payment == PaymentStatus::PartiallyPaid && !state.cancel_requested {
            return self.decide_balance(tx, request, &state).await;
        }
        if let Some(stands) = self.standing(tx, &state, cause).await? {
            return Ok(stands);
        }
        self.start_over(tx, id, cause).await?;
        let order = self.written(tx, id).await?;
        Ok(Decision::Write(Box::new(order), Writing::Again))
    }

    /// What an edit left to be paid; another attempt only once the one before has ended, and what it
    /// brought is written: until then `paid` is less than was taken.
    async fn decide_balance(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        state: &OrderState,
    ) -> Result<Decision, CheckoutError> {
        if let Some(newest) = self.peers.payments.newest(tx, state.id).await? {
            let steps = crate::infrastructure::steps(tx, state.id, newest.id).await?;
            let is_written = steps.iter().any(|step| step.is_outcome());
            let took = newest.state == AttemptState::Succeeded;
            if !newest.state.is_final() || took && !is_written {
                return Ok(Decision::Stands(state.id, newest.id));
            }
        }
        if crate::infrastructure::attempts(tx, state.id).await? >= crate::ATTEMPTS_PER_ORDER_MAX {
            return Err(CheckoutError::TooManyAttempts {
                max: crate::ATTEMPTS_PER_ORDER_MAX,
            });
        }
        let due = (state.total.amount - state.paid.amount).max(0);
        let due = Money::new(due, state.total.currency);
        tracing::debug!(order = %state.id, provider = %request.provider, "the rest is to be paid");
        let order = self.written(tx, state.id).await?;
        Ok(Decision::Write(Box::new(order), Writing::Balance { due }))
    }

    /// The order as it stands, unless its last payment failed: then it may be tried anew.
    async fn standing(
        &self,
        tx: &mut Tx<'_>,
        state: &OrderState,
        cause: &Cause,
    ) -> Result<Option<Decision>, CheckoutError> {
        if state.status == OrderStatus::Canceled || state.cancel_requested {
            return Err(CheckoutError::Canceled);
        }
        let Some(newest) = self.peers.payments.newest(tx, state.id).await? else {
            return Ok(None);
        };
        let Some(reason) = failure(state, &newest) else {
            return Ok(Some(Decision::Stands(state.id, newest.id)));
        };
        // The order may not have heard of it yet; it is told before it is written anew.
        let step = PaymentStep::Declined { reason };
        let told = self.peers.orders.step(tx, state.id, &step, cause).await;
        told.map_err(order_error)?;
        Ok(None)
    }

    /// The order as it is written already.
    async fn written(&self, tx: &mut Tx<'_>, id: OrderId) -> Result<NewOrder, CheckoutError> {
        let view = self.peers.orders.view_in(tx, id).await;
        rewritten(view.map_err(order_error)?)
    }
}

fn failure(state: &OrderState, newest: &AttemptView) -> Option<String> {
    match &newest.state {
        _ if state.payment != PaymentStatus::Pending => None,
        AttemptState::Declined { reason } => Some(reason.clone()),
        AttemptState::Voided => Some("voided".to_owned()),
        _ => None,
    }
}

/// As agreed: staff's prices stay what they are.
fn rewritten(view: OrderView) -> Result<NewOrder, CheckoutError> {
    let mut missing: Vec<(&'static str, String)> = Vec::new();
    if view.email.is_empty() {
        missing.push(("email", "is required".to_owned()));
    }
    let ships = view.lines.iter().any(|line| line.requires_shipping);
    if ships && view.shipping_address.is_none() {
        missing.push(("shipping_address", "is required".to_owned()));
    }
    if !missing.is_empty() {
        return Err(CheckoutError::Incomplete { fields: missing });
    }
    if view.lines.is_empty() {
        return Err(CheckoutError::CartEmpty);
    }
    Ok(super::basket::of_view(view))
}
