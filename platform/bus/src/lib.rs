//! Moves facts to consumers and jobs to workers, at least once. Knows no module.

mod delivery;
mod feed;
mod jobs;
mod ports;
mod tail;
mod worker;

pub use ports::{
    Consumer, HandlerError, JobHandler, JobOutcome, Recurring, Transport, TransportError,
};
pub use tail::tail;
pub use worker::{Worker, WorkerConfig};
