//! The use cases of the catalog and its contract. Holds no SQL and no HTTP.

mod answering;
mod bulk;
mod bundling;
mod categories;
mod collecting;
mod editing;
mod pictures;
mod publishing;
mod reading;
mod records;
mod regrouping;
mod shaping;
mod stock;
mod translating;
mod writing;

pub(crate) use answering::{AnswerJob, Answering};
pub(crate) use bulk::BulkJob;
pub(crate) use categories::{CategoryDraft, Placed, links};
pub(crate) use collecting::FoundCollection;
pub(crate) use editing::{Draft, EditError, check_version};
pub(crate) use pictures::PictureConsumer;
pub(crate) use publishing::PublishingJob;
pub(crate) use reading::{ListRequest, order_of};
pub(crate) use regrouping::RegroupJob;
pub(crate) use shaping::Memory;
pub(crate) use stock::StockConsumer;
pub(crate) use translating::{Subject, translate_cards};

use std::sync::Arc;

use async_trait::async_trait;
use stoa_contracts::Deps;
use stoa_contracts::catalog::{
    ADDRESSES_MAX, CARDS_MAX, Catalog, CatalogError, CategoryInput, CategoryView, CollectionInput,
    CollectionView, Component, DOCUMENTS_MAX, DigitalFile, ListingPrice, ProductAddress,
    ProductDocument, ProductInput, ProductPage, ProductQuery, ProductRecord, ProductSummary,
    ProductView, RECORDS_MAX, ShopLocales, Upserted, VariantSnapshot,
};
use stoa_contracts::media::Media;
use stoa_kernel::{Currency, ProductId, TenantId, VariantId};
use stoa_rest::CursorKey;
use stoa_storage::{Cause, Error, Result, Tx};

use crate::cache::ProductCache;
use crate::domain::{Flaw, may_be_handle};
use crate::infrastructure::{collections, documents, extras, handles, listings};

/// Everything a use case needs.
pub(crate) struct App {
    pub(crate) deps: Deps,
    pub(crate) cache: Arc<ProductCache>,
    pub(crate) memory: Memory,
    pub(crate) answering: Arc<Answering>,
    pub(crate) cursors: CursorKey,
    /// Makes HTML that somebody sent safe to show.
    pub(crate) sanitise: fn(&str) -> String,
    pub(crate) media: Option<Arc<dyn Media>>,
}

impl From<Flaw> for CatalogError {
    fn from(flaw: Flaw) -> Self {
        Self::Invalid {
            field: flaw.field,
            reason: flaw.reason,
        }
    }
}

