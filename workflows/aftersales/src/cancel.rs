//! Staff cancel an order: asked for here, in one transaction with the refund of what was paid.
//! `withdraw` carries it out; whoever got the order's lock first has decided.

use stoa_contracts::orders::{OrderState, OrderStatus, OrderView};
use stoa_kernel::OrderId;
use stoa_storage::{Cause, Tx};

use crate::errors::{CareError, stands};
use crate::infrastructure::{self, Asked, KeptCancel, Purpose};
use crate::refund::{Plan, left_to_refund, reason_of};
use crate::wish::CancelWish;
use crate::{Shared, withdraw};

impl Shared {
    pub(crate) async fn ask_cancel(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        wish: &CancelWish,
        cause: &Cause,
    ) -> Result<OrderView, CareError> {
        let reason = reason_of(&wish.reason)?;
        let state = self.lock(tx, order).await?;
        if state.status == OrderStatus::Canceled {
            return Ok(self.peers.orders.view_in(tx, order).await?);
        }
        if state.status == OrderStatus::Draft {
            return Err(stands(&state, "canceled; delete the draft"));
        }
        let orders = &self.peers.orders;
        orders.request_cancel(tx, order, &reason, cause).await?;
        let asked = KeptCancel {
            reason,
            restock: wish.restock,
            state: Asked::Requested,
            requested_at: cause.occurred_at,
        };
        infrastructure::put_cancel(tx, order, &asked).await?;
        self.give_all_back(tx, &state, &asked, cause).await?;
        let now = cause.occurred_at;
        let payload = withdraw::Payload { order, since: now };
        let job = payload.job(self.deps.ids.make(now), now)?;
        if !tx.enqueue(&job, now).await? {
            tx.hasten(withdraw::KIND, &order.to_string(), now).await?;
        }
        Ok(self.peers.orders.view_in(tx, order).await?)
    }

    /// Opens a refund of whatever was received and has not gone back; false where that is nothing.
    pub(crate) async fn give_all_back(
        &self,
        tx: &mut Tx<'_>,
        state: &OrderState,
        asked: &KeptCancel,
        cause: &Cause,
    ) -> Result<bool, CareError> {
        let kept = infrastructure::refunds_of(tx, state.id).await?;
        let left = left_to_refund(state, &kept);
        if left <= 0 {
            return Ok(false);
        }
        let plan = Plan::of_amount(left, Some(asked.reason.clone()), Purpose::Cancel);
        self.open_refund(tx, state, &kept, plan, cause).await?;
        Ok(true)
    }
}
