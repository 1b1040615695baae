//! SQL that writes themes. Everything of one shop waits for its row in `themes_shop`.

use std::collections::BTreeMap;

use stoa_contracts::themes::{SettingValue, ThemeFailure, ThemeId};
use stoa_kernel::Timestamp;
use stoa_storage::{Result, Stmt, Tx, Value, params};

use super::reading::{Kept, ShopRow, kept_of, shop_of};
use crate::domain::{File, Package};

/// The shop's row, made where there is none, held until the transaction ends.
pub(crate) async fn lock_shop(tx: &mut Tx<'_>) -> Result<ShopRow> {
    const MAKE: &str = "INSERT INTO themes_shop (tenant_id, published_id, previous_id, \
         can_roll_back, revision) VALUES (:tenant, NULL, NULL, 0, 0) ON CONFLICT DO NOTHING";
    const LOCK: &str = "SELECT published_id, previous_id, can_roll_back, revision \
         FROM themes_shop WHERE tenant_id = :tenant {lock}";
    tx.execute(MAKE, params![]).await?;
    tx.query_one(LOCK, params![], shop_of).await
}

pub(crate) async fn theme_in(tx: &mut Tx<'_>, id: ThemeId) -> Result<Option<Kept>> {
    const SQL: &str = "SELECT id, digest, manifest, settings, bytes, created_at, published_at \
         FROM themes_theme WHERE tenant_id = :tenant AND id = $1";
    tx.query_opt(SQL, params![id], kept_of).await
}

pub(crate) async fn id_with_in(tx: &mut Tx<'_>, digest: &str) -> Result<Option<ThemeId>> {
    const SQL: &str = "SELECT id FROM themes_theme WHERE tenant_id = :tenant AND digest = $1";
    tx.query_opt(SQL, params![digest], |row| row.get(0)).await
}

pub(crate) async fn ids_oldest_first(tx: &mut Tx<'_>) -> Result<Vec<ThemeId>> {
    const SQL: &str = "SELECT id FROM themes_theme WHERE tenant_id = :tenant \
         ORDER BY created_at, id";
    tx.query(SQL, params![], |row| row.get(0)).await
}

/// Keeps a file's bytes, or notes that they were brought again.
pub(crate) async fn bring_file(tx: &mut Tx<'_>, file: &File, now: Timestamp) -> Result<()> {
    const SQL: &str = "INSERT INTO themes_file (tenant_id, digest, content, brought_at) \
         VALUES (:tenant, $1, $2, $3) \
         ON CONFLICT (tenant_id, digest) DO UPDATE SET brought_at = excluded.brought_at";
    let values = params![&file.digest, file.bytes.as_slice(), now];
    tx.execute(SQL, values).await.map(drop)
}

