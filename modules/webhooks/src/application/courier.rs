//! Works through one endpoint's deliveries, strictly in order. Sends outside of any transaction.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize as _;
use stoa_bus::{JobHandler, JobOutcome};
use stoa_kernel::{EndpointId, TenantId, Timestamp};
use stoa_storage::{ClaimedJob, Db, Error, Tx};
use tokio::time::Instant;

use super::bulkhead::Bulkhead;
use super::{DELIVER, Lane, Shared};
use crate::domain::{
    Answered, Attempt, Delivery, Endpoint, JITTER_PER_MILLE_MAX, Outcome, Tried, judge,
};
use crate::infrastructure::{self, Keys, Parcel, SealError};

/// Deliveries of one run; the job then goes to the end of the queue.
const SENT_AT_ONCE_MAX: usize = 25;
/// No send begins later in a run: it ends well before the job's lease.
const RUN_TIME_MAX: Duration = Duration::from_secs(15);
/// Until a send is tried again that found no room.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(500);

pub(crate) struct Courier {
    shared: Arc<Shared>,
    bulkhead: Bulkhead,
}

/// What is to be sent now.
struct Order {
    endpoint: Endpoint,
    delivery: Delivery,
    body: String,
    keys: Keys,
}

enum Next {
    Send(Box<Order>),
    Wait(Timestamp),
    /// Nothing waits: the lane closes, unless something came meanwhile.
    Idle,
    /// The lane is not this job's, or the endpoint is gone.
    Over,
}

#[derive(Debug, thiserror::Error)]
enum CourierError {
    #[error(transparent)]
    Storage(#[from] Error),
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Courier {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            bulkhead: Bulkhead::default(),
        }
    }

    async fn work(&self, tenant: TenantId, lane: Lane) -> Result<JobOutcome, CourierError> {
        let db = self.shared.deps.storage.db(tenant).await?;
        let began = Instant::now();
        for _ in 0..SENT_AT_ONCE_MAX {
            if began.elapsed() > RUN_TIME_MAX {
                break;
            }
            match self.next(&db, lane).await? {
                Next::Send(order) => {
                    let Some(room) = self.bulkhead.enter(tenant) else {
                        let later = self.shared.deps.now().plus(NO_ROOM_PAUSE);
                        return Ok(JobOutcome::Wait(later));
                    };
                    self.send(&db, *order).await?;
                    drop(room);
                }
                Next::Wait(at) => return Ok(JobOutcome::Wait(at)),
                Next::Idle if close(&db, lane).await? => return Ok(JobOutcome::Done),
                Next::Idle => {}
                Next::Over => return Ok(JobOutcome::Done),
            }
        }
        Ok(JobOutcome::Wait(self.shared.deps.now()))
    }

    async fn next(&self, db: &Db, lane: Lane) -> Result<Next, Error> {
        let Some(endpoint) = infrastructure::endpoint(db, lane.endpoint).await? else {
            return Ok(Next::Over);
        };
        if endpoint.lane != lane.lane {
            return Ok(Next::Over);
        }
        if !endpoint.active {
            return Ok(Next::Idle);
        }
        let id = endpoint.id;
        let found = db
            .read(async move |tx: &mut Tx<'_>| {
                let Some(delivery) = infrastructure::head(tx, id).await? else {
                    return Ok::<_, Error>(None);
                };
                let body = infrastructure::body_of(tx, delivery.id).await?;
                let keys = infrastructure::keys(tx, id).await?;
                Ok(Some((delivery, body, keys)))
            })
            .await?;
        let Some((delivery, body, keys)) = found else {
            return Ok(Next::Idle);
        };
        let next = delivery.next_attempt_at;
        let due = next.max(endpoint.health.not_before.unwrap_or(next));
        if due > self.shared.deps.now() {
            return Ok(Next::Wait(due));
        }
        Ok(Next::Send(Box::new(Order {
            endpoint,
            delivery,
            body,
            keys,
        })))
    }

    async fn send(&self, db: &Db, order: Order) -> Result<(), CourierError> {
        let Order {
            endpoint,
            delivery,
            body,
            keys,
        } = order;
        let at = self.shared.deps.now();
        let parcel = self.parcel(db.tenant(), endpoint.id, &delivery, body, &keys, at)?;
        let began = Instant::now();
        let answered = self.shared.wire.post(&endpoint.url, &parcel).await;
        // Dying here sends it once more, with the same id: at least once.
        stoa_failpoint::hit("webhooks.deliver.before_record");
        let attempt = Attempt {
            number: delivery.attempts + 1,
            at,
            duration_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
            answered,
        };
        log(db.tenant(), endpoint.id, &delivery, &attempt);
        let now = self.shared.deps.now();
        let jitter = self.shared.deps.ids.next_u128() % u128::from(JITTER_PER_MILLE_MAX + 1);
        let jitter_per_mille = u32::try_from(jitter).unwrap_or(0);
        db.write(async move |tx: &mut Tx<'_>| {
            record(tx, endpoint.id, &delivery, &attempt, jitter_per_mille, now).await
        })
        .await?;
        Ok(())
    }

    /// Signs at the time of sending: receivers refuse what is older than some minutes.
    fn parcel(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        delivery: &Delivery,
        body: String,
        keys: &Keys,
        at: Timestamp,
    ) -> Result<Parcel, SealError> {
        let id = delivery.event.to_string();
        let unix_seconds = at.micros().div_euclid(1_000_000);
        let seal = &self.shared.seal;
        let key = seal.open(tenant, endpoint, &keys.current)?;
        let mut signatures = key.sign(&id, unix_seconds, &body);
        if let Some((old, _)) = keys.old.as_ref().filter(|(_, until)| *until > at) {
            let key = seal.open(tenant, endpoint, old)?;
            signatures.push(' ');
            signatures.push_str(&key.sign(&id, unix_seconds, &body));
        }
        Ok(Parcel {
            id,
            unix_seconds,
            signatures,
            body,
        })
    }
}

