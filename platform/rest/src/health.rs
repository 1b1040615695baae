//! Whether the process lives and serves, and its metrics. Asks nothing of storage: a database that
//! hiccups must not make an orchestrator restart every process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method};
use schemars::JsonSchema;
use serde::Serialize;
use stoa_telemetry::Metrics;

use crate::access::Access;
use crate::code;
use crate::extract::Json;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::routes::Routes;

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// Whether to send traffic here. Cheap to clone; starts as not ready.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    pub fn new() -> Self {
        Self(Arc::new(AtomicU8::new(STARTING)))
    }
    pub fn set_ready(&self) {
        self.0.store(READY, Ordering::Release);
    }
    /// Tells load balancers to look elsewhere, before the listeners close.
    pub fn set_draining(&self) {
        self.0.store(DRAINING, Ordering::Release);
    }
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire) == READY
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
}

#[derive(Clone)]
struct HealthState {
    readiness: Readiness,
    metrics: Metrics,
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn health_routes(readiness: Readiness, metrics: Metrics) -> Routes<()> {
    Routes::new("health")
        .route(
            Method::GET,
            "/healthz",
            Access::Public,
            Operation::new("readHealth", "Is the process alive?").returns::<Health>(200),
            async || uncached(Json(Health { status: "alive" })),
        )
        .route(
            Method::GET,
            "/readyz",
            Access::Public,
            Operation::new("readReadiness", "Does the process serve?")
                .returns::<Health>(200)
                .returns_problem(&code::NOT_READY),
            ready,
        )
        .route(
            Method::GET,
            "/metrics",
            Access::Public,
            Operation::new("readMetrics", "Metrics in the Prometheus text format")
                .returns_type(200, "text/plain"),
            metrics_text,
        )
        .with_state(HealthState { readiness, metrics })
}

async fn ready(State(state): State<HealthState>) -> Result<Response, Problem> {
    let detail = match state.readiness.0.load(Ordering::Acquire) {
        READY => return Ok(uncached(Json(Health { status: "ready" }))),
        DRAINING => "The process is going down.",
        _ => "The process is starting.",
    };
    Err(Problem::new(&code::NOT_READY)
        .with_detail(detail)
        .with_header(RETRY_AFTER, HeaderValue::from_static("1")))
}

async fn metrics_text(State(state): State<HealthState>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    uncached(([(CONTENT_TYPE, kind)], state.metrics.render()))
}

fn uncached(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
