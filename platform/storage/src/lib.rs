//! Cells over SQLite and PostgreSQL behind one `Tx`; outbox, jobs, idempotency, the directory.
//! Holds no module's SQL and no business rule.

mod cell;
mod db;
mod directory;
mod error;
mod idempotency;
mod jobs;
mod migrate;
mod outbox;
mod postgres;
mod sql;
mod sqlite;
mod stats;
mod storage;
mod tx;
mod value;

pub use db::{ControlDb, Db};
pub use error::{ConstraintKind, Error, Result};
pub use idempotency::{Claim, IdempotencyKey};
pub use jobs::{ClaimedJob, JobQueue, NewJob};
pub use migrate::{Migrations, Plane};
pub use outbox::{Cause, CommitHooks, Committed, EventLog, EventPage, Place};
pub use sql::{Dialect, Stmt};
pub use stats::{BATCH_BUCKETS, Stats, StatsReading};
pub use storage::{Isolation, NewTenant, Storage, StorageConfig, Tenant};
pub use tx::Tx;
pub use value::{Column, FromColumn, Row, Value};
