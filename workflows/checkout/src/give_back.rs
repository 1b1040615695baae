//! Sends back money that its order cannot take: its stock went to others, it was canceled, or it was
//! paid twice. The decision falls in the transaction that writes the outcome; here it is carried out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::checkout::{PaymentReturned, SagaStuck};
use stoa_contracts::orders::{OrderError, OrderStatus, PaymentStep};
use stoa_contracts::payments::{NewRefund, RefundError, RefundState, RefundView};
use stoa_kernel::{AttemptId, CartId, JobId, Money, OrderId, RefundId, TenantId, Timestamp};
use stoa_storage::{Cause, ClaimedJob, Error, NewJob, Tx};

use crate::finalize::{FinalizeError, Outcome, Progress};
use crate::journal::{Note, Parts, Step};
use crate::place::in_words;
use crate::{Shared, infrastructure};

const KIND: &str = "checkout.give_back";
const ATTEMPTS_MAX: u32 = 1_000;
const WAIT_MIN: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(300);
/// The pause grows with the age of the refund.
const WAIT_SHARE: u32 = 4;

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    OutOfStock,
    Canceled,
    PaidTwice,
    /// What was promised was taken back; only gift cards had been spent.
    Voided,
}

impl Why {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::Canceled => "canceled",
            Self::PaidTwice => "paid_twice",
            Self::Voided => "voided",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::OutOfStock => "its stock had gone to others",
            Self::Canceled => "the order had been canceled",
            Self::PaidTwice => "the order had been paid already",
            Self::Voided => "the rest of the payment was taken back",
        }
    }
}

/// What a job needs to know.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) order: OrderId,
    pub(crate) attempt: AttemptId,
    pub(crate) cart: Option<CartId>,
    pub(crate) why: Why,
    pub(crate) since: Timestamp,
}

/// One automatic refund per attempt, whoever decides on it and however often: the same id.
pub(crate) const fn refund_of(attempt: AttemptId) -> RefundId {
    RefundId::from_u128(attempt.as_u128())
}

impl Payload {
    pub(crate) fn job(self, id: JobId, now: Timestamp) -> Result<NewJob, Error> {
        Ok(NewJob {
            id,
            kind: KIND,
            unique_key: Some(refund_of(self.attempt).to_string()),
            payload: serde_json::to_value(self)?,
            run_at: now,
            attempts_max: ATTEMPTS_MAX,
        })
    }
}

impl Outcome<'_> {
    /// Sets aside what is left of this attempt's money and leaves the job that sends it.
    pub(crate) async fn send_back(
        &self,
        tx: &mut Tx<'_>,
        why: Why,
    ) -> Result<Progress, FinalizeError> {
        let (captured, refunded) = (self.attempt.captured, self.attempt.refunded);
        let left = Money::new(captured.amount - refunded.amount, captured.currency);
        self.send_back_amount(tx, why, left).await
    }

    pub(crate) async fn send_back_amount(
        &self,
        tx: &mut Tx<'_>,
        why: Why,
        amount: Money,
    ) -> Result<Progress, FinalizeError> {
        let detail = format!("{}: {}", in_words(amount), why.text());
        let first = self
            .note(tx, Step::Returning, Parts::default(), Some(detail))
            .await?;
        if !first {
            return Ok(Progress::Settled);
        }
        let (id, cause) = (self.order.id, self.cause);
        let ends = why != Why::PaidTwice && self.order.status != OrderStatus::Canceled;
        if ends && why != Why::Voided {
            self.give_up_claims(tx).await?;
        }
        if ends && !self.order.cancel_requested {
            let orders = &self.shared.peers.orders;
            orders.request_cancel(tx, id, why.text(), cause).await?;
        }
        if amount.amount <= 0 {
            // Somebody has sent it back by hand.
            infrastructure::close(tx, id, self.attempt.id).await?;
            if ends {
                self.step(tx, &canceled(why)).await?;
            }
            return Ok(Progress::Settled);
        }
        let refund = NewRefund {
            id: refund_of(self.attempt.id),
            order: id,
            amount,
            reason: Some(why.text().to_owned()),
            store_credit: None,
            memo: serde_json::json!({ "saga": "checkout", "why": why.text() }),
        };
        let payments = &self.shared.peers.payments;
        payments.open_refund(tx, &refund, cause).await?;
        if why != Why::Voided {
            let returned = PaymentReturned {
                order: id,
                attempt: self.attempt.id,
                refund: refund.id,
                amount,
                why: why.text().to_owned(),
            };
            let event = self.shared.deps.ids.make(cause.occurred_at);
            tx.emit(event, cause, &returned).await?;
        }
        let text = format!("{} is sent back: {}.", in_words(amount), why.sentence());
        self.tell(tx, "payment_returned", &text).await?;
        let job = Payload {
            order: id,
            attempt: self.attempt.id,
            cart: self.order.cart,
            why,
            since: cause.occurred_at,
        };
        let now = cause.occurred_at;
        tx.enqueue(&job.job(self.shared.deps.ids.make(now), now)?, now)
            .await?;
        Ok(Progress::Returning)
    }
}

