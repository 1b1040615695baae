//! A shelf with prices that tests rearrange: stands in for catalog and pricing, behind their
//! contracts. Stock is the real inventory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use stoa_contracts::Totals;
use stoa_contracts::catalog::{
    Catalog, CatalogError, CollectionInput, CollectionView, ListingPrice, ProductInput,
    ProductPage, ProductQuery, ProductView, UpsertOutcome, Upserted, VariantSnapshot,
};
use stoa_contracts::pricing::{
    NewPrice, Pricing, Quote, QuoteError, QuoteRequest, QuotedLine, ShippingOption,
};
use stoa_kernel::{Currency, Money, ProductId, TenantId, VariantId};
use stoa_storage::{Cause, Error, Tx};

/// What stands on it: variants, and their prices in euro cents.
#[derive(Default)]
pub(crate) struct Shelf {
    variants: Mutex<BTreeMap<VariantId, VariantSnapshot>>,
    prices: Mutex<BTreeMap<VariantId, i64>>,
}

impl Shelf {
    pub(crate) fn put(&self, variant: VariantId, price: i64) {
        let number = variant.as_u128();
        let snapshot = VariantSnapshot {
            variant,
            product: ProductId::from_u128(number),
            handle: format!("mug-{number}"),
            product_title: format!("Mug {number}"),
            variant_title: "Blue".to_owned(),
            sku: Some(format!("MUG-{number}")),
            image: None,
            active: true,
            requires_shipping: true,
            taxable: true,
            grams: 300,
        };
        self.variants.lock().insert(variant, snapshot);
        self.price(variant, Some(price));
    }

    pub(crate) fn price(&self, variant: VariantId, price: Option<i64>) {
        match price {
            Some(price) => self.prices.lock().insert(variant, price),
            None => self.prices.lock().remove(&variant),
        };
    }

    pub(crate) fn publish(&self, variant: VariantId, active: bool) {
        self.variants
            .lock()
            .get_mut(&variant)
            .expect("it was put there")
            .active = active;
    }

    pub(crate) fn remove(&self, variant: VariantId) {
        self.variants.lock().remove(&variant);
    }

    fn options(request: &QuoteRequest) -> Vec<ShippingOption> {
        let option = |id: &str, cents| ShippingOption {
            id: id.to_owned(),
            name: id.to_uppercase(),
            price: Money::new(cents, request.currency),
        };
        match (request.lines.is_empty(), request.country.as_deref()) {
            (true, _) => Vec::new(),
            (false, Some("CH")) => vec![option("abroad", 1500)],
            (false, _) => vec![option("standard", 500), option("express", 900)],
        }
    }
}

#[async_trait]
impl Pricing for Shelf {
    async fn quote(&self, _tx: &mut Tx<'_>, request: &QuoteRequest) -> Result<Quote, QuoteError> {
        let currency = request.currency;
        let mut lines = Vec::new();
        let mut subtotal = Money::zero(currency);
        for line in &request.lines {
            let price = self.prices.lock().get(&line.variant).copied();
            let price = price.filter(|_| currency == Currency::EUR);
            let variant = line.variant;
            let unit_price = Money::new(
                price.ok_or(QuoteError::NoPrice { variant, currency })?,
                currency,
            );
            let total = unit_price
                .times(line.quantity.as_i64())
                .map_err(|_| QuoteError::Overflow)?;
            subtotal = subtotal.plus(total).map_err(|_| QuoteError::Overflow)?;
            let tax = Money::zero(currency);
            let (quantity, subtotal) = (line.quantity, total);
            lines.push(QuotedLine {
                variant,
                quantity,
                unit_price,
                subtotal,
                tax,
                total,
            });
        }
        let shipping = match &request.shipping_option {
            None => None,
            Some(id) => {
                let found = Self::options(request)
                    .into_iter()
                    .find(|option| option.id == *id);
                Some(found.ok_or_else(|| QuoteError::UnknownShippingOption { id: id.clone() })?)
            }
        };
        let zero = Money::zero(currency);
        let sent = shipping.as_ref().map_or(zero, |option| option.price);
        let totals = Totals {
            subtotal,
            discount: zero,
            shipping: sent,
            tax: zero,
            total: subtotal.plus(sent).map_err(|_| QuoteError::Overflow)?,
        };
        Ok(Quote {
            lines,
            totals,
            shipping,
            tax_inclusive: true,
        })
    }

    async fn shipping_options(
        &self,
        _tx: &mut Tx<'_>,
        request: &QuoteRequest,
    ) -> Result<Vec<ShippingOption>, QuoteError> {
        Ok(Self::options(request))
    }

    async fn set_prices(&self, _: &mut Tx<'_>, _: &[NewPrice], _: &Cause) -> Result<(), Error> {
        Ok(())
    }

    async fn ensure_settings(&self, _: TenantId, _: Currency) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Catalog for Shelf {
    async fn variants(
        &self,
        _tx: &mut Tx<'_>,
        ids: &[VariantId],
    ) -> Result<Vec<VariantSnapshot>, Error> {
        let known = self.variants.lock();
        Ok(known
            .values()
            .filter(|found| ids.contains(&found.variant))
            .cloned()
            .collect())
    }

    async fn product(
        &self,
        _: TenantId,
        _: &str,
        _: Currency,
    ) -> Result<Option<ProductView>, CatalogError> {
        Ok(None)
    }
    async fn products(&self, _: TenantId, _: &ProductQuery) -> Result<ProductPage, CatalogError> {
        Ok(ProductPage {
            products: Vec::new(),
            next_cursor: None,
        })
    }
    async fn collections(&self, _: TenantId) -> Result<Vec<CollectionView>, CatalogError> {
        Ok(Vec::new())
    }
    async fn collection(
        &self,
        _: TenantId,
        _: &str,
    ) -> Result<Option<CollectionView>, CatalogError> {
        Ok(None)
    }
    async fn upsert_product(
        &self,
        _: &mut Tx<'_>,
        _: &ProductInput,
        _: &Cause,
    ) -> Result<Upserted, CatalogError> {
        let product = ProductId::from_u128(0);
        Ok(Upserted {
            product,
            outcome: UpsertOutcome::Unchanged,
            variants: Vec::new(),
        })
    }
    async fn upsert_collection(
        &self,
        _: &mut Tx<'_>,
        _: &CollectionInput,
        _: &Cause,
    ) -> Result<(), CatalogError> {
        Ok(())
    }
    async fn put_listing_prices(
        &self,
        _: &mut Tx<'_>,
        _: &[ListingPrice],
        _: &Cause,
    ) -> Result<(), Error> {
        Ok(())
    }
}
