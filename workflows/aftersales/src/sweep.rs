//! Finds refunds and cancellations that no job looks after, and those that have not moved for longer
//! than they ever should. Enqueues and tells; decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use stoa_bus::{HandlerError, Recurring};
use stoa_contracts::checkout::SagaStuck;
use stoa_kernel::{CellId, OrderId, RefundId, TenantId, Timestamp};
use stoa_storage::{Cause, Db, Error, NewJob, Tx};
use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus::IntGauge;

use crate::errors::CareError;
use crate::{Shared, infrastructure, returned, withdraw};

const EVERY: Duration = Duration::from_secs(30);
/// Younger ones still have the job they were opened with.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
const STUCK_AFTER: Duration = Duration::from_secs(30 * 60);
const PAGE: u32 = 250;
/// Of each tenant and kind; the next turn begins anew, when those found have their jobs again.
const PAGES_PER_TURN_MAX: usize = 8;

/// What does not move, and since when.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    Refund(RefundId, OrderId, Timestamp),
    Cancel(OrderId, Timestamp),
}

impl Waiting {
    const fn since(self) -> Timestamp {
        match self {
            Self::Refund(_, _, since) | Self::Cancel(_, since) => since,
        }
    }
}

pub(crate) struct Sweep {
    shared: Arc<Shared>,
    gauge: IntGauge,
    stuck: Mutex<HashMap<TenantId, i64>>,
}

impl Sweep {
    pub(crate) fn new(shared: Arc<Shared>, metrics: &Metrics) -> Self {
        let name = "stoa_aftersales_sagas_stuck";
        let help = "Refunds and cancellations that have not moved for longer than they should";
        let gauge = IntGauge::new(name, help).expect("the name is a metric name");
        if let Err(error) = metrics.registry().register(Box::new(gauge.clone())) {
            tracing::warn!(%error, "stuck refunds are counted, but not shown");
        }
        Self {
            shared,
            gauge,
            stuck: Mutex::default(),
        }
    }

    async fn sweep(&self, tenant: TenantId, now: Timestamp) -> Result<(), CareError> {
        let db = self.shared.deps.storage.db(tenant).await?;
        let before = now.minus(FORGOTTEN_AFTER);
        let mut stuck = 0;
        let mut after = RefundId::from_u128(0);
        for _ in 0..PAGES_PER_TURN_MAX {
            let page = infrastructure::pending(&db, before, after, PAGE).await?;
            let last = page.last().map(|&(refund, ..)| refund);
            let found = page
                .iter()
                .map(|&(id, order, at)| Waiting::Refund(id, order, at));
            stuck += self.look_after(&db, found.collect(), now).await?;
            match last {
                Some(last) if page.len() == PAGE as usize => after = last,
                _ => break,
            }
        }
        let mut after = OrderId::from_u128(0);
        for _ in 0..PAGES_PER_TURN_MAX {
            let page = infrastructure::requested(&db, before, after, PAGE).await?;
            let last = page.last().map(|&(order, _)| order);
            let found = page.iter().map(|&(order, at)| Waiting::Cancel(order, at));
            stuck += self.look_after(&db, found.collect(), now).await?;
            match last {
                Some(last) if page.len() == PAGE as usize => after = last,
                _ => break,
            }
        }
        let mut by_tenant = self.stuck.lock();
        match stuck {
            0 => by_tenant.remove(&tenant),
            _ => by_tenant.insert(tenant, stuck),
        };
        self.gauge.set(by_tenant.values().sum());
        Ok(())
    }

    /// Answers how many are stuck. Where a job still exists, its unique key drops the second.
    async fn look_after(
        &self,
        db: &Db,
        found: Vec<Waiting>,
        now: Timestamp,
    ) -> Result<i64, CareError> {
        if found.is_empty() {
            return Ok(0);
        }
        let late = |waiting: &&Waiting| now >= waiting.since().plus(STUCK_AFTER);
        let stuck: Vec<Waiting> = found.iter().filter(late).copied().collect();
        let count = i64::try_from(stuck.len()).unwrap_or(i64::MAX);
        let shared = self.shared.clone();
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            for waiting in &found {
                tx.enqueue(&shared.job_of(*waiting, now)?, now).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
        for waiting in stuck {
            self.tell(db, waiting, now).await?;
        }
        Ok(count)
    }

    /// Once: the row knows who was told of before.
    async fn tell(&self, db: &Db, waiting: Waiting, now: Timestamp) -> Result<(), CareError> {
        let (shared, cause) = (self.shared.clone(), Cause::system(now));
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            let (order, kind, text, first) = match waiting {
                Waiting::Refund(refund, order, _) => {
                    shared.lock(tx, order).await?;
                    let first = infrastructure::tell_refund(tx, refund, now).await?;
                    (
                        order,
                        "refund_stuck",
                        "A refund does not go through.",
                        first,
                    )
                }
                Waiting::Cancel(order, _) => {
                    shared.lock(tx, order).await?;
                    let first = infrastructure::tell_cancel(tx, order, now).await?;
                    (
                        order,
                        "cancel_stuck",
                        "Cancelling does not go through.",
                        first,
                    )
                }
            };
            if first {
                tracing::error!(%order, kind, "a saga is stuck");
                let orders = &shared.peers.orders;
                orders.tell(tx, order, kind, text, &cause).await?;
                shared.emit_stuck(tx, order, kind, &cause).await?;
            }
            Ok::<_, CareError>(())
        })
        .await
    }
}

impl Shared {
    /// As checkout tells of its own: whoever hears of one saga hears of all.
    pub(crate) async fn emit_stuck(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        kind: &str,
        cause: &Cause,
    ) -> Result<(), Error> {
        let (saga, step) = kind.split_once('_').unwrap_or((kind, "stuck"));
        let stuck = SagaStuck {
            order,
            saga: saga.to_owned(),
            step: step.to_owned(),
        };
        let event = self.deps.ids.make(cause.occurred_at);
        tx.emit(event, cause, &stuck).await
    }

    fn job_of(&self, waiting: Waiting, now: Timestamp) -> Result<NewJob, Error> {
        let id = self.deps.ids.make(now);
        match waiting {
            Waiting::Refund(refund, order, since) => returned::Payload {
                refund,
                order,
                since,
            }
            .job(id, now),
            Waiting::Cancel(order, since) => withdraw::Payload { order, since }.job(id, now),
        }
    }
}

#[async_trait]
impl Recurring for Sweep {
    fn name(&self) -> &'static str {
        "aftersales.sweep"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let tenants = self.shared.deps.storage.tenants().await?;
        let mut failed = None;
        for tenant in tenants.into_iter().filter(|tenant| tenant.cell == cell) {
            // One tenant's trouble must not keep the others from being swept.
            if let Err(error) = self.sweep(tenant.id, now).await {
                tracing::warn!(tenant = %tenant.id, %error, "waiting refunds cannot be swept");
                failed = Some(error);
            }
        }
        match failed {
            None => Ok(()),
            Some(CareError::Storage(error)) => Err(error.into()),
            Some(other) => Err(HandlerError::Failed(other.to_string())),
        }
    }
}
