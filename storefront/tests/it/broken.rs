//! A catalog that cannot answer: what shoppers see then.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_contracts::catalog::{
    Catalog, CatalogError, CollectionInput, CollectionView, ListingPrice, ProductInput,
    ProductPage, ProductQuery, ProductView, Upserted, VariantSnapshot,
};
use stoa_kernel::{Currency, ProductId, TenantId, VariantId};
use stoa_storage::{Cause, Error, Tx};

use crate::browser::Browser;
use crate::market::Market;

struct Broken(Error);

#[async_trait]
impl Catalog for Broken {
    async fn product(
        &self,
        _: TenantId,
        _: &str,
        _: Currency,
    ) -> Result<Option<ProductView>, CatalogError> {
        Err(self.0.clone().into())
    }
    async fn products(&self, _: TenantId, _: &ProductQuery) -> Result<ProductPage, CatalogError> {
        Err(self.0.clone().into())
    }
    async fn collections(&self, _: TenantId) -> Result<Vec<CollectionView>, CatalogError> {
        Err(self.0.clone().into())
    }
    async fn collection(
        &self,
        _: TenantId,
        _: &str,
    ) -> Result<Option<CollectionView>, CatalogError> {
        Err(self.0.clone().into())
    }
    async fn variants(
        &self,
        _: &mut Tx<'_>,
        _: &[VariantId],
    ) -> Result<Vec<VariantSnapshot>, Error> {
        Err(self.0.clone())
    }
    async fn collections_of(
        &self,
        _: &mut Tx<'_>,
        _: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>, Error> {
        Err(self.0.clone())
    }
    async fn upsert_product(
        &self,
        _: &mut Tx<'_>,
        _: &ProductInput,
        _: &Cause,
    ) -> Result<Upserted, CatalogError> {
        Err(self.0.clone().into())
    }
    async fn upsert_collection(
        &self,
        _: &mut Tx<'_>,
        _: &CollectionInput,
        _: &Cause,
    ) -> Result<(), CatalogError> {
        Err(self.0.clone().into())
    }
    async fn put_listing_prices(
        &self,
        _: &mut Tx<'_>,
        _: &[ListingPrice],
        _: &Cause,
    ) -> Result<(), Error> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn a_failing_shop_says_so_on_a_page_of_its_own() {
    let cases = [
        (Error::Busy { limit: 9 }, 503, "The shop is very busy", "1"),
        (
            Error::Json {
                message: "secret".to_owned(),
            },
            500,
            "Something broke on our side",
            "",
        ),
    ];
    for (error, status, headline, retry_after) in cases {
        let market = Market::seeing(Arc::new(Broken(error))).await;
        let mut browser = Browser::new(&market.router, "shop.localhost");
        for path in [
            "/",
            "/collections/all",
            "/products/mug",
            "/search?q=x",
            "/cart",
            "/nothing",
        ] {
            let page = browser.get(path).await;
            let expected = if path == "/nothing" { 404 } else { status };
            assert_eq!(page.status, expected, "{path}");
            assert_eq!(page.header("cache-control"), "private, no-store", "{path}");
            assert!(page.body.contains("Back to the shop"), "{path}");
            assert!(!page.body.contains("secret"), "{path}");
            if expected == status {
                assert!(page.body.contains(headline), "{path}");
                assert_eq!(page.header("retry-after"), retry_after, "{path}");
            }
        }
        assert_eq!(browser.get("/robots.txt").await.status, 200);
    }
}
