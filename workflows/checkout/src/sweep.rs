//! Finds orders that wait for payment while no job looks after them, and sagas that have not moved
//! for longer than they ever should. Enqueues and tells; decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use stoa_bus::{HandlerError, Recurring};
use stoa_contracts::orders::OrderError;
use stoa_contracts::payments::{AttemptState, AttemptView};
use stoa_kernel::{CellId, OrderId, TenantId, Timestamp};
use stoa_storage::{Cause, Db, Error, Tx};
use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus::IntGauge;

use crate::journal::{Note, Parts, Step};
use crate::settle::Payload;
use crate::{DECLINED_KEPT, LINK_KEPT, PAYMENT_TIME_MAX, Shared, infrastructure};

const EVERY: Duration = Duration::from_secs(30);
/// Younger orders still have the job they were placed with.
const WAITING_MIN: Duration = Duration::from_secs(60);
const PAGE: u32 = 250;
/// Of each tenant; the next turn goes on from there.
const PAGES_PER_TURN_MAX: usize = 8;
/// How long after all waiting is over an outcome may take to be written.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(30 * 60);

/// Sagas that were found stuck, as each tenant was last looked at.
pub(crate) struct Stuck {
    gauge: IntGauge,
    by_tenant: Mutex<HashMap<TenantId, i64>>,
}

impl Stuck {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let name = "stoa_checkout_sagas_stuck";
        let help = "Checkouts and returns that have not moved for longer than they ever should";
        let gauge = IntGauge::new(name, help).expect("the name is a metric name");
        if let Err(error) = metrics.registry().register(Box::new(gauge.clone())) {
            tracing::warn!(%error, "stuck sagas are counted, but not shown");
        }
        Self {
            gauge,
            by_tenant: Mutex::default(),
        }
    }

    fn set(&self, tenant: TenantId, stuck: i64) {
        let mut by_tenant = self.by_tenant.lock();
        match stuck {
            0 => by_tenant.remove(&tenant),
            _ => by_tenant.insert(tenant, stuck),
        };
        self.gauge.set(by_tenant.values().sum());
    }
}

pub(crate) struct Sweep {
    shared: Arc<Shared>,
    stuck: Stuck,
    /// Where the last turn stopped, and how many it and those before it found stuck.
    places: Mutex<HashMap<TenantId, Place>>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    after: Option<OrderId>,
    stuck: i64,
}

