//! The process's metrics in a registry of its own. No globals; a route resolves its handles once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};
use stoa_kernel::Timestamp;

use crate::process::ProcessMetrics;

/// The values of the label `status`.
pub const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// From 0.25 ms, a warm product read, to 30 s, the longest a handler may take.
const LATENCY_BUCKETS: [f64; 16] = [
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0,
];

/// The buckets of every duration histogram, so that panels of different crates line up.
pub fn latency_buckets() -> Vec<f64> {
    LATENCY_BUCKETS.to_vec()
}

/// All metrics of one process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    connections: IntGauge,
    process: ProcessMetrics,
}

impl Metrics {
    /// `started_at` is when the process began.
    pub fn new(started_at: Timestamp) -> Self {
        Self::build(started_at).expect("the names below are valid and each registered once")
    }

    fn build(started_at: Timestamp) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let labels = ["method", "route", "status"];
        let requests = IntCounterVec::new(
            Opts::new("stoa_http_requests_total", "HTTP requests answered"),
            &labels,
        )?;
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "stoa_http_request_duration_seconds",
                "Time from the head of a request to the head of its response",
            )
            .buckets(latency_buckets()),
            &labels,
        )?;
        let in_flight = IntGauge::new(
            "stoa_http_requests_in_flight",
            "HTTP requests being answered",
        )?;
        let connections = IntGauge::new("stoa_http_connections", "Open HTTP connections")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        let process = ProcessMetrics::new(&registry, started_at)?;
        let inner = Inner {
            registry,
            requests,
            durations,
            in_flight,
            connections,
            process,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Where other crates register their own metrics.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The Prometheus text format of everything registered.
    pub fn render(&self) -> String {
        self.inner.process.refresh();
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.inner.registry.gather(), &mut text)
        {
            tracing::error!(%error, "a metric cannot be rendered");
        }
        text
    }

    /// The handles of one route; labels are looked up once per status class, not per request.
    pub fn route(&self, method: &str, route: &str) -> RouteMetrics {
        RouteMetrics {
            metrics: self.clone(),
            method: method.to_owned(),
            route: route.to_owned(),
            classes: Default::default(),
        }
    }

    /// Counts a request as being answered until the guard goes.
    pub fn request_begins(&self) -> InFlightGuard {
        self.inner.in_flight.inc();
        InFlightGuard(self.clone())
    }

    /// Counts a connection as open until the guard goes.
    pub fn connection_opens(&self) -> ConnectionGuard {
        self.inner.connections.inc();
        ConnectionGuard(self.clone())
    }
}

/// Lowers the in-flight gauge when dropped, also when the client went away.
pub struct InFlightGuard(Metrics);
impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.inner.in_flight.dec();
    }
}

/// Lowers the connections gauge when dropped.
pub struct ConnectionGuard(Metrics);
impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.inner.connections.dec();
    }
}

/// The counters of one method and route.
pub struct RouteMetrics {
    metrics: Metrics,
    method: String,
    route: String,
    classes: [OnceLock<(IntCounter, Histogram)>; STATUS_CLASSES.len()],
}

impl RouteMetrics {
    pub fn observe(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        let (count, duration) = self.classes[class].get_or_init(|| {
            let labels = [
                self.method.as_str(),
                self.route.as_str(),
                STATUS_CLASSES[class],
            ];
            let inner = &self.metrics.inner;
            (
                inner.requests.with_label_values(&labels),
                inner.durations.with_label_values(&labels),
            )
        });
        count.inc();
        duration.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'t>(text: &'t str, start: &str) -> Option<&'t str> {
        text.lines()
            .find_map(|line| line.strip_prefix(start))
            .map(str::trim)
    }

    #[test]
    fn a_route_is_counted_by_status_class() {
        let metrics = Metrics::new(Timestamp::from_micros(5_000_000));
        let route = metrics.route("GET", "/api/v1/products/{handle}");
        route.observe(200, Duration::from_micros(300));
        route.observe(204, Duration::from_millis(3));
        route.observe(404, Duration::from_millis(1));
        let text = metrics.render();
        let count = |class: &str| {
            let start = format!(
                r#"stoa_http_requests_total{{method="GET",route="/api/v1/products/{{handle}}",status="{class}"}}"#
            );
            line(&text, &start).map(str::to_owned)
        };
        assert_eq!(count("2xx").as_deref(), Some("2"));
        assert_eq!(count("4xx").as_deref(), Some("1"));
        assert_eq!(count("5xx"), None);
        let bucket = r#"stoa_http_request_duration_seconds_bucket{method="GET",route="/api/v1/products/{handle}",status="2xx",le="0.0005"}"#;
        assert_eq!(line(&text, bucket), Some("1"));
    }

    #[test]
    fn gauges_fall_when_their_guards_go() {
        let metrics = Metrics::new(Timestamp::from_micros(5_000_000));
        let request = metrics.request_begins();
        let connection = metrics.connection_opens();
        assert_eq!(
            line(&metrics.render(), "stoa_http_requests_in_flight "),
            Some("1")
        );
        assert_eq!(line(&metrics.render(), "stoa_http_connections "), Some("1"));
        drop((request, connection));
        assert_eq!(
            line(&metrics.render(), "stoa_http_requests_in_flight "),
            Some("0")
        );
        assert_eq!(line(&metrics.render(), "stoa_http_connections "), Some("0"));
    }

    #[test]
    fn the_process_reports_its_start_and_memory() {
        let metrics = Metrics::new(Timestamp::from_micros(5_000_000));
        let text = metrics.render();
        assert_eq!(line(&text, "process_start_time_seconds "), Some("5"));
        let resident = line(&text, "process_resident_memory_bytes ").and_then(|n| n.parse().ok());
        assert!(resident > Some(1_000_000_i64), "{resident:?}");
    }

    #[test]
    fn other_crates_register_their_own() {
        let metrics = Metrics::new(Timestamp::default());
        let depth = IntGauge::new("stoa_queue_depth", "Jobs waiting").expect("a valid name");
        metrics
            .registry()
            .register(Box::new(depth.clone()))
            .expect("registered once");
        depth.set(4);
        assert_eq!(line(&metrics.render(), "stoa_queue_depth "), Some("4"));
    }
}
