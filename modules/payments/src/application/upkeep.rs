//! What comes round by the clock: captures that a dead process left under way, and events heard long
//! ago. Bounded per round.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, Recurring};
use stoa_kernel::{CellId, TenantId, Timestamp};
use stoa_storage::{Error, Tx};

use super::Desk;
use crate::infrastructure::{captures, news};

const CAPTURES_EVERY: Duration = Duration::from_secs(60);
/// Younger captures still have the call that opened them.
const CAPTURE_AGE_MIN: Duration = Duration::from_secs(60);
const CAPTURES_PER_TENANT_MAX: i64 = 100;

const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// Providers send an event again for days, not for weeks.
const EVENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const EVENTS_PER_DELETE_MAX: i64 = 500;
const DELETES_PER_TENANT_MAX: usize = 20;

/// Asks what became of captures whose answer nobody waits for any more.
pub(crate) struct Captures(pub(crate) Arc<Desk>);

/// Forgets events that no provider sends again.
pub(crate) struct Purge(pub(crate) Arc<Desk>);

#[async_trait]
impl Recurring for Captures {
    fn name(&self) -> &'static str {
        "payments.captures"
    }

    fn every(&self) -> Duration {
        CAPTURES_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let mut failed = None;
        for tenant in self.0.tenants_of(cell).await? {
            if let Err(error) = self.resume(tenant, now).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Captures {
    async fn resume(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let db = self.0.db(tenant).await?;
        let before = now.minus(CAPTURE_AGE_MIN);
        let forgotten = captures::forgotten(&db, before, CAPTURES_PER_TENANT_MAX).await?;
        for attempt in forgotten {
            // Its provider may be out of reach for long: the others go on.
            if let Err(error) = self.0.drive_attempt(tenant, attempt).await {
                tracing::warn!(%tenant, %attempt, %error, "a capture is still under way");
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Recurring for Purge {
    fn name(&self) -> &'static str {
        "payments.purge"
    }

    fn every(&self) -> Duration {
        PURGE_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let before = now.minus(EVENTS_KEPT);
        for tenant in self.0.tenants_of(cell).await? {
            let db = self.0.db(tenant).await?;
            for _ in 0..DELETES_PER_TENANT_MAX {
                let dropped = db
                    .write_bulk(async move |tx: &mut Tx<'_>| {
                        news::forget(tx, before, EVENTS_PER_DELETE_MAX).await
                    })
                    .await?;
                if dropped == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Desk {
    async fn tenants_of(&self, cell: CellId) -> Result<Vec<TenantId>, Error> {
        let tenants = self.deps.storage.tenants().await?;
        let here = tenants.into_iter().filter(|tenant| tenant.cell == cell);
        Ok(here.map(|tenant| tenant.id).collect())
    }
}
