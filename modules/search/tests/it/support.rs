//! A process that searches, and what tests ask of it. Asserts nothing itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value as Json;
use stoa_contracts::catalog::{Catalog, ProductChanged, ProductDocument};
use stoa_contracts::search::{Search, SearchError, SearchFilter, SearchPage, SearchQuery};
use stoa_kernel::{ApiKeyId, Currency, ProductId, SeededIds, TenantId};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, PermissionSet, Problem, RequestTenant, RouterConfig,
    TenantInfo,
};
use stoa_search::{MIGRATIONS, SearchConfig, start};
use stoa_storage::{Cause, Error, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::shelf::Shelf;

/// Facets of more products than these are estimates, those that ignore a filter of half as many.
pub(crate) const LOOKED_AT_MAX: usize = 600;

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[MIGRATIONS]).await
}

/// With the tables of the real catalog.
pub(crate) async fn with_catalog() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[stoa_catalog::MIGRATIONS, MIGRATIONS]).await
}

pub(crate) async fn sqlite() -> TestCells {
    stoa_testkit::sqlite(&[MIGRATIONS], stoa_storage::Isolation::Shared).await
}

/// One process's search over a folder.
pub(crate) struct Process {
    pub(crate) search: Arc<dyn Search>,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    stop: watch::Sender<bool>,
    following: JoinHandle<()>,
}

impl Process {
    pub(crate) fn start(cells: &TestCells, shelf: &Arc<Shelf>, folder: &Path) -> Self {
        Self::over(cells, shelf.clone(), folder)
    }

    pub(crate) fn over(cells: &TestCells, catalog: Arc<dyn Catalog>, folder: &Path) -> Self {
        let mut config = SearchConfig::new(folder);
        config.every = Duration::from_millis(20);
        config.settle = Duration::from_millis(100);
        config.open_max = 3;
        config.looked_at_max = LOOKED_AT_MAX;
        let metrics = Metrics::new(cells.deps.now());
        let module = start(
            cells.deps.clone(),
            config,
            catalog,
            CursorKey::new([3; 32]),
            &metrics,
        );
        let router_config = RouterConfig::new(metrics.clone(), Arc::new(SeededIds::new(1)));
        let (stop, stopped) = watch::channel(false);
        Self {
            search: module.contract,
            router: module.routes.into_router(Arc::new(ByHost), router_config),
            metrics,
            stop,
            following: tokio::spawn(module.follower.run(stopped)),
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.following.await.expect("the follower ends");
    }

    /// As a crash would: nothing is committed on the way out.
    pub(crate) async fn crash(self) {
        self.following.abort();
        assert!(self.following.await.is_err());
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        tenant: TenantId,
        path: &str,
        body: Option<Json>,
    ) -> (u16, Json) {
        call(&self.router, method, tenant, path, body).await
    }

    pub(crate) async fn status(&self, tenant: TenantId) -> Json {
        self.call("GET", tenant, "/api/v1/admin/search", None)
            .await
            .1
    }

    /// The value of a metric without labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
            .unwrap_or_default()
    }

    pub(crate) fn rebuilds(&self, reason: &str) -> u64 {
        self.metric(&format!(
            "stoa_search_rebuilds_total{{reason=\"{reason}\"}}"
        ))
    }
}

/// As staff of the tenant.
pub(crate) async fn call(
    router: &Router,
    method: &str,
    tenant: TenantId,
    path: &str,
    body: Option<Json>,
) -> (u16, Json) {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", format!("{}.test", tenant.as_u128()))
        .header("if-match", "*")
        .header("authorization", "Bearer sk_test");
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
    let request = request.body(body).expect("a request");
    let response = router.clone().oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a body");
    let json = serde_json::from_slice(&bytes.to_bytes()).unwrap_or(Json::Null);
    (status, json)
}

/// One tenant, its catalog and a process that searches.
pub(crate) struct Shop<'c> {
    pub(crate) cells: &'c TestCells,
    pub(crate) tenant: TenantId,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) process: Process,
    folder: tempfile::TempDir,
}

impl<'c> Shop<'c> {
    pub(crate) async fn open(cells: &'c TestCells, slug: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Arc::new(Shelf::default());
        Self {
            cells,
            tenant: cells.tenant(slug).await,
            process: Process::start(cells, &shelf, folder.path()),
            shelf,
            folder,
        }
    }

    /// With these products, all found.
    pub(crate) async fn with(
        cells: &'c TestCells,
        slug: &str,
        products: Vec<ProductDocument>,
    ) -> Self {
        let shop = Self::open(cells, slug).await;
        shop.put(products).await;
        shop.settled().await;
        shop
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join(self.tenant.to_string())
    }

