//! The transaction a module works in. Knows one tenant, speaks one SQL, leaves no other way in.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use stoa_kernel::TenantId;

use crate::outbox::Committed;
use crate::sql::{Stmt, rewrite};
use crate::{Dialect, Error, Result, Row, Value};
use crate::{postgres, sqlite};

/// An open transaction of one tenant in one cell.
///
/// SQL is a `&'static str` in the portable subset: `$1..$N` for parameters, `:tenant` for the
/// transaction's own tenant, `{lock}` for a row lock. Every statement that touches a table with a
/// `tenant_id` column must bind `:tenant` once per such table: SQLite refuses it otherwise, and
/// PostgreSQL's row-level security would hide the rows.
///
/// The first statement that fails ends the transaction: later ones answer with the same error, and
/// a body that returns `Ok` all the same fails with it.
pub struct Tx<'c> {
    inner: Inner<'c>,
    scope: Scope,
    /// The first statement that failed: such a transaction never commits, on either database.
    failed: Option<Error>,
    pub(crate) committed: Vec<Committed>,
}

enum Inner<'c> {
    Lite(&'c mut sqlite::Connection),
    Postgres(Box<postgres::Transaction>),
}

/// Whose rows a transaction may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A module's transaction: tables of one tenant, none of storage's own.
    Tenant(TenantId),
    /// Storage's own transaction over `stoa_` tables, or the control plane's tables.
    System,
}

impl<'c> Tx<'c> {
    pub(crate) fn lite(connection: &'c mut sqlite::Connection, scope: Scope) -> Self {
        Self {
            inner: Inner::Lite(connection),
            scope,
            failed: None,
            committed: Vec::new(),
        }
    }

