//! A shop with endpoints, and what the worker would do with its events and jobs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stoa_bus::JobOutcome;
use stoa_contracts::orders::OrderPaid;
use stoa_kernel::{
    ApiKeyId, AttemptId, Clock as _, Currency, Envelope, Fact, Money, OrderId, TenantId, Timestamp,
};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, Permission, PermissionSet, Problem, RequestTenant,
    RouterConfig, TenantInfo,
};
use stoa_storage::{Cause, ClaimedJob, Db, Error, JobQueue, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use stoa_webhooks::{Config, Module, ResolveError, Resolver};
use tower::ServiceExt as _;

/// More events and jobs than any test here makes.
const MANY: i64 = 10_000;
pub(crate) const LEASE: Duration = Duration::from_secs(60);
pub(crate) const ALL: &str = "/api/v1/admin/webhooks";

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[stoa_webhooks::MIGRATIONS]).await
}

/// For receivers on this machine, with the time limits of production.
pub(crate) fn config() -> Config {
    let mut config = Config::new([3; 32], CursorKey::new([8; 32]));
    config.allow_loopback = true;
    config
}

/// Answers every name with the same addresses.
pub(crate) struct Names(pub(crate) Vec<IpAddr>);

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _: &str, _: u16) -> Result<Vec<IpAddr>, ResolveError> {
        Ok(self.0.clone())
    }
}

pub(crate) struct Shop<'c> {
    pub(crate) cells: &'c TestCells,
    pub(crate) tenant: TenantId,
    pub(crate) db: Db,
    pub(crate) module: Module,
    router: Router,
}

impl<'c> Shop<'c> {
    pub(crate) async fn open(cells: &'c TestCells, slug: &str) -> Self {
        Self::with(cells, slug, config()).await
    }

    pub(crate) async fn with(cells: &'c TestCells, slug: &str, config: Config) -> Self {
        let tenant = match cells.storage().tenant_by_slug(slug).await {
            Ok(Some(known)) => known.id,
            _ => cells.tenant(slug).await,
        };
        let mut module = stoa_webhooks::start(cells.deps.clone(), config);
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let routes = std::mem::replace(&mut module.routes, stoa_rest::Routes::new("none"));
        let config = RouterConfig::new(metrics, cells.deps.ids.clone());
        Self {
            cells,
            tenant,
            db: cells.db(tenant).await,
            module,
            router: routes.into_router(Arc::new(OneShop(tenant)), config),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.cells.clock.now()
    }

    /// As staff who may do everything.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.call_as("settings:write settings:read", method, path, body)
            .await
    }

    pub(crate) async fn call_as(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", key.replace(' ', "+")))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .expect("a request");
        let response = self.router.clone().oneshot(request).await;
        let response = response.expect("an answer");
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body");
        let bytes = bytes.to_bytes();
        if bytes.is_empty() {
            return (status, Value::Null);
        }
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{} {path} {body}", self.cells.kind);
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }

    /// A new endpoint that hears everything: its path and its secret.
    pub(crate) async fn endpoint(&self, url: &str) -> (String, String) {
        let (status, made) = self
            .post(ALL, json!({ "url": url, "subjects": ["*"] }))
            .await;
        assert_eq!(status, 201, "{} {made}", self.cells.kind);
        let id = made["id"].as_str().expect("an id");
        let secret = made["secret"].as_str().expect("a secret");
        (format!("{ALL}/{id}"), secret.to_owned())
    }

    pub(crate) async fn deliveries(&self, endpoint: &str) -> Vec<Value> {
        let page = self.get(&format!("{endpoint}/deliveries")).await;
        page["data"].as_array().expect("a list").clone()
    }

    /// Tells that an order was paid, as orders would, and has webhooks hear it; the event's id.
    pub(crate) async fn paid(&self, order: u128) -> String {
        let fact = OrderPaid {
            order: OrderId::from_u128(order),
            number: 1_001,
            attempt: AttemptId::from_u128(1),
            total: Money::new(1_190, Currency::EUR),
            test: true,
        };
        let event = self.emit(fact).await;
        self.hear(&event).await;
        event.id.to_string()
    }

