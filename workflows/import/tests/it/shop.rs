//! One shop with the real modules in it, and what tests ask of it. Asserts nothing itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value as Json;
use stoa_bus::{JobHandler, JobOutcome, Recurring};
use stoa_contracts::catalog::{Catalog, ProductQuery, ProductSort, ProductView};
use stoa_contracts::inventory::{Availability, Inventory};
use stoa_contracts::pricing::Pricing;
use stoa_import::shopify::RowIssue;
use stoa_import::{ExportKind, ImportError, ImportOptions, Importer, Report};
use stoa_kernel::{Actor, ApiKeyId, CellId, Currency, ImportId, SeededIds, TenantId, VariantId};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, PermissionSet, Problem, RequestTenant, RouterConfig,
    Routes, TenantInfo,
};
use stoa_storage::{ClaimedJob, JobQueue, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tower::ServiceExt as _;

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[
        stoa_catalog::MIGRATIONS,
        stoa_pricing::MIGRATIONS,
        stoa_inventory::MIGRATIONS,
        stoa_import::MIGRATIONS,
        stoa_media::MIGRATIONS,
    ])
    .await
}

/// A tenant and the modules, as one test uses them.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) cells: Arc<TestCells>,
    pub(crate) tenant: TenantId,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) pricing: Arc<dyn Pricing>,
    pub(crate) inventory: Arc<dyn Inventory>,
    pub(crate) importer: Importer,
    job: Arc<dyn JobHandler>,
    sweep: Arc<dyn Recurring>,
    router: Router,
}

impl Shop {
    pub(crate) async fn open(cells: &Arc<TestCells>, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        let deps = cells.deps.clone();
        let catalog =
            stoa_catalog::start(deps.clone(), [1; 32], stoa_import::sanitise_description).contract;
        let pricing = stoa_pricing::start(deps.clone(), catalog.clone()).contract;
        let inventory = stoa_inventory::start(deps, CursorKey::new([1; 32])).contract;
        Self::with(cells, tenant, catalog, pricing, inventory)
    }

    /// The same shop after a restart, which may come with another catalog.
    pub(crate) fn restarted(&self, catalog: Arc<dyn Catalog>) -> Self {
        let (pricing, inventory) = (self.pricing.clone(), self.inventory.clone());
        Self::with(&self.cells, self.tenant, catalog, pricing, inventory)
    }

    fn with(
        cells: &Arc<TestCells>,
        tenant: TenantId,
        catalog: Arc<dyn Catalog>,
        pricing: Arc<dyn Pricing>,
        inventory: Arc<dyn Inventory>,
    ) -> Self {
        let mut module = stoa_import::start(
            cells.deps.clone(),
            catalog.clone(),
            pricing.clone(),
            inventory.clone(),
            CursorKey::new([2; 32]),
        );
        Self {
            cells: cells.clone(),
            tenant,
            catalog,
            pricing,
            inventory,
            importer: module.importer,
            job: module.jobs.remove(0),
            sweep: module.recurring.remove(0),
            router: router(cells, tenant, module.routes),
        }
    }

    /// Imports a file to its end.
    pub(crate) async fn import(&self, file: &[u8], set_stock: bool) -> Result<Report, ImportError> {
        let options = ImportOptions {
            set_stock,
            actor: Actor::Operator,
        };
        self.importer
            .import_now(self.tenant, file, options, |_| {})
            .await
    }

    /// Imports a file of stock levels to its end.
    pub(crate) async fn count(&self, file: &[u8]) -> Result<Report, ImportError> {
        let options = ImportOptions {
            set_stock: false,
            actor: Actor::Operator,
        };
        self.importer
            .import_inventory_now(self.tenant, file, options, |_| {})
            .await
    }

    /// A whole file of what the shop has.
    pub(crate) async fn export(&self, kind: ExportKind) -> String {
        let export = self.importer.export(self.tenant, kind).await;
        let (mut export, mut file) = (export.expect("an export"), String::new());
        while let Some(piece) = export.next().await.expect("a piece") {
            file += &piece;
        }
        file
    }

    pub(crate) async fn issues(&self, id: ImportId) -> Vec<RowIssue> {
        self.importer
            .issues(self.tenant, id, 0, 250)
            .await
            .expect("issues")
    }

    pub(crate) async fn product(&self, handle: &str) -> Option<ProductView> {
        self.catalog
            .product(self.tenant, handle, Currency::EUR)
            .await
            .expect("a read")
    }

