//! A cell: one transactional database, whichever it is. Runs transaction bodies; knows no module.

use std::sync::Arc;
use std::time::Duration;

use stoa_kernel::{CellId, TenantId};

use crate::outbox::CommitHooks;
use crate::postgres::{self, Answer, Guarded, PgCell};
use crate::sqlite::{Lane, LiteCell, run_body};
use crate::tx::Scope;
use crate::{Error, Result, Row, Stats, Tx, Value};

/// A body that keeps meeting concurrent ones is given up after this many tries.
const CONTENTION_TRIES_MAX: u32 = 10;
/// Before the second try; each later one waits for longer.
const CONTENTION_PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Cell {
    pub(crate) id: CellId,
    pub(crate) epoch: i64,
    pub(crate) backend: Backend,
    pub(crate) stats: Arc<Stats>,
    pub(crate) hooks: CommitHooks,
}

pub(crate) enum Backend {
    Lite(LiteCell),
    Postgres(PgCell),
}

impl Cell {
    pub(crate) async fn write<T, E, F>(
        self: &Arc<Self>,
        scope: Scope,
        lane: Lane,
        body: F,
    ) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.backend {
            Backend::Lite(cell) => cell.writer.submit(scope, lane, body).await,
            Backend::Postgres(cell) => {
                let this = self.clone();
                cell.run(move || async move { this.write_postgres(scope, &body).await })
                    .await
            }
        }
    }

    async fn write_postgres<T, E, F>(&self, scope: Scope, body: &F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E>,
        E: From<Error>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut tx = self.begin(scope, false).await?;
            let busy = tx.busy();
            let outcome = Guarded::new(body(&mut tx), busy).await;
            let outcome = outcome.ok_or(Error::BodyAwaited)?;
            let failure = tx.failure().cloned();
            if matches!(failure, Some(Error::Contention { .. })) {
                tx.rollback().await?;
                if tries < CONTENTION_TRIES_MAX {
                    // Lets the one that went on take its rows first: else the two meet again.
                    tokio::time::sleep(CONTENTION_PAUSE * tries).await;
                    continue;
                }
                return Err(Error::Contention { attempts: tries }.into());
            }
            return match (outcome, failure) {
                (Ok(_), Some(error)) => {
                    tx.rollback().await?;
                    Err(error.into())
                }
                (Ok(value), None) => {
                    let committed = tx.commit().await?;
                    self.hooks.run(&committed);
                    Ok(value)
                }
                (Err(error), _) => {
                    tx.rollback().await?;
                    Err(error)
                }
            };
        }
    }

    fn begin(&self, scope: Scope, read_only: bool) -> Answer<'_, Tx<'static>> {
        Box::pin(async move {
            let Backend::Postgres(cell) = &self.backend else {
                return Err(Error::Unavailable {
                    message: "the cell is not on a server".to_owned(),
                });
            };
            let pool = match scope {
                Scope::Tenant(_) => &cell.tenants,
                Scope::System => &cell.system,
            };
            let connection = postgres::connection(pool).await?;
            let transaction =
                postgres::Transaction::new(connection, scope, read_only, self.stats.clone());
            Ok(Tx::postgres(transaction, scope))
        })
    }

    /// Runs a read-only body over one snapshot, inline on the caller's thread on SQLite.
    pub(crate) async fn read<T, E, F>(self: &Arc<Self>, scope: Scope, body: F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.backend {
            Backend::Lite(cell) => cell.with_reader(&self.stats, |connection| {
                connection.control("BEGIN")?;
                let (outcome, _) = run_body(connection, scope, &body);
                connection.control("ROLLBACK")?;
                outcome
            })?,
            Backend::Postgres(cell) => {
                let this = self.clone();
                cell.run(move || async move {
                    let mut tx = this.begin(scope, true).await?;
                    let busy = tx.busy();
                    let outcome = Guarded::new(body(&mut tx), busy).await;
                    let outcome = outcome.ok_or(Error::BodyAwaited)?;
                    let failure = tx.failure().cloned();
                    tx.rollback().await?;
                    match failure {
                        Some(error) if outcome.is_ok() => Err(error.into()),
                        _ => outcome,
                    }
                })
                .await
            }
        }
    }

    /// One statement in one round trip.
    pub(crate) async fn fetch<T: Send>(
        &self,
        tenant: TenantId,
        sql: &'static str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        let scope = Scope::Tenant(tenant);
        match &self.backend {
            Backend::Lite(cell) => cell.with_reader(&self.stats, |connection| {
                connection.query(scope, sql, params, map)
            })?,
            Backend::Postgres(cell) => {
                let rows = cell.lines.fetch(scope, sql, params).await?;
                postgres::mapped(&rows, map)
            }
        }
    }

    pub(crate) async fn system_write<T, E, F>(self: &Arc<Self>, body: F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write(Scope::System, Lane::Interactive, body).await
    }

    /// As [`Self::system_write`], behind all interactive work.
    pub(crate) async fn system_write_bulk<T, E, F>(self: &Arc<Self>, body: F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write(Scope::System, Lane::Bulk, body).await
    }

    pub(crate) async fn system_read<T, F>(self: &Arc<Self>, body: F) -> Result<T>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T> + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.read(Scope::System, body).await
    }

    /// Requests that wait for the writer; 0 where there is none.
    pub(crate) fn queue_depth(&self) -> usize {
        match &self.backend {
            Backend::Lite(cell) => cell.writer.depth(),
            Backend::Postgres(_) => 0,
        }
    }
}
