//! Ids, compression, entity tags, HEAD, health and metrics as a client sees them.

use std::sync::Arc;

use axum::response::IntoResponse as _;
use http::header::CONTENT_TYPE;
use stoa_kernel::SeededIds;
use stoa_rest::{
    Access, ETag, IfMatch, IfNoneMatch, Json, Method, Operation, Problem, Readiness, RouterConfig,
    Routes, health_routes,
};

use crate::support::{FIRST_TRACE, TestGate, metrics, router, send};

fn routes() -> Routes<()> {
    let get = |routes: Routes<()>, path, kind: &'static str, size: usize| {
        routes.route(
            Method::GET,
            path,
            Access::Shopper,
            Operation::new("x", "x"),
            async move || ([(CONTENT_TYPE, kind)], "stoa ".repeat(size / 5)).into_response(),
        )
    };
    let routes = get(Routes::new("test"), "/large", "application/json", 5_000);
    let routes = get(routes, "/small", "application/json", 1_000);
    let routes = get(routes, "/picture", "image/png", 5_000);
    routes
        .route(
            Method::GET,
            "/tagged",
            Access::Shopper,
            Operation::new("tagged", "Tagged"),
            async |client: IfNoneMatch| {
                ETag::of_version(7).respond(&client, || Json("stoa ".repeat(1_000)))
            },
        )
        .route(
            Method::PUT,
            "/tagged",
            Access::Shopper,
            Operation::new("change", "Change"),
            async |seen: IfMatch| -> Result<String, Problem> {
                seen.check(&ETag::of_version(7))?;
                Ok(format!("{:?}", seen.version()?))
            },
        )
}

#[tokio::test]
async fn a_request_id_is_echoed_or_made() {
    let router = router(routes());
    let made = send(&router, "GET /small", "").await;
    assert_eq!(made.header("x-request-id"), Some(FIRST_TRACE));
    let sent = send(&router, "GET /small\nX-Request-Id: r-1", "").await;
    assert_eq!(sent.header("x-request-id"), Some("r-1"));
    let wild = send(&router, "GET /small\nX-Request-Id: a b", "").await;
    assert_eq!(wild.header("x-request-id").map(str::len), Some(32));
    let traced = "GET /small\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(
        send(&router, traced, "").await.header("x-request-id"),
        Some("4bf92f3577b34da6a3ce929d0e0e4736")
    );
}

#[tokio::test]
async fn only_who_asks_gets_it_compressed() {
    let router = router(routes());
    let plain = send(&router, "GET /large", "").await;
    assert_eq!(
        (plain.header("content-encoding"), plain.body.len()),
        (None, 5_000)
    );
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    assert_eq!(plain.header("content-length"), Some("5000"));
    for (accepted, encoding) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, br;q=0.9", "br"),
    ] {
        let answer = send(
            &router,
            &format!("GET /large\nAccept-Encoding: {accepted}"),
            "",
        )
        .await;
        assert_eq!(
            answer.header("content-encoding"),
            Some(encoding),
            "{accepted}"
        );
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        assert!(
            answer.body.len() < 500,
            "{} bytes of {encoding}",
            answer.body.len()
        );
    }
    for head in [
        "GET /small\nAccept-Encoding: gzip",
        "GET /picture\nAccept-Encoding: gzip",
        "GET /large\nAccept-Encoding: identity",
        "GET /large\nAccept-Encoding: deflate",
    ] {
        assert_eq!(
            send(&router, head, "").await.header("content-encoding"),
            None,
            "{head}"
        );
    }
}

#[tokio::test]
async fn each_encoding_has_its_own_tag_and_all_of_them_are_understood() {
    let router = router(routes());
    let plain = send(&router, "GET /tagged", "").await;
    assert_eq!(plain.header("etag"), Some("\"7\""));
    let packed = send(&router, "GET /tagged\nAccept-Encoding: gzip", "").await;
    assert_eq!(packed.header("etag"), Some("\"7-gzip\""));
    for tag in ["\"7\"", "\"7-gzip\"", "W/\"7\"", "\"1\", \"7\"", "*"] {
        let again = send(&router, &format!("GET /tagged\nIf-None-Match: {tag}"), "").await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{tag}");
        assert_eq!(again.header("etag"), Some("\"7\""));
    }
    let newer = send(&router, "GET /tagged\nIf-None-Match: \"6\"", "").await;
    assert_eq!(newer.status.as_u16(), 200);
}

#[tokio::test]
async fn a_change_needs_the_tag_of_what_is_there() {
    let router = router(routes());
    for (head, status, text) in [
        ("PUT /tagged", 428, "precondition_required"),
        ("PUT /tagged\nIf-Match: \"6\"", 412, "precondition_failed"),
        ("PUT /tagged\nIf-Match: W/\"7\"", 412, "precondition_failed"),
        ("PUT /tagged\nIf-Match: \"7-br\"", 200, "Some(7)"),
        ("PUT /tagged\nIf-Match: *", 200, "None"),
    ] {
        let answer = send(&router, head, "").await;
        let got = if status == 200 {
            answer.text()
        } else {
            answer.code()
        };
        assert_eq!(
            (answer.status.as_u16(), got.as_str()),
            (status, text),
            "{head}"
        );
    }
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let router = router(routes());
    let answer = send(&router, "HEAD /large", "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), Some("5000"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let missing = send(&router, "HEAD /nowhere", "").await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
}

#[tokio::test]
async fn readiness_follows_the_process_and_metrics_follow_the_routes() {
    let readiness = Readiness::new();
    let metrics = metrics();
    let routes = health_routes(readiness.clone(), metrics.clone()).merge(routes());
    let config = RouterConfig::new(metrics, Arc::new(SeededIds::new(1)));
    let router = routes.into_router(Arc::new(TestGate), config);
    let ready = async || {
        let answer = send(&router, "GET /readyz\nHost: nobody", "").await;
        (answer.status.as_u16(), answer.json())
    };
    assert_eq!(
        send(&router, "GET /healthz\nHost: nobody", "").await.text(),
        r#"{"status":"alive"}"#
    );
    let (status, problem) = ready().await;
    assert_eq!((status, &problem["code"]), (503, &"not_ready".into()));
    readiness.set_ready();
    assert_eq!(
        ready().await,
        (200, serde_json::json!({ "status": "ready" }))
    );
    readiness.set_draining();
    let (status, problem) = ready().await;
    assert_eq!(
        (status, &problem["detail"]),
        (503, &"The process is going down.".into())
    );

    send(&router, "GET /small", "").await;
    send(&router, "GET /made-up-path", "").await;
    send(&router, "BREW /small", "").await;
    let text = send(&router, "GET /metrics\nHost: nobody", "").await.text();
    for line in [
        r#"stoa_http_requests_total{method="GET",route="/small",status="2xx"} 1"#,
        r#"stoa_http_requests_total{method="GET",route="/readyz",status="5xx"} 2"#,
        r#"stoa_http_requests_total{method="any",route="unmatched",status="4xx"} 2"#,
        "stoa_http_requests_in_flight 1",
    ] {
        assert!(
            text.lines().any(|each| each == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(!text.contains("made-up-path"));
}
