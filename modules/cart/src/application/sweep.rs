//! Looks at carts whose time has come: removes those nobody needs any more, and tells once of those
//! left behind with something in them.

use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::cart::CartAbandoned;
use stoa_kernel::{CartId, CellId, CustomerId, EventId, Money, TenantId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

use crate::CartConfig;
use crate::domain::{Cart, IdleRules, Step};
use crate::infrastructure as store;

/// Carts looked at in one transaction, so few that shoppers' changes never wait long behind it.
const CARTS_PER_STEP_MAX: i64 = 50;
/// Steps for one tenant in one round; the next round goes on.
const STEPS_PER_ROUND_MAX: usize = 40;

pub(crate) struct Sweep {
    deps: Deps,
    rules: IdleRules,
    every: Duration,
}

/// What one step did.
struct Looked {
    carts: usize,
    /// Customers whose cart was removed.
    removed: Vec<(CustomerId, CartId)>,
}

#[async_trait]
impl Recurring for Sweep {
    fn name(&self) -> &'static str {
        "cart.sweep"
    }

    fn every(&self) -> Duration {
        self.every
    }

    async fn run(&self, cell: CellId, now: Timestamp) -> Result<(), HandlerError> {
        let tenants = self.deps.storage.tenants().await?;
        let mut failed = None;
        for tenant in tenants.into_iter().filter(|tenant| tenant.cell == cell) {
            // One tenant's trouble must not keep the others from being swept.
            if let Err(error) = self.sweep(tenant.id, now).await {
                tracing::warn!(tenant = %tenant.id, %error, "idle carts cannot be swept");
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Sweep {
    pub(crate) fn new(deps: Deps, config: &CartConfig) -> Self {
        Self {
            deps,
            rules: IdleRules::of(config),
            every: config.sweep_every,
        }
    }

    async fn sweep(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let db = self.deps.storage.db(tenant).await?;
        for _ in 0..STEPS_PER_ROUND_MAX {
            // A read, so that idle tenants cost no write.
            if !store::has_due(&db, now).await? {
                break;
            }
            let (rules, ids) = (self.rules, self.deps.ids.clone());
            let looked = db
                .write_bulk(async move |tx: &mut Tx<'_>| {
                    look(tx, &rules, now, || ids.make(now)).await
                })
                .await?;
            if !looked.removed.is_empty() {
                // After the carts are gone: a sign-in locks its customer before any cart.
                db.write_bulk(async move |tx: &mut Tx<'_>| {
                    store::forget_last_carts(tx, &looked.removed).await
                })
                .await?;
            }
            if looked.carts == 0 {
                // All that are due are being changed by their shoppers.
                break;
            }
        }
        Ok(())
    }
}

async fn look(
    tx: &mut Tx<'_>,
    rules: &IdleRules,
    now: Timestamp,
    event: impl Fn() -> EventId,
) -> Result<Looked, Error> {
    let due = store::lock_due(tx, now, CARTS_PER_STEP_MAX).await?;
    let carts = due.len();
    let mut removed = Vec::new();
    for mut cart in due {
        if cart.email.is_some() && cart.abandoned_at.is_none() {
            cart.lines = store::lines(tx, cart.id).await?;
        }
        match rules.step(&cart, now) {
            Step::Remove => {
                store::delete(tx, cart.id).await?;
                removed.extend(cart.customer.map(|customer| (customer, cart.id)));
            }
            Step::Tell { next } => {
                let cause = Cause::system(now);
                tx.emit(event(), &cause, &abandoned(&cart)).await?;
                store::mark_told(tx, cart.id, now, next).await?;
            }
            Step::Look(at) => store::look(tx, cart.id, at).await?,
        }
    }
    Ok(Looked { carts, removed })
}

fn abandoned(cart: &Cart) -> CartAbandoned {
    let worth = |sum: i64, unit_price: i64, units: i64| {
        sum.saturating_add(unit_price.saturating_mul(units))
    };
    let value = cart.lines.iter().fold(0, |sum, line| {
        worth(sum, line.shown.unit_price, line.quantity.as_i64())
    });
    CartAbandoned {
        cart: cart.id,
        lines: u32::try_from(cart.lines.len()).unwrap_or(u32::MAX),
        value: Money::new(value, cart.currency),
    }
}
