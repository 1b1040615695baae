//! Stands for the catalog: every variant is a blue teapot, but the ninth is gone.

use async_trait::async_trait;
use stoa_contracts::catalog::{
    Catalog, CatalogError, CollectionInput, CollectionView, ListingPrice, ProductInput,
    ProductPage, ProductQuery, ProductView, Upserted, VariantSnapshot,
};
use stoa_kernel::{Currency, ProductId, TenantId, VariantId};
use stoa_storage::{Cause, Error, Tx};

pub(crate) struct FakeCatalog;

#[async_trait]
impl Catalog for FakeCatalog {
    async fn variants(
        &self,
        _: &mut Tx<'_>,
        ids: &[VariantId],
    ) -> Result<Vec<VariantSnapshot>, Error> {
        let there = ids.iter().filter(|id| id.as_u128() != 9);
        let snapshot = |id: &VariantId| VariantSnapshot {
            variant: *id,
            product: ProductId::from_u128(1),
            handle: "teapot".to_owned(),
            product_title: format!("Teapot {}", id.as_u128()),
            variant_title: "Blue".to_owned(),
            sku: Some("POT".to_owned()),
            image: None,
            active: true,
            requires_shipping: true,
            taxable: true,
            grams: 900,
            product_type: None,
            bundle: false,
        };
        Ok(there.map(snapshot).collect())
    }
    async fn product(
        &self,
        _: TenantId,
        _: &str,
        _: Currency,
    ) -> Result<Option<ProductView>, CatalogError> {
        unreachable!("mail only asks for names")
    }
    async fn products(&self, _: TenantId, _: &ProductQuery) -> Result<ProductPage, CatalogError> {
        unreachable!("mail only asks for names")
    }
    async fn collections(&self, _: TenantId) -> Result<Vec<CollectionView>, CatalogError> {
        unreachable!("mail only asks for names")
    }
    async fn collection(
        &self,
        _: TenantId,
        _: &str,
    ) -> Result<Option<CollectionView>, CatalogError> {
        unreachable!("mail only asks for names")
    }
    async fn collections_of(
        &self,
        _: &mut Tx<'_>,
        _: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>, Error> {
        unreachable!("mail only asks for names")
    }
    async fn upsert_product(
        &self,
        _: &mut Tx<'_>,
        _: &ProductInput,
        _: &Cause,
    ) -> Result<Upserted, CatalogError> {
        unreachable!("mail only asks for names")
    }
    async fn upsert_collection(
        &self,
        _: &mut Tx<'_>,
        _: &CollectionInput,
        _: &Cause,
    ) -> Result<(), CatalogError> {
        unreachable!("mail only asks for names")
    }
    async fn put_listing_prices(
        &self,
        _: &mut Tx<'_>,
        _: &[ListingPrice],
        _: &Cause,
    ) -> Result<(), Error> {
        unreachable!("mail only asks for names")
    }
}
