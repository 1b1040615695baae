//! From nothing, or a draft, to a placed order, and the steps of its payment. Holds no SQL.

use stoa_contracts::orders::{
    NewOrder, OrderCanceled, OrderError, OrderPaid, OrderPlaced, OrderRestPaid, OrderState,
    OrderStatus, OrderedLine, PaymentStep,
};
use stoa_kernel::TenantId;
use stoa_kernel::{AttemptId, OrderId};
use stoa_storage::{Cause, ConstraintKind, Error, Tx};

use super::OrderBook;
use crate::domain::{self, check_amounts};
use crate::infrastructure::{self, Locked, Written};

impl OrderBook {
    pub(super) async fn claim_ahead(&self, tenant: TenantId) -> Result<(), Error> {
        let numbers = self.numbers.of(tenant);
        if !numbers.is_low() {
            return Ok(());
        }
        // Only those who have no number left wait for a block that another is claiming.
        let _claiming = match numbers.refill.try_lock() {
            Ok(claiming) => claiming,
            Err(_) if numbers.left() > 0 => return Ok(()),
            Err(_) => numbers.refill.lock().await,
        };
        if !numbers.is_low() {
            return Ok(());
        }
        let count = numbers.block_size();
        let db = self.deps.storage.db(tenant).await?;
        let first = db
            .write(async move |tx: &mut Tx<'_>| infrastructure::claim_numbers(tx, count).await)
            .await?;
        numbers.add(first, count);
        Ok(())
    }

    pub(super) async fn place(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<i64, OrderError> {
        let number = self.write_new(tx, order, Written::Placed, cause).await?;
        self.announce_placed(tx, order, number, cause).await?;
        Ok(number)
    }

    pub(super) async fn draft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<i64, OrderError> {
        let number = self.write_new(tx, order, Written::Draft, cause).await?;
        self.note(tx, order.id, "drafted", "", cause).await?;
        Ok(number)
    }

    async fn write_new(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        written: Written,
        cause: &Cause,
    ) -> Result<i64, OrderError> {
        check_amounts(order).map_err(broken)?;
        let number = match self.numbers.of(tx.tenant()).take() {
            Some(number) => number,
            None => infrastructure::claim_numbers(tx, 1).await?,
        };
        infrastructure::insert(tx, order, number, written, cause.occurred_at).await?;
        Ok(number)
    }

    pub(super) async fn place_again(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError> {
        let locked = self.locked_for(tx, order).await?;
        domain::check_revisable(&locked.standing())?;
        let (status, at) = (OrderStatus::Pending, cause.occurred_at);
        Ok(infrastructure::rewrite(tx, order, status, at).await?)
    }

    pub(super) async fn redraft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError> {
        let locked = self.locked_for(tx, order).await?;
        domain::check_draft(&locked.standing(), "drafted anew")?;
        let (status, at) = (OrderStatus::Draft, cause.occurred_at);
        Ok(infrastructure::rewrite(tx, order, status, at).await?)
    }

    pub(super) async fn promote_draft(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError> {
        let locked = self.locked_for(tx, order).await?;
        domain::check_draft(&locked.standing(), "placed")?;
        let (status, at) = (OrderStatus::Pending, cause.occurred_at);
        infrastructure::rewrite(tx, order, status, at).await?;
        Ok(self
            .announce_placed(tx, order, locked.number, cause)
            .await?)
    }

    async fn locked_for(&self, tx: &mut Tx<'_>, order: &NewOrder) -> Result<Locked, OrderError> {
        check_amounts(order).map_err(broken)?;
        let locked = self.locked(tx, order.id).await?;
        // An order of another cart is not the order meant.
        match locked.state.cart == order.cart {
            true => Ok(locked),
            false => Err(OrderError::NotFound),
        }
    }

    pub(super) async fn take_step(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        step: &PaymentStep,
        cause: &Cause,
    ) -> Result<OrderState, OrderError> {
        let locked = self.locked(tx, order).await?;
        if let PaymentStep::Paid { amount, .. } = step
            && (amount.amount < 0 || amount.currency != locked.state.total.currency)
        {
            return Err(invalid(
                "amount",
                "is not an amount in the order's currency",
            ));
        }
        let now = locked.standing();
        let Some(next) = domain::step(&now, step)? else {
            return Ok(locked.state);
        };
        infrastructure::update_standing(tx, order, &next, cause.occurred_at).await?;
        let state = locked.stepped(&next);
        self.announce(tx, &locked, &state, step, cause).await?;
        Ok(state)
    }

    /// Tells what a step changed: placing, paying and cancelling stand in the order's own columns,
    /// the rest gets a line of the timeline.
    async fn announce(
        &self,
        tx: &mut Tx<'_>,
        locked: &Locked,
        state: &OrderState,
        step: &PaymentStep,
        cause: &Cause,
    ) -> Result<(), Error> {
        let id = state.id;
        match step {
            PaymentStep::Paid { attempt, amount } => {
                match state.paid.amount >= state.total.amount {
                    true => self.announce_paid(tx, locked, state, *attempt, cause).await,
                    false => {
                        let text = format!("{} {}", amount.to_decimal(), amount.currency);
                        self.note(tx, id, "partially_paid", &text, cause).await
                    }
                }
            }
            // A draft was never told of.
            PaymentStep::Canceled { .. } if locked.state.status == OrderStatus::Draft => Ok(()),
            PaymentStep::Canceled { reason } => {
                let canceled = OrderCanceled {
                    order: id,
                    number: locked.number,
                    reason: reason.clone(),
                };
                self.emit(tx, cause, &canceled).await
            }
            PaymentStep::Authorized { .. } => self.note(tx, id, "authorized", "", cause).await,
            PaymentStep::Declined { reason } => self.note(tx, id, "declined", reason, cause).await,
            PaymentStep::NeedsAction | PaymentStep::ActionTaken => Ok(()),
        }
    }

    /// Once per order: what an edit makes owing later is no second sale.
    pub(super) async fn announce_paid(
        &self,
        tx: &mut Tx<'_>,
        locked: &Locked,
        state: &OrderState,
        attempt: AttemptId,
        cause: &Cause,
    ) -> Result<(), Error> {
        if locked.was_paid {
            let rest = OrderRestPaid {
                order: state.id,
                number: locked.number,
                attempt,
                total: state.total,
            };
            self.emit(tx, cause, &rest).await?;
            return self.note(tx, state.id, "paid", "the rest", cause).await;
        }
        let paid = OrderPaid {
            order: state.id,
            number: locked.number,
            attempt,
            total: state.total,
            test: locked.test,
        };
        self.emit(tx, cause, &paid).await
    }

    async fn announce_placed(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        number: i64,
        cause: &Cause,
    ) -> Result<(), Error> {
        let lines = order.lines.iter().map(|line| OrderedLine {
            product: line.product,
            variant: line.variant,
            quantity: line.quantity,
            total: line.total,
        });
        let placed = OrderPlaced {
            order: order.id,
            number,
            total: order.totals.total,
            lines: lines.collect(),
            test: order.test,
        };
        self.emit(tx, cause, &placed).await
    }
}

/// A broken sum is the caller's fault; it fails as the row's own constraints would.
pub(super) fn broken(message: String) -> Error {
    Error::Constraint {
        kind: ConstraintKind::Check,
        message,
    }
}

pub(super) fn invalid(field: &str, reason: &str) -> OrderError {
    OrderError::Invalid {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}
