//! Pictures that are fetched from elsewhere.

use std::collections::HashMap;

use stoa_contracts::media::{ImageImport, MediaId};
use stoa_kernel::{ProductId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Stmt, Tx, Value, params};

use super::assets;
use crate::domain::{ImageImportId, Import, ImportState};

pub(crate) struct ImportPage {
    pub(crate) state: Option<ImportState>,
    pub(crate) before: ImageImportId,
    pub(crate) limit: i64,
}

fn state_in(row: &Row<'_>, index: usize) -> Result<ImportState> {
    ImportState::parse(row.str(index)?).ok_or_else(|| Error::Column {
        index,
        wanted: "a state of an import",
        found: row.str(index).unwrap_or_default().to_owned(),
    })
}

fn row(row: &Row<'_>) -> Result<Import> {
    Ok(Import {
        id: row.get(0)?,
        product: row.get(1)?,
        source_url: row.get(2)?,
        alt: row.get(3)?,
        state: state_in(row, 4)?,
        attempts: row.get(5)?,
        error: row.get(6)?,
        asset: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}

/// SHA-256 of a source's URL.
pub(crate) type Sum = [u8; 32];

/// What is known of a picture that a product asked for before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: ImageImportId,
    pub(crate) state: ImportState,
    /// Its own URL, while it is there.
    pub(crate) url: Option<String>,
}

/// A picture that is asked for, for the first time or once more.
#[derive(Debug, Clone)]
pub(crate) struct NewImport {
    pub(crate) id: ImageImportId,
    /// Failed before, or collected since.
    pub(crate) again: bool,
    pub(crate) image: ImageImport,
    pub(crate) sum: Sum,
    /// Why it never will be fetched.
    pub(crate) refused: Option<String>,
}

/// All pictures that a product ever asked for.
pub(crate) async fn known(tx: &mut Tx<'_>, product: ProductId) -> Result<HashMap<Sum, Known>> {
    const SQL: &str = "SELECT a.id, a.sha256, a.kind, a.width, a.height, a.bytes, a.animated, \
         a.name, a.alt, a.created_at, i.source_sha256, i.id, i.state FROM media_import i \
         LEFT JOIN media_asset a ON a.tenant_id = :tenant AND a.id = i.asset_id \
         AND a.state = 'live' WHERE i.tenant_id = :tenant AND i.product_id = $1";
    let rows = tx
        .query(SQL, params![product], |row| {
            let url = match row.get::<Option<MediaId>>(0)? {
                Some(_) => Some(assets::row(row)?.url()),
                None => None,
            };
            let sum = row.get::<Vec<u8>>(10)?;
            let sum = sum.as_slice().try_into().map_err(|_| Error::Column {
                index: 10,
                wanted: "a SHA-256",
                found: format!("{} bytes", sum.len()),
            })?;
            let (id, state) = (row.get(11)?, state_in(row, 12)?);
            Ok((sum, Known { id, state, url }))
        })
        .await?;
    Ok(rows.into_iter().collect())
}

/// Writes new ones, and makes those of before pending again, in one flight.
pub(crate) async fn put(tx: &mut Tx<'_>, new: &[NewImport], now: Timestamp) -> Result<()> {
    const ADD: &str = "INSERT INTO media_import (tenant_id, id, product_id, source_url, \
         source_sha256, alt, state, attempts, error, created_at, updated_at) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, 0, $7, $8, $8) ON CONFLICT DO NOTHING";
    let rows: Vec<Vec<Value<'_>>> = new
        .iter()
        .map(|import| match import.again {
            true => vec![import.id.into(), now.into()],
            false => vec![
                import.id.into(),
                import.image.product.into(),
                (&import.image.source_url).into(),
                (&import.sum).into(),
                (&import.image.alt).into(),
                state_of(import).as_str().into(),
                (&import.refused).into(),
                now.into(),
            ],
        })
        .collect();
    let statements: Vec<Stmt<'_>> = new
        .iter()
        .zip(&rows)
        .map(|(import, row)| match import.again {
            true => (REVIVE, row.as_slice()),
            false => (ADD, row.as_slice()),
        })
        .collect();
    tx.batch(&statements).await.map(|_| ())
}

const fn state_of(import: &NewImport) -> ImportState {
    match import.refused {
        Some(_) => ImportState::Failed,
        None => ImportState::Pending,
    }
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

const REVIVE: &str = "UPDATE media_import SET state = 'pending', attempts = 0, error = NULL, \
     asset_id = NULL, updated_at = $2 WHERE tenant_id = :tenant AND id = $1 \
     AND state <> 'pending'";

/// A failed one is to be fetched again; false where it is no failed one.
pub(crate) async fn retry(tx: &mut Tx<'_>, id: ImageImportId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE media_import SET state = 'pending', attempts = 0, error = NULL, \
         updated_at = $2 WHERE tenant_id = :tenant AND id = $1 AND state = 'failed'";
    Ok(tx.execute(SQL, params![id, now]).await? == 1)
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