    /// Handles of all published products.
    pub(crate) async fn published(&self) -> Vec<String> {
        let mut query = ProductQuery {
            search: None,
            collection: None,
            sort: ProductSort::Title,
            currency: Currency::EUR,
            limit: 250,
            cursor: None,
        };
        let mut handles = Vec::new();
        loop {
            let page = self.catalog.products(self.tenant, &query).await;
            let page = page.expect("a list");
            handles.extend(page.products.into_iter().map(|product| product.handle));
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                return handles;
            }
        }
    }

    pub(crate) async fn availability(&self, variants: &[VariantId]) -> Vec<Availability> {
        let (inventory, variants) = (self.inventory.clone(), variants.to_vec());
        let db = self.cells.db(self.tenant).await;
        db.read(async move |tx: &mut Tx<'_>| inventory.availability(tx, &variants).await)
            .await
            .expect("a read")
    }

    /// Units of each variant of a product, `None` where backorders make them boundless.
    pub(crate) async fn units(&self, handle: &str) -> Vec<Option<i64>> {
        let product = self.product(handle).await.expect(handle);
        let variants: Vec<_> = product.variants.iter().map(|variant| variant.id).collect();
        let found = self.availability(&variants).await;
        found.into_iter().map(|found| found.units).collect()
    }

    /// How many events this tenant has published.
    pub(crate) async fn events(&self) -> usize {
        let mut told = 0;
        let storage = self.cells.storage();
        for cell in storage.cells().await.expect("cells") {
            let log = storage.event_log(cell).await.expect("a log");
            while log.sequence().await.expect("sequencing") > 0 {}
            let mut position = 0;
            loop {
                let events = log.after(position, 1_000).await.expect("events");
                let Some(last) = events.last() else { break };
                position = last.seq;
                told += events
                    .iter()
                    .filter(|event| event.tenant == self.tenant)
                    .count();
            }
        }
        told
    }

    pub(crate) async fn cell(&self) -> CellId {
        let tenant = self.cells.storage().tenant(self.tenant).await;
        tenant.expect("the tenant").cell
    }

    pub(crate) async fn queue(&self) -> JobQueue {
        let cell = self.cell().await;
        let queue = self.cells.storage().job_queue(cell).await;
        queue.expect("the cell's jobs")
    }

    /// Leases the one due import of this tenant; other modules' jobs are not looked at.
    pub(crate) async fn claim(&self) -> Option<ClaimedJob> {
        let (queue, now) = (self.queue().await, self.cells.deps.now());
        let queue = queue.only(&["import.run"]);
        let lease = Duration::from_secs(60);
        let mut claimed = queue
            .claim("test".to_owned(), now, lease, 10)
            .await
            .expect("a claim");
        assert!(claimed.len() <= 1, "{claimed:?}");
        claimed.pop()
    }

    pub(crate) async fn run_job(&self, job: &ClaimedJob) -> JobOutcome {
        self.job.run(job).await
    }

    /// Runs due jobs as the worker does, until none is left; the clock moves to where they wait.
    pub(crate) async fn work(&self) {
        let queue = self.queue().await;
        while let Some(job) = self.claim().await {
            match self.run_job(&job).await {
                JobOutcome::Done => queue.finish(&job).await.expect("finished"),
                JobOutcome::Wait(at) => {
                    let waits = at.since(self.cells.deps.now());
                    self.cells.clock.advance(waits);
                    queue.retry(&job, at, None, false).await.expect("put back");
                }
                other => panic!("{}: {other:?}", self.cells.kind),
            }
        }
    }

    pub(crate) async fn sweep(&self) {
        let (cell, now) = (self.cell().await, self.cells.deps.now());
        self.sweep.run(cell, now).await.expect("a sweep");
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn upload(&self, query: &str, file: impl Into<Body>) -> Answer {
        let path = format!("/api/v1/admin/imports{query}");
        self.send("POST", &path, &[("content-type", "text/csv")], file.into())
            .await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        ask(&self.router, method, path, headers, body).await
    }
}

/// A module's routes as this shop's clients meet them.
pub(crate) fn router(cells: &TestCells, tenant: TenantId, routes: Routes) -> Router {
    let metrics = Metrics::new(cells.deps.now());
    let config = RouterConfig::new(metrics, Arc::new(SeededIds::new(1)));
    routes.into_router(Arc::new(OneShop { tenant }), config)
}

/// Asks as staff who may do everything, unless the headers name another key.
pub(crate) async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "shop");
    if !headers.iter().any(|(name, _)| *name == "authorization") {
        request = request.header("authorization", "Bearer sk_all");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).expect("a request");
    let Ok(response) = router.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    let location = parts.headers.get("location");
    Answer {
        status: parts.status.as_u16(),
        location: location.map(|value| value.to_str().expect("ASCII").to_owned()),
        json: serde_json::from_slice(&bytes).unwrap_or(Json::Null),
        text: String::from_utf8_lossy(&bytes).into_owned(),
        bytes: bytes.to_vec(),
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) json: Json,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or_default())
    }
}

/// Lets in whoever asks: `sk_all` may do everything, others nothing.
struct OneShop {
    tenant: TenantId,
}

#[async_trait]
impl Gate for OneShop {
    async fn tenant(
        &self,
        _host: &str,
        _header: Option<&str>,
    ) -> Result<Option<RequestTenant>, Problem> {
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
        _tenant: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let all = credential.is_some_and(|credential| credential.secret() == "sk_all");
        let permissions = if all {
            PermissionSet::all()
        } else {
            PermissionSet::EMPTY
        };
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions,
        })
    }
}
