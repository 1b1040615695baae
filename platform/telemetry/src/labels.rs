//! Whose request the running task works on, so that every line it logs says so. A task-local
//! reference and not a span: a span's fields are written down for every request, these only where
//! something is logged.

use std::sync::Arc;

use tokio::task_local;

/// What is known of a request; asked only when something is logged.
pub trait Labels: Send + Sync + 'static {
    /// Of the W3C trace context, 32 hexadecimal digits.
    fn trace_id(&self) -> String;
    /// The shop's slug, once it is known.
    fn tenant(&self) -> Option<&str>;
    /// The client's own `X-Request-Id`, where it sent one.
    fn request_id(&self) -> Option<&str>;
}

task_local! {
    static LABELS: Arc<dyn Labels>;
}

/// Runs `work` with these labels. Tasks and threads that it starts do not inherit them.
pub fn labelled<F: Future>(labels: Arc<dyn Labels>, work: F) -> impl Future<Output = F::Output> {
    LABELS.scope(labels, work)
}

/// As [`labelled`], for what is over at once.
pub fn in_labels<T>(labels: Arc<dyn Labels>, work: impl FnOnce() -> T) -> T {
    LABELS.sync_scope(labels, work)
}

pub(crate) fn look<T>(at: impl FnOnce(&dyn Labels) -> T) -> Option<T> {
    LABELS.try_with(|labels| at(&**labels)).ok()
}
