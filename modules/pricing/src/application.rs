//! The use cases of pricing and its contract. Holds no SQL and no HTTP.

mod adjusting;
mod exporting;
mod feeding;
mod grouping;
mod listing;
mod promoting;
mod quoting;
mod redeeming;
mod selling;
mod setting;
mod tax_rates;
mod terms;

pub(crate) use adjusting::{AdjustmentJob, NewAdjustment};
pub(crate) use feeding::ListingJob;
pub(crate) use grouping::NewGroup;
pub(crate) use listing::{ListPricesChange, NewList};
pub(crate) use promoting::NewPromotion;
pub(crate) use selling::HeldCurrencies;
pub(crate) use setting::{EditError, PriceChange, ShopSettings, TaxEdit};
pub(crate) use terms::{SHOPS_HELD_MAX, Terms};

use std::sync::Arc;

use async_trait::async_trait;
use moka::sync::Cache;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::pricing::{
    NewPrice, Pricing, Quote, QuoteError, QuoteRequest, RedeemError, Redemption, ShippingOption,
};
use stoa_contracts::{Deps, Destination};
use stoa_kernel::{Currency, OrderId, TenantId, Timestamp, VariantId};
use stoa_rest::CursorKey;
use stoa_storage::{Cause, Result, Tx};
use tokio::sync::OnceCell;

use crate::domain::{Settings, price_to_keep};
use crate::infrastructure::{self as rows, feed, rate_source::RateSource};

/// Everything a use case needs.
pub(crate) struct App {
    pub(crate) deps: Deps,
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Read from storage at the first list.
    pub(crate) cursors: OnceCell<CursorKey>,
    pub(crate) held_terms: Cache<TenantId, Arc<Terms>>,
    pub(crate) held_currencies: Cache<TenantId, HeldCurrencies>,
    pub(crate) rate_source: Arc<dyn RateSource>,
    /// Until when a shop's tax provider is left alone, after it failed.
    pub(crate) provider_rests: Cache<TenantId, Timestamp>,
    /// Whether tax providers at private addresses may be asked.
    pub(crate) inside: bool,
}

#[async_trait]
impl Pricing for App {
    async fn redeem(
        &self,
        tx: &mut Tx<'_>,
        redemption: Redemption<'_>,
        cause: &Cause,
    ) -> Result<(), RedeemError> {
        redeeming::redeem(tx, redemption, cause.occurred_at).await
    }

    async fn unredeem(&self, tx: &mut Tx<'_>, order: OrderId, _: &Cause) -> Result<()> {
        redeeming::unredeem(tx, order).await
    }

    async fn prepare_tax(&self, tenant: TenantId, destination: &Destination) -> Result<()> {
        self.refresh_rates(tenant, destination).await
    }

    async fn set_prices(&self, tx: &mut Tx<'_>, prices: &[NewPrice], cause: &Cause) -> Result<()> {
        self.put_prices(tx, prices, cause).await.map(|_| ())
    }

    async fn prices(&self, tenant: TenantId, variants: &[VariantId]) -> Result<Vec<NewPrice>> {
        self.base_prices(tenant, variants).await
    }

    async fn currencies(&self, tenant: TenantId) -> Result<Vec<Currency>> {
        self.sold_in(tenant).await
    }

    async fn quote(&self, tx: &mut Tx<'_>, request: &QuoteRequest) -> Result<Quote, QuoteError> {
        self.quoted(tx, request).await
    }

    async fn shipping_options(
        &self,
        tx: &mut Tx<'_>,
        request: &QuoteRequest,
    ) -> Result<Vec<ShippingOption>, QuoteError> {
        self.offered(tx, request).await
    }

    async fn ensure_settings(&self, tenant: TenantId, currency: Currency) -> Result<()> {
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if rows::insert_settings(tx, &Settings::first(currency), now).await? {
                rows::insert_shipping(tx, &Settings::first_shipping(currency)).await?;
            }
            Ok(())
        })
        .await
    }
}

impl App {
    pub(crate) async fn cursor_key(&self) -> Result<&CursorKey> {
        let read = async || {
            self.deps
                .storage
                .secret("pricing.cursor")
                .await
                .map(CursorKey::new)
        };
        self.cursors.get_or_try_init(read).await
    }

    /// Sets prices and tells the catalog of those that differ; returns how many did.
    pub(crate) async fn put_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[NewPrice],
        cause: &Cause,
    ) -> Result<usize> {
        let mut prices: Vec<NewPrice> = prices.iter().map(price_to_keep).collect();
        // Rows in one order everywhere: two such transactions wait, and never for each other.
        prices.sort_by_key(|each| (each.variant, each.price.currency));
        // Before any price: changes of prices and of lists follow one another.
        rows::lock_settings(tx).await?;
        let differ = rows::put_prices(tx, &prices, cause.occurred_at).await?;
        let changed: Vec<_> = prices
            .iter()
            .zip(differ)
            .filter(|(_, differs)| *differs)
            .map(|(each, _)| (each.variant, each.price.currency))
            .collect();
        if !changed.is_empty() {
            let lists = feed::lists(tx).await?;
            self.mend(tx, &lists).await?;
            self.show(tx, &changed, &lists, cause).await?;
        }
        Ok(changed.len())
    }
}
