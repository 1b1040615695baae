//! Products: what other modules may ask of `catalog`, and what it tells.

mod documents;
mod facts;
mod inputs;
mod views;

pub use documents::{DocumentTranslation, ProductAddress, ProductDocument};
pub use facts::{CollectionChanged, ProductChanged};
pub use inputs::{
    CategoryInput, CollectionInput, NamedComponent, ProductExtras, ProductInput, ProductRecord,
    UpsertOutcome, Upserted, VariantInput,
};
pub use views::{
    Attribute, CategoryLink, CategoryView, CollectionView, MediaLink, ProductOption,
    ProductSummary, ProductView, Seo, VariantView,
};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Currency, Money, ProductId, TenantId, VariantId};
use stoa_storage::{Cause, Tx};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductStatus {
    Draft,
    Active,
    Archived,
}

/// The languages of a shop, as BCP 47 tags in small letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShopLocales {
    /// What products are written in.
    pub main: String,
    /// Those they are translated into.
    #[serde(default)]
    pub others: Vec<String>,
}

/// What a product is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductKind {
    #[default]
    Physical,
    /// Files; never shipped.
    Digital,
    /// Bought to be given; never shipped.
    GiftCard,
    /// Made of variants of other products, and in stock while all of them are.
    Bundle,
}

/// So many units of a variant that one unit of a bundle is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// The bundle's variant.
    pub bundle: VariantId,
    pub variant: VariantId,
    pub quantity: u32,
}

/// What a buyer of a digital product gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigitalFile {
    pub name: String,
    /// An http(s) URL, or `media:` and the id of an upload.
    pub url: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductSort {
    /// The collection's own order; newest first where there is no collection.
    #[default]
    Featured,
    /// Newest first.
    Newest,
    Title,
    PriceAscending,
    PriceDescending,
}

/// What a shopper lists. At most one of `search` and `collection` is set.
#[derive(Debug, Clone)]
pub struct ProductQuery {
    /// Words looked for in titles and tags.
    pub search: Option<String>,
    /// A collection's handle.
    pub collection: Option<String>,
    pub sort: ProductSort,
    pub currency: Currency,
    /// 1 to 250.
    pub limit: u32,
    /// Opaque, from an earlier page of the same query.
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductPage {
    pub products: Vec<ProductSummary>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    #[error("the cursor is not one of this list")]
    Cursor,
    #[error("no collection `{handle}`")]
    UnknownCollection { handle: String },
    /// A bound or rule of the catalog, naming the field.
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

/// What a cart or an order line copies of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantSnapshot {
    pub variant: VariantId,
    pub product: ProductId,
    pub handle: String,
    pub product_title: String,
    pub variant_title: String,
    pub sku: Option<String>,
    pub image: Option<String>,
    /// Whether its product is published.
    pub active: bool,
    pub requires_shipping: bool,
    pub taxable: bool,
    pub grams: i64,
    /// Merchants put products into tax categories by it.
    pub product_type: Option<String>,
    /// Whether it is made of others: see [`Catalog::components`].
    pub bundle: bool,
}

/// A price as listings show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListingPrice {
    pub variant: VariantId,
    pub price: Money,
    pub compare_at: Option<Money>,
}

/// Products that one call of [`Catalog::documents`] or [`Catalog::documents_after`] tells of.
pub const DOCUMENTS_MAX: usize = 1_000;
/// Products that one call of [`Catalog::records_after`] tells of.
pub const RECORDS_MAX: usize = 250;
/// Products that one call of [`Catalog::cards`] tells of.
pub const CARDS_MAX: usize = 250;
/// Products that one call of [`Catalog::addresses_after`] tells of.
pub const ADDRESSES_MAX: usize = 10_000;

