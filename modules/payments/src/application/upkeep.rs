//! What comes round by the clock: captures that a dead process left under way, and events heard long
//! ago. Bounded per round.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, Recurring};
use stoa_kernel::{CellId, TenantId, Timestamp};
use stoa_storage::{Error, Tx};
use tokio::task::JoinSet;

use super::Desk;
use crate::infrastructure::captures::{self, Due};
use crate::infrastructure::news;

const CAPTURES_EVERY: Duration = Duration::from_secs(60);
/// Younger captures still have the call that opened them.
const CAPTURE_AGE_MIN: Duration = Duration::from_secs(60);
const CAPTURES_PER_TENANT_MAX: i64 = 100;
/// Asked about at once: one provider that says nothing keeps the others' waiting only so much.
const CAPTURES_AT_ONCE_MAX: usize = 8;
/// The pause before a capture is asked about again: twice the one before, within bounds.
const CAPTURE_PAUSE_MIN: Duration = Duration::from_secs(60);
const CAPTURE_PAUSE_MAX: Duration = Duration::from_secs(3600);

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
        let mut shops = VecDeque::new();
        for tenant in self.0.tenants_of(cell).await? {
            match self.due(tenant, now).await {
                Ok(due) if due.is_empty() => {}
                Ok(due) => shops.push_back((tenant, VecDeque::from(due))),
                Err(error) => failed = Some(error),
            }
        }
        let mut running = JoinSet::new();
        // One of each shop in turn: none has to wait until another's are through.
        while let Some((tenant, mut queue)) = shops.pop_front() {
            let Some(due) = queue.pop_front() else {
                continue;
            };
            shops.push_back((tenant, queue));
            if running.len() >= CAPTURES_AT_ONCE_MAX {
                failed = ended(running.join_next().await).or(failed);
            }
            let desk = Arc::clone(&self.0);
            running.spawn(async move { desk.resume_capture(tenant, due, now).await });
        }
        while let Some(done) = running.join_next().await {
            failed = ended(Some(done)).or(failed);
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Captures {
    async fn due(&self, tenant: TenantId, now: Timestamp) -> Result<Vec<Due>, Error> {
        let db = self.0.db(tenant).await?;
        let before = now.minus(CAPTURE_AGE_MIN);
        captures::due(&db, now, before, CAPTURES_PER_TENANT_MAX).await
    }
}

/// What went wrong in one that has ended.
fn ended(done: Option<Result<Result<(), Error>, tokio::task::JoinError>>) -> Option<Error> {
    match done? {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(error) => Some(Error::Unavailable {
            message: error.to_string(),
        }),
    }
}

impl Desk {
    /// Put off first: one that ends badly, or takes this process with it, comes after all others.
    async fn resume_capture(
        &self,
        tenant: TenantId,
        due: Due,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (db, attempt) = (self.db(tenant).await?, due.attempt);
        let doublings = u32::try_from(due.tries).unwrap_or(u32::MAX).min(16);
        let pause = CAPTURE_PAUSE_MIN.saturating_mul(1 << doublings);
        let until = now.plus(pause.min(CAPTURE_PAUSE_MAX));
        let mine = db
            .write(async move |tx: &mut Tx<'_>| captures::put_off(tx, due, until).await)
            .await?;
        if mine && let Err(error) = self.drive_attempt(tenant, attempt).await {
            tracing::warn!(%tenant, %attempt, %error, "a capture is still under way");
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