fn canceled(why: Why) -> PaymentStep {
    PaymentStep::Canceled {
        reason: why.text().to_owned(),
    }
}

impl Shared {
    pub(crate) async fn emit_stuck(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        saga: &str,
        step: &str,
        cause: &Cause,
    ) -> Result<(), Error> {
        let stuck = SagaStuck {
            order,
            saga: saga.to_owned(),
            step: step.to_owned(),
        };
        let event = self.deps.ids.make(cause.occurred_at);
        tx.emit(event, cause, &stuck).await
    }

    /// The money is back, or never will be by itself. Run again, it changes nothing.
    async fn returned_once(
        &self,
        tx: &mut Tx<'_>,
        job: Payload,
        refund: &RefundView,
        cause: &Cause,
    ) -> Result<(), FinalizeError> {
        if let Some(cart) = job.cart {
            self.peers.carts.lock(tx, cart).await?;
        }
        let Some(order) = self.peers.orders.lock(tx, job.order).await? else {
            return Ok(());
        };
        let is_back = refund.state == RefundState::Succeeded;
        let note = Note {
            order: job.order,
            attempt: job.attempt,
            step: match is_back {
                true => Step::Returned,
                false => Step::ReturnFailed,
            },
            parts: Parts::default(),
            open: false,
            detail: refund.failure.clone(),
            at: cause.occurred_at,
        };
        if !infrastructure::write(tx, &note).await? {
            return Ok(());
        }
        infrastructure::close(tx, job.order, job.attempt).await?;
        let amount = in_words(refund.amount);
        let (kind, text) = match is_back {
            true => ("payment_returned", format!("{amount} is back.")),
            false => (
                "return_failed",
                format!(
                    "{amount} could not be sent back: {}. Send it back by hand.",
                    refund.failure.as_deref().unwrap_or("no reason given")
                ),
            ),
        };
        self.peers
            .orders
            .tell(tx, job.order, kind, &text, cause)
            .await?;
        if !is_back {
            return Ok(self
                .emit_stuck(tx, job.order, "refund", "return_failed", cause)
                .await?);
        }
        if job.why == Why::PaidTwice || order.status == OrderStatus::Canceled {
            return Ok(());
        }
        self.peers.inventory.release(tx, job.order, cause).await?;
        let step = canceled(job.why);
        match self.peers.orders.step(tx, job.order, &step, cause).await {
            Err(error @ OrderError::Transition { .. }) => {
                tracing::error!(order = %job.order, %error, "its money is back, yet it goes on");
                Ok(())
            }
            other => Ok(other.map(|_| ())?),
        }
    }
}

pub(crate) struct GiveBack(pub(crate) Arc<Shared>);

impl GiveBack {
    async fn drive(&self, tenant: TenantId, job: Payload) -> Result<bool, FinalizeError> {
        let refund = refund_of(job.attempt);
        stoa_failpoint::hit("checkout.return.before_provider");
        let driven = self.0.peers.payments.drive_refund(tenant, refund).await;
        stoa_failpoint::hit("checkout.return.after_provider");
        let view = match driven {
            Ok(view) => view,
            Err(RefundError::Unreachable { message }) => {
                tracing::warn!(%refund, message, "money is not back yet");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        if view.state == RefundState::Pending {
            return Ok(false);
        }
        if view.state == RefundState::Failed {
            tracing::error!(order = %job.order, %refund, "money could not be sent back");
        }
        let (shared, cause) = (self.0.clone(), Cause::system(self.0.deps.now()));
        let db = shared.deps.storage.db(tenant).await?;
        let written = db
            .write(async move |tx: &mut Tx<'_>| {
                shared.returned_once(tx, job, &view, &cause).await?;
                stoa_failpoint::hit("checkout.return.before_commit");
                Ok::<_, FinalizeError>(())
            })
            .await;
        stoa_failpoint::hit("checkout.return.after_commit");
        written.map(|()| true)
    }
}

#[async_trait]
impl JobHandler for GiveBack {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let payload: Payload = match serde_json::from_value(job.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return JobOutcome::Dead(format!("the payload does not parse: {error}")),
        };
        match self.drive(job.tenant, payload).await {
            Ok(true) => JobOutcome::Done,
            Ok(false) => {
                let now = self.0.deps.now();
                let pause = (now.since(payload.since) / WAIT_SHARE).clamp(WAIT_MIN, WAIT_MAX);
                JobOutcome::Wait(now.plus(pause))
            }
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}
