//! Brings a placed order to its end: asks the payment, then has the outcome written. Never gives
//! stock away while the outcome is unknown, and writes nothing where nothing changed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::orders::{OrderError, OrderStatus};
use stoa_contracts::payments::{AttemptState, AttemptView, PaymentError};
use stoa_kernel::{AttemptId, CartId, JobId, OrderId, TenantId, Timestamp};
use stoa_storage::{ClaimedJob, Error, NewJob};
use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus::IntCounter;

use crate::finalize::{Case, FinalizeError, Progress};
use crate::journal::{Note, Step};
use crate::sweep::{STUCK_AFTER, stuck_at};
use crate::told::Waits;
use crate::{PAYMENT_TIME_MAX, Shared, infrastructure};

const KIND: &str = "checkout.settle";
/// Failures of our own; waiting for a provider does not count.
const ATTEMPTS_MAX: u32 = 1_000;

const WAIT_MIN: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(5);
/// The pause grows with the age of the attempt: a quarter of it, within the bounds above.
const WAIT_SHARE: u32 = 4;
/// A promise is looked at once more: money that is taken meanwhile finds this job running.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What does not happen to the payment of a canceled order.
const NOT_VOIDED: &str = "not_voided";
/// Until then an order that waits for its provider is as it was placed.
const FRESH_FOR: Duration = Duration::from_secs(30);

pub(crate) struct Settle {
    shared: Arc<Shared>,
    returned: IntCounter,
}

/// What a job needs to know.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) order: OrderId,
    pub(crate) attempt: AttemptId,
    /// `None` where the order has none, or where whoever left the job did not know.
    pub(crate) cart: Option<CartId>,
}

impl Payload {
    /// One job per attempt: that of an older attempt, ending, takes none of a newer one's with it.
    pub(crate) fn job(self, id: JobId, now: Timestamp) -> Result<NewJob, Error> {
        Ok(NewJob {
            id,
            kind: KIND,
            unique_key: Some(self.attempt.to_string()),
            payload: serde_json::to_value(self)?,
            run_at: now,
            attempts_max: ATTEMPTS_MAX,
        })
    }
}

impl Settle {
    pub(crate) fn new(shared: Arc<Shared>, metrics: &Metrics) -> Self {
        let name = "stoa_checkout_payments_returned_total";
        let help = "Payments sent back because their order could not take them";
        let returned = IntCounter::new(name, help).expect("the name is a metric name");
        if let Err(error) = metrics.registry().register(Box::new(returned.clone())) {
            tracing::warn!(%error, "payments sent back are counted, but not shown");
        }
        Self { shared, returned }
    }

    async fn settle(&self, tenant: TenantId, job: Payload) -> Result<Progress, FinalizeError> {
        let payments = &self.shared.peers.payments;
        let Some(seen) = payments.newest_of(tenant, job.order).await? else {
            tracing::error!(order = %job.order, "an order without a payment attempt is to be settled");
            return Ok(Progress::Settled);
        };
        if seen.id != job.attempt {
            return self.settle_older(tenant, job).await;
        }
        if self.is_written(tenant, &seen).await? {
            return Ok(Progress::Settled);
        }
        let since = seen.created_at;
        let Some(state) = self.ask(tenant, &seen).await? else {
            return Ok(Progress::Open { since });
        };
        let waits = Waits::of(&state);
        if waits.is_some_and(|waits| self.knows(&seen, waits)) {
            return Ok(Progress::Open { since });
        }
        let mut progress = self.finalize(tenant, job, None).await?;
        if let Progress::GiveUp { .. } = progress {
            let stopped = self.give_up(tenant, &seen).await?;
            if stopped.is_some_and(|state| state.is_final()) {
                progress = self.finalize(tenant, job, None).await?;
            }
            return Ok(progress);
        }
        match (progress, waits) {
            (Progress::Open { .. }, Some(waits)) => self.shared.told.remember(seen.id, waits),
            _ => self.shared.told.forget(seen.id),
        }
        Ok(progress)
    }

    /// Whether somebody else has written the outcome, for good.
    async fn is_written(
        &self,
        tenant: TenantId,
        seen: &AttemptView,
    ) -> Result<bool, FinalizeError> {
        if !seen.state.is_final() {
            return Ok(false);
        }
        let db = self.shared.deps.storage.db(tenant).await?;
        let steps = infrastructure::steps_of(&db, seen.order_id, seen.id).await?;
        // A decline is not for good: after a day the order is canceled.
        let for_good = |step: Step| step.is_outcome() && step != Step::Declined;
        Ok(steps.into_iter().any(for_good))
    }

    /// A newer attempt has a job of its own; of an older one only money matters.
    async fn settle_older(
        &self,
        tenant: TenantId,
        job: Payload,
    ) -> Result<Progress, FinalizeError> {
        let payments = &self.shared.peers.payments;
        let all = payments.attempts_of(tenant, job.order).await?;
        let older = all.into_iter().find(|attempt| attempt.id == job.attempt);
        match older {
            Some(older) if older.state == AttemptState::Succeeded => {
                self.finalize(tenant, job, Some(older)).await
            }
            _ => Ok(Progress::Settled),
        }
    }

