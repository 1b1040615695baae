//! A shop with categories, attributes, other currencies, search and pictures of its own, as far as
//! pages ask for them. Asserts nothing.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stoa_contracts::Destination;
use stoa_contracts::catalog::{
    Attribute, Catalog, CatalogError, CategoryLink, CategoryView, CollectionInput, CollectionView,
    ListingPrice, ProductAddress, ProductInput, ProductPage, ProductQuery, ProductSummary,
    ProductView, ShopLocales, Upserted, VariantSnapshot,
};
use stoa_contracts::media::{ImageImport, ImportAnswer, Media, Picture, PictureSource};
use stoa_contracts::pricing::{
    NewPrice, Pricing, Quote, QuoteError, QuoteRequest, RedeemError, Redemption, ShippingOption,
};
use stoa_contracts::search::{Search, SearchError, SearchPage, SearchQuery, Suggestions};
use stoa_kernel::{Currency, OrderId, ProductId, TenantId, VariantId};
use stoa_storage::{Cause, Error, Tx};

/// The catalog there is, with a tree: mugs are cups, and cups are tableware.
pub(crate) struct Sorted(pub(crate) Arc<dyn Catalog>);

fn branch(handle: &str, title: &str, parent: Option<&str>, depth: u32) -> CategoryView {
    CategoryView {
        handle: handle.to_owned(),
        title: title.to_owned(),
        parent: parent.map(str::to_owned),
        depth,
    }
}

impl Sorted {
    fn sort(product: &mut ProductView) {
        let link = |handle: &str, title: &str| CategoryLink {
            handle: handle.to_owned(),
            title: title.to_owned(),
        };
        if product.handle == "mug" {
            product.categories = vec![link("tableware", "Tableware"), link("cups", "Cups & mugs")];
            product.attributes = vec![Attribute {
                name: "Material".to_owned(),
                value: "Stoneware <raw>".to_owned(),
            }];
        }
    }
}

#[async_trait]
impl Catalog for Sorted {
    async fn product(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
    ) -> Result<Option<ProductView>, CatalogError> {
        self.product_in(tenant, handle, currency, None).await
    }
    async fn product_in(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
        locale: Option<&str>,
    ) -> Result<Option<ProductView>, CatalogError> {
        let mut found = self.0.product_in(tenant, handle, currency, locale).await?;
        found.iter_mut().for_each(Self::sort);
        Ok(found)
    }
    async fn products(
        &self,
        tenant: TenantId,
        query: &ProductQuery,
    ) -> Result<ProductPage, CatalogError> {
        self.0.products(tenant, query).await
    }
    async fn collections(&self, tenant: TenantId) -> Result<Vec<CollectionView>, CatalogError> {
        self.0.collections(tenant).await
    }
    async fn collection(
        &self,
        tenant: TenantId,
        handle: &str,
    ) -> Result<Option<CollectionView>, CatalogError> {
        self.0.collection(tenant, handle).await
    }
    async fn locales(&self, tenant: TenantId) -> Result<ShopLocales, CatalogError> {
        self.0.locales(tenant).await
    }
    async fn categories(
        &self,
        _: TenantId,
        locale: Option<&str>,
    ) -> Result<Vec<CategoryView>, CatalogError> {
        let tableware = match locale {
            Some("de") => "Geschirr",
            _ => "Tableware",
        };
        Ok(vec![
            branch("tableware", tableware, None, 0),
            branch("cups", "Cups & mugs", Some("tableware"), 1),
            branch("light", "Light", None, 0),
        ])
    }
    async fn addresses_after(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductAddress>, CatalogError> {
        self.0.addresses_after(tenant, after, limit).await
    }
    async fn cards(
        &self,
        tenant: TenantId,
        ids: &[ProductId],
        currency: Currency,
        locale: Option<&str>,
    ) -> Result<Vec<ProductSummary>, CatalogError> {
        self.0.cards(tenant, ids, currency, locale).await
    }
    async fn variants(
        &self,
        tx: &mut Tx<'_>,
        ids: &[VariantId],
    ) -> Result<Vec<VariantSnapshot>, Error> {
        self.0.variants(tx, ids).await
    }
    async fn collections_of(
        &self,
        tx: &mut Tx<'_>,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>, Error> {
        self.0.collections_of(tx, products).await
    }
    async fn upsert_product(
        &self,
        tx: &mut Tx<'_>,
        input: &ProductInput,
        cause: &Cause,
    ) -> Result<Upserted, CatalogError> {
        self.0.upsert_product(tx, input, cause).await
    }
    async fn upsert_collection(
        &self,
        tx: &mut Tx<'_>,
        input: &CollectionInput,
        cause: &Cause,
    ) -> Result<(), CatalogError> {
        self.0.upsert_collection(tx, input, cause).await
    }
    async fn put_listing_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[ListingPrice],
        cause: &Cause,
    ) -> Result<(), Error> {
        self.0.put_listing_prices(tx, prices, cause).await
    }
}

