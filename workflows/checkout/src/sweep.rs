//! Finds orders that wait for payment while no job looks after them. Only enqueues.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, Recurring};
use stoa_contracts::orders::OrderError;
use stoa_contracts::payments::AttemptState;
use stoa_kernel::{CellId, TenantId, Timestamp};
use stoa_storage::{Error, Tx};

use crate::settle::Payload;
use crate::{DECLINED_KEPT, Shared};

const EVERY: Duration = Duration::from_secs(30);
/// Younger orders still have the job they were placed with.
const WAITING_MIN: Duration = Duration::from_secs(60);
const ORDERS_PER_TENANT_MAX: u32 = 1_000;

pub(crate) struct Sweep(pub(crate) Arc<Shared>);

#[async_trait]
impl Recurring for Sweep {
    fn name(&self) -> &'static str {
        "checkout.sweep"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let tenants = self.0.deps.storage.tenants().await?;
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
    async fn sweep(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let before = now.minus(WAITING_MIN);
        let orders = &self.0.peers.orders;
        let mut forgotten: Vec<Payload> = Vec::new();
        for order in orders
            .waiting(tenant, before, ORDERS_PER_TENANT_MAX)
            .await?
        {
            let Some(attempt) = self.0.peers.payments.newest_of(tenant, order).await? else {
                tracing::error!(%order, "an order waits for payment without an attempt");
                continue;
            };
            let view = match self.0.peers.orders.view(tenant, order).await {
                Ok(view) => view,
                Err(OrderError::Storage(error)) => return Err(error),
                Err(_) => continue,
            };
            // Told of its decline, it waits for the shopper, not for us; but not for ever.
            let told = matches!(attempt.state, AttemptState::Declined { .. })
                && view.reason.is_some()
                && now < attempt.created_at.plus(DECLINED_KEPT);
            if !told {
                forgotten.push(Payload {
                    order,
                    attempt: attempt.id,
                    cart: view.cart_id,
                });
            }
        }
        if forgotten.is_empty() {
            return Ok(());
        }
        let ids = self.0.deps.ids.clone();
        let db = self.0.deps.storage.db(tenant).await?;
        // Where its job still exists, the unique key drops the second.
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            for payload in &forgotten {
                tx.enqueue(&payload.job(ids.make(now), now)?, now).await?;
            }
            Ok::<_, Error>(())
        })
        .await
    }
}
