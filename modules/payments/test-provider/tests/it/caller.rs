//! A caller of the provider with a clock it can turn. Asserts nothing itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use stoa_kernel::{Clock, SeededIds, Timestamp};
use stoa_test_provider::{OpenError, Settings, TestProvider};
use tower::ServiceExt;

pub(crate) const KEY: &str = "provider-key";
/// 2026-01-01T00:00:00Z.
const START_MICROS: i64 = 1_767_225_600_000_000;

pub(crate) struct TurnedClock(AtomicI64);

impl Clock for TurnedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

impl TurnedClock {
    pub(crate) const fn start() -> Self {
        Self(AtomicI64::new(START_MICROS))
    }
    pub(crate) fn turn(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
    pub(crate) fn turn_back(&self, by: Duration) {
        self.0
            .fetch_sub(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

pub(crate) struct Caller {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<TurnedClock>,
    pub(crate) provider: TestProvider,
    pub(crate) router: Router,
}

pub(crate) fn settings() -> Settings {
    Settings {
        delay: Duration::from_millis(1500),
        hang: Duration::from_millis(1),
        ..Settings::new(KEY)
    }
}

pub(crate) fn open(path: &Path, seed: u64) -> Result<(TestProvider, Arc<TurnedClock>), OpenError> {
    let clock = Arc::new(TurnedClock::start());
    let ids = Arc::new(SeededIds::new(seed));
    Ok((
        TestProvider::open(path, settings(), clock.clone(), ids)?,
        clock,
    ))
}

impl Caller {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (provider, clock) = open(&folder.path().join("charges.jsonl"), 1).unwrap();
        let router = provider.router();
        Self {
            folder,
            clock,
            provider,
            router,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("charges.jsonl")
    }

    /// Closes the file and opens it again, as after a restart.
    pub(crate) fn reopen(self) -> Self {
        let path = self.path();
        let Self {
            folder,
            clock,
            provider,
            router,
        } = self;
        drop((provider, router));
        let ids = Arc::new(SeededIds::new(2));
        let provider = TestProvider::open(&path, settings(), clock.clone(), ids).unwrap();
        let router = provider.router();
        Self {
            folder,
            clock,
            provider,
            router,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("authorization", format!("Bearer {KEY}"));
        read(self.send(request.body(Body::empty()).unwrap()).await).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.send(post_request(path, body)).await).await
    }

    /// Prepares a payment of 25.00 EUR for `order-KEY`, and gives its id.
    pub(crate) async fn prepare(&self, token: &str, key: &str) -> String {
        let (status, intent) = self.post("/v1/intents", &intent_body(token, key)).await;
        assert_eq!(status, StatusCode::CREATED, "{intent}");
        intent["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn confirm(&self, id: &str) -> (StatusCode, Value) {
        self.post(
            &format!("/v1/intents/{id}/confirm"),
            &json!({ "idempotency_key": "c" }),
        )
        .await
    }

    pub(crate) async fn intent(&self, id: &str) -> Value {
        let (status, intent) = self.get(&format!("/v1/intents/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{intent}");
        intent
    }

    pub(crate) async fn charges(&self) -> Vec<Value> {
        let (status, list) = self.get("/v1/charges?account=ten_a&limit=250").await;
        assert_eq!(status, StatusCode::OK, "{list}");
        list["data"].as_array().unwrap().clone()
    }
}

pub(crate) fn intent_body(token: &str, key: &str) -> Value {
    json!({
        "account": "ten_a", "amount": 2500, "currency": "EUR", "idempotency_key": key,
        "token": token, "metadata": { "order_id": format!("order-{key}"), "attempt_id": "pay-1" },
    })
}

pub(crate) fn post_request(path: &str, body: &Value) -> Request<Body> {
    Request::post(path)
        .header("authorization", format!("Bearer {KEY}"))
        .header("host", "127.0.0.1:9000")
        .body(Body::from(body.to_string()))
        .unwrap()
}

pub(crate) async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::String(text)),
    )
}
