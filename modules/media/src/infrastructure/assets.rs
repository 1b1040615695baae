//! Pictures: their rows from the first byte stored to the last one removed.

use stoa_contracts::media::MediaId;
use stoa_kernel::Timestamp;
use stoa_pixels::Kind;
use stoa_storage::{Db, Error, Result, Row, Tx, params};

use crate::domain::Asset;

pub(crate) struct AssetPage {
    /// Older than this one.
    pub(crate) before: MediaId,
    pub(crate) limit: i64,
}

/// Which pictures nobody shows are to go.
#[derive(Clone, Copy)]
pub(crate) struct Unused {
    pub(crate) before: Timestamp,
    pub(crate) limit: i64,
}

/// From the first column on.
pub(super) fn row(row: &Row<'_>) -> Result<Asset> {
    let kind = Kind::from_extension(row.str(2)?).ok_or_else(|| Error::Column {
        index: 2,
        wanted: "a kind of picture",
        found: row.str(2).unwrap_or_default().to_owned(),
    })?;
    let sum = row.get::<Vec<u8>>(1)?;
    let sha256 = sum.as_slice().try_into().map_err(|_| Error::Column {
        index: 1,
        wanted: "a SHA-256",
        found: format!("{} bytes", sum.len()),
    })?;
    Ok(Asset {
        id: row.get(0)?,
        sha256,
        kind,
        width: row.get(3)?,
        height: row.get(4)?,
        bytes: u64::try_from(row.get::<i64>(5)?).unwrap_or_default(),
        animated: row.get::<i64>(6)? == 1,
        name: row.get(7)?,
        alt: row.get(8)?,
        created_at: row.get(9)?,
    })
}

