//! Answers that lie ready: the same as the handler's, and only for those who ask plainly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::BodyExt as _;
use stoa_kernel::SeededIds;
use stoa_rest::{
    Access, Front, LocalOperator, Method, Operation, PlainRead, RouterConfig, Routes, State,
};
use stoa_telemetry::Metrics;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::support::{Server, TestGate, metrics, read_answer, read_to_end, write};

/// How often the handler and the look were asked.
#[derive(Clone, Default)]
struct Asked(Arc<[AtomicUsize; 2]>);

impl Asked {
    fn handler(&self) -> usize {
        self.0[0].load(Ordering::SeqCst)
    }
    fn look(&self) -> usize {
        self.0[1].load(Ordering::SeqCst)
    }
}

fn large(tenant: &str, path: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html")),
        (header::VARY, HeaderValue::from_static("stoa-tenant")),
    ];
    (headers, format!("{tenant} {path} ").repeat(100)).into_response()
}

async fn handler(
    State(asked): State<Asked>,
    tenant: stoa_rest::Tenant,
    uri: http::Uri,
) -> Response {
    asked.0[0].fetch_add(1, Ordering::SeqCst);
    large(&tenant.0.slug, uri.path())
}

fn look(asked: &Asked, read: &PlainRead<'_>) -> Option<Response> {
    asked.0[1].fetch_add(1, Ordering::SeqCst);
    assert!(!read.uri.path().ends_with("/broken"), "a look that breaks");
    let known = read.uri.path() != "/things/unknown";
    known.then(|| large(&read.tenant.slug, read.uri.path()))
}

fn front(all: Metrics) -> (Front, Asked) {
    let asked = Asked::default();
    let read = |id| Operation::new(id, "Read").returns_type(200, "text/html");
    let routes = Routes::new("test")
        .route(
            Method::GET,
            "/things/{name}",
            Access::Shopper,
            read("readThing"),
            handler,
        )
        .ready(look)
        .route(
            Method::POST,
            "/things/{name}",
            Access::Shopper,
            read("changeThing"),
            handler,
        )
        // Found before the pattern, by the router and so by whoever looks.
        .route(
            Method::GET,
            "/things/list",
            Access::Shopper,
            read("listThings"),
            handler,
        )
        .with_state(asked.clone());
    let config = RouterConfig::new(all, Arc::new(SeededIds::new(1)));
    (routes.into_front(Arc::new(TestGate), config), asked)
}

fn request(head: &str) -> Request<Body> {
    let mut lines = head.lines();
    let (method, uri) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .expect("a method and a path");
    let mut request = Request::builder().method(method).uri(uri);
    if !head.contains("host: ") {
        request = request.header("host", "acme.localhost");
    }
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header line");
        request = request.header(name, value);
    }
    request.body(Body::empty()).expect("a request")
}

/// Status, body, and headers without those of one request alone and the length, which the connection
/// writes where it is missing.
async fn plain(response: Response) -> (u16, HeaderMap, String) {
    let (mut parts, body) = response.into_parts();
    let id = parts.headers.remove("x-request-id");
    assert_eq!(id.map(|id| id.len()), Some(32));
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = body.collect().await.expect("a whole body").to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    (parts.status.as_u16(), parts.headers, text)
}

#[tokio::test]
async fn what_lies_ready_goes_out_as_the_handler_would_send_it() {
    let (front, asked) = front(metrics());
    for head in [
        "GET /things/tea",
        "GET /things/tea?a=b\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        let ready = front
            .at_once(&request(head), Instant::now())
            .expect("it lies ready");
        let made = front.clone().into_router().oneshot(request(head)).await;
        let made = plain(made.expect("an answer")).await;
        assert_eq!(plain(ready).await, made);
        assert_eq!(made.0, 200);
        assert_eq!(made.1["x-content-type-options"], "nosniff");
        let vary: Vec<_> = made.1.get_all(header::VARY).iter().collect();
        assert_eq!(vary, ["stoa-tenant", "accept-encoding"]);
    }
    assert_eq!((asked.look(), asked.handler()), (2, 2));
    let named = front
        .at_once(
            &request("GET /things/tea\nx-request-id: mine"),
            Instant::now(),
        )
        .expect("it lies ready");
    assert_eq!(named.headers()["x-request-id"], "mine");
}