    pub(crate) fn postgres(transaction: postgres::Transaction, scope: Scope) -> Tx<'static> {
        Tx {
            inner: Inner::Postgres(Box::new(transaction)),
            scope,
            failed: None,
            committed: Vec::new(),
        }
    }

    /// Set while the body waits for PostgreSQL; never set on SQLite, which does not wait.
    pub(crate) fn busy(&self) -> Arc<AtomicBool> {
        match &self.inner {
            Inner::Lite(_) => Arc::default(),
            Inner::Postgres(transaction) => transaction.busy(),
        }
    }

    /// Ends a PostgreSQL transaction; the writer thread ends SQLite's.
    pub(crate) async fn commit(self) -> Result<Vec<Committed>> {
        if let Inner::Postgres(transaction) = self.inner {
            transaction.commit().await?;
        }
        Ok(self.committed)
    }

    pub(crate) async fn rollback(self) -> Result<()> {
        match self.inner {
            Inner::Lite(_) => Ok(()),
            Inner::Postgres(transaction) => transaction.rollback().await,
        }
    }

    /// The tenant this transaction belongs to; the nil id in storage's own transactions.
    pub fn tenant(&self) -> TenantId {
        match self.scope {
            Scope::Tenant(tenant) => tenant,
            Scope::System => TenantId::from_u128(0),
        }
    }

    pub fn dialect(&self) -> Dialect {
        match self.inner {
            Inner::Lite(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs one statement; returns the rows it changed.
    pub async fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64> {
        self.execute_as(self.scope, sql, params).await
    }

    /// Runs statements that do not need each other's answers: one round trip on PostgreSQL, a loop
    /// on SQLite. Returns the rows each changed, in order. The first error ends it.
    pub async fn batch(&mut self, statements: &[Stmt<'_>]) -> Result<Vec<u64>> {
        self.unfailed()?;
        let answer = match &mut self.inner {
            Inner::Lite(connection) => statements
                .iter()
                .map(|(sql, params)| connection.execute(self.scope, sql, params))
                .collect(),
            Inner::Postgres(transaction) => transaction.flight(self.scope, statements).await,
        };
        self.note(answer)
    }

    /// Runs statements whose counts nobody needs. On PostgreSQL they travel with the next statement,
    /// or with the commit, in their order: no round trip of their own, and an error of theirs is the
    /// answer of whatever they travelled with.
    pub async fn defer(&mut self, statements: &[Stmt<'_>]) -> Result<()> {
        self.defer_as(self.scope, statements).await
    }

    /// Every row, mapped. The closure borrows from the row and keeps what it needs.
    pub async fn query<T: Send>(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.query_as(self.scope, sql, params, map).await
    }

    /// The first row, if there is one.
    pub async fn query_opt<T: Send>(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Option<T>> {
        Ok(self.query(sql, params, map).await?.into_iter().next())
    }

    /// The only row; none at all is an error, so use it where one must exist (counts, RETURNING).
    pub async fn query_one<T: Send>(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        self.query_opt(sql, params, map)
            .await?
            .ok_or_else(|| Error::Statement {
                sql: sql.to_owned(),
                message: "no row where one must be".to_owned(),
            })
    }

    /// Runs storage's own statement inside a module's transaction (outbox, jobs, idempotency).
    pub(crate) async fn execute_system(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<u64> {
        self.execute_as(Scope::System, sql, params).await
    }

    /// As [`Self::defer`], for storage's own statements.
    pub(crate) async fn defer_system(&mut self, statements: &[Stmt<'_>]) -> Result<()> {
        self.defer_as(Scope::System, statements).await
    }

    pub(crate) async fn query_system<T: Send>(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.query_as(Scope::System, sql, params, map).await
    }

    /// What failed, if a statement did.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    async fn defer_as(&mut self, scope: Scope, statements: &[Stmt<'_>]) -> Result<()> {
        self.unfailed()?;
        let answer = match &mut self.inner {
            Inner::Lite(connection) => statements
                .iter()
                .try_for_each(|(sql, params)| connection.execute(scope, sql, params).map(|_| ())),
            Inner::Postgres(transaction) => transaction.defer(scope, statements).await,
        };
        self.note(answer)
    }

    async fn execute_as(
        &mut self,
        scope: Scope,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<u64> {
        self.unfailed()?;
        let answer = match &mut self.inner {
            Inner::Lite(connection) => connection.execute(scope, sql, params),
            Inner::Postgres(transaction) => transaction
                .flight(scope, &[(sql, params)])
                .await
                .map(|counts| counts[0]),
        };
        self.note(answer)
    }

    async fn query_as<T: Send>(
        &mut self,
        scope: Scope,
        sql: &'static str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.unfailed()?;
        let answer = match &mut self.inner {
            Inner::Lite(connection) => connection.query(scope, sql, params, map),
            Inner::Postgres(transaction) => transaction.query(scope, sql, params, map).await,
        };
        self.note(answer)
    }

    /// After an error nothing runs any more: a statement might be kept outside of the transaction.
    fn unfailed(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// PostgreSQL ends a transaction at the first error; so does SQLite here, to be alike.
    fn note<T>(&mut self, answer: Result<T>) -> Result<T> {
        if let Err(error) = &answer
            && self.failed.is_none()
        {
            self.failed = Some(error.clone());
        }
        answer
    }
}

/// Refuses a statement before it runs: storage's own tables, or tenant tables without the tenant.
///
/// `tables` are those the database itself named while it prepared the statement.
pub(crate) fn guard(
    scope: Scope,
    sql: &str,
    tenant_bindings: usize,
    tables: &[String],
    is_tenant_table: impl Fn(&str) -> bool,
) -> Result<()> {
    if scope == Scope::System {
        return Ok(());
    }
    if let Some(table) = tables.iter().find(|table| table.starts_with(SYSTEM_PREFIX)) {
        return Err(Error::SystemTable {
            sql: sql.to_owned(),
            table: table.clone(),
        });
    }
    let touched: Vec<String> = tables
        .iter()
        .filter(|table| is_tenant_table(table))
        .cloned()
        .collect();
    if touched.len() > tenant_bindings {
        return Err(Error::TenantUnbound {
            sql: sql.to_owned(),
            tables: touched,
            bound: tenant_bindings,
        });
    }
    Ok(())
}

/// The first of storage's own tables that the text names. PostgreSQL does not say which tables a
/// statement touches, so there the words have to do.
pub(crate) fn system_word(sql: &str) -> Option<&str> {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| word.starts_with(SYSTEM_PREFIX))
}

/// Storage's own tables start with this; no module's may.
pub(crate) const SYSTEM_PREFIX: &str = "stoa_";

/// The rewritten text of a static statement, for one dialect.
pub(crate) fn rewritten(sql: &'static str, dialect: Dialect) -> crate::sql::Rewritten {
    rewrite(sql, dialect)
}
