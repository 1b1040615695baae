//! From a fact to a signed POST. Holds no SQL, no sockets and no rules of its own.

mod bulkhead;
mod courier;
mod desk;
mod listener;
mod upkeep;

use serde::{Deserialize, Serialize};
use stoa_contracts::Deps;
use stoa_kernel::{EndpointId, Timestamp};
use stoa_storage::{Error, NewJob, Tx};

use crate::Config;
use crate::domain::{Failure, Reach, WAITING_MAX};
use crate::infrastructure::{self, NewDelivery, Seal, Wire};

pub(crate) use self::courier::Courier;
pub(crate) use self::desk::{Change, Created, Desk, Given, Listed, ReplayAsked, WebhookError};
pub(crate) use self::listener::Listener;
pub(crate) use self::upkeep::{Retention, Sweep};

const DELIVER: &str = "webhooks.deliver";
/// Only a database that stays away uses attempts up; the sweep starts the lane again.
const ATTEMPTS_MAX: u32 = 1_000;

/// What everything here works with.
pub(crate) struct Shared {
    pub(crate) deps: Deps,
    pub(crate) reach: Reach,
    pub(crate) seal: Seal,
    pub(crate) wire: Wire,
}

/// What a job carries: which endpoint, and the life of its lane that the job belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Lane {
    endpoint: EndpointId,
    lane: i64,
}

impl Lane {
    /// One unfinished job per endpoint. A lane that closed has another number when it opens again,
    /// so that the job that closed it, while it is being cleared away, is in nobody's way.
    fn key(self) -> String {
        format!("{}:{}", self.endpoint, self.lane)
    }
}

impl Shared {
    pub(crate) fn new(deps: Deps, config: Config) -> Self {
        let reach = if config.allow_loopback {
            Reach::Loopback
        } else {
            Reach::Public
        };
        let wire = Wire::new(
            reach,
            config.resolver,
            config.extra_roots,
            config.connect_time_max,
            config.answer_time_max,
        );
        Self {
            deps,
            reach,
            seal: Seal::new(config.seal_key),
            wire,
        }
    }

    /// Puts a delivery at the end of the endpoint's order; false where it is not active.
    async fn append(
        &self,
        tx: &mut Tx<'_>,
        endpoint: EndpointId,
        new: &NewDelivery,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Some((position, lane)) = infrastructure::take_places(tx, endpoint, 1).await? else {
            return Ok(false);
        };
        let oldest = infrastructure::oldest_pending(tx, endpoint).await?;
        let crowded = oldest.is_some_and(|oldest| position - oldest >= WAITING_MAX);
        let failure = crowded.then_some(Failure::TooManyWaiting);
        infrastructure::append(tx, endpoint, position, new, failure, now).await?;
        self.run(tx, Lane { endpoint, lane }, now).await?;
        Ok(true)
    }

    /// Sees to it that the lane has a job; true where it had none.
    async fn run(&self, tx: &mut Tx<'_>, lane: Lane, now: Timestamp) -> Result<bool, Error> {
        let job = NewJob {
            id: self.deps.ids.make(now),
            kind: DELIVER,
            unique_key: Some(lane.key()),
            payload: serde_json::to_value(lane)?,
            run_at: now,
            attempts_max: ATTEMPTS_MAX,
        };
        tx.enqueue(&job, now).await
    }

    /// Sends what is next in order now, whatever pause it was in.
    async fn hasten(
        &self,
        tx: &mut Tx<'_>,
        endpoint: EndpointId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(lane) = infrastructure::open_lane(tx, endpoint).await? else {
            return Ok(());
        };
        infrastructure::hasten_head(tx, endpoint, now).await?;
        let lane = Lane { endpoint, lane };
        if !self.run(tx, lane, now).await? {
            tx.hasten(DELIVER, &lane.key(), now).await?;
        }
        Ok(())
    }
}
