//! Pictures that are fetched from elsewhere.

use stoa_contracts::media::{ImageImport, MediaId};
use stoa_kernel::{ProductId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Tx, params};

use crate::domain::{ImageImportId, Import, ImportState};

pub(crate) struct ImportPage {
    pub(crate) state: Option<ImportState>,
    pub(crate) before: ImageImportId,
    pub(crate) limit: i64,
}

fn row(row: &Row<'_>) -> Result<Import> {
    let state = ImportState::parse(row.str(4)?).ok_or_else(|| Error::Column {
        index: 4,
        wanted: "a state of an import",
        found: row.str(4).unwrap_or_default().to_owned(),
    })?;
    Ok(Import {
        id: row.get(0)?,
        product: row.get(1)?,
        source_url: row.get(2)?,
        alt: row.get(3)?,
        state,
        attempts: row.get(5)?,
        error: row.get(6)?,
        asset: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}

/// False where the product has one of this URL already. `refused` makes it a failed one.
pub(crate) async fn add(
    tx: &mut Tx<'_>,
    id: ImageImportId,
    new: &ImageImport,
    source_sha256: &[u8; 32],
    refused: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO media_import (tenant_id, id, product_id, source_url, \
         source_sha256, alt, state, attempts, error, created_at, updated_at) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, 0, $7, $8, $8) ON CONFLICT DO NOTHING";
    let state = match refused {
        Some(_) => ImportState::Failed,
        None => ImportState::Pending,
    };
    let values = params![
        id,
        new.product,
        &new.source_url,
        source_sha256,
        &new.alt,
        state.as_str(),
        refused,
        now
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// The product's import of a URL, locked.
pub(crate) async fn import(
    tx: &mut Tx<'_>,
    product: ProductId,
    source_sha256: &[u8; 32],
) -> Result<Option<Import>> {
    const SQL: &str = "SELECT id, product_id, source_url, alt, state, attempts, error, asset_id, \
         created_at, updated_at FROM media_import WHERE tenant_id = :tenant AND product_id = $1 \
         AND source_sha256 = $2 {lock}";
    tx.query_opt(SQL, params![product, source_sha256], row)
        .await
}

pub(crate) async fn one(db: &Db, id: ImageImportId) -> Result<Option<Import>> {
    const SQL: &str = "SELECT id, product_id, source_url, alt, state, attempts, error, asset_id, \
         created_at, updated_at FROM media_import WHERE tenant_id = :tenant AND id = $1";
    Ok(db.fetch(SQL, params![id], row).await?.into_iter().next())
}

/// Newest first.
pub(crate) async fn imports(db: &Db, page: &ImportPage) -> Result<Vec<Import>> {
    const SQL: &str = "SELECT id, product_id, source_url, alt, state, attempts, error, asset_id, \
         created_at, updated_at FROM media_import WHERE tenant_id = :tenant AND id < $1 \
         AND (CAST($2 AS TEXT) = '' OR state = CAST($2 AS TEXT)) ORDER BY id DESC LIMIT $3";
    let state = page.state.map_or("", ImportState::as_str);
    db.fetch(SQL, params![page.before, state, page.limit], row)
        .await
}

/// To be fetched again.
pub(crate) async fn revive(tx: &mut Tx<'_>, id: ImageImportId, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE media_import SET state = 'pending', attempts = 0, error = NULL, \
         asset_id = NULL, updated_at = $2 WHERE tenant_id = :tenant AND id = $1";
    tx.execute(SQL, params![id, now]).await.map(|_| ())
}

/// True for the one who ended it.
pub(crate) async fn finish(
    tx: &mut Tx<'_>,
    id: ImageImportId,
    asset: MediaId,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE media_import SET state = 'done', attempts = attempts + 1, \
         error = NULL, asset_id = $2, updated_at = $3 \
         WHERE tenant_id = :tenant AND id = $1 AND state = 'pending'";
    Ok(tx.execute(SQL, params![id, asset, now]).await? == 1)
}

/// It is tried again later.
pub(crate) async fn note(
    tx: &mut Tx<'_>,
    id: ImageImportId,
    error: &str,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE media_import SET attempts = attempts + 1, error = $2, \
         updated_at = $3 WHERE tenant_id = :tenant AND id = $1 AND state = 'pending'";
    tx.execute(SQL, params![id, error, now]).await.map(|_| ())
}

/// It is not tried again.
pub(crate) async fn fail(
    tx: &mut Tx<'_>,
    id: ImageImportId,
    error: &str,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE media_import SET state = 'failed', attempts = attempts + 1, \
         error = $2, updated_at = $3 WHERE tenant_id = :tenant AND id = $1 AND state = 'pending'";
    tx.execute(SQL, params![id, error, now]).await.map(|_| ())
}
