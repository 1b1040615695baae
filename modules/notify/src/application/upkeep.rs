//! What comes round by the clock: old messages go, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, Recurring};
use stoa_kernel::{CellId, TenantId, Timestamp};
use stoa_storage::{Error, Tx};

use super::Shared;
use crate::infrastructure;

const RETENTION_EVERY: Duration = Duration::from_secs(3_600);
/// Messages are kept this long.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// Rows in one transaction: few enough that no checkout waits for it.
const PURGED_AT_ONCE_MAX: i64 = 200;
/// Transactions per tenant and round; what is left goes in the next one.
const PURGES_MAX: usize = 250;

pub(crate) struct Retention {
    shared: Arc<Shared>,
}

impl Retention {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn purge(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let db = self.shared.db(tenant).await?;
        let before = now.minus(KEPT);
        for _ in 0..PURGES_MAX {
            let gone = db
                .write_bulk(async move |tx: &mut Tx<'_>| {
                    infrastructure::purge(tx, before, PURGED_AT_ONCE_MAX).await
                })
                .await?;
            if gone == 0 {
                break;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Recurring for Retention {
    fn name(&self) -> &'static str {
        "notify.retention"
    }

    fn every(&self) -> Duration {
        RETENTION_EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let all = self.shared.deps.storage.tenants().await?;
        let own = all.into_iter().filter(|tenant| tenant.cell == cell);
        let mut failed = None;
        for tenant in own {
            // One shop's trouble must not keep the others from being cleared.
            if let Err(error) = self.purge(tenant.id, now).await {
                tracing::warn!(tenant = %tenant.id, %error, "old mail cannot be removed");
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}
