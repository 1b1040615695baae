//! What goes on beside the requests: variants told again after a place opened or closed, and holds
//! that outlived their time, reported. Gives nothing back: a payment may be under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use prometheus::IntGauge;
use serde::{Deserialize, Serialize};
use stoa_bus::{HandlerError, JobHandler, JobOutcome, Recurring};
use stoa_contracts::inventory::{AvailabilityChanged, StockLow};
use stoa_kernel::{CellId, LocationId, OrderId, TenantId, Timestamp, VariantId, kind};
use stoa_storage::{Cause, ClaimedJob, Error, Tx};

use super::Stockroom;
use super::shelves::{Shelves, Why, standing};
use crate::domain::{Delta, LevelKey, MovementKind};
use crate::infrastructure as store;

pub(super) const PLACE_CHANGED: &str = "inventory.place_changed";
/// Told again in one transaction, which holds their locks.
const VARIANTS_PER_STEP: i64 = 64;

const EXPIRED_EVERY: Duration = Duration::from_secs(300);
/// Whoever sweeps orders has so long for it.
const EXPIRED_GRACE: Duration = Duration::from_secs(600);
const HOLDS_PER_STEP: i64 = 5_000;

/// The state of a place before it changed, as a job carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlaceChange {
    pub(super) location: LocationId,
    pub(super) active: bool,
    pub(super) ships: bool,
}

/// Tells again how every variant of a place stands.
pub(crate) struct PlaceChanged(pub(crate) Arc<Stockroom>);

#[async_trait]
impl JobHandler for PlaceChanged {
    fn kind(&self) -> &'static str {
        PLACE_CHANGED
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let change = match serde_json::from_value::<PlaceChange>(job.payload.clone()) {
            Ok(change) => change,
            Err(error) => return JobOutcome::Dead(error.to_string()),
        };
        match self.0.clone().tell_place(job.tenant, change).await {
            Ok(()) => JobOutcome::Done,
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}

impl Stockroom {
    async fn tell_place(
        self: Arc<Self>,
        tenant: TenantId,
        place: PlaceChange,
    ) -> Result<(), Error> {
        let db = self.deps.storage.db(tenant).await?;
        let mut after = VariantId::from_u128(0);
        loop {
            let stockroom = self.clone();
            let last = db
                .write_bulk(async move |tx: &mut Tx<'_>| {
                    stockroom.tell_some(tx, place, after).await
                })
                .await?;
            let Some(last) = last else { return Ok(()) };
            after = last;
        }
    }

    /// Says how each variant stands now, whatever was said of it before: between the change and
    /// this, others have told crossings by the new state alone. Each gets a new version for it, so
    /// that who listens takes it for newer. Answers the last variant, unless it was the end.
    async fn tell_some(
        &self,
        tx: &mut Tx<'_>,
        place: PlaceChange,
        after: VariantId,
    ) -> Result<Option<VariantId>, Error> {
        let variants = store::variants_at(tx, place.location, after, VARIANTS_PER_STEP).await?;
        let cause = Cause::system(self.now());
        let mut shelves = Shelves::lock(tx, &variants, cause.occurred_at).await?;
        for &variant in &variants {
            let key = (variant, place.location);
            let nothing = Delta::default();
            shelves.shift(key, MovementKind::Place, nothing, Why::default())?;
        }
        let rule = shelves.rule.clone();
        let was = rule
            .clone()
            .with_flags(place.location, place.active, place.ships);
        let outcome = shelves.outcome();
        if !store::store(tx, &outcome.levels, &outcome.movements).await? {
            return Err(Error::Contention { attempts: 1 });
        }
        let found = store::levels(tx, &variants).await?.levels;
        let levels: BTreeMap<LevelKey, _> = found
            .into_iter()
            .map(|level| (level.key(), level))
            .collect();
        for &variant in &variants {
            let now = standing(&levels, variant, &rule);
            let fact = AvailabilityChanged {
                variant,
                available: now.sellable,
                level_version: now.version,
            };
            let id = self.deps.ids.make::<kind::Event>(cause.occurred_at);
            tx.emit(id, &cause, &fact).await?;
            let low = standing(&levels, variant, &was).news(&now).low;
            if let Some((available, threshold)) = low {
                let fact = StockLow {
                    variant,
                    available,
                    threshold,
                };
                let id = self.deps.ids.make::<kind::Event>(cause.occurred_at);
                tx.emit(id, &cause, &fact).await?;
            }
        }
        let is_end = (variants.len() as i64) < VARIANTS_PER_STEP;
        Ok(variants.last().copied().filter(|_| !is_end))
    }
}

/// Counts the units that are held beyond their time, and says so. Whoever sweeps orders gives them
/// back; where nobody does, stock is kept from shoppers for nothing, and this is how it is noticed.
pub(crate) struct ExpiredHolds {
    stockroom: Arc<Stockroom>,
    /// Units per cell, as each was last looked at.
    per_cell: Mutex<BTreeMap<CellId, i64>>,
    gauge: IntGauge,
}

#[derive(Debug, Clone, Copy, Default)]
struct Expired {
    units: i64,
    holds: i64,
    oldest: Option<(OrderId, Timestamp)>,
}

impl ExpiredHolds {
    pub(crate) fn new(stockroom: Arc<Stockroom>) -> Self {
        let name = "stoa_inventory_expired_hold_units";
        let gauge = IntGauge::new(name, "Units held for orders beyond the time given to pay")
            .expect("the name is a metric name");
        Self {
            stockroom,
            per_cell: Mutex::default(),
            gauge,
        }
    }

    pub(crate) fn gauge(&self) -> IntGauge {
        self.gauge.clone()
    }

    async fn of_tenant(&self, tenant: TenantId, before: Timestamp) -> Result<Expired, Error> {
        let db = self.stockroom.deps.storage.db(tenant).await?;
        let nothing = (VariantId::from_u128(0), LocationId::from_u128(0));
        let mut after = (OrderId::from_u128(0), nothing);
        let mut expired = Expired::default();
        loop {
            let holds = db
                .read(async move |tx: &mut Tx<'_>| {
                    store::some_holds(tx, after, HOLDS_PER_STEP).await
                })
                .await?;
            for hold in &holds {
                let Some(at) = hold.expires_at.filter(|at| *at < before) else {
                    continue;
                };
                expired.units += hold.units;
                expired.holds += 1;
                if expired.oldest.is_none_or(|(_, oldest)| at < oldest) {
                    expired.oldest = Some((hold.order, at));
                }
            }
            match holds.last() {
                Some(last) if holds.len() as i64 == HOLDS_PER_STEP => {
                    after = (last.order, last.key);
                }
                _ => return Ok(expired),
            }
        }
    }
}

#[async_trait]
impl Recurring for ExpiredHolds {
    fn name(&self) -> &'static str {
        "inventory.expired_holds"
    }

    fn every(&self) -> Duration {
        EXPIRED_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let before = now.minus(EXPIRED_GRACE);
        let mut units = 0;
        let tenants = self.stockroom.deps.storage.tenants().await?;
        for tenant in tenants.into_iter().filter(|tenant| tenant.cell == cell) {
            let expired = self.of_tenant(tenant.id, before).await?;
            units += expired.units;
            if let Some((order, since)) = expired.oldest {
                tracing::error!(
                    tenant = %tenant.id, holds = expired.holds, units = expired.units,
                    %order, %since, "stock is held for orders beyond its time; nobody gave it back"
                );
            }
        }
        let mut per_cell = self.per_cell.lock();
        per_cell.insert(cell, units);
        self.gauge.set(per_cell.values().sum());
        Ok(())
    }
}
