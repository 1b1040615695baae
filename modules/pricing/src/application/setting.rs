//! What merchants set: prices, tax, shipping; one transaction each.

use std::collections::HashSet;
use std::sync::Arc;

use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, Claim, Error, IdempotencyKey, Result, Tx};

use super::App;
use crate::domain::{
    Exemption, Flaw, Settings, ShippingRate, TaxCategory, TaxProvider, TaxRegion, TaxRule,
    TaxTable, Zone, check_prices, check_shipping, check_tax, check_tax_table, check_zones,
};
use crate::infrastructure::rate_source::checked_url;
use crate::infrastructure::{self as rows, PriceRow, kept_rates, terms};

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum EditError {
    #[error("it is at version {current}")]
    Stale { current: i64 },
    #[error("the idempotency key was used with another body")]
    KeyReused,
    #[error("the first use of the idempotency key has no answer yet")]
    KeyUnfinished,
    #[error("there is no such thing")]
    Missing,
    /// Another promotion has one of the codes.
    #[error("the code `{code}` is taken")]
    CodeTaken { code: String },
    #[error("another customer group has the handle `{handle}`")]
    GroupTaken { handle: String },
    #[error("the price list `{list}` names it")]
    GroupInUse { list: String },
    #[error("it was used {uses} times")]
    InUse { uses: i64 },
    #[error(transparent)]
    Flaw(#[from] Flaw),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Which version the client saw; `None` takes whatever version there is.
pub(super) type Seen = Option<i64>;

/// Prices to set, once per key.
#[derive(Debug, Clone)]
pub(crate) struct PriceChange {
    pub(crate) prices: Vec<NewPrice>,
    pub(crate) key: IdempotencyKey,
    pub(crate) cause: Cause,
    /// Makes the answer of how many prices changed; kept for later uses of the key.
    pub(crate) answer: fn(usize) -> String,
}

/// Tax as a merchant sets it; what is left out stays as it is.
#[derive(Debug, Clone)]
pub(crate) struct TaxEdit {
    pub(crate) rule: TaxRule,
    pub(crate) regions: Option<Vec<TaxRegion>>,
    pub(crate) categories: Option<Vec<TaxCategory>>,
    pub(crate) exemptions: Option<Vec<Exemption>>,
    /// `Some(None)` takes the provider away.
    pub(crate) provider: Option<Option<TaxProvider>>,
}

impl TaxEdit {
    fn applied_to(&self, table: TaxTable) -> TaxTable {
        TaxTable {
            regions: self.regions.clone().unwrap_or(table.regions),
            categories: self.categories.clone().unwrap_or(table.categories),
            exemptions: self.exemptions.clone().unwrap_or(table.exemptions),
            provider: self.provider.clone().unwrap_or(table.provider),
        }
    }
}

/// A shop's tax and shipping as merchants see them.
#[derive(Debug, Clone)]
pub(crate) struct ShopSettings {
    pub(crate) settings: Settings,
    pub(crate) tax: TaxTable,
    /// For where no zone is.
    pub(crate) everywhere: Vec<ShippingRate>,
    pub(crate) zones: Vec<Zone>,
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
            if let Some(answer) = claim(tx, &change.key, change.cause.occurred_at).await? {
                return Ok(answer);
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

    /// The shop's settings; `currency` is that of a shop without any.
    pub(crate) async fn settings(
        &self,
        tenant: TenantId,
        currency: Currency,
    ) -> Result<ShopSettings, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| read_settings(tx, currency).await)
            .await
    }

    pub(crate) async fn set_tax(
        &self,
        tenant: TenantId,
        currency: Currency,
        seen: Seen,
        edit: TaxEdit,
    ) -> Result<ShopSettings, EditError> {
        check_tax(edit.rule)?;
        if let Some(Some(provider)) = &edit.provider
            && let Err(error) = checked_url(&provider.url, self.inside)
        {
            return Err(Flaw::new("provider.url", error.to_string()).into());
        }
        let now = self.deps.now();
        self.ensure(tenant, currency).await?;
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = rows::lock_settings(tx)
                .await?
                .unwrap_or(Settings::first(currency));
            check_version(seen, found.tax_version)?;
            let before = terms::tax_table(tx).await?;
            let after = edit.applied_to(before.clone());
            check_tax_table(&after)?;
            if found.tax != edit.rule || before != after {
                rows::set_tax(tx, edit.rule, now).await?;
                terms::put_tax_table(tx, &after).await?;
                terms::touch(tx, now).await?;
            }
            if before.provider != after.provider || before.categories != after.categories {
                kept_rates::forget(tx).await?;
            }
            read_settings(tx, currency).await
        })
        .await
    }

    /// Replaces the ways of delivery for everywhere; and the zones, where they are given.
    pub(crate) async fn set_shipping(
        &self,
        tenant: TenantId,
        currency: Currency,
        seen: Seen,
        options: Vec<ShippingRate>,
        zones: Option<Vec<Zone>>,
    ) -> Result<ShopSettings, EditError> {
        check_shipping(&options)?;
        check_zones(zones.as_deref().unwrap_or_default())?;
        let now = self.deps.now();
        self.ensure(tenant, currency).await?;
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = rows::lock_settings(tx)
                .await?
                .unwrap_or(Settings::first(currency));
            check_version(seen, found.shipping_version)?;
            let before = terms::zones(tx).await?;
            let after = zones.as_ref().unwrap_or(&before);
            if rows::shipping(tx).await? != options || before != *after {
                rows::set_shipping(tx, &options, now).await?;
                terms::put_zones(tx, after).await?;
                terms::touch(tx, now).await?;
            }
            read_settings(tx, currency).await
        })
        .await
    }

    pub(super) async fn ensure(&self, tenant: TenantId, currency: Currency) -> Result<()> {
        stoa_contracts::pricing::Pricing::ensure_settings(self, tenant, currency).await
    }

    /// Refuses prices of variants that the shop does not have.
    async fn check_variants(&self, tx: &mut Tx<'_>, prices: &[NewPrice]) -> Result<(), EditError> {
        let asked: Vec<VariantId> = prices.iter().map(|each| each.variant).collect();
        self.check_known(tx, &asked).await
    }

    pub(super) async fn check_known(
        &self,
        tx: &mut Tx<'_>,
        asked: &[VariantId],
    ) -> Result<(), EditError> {
        let found = self.catalog.variants(tx, asked).await?;
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

async fn read_settings(tx: &mut Tx<'_>, currency: Currency) -> Result<ShopSettings, EditError> {
    let Some(settings) = rows::settings(tx).await? else {
        return Ok(ShopSettings {
            settings: Settings::first(currency),
            tax: TaxTable::default(),
            everywhere: Settings::first_shipping(currency).to_vec(),
            zones: Vec::new(),
        });
    };
    Ok(ShopSettings {
        settings,
        tax: terms::tax_table(tx).await?,
        everywhere: rows::shipping(tx).await?,
        zones: terms::zones(tx).await?,
    })
}

/// Claims the key of a change; `Some` is the answer that its first use gave.
pub(super) async fn claim(
    tx: &mut Tx<'_>,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<String>, EditError> {
    match tx.claim_key(key, now).await? {
        Claim::Stored { response, .. } => Ok(Some(response)),
        Claim::Reused => Err(EditError::KeyReused),
        Claim::Unfinished => Err(EditError::KeyUnfinished),
        Claim::Fresh => Ok(None),
    }
}

pub(super) fn check_version(seen: Seen, current: i64) -> Result<(), EditError> {
    match seen {
        Some(version) if version != current => Err(EditError::Stale { current }),
        _ => Ok(()),
    }
}
