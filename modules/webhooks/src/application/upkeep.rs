//! What comes round by the clock: lanes without a job are started again, old deliveries go.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, Recurring};
use stoa_kernel::{CellId, TenantId, Timestamp};
use stoa_storage::{Error, Tx};

use super::Shared;
use crate::infrastructure::{self, Stale};

const SWEEP_EVERY: Duration = Duration::from_secs(60);
const RETENTION_EVERY: Duration = Duration::from_secs(600);
/// Deliveries and what came of them are kept this long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Rows in one transaction: few enough that no checkout waits for it.
const PURGED_AT_ONCE_MAX: i64 = 200;
/// Transactions per endpoint and round; what is left goes in the next one.
const PURGES_MAX: usize = 250;

/// Starts lanes whose job is gone: buried after a long outage, or hurried while it ran.
pub(crate) struct Sweep {
    shared: Arc<Shared>,
}

impl Sweep {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn sweep(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let db = self.shared.deps.storage.db(tenant).await?;
        let waiting = infrastructure::due(&db, now).await?;
        for (endpoint, is_due) in waiting {
            // A pause in progress needs no help: its job is there and knows when.
            if !is_due {
                continue;
            }
            let shared = self.shared.clone();
            db.write_bulk(async move |tx: &mut Tx<'_>| shared.hasten(tx, endpoint, now).await)
                .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Recurring for Sweep {
    fn name(&self) -> &'static str {
        "webhooks.sweep"
    }

    fn every(&self) -> Duration {
        SWEEP_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let mut failed = None;
        for tenant in tenants_of(&self.shared, cell).await? {
            // One shop's trouble must not keep the others from being swept.
            if let Err(error) = self.sweep(tenant, now).await {
                tracing::warn!(%tenant, %error, "waiting webhooks cannot be swept");
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

pub(crate) struct Retention {
    shared: Arc<Shared>,
}

impl Retention {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn purge(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let db = self.shared.deps.storage.db(tenant).await?;
        for endpoint in infrastructure::owners(&db).await? {
            for _ in 0..PURGES_MAX {
                let stale = Stale {
                    endpoint,
                    before: now.minus(KEPT),
                    now,
                    limit: PURGED_AT_ONCE_MAX,
                };
                let gone = db
                    .write_bulk(async move |tx: &mut Tx<'_>| {
                        infrastructure::purge(tx, &stale).await
                    })
                    .await?;
                if gone == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Recurring for Retention {
    fn name(&self) -> &'static str {
        "webhooks.retention"
    }

    fn every(&self) -> Duration {
        RETENTION_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let mut failed = None;
        for tenant in tenants_of(&self.shared, cell).await? {
            if let Err(error) = self.purge(tenant, now).await {
                tracing::warn!(%tenant, %error, "old webhooks cannot be removed");
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

async fn tenants_of(shared: &Shared, cell: CellId) -> Result<Vec<TenantId>, Error> {
    let all = shared.deps.storage.tenants().await?;
    let own = all.into_iter().filter(|tenant| tenant.cell == cell);
    Ok(own.map(|tenant| tenant.id).collect())
}
