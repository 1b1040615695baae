//! A shop with payments and a provider whose line can be cut. Asserts nothing itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use stoa_contracts::payments::{
    AttemptState, AttemptView, NewAttempt, NewRefund, PaymentError, Payments, RefundError,
    RefundView,
};
use stoa_kernel::{AttemptId, Currency, Money, OrderId, TenantId};
use stoa_payments::{CallTimes, MIGRATIONS, Module, PaymentsConfig, SealKeys, TestProviderConfig};
use stoa_rest::{CursorKey, StatusCode};
use stoa_storage::{Cause, Tx};
use stoa_telemetry::Metrics;
use stoa_test_provider::{Settings, TestProvider};
use stoa_testkit::TestCells;
use tower::ServiceExt as _;

use crate::books::{BOOKS, Books};

pub(crate) const KEY: &str = "provider-key";
pub(crate) const TIMES: CallTimes = CallTimes {
    call_max: Duration::from_secs(10),
    resend_after: Duration::from_secs(60),
};

/// What happens to calls of `path` on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Line {
    Whole,
    /// The call never arrives.
    CutBefore,
    /// The call is acted on; its answer is lost.
    CutAfter,
}

/// The provider as it is reached: through a line that can be cut, counting what arrives.
pub(crate) struct Provider {
    pub(crate) itself: TestProvider,
    pub(crate) config: TestProviderConfig,
    fault: Arc<Fault>,
    _folder: tempfile::TempDir,
}

#[derive(Default)]
struct Fault {
    line: AtomicU8,
    /// Of confirmations alone.
    confirm_line: AtomicU8,
    confirms: AtomicU32,
    prepares: AtomicU32,
}