    pub(crate) async fn emit<F: Fact>(&self, fact: F) -> Envelope {
        let now = self.now();
        let id = self.cells.deps.ids.make(now);
        let storage = self.cells.storage();
        let cell = storage.tenant(self.tenant).await.expect("the tenant").cell;
        let log = storage.event_log(cell).await.expect("the log");
        let known = log.head().await.expect("the head");
        self.db
            .write(async move |tx: &mut Tx<'_>| tx.emit(id, &Cause::system(now), &fact).await)
            .await
            .expect(self.cells.kind);
        while log.sequence().await.expect("sequenced") > 0 {}
        let events = log.after(known, MANY).await.expect("events");
        let found = events.into_iter().find(|event| event.id == id);
        found.expect("the event")
    }

    /// As the worker delivers it: the mark and the work in one transaction.
    pub(crate) async fn hear(&self, event: &Envelope) {
        let (consumer, event) = (self.module.consumers[0].clone(), event.clone());
        let now = self.now();
        let heard = self.db.write(async move |tx: &mut Tx<'_>| {
            if !tx.first_delivery(consumer.name(), event.id, now).await? {
                return Ok(());
            }
            let handled = consumer.handle(tx, &event).await;
            handled.map_err(|error| Error::Io {
                context: "handling".to_owned(),
                message: error.to_string(),
            })
        });
        heard.await.expect(self.cells.kind);
    }

    pub(crate) async fn queue(&self) -> JobQueue {
        let storage = self.cells.storage();
        let cell = storage.tenant(self.tenant).await.expect("the tenant").cell;
        storage.job_queue(cell).await.expect("the queue")
    }

    pub(crate) async fn claim(&self) -> Vec<ClaimedJob> {
        let queue = self.queue().await;
        let claimed = queue.claim("test".to_owned(), self.now(), LEASE, MANY);
        claimed.await.expect(self.cells.kind)
    }

    /// One job, as the worker does it.
    pub(crate) async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let outcome = self.module.jobs[0].run(job).await;
        let queue = self.queue().await;
        let recorded = match outcome.clone() {
            JobOutcome::Done => queue.finish(job).await,
            JobOutcome::Wait(at) => queue.retry(job, at, None, false).await,
            JobOutcome::Failed(error) | JobOutcome::Dead(error) => {
                queue.bury(job, error, self.now()).await
            }
        };
        recorded.expect(self.cells.kind);
        outcome
    }

    /// Everything that is due now; how many jobs that were.
    pub(crate) async fn work(&self) -> usize {
        let mut worked = 0;
        loop {
            let jobs = self.claim().await;
            if jobs.is_empty() {
                return worked;
            }
            for job in jobs {
                worked += 1;
                let outcome = self.run(&job).await;
                assert!(
                    matches!(outcome, JobOutcome::Done | JobOutcome::Wait(_)),
                    "{} {outcome:?}",
                    self.cells.kind
                );
            }
        }
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.cells.clock.advance(by);
    }

    /// To this moment, which must not be past.
    pub(crate) fn advance_to(&self, at: Timestamp) {
        self.advance(at.since(self.now()));
    }

    pub(crate) async fn recurring(&self, name: &str) {
        let storage = self.cells.storage();
        let cell = storage.tenant(self.tenant).await.expect("the tenant").cell;
        let found = self.module.recurring.iter().find(|one| one.name() == name);
        let run = found.expect(name).run(cell, self.now());
        run.await.expect(self.cells.kind);
    }
}

pub(crate) fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("a time")
}

/// One shop on every host; the key names the permissions it has.
struct OneShop(TenantId);

#[async_trait]
impl Gate for OneShop {
    async fn tenant(&self, _: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        Ok(Some(RequestTenant::new(TenantInfo {
            id: self.0,
            slug: "acme".to_owned(),
            name: "acme".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
        })))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let secret = credential.map(Credential::secret).unwrap_or_default();
        let permissions = secret
            .split('+')
            .filter_map(|text| text.parse::<Permission>().ok())
            .collect::<PermissionSet>();
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions,
        })
    }
}
