//! Logs and metrics of one process. Never sends anything anywhere: lines go to a sink, metrics are read.

mod labels;
mod logs;
mod mask;
mod metrics;
mod process;

pub use labels::{Labels, in_labels, labelled};
pub use logs::{LogError, LogFormat, LogLayer, LogSettings, init};
pub use mask::{MASKED, is_sensitive_name, mask_text};
pub use metrics::{
    ConnectionGuard, InFlightGuard, Metrics, RouteMetrics, STATUS_CLASSES, latency_buckets,
};
/// The metrics library, so that crates register with the version `Metrics` holds.
pub use prometheus;