/// Answers with what it is given, and keeps what it was asked.
#[derive(Default)]
pub(crate) struct Finds {
    pub(crate) page: Mutex<Option<SearchPage>>,
    pub(crate) asked: Mutex<Vec<SearchQuery>>,
}

#[async_trait]
impl Search for Finds {
    async fn find(&self, _: TenantId, query: &SearchQuery) -> Result<SearchPage, SearchError> {
        self.asked.lock().expect("unpoisoned").push(query.clone());
        let page = self.page.lock().expect("unpoisoned").clone();
        page.ok_or(SearchError::Building)
    }
    async fn suggest(
        &self,
        _: TenantId,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Suggestions, SearchError> {
        Ok(Suggestions::default())
    }
    async fn similar(
        &self,
        _: TenantId,
        _: ProductId,
        _: u32,
    ) -> Result<Vec<ProductId>, SearchError> {
        Ok(Vec::new())
    }
}

/// Every picture is ours, 1600 by 2000, in two formats.
pub(crate) struct Gallery;

#[async_trait]
impl Media for Gallery {
    fn picture(&self, url: &str, width_max: u32) -> Option<Picture> {
        let source = |mime: &str, ending: &str| PictureSource {
            mime: mime.to_owned(),
            srcset: format!("{url}-{width_max}.{ending} {width_max}w"),
        };
        Some(Picture {
            width: 1_600,
            height: 2_000,
            src: format!("{url}-{width_max}.jpg"),
            sources: vec![source("image/avif", "avif"), source("image/jpeg", "jpg")],
        })
    }
    async fn import(&self, _: &mut Tx<'_>, _: &[ImageImport]) -> Result<Vec<ImportAnswer>, Error> {
        Ok(Vec::new())
    }
    async fn hold(&self, _: &mut Tx<'_>, _: &str, _: &[&str], _: &Cause) -> Result<(), Error> {
        Ok(())
    }
}

/// Sells in these currencies, whatever has a price in them.
pub(crate) struct SellsIn(pub(crate) Vec<Currency>);

#[async_trait]
impl Pricing for SellsIn {
    async fn currencies(&self, _: TenantId) -> Result<Vec<Currency>, Error> {
        Ok(self.0.clone())
    }
    async fn redeem(
        &self,
        _: &mut Tx<'_>,
        _: Redemption<'_>,
        _: &Cause,
    ) -> Result<(), RedeemError> {
        unreachable!("pages redeem nothing")
    }
    async fn unredeem(&self, _: &mut Tx<'_>, _: OrderId, _: &Cause) -> Result<(), Error> {
        unreachable!("pages redeem nothing")
    }
    async fn prepare_tax(&self, _: TenantId, _: &Destination) -> Result<(), Error> {
        unreachable!("carts and orders do")
    }
    async fn set_prices(&self, _: &mut Tx<'_>, _: &[NewPrice], _: &Cause) -> Result<(), Error> {
        unreachable!("pages set no prices")
    }
    async fn quote(&self, _: &mut Tx<'_>, _: &QuoteRequest) -> Result<Quote, QuoteError> {
        unreachable!("carts quote")
    }
    async fn shipping_options(
        &self,
        _: &mut Tx<'_>,
        _: &QuoteRequest,
    ) -> Result<Vec<ShippingOption>, QuoteError> {
        unreachable!("carts quote")
    }
    async fn ensure_settings(&self, _: TenantId, _: Currency) -> Result<(), Error> {
        unreachable!("pages set nothing")
    }
}
