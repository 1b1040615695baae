//! SQL of runs, parts and issues. Decides nothing.

mod chunks;

use serde::Deserialize;
use stoa_kernel::{Actor, Currency, ImportId, Timestamp};
use stoa_storage::{Error, Result, Row, Stmt, Tx, Value, params};

pub(crate) use self::chunks::{ChunkReader, append_chunk, purge};
use crate::application::{Counts, Format, ImportState, Issue, Run};
use crate::shopify::{ProductDraft, RowIssue, Severity};

/// What a new run is known by before its bytes are in.
pub(crate) struct NewRun {
    pub(crate) id: ImportId,
    pub(crate) format: Format,
    pub(crate) set_stock: bool,
    pub(crate) currency: Currency,
    pub(crate) actor: Actor,
    pub(crate) ignored_columns: Vec<String>,
}

pub(crate) async fn insert_run(tx: &mut Tx<'_>, run: &NewRun, now: Timestamp) -> Result<()> {
    const SQL: &str = "INSERT INTO import_run (tenant_id, id, state, format, set_stock, currency, \
         actor, ignored_columns, bytes, rows_read, products_created, products_updated, \
         products_unchanged, products_rejected, issues_kept, issues_dropped, position, created_at, \
         updated_at) VALUES (:tenant, $1, 'receiving', $2, $3, $4, $5, $6, 0, 0, 0, 0, 0, 0, 0, 0, \
         1, $7, $7)";
    let actor = serde_json::to_string(&run.actor)?;
    let ignored = serde_json::to_string(&run.ignored_columns)?;
    let values = params![
        run.id,
        run.format.as_str(),
        run.set_stock,
        &run.currency,
        &actor,
        &ignored,
        now
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// The whole file is in; false where the run is no longer receiving.
pub(crate) async fn queue(
    tx: &mut Tx<'_>,
    id: ImportId,
    content_hash: &[u8; 32],
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE import_run SET state = 'queued', content_hash = $2, updated_at = $3 \
                       WHERE tenant_id = :tenant AND id = $1 AND state = 'receiving'";
    Ok(tx.execute(SQL, params![id, content_hash, now]).await? == 1)
}

pub(crate) async fn start(tx: &mut Tx<'_>, id: ImportId, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE import_run SET state = 'running', updated_at = $2 \
                       WHERE tenant_id = :tenant AND id = $1 AND state = 'queued'";
    tx.execute(SQL, params![id, now]).await.map(|_| ())
}

pub(crate) async fn set_rows_total(tx: &mut Tx<'_>, id: ImportId, rows: i64) -> Result<()> {
    const SQL: &str = "UPDATE import_run SET rows_total = $2 WHERE tenant_id = :tenant AND id = $1";
    tx.execute(SQL, params![id, rows]).await.map(|_| ())
}

/// Takes the run's row where it still stands at `position`; how many issues it keeps.
pub(crate) async fn lock_at(tx: &mut Tx<'_>, id: ImportId, position: i64) -> Result<Option<i64>> {
    const SQL: &str = "SELECT issues_kept FROM import_run WHERE tenant_id = :tenant AND id = $1 \
                       AND position = $2 AND state = 'running' {lock}";
    tx.query_opt(SQL, params![id, position], |row| row.get(0))
        .await
}

/// What one batch adds to a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gain {
    pub(crate) rows: i64,
    pub(crate) products: Counts,
    pub(crate) issues_kept: i64,
    pub(crate) issues_dropped: i64,
}

pub(crate) async fn advance(
    tx: &mut Tx<'_>,
    id: ImportId,
    position: i64,
    gain: &Gain,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE import_run SET position = $2, rows_read = rows_read + $3, \
         products_created = products_created + $4, products_updated = products_updated + $5, \
         products_unchanged = products_unchanged + $6, products_rejected = products_rejected + $7, \
         issues_kept = issues_kept + $8, issues_dropped = issues_dropped + $9, updated_at = $10 \
         WHERE tenant_id = :tenant AND id = $1";
    let Counts {
        created,
        updated,
        unchanged,
        rejected,
    } = gain.products;
    let values = params![
        id,
        position,
        gain.rows,
        created,
        updated,
        unchanged,
        rejected,
        gain.issues_kept,
        gain.issues_dropped,
        now
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// False where the run is not running at `position`.
pub(crate) async fn finish(
    tx: &mut Tx<'_>,
    id: ImportId,
    position: i64,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE import_run SET state = 'done', updated_at = $3, finished_at = $3 \
         WHERE tenant_id = :tenant AND id = $1 AND position = $2 AND state = 'running'";
    Ok(tx.execute(SQL, params![id, position, now]).await? == 1)
}

pub(crate) async fn fail(tx: &mut Tx<'_>, id: ImportId, error: &str, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE import_run SET state = 'failed', error = $2, updated_at = $3, \
         finished_at = $3 WHERE tenant_id = :tenant AND id = $1 AND state IN ('queued', 'running')";
    tx.execute(SQL, params![id, error, now]).await.map(|_| ())
}

/// Marks a run for removal if it still stands as the caller saw it; false where it moved on.
pub(crate) async fn abandon(
    tx: &mut Tx<'_>,
    id: ImportId,
    seen: ImportState,
    untouched_since: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE import_run SET state = 'abandoned' \
                       WHERE tenant_id = :tenant AND id = $1 AND state = $2 AND updated_at <= $3";
    let values = params![id, seen.as_str(), untouched_since];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Removes an abandoned run, whose chunks and parts are gone already.
pub(crate) async fn delete_run(tx: &mut Tx<'_>, id: ImportId) -> Result<()> {
    const STATEMENTS: [&str; 2] = [
        "DELETE FROM import_issue WHERE tenant_id = :tenant AND import_id = $1",
        "DELETE FROM import_run WHERE tenant_id = :tenant AND id = $1 AND state = 'abandoned'",
    ];
    let values = [Value::from(id)];
    let statements = STATEMENTS.map(|sql| (sql, values.as_slice()));
    tx.batch(&statements).await.map(|_| ())
}

/// Runs of a state that nothing has touched since `before`.
pub(crate) async fn untouched(
    tx: &mut Tx<'_>,
    state: ImportState,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<ImportId>> {
    const SQL: &str = "SELECT id FROM import_run WHERE tenant_id = :tenant AND state = $1 \
                       AND updated_at <= $2 ORDER BY id LIMIT $3";
    let values = params![state.as_str(), before, limit];
    tx.query(SQL, values, |row| row.get(0)).await
}

pub(crate) async fn run(tx: &mut Tx<'_>, id: ImportId) -> Result<Option<Run>> {
    const SQL: &str = "SELECT id, state, format, set_stock, currency, actor, ignored_columns, \
         bytes, content_hash, rows_total, rows_read, products_created, products_updated, \
         products_unchanged, products_rejected, issues_kept, issues_dropped, position, error, \
         created_at, updated_at, finished_at FROM import_run \
         WHERE tenant_id = :tenant AND id = $1";
    tx.query_opt(SQL, params![id], run_of).await
}

/// Runs before `before`, newest first.
pub(crate) async fn runs(tx: &mut Tx<'_>, before: ImportId, limit: i64) -> Result<Vec<Run>> {
    const SQL: &str = "SELECT id, state, format, set_stock, currency, actor, ignored_columns, \
         bytes, content_hash, rows_total, rows_read, products_created, products_updated, \
         products_unchanged, products_rejected, issues_kept, issues_dropped, position, error, \
         created_at, updated_at, finished_at FROM import_run \
         WHERE tenant_id = :tenant AND id < $1 ORDER BY id DESC LIMIT $2";
    tx.query(SQL, params![before, limit], run_of).await
}

fn run_of(row: &Row<'_>) -> Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        state: word(row, 1, ImportState::of)?,
        format: word(row, 2, Format::of)?,
        set_stock: row.get(3)?,
        currency: row.get(4)?,
        actor: json(row, 5)?,
        ignored_columns: json(row, 6)?,
        bytes: row.get(7)?,
        content_hash: row.get(8)?,
        rows_total: row.get(9)?,
        rows_read: row.get(10)?,
        products: Counts {
            created: row.get(11)?,
            updated: row.get(12)?,
            unchanged: row.get(13)?,
            rejected: row.get(14)?,
        },
        issues_kept: row.get(15)?,
        issues_dropped: row.get(16)?,
        position: row.get(17)?,
        error: row.get(18)?,
        created_at: row.get(19)?,
        updated_at: row.get(20)?,
        finished_at: row.get(21)?,
    })
}

pub(crate) async fn hold_part(
    tx: &mut Tx<'_>,
    id: ImportId,
    ordinal: i64,
    draft: &ProductDraft,
) -> Result<()> {
    const SQL: &str = "INSERT INTO import_part (tenant_id, import_id, handle, ordinal, draft) \
                       VALUES (:tenant, $1, $2, $3, $4)";
    let text = serde_json::to_string(draft)?;
    let values = params![id, &draft.handle, ordinal, &text];
    tx.execute(SQL, values).await.map(|_| ())
}

/// The parts of a handle in the file's order; they are taken out.
pub(crate) async fn take_parts(
    tx: &mut Tx<'_>,
    id: ImportId,
    handle: &str,
) -> Result<Vec<ProductDraft>> {
    const READ: &str = "SELECT draft FROM import_part \
         WHERE tenant_id = :tenant AND import_id = $1 AND handle = $2 ORDER BY ordinal";
    const DELETE: &str =
        "DELETE FROM import_part WHERE tenant_id = :tenant AND import_id = $1 AND handle = $2";
    let parts = tx
        .query(READ, params![id, handle], |row| json(row, 0))
        .await?;
    tx.execute(DELETE, params![id, handle]).await?;
    Ok(parts)
}

/// `first` is the number of the first issue.
pub(crate) async fn insert_issues(
    tx: &mut Tx<'_>,
    id: ImportId,
    first: i64,
    issues: &[RowIssue],
) -> Result<()> {
    const SQL: &str = "INSERT INTO import_issue (tenant_id, import_id, ord, line, column_name, \
         value_excerpt, reason, severity) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7)";
    let rows: Vec<[Value<'_>; 7]> = issues
        .iter()
        .zip(first..)
        .map(|(issue, ord)| {
            [
                id.into(),
                ord.into(),
                (issue.line as i64).into(),
                (&issue.column).into(),
                (&issue.value_excerpt).into(),
                (&issue.reason).into(),
                severity_word(issue.severity).into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// Issues after number `after`, in order.
pub(crate) async fn issues(
    tx: &mut Tx<'_>,
    id: ImportId,
    after: i64,
    limit: i64,
) -> Result<Vec<Issue>> {
    const SQL: &str = "SELECT ord, line, column_name, value_excerpt, reason, severity \
         FROM import_issue WHERE tenant_id = :tenant AND import_id = $1 AND ord > $2 \
         ORDER BY ord LIMIT $3";
    tx.query(SQL, params![id, after, limit], |row| {
        Ok(Issue {
            ord: row.get(0)?,
            issue: RowIssue {
                line: row.get::<i64>(1)?.unsigned_abs(),
                column: row.get(2)?,
                value_excerpt: row.get(3)?,
                reason: row.get(4)?,
                severity: word(row, 5, severity_of)?,
            },
        })
    })
    .await
}

const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn severity_of(word: &str) -> Option<Severity> {
    match word {
        "error" => Some(Severity::Error),
        "warning" => Some(Severity::Warning),
        _ => None,
    }
}

fn word<T>(row: &Row<'_>, index: usize, read: impl FnOnce(&str) -> Option<T>) -> Result<T> {
    let text = row.str(index)?;
    read(text).ok_or_else(|| Error::Column {
        index,
        wanted: std::any::type_name::<T>(),
        found: text.to_owned(),
    })
}

fn json<T: for<'de> Deserialize<'de>>(row: &Row<'_>, index: usize) -> Result<T> {
    Ok(serde_json::from_str(row.str(index)?)?)
}
