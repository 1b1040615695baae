//! Forgets journals of orders long over. A bounded number a turn.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, Recurring};
use stoa_kernel::{CellId, TenantId, Timestamp};
use stoa_storage::{Error, Tx};

use crate::{Shared, infrastructure};

const EVERY: Duration = Duration::from_secs(3600);
const JOURNAL_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
const ROWS_PER_WRITE_MAX: i64 = 500;
const WRITES_PER_TENANT_MAX: usize = 40;

pub(crate) struct Purge(pub(crate) Arc<Shared>);

#[async_trait]
impl Recurring for Purge {
    fn name(&self) -> &'static str {
        "checkout.purge"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let tenants = self.0.deps.storage.tenants().await?;
        for tenant in tenants.into_iter().filter(|tenant| tenant.cell == cell) {
            self.purge(tenant.id, now.minus(JOURNAL_KEPT)).await?;
        }
        Ok(())
    }
}

impl Purge {
    async fn purge(&self, tenant: TenantId, before: Timestamp) -> Result<(), Error> {
        let db = self.0.deps.storage.db(tenant).await?;
        for _ in 0..WRITES_PER_TENANT_MAX {
            let gone = db
                .write_bulk(async move |tx: &mut Tx<'_>| {
                    infrastructure::purge(tx, before, ROWS_PER_WRITE_MAX).await
                })
                .await?;
            if gone == 0 {
                break;
            }
        }
        Ok(())
    }
}
