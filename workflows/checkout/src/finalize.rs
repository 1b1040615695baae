//! Writes the outcome of a payment, once, however often and from wherever it is heard: browser
//! return, webhook, poll and sweep all end here. Decides under the order's lock; asks no provider.

mod claims;

use std::sync::Arc;

use stoa_contracts::inventory::Shortage;
use stoa_contracts::orders::{
    FulfilmentStatus, OrderError, OrderState, OrderStatus, PaymentStatus, PaymentStep,
};
use stoa_contracts::payments::{AttemptState, AttemptView, RefundError};
use stoa_kernel::{AttemptId, CartId, OrderId, TenantId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

use crate::give_back::Why;
use crate::journal::{Parts, Step};
use crate::place::in_words;
use crate::{DECLINED_KEPT, LINK_KEPT, PAYMENT_TIME_MAX, Shared, infrastructure};

/// Why an order is canceled that nobody paid in time.
const EXPIRED: &str = "expired";
const VOIDED: &str = "voided";
const NOT_TRIED_AGAIN: &str = "declined";
const REQUESTED: &str = "canceled";

/// The attempt whose outcome is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) order: OrderId,
    pub(crate) attempt: AttemptId,
    pub(crate) cart: Option<CartId>,
    /// As it was read, where a newer attempt exists: it has ended, and changes no more.
    pub(crate) older: Option<AttemptView>,
}

/// Whether there is anything left to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Settled,
    /// The attempt was made then.
    Open {
        since: Timestamp,
    },
    /// The money is promised; what follows is people's business.
    Promised,
    /// Nobody wants the payment any more: stop it before it succeeds.
    GiveUp {
        since: Timestamp,
    },
    /// The money is on its way back.
    Returning,
}

/// Where a late payment finds its stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stock {
    /// Still held for it, as nearly always, or there to be taken again.
    ToBeHad,
    /// Others have it.
    Gone,
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum FinalizeError {
    #[error("the stock held for the order was given to others")]
    Short { shortages: Vec<Shortage> },
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Refund(#[from] RefundError),
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Shared {
    /// Writes the outcome, if there is one by now. A payment whose stock is gone is found out by
    /// trying: what the try reserved is rolled back with it.
    pub(crate) async fn finalize(
        self: &Arc<Self>,
        tenant: TenantId,
        case: Case,
    ) -> Result<Progress, FinalizeError> {
        let tried = self
            .finalize_with(tenant, case.clone(), Stock::ToBeHad)
            .await;
        let Err(FinalizeError::Short { shortages }) = tried else {
            return tried;
        };
        tracing::warn!(order = %case.order, ?shortages, "a payment came after its stock had gone");
        self.finalize_with(tenant, case, Stock::Gone).await
    }

    async fn finalize_with(
        self: &Arc<Self>,
        tenant: TenantId,
        case: Case,
        stock: Stock,
    ) -> Result<Progress, FinalizeError> {
        let shared = self.clone();
        let cause = Cause::system(shared.deps.now());
        let db = shared.deps.storage.db(tenant).await?;
        let progress = db
            .write(async move |tx: &mut Tx<'_>| {
                let progress = shared.finalize_once(tx, &case, stock, &cause).await?;
                stoa_failpoint::hit("checkout.finalize.before_commit");
                Ok::<_, FinalizeError>(progress)
            })
            .await;
        stoa_failpoint::hit("checkout.finalize.after_commit");
        progress
    }

    /// The whole transaction. Run again, it finds everything done and changes nothing.
    async fn finalize_once(
        &self,
        tx: &mut Tx<'_>,
        case: &Case,
        stock: Stock,
        cause: &Cause,
    ) -> Result<Progress, FinalizeError> {
        // Cart, order, attempt, gift cards and promotions, stock: as `place` takes them.
        if let Some(cart) = case.cart {
            self.peers.carts.lock(tx, cart).await?;
        }
        let Some(order) = self.peers.orders.lock(tx, case.order).await? else {
            return Ok(Progress::Settled);
        };
        let Some(newest) = self.peers.payments.newest(tx, case.order).await? else {
            return Ok(Progress::Settled);
        };
        let attempt = match &case.older {
            _ if newest.id == case.attempt => newest,
            Some(older) if older.state == AttemptState::Succeeded => older.clone(),
            _ => return Ok(Progress::Settled),
        };
        let outcome = Outcome {
            shared: self,
            order,
            attempt,
            stock,
            cause,
        };
        outcome.write(tx).await
    }
}

/// One attempt's outcome, about to be written; the rows are locked.
pub(crate) struct Outcome<'s> {
    pub(crate) shared: &'s Shared,
    pub(crate) order: OrderState,
    pub(crate) attempt: AttemptView,
    stock: Stock,
    pub(crate) cause: &'s Cause,
}

