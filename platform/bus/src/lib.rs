//! Moves facts to consumers and jobs to workers, at least once. Knows no module.

mod ports;
mod worker;

pub use ports::{Consumer, HandlerError, JobHandler, JobOutcome, Recurring};
pub use worker::{Worker, WorkerConfig, WorkerMetrics};
