//! One shop with this module in it, and a catalog that notes what it is told. Asserts nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde_json::Value as Json;
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::catalog::{
    Catalog, CatalogError, CollectionInput, CollectionView, ListingPrice, ProductInput,
    ProductPage, ProductQuery, ProductRecord, ProductStatus, ProductView, Seo, Upserted,
    VariantSnapshot,
};
use stoa_contracts::pricing::{
    AppliedPromotion, NewPrice, Pricing, Quote, QuoteError, QuoteLine, QuoteRequest, RedeemError,
    Redemption, ShippingOption,
};
use stoa_contracts::{Deps, Destination};
use stoa_kernel::{
    ApiKeyId, Currency, Money, OrderId, ProductId, Quantity, SeededIds, TenantId, Timestamp,
    VariantId,
};
use stoa_pricing::{Config, MIGRATIONS, start, start_with};
use stoa_rest::{
    Caller, Credential, Gate, PermissionSet, Problem, RequestTenant, RouterConfig, TenantInfo,
};
use stoa_storage::{Cause, Db, Error, Result, Storage, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tower::ServiceExt as _;

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[MIGRATIONS]).await
}

/// Variants below this exist in every shop's catalog.
pub(crate) const VARIANTS: u128 = 400;

pub(crate) fn variant(number: u128) -> VariantId {
    VariantId::from_u128(number)
}

pub(crate) fn euros(number: u128, cents: i64) -> NewPrice {
    NewPrice {
        variant: variant(number),
        price: Money::new(cents, Currency::EUR),
        compare_at: None,
    }
}

pub(crate) fn line(number: u128, units: u32) -> QuoteLine {
    QuoteLine {
        variant: variant(number),
        quantity: Quantity::new(units).expect("from 1 up"),
        requires_shipping: true,
        taxable: true,
        product: ProductId::from_u128(1),
        grams: 0,
        product_type: None,
        unit_price: None,
    }
}

pub(crate) fn request(lines: Vec<QuoteLine>, shipping: Option<&str>) -> QuoteRequest {
    QuoteRequest {
        currency: Currency::EUR,
        lines,
        destination: Destination::default(),
        shipping_option: shipping.map(str::to_owned),
        coupons: Vec::new(),
        email: None,
        customer: None,
    }
}

/// A tenant and the module, as one test uses them.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) db: Db,
    pub(crate) tenant: TenantId,
    pub(crate) pricing: Arc<dyn Pricing>,
    pub(crate) catalog: Arc<NotingCatalog>,
    pub(crate) now: Timestamp,
    deps: Deps,
    storage: Storage,
    jobs: Vec<Arc<dyn JobHandler>>,
    router: Router,
}

impl Shop {
    pub(crate) async fn open(cells: &TestCells, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        let catalog: Arc<NotingCatalog> = Arc::default();
        let config = Config {
            tax_providers_inside: true,
        };
        let module = start_with(cells.deps.clone(), catalog.clone(), config);
        let now = cells.deps.now();
        let config = RouterConfig::new(Metrics::new(now), Arc::new(SeededIds::new(1)));
        Self {
            db: cells.db(tenant).await,
            tenant,
            pricing: module.contract,
            catalog,
            now,
            deps: cells.deps.clone(),
            storage: cells.storage().clone(),
            jobs: module.jobs,
            router: module
                .routes
                .into_router(Arc::new(OneShop { tenant }), config),
        }
    }

    /// The same shop, as another process serves it.
    pub(crate) fn elsewhere(&self, cells: &TestCells) -> Self {
        let module = start(cells.deps.clone(), self.catalog.clone());
        Self {
            pricing: module.contract,
            jobs: module.jobs,
            ..self.clone()
        }
    }