    /// Whether a poll that found the attempt waiting has nothing to write.
    fn knows(&self, seen: &AttemptView, waits: Waits) -> bool {
        let fresh = self.shared.deps.now() < seen.created_at.plus(FRESH_FOR);
        let untouched = waits == Waits::ForTheProvider
            && Waits::of(&seen.state) == Some(Waits::ForTheProvider)
            && fresh;
        untouched || self.shared.told.knows(seen.id, waits)
    }

    async fn finalize(
        &self,
        tenant: TenantId,
        job: Payload,
        older: Option<AttemptView>,
    ) -> Result<Progress, FinalizeError> {
        let cart = match job.cart {
            Some(cart) => Some(cart),
            None => match self.shared.peers.orders.view(tenant, job.order).await {
                Ok(view) => view.cart_id,
                Err(OrderError::NotFound) => return Ok(Progress::Settled),
                Err(error) => return Err(error.into()),
            },
        };
        let case = Case {
            order: job.order,
            attempt: job.attempt,
            cart,
            older,
        };
        let progress = self.shared.finalize(tenant, case).await?;
        if progress == Progress::Returning {
            self.returned.inc();
            tracing::error!(
                %tenant, order = %job.order, attempt = %job.attempt,
                "money came for an order that cannot take it, and is sent back"
            );
        }
        Ok(progress)
    }

    /// Where the payment stands after asking; `None` where the provider gave no answer.
    async fn ask(
        &self,
        tenant: TenantId,
        seen: &AttemptView,
    ) -> Result<Option<AttemptState>, FinalizeError> {
        if seen.state.is_final() {
            return Ok(Some(seen.state.clone()));
        }
        let payments = &self.shared.peers.payments;
        stoa_failpoint::hit("checkout.finalize.before_provider");
        let driven = payments.drive(tenant, seen.id).await;
        stoa_failpoint::hit("checkout.finalize.after_provider");
        let answer = answered(seen, driven)?;
        // What is promised waits for people.
        let is_over = |state: &AttemptState| state.is_final() || *state == AttemptState::Authorized;
        let deadline = seen.created_at.plus(PAYMENT_TIME_MAX);
        if answer.as_ref().is_some_and(is_over) || self.shared.deps.now() < deadline {
            return Ok(answer);
        }
        self.give_up(tenant, seen).await
    }

    /// A payment of a canceled order that cannot be stopped: the sweep looks at open orders alone.
    async fn report_late(
        &self,
        tenant: TenantId,
        job: Payload,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(), FinalizeError> {
        if now < since.plus(PAYMENT_TIME_MAX).plus(STUCK_AFTER) {
            return Ok(());
        }
        let db = self.shared.deps.storage.db(tenant).await?;
        let steps = infrastructure::steps_of(&db, job.order, job.attempt).await?;
        if steps.contains(&Step::Stuck) {
            return Ok(());
        }
        let view = self.shared.peers.orders.view(tenant, job.order).await?;
        if view.status != OrderStatus::Canceled {
            return Ok(());
        }
        let note = Note {
            open: true,
            ..stuck_at(job, NOT_VOIDED, now)
        };
        Ok(self.shared.report(&db, vec![note], "checkout", now).await?)
    }

    async fn give_up(
        &self,
        tenant: TenantId,
        seen: &AttemptView,
    ) -> Result<Option<AttemptState>, FinalizeError> {
        stoa_failpoint::hit("checkout.give_up.before_provider");
        let given_up = self.shared.peers.payments.give_up(tenant, seen.id).await;
        stoa_failpoint::hit("checkout.give_up.after_provider");
        answered(seen, given_up)
    }
}

#[async_trait]
impl JobHandler for Settle {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let payload: Payload = match serde_json::from_value(job.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return JobOutcome::Dead(format!("the payload does not parse: {error}")),
        };
        let now = self.shared.deps.now();
        match self.settle(job.tenant, payload).await {
            Ok(Progress::Settled | Progress::Returning) => JobOutcome::Done,
            Ok(Progress::Promised) => JobOutcome::Wait(now.plus(LOOK_AGAIN)),
            Ok(Progress::Open { since } | Progress::GiveUp { since }) => {
                if let Err(error) = self.report_late(job.tenant, payload, since, now).await {
                    return JobOutcome::Failed(error.to_string());
                }
                JobOutcome::Wait(now.plus(pause(now.since(since))))
            }
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}

/// A provider that says nothing leaves everything as it is; only our own failures are errors.
fn answered(
    seen: &AttemptView,
    answer: Result<AttemptState, PaymentError>,
) -> Result<Option<AttemptState>, FinalizeError> {
    match answer {
        Ok(state) => Ok(Some(state)),
        Err(PaymentError::Storage(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(attempt = %seen.id, %error, "a payment stays open");
            Ok(None)
        }
    }
}

fn pause(age: Duration) -> Duration {
    (age / WAIT_SHARE).clamp(WAIT_MIN, WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_age_within_their_bounds() {
        let millis = |age: u64| pause(Duration::from_millis(age)).as_millis();
        assert_eq!(
            [millis(0), millis(1_000), millis(8_000), millis(900_000)],
            [250, 250, 2_000, 5_000]
        );
    }
}
