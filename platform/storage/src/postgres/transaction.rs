//! A PostgreSQL transaction that opens with its first flight. Never returns a dirty connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use deadpool_postgres::{ClientWrapper, Object};
use futures_util::future::{join, join_all};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::Statement;

use super::{ANSWER_TIME_MAX, map_error};
use crate::sql::Stmt;
use crate::tx::{Scope, rewritten, system_word};
use crate::value::RowSource;
use crate::{Dialect, Error, Result, Row, Stats, Value};

/// Boxed, so that the code of a flight exists once and not in the future of each of its callers.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

pub(super) type Rows = Vec<tokio_postgres::Row>;

pub(crate) struct Transaction {
    /// Taken and closed on drop unless the transaction ended cleanly.
    connection: Option<Object>,
    /// The words that open the transaction, until they are sent.
    opening: Option<String>,
    /// Statements whose answers nobody waits for; they leave with the next flight, in their order.
    deferred: Vec<Deferred>,
    busy: Arc<AtomicBool>,
    stats: Arc<Stats>,
}

impl Transaction {
    pub(crate) fn new(
        connection: Object,
        scope: Scope,
        read_only: bool,
        stats: Arc<Stats>,
    ) -> Self {
        let opening = opening_words(scope, read_only);
        Self {
            connection: Some(connection),
            opening: Some(opening),
            deferred: Vec::new(),
            busy: Arc::default(),
            stats,
        }
    }

    pub(crate) fn busy(&self) -> Arc<AtomicBool> {
        self.busy.clone()
    }

    fn connection(&self) -> Result<&Object> {
        self.connection.as_ref().ok_or_else(|| Error::Unavailable {
            message: "the transaction lost its connection".to_owned(),
        })
    }

