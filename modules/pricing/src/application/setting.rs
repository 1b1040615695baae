//! What merchants set: prices, tax, shipping; one transaction each.

use std::collections::HashSet;
use std::sync::Arc;

use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, TenantId, VariantId};
use stoa_storage::{Cause, Claim, Error, IdempotencyKey, Result, Tx};

use super::App;
use crate::domain::{
    Flaw, Settings, ShippingRate, TaxRule, check_prices, check_shipping, check_tax,
};
use crate::infrastructure::{self as rows, PriceRow};

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum EditError {
    #[error("it is at version {current}")]
    Stale { current: i64 },
    #[error("the idempotency key was used with another body")]
    KeyReused,
    #[error("the first use of the idempotency key has no answer yet")]
    KeyUnfinished,
    #[error(transparent)]
    Flaw(#[from] Flaw),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Which version the client saw; `None` takes whatever version there is.
type Seen = Option<i64>;

/// Prices to set, once per key.
#[derive(Debug, Clone)]
pub(crate) struct PriceChange {
    pub(crate) prices: Vec<NewPrice>,
    pub(crate) key: IdempotencyKey,
    pub(crate) cause: Cause,
    /// Makes the answer of how many prices changed; kept for later uses of the key.
    pub(crate) answer: fn(usize) -> String,
}

/// The status kept with the answer to a key.
const OK: u16 = 200;

impl App {
    /// Returns the answer's JSON, the same for every use of the key.
    pub(crate) async fn change_prices(
        self: &Arc<Self>,
        tenant: TenantId,
        change: PriceChange,
    ) -> Result<String, EditError> {
        check_prices(&change.prices)?;
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            match tx.claim_key(&change.key, change.cause.occurred_at).await? {
                Claim::Stored { response, .. } => return Ok(response),
                Claim::Reused => return Err(EditError::KeyReused),
                Claim::Unfinished => return Err(EditError::KeyUnfinished),
                Claim::Fresh => {}
            }
            app.check_variants(tx, &change.prices).await?;
            let changed = app.put_prices(tx, &change.prices, &change.cause).await?;
            let answer = (change.answer)(changed);
            tx.store_response(&change.key, OK, &answer).await?;
            Ok(answer)
        })
        .await
    }

    pub(crate) async fn prices(
        &self,
        tenant: TenantId,
        variant: Option<VariantId>,
        after: Option<(VariantId, Currency)>,
        limit: i64,
    ) -> Result<Vec<PriceRow>, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        Ok(rows::list(&db, variant, after, limit).await?)
    }

    /// The shop's settings and all its deliveries; `currency` is that of a shop without any.
    pub(crate) async fn settings(
        &self,
        tenant: TenantId,
        currency: Currency,
    ) -> Result<(Settings, Vec<ShippingRate>), EditError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| read_settings(tx, currency).await)
            .await
    }

    pub(crate) async fn set_tax(
        &self,
        tenant: TenantId,
        currency: Currency,
        seen: Seen,
        tax: TaxRule,
    ) -> Result<Settings, EditError> {
        check_tax(tax)?;
        let now = self.deps.now();
        self.ensure(tenant, currency).await?;
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = rows::lock_settings(tx)
                .await?
                .unwrap_or(Settings::first(currency));
            check_version(seen, found.tax_version)?;
            if found.tax != tax {
                rows::set_tax(tx, tax, now).await?;
            }
            Ok(rows::settings(tx).await?.unwrap_or(found))
        })
        .await
    }

    pub(crate) async fn set_shipping(
        &self,
        tenant: TenantId,
        currency: Currency,
        seen: Seen,
        options: Vec<ShippingRate>,
    ) -> Result<(Settings, Vec<ShippingRate>), EditError> {
        check_shipping(&options)?;
        let now = self.deps.now();
        self.ensure(tenant, currency).await?;
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = rows::lock_settings(tx)
                .await?
                .unwrap_or(Settings::first(currency));
            check_version(seen, found.shipping_version)?;
            if rows::shipping(tx).await? != options {
                rows::set_shipping(tx, &options, now).await?;
            }
            read_settings(tx, currency).await
        })
        .await
    }

    async fn ensure(&self, tenant: TenantId, currency: Currency) -> Result<()> {
        stoa_contracts::pricing::Pricing::ensure_settings(self, tenant, currency).await
    }

    /// Refuses prices of variants that the shop does not have.
    async fn check_variants(&self, tx: &mut Tx<'_>, prices: &[NewPrice]) -> Result<(), EditError> {
        let asked: Vec<VariantId> = prices.iter().map(|each| each.variant).collect();
        let found = self.catalog.variants(tx, &asked).await?;
        let known: HashSet<VariantId> = found.iter().map(|snapshot| snapshot.variant).collect();
        match asked.iter().position(|variant| !known.contains(variant)) {
            None => Ok(()),
            Some(index) => {
                let field = format!("prices[{index}].variant_id");
                Err(Flaw::new(field, "is no variant of this shop").into())
            }
        }
    }
}

async fn read_settings(
    tx: &mut Tx<'_>,
    currency: Currency,
) -> Result<(Settings, Vec<ShippingRate>), EditError> {
    match rows::settings(tx).await? {
        Some(settings) => Ok((settings, rows::shipping(tx).await?)),
        None => Ok((
            Settings::first(currency),
            Settings::first_shipping(currency).to_vec(),
        )),
    }
}

fn check_version(seen: Seen, current: i64) -> Result<(), EditError> {
    match seen {
        Some(version) if version != current => Err(EditError::Stale { current }),
        _ => Ok(()),
    }
}
