//! Carries a cancellation out: stops what is not charged, waits for money to be back, then gives up
//! what the order holds. The provider is asked outside the transaction that decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::bundles::demanded;
use stoa_contracts::orders::{OrderState, OrderStatus, PaymentStatus, PaymentStep};
use stoa_contracts::payments::{AttemptState, PaymentError};
use stoa_kernel::{JobId, OrderId, TenantId, Timestamp};
use stoa_storage::{Cause, ClaimedJob, Error, NewJob, Tx};

use crate::Shared;
use crate::errors::CareError;
use crate::infrastructure::{self, Asked, Kept, KeptCancel, Purpose};
use crate::returned::next_look;

pub(crate) const KIND: &str = "aftersales.cancel";
const ATTEMPTS_MAX: u32 = 1_000;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) order: OrderId,
    pub(crate) since: Timestamp,
}

impl Payload {
    /// One job per order.
    pub(crate) fn job(self, id: JobId, now: Timestamp) -> Result<NewJob, Error> {
        Ok(NewJob {
            id,
            kind: KIND,
            unique_key: Some(self.order.to_string()),
            payload: serde_json::to_value(self)?,
            run_at: now,
            attempts_max: ATTEMPTS_MAX,
        })
    }
}

/// Whether the job has anything left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Ended,
    Waits,
}