    pub(crate) async fn set(&self, prices: &[NewPrice]) -> Result<()> {
        let (shop, prices) = (self.clone(), prices.to_vec());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.pricing
                    .set_prices(tx, &prices, &Cause::system(shop.now))
                    .await
            })
            .await
    }

    pub(crate) async fn quote(&self, request: QuoteRequest) -> Result<Quote, QuoteError> {
        let shop = self.clone();
        self.db
            .read(async move |tx: &mut Tx<'_>| shop.pricing.quote(tx, &request).await)
            .await
    }

    pub(crate) async fn options(
        &self,
        request: QuoteRequest,
    ) -> Result<Vec<ShippingOption>, QuoteError> {
        let shop = self.clone();
        self.db
            .read(async move |tx: &mut Tx<'_>| shop.pricing.shipping_options(tx, &request).await)
            .await
    }

    pub(crate) async fn redeem(
        &self,
        order: u128,
        promotions: Vec<AppliedPromotion>,
        email: &str,
    ) -> Result<(), RedeemError> {
        let (shop, email) = (self.clone(), email.to_owned());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                let redemption = Redemption {
                    order: OrderId::from_u128(order),
                    promotions: &promotions,
                    email: Some(&email),
                    customer: None,
                };
                let cause = Cause::system(shop.now);
                shop.pricing.redeem(tx, redemption, &cause).await
            })
            .await
    }

    pub(crate) async fn unredeem(&self, order: u128) {
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                let cause = Cause::system(shop.now);
                let order = OrderId::from_u128(order);
                shop.pricing.unredeem(tx, order, &cause).await
            })
            .await
            .expect("uses given back");
    }

    /// Makes a promotion, as a merchant; its answer.
    pub(crate) async fn promote(&self, terms: Json) -> Json {
        let key = terms["title"].as_str().unwrap_or("key").to_owned();
        let headers = [("idempotency-key", key.as_str())];
        let path = "/api/v1/admin/promotions";
        let made = self.send("POST", path, &headers, Some(terms)).await;
        assert_eq!(made.status, 201, "{}", made.json);
        made.json
    }

    /// Uses taken of a promotion.
    pub(crate) async fn uses(&self, promotion: &Json) -> i64 {
        let id = promotion["id"].as_str().expect("an id");
        let path = format!("/api/v1/admin/promotions/{id}");
        let read = self.send("GET", &path, &[], None).await;
        read.json["uses"].as_i64().expect("a number")
    }

    /// Statements sent to the database so far.
    pub(crate) fn statements(&self) -> u64 {
        self.storage.stats().read().statements
    }

    /// Runs due jobs as a worker would, and tells what became of each.
    pub(crate) async fn run_jobs(&self) -> Vec<JobOutcome> {
        let cell = self.storage.tenant(self.tenant).await.expect("a tenant");
        let queue = self.storage.job_queue(cell.cell).await.expect("the queue");
        let (now, lease) = (self.deps.now(), Duration::from_secs(60));
        let claimed = queue.claim("test".to_owned(), now, lease, 100);
        let mut outcomes = Vec::new();
        for job in claimed.await.expect("jobs") {
            let handler = self.jobs.iter().find(|handler| handler.kind() == job.kind);
            let outcome = handler.expect("a handler").run(&job).await;
            let kept = match &outcome {
                JobOutcome::Done => queue.finish(&job).await,
                JobOutcome::Wait(at) => queue.retry(&job, *at, None, false).await,
                JobOutcome::Failed(error) | JobOutcome::Dead(error) => {
                    let error = Some(error.clone());
                    queue.retry(&job, now, error, true).await
                }
            };
            kept.expect("an outcome kept");
            outcomes.push(outcome);
        }
        outcomes
    }

    /// What listings show of a variant: the price, and the former one.
    pub(crate) fn listed(&self, number: u128, currency: Currency) -> Option<(i64, Option<i64>)> {
        let key = (self.tenant, variant(number), currency);
        self.catalog.listed.lock().get(&key).copied()
    }

    /// What the catalog was told since it was last asked.
    pub(crate) fn told(&self) -> Vec<ListingPrice> {
        std::mem::take(&mut *self.catalog.told.lock())
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Json>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer sk_test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(json) => {
                request = request.header("content-type", "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).expect("a request");
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            json,
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) json: Json,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
    /// Status, code and the first field named.
    pub(crate) fn refusal(&self) -> (u16, &str, &str) {
        (
            self.status,
            self.json["code"].as_str().unwrap_or_default(),
            self.json["errors"][0]["field"].as_str().unwrap_or_default(),
        )
    }
}

/// Every tenth variant is of product 2, the others are of product 1.
fn product_of(variant: VariantId) -> ProductId {
    ProductId::from_u128(if variant.as_u128().is_multiple_of(10) {
        2
    } else {
        1
    })
}

/// Where a listing price stands.
type Place = (TenantId, VariantId, Currency);

/// Knows variants 0 to 399, and notes the listing prices it is told.
#[derive(Default)]
pub(crate) struct NotingCatalog {
    told: Mutex<Vec<ListingPrice>>,
    pub(crate) asked_collections: Mutex<u32>,
    listed: Mutex<BTreeMap<Place, (i64, Option<i64>)>>,
    /// Calls after which listing prices are refused, and how many there were.
    pub(crate) puts_left: Mutex<Option<u32>>,
}

#[async_trait]
impl Catalog for NotingCatalog {
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
    async fn variants(&self, _: &mut Tx<'_>, ids: &[VariantId]) -> Result<Vec<VariantSnapshot>> {
        let known = ids.iter().filter(|id| id.as_u128() < VARIANTS);
        Ok(known
            .map(|id| VariantSnapshot {
                variant: *id,
                product: product_of(*id),
                handle: "shirt".to_owned(),
                product_title: "Shirt".to_owned(),
                variant_title: "Default".to_owned(),
                sku: None,
                image: None,
                active: true,
                requires_shipping: true,
                taxable: true,
                grams: 0,
                product_type: None,
                bundle: false,
            })
            .collect())
    }
    /// Product 1 is by `Weaver`, with the tag `linen`.
    async fn records_after(
        &self,
        _: TenantId,
        after: Option<ProductId>,
        _: u32,
    ) -> Result<Vec<ProductRecord>, CatalogError> {
        let id = after.map_or(0, |id| id.as_u128() + 1);
        let is_first = id == 1;
        Ok(vec![ProductRecord {
            id: ProductId::from_u128(id),
            input: ProductInput {
                handle: format!("product-{id}"),
                title: "Product".to_owned(),
                description_html: String::new(),
                vendor: is_first.then(|| "Weaver".to_owned()),
                product_type: None,
                tags: if is_first {
                    vec!["linen".to_owned()]
                } else {
                    Vec::new()
                },
                status: ProductStatus::Active,
                options: Vec::new(),
                variants: Vec::new(),
                media: Vec::new(),
                seo: Seo::default(),
                gift_card: false,
                extras: None,
            },
            variants: Vec::new(),
        }])
    }
    /// Product 1 is in `summer`.
    async fn collections_of(
        &self,
        _: &mut Tx<'_>,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>> {
        *self.asked_collections.lock() += 1;
        let held = products.iter().filter(|id| id.as_u128() == 1);
        Ok(held.map(|id| (*id, "summer".to_owned())).take(1).collect())
    }
    async fn upsert_product(
        &self,
        _: &mut Tx<'_>,
        _: &ProductInput,
        _: &Cause,
    ) -> Result<Upserted, CatalogError> {
        Err(CatalogError::Cursor)
    }
    async fn upsert_collection(
        &self,
        _: &mut Tx<'_>,
        _: &CollectionInput,
        _: &Cause,
    ) -> Result<(), CatalogError> {
        Err(CatalogError::Cursor)
    }
    async fn put_listing_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[ListingPrice],
        _: &Cause,
    ) -> Result<()> {
        if let Some(left) = &mut *self.puts_left.lock() {
            let message = "the listings are out of order".to_owned();
            *left = left.checked_sub(1).ok_or(Error::Json { message })?;
        }
        let mut listed = self.listed.lock();
        for each in prices {
            let key = (tx.tenant(), each.variant, each.price.currency);
            let former = each.compare_at.map(|former| former.amount);
            listed.insert(key, (each.price.amount, former));
        }
        self.told.lock().extend_from_slice(prices);
        Ok(())
    }
    async fn remove_listing_prices(
        &self,
        tx: &mut Tx<'_>,
        gone: &[(VariantId, Currency)],
        _: &Cause,
    ) -> Result<()> {
        let mut listed = self.listed.lock();
        for (variant, currency) in gone {
            listed.remove(&(tx.tenant(), *variant, *currency));
        }
        Ok(())
    }
}

/// Every host is this shop; every key is a merchant's.
struct OneShop {
    tenant: TenantId,
}

#[async_trait]
impl Gate for OneShop {
    async fn tenant(&self, _: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        Ok(Some(RequestTenant::new(TenantInfo {
            id: self.tenant,
            slug: "shop".to_owned(),
            name: "Shop".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
        })))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        _: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions: PermissionSet::all(),
        })
    }
}
