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

/// How often the rest of what could not be sent back is tried again, and after which pauses: four
/// times as long each time, so that all of them take some days.
const ROUNDS_MAX: u32 = 8;
const RETRY_MIN: Duration = Duration::from_secs(5 * 60);
const RETRY_MAX: Duration = Duration::from_secs(24 * 3600);
/// Tells the ids of an attempt's later refunds from that of its first.
const ROUND_SHIFT: u32 = 72;

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
    /// What is to go back now; not known of jobs that an older program left.
    #[serde(default)]
    pub(crate) amount: Option<Money>,
    /// How often the rest was tried again.
    #[serde(default)]
    pub(crate) round: u32,
}

/// One automatic refund per attempt, whoever decides on it and however often: the same id.
pub(crate) const fn refund_of(attempt: AttemptId) -> RefundId {
    RefundId::from_u128(attempt.as_u128())
}

/// Of its rest, the same in each round.
const fn refund_in(attempt: AttemptId, round: u32) -> RefundId {
    RefundId::from_u128(refund_of(attempt).as_u128() ^ ((round as u128) << ROUND_SHIFT))
}

fn retry_pause(round: u32) -> Duration {
    RETRY_MIN
        .saturating_mul(4_u32.saturating_pow(round))
        .min(RETRY_MAX)
}

/// How a refund ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All of it is back.
    Back,
    /// So much of it is not; `None` where nobody knows how much.
    Rest(Option<Money>),
}

impl End {
    fn of(job: &Payload, refund: &RefundView) -> Self {
        match (refund.state, &refund.failure, job.amount) {
            (RefundState::Succeeded, None, _) => Self::Back,
            (RefundState::Succeeded, Some(_), Some(asked)) => {
                let left = asked.amount.saturating_sub(refund.amount.amount);
                match left > 0 {
                    true => Self::Rest(Some(Money::new(left, asked.currency))),
                    false => Self::Back,
                }
            }
            (RefundState::Succeeded, Some(_), None) => Self::Rest(None),
            (RefundState::Failed | RefundState::Pending, ..) => Self::Rest(Some(refund.amount)),
        }
    }
}

impl Payload {
    const fn refund(&self) -> RefundId {
        refund_in(self.attempt, self.round)
    }

    fn note(&self, step: Step, detail: Option<String>, cause: &Cause) -> Note {
        Note {
            order: self.order,
            attempt: self.attempt,
            step,
            parts: Parts::default(),
            open: false,
            detail,
            at: cause.occurred_at,
        }
    }

    pub(crate) fn job(self, id: JobId, now: Timestamp) -> Result<NewJob, Error> {
        Ok(NewJob {
            id,
            kind: KIND,
            unique_key: Some(self.refund().to_string()),
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
            amount: Some(amount),
            round: 0,
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

    /// Writes how a refund ended. Run again, it changes nothing.
    async fn returned_once(
        &self,
        tx: &mut Tx<'_>,
        job: Payload,
        refund: &RefundView,
        end: End,
        cause: &Cause,
    ) -> Result<(), FinalizeError> {
        if let Some(cart) = job.cart {
            self.peers.carts.lock(tx, cart).await?;
        }
        let Some(order) = self.peers.orders.lock(tx, job.order).await? else {
            return Ok(());
        };
        if let End::Rest(rest) = end {
            return self.rest_stays(tx, job, refund, rest, cause).await;
        }
        let note = job.note(Step::Returned, refund.failure.clone(), cause);
        if !infrastructure::write(tx, &note).await? {
            return Ok(());
        }
        infrastructure::close(tx, job.order, job.attempt).await?;
        let text = format!("{} is back.", in_words(refund.amount));
        let orders = &self.peers.orders;
        orders
            .tell(tx, job.order, "payment_returned", &text, cause)
            .await?;
        if job.why == Why::PaidTwice || order.status == OrderStatus::Canceled {
            return Ok(());
        }
        self.peers.inventory.release(tx, job.order, cause).await?;
        match orders.step(tx, job.order, &canceled(job.why), cause).await {
            Err(error @ OrderError::Transition { .. }) => {
                tracing::error!(order = %job.order, %error, "its money is back, yet it goes on");
                Ok(())
            }
            other => Ok(other.map(|_| ())?),
        }
    }

    /// Part of it, or all, could not be sent back: people are told once, and the rest is set aside and
    /// tried again. The order waits as it is.
    async fn rest_stays(
        &self,
        tx: &mut Tx<'_>,
        job: Payload,
        refund: &RefundView,
        rest: Option<Money>,
        cause: &Cause,
    ) -> Result<(), FinalizeError> {
        let failure = refund.failure.as_deref().unwrap_or("no reason given");
        let note = job.note(Step::ReturnFailed, Some(failure.to_owned()), cause);
        if infrastructure::write(tx, &note).await? {
            let what = match rest {
                Some(rest) => in_words(rest),
                None => "Part of the money".to_owned(),
            };
            let text = format!(
                "{what} could not be sent back: {failure}. It is tried again for some days; send it \
                 back by hand if that does not help."
            );
            let orders = &self.peers.orders;
            orders
                .tell(tx, job.order, "return_failed", &text, cause)
                .await?;
            self.emit_stuck(tx, job.order, "refund", "return_failed", cause)
                .await?;
            // The sweep, which would tell of it as late, finds it told.
            let told = job.note(
                Step::Stuck,
                Some(Step::ReturnFailed.text().to_owned()),
                cause,
            );
            infrastructure::write(tx, &told).await?;
        }
        let Some(rest) = rest.filter(|_| job.round < ROUNDS_MAX) else {
            return Ok(infrastructure::close(tx, job.order, job.attempt).await?);
        };
        let next_at = cause.occurred_at.plus(retry_pause(job.round));
        let next = Payload {
            since: next_at,
            amount: Some(rest),
            round: job.round + 1,
            ..job
        };
        let new = NewRefund {
            id: next.refund(),
            order: job.order,
            amount: rest,
            reason: Some(job.why.text().to_owned()),
            store_credit: None,
            memo: refund.memo.clone(),
        };
        self.peers.payments.open_refund(tx, &new, cause).await?;
        let job = next.job(self.deps.ids.make(cause.occurred_at), next_at)?;
        tx.enqueue(&job, cause.occurred_at).await?;
        Ok(())
    }
}

pub(crate) struct GiveBack(pub(crate) Arc<Shared>);

impl GiveBack {
    async fn drive(&self, tenant: TenantId, job: Payload) -> Result<bool, FinalizeError> {
        let refund = job.refund();
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
        let end = End::of(&job, &view);
        match self.write(tenant, job, view.clone(), end).await {
            // Less is left than is to go back: somebody has sent the rest back by hand.
            Err(FinalizeError::Refund(RefundError::TooMuch { .. })) => {
                self.write(tenant, job, view, End::Back).await?;
            }
            other => other?,
        }
        Ok(true)
    }

    async fn write(
        &self,
        tenant: TenantId,
        job: Payload,
        view: RefundView,
        end: End,
    ) -> Result<(), FinalizeError> {
        let (shared, cause) = (self.0.clone(), Cause::system(self.0.deps.now()));
        let db = shared.deps.storage.db(tenant).await?;
        let written = db
            .write(async move |tx: &mut Tx<'_>| {
                shared.returned_once(tx, job, &view, end, &cause).await?;
                stoa_failpoint::hit("checkout.return.before_commit");
                Ok::<_, FinalizeError>(())
            })
            .await;
        stoa_failpoint::hit("checkout.return.after_commit");
        written
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
