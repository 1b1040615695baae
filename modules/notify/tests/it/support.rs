//! A shop whose mail is looked at, and what the worker would do with its events and jobs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stoa_bus::JobOutcome;
use stoa_contracts::notify::Mail;
use stoa_contracts::orders::{OrderPaid, OrderView};
use stoa_kernel::{
    ApiKeyId, AttemptId, Clock as _, Currency, Envelope, Fact, OrderId, TenantId, Timestamp,
};
use stoa_notify::{Config, Module, Peers, Smtp};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, Permission, PermissionSet, Problem, RequestTenant,
    RouterConfig, TenantInfo,
};
use stoa_storage::{Cause, ClaimedJob, Db, Error, JobQueue, Tx};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tower::ServiceExt as _;

use crate::peers::{FakeCarts, FakeCatalog, FakeOrders, FakePayments, eur, order};

/// More events and jobs than any test here makes.
const MANY: i64 = 10_000;
pub(crate) const SETTINGS: &str = "/api/v1/admin/notifications/settings";
pub(crate) const LOG: &str = "/api/v1/admin/notifications";
pub(crate) const TEMPLATES: &str = "/api/v1/admin/notifications/templates";

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[stoa_notify::MIGRATIONS]).await
}

/// One tenant's shop.
pub(crate) struct Shop<'c> {
    pub(crate) cells: &'c TestCells,
    pub(crate) tenant: TenantId,
    pub(crate) db: Db,
    pub(crate) module: Module,
    pub(crate) orders: Arc<FakeOrders>,
    pub(crate) carts: Arc<FakeCarts>,
    router: Router,
}

impl<'c> Shop<'c> {
    /// Without a mail server.
    pub(crate) async fn open(cells: &'c TestCells, slug: &str) -> Self {
        Self::with(cells, slug, None).await
    }

    pub(crate) async fn with(cells: &'c TestCells, slug: &str, smtp: Option<Smtp>) -> Self {
        let tenant = match cells.storage().tenant_by_slug(slug).await {
            Ok(Some(known)) => known.id,
            _ => cells.tenant(slug).await,
        };
        let (orders, carts) = (
            Arc::new(FakeOrders::default()),
            Arc::new(FakeCarts::default()),
        );
        let peers = Peers {
            orders: orders.clone(),
            carts: Some(carts.clone()),
            payments: Some(Arc::new(FakePayments)),
            catalog: Some(Arc::new(FakeCatalog)),
        };
        let config = Config {
            cursors: CursorKey::new([8; 32]),
            smtp,
            shop_url: Some("https://{slug}.shops.example/".to_owned()),
        };
        let mut module = stoa_notify::start(cells.deps.clone(), peers, config);
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let routes = std::mem::replace(&mut module.routes, stoa_rest::Routes::new("none"));
        let config = RouterConfig::new(metrics, cells.deps.ids.clone());
        Self {
            cells,
            tenant,
            db: cells.db(tenant).await,
            module,
            orders,
            carts,
            router: routes.into_router(Arc::new(OneShop(tenant)), config),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.cells.clock.now()
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

    /// As staff who may do everything.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.call_as(
            "settings:write settings:read orders:read",
            method,
            path,
            body,
        )
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{} {path} {body}", self.cells.kind);
        body
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.call(Method::PUT, path, body).await;
        assert_eq!(status, 200, "{} {path} {body}", self.cells.kind);
        body
    }

    /// With somebody to tell, and shoppers reminded.
    pub(crate) async fn staffed(&self) {
        let settings = json!({"staff_email": "staff@example.com", "abandoned_cart": true});
        self.put(SETTINGS, settings).await;
    }

    /// An order as orders would show it.
    pub(crate) fn knows(&self, view: OrderView) {
        self.orders.views.lock().insert(view.id, view);
    }

    /// Tells that an order was paid, as orders would; returns the event.
    pub(crate) async fn paid(&self, id: OrderId) -> Envelope {
        self.emit(OrderPaid {
            order: id,
            number: 1_001,
            attempt: AttemptId::from_u128(1),
            total: eur(1_190),
            test: true,
        })
        .await
    }

    /// From a paid order to its mail.
    pub(crate) async fn confirm(&self, id: u128) {
        let id = OrderId::from_u128(id);
        self.knows(order(id));
        let event = self.paid(id).await;
        self.hear(&event).await;
        self.work().await;
    }

    /// Tells a fact and does everything that is due now.
    pub(crate) async fn tell<F: Fact>(&self, fact: F) {
        let event = self.emit(fact).await;
        self.hear(&event).await;
        self.work().await;
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

    /// As the worker does after it lost the mark that the event was heard.
    pub(crate) async fn hear(&self, event: &Envelope) {
        let (consumer, event) = (self.module.consumers[0].clone(), event.clone());
        assert!(consumer.subjects().contains(&event.subject));
        let heard = self.db.write(async move |tx: &mut Tx<'_>| {
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
        let lease = Duration::from_secs(60);
        let claimed = queue.claim("test".to_owned(), self.now(), lease, MANY);
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

    /// Everything that is due now; when what waits is due.
    pub(crate) async fn work(&self) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        loop {
            let jobs = self.claim().await;
            if jobs.is_empty() {
                return next;
            }
            for job in jobs {
                match self.run(&job).await {
                    JobOutcome::Done => {}
                    JobOutcome::Wait(at) => next = Some(next.map_or(at, |next| next.min(at))),
                    other => panic!("{} {other:?}", self.cells.kind),
                }
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

    pub(crate) async fn recurring(&self) {
        let storage = self.cells.storage();
        let cell = storage.tenant(self.tenant).await.expect("the tenant").cell;
        let run = self.module.recurring[0].run(cell, self.now());
        run.await.expect(self.cells.kind);
    }

    /// What stayed here, newest first.
    pub(crate) async fn mails(&self) -> Vec<Mail> {
        let mails = self.module.contract.list(self.tenant, 100).await;
        mails.expect(self.cells.kind)
    }

    /// Recipients and subjects of what stayed here, in order of the alphabet.
    pub(crate) async fn heads(&self) -> Vec<String> {
        let mails = self.mails().await;
        let mut heads: Vec<String> = mails
            .into_iter()
            .map(|mail| format!("{}: {}", mail.to, mail.subject))
            .collect();
        heads.sort();
        heads
    }

    /// The log, newest first.
    pub(crate) async fn log(&self) -> Vec<Value> {
        self.get(LOG).await["data"]
            .as_array()
            .expect("a list")
            .clone()
    }
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

pub(crate) fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("a time")
}
