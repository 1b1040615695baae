//! SQL of what runs low and has not been told yet.

use stoa_kernel::{Timestamp, VariantId};
use stoa_storage::{Db, Result, Tx, params};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LowStock {
    pub(crate) variant: VariantId,
    pub(crate) available: i64,
    pub(crate) threshold: i64,
}

/// Notes that a variant runs low, unless that was told after `told_before`. False where it was.
pub(crate) async fn note_low_stock(
    tx: &mut Tx<'_>,
    low: LowStock,
    now: Timestamp,
    told_before: Timestamp,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO notify_low_stock (tenant_id, variant_id, available, threshold, \
         waiting, heard_at, told_at) VALUES (:tenant, $1, $2, $3, 1, $4, NULL) \
         ON CONFLICT (tenant_id, variant_id) DO UPDATE SET available = excluded.available, \
         threshold = excluded.threshold, waiting = 1, heard_at = excluded.heard_at \
         WHERE notify_low_stock.told_at IS NULL OR notify_low_stock.told_at <= $5";
    let values = params![low.variant, low.available, low.threshold, now, told_before];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// What is to be told, in id order.
pub(crate) async fn waiting_low_stock(db: &Db, limit: i64) -> Result<Vec<LowStock>> {
    const SQL: &str = "SELECT variant_id, available, threshold FROM notify_low_stock \
         WHERE tenant_id = :tenant AND waiting = 1 ORDER BY variant_id LIMIT $1";
    db.fetch(SQL, params![limit], |row| {
        Ok(LowStock {
            variant: row.get(0)?,
            available: row.get(1)?,
            threshold: row.get(2)?,
        })
    })
    .await
}

/// Marks it told; false where somebody else has.
pub(crate) async fn take_low_stock(
    tx: &mut Tx<'_>,
    variant: VariantId,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE notify_low_stock SET waiting = 0, told_at = $2 \
         WHERE tenant_id = :tenant AND variant_id = $1 AND waiting = 1";
    Ok(tx.execute(SQL, params![variant, now]).await? == 1)
}