#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// The published product of a handle, with prices in `currency`: one round trip.
    async fn product(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
    ) -> Result<Option<ProductView>, CatalogError>;

    /// As [`Self::product`], in a language where it is said in it: what is not said in `pt-br` is
    /// looked for in `pt`, and is else shown as it was written. What is no language tag is none.
    async fn product_in(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
        locale: Option<&str>,
    ) -> Result<Option<ProductView>, CatalogError> {
        let _ = locale;
        self.product(tenant, handle, currency).await
    }

    /// As [`Self::products`], with titles of a language; the order is that of the titles as they
    /// were written.
    async fn products_in(
        &self,
        tenant: TenantId,
        query: &ProductQuery,
        locale: Option<&str>,
    ) -> Result<ProductPage, CatalogError> {
        let _ = locale;
        self.products(tenant, query).await
    }

    /// As [`Self::collections`], in a language.
    async fn collections_in(
        &self,
        tenant: TenantId,
        locale: Option<&str>,
    ) -> Result<Vec<CollectionView>, CatalogError> {
        let _ = locale;
        self.collections(tenant).await
    }

    /// As [`Self::collection`], in a language.
    async fn collection_in(
        &self,
        tenant: TenantId,
        handle: &str,
        locale: Option<&str>,
    ) -> Result<Option<CollectionView>, CatalogError> {
        let _ = locale;
        self.collection(tenant, handle).await
    }

    /// The languages of the shop; one that said nothing speaks English.
    async fn locales(&self, tenant: TenantId) -> Result<ShopLocales, CatalogError> {
        let _ = tenant;
        Ok(ShopLocales {
            main: "en".to_owned(),
            others: Vec::new(),
        })
    }

    /// The handle that a published product has now which had this one before: pages of the old
    /// handle redirect there.
    async fn moved_to(
        &self,
        tenant: TenantId,
        handle: &str,
    ) -> Result<Option<String>, CatalogError> {
        let _ = (tenant, handle);
        Ok(None)
    }

    /// Published products: one round trip.
    async fn products(
        &self,
        tenant: TenantId,
        query: &ProductQuery,
    ) -> Result<ProductPage, CatalogError>;

    /// All collections, by title.
    async fn collections(&self, tenant: TenantId) -> Result<Vec<CollectionView>, CatalogError>;

    async fn collection(
        &self,
        tenant: TenantId,
        handle: &str,
    ) -> Result<Option<CollectionView>, CatalogError>;

    /// The tree of categories: every branch before what grows from it, siblings in the merchant's
    /// order, titles in `locale` where they are said in it.
    async fn categories(
        &self,
        tenant: TenantId,
        locale: Option<&str>,
    ) -> Result<Vec<CategoryView>, CatalogError> {
        let _ = (tenant, locale);
        Ok(Vec::new())
    }

    /// All products as the merchant wrote them, whatever their status, in id order from the one
    /// after `after`: for exports. `limit` is 1 to [`RECORDS_MAX`]; a shorter page is the last one.
    async fn records_after(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductRecord>, CatalogError> {
        let _ = (tenant, after, limit);
        Ok(Vec::new())
    }

    /// The variants that have these SKUs: pairs in SKU, then id order. A SKU may stand at several.
    async fn variants_of_skus(
        &self,
        tx: &mut Tx<'_>,
        skus: &[String],
    ) -> Result<Vec<(String, VariantId)>, stoa_storage::Error> {
        let _ = (tx, skus);
        Ok(Vec::new())
    }

    /// Published products in id order, from the one after `after`: for a rebuild of an index. A
    /// bounded number of statements per page; `limit` is 1 to [`DOCUMENTS_MAX`]. A page shorter
    /// than `limit` is the last one.
    async fn documents_after(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        let _ = (tenant, after, limit);
        Ok(Vec::new())
    }

    /// Published products in id order, from the one after `after`: for sitemaps. `limit` is 1 to
    /// [`ADDRESSES_MAX`]; a page shorter than that is the last one. Worth overriding: this one
    /// reads the whole documents.
    async fn addresses_after(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductAddress>, CatalogError> {
        let limit = limit as usize;
        let (mut found, mut after) = (Vec::new(), after);
        while found.len() < limit {
            let asked = DOCUMENTS_MAX.min(limit - found.len());
            let page = self.documents_after(tenant, after, asked as u32).await?;
            after = page.last().map(|one| one.id);
            let last = page.len() < asked;
            let addresses = page.into_iter().map(|one| ProductAddress {
                id: one.id,
                handle: one.handle,
            });
            found.extend(addresses);
            if last {
                break;
            }
        }
        Ok(found)
    }

    /// Those of these products that are published, in id order; one that is absent is gone. At
    /// most [`DOCUMENTS_MAX`].
    async fn documents(
        &self,
        tenant: TenantId,
        ids: &[ProductId],
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        let _ = (tenant, ids);
        Ok(Vec::new())
    }

    /// Cards of the published ones of these products, in the order asked, with prices in
    /// `currency` and titles in `locale` where there is a translation. At most [`CARDS_MAX`].
    async fn cards(
        &self,
        tenant: TenantId,
        ids: &[ProductId],
        currency: Currency,
        locale: Option<&str>,
    ) -> Result<Vec<ProductSummary>, CatalogError> {
        let _ = (tenant, ids, currency, locale);
        Ok(Vec::new())
    }

    /// Snapshots of the variants that exist, in id order.
    async fn variants(
        &self,
        tx: &mut Tx<'_>,
        ids: &[VariantId],
    ) -> Result<Vec<VariantSnapshot>, stoa_storage::Error>;

    /// What those of these variants that are bundles are made of, by bundle. Stock is held for the
    /// components, never for the bundle itself.
    async fn components(
        &self,
        tx: &mut Tx<'_>,
        variants: &[VariantId],
    ) -> Result<Vec<Component>, stoa_storage::Error> {
        let _ = (tx, variants);
        Ok(Vec::new())
    }

    /// The files of those of these variants that are digital goods: for who bought them only.
    async fn digital_files(
        &self,
        tx: &mut Tx<'_>,
        variants: &[VariantId],
    ) -> Result<Vec<(VariantId, Vec<DigitalFile>)>, stoa_storage::Error> {
        let _ = (tx, variants);
        Ok(Vec::new())
    }

    /// Which collections hold these products: pairs of product and collection handle, in that order.
    async fn collections_of(
        &self,
        tx: &mut Tx<'_>,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>, stoa_storage::Error>;

    /// Creates or replaces the product with the input's handle. Variants are matched by their
    /// option values and keep their ids; those no longer named are removed.
    async fn upsert_product(
        &self,
        tx: &mut Tx<'_>,
        input: &ProductInput,
        cause: &Cause,
    ) -> Result<Upserted, CatalogError>;

    async fn upsert_collection(
        &self,
        tx: &mut Tx<'_>,
        input: &CollectionInput,
        cause: &Cause,
    ) -> Result<(), CatalogError>;

    /// Makes the category, the last of its siblings; one that has the handle stays as it is.
    async fn ensure_category(
        &self,
        tx: &mut Tx<'_>,
        input: &CategoryInput,
        cause: &Cause,
    ) -> Result<(), CatalogError> {
        let _ = (tx, cause);
        Err(CatalogError::Invalid {
            field: "handle".to_owned(),
            reason: format!("there is no tree for `{}`", input.handle),
        })
    }

    /// Fed by `pricing`, in the transaction that sets the price.
    async fn put_listing_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[ListingPrice],
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    /// Takes the listing prices of these variants and currencies back, where nothing prices them
    /// any more; fed by `pricing` as [`Self::put_listing_prices`] is. Those without one stay so.
    async fn remove_listing_prices(
        &self,
        tx: &mut Tx<'_>,
        gone: &[(VariantId, Currency)],
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error> {
        let _ = (tx, gone, cause);
        Ok(())
    }
}
