//! SQL that reads themes: for pages a whole theme in one query, for staff the lists.

use std::collections::BTreeMap;

use stoa_contracts::themes::{SettingValue, ThemeFailureKind, ThemeId, ThemeSource};
use stoa_kernel::Timestamp;
use stoa_storage::{Db, Error, Result, Row, Value, params};

use crate::domain::{Known, Manifest, source};

/// Failures told of one theme: each page has one at most.
const FAILURES_MAX: i64 = 50;

/// What a shop shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ShopRow {
    pub(crate) published: Option<ThemeId>,
    pub(crate) previous: Option<ThemeId>,
    pub(crate) can_roll_back: bool,
    pub(crate) revision: i64,
}

/// A version of a theme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: ThemeId,
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
    /// What the shop has set over the defaults.
    pub(crate) set: BTreeMap<String, SettingValue>,
    pub(crate) bytes: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) published_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptFile {
    pub(crate) path: String,
    pub(crate) bytes: i64,
}

/// The last time a page fell back to the built-in theme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) page: String,
    pub(crate) file: String,
    pub(crate) line: Option<i64>,
    pub(crate) kind: ThemeFailureKind,
    pub(crate) reason: String,
    pub(crate) times: i64,
    pub(crate) last_at: Timestamp,
}

pub(crate) async fn shop(db: &Db) -> Result<ShopRow> {
    const SQL: &str = "SELECT published_id, previous_id, can_roll_back, revision \
         FROM themes_shop WHERE tenant_id = :tenant";
    let found = db.fetch(SQL, params![], shop_of).await?;
    Ok(found.into_iter().next().unwrap_or_default())
}

pub(super) fn shop_of(row: &Row<'_>) -> Result<ShopRow> {
    Ok(ShopRow {
        published: row.get(0)?,
        previous: row.get(1)?,
        can_roll_back: row.get(2)?,
        revision: row.get(3)?,
    })
}

/// Newest first.
pub(crate) async fn themes(db: &Db) -> Result<Vec<Kept>> {
    const SQL: &str = "SELECT id, digest, manifest, settings, bytes, created_at, published_at \
         FROM themes_theme WHERE tenant_id = :tenant ORDER BY created_at DESC, id DESC";
    db.fetch(SQL, params![], kept_of).await
}

pub(crate) async fn theme(db: &Db, id: ThemeId) -> Result<Option<Kept>> {
    const SQL: &str = "SELECT id, digest, manifest, settings, bytes, created_at, published_at \
         FROM themes_theme WHERE tenant_id = :tenant AND id = $1";
    Ok(db
        .fetch(SQL, params![id], kept_of)
        .await?
        .into_iter()
        .next())
}

pub(super) fn kept_of(row: &Row<'_>) -> Result<Kept> {
    Ok(Kept {
        id: row.get(0)?,
        digest: row.get(1)?,
        manifest: json(row.str(2)?)?,
        set: json(row.str(3)?)?,
        bytes: row.get(4)?,
        created_at: row.get(5)?,
        published_at: row.get(6)?,
    })
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::from)
}

pub(crate) async fn id_with(db: &Db, digest: &str) -> Result<Option<ThemeId>> {
    const SQL: &str = "SELECT id FROM themes_theme WHERE tenant_id = :tenant AND digest = $1";
    let found = db.fetch(SQL, params![digest], |row| row.get(0)).await?;
    Ok(found.into_iter().next())
}

pub(crate) async fn files(db: &Db, id: ThemeId) -> Result<Vec<KeptFile>> {
    const SQL: &str = "SELECT path, bytes FROM themes_entry \
         WHERE tenant_id = :tenant AND theme_id = $1 ORDER BY path";
    db.fetch(SQL, params![id], |row| {
        Ok(KeptFile {
            path: row.get(0)?,
            bytes: row.get(1)?,
        })
    })
    .await
}

pub(crate) async fn file(db: &Db, id: ThemeId, path: &str) -> Result<Option<Vec<u8>>> {
    const SQL: &str = "SELECT f.content FROM themes_entry e \
         JOIN themes_file f ON f.tenant_id = :tenant AND f.digest = e.digest \
         WHERE e.tenant_id = :tenant AND e.theme_id = $1 AND e.path = $2";
    let found = db.fetch(SQL, params![id, path], |row| row.get(0)).await?;
    Ok(found.into_iter().next())
}