#[tokio::test]
async fn whoever_asks_for_more_than_a_look_goes_to_the_handler() {
    let (front, asked) = front(metrics());
    let long = format!("GET /things/tea?{}", "x".repeat(9_000));
    for head in [
        "POST /things/tea",
        "HEAD /things/tea",
        "GET /things/list",
        "GET /nowhere",
        "GET /things/tea\nauthorization: Bearer pk_shop",
        "GET /things/tea\nauthorization: nonsense",
        "GET /things/tea\nhost: localhost\nstoa-tenant: acme",
        "GET /things/tea\nhost: nobody",
        &long,
    ] {
        let ready = front.at_once(&request(head), Instant::now());
        assert!(ready.is_none(), "{head}");
    }
    let mut operator = request("GET /things/tea");
    operator.extensions_mut().insert(LocalOperator);
    assert!(front.at_once(&operator, Instant::now()).is_none());
    let mut sending = request("GET /things/tea");
    *sending.body_mut() = Body::from("more");
    assert!(front.at_once(&sending, Instant::now()).is_none());
    assert_eq!((asked.look(), asked.handler()), (0, 0));

    // What would be packed takes the time that it takes elsewhere.
    let packed = request("GET /things/tea\naccept-encoding: br");
    assert!(front.at_once(&packed, Instant::now()).is_none());
    let unknown = request("GET /things/unknown");
    assert!(front.at_once(&unknown, Instant::now()).is_none());
    let answer = front.oneshot(unknown).await.expect("an answer");
    assert_eq!(plain(answer).await.0, 200);
    assert_eq!(asked.handler(), 1);
}

#[tokio::test]
async fn a_look_that_panics_leaves_the_answer_to_the_handler() {
    let (front, asked) = front(metrics());
    let answer = front.oneshot(request("GET /things/broken")).await;
    assert_eq!(plain(answer.expect("an answer")).await.0, 200);
    assert_eq!((asked.look(), asked.handler()), (1, 1));
}

#[tokio::test]
async fn what_lay_ready_is_counted_at_its_route() {
    let all = metrics();
    let (front, asked) = front(all.clone());
    for _ in 0..3 {
        let answer = front.clone().oneshot(request("GET /things/tea")).await;
        assert_eq!(answer.expect("an answer").status(), 200);
    }
    assert_eq!(asked.handler(), 0);
    let text = all.render();
    let line = r#"stoa_http_requests_total{method="GET",route="/things/{name}",status="2xx"} 3"#;
    assert!(text.lines().any(|each| each == line), "{text}");
}

#[test]
#[should_panic(expected = "POST /things is not a GET for shoppers")]
fn only_reads_of_shoppers_may_lie_ready() {
    let _ = Routes::<()>::new("test")
        .route(
            Method::POST,
            "/things",
            Access::Shopper,
            Operation::new("makeThing", "Make"),
            async || "made",
        )
        .ready(|(), _| None);
}

/// Each answer comes within the poll that read its request, so that no timer is asked meanwhile.
#[tokio::test]
async fn a_connection_of_ready_answers_is_closed_when_it_falls_idle_or_its_head_stalls() {
    let (front, asked) = front(metrics());
    let server = Server::start(front, |config| {
        config.header_time_max = Duration::from_millis(500);
        config.idle_time_max = Duration::from_millis(1500);
    })
    .await;
    const GET: &str = "GET /things/tea HTTP/1.1\r\nHost: acme.localhost\r\n\r\n";
    let mut idle = server.connect().await;
    let mut stalling = server.connect().await;
    for _ in 0..20 {
        for stream in [&mut idle, &mut stalling] {
            write(stream, GET).await;
            assert!(read_answer(stream).await.ends_with("acme /things/tea "));
        }
    }
    write(&mut stalling, "GET /things").await;
    assert_eq!(read_to_end(&mut stalling).await, "");
    assert_eq!(read_to_end(&mut idle).await, "");
    assert_eq!((asked.look(), asked.handler()), (40, 0));
}
