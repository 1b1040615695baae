//! Brings a placed order to its end: asks the payment, then writes the outcome once. Never gives
//! stock away while the outcome is unknown, and never lets a paid order go unheard.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::inventory::{Demand, ReserveError, Shortage};
use stoa_contracts::orders::{OrderError, OrderState, OrderStatus, PaymentStatus, PaymentStep};
use stoa_contracts::payments::{AttemptState, AttemptView, PaymentError};
use stoa_kernel::{AttemptId, CartId, JobId, OrderId, TenantId, Timestamp};
use stoa_storage::{Cause, ClaimedJob, Error, NewJob, Tx};
use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus::IntCounter;

use crate::{DECLINED_KEPT, PAYMENT_TIME_MAX, Shared};

const KIND: &str = "checkout.settle";
/// Failures of our own; waiting for a provider does not count.
const ATTEMPTS_MAX: u32 = 1_000;

const WAIT_MIN: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(5);
/// The pause grows with the age of the attempt: a quarter of it, within the bounds above.
const WAIT_SHARE: u32 = 4;

/// Why an order is canceled that nobody paid in time.
const EXPIRED: &str = "expired";
const VOIDED: &str = "voided";
const NOT_TRIED_AGAIN: &str = "declined";

/// Counts orders that were paid after their stock had gone to others.
#[derive(Clone)]
pub(crate) struct StockLost(IntCounter);

impl StockLost {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let name = "stoa_checkout_paid_without_stock_total";
        let counter = IntCounter::new(name, "Paid orders whose stock had gone to others")
            .expect("the name is a metric name");
        if let Err(error) = metrics.registry().register(Box::new(counter.clone())) {
            tracing::warn!(%error, "orders paid without stock are counted, but not shown");
        }
        Self(counter)
    }
}

pub(crate) struct Settle {
    shared: Arc<Shared>,
    stock_lost: StockLost,
}

/// What a job needs to know.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) order: OrderId,
    pub(crate) attempt: AttemptId,
    pub(crate) cart: CartId,
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

/// Whether there is anything left to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Settled,
    /// The attempt was made then.
    Open {
        since: Timestamp,
    },
}

/// Where a late payment finds its stock.
#[derive(Debug, Clone)]
enum Stock {
    /// Still held for it, as nearly always.
    Held,
    /// The hold is gone: take the same again.
    Again(Vec<Demand>),
    /// Others have it: the order is paid all the same, and people are told.
    Gone,
}

#[derive(Debug, Clone, thiserror::Error)]
enum FinalizeError {
    #[error("the stock held for the order was given back")]
    HoldGone,
    #[error("the stock held for the order was given to others")]
    Short { shortages: Vec<Shortage> },
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Settle {
    pub(crate) const fn new(shared: Arc<Shared>, stock_lost: StockLost) -> Self {
        Self { shared, stock_lost }
    }

    async fn settle(&self, tenant: TenantId, job: Payload) -> Result<Progress, FinalizeError> {
        let payments = &self.shared.peers.payments;
        let Some(seen) = payments.newest_of(tenant, job.order).await? else {
            tracing::error!(order = %job.order, "an order without a payment attempt is to be settled");
            return Ok(Progress::Settled);
        };
        // A newer attempt has a job of its own.
        if seen.id != job.attempt {
            return Ok(Progress::Settled);
        }
        let open = Progress::Open {
            since: seen.created_at,
        };
        let Some(state) = self.ask(tenant, &seen).await? else {
            return Ok(open);
        };
        // What only moved between one kind of waiting and another need not be written.
        let tells = state.is_final() || matches!(state, AttemptState::RequiresAction { .. });
        let told = matches!(seen.state, AttemptState::RequiresAction { .. });
        if !tells && !told {
            return Ok(open);
        }
        self.finalize(tenant, job).await
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
        let answer = answered(seen, payments.drive(tenant, seen.id).await)?;
        let is_final = answer.as_ref().is_some_and(AttemptState::is_final);
        let deadline = seen.created_at.plus(PAYMENT_TIME_MAX);
        if is_final || self.shared.deps.now() < deadline {
            return Ok(answer);
        }
        answered(seen, payments.give_up(tenant, seen.id).await)
    }

    /// Writes the outcome. The stock of a payment that came late is looked for before that.
    async fn finalize(&self, tenant: TenantId, job: Payload) -> Result<Progress, FinalizeError> {
        match self.finalize_with(tenant, job, Stock::Held).await {
            Err(FinalizeError::HoldGone) => {}
            other => return other,
        }
        let view = self.shared.peers.orders.view(tenant, job.order).await?;
        let demand = view
            .lines
            .iter()
            .map(|line| Demand {
                variant: line.variant_id,
                quantity: line.quantity,
            })
            .collect();
        match self.finalize_with(tenant, job, Stock::Again(demand)).await {
            Err(FinalizeError::Short { shortages }) => {
                let progress = self.finalize_with(tenant, job, Stock::Gone).await?;
                self.stock_lost.0.inc();
                tracing::error!(
                    %tenant, order = %job.order, ?shortages,
                    "an order was paid after its stock had gone to others: restock or refund it"
                );
                Ok(progress)
            }
            other => other,
        }
    }

    async fn finalize_with(
        &self,
        tenant: TenantId,
        job: Payload,
        stock: Stock,
    ) -> Result<Progress, FinalizeError> {
        let shared = self.shared.clone();
        let cause = Cause::system(shared.deps.now());
        let db = shared.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| shared.finalize_once(tx, job, &stock, &cause).await)
            .await
    }
}

