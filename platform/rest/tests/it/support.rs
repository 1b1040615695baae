//! A gate, a router and a plain-text HTTP client for the tests. Asserts nothing itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use stoa_kernel::{ApiKeyId, Currency, SeededIds, TenantId, Timestamp};
use stoa_rest::{
    Caller, Credential, Front, Gate, Listener, Permission, PermissionSet, Problem, RequestTenant,
    RouterConfig, Routes, ServeConfig, ServeError, TenantInfo, code, serve,
};
use stoa_telemetry::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower::ServiceExt as _;

/// The trace id that the first request of a router gets.
pub(crate) const FIRST_TRACE: &str = "910a2dec89025cc1beeb8da1658eec67";

pub(crate) const STAFF_KEY: ApiKeyId = ApiKeyId::from_u128(1);
pub(crate) const SHOP_KEY: ApiKeyId = ApiKeyId::from_u128(2);

/// Knows the shop `acme`, by host or by header on the base host, and a handful of keys.
pub(crate) struct TestGate;

fn acme() -> RequestTenant {
    RequestTenant::new(TenantInfo {
        id: TenantId::from_u128(7),
        slug: "acme".into(),
        name: "Acme".into(),
        currency: Currency::EUR,
        test_mode: true,
    })
}

#[async_trait]
impl Gate for TestGate {
    async fn tenant(
        &self,
        host: &str,
        tenant_header: Option<&str>,
    ) -> Result<Option<RequestTenant>, Problem> {
        match (host, tenant_header) {
            ("acme.localhost", _) | ("localhost", Some("acme")) => Ok(Some(acme())),
            _ => Ok(None),
        }
    }

    fn known_tenant(&self, host: &str, _: Instant) -> Option<RequestTenant> {
        (host == "acme.localhost").then(acme)
    }

    async fn caller(
        &self,
        _tenant: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        match credential.map(Credential::secret) {
            None => Ok(Caller::Anonymous),
            Some("pk_shop") => Ok(Caller::Publishable { key: SHOP_KEY }),
            Some("sk_orders") => Ok(Caller::Staff {
                key: STAFF_KEY,
                permissions: PermissionSet::EMPTY.with(Permission::OrdersRead),
            }),
            Some("sk_all") => Ok(Caller::Staff {
                key: STAFF_KEY,
                permissions: PermissionSet::all(),
            }),
            Some("sk_elsewhere") => Err(Problem::new(&code::WRONG_TENANT)),
            Some("operator") => Ok(Caller::Operator),
            Some(_) => Err(Problem::new(&code::UNAUTHORIZED).with_detail("This key is not known.")),
        }
    }
}

pub(crate) fn metrics() -> Metrics {
    Metrics::new(Timestamp::from_micros(1_000_000))
}

pub(crate) fn router(routes: Routes<()>) -> Router {
    router_with(routes, |_| {})
}

pub(crate) fn router_with(routes: Routes<()>, change: impl FnOnce(&mut RouterConfig)) -> Router {
    let mut config = RouterConfig::new(metrics(), Arc::new(SeededIds::new(1)));
    change(&mut config);
    routes.into_router(Arc::new(TestGate), config)
}

/// An answer with its body read to the end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("an ASCII header"))
    }
}

/// `head` is `GET /path` and header lines; the host is that of the shop unless it says another.
pub(crate) async fn send(router: &Router, head: &str, body: impl Into<Body>) -> Answer {
    let mut lines = head.lines().map(str::trim);
    let (method, uri) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .expect("a method and a path");
    let mut request = Request::builder().method(method).uri(uri);
    let headers: Vec<(&str, &str)> = lines
        .map(|line| line.split_once(": ").expect("a header line"))
        .collect();
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        request = request.header("host", "acme.localhost:8080");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(body.into()).expect("a well-formed request");
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .expect("a whole body")
        .to_bytes()
        .to_vec();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// A server on a port of its own; dropped, it drains.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<Result<(), ServeError>>,
}

impl Server {
    pub(crate) async fn start(
        front: impl Into<Front>,
        change: impl FnOnce(&mut ServeConfig),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let mut config = ServeConfig::new(metrics());
        change(&mut config);
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(serve(
            vec![Listener::Tcp(listener)],
            front.into(),
            config,
            async {
                let _ = stopped.await;
            },
        ));
        Self {
            addr,
            stop: Some(stop),
            ended,
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr)
            .await
            .expect("the server accepts")
    }

    pub(crate) fn begin_shutdown(&mut self) {
        let _ = self.stop.take().expect("shut down once").send(());
    }

    pub(crate) async fn ended(self) -> Result<(), ServeError> {
        self.ended.await.expect("the server does not panic")
    }
}

/// Longer than anything a test waits for on purpose.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Everything the server sends until it closes.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset also ends the connection; what came before it counts.
    let _ = read.expect("the server closes in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) async fn write(stream: &mut TcpStream, text: &str) {
    stream
        .write_all(text.as_bytes())
        .await
        .expect("the server reads");
}

/// One answer with a `Content-Length`, on a connection that stays open.
pub(crate) async fn read_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let whole = async {
        loop {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.expect("the connection holds");
            bytes.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if count == 0 || is_whole(&text) {
                return text;
            }
        }
    };
    tokio::time::timeout(PATIENCE, whole)
        .await
        .expect("the server answers in time")
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}