/// A file of whichever theme of the shop has this digest.
pub(crate) async fn asset(db: &Db, digest: &str, path: &str) -> Result<Option<Vec<u8>>> {
    const SQL: &str = "SELECT f.content FROM themes_theme t \
         JOIN themes_entry e ON e.tenant_id = :tenant AND e.theme_id = t.id \
         JOIN themes_file f ON f.tenant_id = :tenant AND f.digest = e.digest \
         WHERE t.tenant_id = :tenant AND t.digest = $1 AND e.path = $2";
    let found = db
        .fetch(SQL, params![digest, path], |row| row.get(0))
        .await?;
    Ok(found.into_iter().next())
}

pub(crate) async fn failures(db: &Db, id: ThemeId) -> Result<Vec<Failure>> {
    const SQL: &str = "SELECT page, file, line, kind, reason, times, last_at FROM themes_failure \
         WHERE tenant_id = :tenant AND theme_id = $1 ORDER BY last_at DESC, page LIMIT $2";
    db.fetch(SQL, params![id, FAILURES_MAX], |row| {
        let kind = row.str(3)?;
        let kind = ThemeFailureKind::ALL
            .into_iter()
            .find(|one| one.as_str() == kind);
        Ok(Failure {
            page: row.get(0)?,
            file: row.get(1)?,
            line: row.get(2)?,
            kind: kind.unwrap_or(ThemeFailureKind::Error),
            reason: row.get(4)?,
            times: row.get(5)?,
            last_at: row.get(6)?,
        })
    })
    .await
}

/// What the shop published, whole; `None` for the built-in theme.
pub(crate) async fn published_source(db: &Db) -> Result<Option<ThemeSource>> {
    const SQL: &str = "SELECT t.id, t.digest, t.manifest, t.settings, e.path, f.content \
         FROM themes_shop s \
         JOIN themes_theme t ON t.tenant_id = :tenant AND t.id = s.published_id \
         JOIN themes_entry e ON e.tenant_id = :tenant AND e.theme_id = t.id \
         LEFT JOIN themes_file f \
           ON f.tenant_id = :tenant AND f.digest = e.digest AND e.compiled = 1 \
         WHERE s.tenant_id = :tenant ORDER BY e.path";
    whole(db, SQL, params![]).await
}

pub(crate) async fn source_of(db: &Db, id: ThemeId) -> Result<Option<ThemeSource>> {
    const SQL: &str = "SELECT t.id, t.digest, t.manifest, t.settings, e.path, f.content \
         FROM themes_theme t \
         JOIN themes_entry e ON e.tenant_id = :tenant AND e.theme_id = t.id \
         LEFT JOIN themes_file f \
           ON f.tenant_id = :tenant AND f.digest = e.digest AND e.compiled = 1 \
         WHERE t.tenant_id = :tenant AND t.id = $1 ORDER BY e.path";
    whole(db, SQL, params![id]).await
}

pub(crate) async fn source_with(db: &Db, digest: &str) -> Result<Option<ThemeSource>> {
    const SQL: &str = "SELECT t.id, t.digest, t.manifest, t.settings, e.path, f.content \
         FROM themes_theme t \
         JOIN themes_entry e ON e.tenant_id = :tenant AND e.theme_id = t.id \
         LEFT JOIN themes_file f \
           ON f.tenant_id = :tenant AND f.digest = e.digest AND e.compiled = 1 \
         WHERE t.tenant_id = :tenant AND t.digest = $1 ORDER BY e.path";
    whole(db, SQL, params![digest]).await
}

async fn whole(db: &Db, sql: &'static str, values: &[Value<'_>]) -> Result<Option<ThemeSource>> {
    let mut known = None;
    let rows = db.fetch(sql, values, |row| {
        if known.is_none() {
            known = Some(Known {
                id: Some(row.get(0)?),
                digest: row.get(1)?,
                manifest: json(row.str(2)?)?,
                set: json(row.str(3)?)?,
            });
        }
        Ok((row.get::<String>(4)?, row.get::<Option<Vec<u8>>>(5)?))
    });
    let files = rows.await?;
    Ok(known.map(|known| source(known, files.into_iter())))
}
