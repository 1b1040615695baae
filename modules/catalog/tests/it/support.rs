//! One shop with this module in it, and what tests ask of it. Asserts nothing itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::Value as Json;
use stoa_bus::{Consumer, JobHandler, JobOutcome};
use stoa_catalog::{MIGRATIONS, start};
use stoa_contracts::catalog::{
    Catalog, ListingPrice, ProductInput, ProductOption, ProductPage, ProductQuery, ProductSort,
    ProductStatus, ProductView, Seo, Upserted, VariantInput,
};
use stoa_contracts::inventory::AvailabilityChanged;
use stoa_kernel::{
    Actor, ApiKeyId, CellId, Currency, Envelope, EventId, Fact as _, Money, SeededIds, TenantId,
    Timestamp, VariantId,
};
use stoa_rest::{
    Caller, Credential, Front, Gate, PermissionSet, Problem, RequestTenant, RouterConfig,
    TenantInfo,
};
use stoa_storage::{Cause, Db, Error, Storage, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tokio::time::Instant;
use tower::ServiceExt as _;

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[MIGRATIONS]).await
}

const ANSWERS: &str = "catalog.answers";

/// A published product in sizes S and L.
pub(crate) fn shirt(handle: &str) -> ProductInput {
    ProductInput {
        handle: handle.to_owned(),
        title: format!("Shirt {handle}"),
        description_html: "<p>Cotton</p>".to_owned(),
        vendor: Some("Stoa".to_owned()),
        product_type: Some("Clothes".to_owned()),
        tags: vec!["Cotton".to_owned(), "100%".to_owned()],
        status: ProductStatus::Active,
        options: vec![ProductOption {
            name: "Size".to_owned(),
            values: vec!["S".to_owned(), "L".to_owned()],
        }],
        variants: vec![sized("S"), sized("L")],
        media: vec![stoa_contracts::catalog::MediaLink {
            url: "/media/shirt.svg".to_owned(),
            alt: "A shirt".to_owned(),
        }],
        seo: Seo::default(),
        gift_card: false,
        extras: None,
    }
}

pub(crate) fn sized(size: &str) -> VariantInput {
    VariantInput {
        option_values: vec![size.to_owned()],
        sku: Some(format!("SKU-{size}")),
        barcode: None,
        grams: 200,
        requires_shipping: true,
        taxable: true,
        image: None,
    }
}

pub(crate) fn by(sort: ProductSort) -> ProductQuery {
    ProductQuery {
        search: None,
        collection: None,
        sort,
        currency: Currency::EUR,
        limit: 50,
        cursor: None,
    }
}

pub(crate) fn handles(page: &ProductPage) -> Vec<&str> {
    page.products
        .iter()
        .map(|product| product.handle.as_str())
        .collect()
}

/// A tenant and the module, as one test uses them.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) db: Db,
    pub(crate) tenant: TenantId,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) stock: Arc<dyn Consumer>,
    jobs: Vec<Arc<dyn JobHandler>>,
    deps: stoa_contracts::Deps,
    pub(crate) now: Timestamp,
    pub(crate) storage: Storage,
    cell: CellId,
    router: Front,
}

impl Shop {
    pub(crate) async fn open(cells: &TestCells, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        Self::of(cells, tenant).await
    }

    /// The same shop in a process that has nothing in memory yet.
    pub(crate) async fn afresh(&self, cells: &TestCells) -> Self {
        Self::of(cells, self.tenant).await
    }

    async fn of(cells: &TestCells, tenant: TenantId) -> Self {
        let sanitise = |html: &str| html.replace("<script>", "");
        let module = start(cells.deps.clone(), [1; 32], sanitise);
        let now = cells.deps.now();
        let config = RouterConfig::new(Metrics::new(now), Arc::new(SeededIds::new(1)));
        Self {
            db: cells.db(tenant).await,
            tenant,
            catalog: module.contract,
            stock: module.consumers[0].clone(),
            jobs: module.jobs,
            deps: cells.deps.clone(),
            now,
            storage: cells.storage().clone(),
            cell: cells
                .storage()
                .tenant(tenant)
                .await
                .expect("the tenant")
                .cell,
            router: module
                .routes
                .into_front(Arc::new(OneShop { tenant }), config),
        }
    }

    pub(crate) fn cause(&self) -> Cause {
        Cause::system(self.now)
    }