impl Provider {
    pub(crate) async fn start(cells: &TestCells) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            hang: Duration::from_millis(1),
            ..Settings::new(KEY)
        };
        let (clock, ids) = (cells.deps.clock.clone(), cells.deps.ids.clone());
        let path = folder.path().join("charges.jsonl");
        let itself = TestProvider::open(&path, settings, clock, ids).unwrap();
        let fault = Arc::<Fault>::default();
        let router = itself
            .router()
            .layer(from_fn_with_state(fault.clone(), pass));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        serve(listener, router);
        let timeout = Duration::from_secs(5);
        let config = TestProviderConfig {
            base_url,
            key: KEY.to_owned(),
            timeout,
        };
        Self {
            itself,
            config,
            fault,
            _folder: folder,
        }
    }

    pub(crate) fn line(&self, line: Line) {
        self.fault.line.store(line as u8, Ordering::SeqCst);
    }

    /// Cuts confirmations only; everything else passes.
    pub(crate) fn cut_confirmations(&self, line: Line) {
        self.fault.confirm_line.store(line as u8, Ordering::SeqCst);
    }

    pub(crate) fn confirms(&self) -> u32 {
        self.fault.confirms.load(Ordering::SeqCst)
    }

    pub(crate) fn prepares(&self) -> u32 {
        self.fault.prepares.load(Ordering::SeqCst)
    }

    pub(crate) async fn get(&self, path: &str) -> serde_json::Value {
        let request = Request::get(path).header("authorization", format!("Bearer {KEY}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// The shopper's press on `Approve` or `Reject`.
    pub(crate) async fn decide(&self, url: &str, form: &'static str) {
        let path = &url[url.find("/3ds/").unwrap()..];
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let response = self.itself.router().oneshot(request).await.unwrap();
        assert!(response.status().is_success() || response.status().is_redirection());
    }

    async fn send(&self, request: Request) -> serde_json::Value {
        let response = self.itself.router().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Order and amount of every charge of the tenant, by the provider's own account.
    pub(crate) async fn charges(&self, tenant: TenantId) -> Vec<(String, i64)> {
        let list = self
            .get(&format!("/v1/charges?account={tenant}&limit=250"))
            .await;
        let charge = |charge: &serde_json::Value| {
            (
                charge["order_id"].as_str().unwrap().to_owned(),
                charge["amount"].as_i64().unwrap(),
            )
        };
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(charge)
            .collect()
    }
}

/// Answers on a listener for as long as the test runs.
pub(crate) fn serve(listener: tokio::net::TcpListener, router: axum::Router) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
}

async fn pass(State(fault): State<Arc<Fault>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let line = match path.ends_with("/confirm") {
        true => fault.confirm_line.load(Ordering::SeqCst),
        false => fault.line.load(Ordering::SeqCst),
    };
    if line == Line::CutBefore as u8 {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if path.ends_with("/confirm") {
        fault.confirms.fetch_add(1, Ordering::SeqCst);
    }
    if path == "/v1/intents" {
        fault.prepares.fetch_add(1, Ordering::SeqCst);
    }
    let answer = next.run(request).await;
    match line == Line::CutAfter as u8 {
        true => StatusCode::BAD_GATEWAY.into_response(),
        false => answer,
    }
}

/// As the process that speaks to providers is set up, without any provider.
pub(crate) fn config() -> PaymentsConfig {
    PaymentsConfig::new(CursorKey::new([7; 32]), SealKeys::opening([9; 32]))
}

/// A tenant with payments.
pub(crate) struct Shop {
    pub(crate) tenant: TenantId,
    pub(crate) module: Module,
    pub(crate) router: axum::Router,
    pub(crate) cells: TestCells,
    pub(crate) provider: Provider,
}

impl Shop {
    pub(crate) async fn open(cells: TestCells) -> Self {
        let provider = Provider::start(&cells).await;
        let tenant = cells.tenant("shop").await;
        let config = PaymentsConfig {
            test_provider: Some(provider.config.clone()),
            allow_loopback: true,
            ..config()
        };
        let metrics = Metrics::new(cells.deps.now());
        let module = stoa_payments::start_timed(
            cells.deps.clone(),
            Arc::new(Books),
            config,
            TIMES,
            &metrics,
        );
        let mut module = module;
        let router = crate::api::router(&cells, &mut module);
        Self {
            tenant,
            module,
            router,
            cells,
            provider,
        }
    }

    /// A call of staff who may read and write payments.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> (u16, serde_json::Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop")
            .header("authorization", "Bearer payments:write payments:read")
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        let body = body.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        self.send("GET", path, &[], String::new()).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        body: serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let key = format!("key-{}", self.order());
        let headers = [("idempotency-key", key.as_str())];
        self.send("POST", path, &headers, body.to_string()).await
    }

    /// Sets up a way to pay.
    pub(crate) async fn add(&self, body: serde_json::Value) {
        let (status, answer) = self.post("/api/v1/admin/payments/providers", body).await;
        assert_eq!(status, 201, "{}: {answer}", self.cells.kind);
    }

    /// One shop in every kind of cell.
    pub(crate) async fn everywhere() -> Vec<Self> {
        let mut shops = Vec::new();
        for cells in stoa_testkit::everywhere(&[MIGRATIONS, BOOKS]).await {
            shops.push(Self::open(cells).await);
        }
        shops
    }

    pub(crate) fn payments(&self) -> &dyn Payments {
        &*self.module.contract
    }

    pub(crate) fn attempt(&self, order: OrderId, amount: i64, token: &str) -> NewAttempt {
        NewAttempt {
            id: self.cells.deps.ids.make(self.cells.deps.now()),
            order,
            amount: Money::new(amount, Currency::EUR),
            provider: "test".to_owned(),
            token: token.to_owned(),
            return_url: None,
        }
    }

    pub(crate) fn order(&self) -> OrderId {
        self.cells.deps.ids.make(self.cells.deps.now())
    }

    /// Writes the attempt, as the transaction that places an order does.
    pub(crate) async fn try_open(&self, attempt: NewAttempt) -> Result<AttemptId, PaymentError> {
        let (payments, cause) = (
            self.module.contract.clone(),
            Cause::system(self.cells.deps.now()),
        );
        let id = attempt.id;
        let db = self.cells.db(self.tenant).await;
        db.write(async move |tx: &mut Tx<'_>| payments.open(tx, &attempt, &cause).await)
            .await?;
        Ok(id)
    }

    pub(crate) async fn opened(&self, token: &str) -> (OrderId, AttemptId) {
        let order = self.order();
        (
            order,
            self.try_open(self.attempt(order, 2500, token))
                .await
                .expect(self.cells.kind),
        )
    }

    /// An attempt at a provider of the shop's own, written and driven once.
    pub(crate) async fn driven(
        &self,
        provider: &str,
        token: &str,
    ) -> (OrderId, AttemptId, Result<AttemptState, PaymentError>) {
        let order = self.order();
        let new = NewAttempt {
            provider: provider.to_owned(),
            ..self.attempt(order, 2500, token)
        };
        let attempt = self.try_open(new).await.expect(self.cells.kind);
        let state = self.payments().drive(self.tenant, attempt).await;
        (order, attempt, state)
    }

    pub(crate) async fn view(&self, attempt: AttemptId) -> AttemptView {
        let (status, body) = self.get(&format!("/api/v1/admin/payments/{attempt}")).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_value(body).unwrap()
    }

    pub(crate) fn refund(&self, order: OrderId, amount: i64) -> NewRefund {
        NewRefund {
            id: self.cells.deps.ids.make(self.cells.deps.now()),
            order,
            amount: Money::new(amount, Currency::EUR),
            reason: None,
            store_credit: None,
            memo: serde_json::json!({ "return": 7 }),
        }
    }

    /// Sets a refund aside, as the transaction does that records it with the order.
    pub(crate) async fn open_refund(&self, refund: NewRefund) -> Result<RefundView, RefundError> {
        let payments = self.module.contract.clone();
        let cause = Cause::system(self.cells.deps.now());
        let db = self.cells.db(self.tenant).await;
        db.write(async move |tx: &mut Tx<'_>| payments.open_refund(tx, &refund, &cause).await)
            .await
    }

    /// What was booked: the first word or two of each posting, and how much.
    pub(crate) async fn booked(&self) -> Vec<(String, i64)> {
        let entries = Books::entries(&self.cells.db(self.tenant).await).await;
        let short = |what: String| {
            let words: Vec<&str> = what.split(' ').collect();
            words
                .into_iter()
                .filter(|word| !word.contains('_'))
                .collect::<Vec<_>>()
                .join(" ")
        };
        entries
            .into_iter()
            .map(|(what, amount)| (short(what), amount))
            .collect()
    }

    /// Facts of one kind in the shop's cell.
    pub(crate) async fn facts<F: stoa_kernel::Fact>(&self) -> Vec<F> {
        let storage = self.cells.storage();
        let cell = storage.tenant(self.tenant).await.unwrap().cell;
        let log = storage.event_log(cell).await.unwrap();
        while log.sequence().await.unwrap() > 0 {}
        let events = log.after(0, 1_000).await.unwrap();
        events
            .iter()
            .filter_map(|event| event.fact().unwrap())
            .collect()
    }

    /// How many facts the shop's cell holds of settled attempts: (succeeded, all).
    pub(crate) async fn settled(&self) -> (usize, usize) {
        let facts: Vec<stoa_contracts::payments::AttemptSettled> = self.facts().await;
        (
            facts.iter().filter(|fact| fact.succeeded).count(),
            facts.len(),
        )
    }
}
