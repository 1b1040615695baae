//! One shop with this module in it, and what tests ask of it. Asserts nothing itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::Value as Json;
use stoa_bus::{JobHandler, JobOutcome, Recurring};
use stoa_contracts::Destination;
use stoa_contracts::inventory::{
    Allocation, Availability, AvailabilityChanged, Demand, InitialLevel, Inventory, ReserveError,
    ShipError, StockLow,
};
use stoa_inventory::{MIGRATIONS, start};
use stoa_kernel::{
    ApiKeyId, Currency, LocationId, OrderId, Quantity, SeededIds, TenantId, Timestamp, VariantId,
};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, PermissionSet, Problem, RequestTenant, RouterConfig,
    TenantInfo,
};
use stoa_storage::{Cause, Db, Error, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tower::ServiceExt as _;

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[MIGRATIONS]).await
}

pub(crate) fn variant(number: u128) -> VariantId {
    VariantId::from_u128(number)
}
pub(crate) fn order(number: u128) -> OrderId {
    OrderId::from_u128(number)
}
pub(crate) fn units(variant: VariantId, units: u32) -> Demand {
    Demand {
        variant,
        quantity: Quantity::new(units).expect("from 1 up"),
    }
}
pub(crate) fn level(variant: VariantId, on_hand: u32) -> InitialLevel {
    InitialLevel {
        variant,
        on_hand,
        backorder: false,
    }
}

/// Allocations as plain numbers.
pub(crate) fn plain(given: &[Allocation]) -> Vec<(u128, u128, i64)> {
    let row = |at: &Allocation| (at.variant.as_u128(), at.location.as_u128(), at.units);
    given.iter().map(row).collect()
}

/// A tenant and the module, as one test uses them.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) db: Db,
    pub(crate) tenant: TenantId,
    pub(crate) inventory: Arc<dyn Inventory>,
    pub(crate) now: Timestamp,
    pub(crate) jobs: Vec<Arc<dyn JobHandler>>,
    pub(crate) recurring: Vec<Arc<dyn Recurring>>,
    pub(crate) metrics: Metrics,
    router: Router,
}

/// Where orders go in these tests, unless they say otherwise.
pub(crate) fn nowhere() -> Destination {
    Destination::default()
}

impl Shop {
    pub(crate) async fn open(cells: &TestCells, slug: &str) -> Self {
        let tenant = cells.tenant(slug).await;
        Self::of(cells, tenant).await
    }

    pub(crate) async fn of(cells: &TestCells, tenant: TenantId) -> Self {
        let module = start(cells.deps.clone(), CursorKey::new([1; 32]));
        let now = cells.deps.now();
        let metrics = Metrics::new(now);
        module.show(&metrics);
        let config = RouterConfig::new(metrics.clone(), Arc::new(SeededIds::new(1)));
        let router = module
            .routes
            .into_router(Arc::new(OneShop { tenant }), config);
        Self {
            db: cells.db(tenant).await,
            tenant,
            inventory: module.contract,
            now,
            jobs: module.jobs,
            recurring: module.recurring,
            metrics,
            router,
        }
    }

    pub(crate) fn cause(&self) -> Cause {
        Cause::system(self.now)
    }

    pub(crate) async fn stock(&self, levels: &[InitialLevel]) {
        self.set_initial(levels, false).await.expect("levels");
    }