impl Shared {
    /// The whole transaction. Run again, it finds everything done and changes nothing.
    async fn withdraw_once(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<Progress, CareError> {
        let state = self.lock(tx, order).await?;
        let asked = infrastructure::cancel(tx, order).await?;
        let Some(asked) = asked.filter(|asked| asked.state == Asked::Requested) else {
            return Ok(Progress::Ended);
        };
        if state.status == OrderStatus::Canceled || !state.cancel_requested {
            // Checkout was faster: it has given up what the order held.
            infrastructure::end_cancel(tx, order, Asked::Done).await?;
            return Ok(Progress::Ended);
        }
        let refunds = infrastructure::refunds_of(tx, order).await?;
        if refunds.iter().any(|each| each.state == Kept::Pending) {
            return Ok(Progress::Waits);
        }
        if state.paid.amount > state.refunded.amount {
            let refused = refunds.iter().any(|each| {
                each.purpose == Purpose::Cancel
                    && each.state == Kept::Failed
                    && each.created_at >= asked.requested_at
            });
            if refused {
                return self.stuck(tx, order, cause).await;
            }
            // It was paid after it was asked for: a capture, or the part that was left.
            self.give_all_back(tx, &state, &asked, cause).await?;
            return Ok(Progress::Waits);
        }
        if self.money_may_come(tx, &state).await? {
            return Ok(Progress::Waits);
        }
        self.give_up_claims(tx, order, &asked, cause).await?;
        let step = PaymentStep::Canceled {
            reason: asked.reason.clone(),
        };
        self.peers.orders.step(tx, order, &step, cause).await?;
        infrastructure::end_cancel(tx, order, Asked::Done).await?;
        Ok(Progress::Ended)
    }

    /// Whether an attempt is still open, or ended in a way that checkout has yet to write.
    async fn money_may_come(&self, tx: &mut Tx<'_>, state: &OrderState) -> Result<bool, CareError> {
        let Some(newest) = self.peers.payments.newest(tx, state.id).await? else {
            return Ok(false);
        };
        if newest.captured.amount > newest.refunded.amount {
            return Ok(true);
        }
        let open = !newest.state.is_final() && newest.captured.amount == 0;
        let succeeded = newest.state == AttemptState::Succeeded;
        if open || (succeeded && state.payment == PaymentStatus::Pending) {
            return Ok(true);
        }
        // Gift cards were spent when the rest was promised: checkout sends theirs back.
        if state.payment != PaymentStatus::Authorized {
            return Ok(false);
        }
        let view = self.peers.orders.view_in(tx, state.id).await?;
        Ok(view.gift_card.amount > 0)
    }

    /// Promotions, gift cards, then stock, as checkout takes and gives them.
    async fn give_up_claims(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        asked: &KeptCancel,
        cause: &Cause,
    ) -> Result<(), CareError> {
        let peers = &self.peers;
        peers.ledger.release(tx, order, cause).await?;
        peers.pricing.unredeem(tx, order, cause).await?;
        if !asked.restock {
            let held = peers.inventory.held(tx, order).await?;
            let mut units = BTreeMap::new();
            for held in held {
                *units.entry(held.variant).or_insert(0) += held.units;
            }
            let goods = demanded(&units);
            if !goods.is_empty() {
                peers.inventory.ship(tx, order, &goods, None, cause).await?;
            }
        }
        Ok(peers.inventory.release(tx, order, cause).await?)
    }

    /// Only people can go on; asking to cancel again tries again.
    async fn stuck(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<Progress, CareError> {
        if infrastructure::end_cancel(tx, order, Asked::Stuck).await? {
            tracing::error!(%order, "an order cannot be canceled: its money does not go back");
            let text = "Not canceled yet: its money did not go back. Refund it another way, then \
                        cancel again.";
            let orders = &self.peers.orders;
            orders.tell(tx, order, "cancel_stuck", text, cause).await?;
            self.emit_stuck(tx, order, "cancel_refused", cause).await?;
        }
        Ok(Progress::Ended)
    }
}

pub(crate) struct DriveCancel(pub(crate) Arc<Shared>);

impl DriveCancel {
    async fn drive(&self, tenant: TenantId, job: Payload) -> Result<Progress, CareError> {
        if !self.stop_payments(tenant, job.order).await? {
            return Ok(Progress::Waits);
        }
        let (shared, cause) = (self.0.clone(), Cause::system(self.0.deps.now()));
        let db = shared.deps.storage.db(tenant).await?;
        let written = db
            .write(async move |tx: &mut Tx<'_>| {
                let progress = shared.withdraw_once(tx, job.order, &cause).await?;
                stoa_failpoint::hit("aftersales.canceled.before_commit");
                Ok::<_, CareError>(progress)
            })
            .await;
        stoa_failpoint::hit("aftersales.canceled.after_commit");
        match written {
            // What was tried is rolled back; payments have less than the order says it received.
            Err(CareError::TooMuch { .. }) => self.stuck(tenant, job.order).await,
            other => other,
        }
    }

    async fn stuck(&self, tenant: TenantId, order: OrderId) -> Result<Progress, CareError> {
        let (shared, cause) = (self.0.clone(), Cause::system(self.0.deps.now()));
        let db = shared.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            shared.lock(tx, order).await?;
            shared.stuck(tx, order, &cause).await
        })
        .await
    }

    /// Payment first: stock can be restocked, a charge that nobody wants cannot. False where a
    /// provider gave no answer.
    async fn stop_payments(&self, tenant: TenantId, order: OrderId) -> Result<bool, CareError> {
        let payments = &self.0.peers.payments;
        let attempts = payments.attempts_of(tenant, order).await?;
        let open = attempts
            .into_iter()
            .filter(|attempt| !attempt.state.is_final() && attempt.captured.amount == 0);
        for attempt in open {
            stoa_failpoint::hit("aftersales.cancel.before_provider");
            let given_up = payments.give_up(tenant, attempt.id).await;
            stoa_failpoint::hit("aftersales.cancel.after_provider");
            match given_up {
                Ok(_) => {}
                Err(PaymentError::Storage(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%order, attempt = %attempt.id, %error, "a payment stays open");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

#[async_trait]
impl JobHandler for DriveCancel {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let payload: Payload = match serde_json::from_value(job.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return JobOutcome::Dead(format!("the payload does not parse: {error}")),
        };
        match self.drive(job.tenant, payload).await {
            Ok(Progress::Ended) | Err(CareError::OrderNotFound) => JobOutcome::Done,
            Ok(Progress::Waits) => JobOutcome::Wait(next_look(self.0.deps.now(), payload.since)),
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}
