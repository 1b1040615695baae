//! One SQLite connection: settings, the statement guard, error mapping. Never decides what to run.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags};

use crate::error::ConstraintKind;
use crate::tx::{Scope, guard, rewritten};
use crate::value::{Column, RowSource};
use crate::{Dialect, Error, Result, Row, Stats, Value};

/// Prepared statements kept per connection.
const STATEMENTS_KEPT_MAX: usize = 256;
const PAGE_CACHE_KIB: i64 = 16 * 1024;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What a commit may wait for readers so that the log can be begun anew.
const READERS_LEAVE_WITHIN: Duration = Duration::from_millis(20);
/// Writers map nothing: what they look up once would stay resident, a gigabyte in a long import.
const MAPPED_BY_WRITERS: i64 = 0;

#[derive(Debug, Clone, Copy)]
pub(crate) struct LiteOptions {
    /// Bytes of the file that reads map into memory; 0 reads through the page cache. An I/O error
    /// on a mapped page ends the process (SIGBUS) instead of failing the read.
    pub(crate) mmap_bytes: i64,
}

/// Which tables hold tenants' rows; read from the database after migration.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    tenant_tables: HashSet<String>,
}

pub(crate) struct Connection {
    raw: rusqlite::Connection,
    /// Statements the guard has passed, by address: SQL is `'static`.
    known: HashMap<(usize, usize, bool), Known>,
    /// Tables named by the authorizer during the prepare that is under way.
    touched: Arc<Mutex<Vec<String>>>,
    schema: Arc<Schema>,
    stats: Arc<Stats>,
}

#[derive(Clone)]
struct Known {
    text: Arc<str>,
    binds_tenant: bool,
}

impl Connection {
    pub(crate) fn open(path: &Path, schema: Arc<Schema>, stats: Arc<Stats>) -> Result<Self> {
        let raw = rusqlite::Connection::open(path)
            .map_err(|error| Error::io(format!("opening {}", path.display()), &error))?;
        let new = Self::configure(raw, MAPPED_BY_WRITERS, schema, stats)?;
        // WAL lets readers go on beside the writer; FULL makes a commit survive a power cut.
        new.pragma("PRAGMA journal_mode = WAL")?;
        new.pragma("PRAGMA synchronous = FULL")?;
        // A thread of its own checkpoints, so that no commit waits for it.
        new.pragma("PRAGMA wal_autocheckpoint = 0")?;
        Ok(new)
    }