/// What is to be done about one order.
enum Finding {
    Fine,
    Forgotten(Payload),
    /// Forgotten, and for so long that people should know.
    Stuck(Payload, &'static str),
}

#[async_trait]
impl Recurring for Sweep {
    fn name(&self) -> &'static str {
        "checkout.sweep"
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
                tracing::warn!(tenant = %tenant.id, %error, "waiting orders cannot be swept");
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Sweep {
    pub(crate) fn new(shared: Arc<Shared>, stuck: Stuck) -> Self {
        Self {
            shared,
            stuck,
            places: Mutex::default(),
        }
    }

    async fn sweep(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let db = self.shared.deps.storage.db(tenant).await?;
        let mut place = self.places.lock().remove(&tenant).unwrap_or_default();
        let before = now.minus(WAITING_MIN);
        for _ in 0..PAGES_PER_TURN_MAX {
            let orders = &self.shared.peers.orders;
            let page = orders.waiting(tenant, before, place.after, PAGE).await?;
            place.stuck += self.look_after(&db, &page, now).await?;
            place.after = page.last().copied();
            if page.len() < PAGE as usize {
                let returns = self.look_after_returns(&db, now).await?;
                self.stuck.set(tenant, place.stuck + returns);
                return Ok(());
            }
        }
        self.places.lock().insert(tenant, place);
        Ok(())
    }

    /// Enqueues what is forgotten and tells of what is stuck; answers how many are.
    async fn look_after(&self, db: &Db, page: &[OrderId], now: Timestamp) -> Result<i64, Error> {
        let mut forgotten: Vec<Payload> = Vec::new();
        let mut stuck: Vec<Note> = Vec::new();
        for &order in page {
            match self.find(db, order, now).await? {
                Finding::Fine => {}
                Finding::Forgotten(job) => forgotten.push(job),
                Finding::Stuck(job, step) => {
                    stuck.push(stuck_at(job, step, now));
                    forgotten.push(job);
                }
            }
        }
        if forgotten.is_empty() {
            return Ok(0);
        }
        let (ids, count) = (self.shared.deps.ids.clone(), stuck.len() as i64);
        // Where its job still exists, the unique key drops the second.
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            for payload in &forgotten {
                tx.enqueue(&payload.job(ids.make(now), now)?, now).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
        self.shared.report(db, stuck, "checkout", now).await?;
        Ok(count)
    }

    async fn find(&self, db: &Db, order: OrderId, now: Timestamp) -> Result<Finding, Error> {
        let payments = &self.shared.peers.payments;
        let Some(attempt) = payments.newest_of(db.tenant(), order).await? else {
            tracing::error!(%order, "an order waits for payment without an attempt");
            return Ok(Finding::Fine);
        };
        let job = Payload {
            order,
            attempt: attempt.id,
            cart: None,
        };
        let steps = infrastructure::steps_of(db, order, attempt.id).await?;
        // A paid order that is to be canceled waits for its refunds; money on its way back has a
        // job of its own.
        let ours = !steps.contains(&Step::Paid) && !steps.contains(&Step::Returning);
        if !ours || waits_for_people(&attempt, &steps) {
            return Ok(Finding::Fine);
        }
        // Told of its decline, it waits for the shopper, not for us; but not for ever.
        let declined = attempt.state.is_final() && steps.contains(&Step::Declined);
        let until = match declined {
            true => attempt.created_at.plus(self.kept(db, &attempt, now).await?),
            false => attempt.created_at.plus(PAYMENT_TIME_MAX),
        };
        Ok(if declined && now < until {
            Finding::Fine
        } else if now >= until.plus(STUCK_AFTER) {
            Finding::Stuck(job, state_word(&attempt.state))
        } else {
            Finding::Forgotten(job)
        })
    }

    /// How long the declined order waits; it is looked at only where that makes a difference.
    async fn kept(
        &self,
        db: &Db,
        attempt: &AttemptView,
        now: Timestamp,
    ) -> Result<Duration, Error> {
        if now < attempt.created_at.plus(DECLINED_KEPT) {
            return Ok(DECLINED_KEPT);
        }
        let orders = &self.shared.peers.orders;
        match orders.view(db.tenant(), attempt.order_id).await {
            Ok(view) if view.cart_id.is_none() => Ok(LINK_KEPT),
            Err(OrderError::Storage(error)) => Err(error),
            Ok(_) | Err(_) => Ok(DECLINED_KEPT),
        }
    }

    /// Money that should be back by now; its job is there as long as it is not.
    async fn look_after_returns(&self, db: &Db, now: Timestamp) -> Result<i64, Error> {
        let open = infrastructure::open(db, OrderId::from_u128(0), i64::from(PAGE)).await?;
        // Payments of canceled orders that cannot be stopped are late once they are noted.
        let late = |note: &Note| note.step == Step::Stuck || now >= note.at.plus(STUCK_AFTER);
        let stuck: Vec<Note> = open
            .into_iter()
            .filter(late)
            .map(|note| Note {
                step: Step::Stuck,
                parts: Parts::default(),
                open: false,
                detail: Some(Step::Returning.text().to_owned()),
                at: now,
                ..note
            })
            .collect();
        let count = stuck.len() as i64;
        self.shared.report(db, stuck, "refund", now).await?;
        Ok(count)
    }
}

impl Shared {
    /// Once: the journal knows who was told of before.
    pub(crate) async fn report(
        self: &Arc<Self>,
        db: &Db,
        stuck: Vec<Note>,
        saga: &'static str,
        now: Timestamp,
    ) -> Result<(), Error> {
        if stuck.is_empty() {
            return Ok(());
        }
        let (shared, cause) = (self.clone(), Cause::system(now));
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            for note in &stuck {
                if !infrastructure::write(tx, note).await? {
                    continue;
                }
                let step = note.detail.as_deref().unwrap_or_default();
                tracing::error!(order = %note.order, saga, step, "a saga is stuck");
                shared
                    .emit_stuck(tx, note.order, saga, step, &cause)
                    .await?;
            }
            Ok::<_, Error>(())
        })
        .await
    }
}

fn waits_for_people(attempt: &AttemptView, steps: &[Step]) -> bool {
    attempt.state == AttemptState::Authorized && steps.contains(&Step::Authorized)
}

const fn state_word(state: &AttemptState) -> &'static str {
    match state {
        AttemptState::Created => "created",
        AttemptState::Prepared => "prepared",
        AttemptState::Confirming => "confirming",
        AttemptState::Processing => "processing",
        AttemptState::RequiresAction { .. } => "requires_action",
        AttemptState::Authorized => "authorized",
        AttemptState::Succeeded => "succeeded",
        AttemptState::Declined { .. } => "declined",
        AttemptState::Voided => "voided",
    }
}

pub(crate) fn stuck_at(job: Payload, step: &'static str, now: Timestamp) -> Note {
    Note {
        order: job.order,
        attempt: job.attempt,
        step: Step::Stuck,
        parts: Parts::default(),
        open: false,
        detail: Some(step.to_owned()),
        at: now,
    }
}
