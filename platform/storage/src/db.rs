//! Handles through which modules reach their rows: one tenant's, or the control plane's.

use std::sync::Arc;

use stoa_kernel::TenantId;

use crate::cell::Cell;
use crate::sqlite::Lane;
use crate::tx::Scope;
use crate::{Error, Result, Row, Tx, Value};

/// One tenant's rows in its cell. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    cell: Arc<Cell>,
    tenant: TenantId,
}

impl Db {
    pub(crate) fn new(cell: Arc<Cell>, tenant: TenantId) -> Self {
        Self { cell, tenant }
    }

    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Runs `body` in a read-write transaction and answers once the commit is durable; an `Err`
    /// rolls back. The body may run again, so it owns its input and has no effect but the
    /// database; awaiting anything else is [`Error::BodyAwaited`].
    pub async fn write<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.cell
            .write(Scope::Tenant(self.tenant), Lane::Interactive, body)
            .await
    }

    /// As [`Self::write`], behind all interactive work. Keep a body under 10 ms: nothing else is
    /// written while it runs.
    pub async fn write_bulk<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.cell
            .write(Scope::Tenant(self.tenant), Lane::Bulk, body)
            .await
    }

    /// Runs `body` over one snapshot, read-only. It owns its input, as a write's body does.
    pub async fn read<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.cell.read(Scope::Tenant(self.tenant), body).await
    }

    /// One read-only statement in one round trip: the cheapest read there is.
    pub async fn fetch<T: Send>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.cell.fetch(self.tenant, sql, params, map).await
    }
}

/// The control database: tenants, cells, keys. No tenant guard, so only tenancy uses it.
#[derive(Clone)]
pub struct ControlDb {
    cell: Arc<Cell>,
}

impl ControlDb {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        Self { cell }
    }

    pub async fn write<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.cell.system_write(body).await
    }

    pub async fn read<T, F>(&self, body: F) -> Result<T>
    where
        F: for<'t, 'c> AsyncFn(&'t mut Tx<'c>) -> Result<T> + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.cell.system_read(body).await
    }
}
