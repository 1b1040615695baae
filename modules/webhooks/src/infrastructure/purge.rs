//! SQL that removes what is old, a bounded number of rows at a time. Decides nothing.

use stoa_kernel::{EndpointId, Timestamp};
use stoa_storage::{Db, Result, Tx, params};

/// What of an endpoint is to go.
pub(crate) struct Stale {
    pub(crate) endpoint: EndpointId,
    pub(crate) before: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) limit: i64,
}

/// Every endpoint, deleted ones too.
pub(crate) async fn owners(db: &Db) -> Result<Vec<EndpointId>> {
    const SQL: &str = "SELECT id FROM webhooks_endpoint WHERE tenant_id = :tenant ORDER BY id";
    db.fetch(SQL, &[], |row| row.get(0)).await
}

/// Removes deliveries made before a time, with their attempts, those that still wait as well: an
/// endpoint that was switched off for so long has missed them. Answers how many went.
pub(crate) async fn purge(tx: &mut Tx<'_>, stale: &Stale) -> Result<u64> {
    const LOCK: &str = "SELECT deleted_at FROM webhooks_endpoint \
         WHERE tenant_id = :tenant AND id = $1 {lock}";
    const FORGET: &str = "UPDATE webhooks_endpoint SET old_secret = NULL, \
         old_secret_until = NULL WHERE tenant_id = :tenant AND id = $1 AND old_secret_until <= $2";
    const ATTEMPTS: &str = "DELETE FROM webhooks_attempt WHERE tenant_id = :tenant \
         AND endpoint_id = $1 AND position IN (SELECT position FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND endpoint_id = $1 AND created_at < $2 \
         ORDER BY created_at, position LIMIT $3)";
    const DELIVERIES: &str = "DELETE FROM webhooks_delivery WHERE tenant_id = :tenant \
         AND endpoint_id = $1 AND position IN (SELECT position FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND endpoint_id = $1 AND created_at < $2 \
         ORDER BY created_at, position LIMIT $3)";
    const EMPTY: &str = "DELETE FROM webhooks_endpoint WHERE tenant_id = :tenant AND id = $1 \
         AND deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM webhooks_delivery \
         WHERE tenant_id = :tenant AND endpoint_id = $1)";
    let Stale {
        endpoint,
        before,
        now,
        limit,
    } = *stale;
    let found = tx
        .query_opt(LOCK, params![endpoint], |row| {
            row.get::<Option<Timestamp>>(0)
        })
        .await?;
    let Some(deleted_at) = found else {
        return Ok(0);
    };
    // Nobody reads the deliveries of a deleted endpoint any more.
    let before = if deleted_at.is_some() {
        Timestamp::from_micros(i64::MAX)
    } else {
        before
    };
    tx.execute(FORGET, params![endpoint, now]).await?;
    tx.execute(ATTEMPTS, params![endpoint, before, limit])
        .await?;
    let gone = tx
        .execute(DELIVERIES, params![endpoint, before, limit])
        .await?;
    if deleted_at.is_some() {
        tx.execute(EMPTY, params![endpoint]).await?;
    }
    Ok(gone)
}