    /// Ends the process; one over another folder stands in its place.
    pub(crate) async fn stop(&mut self) {
        let nowhere = self.folder.path().join("nowhere");
        let idle = Process::start(self.cells, &self.shelf, &nowhere);
        std::mem::replace(&mut self.process, idle).stop().await;
    }

    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        let next = Process::start(self.cells, &self.shelf, self.folder.path());
        std::mem::replace(&mut self.process, next).stop().await;
    }

    /// Another process, over a folder of its own that it shares with those started alike.
    pub(crate) fn start_beside(&self) -> Process {
        let beside = self.folder.path().join("beside");
        Process::start(self.cells, &self.shelf, &beside)
    }

    pub(crate) async fn put(&self, products: Vec<ProductDocument>) {
        let mut ids = Vec::new();
        for product in products {
            ids.push(product.id);
            self.shelf.put(self.tenant, product);
        }
        tell(self.cells, self.tenant, ids).await;
    }

    pub(crate) async fn remove(&self, product: ProductId) {
        self.shelf.take(self.tenant, product);
        tell(self.cells, self.tenant, vec![product]).await;
    }

    /// Waits until everything told so far is in the index.
    pub(crate) async fn settled(&self) {
        settled(self.cells, &self.process, self.tenant).await;
    }

    pub(crate) async fn find(&self, query: &SearchQuery) -> SearchPage {
        self.process
            .search
            .find(self.tenant, query)
            .await
            .expect("a page")
    }

    /// Numbers of the products found for a text.
    pub(crate) async fn numbers(&self, text: &str) -> Vec<u128> {
        numbers(&self.find(&text_query(text)).await)
    }
}

/// Publishes that products changed, and gives the events their places.
pub(crate) async fn tell(cells: &TestCells, tenant: TenantId, products: Vec<ProductId>) {
    let (ids, now) = (cells.deps.ids.clone(), cells.deps.now());
    let db = cells.db(tenant).await;
    let told = db.write(async move |tx: &mut Tx<'_>| {
        for product in &products {
            let fact = ProductChanged {
                product: *product,
                handle: String::new(),
            };
            tx.emit(ids.make(now), &Cause::system(now), &fact).await?;
        }
        Ok::<_, Error>(())
    });
    told.await.expect("events");
    let log = log_of(cells, tenant).await;
    while log.sequence().await.expect("a sequence") > 0 {}
}

pub(crate) async fn log_of(cells: &TestCells, tenant: TenantId) -> stoa_storage::EventLog {
    let cell = cells
        .storage()
        .tenant(tenant)
        .await
        .expect("the tenant")
        .cell;
    cells.storage().event_log(cell).await.expect("its log")
}

pub(crate) async fn settled(cells: &TestCells, process: &Process, tenant: TenantId) {
    let head = log_of(cells, tenant).await.head().await.expect("a head");
    until(async || {
        let status = process.status(tenant).await;
        status["ready"] == true
            && status["current"] == true
            && status["rebuilding"] == false
            && status["position"].as_i64() >= Some(head)
    })
    .await;
}

/// Asks until it is so.
pub(crate) async fn until(is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "it never came to be");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn numbers(page: &SearchPage) -> Vec<u128> {
    page.products.iter().map(|id| id.as_u128()).collect()
}

pub(crate) fn text_query(text: &str) -> SearchQuery {
    SearchQuery {
        text: text.to_owned(),
        ..SearchQuery::all(Currency::EUR, 50)
    }
}

pub(crate) fn filter(name: &str, values: &[&str]) -> SearchFilter {
    SearchFilter {
        name: name.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

/// Value and count of each value of a facet.
pub(crate) fn facet<'p>(page: &'p SearchPage, name: &str) -> Vec<(&'p str, u64)> {
    let facet = page.facets.iter().find(|facet| facet.name == name);
    let values = facet
        .map(|facet| facet.values.as_slice())
        .unwrap_or_default();
    values
        .iter()
        .map(|value| (value.value.as_str(), value.count))
        .collect()
}

pub(crate) fn is_building(error: &SearchError) -> bool {
    matches!(error, SearchError::Building | SearchError::Index { .. })
}

/// Tenants by the number that their host begins with.
pub(crate) struct ByHost;

#[async_trait]
impl Gate for ByHost {
    async fn tenant(&self, host: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        let number = host.split('.').next().and_then(|label| label.parse().ok());
        Ok(number.map(|number| {
            RequestTenant::new(TenantInfo {
                id: TenantId::from_u128(number),
                slug: "shop".to_owned(),
                name: "Shop".to_owned(),
                currency: Currency::EUR,
                test_mode: true,
            })
        }))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        Ok(match credential {
            Some(_) => Caller::Staff {
                key: ApiKeyId::from_u128(1),
                permissions: PermissionSet::all(),
            },
            None => Caller::Anonymous,
        })
    }
}