    pub(crate) async fn set_initial(
        &self,
        levels: &[InitialLevel],
        overwrite: bool,
    ) -> Result<(), Error> {
        let (shop, levels) = (self.clone(), levels.to_vec());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory
                    .set_initial(tx, &levels, overwrite, &shop.cause())
                    .await
            })
            .await
    }

    pub(crate) async fn reserve(
        &self,
        order: OrderId,
        demand: &[Demand],
    ) -> Result<(), ReserveError> {
        self.reserve_for(order, demand, nowhere()).await
    }

    pub(crate) async fn reserve_for(
        &self,
        order: OrderId,
        demand: &[Demand],
        destination: Destination,
    ) -> Result<(), ReserveError> {
        let (shop, demand) = (self.clone(), demand.to_vec());
        let expires_at = self.now.plus(Duration::from_secs(900));
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory
                    .reserve(tx, order, &demand, &destination, expires_at, &shop.cause())
                    .await
            })
            .await
    }

    pub(crate) async fn reserve_more(
        &self,
        order: OrderId,
        demand: &[Demand],
    ) -> Result<(), ReserveError> {
        let (shop, demand) = (self.clone(), demand.to_vec());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory
                    .reserve_more(tx, order, &demand, &nowhere(), &shop.cause())
                    .await
            })
            .await
    }

    /// What the order holds: variant, location and units.
    pub(crate) async fn held(&self, order: OrderId) -> Vec<(u128, u128, i64)> {
        let shop = self.clone();
        let held = self
            .db
            .read(async move |tx: &mut Tx<'_>| shop.inventory.held(tx, order).await)
            .await
            .expect("a read");
        plain(&held)
    }

    pub(crate) async fn ship(
        &self,
        order: OrderId,
        goods: &[Demand],
        location: Option<LocationId>,
    ) -> Result<Vec<Allocation>, ShipError> {
        let (shop, goods) = (self.clone(), goods.to_vec());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory
                    .ship(tx, order, &goods, location, &shop.cause())
                    .await
            })
            .await
    }

    pub(crate) async fn unship(&self, order: OrderId, taken: &[Allocation]) {
        let (shop, taken) = (self.clone(), taken.to_vec());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory
                    .unship(tx, order, &taken, &shop.cause())
                    .await
            })
            .await
            .expect("goods that had left");
    }

    pub(crate) async fn release_units(&self, order: OrderId, goods: &[Demand]) -> i64 {
        let (shop, goods) = (self.clone(), goods.to_vec());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory
                    .release_units(tx, order, &goods, &shop.cause())
                    .await
            })
            .await
            .expect("a release")
    }

    pub(crate) async fn restock(
        &self,
        order: OrderId,
        goods: &[Demand],
        location: Option<LocationId>,
    ) -> Result<(), ShipError> {
        let (shop, goods) = (self.clone(), goods.to_vec());
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory
                    .restock(tx, order, &goods, location, &shop.cause())
                    .await
            })
            .await
    }

    /// Sends a change with a key of its own.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Json) -> Answer {
        let headers = [("idempotency-key", key)];
        self.send("POST", path, &headers, &body.to_string()).await
    }

    /// Adds a location and answers its id.
    pub(crate) async fn add_place(&self, body: Json) -> LocationId {
        let key = body.to_string().replace([' ', '"'], "");
        let answer = self.post("/api/v1/admin/locations", &key, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        let id = answer.json["id"].as_str().expect("an id");
        id.parse().expect("a location")
    }

    pub(crate) async fn put_on(&self, variant: VariantId, location: LocationId, on_hand: u32) {
        let key = format!("put-{variant}-{location}-{on_hand}");
        let body = serde_json::json!({
            "variant_id": variant, "location_id": location, "on_hand": on_hand
        });
        let answer = self.put_level(&[("idempotency-key", &key)], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
    }

    /// `on_hand`, `reserved`, `incoming` of each level of a variant, in location order.
    pub(crate) async fn shelves(&self, variant: VariantId) -> Vec<(i64, i64, i64)> {
        let path = format!("/api/v1/admin/inventory/levels?variant_id={variant}");
        let answer = self.get(&path).await;
        let rows = answer.json["data"].as_array().expect("a list").clone();
        let number = |row: &Json, name: &str| row[name].as_i64().expect("a number");
        rows.iter()
            .map(|row| {
                (
                    number(row, "on_hand"),
                    number(row, "reserved"),
                    number(row, "incoming"),
                )
            })
            .collect()
    }

    /// Runs every job that waits, as the worker would.
    pub(crate) async fn run_jobs(&self, cells: &TestCells) -> usize {
        let mut ran = 0;
        for cell in cells.storage().cells().await.expect("cells") {
            let queue = cells.storage().job_queue(cell).await.expect("a queue");
            let lease = Duration::from_secs(60);
            let claimed = queue.claim("lease".to_owned(), self.now, lease, 100).await;
            for job in claimed.expect("jobs") {
                let mut handlers = self.jobs.iter();
                let handler = handlers.find(|handler| handler.kind() == job.kind);
                let outcome = handler.expect("somebody does it").run(&job).await;
                assert_eq!(outcome, JobOutcome::Done);
                queue.finish(&job).await.expect("finished");
                ran += 1;
            }
        }
        ran
    }

    /// Every low stock this tenant published, in order: variant, available, threshold.
    pub(crate) async fn lows(&self, cells: &TestCells) -> Vec<(VariantId, i64, i64)> {
        let mut told = Vec::new();
        for cell in cells.storage().cells().await.expect("cells") {
            let log = cells.storage().event_log(cell).await.expect("a log");
            while log.sequence().await.expect("sequencing") > 0 {}
            for event in log.after(0, 1_000).await.expect("events") {
                let fact = event.fact::<StockLow>().expect("our payload");
                if let (true, Some(fact)) = (event.tenant == self.tenant, fact) {
                    told.push((fact.variant, fact.available, fact.threshold));
                }
            }
        }
        told
    }

    pub(crate) async fn confirm(&self, order: OrderId) -> bool {
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory.confirm(tx, order, &shop.cause()).await
            })
            .await
            .expect("a confirmation")
    }

    pub(crate) async fn release(&self, order: OrderId) {
        let shop = self.clone();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                shop.inventory.release(tx, order, &shop.cause()).await
            })
            .await
            .expect("a release");
    }

    pub(crate) async fn availability(&self, variants: &[VariantId]) -> Vec<Availability> {
        let (shop, variants) = (self.clone(), variants.to_vec());
        self.db
            .read(async move |tx: &mut Tx<'_>| shop.inventory.availability(tx, &variants).await)
            .await
            .expect("a read")
    }

    /// Units that can be had of each.
    pub(crate) async fn left(&self, variants: &[VariantId]) -> Vec<Option<i64>> {
        self.availability(variants)
            .await
            .into_iter()
            .map(|found| found.units)
            .collect()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn put_level(&self, headers: &[(&str, &str)], body: &Json) -> Answer {
        self.send(
            "PUT",
            "/api/v1/admin/inventory/levels",
            headers,
            &body.to_string(),
        )
        .await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop");
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", "Bearer sk_all");
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            json: serde_json::from_slice(&bytes).unwrap_or(Json::Null),
        }
    }

    /// What was wrong with the stock, as the audit route tells it.
    pub(crate) async fn mismatches(&self) -> Vec<Json> {
        let answer = self.get("/api/v1/admin/inventory/audit").await;
        assert_eq!(
            (answer.status, &answer.json["complete"]),
            (200, &Json::Bool(true))
        );
        answer.json["mismatches"]
            .as_array()
            .expect("a list")
            .clone()
    }

    /// Every crossing this tenant published, in order: variant, available, level version.
    pub(crate) async fn crossings(&self, cells: &TestCells) -> Vec<(VariantId, bool, i64)> {
        let mut told = Vec::new();
        for cell in cells.storage().cells().await.expect("cells") {
            let log = cells.storage().event_log(cell).await.expect("a log");
            while log.sequence().await.expect("sequencing") > 0 {}
            for event in log.after(0, 1_000).await.expect("events") {
                let fact = event.fact::<AvailabilityChanged>().expect("our payload");
                if let (true, Some(fact)) = (event.tenant == self.tenant, fact) {
                    told.push((fact.variant, fact.available, fact.level_version));
                }
            }
        }
        told
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Json,
}

impl Answer {
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or_default())
    }
    pub(crate) fn etag(&self) -> &str {
        self.headers["etag"].to_str().expect("ASCII")
    }
}

/// Lets in whoever asks: `sk_all` may do everything, `sk_none` nothing.
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