/// False where a file is not there.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: ThemeId,
    package: &Package,
    now: Timestamp,
) -> Result<bool> {
    const THEME: &str = "INSERT INTO themes_theme (tenant_id, id, digest, name, version, manifest, \
         settings, bytes, created_at, published_at) \
         VALUES (:tenant, $1, $2, $3, $4, $5, '{}', $6, $7, NULL)";
    const ENTRY: &str = "INSERT INTO themes_entry (tenant_id, theme_id, path, digest, bytes, \
         compiled) SELECT :tenant, $1, $2, f.digest, $4, $5 FROM themes_file f \
         WHERE f.tenant_id = :tenant AND f.digest = $3";
    let manifest = serde_json::to_string(&package.manifest)?;
    let values = params![
        id,
        &package.digest,
        &package.manifest.name,
        &package.manifest.version,
        &manifest,
        count(package.bytes()),
        now
    ];
    tx.execute(THEME, values).await?;
    let rows: Vec<[Value<'_>; 5]> = package
        .files
        .iter()
        .map(|file| {
            [
                id.into(),
                (&file.path).into(),
                (&file.digest).into(),
                count(file.bytes.len()).into(),
                i64::from(file.compiled).into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (ENTRY, row.as_slice())).collect();
    let written = tx.batch(&statements).await?;
    Ok(written.iter().all(|&rows| rows == 1))
}

fn count(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// False where there is no such theme.
pub(crate) async fn mark_published(tx: &mut Tx<'_>, id: ThemeId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE themes_theme SET published_at = $2 \
         WHERE tenant_id = :tenant AND id = $1";
    Ok(tx.execute(SQL, params![id, now]).await? == 1)
}

/// The new revision.
pub(crate) async fn publish(
    tx: &mut Tx<'_>,
    theme: Option<ThemeId>,
    before: Option<ThemeId>,
) -> Result<i64> {
    const SQL: &str = "UPDATE themes_shop SET published_id = $1, previous_id = $2, \
         can_roll_back = 1, revision = revision + 1 WHERE tenant_id = :tenant RETURNING revision";
    tx.query_one(SQL, params![theme, before], |row| row.get(0))
        .await
}

pub(crate) async fn next_revision(tx: &mut Tx<'_>) -> Result<i64> {
    const SQL: &str = "UPDATE themes_shop SET revision = revision + 1 \
         WHERE tenant_id = :tenant RETURNING revision";
    tx.query_one(SQL, params![], |row| row.get(0)).await
}

pub(crate) async fn forget_previous(tx: &mut Tx<'_>) -> Result<()> {
    const SQL: &str = "UPDATE themes_shop SET previous_id = NULL, can_roll_back = 0 \
         WHERE tenant_id = :tenant";
    tx.execute(SQL, params![]).await.map(drop)
}

pub(crate) async fn put_settings(
    tx: &mut Tx<'_>,
    id: ThemeId,
    set: &BTreeMap<String, SettingValue>,
) -> Result<()> {
    const SQL: &str = "UPDATE themes_theme SET settings = $2 \
         WHERE tenant_id = :tenant AND id = $1";
    let text = serde_json::to_string(set)?;
    tx.execute(SQL, params![id, &text]).await.map(drop)
}

/// Its files stay until [`sweep_files`].
pub(crate) async fn remove(tx: &mut Tx<'_>, id: ThemeId) -> Result<()> {
    const STATEMENTS: [&str; 3] = [
        "DELETE FROM themes_failure WHERE tenant_id = :tenant AND theme_id = $1",
        "DELETE FROM themes_entry WHERE tenant_id = :tenant AND theme_id = $1",
        "DELETE FROM themes_theme WHERE tenant_id = :tenant AND id = $1",
    ];
    let values = [Value::from(id)];
    tx.batch(&STATEMENTS.map(|sql| (sql, values.as_slice())))
        .await
        .map(drop)
}

/// Drops files that no theme holds and no upload brought since.
pub(crate) async fn sweep_files(tx: &mut Tx<'_>, since: Timestamp) -> Result<()> {
    const SQL: &str = "DELETE FROM themes_file WHERE tenant_id = :tenant AND brought_at < $1 \
         AND digest NOT IN (SELECT e.digest FROM themes_entry e WHERE e.tenant_id = :tenant)";
    tx.execute(SQL, params![since]).await.map(drop)
}

pub(crate) async fn note_failure(
    tx: &mut Tx<'_>,
    theme: ThemeId,
    failure: &ThemeFailure,
    times: u32,
    now: Timestamp,
) -> Result<()> {
    // From the theme's own row, so that nothing is noted of one that is gone.
    const SQL: &str = "INSERT INTO themes_failure (tenant_id, theme_id, page, file, line, kind, \
         reason, times, last_at) SELECT :tenant, t.id, $2, $3, $4, $5, $6, $7, $8 \
         FROM themes_theme t WHERE t.tenant_id = :tenant AND t.id = $1 \
         ON CONFLICT (tenant_id, theme_id, page) DO UPDATE SET file = excluded.file, \
         line = excluded.line, kind = excluded.kind, reason = excluded.reason, \
         times = themes_failure.times + excluded.times, last_at = excluded.last_at";
    let values = params![
        theme,
        failure.page,
        &failure.file,
        failure.line.map(i64::from),
        failure.kind.as_str(),
        &failure.reason,
        i64::from(times),
        now
    ];
    tx.execute(SQL, values).await.map(drop)
}
