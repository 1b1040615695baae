//! The use cases of pricing and its contract. Holds no SQL and no HTTP.

mod setting;

pub(crate) use setting::{EditError, PriceChange};

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use stoa_contracts::Deps;
use stoa_contracts::Destination;
use stoa_contracts::catalog::{Catalog, ListingPrice};
use stoa_contracts::pricing::{
    CouponRefusal, NewPrice, Pricing, Quote, QuoteError, QuoteRequest, RedeemError, Redemption,
    RefusedCoupon, ShippingOption,
};
use stoa_kernel::{Currency, OrderId, TenantId, VariantId};
use stoa_rest::CursorKey;
use stoa_storage::{Cause, Result, Tx};
use tokio::sync::OnceCell;

use crate::domain::{
    PricedLine, Settings, ShippingRate, calculate, goods_total, needs_shipping, price_to_keep,
};
use crate::infrastructure as rows;

/// Everything a use case needs.
pub(crate) struct App {
    pub(crate) deps: Deps,
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Read from storage at the first list.
    pub(crate) cursors: OnceCell<CursorKey>,
}

#[async_trait]
impl Pricing for App {
    /// No promotion has a budget.
    async fn redeem(
        &self,
        _: &mut Tx<'_>,
        _: Redemption<'_>,
        _: &Cause,
    ) -> Result<(), RedeemError> {
        Ok(())
    }

    async fn unredeem(&self, _: &mut Tx<'_>, _: OrderId, _: &Cause) -> Result<()> {
        Ok(())
    }

    /// Every shop uses its own table.
    async fn prepare_tax(&self, _: TenantId, _: &Destination) -> Result<()> {
        Ok(())
    }

    async fn set_prices(&self, tx: &mut Tx<'_>, prices: &[NewPrice], cause: &Cause) -> Result<()> {
        self.put_prices(tx, prices, cause).await.map(|_| ())
    }

    async fn quote(&self, tx: &mut Tx<'_>, request: &QuoteRequest) -> Result<Quote, QuoteError> {
        let lines = priced(tx, request).await?;
        let (settings, rates) = terms(tx, request.currency).await?;
        let chosen = match &request.shipping_option {
            Some(id) if needs_shipping(request.lines.iter()) => Some(rate(&rates, id)?),
            _ => None,
        };
        let worked_out = calculate(settings.tax, request.currency, &lines, chosen)?;
        Ok(Quote {
            lines: worked_out.lines,
            totals: worked_out.totals,
            shipping: worked_out.shipping,
            tax_inclusive: settings.tax.inclusive,
            promotions: Vec::new(),
            refused_coupons: request
                .coupons
                .iter()
                .map(|code| RefusedCoupon {
                    code: code.clone(),
                    reason: CouponRefusal::Unknown,
                })
                .collect(),
            taxes: worked_out.taxes,
        })
    }

    async fn shipping_options(
        &self,
        tx: &mut Tx<'_>,
        request: &QuoteRequest,
    ) -> Result<Vec<ShippingOption>, QuoteError> {
        if !needs_shipping(request.lines.iter()) {
            return Ok(Vec::new());
        }
        let goods = goods_total(&priced(tx, request).await?)?;
        let (_, rates) = terms(tx, request.currency).await?;
        Ok(rates
            .iter()
            .map(|rate| rate.option(request.currency, goods))
            .collect())
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
        let differ = rows::put_prices(tx, &prices, cause.occurred_at).await?;
        let listings: Vec<ListingPrice> = prices
            .iter()
            .zip(differ)
            .filter(|(_, differs)| *differs)
            .map(|(each, _)| ListingPrice {
                variant: each.variant,
                price: each.price,
                compare_at: each.compare_at,
            })
            .collect();
        if !listings.is_empty() {
            self.catalog
                .put_listing_prices(tx, &listings, cause)
                .await?;
        }
        Ok(listings.len())
    }
}

/// The lines of a request with their prices, in its order.
async fn priced(tx: &mut Tx<'_>, request: &QuoteRequest) -> Result<Vec<PricedLine>, QuoteError> {
    let variants: Vec<VariantId> = request.lines.iter().map(|line| line.variant).collect();
    let found = rows::prices(tx, &variants, request.currency).await?;
    let units: HashMap<VariantId, i64> = found.into_iter().collect();
    let with_price = |line: &stoa_contracts::pricing::QuoteLine| match units.get(&line.variant) {
        _ if line.unit_price.is_some() => Ok(PricedLine {
            line: line.clone(),
            unit: line.unit_price.map_or(0, |agreed| agreed.amount),
        }),
        Some(unit) => Ok(PricedLine {
            line: line.clone(),
            unit: *unit,
        }),
        None => Err(QuoteError::NoPrice {
            variant: line.variant,
            currency: request.currency,
        }),
    };
    request.lines.iter().map(with_price).collect()
}

/// The shop's settings and its deliveries in this currency; the first ones where it has none.
async fn terms(
    tx: &mut Tx<'_>,
    currency: Currency,
) -> Result<(Settings, Vec<ShippingRate>), QuoteError> {
    let known = rows::settings_and_shipping(tx, currency).await?;
    Ok(known.unwrap_or_else(|| {
        (
            Settings::first(currency),
            Settings::first_shipping(currency).to_vec(),
        )
    }))
}

fn rate<'r>(rates: &'r [ShippingRate], id: &str) -> Result<&'r ShippingRate, QuoteError> {
    rates
        .iter()
        .find(|rate| rate.id == id)
        .ok_or_else(|| QuoteError::UnknownShippingOption { id: id.to_owned() })
}
