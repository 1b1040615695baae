//! The currencies that a shop sells in, its own first.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use stoa_kernel::{Currency, TenantId, Timestamp};
use stoa_storage::{Result, Tx};

use super::App;
use super::setting::{EditError, Seen, check_version};
use crate::domain::Flaw;
use crate::infrastructure as rows;

const CURRENCIES_MAX: usize = 50;
/// How long a process may not know what another one set.
const HELD_FOR: Duration = Duration::from_secs(1);

/// A shop's currencies as one process holds them.
#[derive(Debug, Clone)]
pub(crate) struct HeldCurrencies {
    all: Arc<[Currency]>,
    read_at: Timestamp,
}

impl App {
    pub(super) async fn sold_in(&self, tenant: TenantId) -> Result<Vec<Currency>> {
        let now = self.deps.now();
        if let Some(held) = self.held_currencies.get(&tenant)
            && held.read_at <= now
            && now.since(held.read_at) < HELD_FOR
        {
            return Ok(held.all.to_vec());
        }
        let db = self.deps.storage.db(tenant).await?;
        let all: Vec<Currency> = match rows::currencies(&db).await? {
            Some((all, _)) => all,
            None => vec![self.deps.storage.tenant(tenant).await?.currency],
        };
        let held = HeldCurrencies {
            all: all.clone().into(),
            read_at: now,
        };
        self.held_currencies.insert(tenant, held);
        Ok(all)
    }

    /// With their version; `currency` is that of a shop without settings.
    pub(crate) async fn read_currencies(
        &self,
        tenant: TenantId,
        currency: Currency,
    ) -> Result<(Vec<Currency>, i64), EditError> {
        let db = self.deps.storage.db(tenant).await?;
        let found = rows::currencies(&db).await?;
        Ok(found.unwrap_or((vec![currency], 1)))
    }

    /// The shop's own currency comes first, wherever it stands, and is never left out.
    pub(crate) async fn set_currencies(
        &self,
        tenant: TenantId,
        own: Currency,
        seen: Seen,
        asked: Vec<Currency>,
    ) -> Result<(Vec<Currency>, i64), EditError> {
        if asked.len() > CURRENCIES_MAX {
            let reason = format!("holds at most {CURRENCIES_MAX} entries");
            return Err(Flaw::new("currencies", reason).into());
        }
        let mut known = HashSet::new();
        if let Some(index) = asked.iter().position(|each| !known.insert(*each)) {
            let field = format!("currencies[{index}]");
            return Err(Flaw::new(field, "is in the list twice").into());
        }
        let now = self.deps.now();
        self.ensure(tenant, own).await?;
        let db = self.deps.storage.db(tenant).await?;
        let body = async move |tx: &mut Tx<'_>| {
            let found = rows::lock_currencies(tx).await?;
            let (before, version) = found.ok_or(EditError::Missing)?;
            check_version(seen, version)?;
            // The first is the shop's own.
            let own = before.first().copied().unwrap_or(own);
            if !asked.contains(&own) {
                let reason = format!("holds {own}, the shop's own currency");
                return Err(Flaw::new("currencies", reason).into());
            }
            let others = asked.iter().copied().filter(|each| *each != own);
            let after: Vec<Currency> = std::iter::once(own).chain(others).collect();
            if after == before {
                return Ok((before, version));
            }
            rows::set_currencies(tx, &after[1..], now).await?;
            Ok((after, version + 1))
        };
        let set: Result<_, EditError> = db.write(body).await;
        // Whatever became of it: what is held may be older.
        self.held_currencies.invalidate(&tenant);
        set
    }
}