/// Before its blob is written: what a crash leaves behind is found by this.
pub(crate) async fn begin(tx: &mut Tx<'_>, asset: &Asset) -> Result<()> {
    const SQL: &str = "INSERT INTO media_asset (tenant_id, id, sha256, kind, mime, width, height, \
         bytes, animated, name, alt, state, unused_since, created_at) VALUES (:tenant, $1, $2, $3, \
         $4, $5, $6, $7, $8, $9, $10, 'incoming', $11, $11)";
    let values = params![
        asset.id,
        &asset.sha256,
        asset.kind.extension(),
        asset.kind.mime(),
        i64::from(asset.width),
        i64::from(asset.height),
        i64::try_from(asset.bytes).unwrap_or(i64::MAX),
        i64::from(asset.animated),
        &asset.name,
        &asset.alt,
        asset.created_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// After its blob was written; false where it was given up in the meantime.
pub(crate) async fn publish(tx: &mut Tx<'_>, id: MediaId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE media_asset SET state = 'live', unused_since = $2 \
         WHERE tenant_id = :tenant AND id = $1 AND state = 'incoming'";
    Ok(tx.execute(SQL, params![id, now]).await? == 1)
}

pub(crate) async fn asset(db: &Db, id: MediaId) -> Result<Option<Asset>> {
    const SQL: &str = "SELECT id, sha256, kind, width, height, bytes, animated, name, alt, \
         created_at FROM media_asset WHERE tenant_id = :tenant AND id = $1 AND state = 'live'";
    Ok(db.fetch(SQL, params![id], row).await?.into_iter().next())
}

/// The oldest live picture of exactly this content.
pub(crate) async fn by_content(tx: &mut Tx<'_>, sha256: &[u8; 32]) -> Result<Option<Asset>> {
    const SQL: &str = "SELECT id, sha256, kind, width, height, bytes, animated, name, alt, \
         created_at FROM media_asset WHERE tenant_id = :tenant AND sha256 = $1 \
         AND state = 'live' ORDER BY id LIMIT 1";
    tx.query_opt(SQL, params![sha256], row).await
}

/// Its time to be collected begins anew; false where that has begun already.
pub(crate) async fn touch(tx: &mut Tx<'_>, id: MediaId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE media_asset SET unused_since = \
         CASE WHEN unused_since IS NULL THEN NULL ELSE CAST($2 AS BIGINT) END \
         WHERE tenant_id = :tenant AND id = $1 AND state = 'live'";
    Ok(tx.execute(SQL, params![id, now]).await? == 1)
}

/// Newest first.
pub(crate) async fn assets(db: &Db, page: &AssetPage) -> Result<Vec<Asset>> {
    const SQL: &str = "SELECT id, sha256, kind, width, height, bytes, animated, name, alt, \
         created_at FROM media_asset WHERE tenant_id = :tenant AND id < $1 AND state = 'live' \
         ORDER BY id DESC LIMIT $2";
    db.fetch(SQL, params![page.before, page.limit], row).await
}

pub(crate) async fn set_alt(tx: &mut Tx<'_>, id: MediaId, alt: &str) -> Result<bool> {
    const SQL: &str = "UPDATE media_asset SET alt = $2 \
         WHERE tenant_id = :tenant AND id = $1 AND state = 'live'";
    Ok(tx.execute(SQL, params![id, alt]).await? == 1)
}

/// Gives up a picture that nobody shows; false where somebody does, or it is gone.
pub(crate) async fn discard(tx: &mut Tx<'_>, id: MediaId) -> Result<bool> {
    const SQL: &str = "UPDATE media_asset SET state = 'condemned' WHERE tenant_id = :tenant \
         AND id = $1 AND state = 'live' AND unused_since IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM media_use WHERE tenant_id = :tenant AND asset_id = $1)";
    Ok(tx.execute(SQL, params![id]).await? == 1)
}

/// Uploads that never came to their end.
pub(crate) async fn condemn_stale(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    const SQL: &str = "UPDATE media_asset SET state = 'condemned' WHERE tenant_id = :tenant \
         AND state = 'incoming' AND created_at < $1";
    tx.execute(SQL, params![before]).await
}

/// Pictures that nobody has shown for long. A picture that is taken into use meanwhile is no longer
/// unused when its row's turn comes.
pub(crate) async fn condemn_unused(tx: &mut Tx<'_>, unused: Unused) -> Result<u64> {
    const SQL: &str = "UPDATE media_asset SET state = 'condemned' WHERE tenant_id = :tenant \
         AND state = 'live' AND unused_since < $1 AND id IN (SELECT id FROM media_asset a \
         WHERE a.tenant_id = :tenant AND a.state = 'live' AND a.unused_since < $1 \
         AND NOT EXISTS (SELECT 1 FROM media_use u WHERE u.tenant_id = :tenant \
         AND u.asset_id = a.id) ORDER BY a.unused_since LIMIT $2)";
    tx.execute(SQL, params![unused.before, unused.limit]).await
}

/// Those whose blobs are to be removed: id and content.
pub(crate) async fn condemned(db: &Db, limit: i64) -> Result<Vec<(MediaId, [u8; 32])>> {
    const SQL: &str = "SELECT id, sha256, kind, width, height, bytes, animated, name, alt, \
         created_at FROM media_asset WHERE tenant_id = :tenant AND state = 'condemned' \
         ORDER BY id LIMIT $1";
    let found = db.fetch(SQL, params![limit], row).await?;
    Ok(found
        .into_iter()
        .map(|asset| (asset.id, asset.sha256))
        .collect())
}

/// After its blobs are gone.
pub(crate) async fn forget(tx: &mut Tx<'_>, id: MediaId) -> Result<()> {
    const SQL: &str =
        "DELETE FROM media_asset WHERE tenant_id = :tenant AND id = $1 AND state = 'condemned'";
    tx.execute(SQL, params![id]).await.map(|_| ())
}

/// Whether any row, of whatever state, stands for it.
pub(crate) async fn exists(db: &Db, id: MediaId) -> Result<bool> {
    const SQL: &str =
        "SELECT CAST(1 AS BIGINT) FROM media_asset WHERE tenant_id = :tenant AND id = $1";
    let found = db.fetch(SQL, params![id], |row| row.get::<i64>(0)).await?;
    Ok(!found.is_empty())
}
