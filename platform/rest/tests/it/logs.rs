//! What a request leaves in the log: its trace and tenant on every line, failures with their cause.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use stoa_kernel::{Clock, Timestamp};
use stoa_rest::{Access, Method, Operation, Problem, Routes};
use stoa_telemetry::{LogFormat, LogLayer, LogSettings};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{FIRST_TRACE, router, send};

struct Epoch;
impl Clock for Epoch {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
}

/// The lines that one request writes through the real layer.
async fn lines_of(head: &str) -> Vec<Value> {
    let routes = Routes::new("test")
        .route(
            Method::GET,
            "/fails",
            Access::Shopper,
            Operation::new("fails", "Fails"),
            async || -> Problem { Problem::internal("the disk of jane@example.com is full") },
        )
        .route(
            Method::GET,
            "/panics",
            Access::Shopper,
            Operation::new("p", "Panics"),
            panics,
        );
    let written = Arc::new(Mutex::new(String::new()));
    let copy = Arc::clone(&written);
    let settings = LogSettings {
        service: "stoa".into(),
        filter: String::new(),
        format: LogFormat::Json,
        clock: Arc::new(Epoch),
    };
    let layer = LogLayer::new(settings, move |line: &str| copy.lock().push_str(line));
    let subscriber = tracing_subscriber::registry().with(layer);
    let _scope = tracing::subscriber::set_default(subscriber);
    send(&router(routes), head, "").await;
    let text = written.lock().clone();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"));
    lines
        .filter(|line: &Value| line["target"].as_str().is_some_and(is_ours))
        .collect()
}

fn is_ours(target: &str) -> bool {
    target.starts_with("stoa_rest")
}

async fn panics() {
    panic!("index 7 of 3");
}

#[tokio::test]
async fn a_failure_is_logged_with_its_trace_tenant_and_cause() {
    let lines = lines_of("GET /fails\nX-Request-Id: r-1").await;
    let [failure, answered] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert_eq!(failure["level"], "ERROR");
    assert_eq!(failure["message"], "a request failed on our side");
    assert_eq!(failure["error"], "the disk of j***@*** is full");
    for line in [failure, answered] {
        assert_eq!(line["trace_id"], FIRST_TRACE);
        assert_eq!(line["tenant"], "acme");
        assert_eq!(line["request_id"], "r-1");
    }
    assert_eq!(
        (&answered["status"], &answered["route"]),
        (&500.into(), &"/fails".into())
    );
}

#[tokio::test]
async fn a_panic_is_logged_where_the_client_learns_nothing() {
    let lines = lines_of("GET /panics").await;
    assert_eq!(lines[0]["message"], "a handler panicked");
    assert_eq!(lines[0]["panic"], "index 7 of 3");
    assert_eq!(lines[0]["tenant"], "acme");
}
