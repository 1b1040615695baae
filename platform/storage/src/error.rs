//! What can go wrong between a transaction body and its database.

use std::any::Any;

/// Whatever a storage call fails with. `Clone`, because one failed commit fails a whole batch.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("the database refused the statement: {message} (in `{sql}`)")]
    Statement { sql: String, message: String },
    /// A CHECK, UNIQUE or FOREIGN KEY constraint refused the row.
    #[error("a constraint refused the row: {message}")]
    Constraint {
        kind: ConstraintKind,
        message: String,
    },
    #[error("column {index} is not {wanted}: {found}")]
    Column {
        index: usize,
        wanted: &'static str,
        found: String,
    },
    #[error("a transaction body may await nothing but its database")]
    BodyAwaited,
    #[error("the transaction body panicked: {message}")]
    BodyPanicked { message: String },
    #[error("the commit failed and nothing was kept: {message}")]
    Commit { message: String },
    #[error("`{sql}` touches tenant tables {tables:?} but binds `:tenant` {bound} times")]
    TenantUnbound {
        sql: String,
        tables: Vec<String>,
        bound: usize,
    },
    #[error("`{sql}` touches `{table}`, which only storage itself may")]
    SystemTable { sql: String, table: String },
    #[error("the database is not reachable: {message}")]
    Unavailable { message: String },
    #[error("too much is waiting to be written (limit {limit})")]
    Busy { limit: usize },
    #[error("the transaction met a concurrent one {attempts} times in a row")]
    Contention { attempts: u32 },
    #[error("the disk is full")]
    DiskFull,
    #[error("migration {module}/{number} {problem}")]
    Migration {
        module: String,
        number: i64,
        problem: String,
    },
    #[error("no tenant `{tenant}`")]
    UnknownTenant { tenant: String },
    #[error("a tenant with the slug `{slug}` exists")]
    SlugTaken { slug: String },
    #[error("`{isolation}` isolation is not offered by {backend}: {hint}")]
    Isolation {
        isolation: &'static str,
        backend: &'static str,
        hint: &'static str,
    },
    #[error("`{url}` names no known backend; known are: sqlite:, postgres:")]
    UnknownBackend { url: String },
    #[error("{context}: {message}")]
    Io { context: String, message: String },
    #[error("stored JSON does not parse: {message}")]
    Json { message: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    Unique,
    Check,
    ForeignKey,
    NotNull,
    Other,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the same call may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Busy { .. }
                | Self::Contention { .. }
                | Self::Commit { .. }
                | Self::DiskFull
        )
    }

    pub fn is_unique_violation(&self) -> bool {
        matches!(
            self,
            Self::Constraint {
                kind: ConstraintKind::Unique,
                ..
            }
        )
    }

    /// What a transaction body said when it panicked.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Self::BodyPanicked {
            message: message.unwrap_or_else(|| "a panic without text".to_owned()),
        }
    }

    pub(crate) fn io(context: impl Into<String>, error: &dyn std::fmt::Display) -> Self {
        Self::Io {
            context: context.into(),
            message: error.to_string(),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json {
            message: error.to_string(),
        }
    }
}