    /// Keeps statements for the next flight.
    pub(crate) fn defer<'a>(
        &'a mut self,
        scope: Scope,
        statements: &'a [Stmt<'a>],
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let _busy = Busy::mark(&self.busy);
            let kept = timeout(ANSWER_TIME_MAX, self.keep(scope, statements)).await;
            self.answered(kept)
        })
    }

    async fn keep(&mut self, scope: Scope, statements: &[Stmt<'_>]) -> Result<()> {
        let connection = self.connection()?;
        let tenant = tenant_value(scope);
        let mut kept = Vec::with_capacity(statements.len());
        for (sql, params) in statements {
            let prepared = prepare(connection, scope, sql).await?;
            self.stats.statement();
            let values = prepared.bind(&tenant, params);
            kept.push(Deferred {
                sql,
                statement: prepared.statement,
                values: values.into_iter().map(Owned::from).collect(),
            });
        }
        self.deferred.append(&mut kept);
        Ok(())
    }

    /// Sends all statements at once and waits for all answers; the first error is the answer.
    pub(crate) fn flight<'a>(
        &'a mut self,
        scope: Scope,
        statements: &'a [Stmt<'a>],
    ) -> Answer<'a, Vec<u64>> {
        Box::pin(async move {
            let _busy = Busy::mark(&self.busy);
            let flown = timeout(ANSWER_TIME_MAX, self.fly(scope, statements)).await;
            self.answered(flown)
        })
    }

    async fn fly(&mut self, scope: Scope, statements: &[Stmt<'_>]) -> Result<Vec<u64>> {
        let connection = self.connection()?;
        let mut prepared = Vec::with_capacity(statements.len());
        for (sql, _) in statements {
            // Prepared before the flight: an unprepared statement would overtake BEGIN.
            prepared.push(prepare(connection, scope, sql).await?);
            self.stats.statement();
        }
        let (opening, deferred) = self.departing();
        let connection = self.connection()?;
        let tenant = tenant_value(scope);
        let all = prepared
            .iter()
            .zip(statements)
            .map(|(prepared, (sql, params))| {
                let bound = prepared.bind(&tenant, params);
                async move {
                    let slice = as_sent(&bound);
                    connection
                        .execute(&prepared.statement, &slice)
                        .await
                        .map_err(|error| map_error(sql, &error))
                }
            });
        let ahead = leave(connection, opening, deferred);
        let (left, answers) = join(ahead, join_all(all)).await;
        left?;
        answers.into_iter().collect()
    }

    pub(crate) async fn query<T>(
        &mut self,
        scope: Scope,
        sql: &'static str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        mapped(&self.rows(scope, sql, params).await?, map)
    }

    fn rows<'a>(
        &'a mut self,
        scope: Scope,
        sql: &'static str,
        params: &'a [Value<'a>],
    ) -> Answer<'a, Rows> {
        Box::pin(async move {
            let _busy = Busy::mark(&self.busy);
            let asked = timeout(ANSWER_TIME_MAX, self.ask(scope, sql, params)).await;
            self.answered(asked)
        })
    }

    async fn ask(&mut self, scope: Scope, sql: &'static str, params: &[Value<'_>]) -> Result<Rows> {
        let prepared = prepare(self.connection()?, scope, sql).await?;
        self.stats.statement();
        let (opening, deferred) = self.departing();
        let connection = self.connection()?;
        let tenant = tenant_value(scope);
        let bound = prepared.bind(&tenant, params);
        let slice = as_sent(&bound);
        let answer = connection.query(&prepared.statement, &slice);
        let (left, rows) = join(leave(connection, opening, deferred), answer).await;
        left?;
        rows.map_err(|error| map_error(sql, &error))
    }

    /// What must be sent ahead of the next statement.
    fn departing(&mut self) -> (Option<String>, Vec<Deferred>) {
        (self.opening.take(), std::mem::take(&mut self.deferred))
    }

    /// What was deferred leaves with the COMMIT, which the server turns into a rollback if one of
    /// them fails.
    pub(crate) fn commit(mut self) -> Answer<'static, ()> {
        Box::pin(async move {
            let closed = timeout(ANSWER_TIME_MAX, self.close()).await;
            self.answered(closed)
        })
    }

    async fn close(&mut self) -> Result<()> {
        if self.deferred.is_empty() {
            return self.end("COMMIT").await;
        }
        let _busy = Busy::mark(&self.busy);
        let (opening, deferred) = self.departing();
        let connection = self.connection()?;
        let ahead = leave(connection, opening, deferred);
        let (left, ended) = join(ahead, connection.batch_execute("COMMIT")).await;
        left?;
        ended.map_err(|error| map_error("COMMIT", &error))?;
        drop(self.connection.take());
        Ok(())
    }

    pub(crate) fn rollback(mut self) -> Answer<'static, ()> {
        Box::pin(async move {
            self.deferred.clear();
            let ended = timeout(ANSWER_TIME_MAX, self.end("ROLLBACK")).await;
            self.answered(ended)
        })
    }

    /// What came in time. A connection on which nothing came is closed: it may never answer again.
    fn answered<T>(&mut self, answer: Result<Result<T>, Elapsed>) -> Result<T> {
        answer.unwrap_or_else(|_| {
            drop(self.connection.take().map(Object::take));
            Err(Error::Unavailable {
                message: format!("no answer within {} s", ANSWER_TIME_MAX.as_secs()),
            })
        })
    }

    async fn end(&mut self, word: &'static str) -> Result<()> {
        if self.opening.take().is_some() {
            // Nothing was sent: the connection is as clean as it came.
            drop(self.connection.take());
            return Ok(());
        }
        let connection = self.connection()?;
        connection
            .batch_execute(word)
            .await
            .map_err(|error| map_error(word, &error))?;
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Cut off in the middle: the server rolls back when the connection closes.
        if let Some(connection) = self.connection.take()
            && self.opening.is_none()
        {
            drop(Object::take(connection));
        }
    }
}

/// What opens a transaction of this scope.
pub(super) fn opening_words(scope: Scope, read_only: bool) -> String {
    // One snapshot for all of a read; READ COMMITTED would take a new one per statement.
    let mode = match read_only {
        true => " ISOLATION LEVEL REPEATABLE READ READ ONLY",
        false => "",
    };
    match scope {
        Scope::Tenant(tenant) => format!(
            "BEGIN{mode}; SET LOCAL app.tenant_id = '{}'",
            hex::encode(tenant.to_bytes())
        ),
        Scope::System => format!("BEGIN{mode}"),
    }
}