    pub(crate) fn open_reader(
        path: &Path,
        options: LiteOptions,
        schema: Arc<Schema>,
        stats: Arc<Stats>,
    ) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let raw = rusqlite::Connection::open_with_flags(path, flags)
            .map_err(|error| Error::io(format!("opening {}", path.display()), &error))?;
        let new = Self::configure(raw, options.mmap_bytes, schema, stats)?;
        new.pragma("PRAGMA query_only = ON")?;
        Ok(new)
    }

    fn configure(
        mut raw: rusqlite::Connection,
        mmap_bytes: i64,
        schema: Arc<Schema>,
        stats: Arc<Stats>,
    ) -> Result<Self> {
        let fail = |error: rusqlite::Error| Error::io("configuring SQLite", &error);
        raw.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        // Without the stability guarantee every rebind re-prepares once ANALYZE has run.
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(fail)?;
        raw.set_prepared_statement_cache_capacity(STATEMENTS_KEPT_MAX);
        let touched: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = touched.clone();
        raw.authorizer(Some(move |context: AuthContext<'_>| {
            if let Some(table) = table_of(&context.action) {
                let mut tables = sink.lock();
                if !tables.iter().any(|known| known == table) {
                    tables.push(table.to_owned());
                }
            }
            Authorization::Allow
        }))
        .map_err(fail)?;
        let new = Self {
            raw,
            known: HashMap::new(),
            touched,
            schema,
            stats,
        };
        new.pragma(&format!("PRAGMA cache_size = -{PAGE_CACHE_KIB}"))?;
        new.pragma(&format!("PRAGMA mmap_size = {mmap_bytes}"))?;
        new.pragma("PRAGMA foreign_keys = ON")?;
        new.pragma("PRAGMA temp_store = MEMORY")?;
        Ok(new)
    }

    fn pragma(&self, sql: &str) -> Result<()> {
        self.raw
            .query_row(sql, [], |_| Ok(()))
            .or_else(|error| match error {
                rusqlite::Error::QueryReturnedNoRows => Ok(()),
                other => Err(other),
            })
            .map_err(|error| map_error(sql, &error))
    }

    pub(crate) fn set_schema(&mut self, schema: Arc<Schema>) {
        self.schema = schema;
    }

    /// Finds the tables that carry a `tenant_id`.
    pub(crate) fn read_schema(&self) -> Result<Schema> {
        const SQL: &str = "SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c \
                           WHERE m.type = 'table' AND c.name = 'tenant_id'";
        let fail = |error: rusqlite::Error| map_error(SQL, &error);
        let mut statement = self.raw.prepare(SQL).map_err(fail)?;
        let names = statement
            .query_map([], |row| row.get::<_, String>(0))
            .map_err(fail)?;
        let tenant_tables = names.collect::<Result<_, _>>().map_err(fail)?;
        Ok(Schema { tenant_tables })
    }

    /// Runs fixed text without parameters: BEGIN, SAVEPOINT, migrations.
    pub(crate) fn run(&self, sql: &str) -> Result<()> {
        self.raw
            .execute_batch(sql)
            .map_err(|error| map_error(sql, &error))
    }

    /// As [`Self::run`] for the few words of transaction control, prepared once.
    pub(crate) fn control(&self, sql: &'static str) -> Result<()> {
        let fail = |error: rusqlite::Error| map_error(sql, &error);
        let mut statement = self.raw.prepare_cached(sql).map_err(fail)?;
        statement.execute([]).map(|_| ()).map_err(fail)
    }

    /// False once SQLite itself has rolled the transaction back (full disk, I/O error).
    pub(crate) fn in_transaction(&self) -> bool {
        !self.raw.is_autocommit()
    }

    pub(crate) fn execute(
        &mut self,
        scope: Scope,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<u64> {
        let known = self.known(scope, sql)?;
        self.stats.statement();
        let fail = |error: rusqlite::Error| map_error(sql, &error);
        let mut statement = self.raw.prepare_cached(&known.text).map_err(fail)?;
        bind(&mut statement, scope, &known, params).map_err(fail)?;
        let has_rows = statement.column_count() > 0;
        if has_rows {
            // A RETURNING clause: step through it, so that every row is written.
            let mut rows = statement.raw_query();
            let mut count = 0;
            while rows.next().map_err(fail)?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        statement
            .raw_execute()
            .map(|changed| changed as u64)
            .map_err(fail)
    }

    pub(crate) fn query<T>(
        &mut self,
        scope: Scope,
        sql: &'static str,
        params: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let known = self.known(scope, sql)?;
        self.stats.statement();
        let fail = |error: rusqlite::Error| map_error(sql, &error);
        let mut statement = self.raw.prepare_cached(&known.text).map_err(fail)?;
        bind(&mut statement, scope, &known, params).map_err(fail)?;
        let mut rows = statement.raw_query();
        let mut mapped = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            mapped.push(map(&Row {
                source: RowSource::Lite(row),
            })?);
        }
        Ok(mapped)
    }

    /// The statement's text, after the guard has seen which tables it touches.
    fn known(&mut self, scope: Scope, sql: &'static str) -> Result<Known> {
        let key = (sql.as_ptr() as usize, sql.len(), scope == Scope::System);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let text = rewritten(sql, Dialect::Sqlite);
        self.touched.lock().clear();
        self.look_at(&text.text)
            .map_err(|error| map_error(sql, &error))?;
        let touched = std::mem::take(&mut *self.touched.lock());
        let schema = &self.schema;
        guard(scope, sql, text.tenant_bindings, &touched, |table| {
            schema.tenant_tables.contains(table)
        })?;
        let known = Known {
            text: text.text.into(),
            binds_tenant: text.tenant_bindings > 0,
        };
        self.known.insert(key, known.clone());
        Ok(known)
    }

    /// Prepares the text for the authorizer to see; without the foreign keys' own look-ups, which
    /// are SQLite's and touch the other table by full key.
    fn look_at(&self, text: &str) -> Result<(), rusqlite::Error> {
        let foreign_keys = DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY;
        self.raw.set_db_config(foreign_keys, false)?;
        let prepared = self.raw.prepare(text).map(drop);
        self.raw.set_db_config(foreign_keys, true)?;
        prepared
    }

    /// Copies the log into the database file as far as readers allow.
    pub(crate) fn checkpoint(&self, mode: &'static str) -> Result<Copied> {
        let fail = |error: rusqlite::Error| map_error(mode, &error);
        self.raw
            .query_row(mode, [], |row| {
                let (pages, copied) = (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
                Ok(Copied {
                    pages: pages.max(0) as u64,
                    left: (pages - copied).max(0) as u64,
                })
            })
            .map_err(fail)
    }

    /// Has the next write begin the log anew, if readers leave it soon; else it grows on.
    pub(crate) fn restart_log(&self) -> Result<()> {
        let fail = |error: rusqlite::Error| map_error("the busy timeout", &error);
        self.raw.busy_timeout(READERS_LEAVE_WITHIN).map_err(fail)?;
        let done = self.checkpoint("PRAGMA wal_checkpoint(RESTART)");
        self.raw.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        done.map(drop)
    }
}

/// What a checkpoint did, in pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied {
    /// Of the whole log.
    pub(crate) pages: u64,
    /// Of it not copied yet.
    pub(crate) left: u64,
}