impl Shared {
    /// The whole transaction. Run again, it finds everything done and changes nothing.
    async fn finalize_once(
        &self,
        tx: &mut Tx<'_>,
        job: Payload,
        stock: &Stock,
        cause: &Cause,
    ) -> Result<Progress, FinalizeError> {
        let id = job.order;
        // Cart, order, attempt, stock: the order in which `place` takes them.
        self.peers.carts.lock(tx, job.cart).await?;
        let Some(order) = self.peers.orders.lock(tx, id).await? else {
            return Ok(Progress::Settled);
        };
        let Some(attempt) = self.peers.payments.newest(tx, id).await? else {
            return Ok(Progress::Settled);
        };
        let open = Progress::Open {
            since: attempt.created_at,
        };
        match &attempt.state {
            AttemptState::Succeeded => self.paid(tx, &order, &attempt, stock, cause).await,
            _ if order.status == OrderStatus::Canceled => Ok(Progress::Settled),
            _ if order.payment != PaymentStatus::Pending => Ok(Progress::Settled),
            AttemptState::Declined { reason } => {
                self.declined(tx, &order, &attempt, reason, cause).await
            }
            AttemptState::Voided => {
                let in_time = cause.occurred_at < attempt.created_at.plus(PAYMENT_TIME_MAX);
                self.canceled(tx, &order, if in_time { VOIDED } else { EXPIRED }, cause)
                    .await
            }
            AttemptState::RequiresAction { .. } => {
                self.peers
                    .orders
                    .step(tx, id, &PaymentStep::NeedsAction, cause)
                    .await?;
                Ok(open)
            }
            _ if order.status == OrderStatus::RequiresAction => {
                self.peers
                    .orders
                    .step(tx, id, &PaymentStep::ActionTaken, cause)
                    .await?;
                Ok(open)
            }
            _ => Ok(open),
        }
    }

    async fn paid(
        &self,
        tx: &mut Tx<'_>,
        order: &OrderState,
        attempt: &AttemptView,
        stock: &Stock,
        cause: &Cause,
    ) -> Result<Progress, FinalizeError> {
        if order.payment != PaymentStatus::Pending {
            // Refuses where it was another attempt's money that paid, or the order is canceled.
            let step = PaymentStep::Paid {
                attempt: attempt.id,
            };
            if let Err(error) = self.peers.orders.step(tx, order.id, &step, cause).await {
                tracing::error!(
                    order = %order.id, attempt = %attempt.id, %error,
                    "money was taken for an order that does not take it: refund it"
                );
            }
            return Ok(Progress::Settled);
        }
        let inventory = &self.peers.inventory;
        match stock {
            Stock::Held => {
                if !inventory.confirm(tx, order.id, cause).await? {
                    return Err(FinalizeError::HoldGone);
                }
            }
            Stock::Again(demand) => {
                if !inventory.confirm(tx, order.id, cause).await? {
                    let until = cause.occurred_at.plus(PAYMENT_TIME_MAX);
                    let reserved = inventory.reserve(tx, order.id, demand, until, cause).await;
                    reserved.map_err(|error| match error {
                        ReserveError::Short { shortages } => FinalizeError::Short { shortages },
                        ReserveError::Storage(error) => error.into(),
                    })?;
                    inventory.confirm(tx, order.id, cause).await?;
                }
            }
            Stock::Gone => {}
        }
        let step = PaymentStep::Paid {
            attempt: attempt.id,
        };
        self.peers.orders.step(tx, order.id, &step, cause).await?;
        self.peers.carts.complete(tx, order.cart).await?;
        Ok(Progress::Settled)
    }

    async fn declined(
        &self,
        tx: &mut Tx<'_>,
        order: &OrderState,
        attempt: &AttemptView,
        reason: &str,
        cause: &Cause,
    ) -> Result<Progress, FinalizeError> {
        if cause.occurred_at >= attempt.created_at.plus(DECLINED_KEPT) {
            return self.canceled(tx, order, NOT_TRIED_AGAIN, cause).await;
        }
        self.peers.inventory.release(tx, order.id, cause).await?;
        let step = PaymentStep::Declined {
            reason: reason.to_owned(),
        };
        self.peers.orders.step(tx, order.id, &step, cause).await?;
        self.peers.carts.thaw(tx, order.cart).await?;
        Ok(Progress::Settled)
    }

    /// The cart stays closed: it belongs to an order that is over.
    async fn canceled(
        &self,
        tx: &mut Tx<'_>,
        order: &OrderState,
        reason: &str,
        cause: &Cause,
    ) -> Result<Progress, FinalizeError> {
        self.peers.inventory.release(tx, order.id, cause).await?;
        let step = PaymentStep::Canceled {
            reason: reason.to_owned(),
        };
        self.peers.orders.step(tx, order.id, &step, cause).await?;
        Ok(Progress::Settled)
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
        match self.settle(job.tenant, payload).await {
            Ok(Progress::Settled) => JobOutcome::Done,
            Ok(Progress::Open { since }) => {
                let now = self.shared.deps.now();
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
