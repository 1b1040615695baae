//! A catalog in memory that tells of its changes as the real one does. Knows only what search asks.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use parking_lot::RwLock;
use stoa_contracts::catalog::{
    Catalog, CatalogError, CollectionInput, CollectionView, ListingPrice, ProductDocument,
    ProductInput, ProductPage, ProductQuery, ProductSummary, ProductView, Upserted,
    VariantSnapshot,
};
use stoa_kernel::{Currency, Money, ProductId, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, Tx};

#[derive(Default)]
pub(crate) struct Shelf {
    products: RwLock<HashMap<TenantId, BTreeMap<ProductId, ProductDocument>>>,
}

/// A product with this title that costs ten euros.
pub(crate) fn product(number: u128, title: &str) -> ProductDocument {
    ProductDocument {
        id: ProductId::from_u128(number),
        handle: format!("product-{number}"),
        title: title.to_owned(),
        description: String::new(),
        vendor: None,
        product_type: None,
        tags: Vec::new(),
        options: Vec::new(),
        attributes: Vec::new(),
        skus: Vec::new(),
        barcodes: Vec::new(),
        collections: Vec::new(),
        categories: Vec::new(),
        prices: vec![(euros(1_000), euros(1_000))],
        available: true,
        created_at: Timestamp::from_micros(number as i64),
        translations: Vec::new(),
    }
}

pub(crate) fn euros(cents: i64) -> Money {
    Money::new(cents, Currency::EUR)
}

impl Shelf {
    pub(crate) fn put(&self, tenant: TenantId, product: ProductDocument) {
        let mut all = self.products.write();
        all.entry(tenant).or_default().insert(product.id, product);
    }

    pub(crate) fn take(&self, tenant: TenantId, product: ProductId) {
        if let Some(products) = self.products.write().get_mut(&tenant) {
            products.remove(&product);
        }
    }
}

#[async_trait]
impl Catalog for Shelf {
    async fn documents_after(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        let all = self.products.read();
        let products = all.get(&tenant).into_iter().flatten();
        Ok(products
            .filter(|(id, _)| after.is_none_or(|after| **id > after))
            .map(|(_, product)| product.clone())
            .take(limit as usize)
            .collect())
    }

    async fn documents(
        &self,
        tenant: TenantId,
        ids: &[ProductId],
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        let all = self.products.read();
        let products = all.get(&tenant);
        Ok(ids
            .iter()
            .filter_map(|id| products?.get(id).cloned())
            .collect())
    }

    async fn cards(
        &self,
        tenant: TenantId,
        ids: &[ProductId],
        currency: Currency,
        _: Option<&str>,
    ) -> Result<Vec<ProductSummary>, CatalogError> {
        let found = self.documents(tenant, ids).await?;
        let card = |product: ProductDocument| ProductSummary {
            id: product.id,
            handle: product.handle,
            title: product.title,
            vendor: product.vendor,
            image: None,
            price: product
                .prices
                .iter()
                .map(|(lowest, _)| *lowest)
                .find(|price| price.currency == currency),
            price_max: None,
            compare_at_price: None,
            available: product.available,
        };
        Ok(found.into_iter().map(card).collect())
    }

    async fn product(
        &self,
        _: TenantId,
        _: &str,
        _: Currency,
    ) -> Result<Option<ProductView>, CatalogError> {
        unreachable!("search does not ask it")
    }
    async fn products(&self, _: TenantId, _: &ProductQuery) -> Result<ProductPage, CatalogError> {
        unreachable!("search does not ask it")
    }
    async fn collections(&self, _: TenantId) -> Result<Vec<CollectionView>, CatalogError> {
        unreachable!("search does not ask it")
    }
    async fn collection(
        &self,
        _: TenantId,
        _: &str,
    ) -> Result<Option<CollectionView>, CatalogError> {
        unreachable!("search does not ask it")
    }
    async fn variants(
        &self,
        _: &mut Tx<'_>,
        _: &[VariantId],
    ) -> Result<Vec<VariantSnapshot>, stoa_storage::Error> {
        unreachable!("search does not ask it")
    }
    async fn collections_of(
        &self,
        _: &mut Tx<'_>,
        _: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>, stoa_storage::Error> {
        unreachable!("search does not ask it")
    }
    async fn upsert_product(
        &self,
        _: &mut Tx<'_>,
        _: &ProductInput,
        _: &Cause,
    ) -> Result<Upserted, CatalogError> {
        unreachable!("search does not ask it")
    }
    async fn upsert_collection(
        &self,
        _: &mut Tx<'_>,
        _: &CollectionInput,
        _: &Cause,
    ) -> Result<(), CatalogError> {
        unreachable!("search does not ask it")
    }
    async fn put_listing_prices(
        &self,
        _: &mut Tx<'_>,
        _: &[ListingPrice],
        _: &Cause,
    ) -> Result<(), stoa_storage::Error> {
        unreachable!("search does not ask it")
    }
}