fn table_of<'c>(action: &AuthAction<'c>) -> Option<&'c str> {
    match action {
        AuthAction::Read { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => Some(table_name),
        _ => None,
    }
}

fn bind(
    statement: &mut rusqlite::Statement<'_>,
    scope: Scope,
    known: &Known,
    params: &[Value<'_>],
) -> Result<(), rusqlite::Error> {
    let given = params.len() + usize::from(known.binds_tenant);
    if given != statement.parameter_count() {
        return Err(rusqlite::Error::InvalidParameterCount(
            given,
            statement.parameter_count(),
        ));
    }
    let mut next = 1;
    if known.binds_tenant {
        match scope {
            Scope::Tenant(tenant) => statement.raw_bind_parameter(1, tenant.to_bytes())?,
            Scope::System => statement.raw_bind_parameter(1, rusqlite::types::Null)?,
        }
        next = 2;
    }
    for (index, value) in params.iter().enumerate() {
        statement.raw_bind_parameter(next + index, value)?;
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, rusqlite::Error> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Text(value) if value.contains('\0') => {
                let reason = "text holds a zero byte, which PostgreSQL cannot store";
                return Err(rusqlite::Error::ToSqlConversionFailure(reason.into()));
            }
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Bytes(value) => ValueRef::Blob(value),
            Value::Id(value) => ValueRef::Blob(value),
        }))
    }
}

pub(crate) fn column<'r>(row: &'r rusqlite::Row<'_>, index: usize) -> Result<Column<'r>> {
    let bad = |found: String| Error::Column {
        index,
        wanted: "column",
        found,
    };
    match row.get_ref(index).map_err(|error| bad(error.to_string()))? {
        ValueRef::Null => Ok(Column::Null),
        ValueRef::Integer(value) => Ok(Column::Int(value)),
        ValueRef::Real(value) => Err(bad(format!("the float {value}"))),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(Column::Text)
            .map_err(|error| bad(error.to_string())),
        ValueRef::Blob(bytes) => Ok(Column::Bytes(bytes)),
    }
}

fn map_error(sql: &str, error: &rusqlite::Error) -> Error {
    let message = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => {
            let kind = match error.sqlite_error().map(|inner| inner.extended_code) {
                Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
                | Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => ConstraintKind::Unique,
                Some(rusqlite::ffi::SQLITE_CONSTRAINT_CHECK) => ConstraintKind::Check,
                Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => ConstraintKind::ForeignKey,
                Some(rusqlite::ffi::SQLITE_CONSTRAINT_NOTNULL) => ConstraintKind::NotNull,
                _ => ConstraintKind::Other,
            };
            Error::Constraint { kind, message }
        }
        Some(ErrorCode::DiskFull) => Error::DiskFull,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SystemIoFailure) => {
            Error::Unavailable { message }
        }
        _ => Error::Statement {
            sql: sql.to_owned(),
            message,
        },
    }
}