impl Outcome<'_> {
    async fn write(&self, tx: &mut Tx<'_>) -> Result<Progress, FinalizeError> {
        match &self.attempt.state {
            AttemptState::Succeeded => self.money_came(tx).await,
            AttemptState::Declined { reason } => self.declined(tx, reason).await,
            AttemptState::Voided => self.voided(tx).await,
            // Part of it came by hand: that cannot be let go of, only sent back.
            AttemptState::Authorized if self.is_over() && self.attempt.captured.amount > 0 => {
                match self.order.status {
                    OrderStatus::Canceled => self.send_back(tx, Why::Canceled).await,
                    _ => Ok(Progress::Settled),
                }
            }
            // Whoever canceled the order does not know of this attempt, or was too early.
            _ if self.is_over() => Ok(Progress::GiveUp {
                since: self.since(),
            }),
            AttemptState::Authorized => self.promised(tx).await,
            AttemptState::RequiresAction { .. } => self.waits(tx, &PaymentStep::NeedsAction).await,
            _ if self.order.status == OrderStatus::RequiresAction => {
                self.waits(tx, &PaymentStep::ActionTaken).await
            }
            _ => Ok(Progress::Open {
                since: self.since(),
            }),
        }
    }

    fn since(&self) -> Timestamp {
        self.attempt.created_at
    }

    fn is_over(&self) -> bool {
        self.order.status == OrderStatus::Canceled || self.order.cancel_requested
    }

    async fn waits(&self, tx: &mut Tx<'_>, step: &PaymentStep) -> Result<Progress, FinalizeError> {
        if self.order.payment == PaymentStatus::Pending {
            self.step(tx, step).await?;
        }
        Ok(Progress::Open {
            since: self.since(),
        })
    }

    async fn money_came(&self, tx: &mut Tx<'_>) -> Result<Progress, FinalizeError> {
        if self.order.status == OrderStatus::Canceled {
            return self.send_back(tx, Why::Canceled).await;
        }
        match self.order.payment {
            PaymentStatus::Pending if self.order.cancel_requested => {
                self.send_back(tx, Why::Canceled).await
            }
            PaymentStatus::Pending => {
                if self.stock_is_gone(tx).await? {
                    return self.send_back(tx, Why::OutOfStock).await;
                }
                let gift_cards = self.spend_gift_cards(tx).await?;
                self.secure_stock(tx).await?;
                self.paid(tx).await?;
                self.complete_cart(tx).await?;
                let parts = Parts {
                    stock: true,
                    gift_cards,
                    ..Parts::default()
                };
                self.note(tx, Step::Paid, parts, None).await?;
                Ok(Progress::Settled)
            }
            // Stock was confirmed and gift cards were spent when it was promised, or paid in part.
            PaymentStatus::Authorized | PaymentStatus::PartiallyPaid => {
                self.paid(tx).await?;
                self.note(tx, Step::Paid, Parts::default(), None).await?;
                Ok(Progress::Settled)
            }
            // Its own money again changes nothing; another attempt's is too much.
            PaymentStatus::Paid | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded => {
                match self.paid(tx).await {
                    Err(FinalizeError::Order(OrderError::Transition { .. })) => {
                        self.send_back(tx, Why::PaidTwice).await
                    }
                    other => other.map(|()| Progress::Settled),
                }
            }
            PaymentStatus::Voided | PaymentStatus::Expired => {
                self.send_back(tx, Why::Canceled).await
            }
        }
    }

    async fn paid(&self, tx: &mut Tx<'_>) -> Result<(), FinalizeError> {
        let step = PaymentStep::Paid {
            attempt: self.attempt.id,
            amount: self.attempt.captured,
        };
        self.step(tx, &step).await
    }

    async fn promised(&self, tx: &mut Tx<'_>) -> Result<Progress, FinalizeError> {
        if self.order.payment != PaymentStatus::Pending {
            return self.promised_again(tx).await;
        }
        if self.stock_is_gone(tx).await? {
            // Nothing was taken: letting go of the promise is enough.
            let orders = &self.shared.peers.orders;
            let why = Why::OutOfStock.text();
            orders
                .request_cancel(tx, self.order.id, why, self.cause)
                .await?;
            self.tell(
                tx,
                "out_of_stock",
                "Promised too late: its stock had gone to others.",
            )
            .await?;
            return Ok(Progress::GiveUp {
                since: self.since(),
            });
        }
        let gift_cards = self.spend_gift_cards(tx).await?;
        self.secure_stock(tx).await?;
        let step = PaymentStep::Authorized {
            attempt: self.attempt.id,
        };
        self.step(tx, &step).await?;
        self.complete_cart(tx).await?;
        let parts = Parts {
            stock: true,
            gift_cards,
            ..Parts::default()
        };
        self.note(tx, Step::Authorized, parts, None).await?;
        Ok(Progress::Promised)
    }

    /// The rest of an order is promised, or the same news comes twice.
    async fn promised_again(&self, tx: &mut Tx<'_>) -> Result<Progress, FinalizeError> {
        let step = PaymentStep::Authorized {
            attempt: self.attempt.id,
        };
        match self.step(tx, &step).await {
            Ok(()) => {}
            // One order needs no two promises.
            Err(FinalizeError::Order(OrderError::Transition { .. })) => {
                return Ok(Progress::GiveUp {
                    since: self.since(),
                });
            }
            Err(error) => return Err(error),
        }
        let first = self
            .note(tx, Step::Authorized, Parts::default(), None)
            .await?;
        Ok(match first {
            true => Progress::Promised,
            false => Progress::Settled,
        })
    }

    async fn declined(&self, tx: &mut Tx<'_>, reason: &str) -> Result<Progress, FinalizeError> {
        match self.order.payment {
            _ if self.order.status == OrderStatus::Canceled => {
                return self.canceled_before(tx).await;
            }
            PaymentStatus::Pending if self.goods_left() => return self.promise_broken(tx).await,
            PaymentStatus::Pending => {}
            PaymentStatus::Authorized => return self.promise_broken(tx).await,
            PaymentStatus::PartiallyPaid => return self.rest_unpaid(tx, reason).await,
            _ => return Ok(Progress::Settled),
        }
        if self.order.cancel_requested {
            return self.canceled_as_asked(tx).await;
        }
        let kept = match self.order.cart {
            Some(_) => DECLINED_KEPT,
            None => LINK_KEPT,
        };
        if self.cause.occurred_at >= self.since().plus(kept) {
            return self.canceled(tx, NOT_TRIED_AGAIN).await;
        }
        let parts = self.give_up_claims(tx).await?;
        let step = PaymentStep::Declined {
            reason: reason.to_owned(),
        };
        self.step(tx, &step).await?;
        if let Some(cart) = self.order.cart {
            self.shared.peers.carts.thaw(tx, cart).await?;
        }
        self.note(tx, Step::Declined, parts, Some(reason.to_owned()))
            .await?;
        Ok(Progress::Settled)
    }

    async fn voided(&self, tx: &mut Tx<'_>) -> Result<Progress, FinalizeError> {
        let in_time = self.cause.occurred_at < self.since().plus(PAYMENT_TIME_MAX);
        let reason = if in_time { VOIDED } else { EXPIRED };
        match self.order.payment {
            _ if self.order.status == OrderStatus::Canceled => self.canceled_before(tx).await,
            PaymentStatus::Pending if self.goods_left() => self.promise_broken(tx).await,
            PaymentStatus::Pending if self.order.cancel_requested => {
                self.canceled_as_asked(tx).await
            }
            // A payment link may be followed again.
            PaymentStatus::Pending if self.order.cart.is_none() => self.declined(tx, reason).await,
            PaymentStatus::Pending => self.canceled(tx, reason).await,
            PaymentStatus::PartiallyPaid => self.rest_unpaid(tx, reason).await,
            PaymentStatus::Authorized => self.promise_broken(tx).await,
            _ => Ok(Progress::Settled),
        }
    }

    /// Money that was promised will not come: the order ends, unless goods are on their way.
    async fn promise_broken(&self, tx: &mut Tx<'_>) -> Result<Progress, FinalizeError> {
        if self.goods_left() {
            let text = "The promised payment was taken back after goods were packed.";
            if self
                .note(tx, Step::Stuck, Parts::default(), Some(text.to_owned()))
                .await?
            {
                tracing::error!(order = %self.order.id, "{text}");
                self.tell(tx, "payment_lost", text).await?;
                self.tell_stuck(tx, "authorized").await?;
                // Owed, and promised by nobody: what follows is people's business.
                let reason = VOIDED.to_owned();
                self.step(tx, &PaymentStep::Declined { reason }).await?;
            }
            return Ok(Progress::Settled);
        }
        let view = self.shared.peers.orders.view_in(tx, self.order.id).await?;
        if view.gift_card.amount == 0 {
            return self.canceled(tx, VOIDED).await;
        }
        // Gift cards were spent on it: theirs goes back first.
        let progress = self
            .send_back_amount(tx, Why::Voided, view.gift_card)
            .await?;
        let inventory = &self.shared.peers.inventory;
        inventory.release(tx, self.order.id, self.cause).await?;
        Ok(progress)
    }

    /// The attempt to pay the rest of an order failed; what is paid of it stays so.
    async fn rest_unpaid(&self, tx: &mut Tx<'_>, reason: &str) -> Result<Progress, FinalizeError> {
        let first = self
            .note(
                tx,
                Step::Declined,
                Parts::default(),
                Some(reason.to_owned()),
            )
            .await?;
        if first {
            let text = format!(
                "{} of the rest could not be taken: {reason}.",
                in_words(self.attempt.amount)
            );
            match self.order.cancel_requested {
                true => self.tell(tx, "declined", &text).await?,
                // Tells so as well, and that nobody promises the rest any more.
                false => {
                    let step = PaymentStep::Declined { reason: text };
                    self.step(tx, &step).await?;
                }
            }
        }
        Ok(Progress::Settled)
    }

    const fn goods_left(&self) -> bool {
        !matches!(self.order.fulfilment, FulfilmentStatus::NotFulfilled)
    }

    /// Somebody else canceled the order and gave up what it held; the journal ends all the same.
    async fn canceled_before(&self, tx: &mut Tx<'_>) -> Result<Progress, FinalizeError> {
        let view = self.shared.peers.orders.view_in(tx, self.order.id).await?;
        let nothing = Parts::default();
        self.note(tx, Step::Canceled, nothing, view.reason).await?;
        infrastructure::close(tx, self.order.id, self.attempt.id).await?;
        Ok(Progress::Settled)
    }

    /// Whoever asked said why.
    async fn canceled_as_asked(&self, tx: &mut Tx<'_>) -> Result<Progress, FinalizeError> {
        let view = self.shared.peers.orders.view_in(tx, self.order.id).await?;
        let reason = view.reason.as_deref().unwrap_or(REQUESTED);
        self.canceled(tx, reason).await
    }

    /// The cart stays closed: it belongs to an order that is over.
    async fn canceled(&self, tx: &mut Tx<'_>, reason: &str) -> Result<Progress, FinalizeError> {
        let parts = self.give_up_claims(tx).await?;
        let step = PaymentStep::Canceled {
            reason: reason.to_owned(),
        };
        self.step(tx, &step).await?;
        self.note(tx, Step::Canceled, parts, Some(reason.to_owned()))
            .await?;
        Ok(Progress::Settled)
    }
}