    pub(crate) async fn upsert(&self, input: &ProductInput) -> Upserted {
        let (shop, input) = (self.clone(), input.clone());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.catalog.upsert_product(tx, &input, &shop.cause()).await
            })
            .await
            .expect("an upsert")
    }

    /// A product whose variants all cost `cents`.
    pub(crate) async fn priced(&self, handle: &str, cents: i64) -> Upserted {
        let made = self.upsert(&shirt(handle)).await;
        for (variant, _) in &made.variants {
            self.price(*variant, cents, None).await;
        }
        made
    }

    pub(crate) async fn price(&self, variant: VariantId, cents: i64, former: Option<i64>) {
        let price = ListingPrice {
            variant,
            price: Money::new(cents, Currency::EUR),
            compare_at: former.map(|cents| Money::new(cents, Currency::EUR)),
        };
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.catalog
                    .put_listing_prices(tx, &[price], &shop.cause())
                    .await
            })
            .await
            .expect("a price");
    }

    pub(crate) async fn product(&self, handle: &str) -> Option<ProductView> {
        self.catalog
            .product(self.tenant, handle, Currency::EUR)
            .await
            .expect("a read")
    }

    pub(crate) async fn products(&self, query: &ProductQuery) -> ProductPage {
        self.catalog
            .products(self.tenant, query)
            .await
            .expect("a page")
    }

    /// Tells the catalog of a level as the bus would.
    pub(crate) async fn hears(&self, variant: VariantId, available: bool, level_version: i64) {
        self.hears_all(&[(variant, available, level_version)]).await;
    }

    /// As [`Self::hears`], of several in one transaction.
    pub(crate) async fn hears_all(&self, levels: &[(VariantId, bool, i64)]) {
        let events: Vec<Envelope> = levels
            .iter()
            .map(|level| self.level_event(*level))
            .collect();
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                let events: Vec<&Envelope> = events.iter().collect();
                let handled = shop.stock.handle_all(tx, &events).await;
                handled.map_err(|error| Error::Json {
                    message: error.to_string(),
                })
            })
            .await
            .expect("a handled event");
    }

    /// Runs due jobs as a worker would, and tells what became of each; not those that store
    /// answers.
    pub(crate) async fn run_jobs(&self) -> Vec<JobOutcome> {
        let kinds = self.jobs.iter().map(|handler| handler.kind());
        let kinds: Vec<_> = kinds.filter(|kind| *kind != ANSWERS).collect();
        self.run_kinds(&kinds).await
    }

    /// Runs the due jobs that store answers.
    pub(crate) async fn store_answers(&self) -> Vec<JobOutcome> {
        self.run_kinds(&[ANSWERS]).await
    }

    async fn run_kinds(&self, kinds: &[&str]) -> Vec<JobOutcome> {
        let queue = self.storage.job_queue(self.cell).await.expect("the queue");
        let queue = queue.only(kinds);
        let now = self.deps.now();
        let lease = Duration::from_secs(60);
        let due = queue
            .claim("test".to_owned(), now, lease, 100)
            .await
            .expect("jobs");
        let mut outcomes = Vec::new();
        for job in due {
            let handler = self.jobs.iter().find(|handler| handler.kind() == job.kind);
            let outcome = handler.expect("a handler").run(&job).await;
            match &outcome {
                JobOutcome::Wait(at) => queue.retry(&job, *at, None, false).await.expect("a retry"),
                _ => queue.finish(&job).await.expect("a finish"),
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Events of this cell so far.
    fn level_event(&self, (variant, available, level_version): (VariantId, bool, i64)) -> Envelope {
        let fact = AvailabilityChanged {
            variant,
            available,
            level_version,
        };
        Envelope {
            id: EventId::from_parts(1, u128::from(level_version as u64)),
            subject: AvailabilityChanged::subject(),
            tenant: self.tenant,
            cell: self.cell,
            epoch: 1,
            seq: level_version,
            key: fact.key(),
            occurred_at: self.now,
            actor: Actor::System,
            causation: None,
            trace: None,
            payload: serde_json::to_value(&fact).expect("plain values"),
        }
    }

    pub(crate) async fn events(&self) -> usize {
        let log = self.storage.event_log(self.cell).await.expect("the log");
        log.sequence().await.expect("a sequence");
        log.after(0, 10_000).await.expect("events").len()
    }

    pub(crate) fn statements(&self) -> u64 {
        self.storage.stats().read().statements
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    /// As a merchant.
    pub(crate) async fn admin(
        &self,
        method: &str,
        path: &str,
        if_match: Option<&str>,
        body: Option<Json>,
    ) -> Answer {
        let mut headers = vec![("authorization", "Bearer sk_test")];
        headers.extend(if_match.map(|tag| ("if-match", tag)));
        self.send(method, path, &headers, body).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Json>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
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
            bytes: bytes.to_vec(),
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) json: Json,
    pub(crate) bytes: Vec<u8>,
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

/// Every host is this shop; every key is a merchant's.
struct OneShop {
    tenant: TenantId,
}

impl OneShop {
    fn tenant(&self) -> RequestTenant {
        RequestTenant::new(TenantInfo {
            id: self.tenant,
            slug: "shop".to_owned(),
            name: "Shop".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
        })
    }
}

#[async_trait]
impl Gate for OneShop {
    async fn tenant(&self, _: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        Ok(Some(self.tenant()))
    }

    fn known_tenant(&self, _: &str, _: Instant) -> Option<RequestTenant> {
        Some(self.tenant())
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let staff = Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions: PermissionSet::all(),
        };
        Ok(if credential.is_some() {
            staff
        } else {
            Caller::Anonymous
        })
    }
}