/// As the driver takes them.
pub(super) fn as_sent<'v>(
    values: &'v [Value<'_>],
) -> Vec<&'v (dyn tokio_postgres::types::ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

/// The rows of an answer, each given to `map`.
pub(crate) fn mapped<T>(
    rows: &[tokio_postgres::Row],
    map: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let rows = rows.iter().map(|row| Row {
        source: RowSource::Postgres(row),
    });
    let mut map = map;
    rows.map(|row| map(&row)).collect()
}

async fn open(connection: &Object, opening: Option<String>) -> Result<()> {
    match opening {
        Some(words) => connection
            .batch_execute(&words)
            .await
            .map_err(|error| map_error("BEGIN", &error)),
        None => Ok(()),
    }
}

/// Opens the transaction and sends what was deferred; the first error is the answer.
async fn leave(
    connection: &Object,
    opening: Option<String>,
    deferred: Vec<Deferred>,
) -> Result<()> {
    let sent = deferred.iter().map(|kept| async {
        let values: Vec<Value<'_>> = kept.values.iter().map(Owned::as_value).collect();
        let slice = as_sent(&values);
        let answer = connection.execute(&kept.statement, &slice).await;
        answer.map_err(|error| map_error(kept.sql, &error))
    });
    let (opened, answers) = join(open(connection, opening), join_all(sent)).await;
    opened?;
    answers
        .into_iter()
        .try_for_each(|answer| answer.map(|_| ()))
}

struct Deferred {
    sql: &'static str,
    statement: Statement,
    values: Vec<Owned>,
}

/// A [`Value`] that outlives the call.
enum Owned {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Id([u8; 16]),
}

impl From<Value<'_>> for Owned {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(value) => Self::Int(value),
            Value::Text(value) => Self::Text(value.to_owned()),
            Value::Bytes(value) => Self::Bytes(value.to_owned()),
            Value::Id(value) => Self::Id(value),
        }
    }
}

impl Owned {
    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(value) => Value::Int(*value),
            Self::Text(value) => Value::Text(value),
            Self::Bytes(value) => Value::Bytes(value),
            Self::Id(value) => Value::Id(*value),
        }
    }
}

pub(super) struct Prepared {
    pub(super) statement: Statement,
    binds_tenant: bool,
}

impl Prepared {
    pub(super) fn bind<'v>(&self, tenant: &Value<'v>, params: &[Value<'v>]) -> Vec<Value<'v>> {
        let mut bound = Vec::with_capacity(params.len() + 1);
        if self.binds_tenant {
            bound.push(*tenant);
        }
        bound.extend_from_slice(params);
        bound
    }
}

pub(super) async fn prepare(
    connection: &ClientWrapper,
    scope: Scope,
    sql: &'static str,
) -> Result<Prepared> {
    if let Scope::Tenant(_) = scope
        && let Some(table) = system_word(sql)
    {
        return Err(Error::SystemTable {
            sql: sql.to_owned(),
            table: table.to_owned(),
        });
    }
    let text = rewritten(sql, Dialect::Postgres);
    let statement = connection
        .prepare_cached(&text.text)
        .await
        .map_err(|error| map_error(sql, &error))?;
    Ok(Prepared {
        statement,
        binds_tenant: text.tenant_bindings > 0,
    })
}

pub(super) fn tenant_value(scope: Scope) -> Value<'static> {
    match scope {
        Scope::Tenant(tenant) => Value::from(tenant),
        Scope::System => Value::Null,
    }
}

/// Marks the time in which the body legitimately waits for its database.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn mark(flag: &Arc<AtomicBool>) -> Self {
        flag.store(true, Ordering::Release);
        Self(flag.clone())
    }
}
impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Polls a transaction body and ends it once it waits for anything but its database.
pub(crate) struct Guarded<F> {
    body: Pin<Box<F>>,
    busy: Arc<AtomicBool>,
}

impl<F: Future> Guarded<F> {
    pub(crate) fn new(body: F, busy: Arc<AtomicBool>) -> Self {
        Self {
            body: Box::pin(body),
            busy,
        }
    }
}

impl<F: Future> Future for Guarded<F> {
    /// `None`: the body awaited something else.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.body.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.busy.load(Ordering::Acquire) => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        }
    }
}
