//! Who shows which pictures.

use stoa_contracts::media::MediaId;
use stoa_kernel::Timestamp;
use stoa_storage::{Result, Tx, params};

/// What a holder shows, in id order.
pub(crate) async fn held(tx: &mut Tx<'_>, holder: &str) -> Result<Vec<MediaId>> {
    const SQL: &str = "SELECT asset_id FROM media_use WHERE tenant_id = :tenant AND holder = $1 \
         ORDER BY asset_id";
    tx.query(SQL, params![holder], |row| row.get(0)).await
}

/// The picture's row first: whoever collects waits for it, and then sees that it is in use. One
/// that is gone cannot be taken.
pub(crate) async fn take(tx: &mut Tx<'_>, holder: &str, id: MediaId) -> Result<bool> {
    const MARK: &str = "UPDATE media_asset SET unused_since = NULL \
         WHERE tenant_id = :tenant AND id = $1 AND state = 'live'";
    const ADD: &str = "INSERT INTO media_use (tenant_id, holder, asset_id) \
         VALUES (:tenant, $1, $2) ON CONFLICT DO NOTHING";
    if tx.execute(MARK, params![id]).await? == 0 {
        return Ok(false);
    }
    tx.execute(ADD, params![holder, id]).await?;
    Ok(true)
}

pub(crate) async fn release(
    tx: &mut Tx<'_>,
    holder: &str,
    id: MediaId,
    now: Timestamp,
) -> Result<()> {
    const REMOVE: &str =
        "DELETE FROM media_use WHERE tenant_id = :tenant AND holder = $1 AND asset_id = $2";
    const MARK: &str = "UPDATE media_asset SET unused_since = $2 WHERE tenant_id = :tenant \
         AND id = $1 AND NOT EXISTS \
         (SELECT 1 FROM media_use WHERE tenant_id = :tenant AND asset_id = $1)";
    tx.execute(REMOVE, params![holder, id]).await?;
    tx.execute(MARK, params![id, now]).await.map(|_| ())
}