/// Says what came of an attempt. Holds no URL: merchants put keys into theirs.
fn log(tenant: TenantId, endpoint: EndpointId, delivery: &Delivery, attempt: &Attempt) {
    let (number, duration_ms) = (attempt.number, attempt.duration_ms);
    let status = match &attempt.answered {
        Answered::Status(status, _) => Some(*status),
        Answered::Nothing(_) => None,
    };
    tracing::debug!(%tenant, %endpoint, delivery = %delivery.id, number, duration_ms, status, "webhook sent");
}

/// True once the lane is closed: nothing waits, and whatever comes next opens another.
async fn close(db: &Db, lane: Lane) -> Result<bool, Error> {
    db.write(async move |tx: &mut Tx<'_>| {
        // The lock first: whoever adds a delivery holds it, and a later statement sees theirs.
        let Some(endpoint) = infrastructure::lock(tx, lane.endpoint).await? else {
            return Ok::<_, Error>(true);
        };
        if endpoint.lane != lane.lane {
            return Ok(true);
        }
        let waits = infrastructure::oldest_pending(tx, lane.endpoint).await?;
        if endpoint.active && waits.is_some() {
            return Ok(false);
        }
        infrastructure::close_lane(tx, lane.endpoint, lane.lane).await?;
        Ok(true)
    })
    .await
}

/// Writes the attempt and what follows from it, unless another run of the job already has.
async fn record(
    tx: &mut Tx<'_>,
    id: EndpointId,
    delivery: &Delivery,
    attempt: &Attempt,
    jitter_per_mille: u32,
    now: Timestamp,
) -> Result<(), Error> {
    // Deleted meanwhile: nobody asks any more.
    let Some(endpoint) = infrastructure::lock(tx, id).await? else {
        return Ok(());
    };
    let pending = infrastructure::lock_pending(tx, delivery.id, delivery.attempts).await?;
    let Some(first_at) = pending else {
        return Ok(());
    };
    let first_at = first_at.unwrap_or(attempt.at);
    let tried = Tried {
        number: attempt.number,
        first_at,
        at: now,
        jitter_per_mille,
    };
    let outcome = attempt.answered.outcome();
    let (fate, health, disabled) = judge(outcome, tried, endpoint.health);
    infrastructure::record(tx, id, delivery.position, attempt).await?;
    infrastructure::settle(tx, delivery.id, attempt, first_at, fate, now).await?;
    let healthy = outcome == Outcome::Accepted && health == endpoint.health;
    if !healthy {
        infrastructure::set_health(tx, id, health, disabled, now).await?;
    }
    if disabled.is_some() {
        tracing::warn!(tenant = %tx.tenant(), endpoint = %id, ?disabled, "webhooks switched off");
    }
    Ok(())
}

#[async_trait]
impl JobHandler for Courier {
    fn kind(&self) -> &'static str {
        DELIVER
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let Ok(lane) = Lane::deserialize(&job.payload) else {
            return JobOutcome::Dead("the payload names no endpoint".to_owned());
        };
        self.work(job.tenant, lane)
            .await
            .unwrap_or_else(|error| JobOutcome::Failed(error.to_string()))
    }
}
