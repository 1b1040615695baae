//! The test provider on a loopback port, whose line can be cut. Asserts nothing itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use stoa_contracts::Deps;
use stoa_kernel::TenantId;
use stoa_payments::TestProviderConfig;
use stoa_rest::StatusCode;
use stoa_test_provider::{Settings, TestProvider};
use tower::ServiceExt as _;

const KEY: &str = "provider-key";

pub(crate) struct Provider {
    itself: TestProvider,
    pub(crate) config: TestProviderConfig,
    down: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

impl Provider {
    pub(crate) async fn start(deps: &Deps) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            hang: Duration::from_millis(1),
            ..Settings::new(KEY)
        };
        let path: PathBuf = folder.path().join("charges.jsonl");
        let itself =
            TestProvider::open(&path, settings, deps.clock.clone(), deps.ids.clone()).unwrap();
        let down = Arc::<AtomicBool>::default();
        let router = itself
            .router()
            .layer(from_fn_with_state(down.clone(), pass));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
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
        let config = TestProviderConfig {
            base_url,
            key: KEY.to_owned(),
            timeout: Duration::from_secs(10),
        };
        Self {
            itself,
            config,
            down,
            _folder: folder,
        }
    }

    /// While it is down no call arrives.
    pub(crate) fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Order, amount and what went back of every charge of the tenant, by the provider's own account.
    pub(crate) async fn charges(&self, tenant: TenantId) -> Vec<(String, i64, i64)> {
        let path = format!("/v1/charges?account={tenant}&limit=250");
        let request = Request::get(path).header("authorization", format!("Bearer {KEY}"));
        let request = request.body(Body::empty()).unwrap();
        let response = self.itself.router().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        let list: Value = serde_json::from_slice(&body).unwrap();
        let charge = |charge: &Value| {
            let order = charge["order_id"].as_str().unwrap().to_owned();
            let number = |name: &str| charge[name].as_i64().unwrap();
            (order, number("amount"), number("refunded"))
        };
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(charge)
            .collect()
    }
}

async fn pass(State(down): State<Arc<AtomicBool>>, request: Request, next: Next) -> Response {
    match down.load(Ordering::SeqCst) {
        true => StatusCode::BAD_GATEWAY.into_response(),
        false => next.run(request).await,
    }
}