#[async_trait]
impl Catalog for App {
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
        let found = self
            .cached_product(tenant, handle, currency, locale)
            .await?;
        let view = found.product().map(|product| product.view().cloned());
        Ok(view.transpose().map_err(Error::from)?)
    }

    async fn moved_to(
        &self,
        tenant: TenantId,
        handle: &str,
    ) -> Result<Option<String>, CatalogError> {
        if !may_be_handle(handle) {
            return Ok(None);
        }
        let db = self.deps.storage.db(tenant).await?;
        Ok(handles::moved(&db, handle).await?)
    }

    async fn products(
        &self,
        tenant: TenantId,
        query: &ProductQuery,
    ) -> Result<ProductPage, CatalogError> {
        self.list(tenant, &ListRequest::of(query)?).await
    }

    async fn products_in(
        &self,
        tenant: TenantId,
        query: &ProductQuery,
        locale: Option<&str>,
    ) -> Result<ProductPage, CatalogError> {
        let mut request = ListRequest::of(query)?;
        request.locale = locale.map(str::to_owned);
        self.list(tenant, &request).await
    }

    async fn collections_in(
        &self,
        tenant: TenantId,
        locale: Option<&str>,
    ) -> Result<Vec<CollectionView>, CatalogError> {
        let mut found = self.collections(tenant).await?;
        self.translate_collections(tenant, &mut found, locale)
            .await?;
        Ok(found)
    }

    async fn collection_in(
        &self,
        tenant: TenantId,
        handle: &str,
        locale: Option<&str>,
    ) -> Result<Option<CollectionView>, CatalogError> {
        let mut found: Vec<_> = self.collection(tenant, handle).await?.into_iter().collect();
        self.translate_collections(tenant, &mut found, locale)
            .await?;
        Ok(found.pop())
    }

    async fn locales(&self, tenant: TenantId) -> Result<ShopLocales, CatalogError> {
        Ok(self.shop_locales(tenant).await?)
    }

    async fn collections(&self, tenant: TenantId) -> Result<Vec<CollectionView>, CatalogError> {
        let db = self.deps.storage.db(tenant).await?;
        let all = crate::domain::COLLECTIONS_MAX as i64;
        Ok(collections::list(&db, None, all).await?)
    }

    async fn collection(
        &self,
        tenant: TenantId,
        handle: &str,
    ) -> Result<Option<CollectionView>, CatalogError> {
        let db = self.deps.storage.db(tenant).await?;
        Ok(collections::by_handle(&db, handle).await?)
    }

    async fn categories(
        &self,
        tenant: TenantId,
        locale: Option<&str>,
    ) -> Result<Vec<CategoryView>, CatalogError> {
        self.category_views(tenant, locale).await
    }

    async fn records_after(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductRecord>, CatalogError> {
        if !(1..=RECORDS_MAX).contains(&(limit as usize)) {
            return Err(Flaw::new("limit", format!("is 1 to {RECORDS_MAX}")).into());
        }
        self.records_page(tenant, after, i64::from(limit)).await
    }

    async fn variants_of_skus(
        &self,
        tx: &mut Tx<'_>,
        skus: &[String],
    ) -> Result<Vec<(String, VariantId)>> {
        handles::of_skus(tx, skus).await
    }

    async fn documents_after(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        if !(1..=DOCUMENTS_MAX).contains(&(limit as usize)) {
            return Err(Flaw::new("limit", format!("is 1 to {DOCUMENTS_MAX}")).into());
        }
        self.documents_page(tenant, after, i64::from(limit)).await
    }

    async fn addresses_after(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductAddress>, CatalogError> {
        if !(1..=ADDRESSES_MAX).contains(&(limit as usize)) {
            return Err(Flaw::new("limit", format!("is 1 to {ADDRESSES_MAX}")).into());
        }
        let db = self.deps.storage.db(tenant).await?;
        Ok(documents::addresses(&db, after, i64::from(limit)).await?)
    }

    async fn documents(
        &self,
        tenant: TenantId,
        ids: &[ProductId],
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        if ids.len() > DOCUMENTS_MAX {
            return Err(Flaw::new("ids", format!("holds at most {DOCUMENTS_MAX}")).into());
        }
        self.documents_of(tenant, ids).await
    }

    async fn cards(
        &self,
        tenant: TenantId,
        ids: &[ProductId],
        currency: Currency,
        locale: Option<&str>,
    ) -> Result<Vec<ProductSummary>, CatalogError> {
        if ids.len() > CARDS_MAX {
            return Err(Flaw::new("ids", format!("holds at most {CARDS_MAX}")).into());
        }
        let db = self.deps.storage.db(tenant).await?;
        let mut cards = documents::cards(&db, ids, currency, self.deps.now()).await?;
        translate_cards(&db, &mut cards, locale).await?;
        Ok(cards)
    }

    async fn variants(&self, tx: &mut Tx<'_>, ids: &[VariantId]) -> Result<Vec<VariantSnapshot>> {
        listings::snapshots(tx, ids, self.deps.now()).await
    }

    async fn components(&self, tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<Vec<Component>> {
        extras::components(tx, variants).await
    }

    async fn digital_files(
        &self,
        tx: &mut Tx<'_>,
        variants: &[VariantId],
    ) -> Result<Vec<(VariantId, Vec<DigitalFile>)>> {
        extras::files(tx, variants).await
    }

    async fn collections_of(
        &self,
        tx: &mut Tx<'_>,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>> {
        collections::holding(tx, products).await
    }

    async fn upsert_product(
        &self,
        tx: &mut Tx<'_>,
        input: &ProductInput,
        cause: &Cause,
    ) -> Result<Upserted, CatalogError> {
        self.upsert_with_pictures(tx, input, cause).await
    }

    async fn upsert_collection(
        &self,
        tx: &mut Tx<'_>,
        input: &CollectionInput,
        cause: &Cause,
    ) -> Result<(), CatalogError> {
        self.upsert_collection_row(tx, input, cause).await
    }

    async fn ensure_category(
        &self,
        tx: &mut Tx<'_>,
        input: &CategoryInput,
        cause: &Cause,
    ) -> Result<(), CatalogError> {
        self.ensure_category_row(tx, input, cause).await
    }

    async fn put_listing_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[ListingPrice],
        cause: &Cause,
    ) -> Result<()> {
        self.put_prices(tx, prices, cause).await
    }

    async fn remove_listing_prices(
        &self,
        tx: &mut Tx<'_>,
        gone: &[(VariantId, Currency)],
        cause: &Cause,
    ) -> Result<()> {
        self.remove_prices(tx, gone, cause).await
    }
}
