//! Sums of movements, holds and transfers per level, for a range of variants. Read-only.

use stoa_kernel::VariantId;
use stoa_storage::{Error, Row, Tx, params};

use crate::domain::{Delta, LevelKey, Moved};

/// Levels audited over one snapshot.
pub(crate) const LEVELS_PER_AUDIT_STEP: i64 = 1_000;

/// Of the levels after `after` up to `last`.
pub(crate) async fn moved_per_level(
    tx: &mut Tx<'_>,
    after: VariantId,
    last: VariantId,
) -> Result<Vec<(LevelKey, Moved)>, Error> {
    const SQL: &str = "SELECT variant_id, location_id, CAST(sum(on_hand_delta) AS BIGINT), \
         CAST(sum(reserved_delta) AS BIGINT), CAST(sum(incoming_delta) AS BIGINT), count(*) \
         FROM inventory_movement \
         WHERE tenant_id = :tenant AND variant_id > $1 AND variant_id <= $2 \
         GROUP BY variant_id, location_id";
    tx.query(SQL, params![after, last], |row| {
        let total = Delta {
            on_hand: row.get(2)?,
            reserved: row.get(3)?,
            incoming: row.get(4)?,
        };
        let count = row.get(5)?;
        Ok(((row.get(0)?, row.get(1)?), Moved { total, count }))
    })
    .await
}

/// Of the levels after `after` up to `last`. No index serves it: one would cost every checkout.
pub(crate) async fn held_per_level(
    tx: &mut Tx<'_>,
    after: VariantId,
    last: VariantId,
) -> Result<Vec<(LevelKey, i64)>, Error> {
    const SQL: &str = "SELECT variant_id, location_id, CAST(sum(units) AS BIGINT) \
         FROM inventory_hold WHERE tenant_id = :tenant AND variant_id > $1 AND variant_id <= $2 \
         GROUP BY variant_id, location_id";
    tx.query(SQL, params![after, last], summed).await
}

/// What transfers are still to bring, per level after `after` up to `last`.
pub(crate) async fn due_per_level(
    tx: &mut Tx<'_>,
    after: VariantId,
    last: VariantId,
) -> Result<Vec<(LevelKey, i64)>, Error> {
    const SQL: &str = "SELECT l.variant_id, t.destination_id, \
         CAST(sum(l.units - l.received) AS BIGINT) \
         FROM inventory_transfer t JOIN inventory_transfer_line l \
         ON l.tenant_id = :tenant AND l.transfer_id = t.id \
         WHERE t.tenant_id = :tenant AND t.status = 'in_transit' AND l.units > l.received \
         AND l.variant_id > $1 AND l.variant_id <= $2 GROUP BY l.variant_id, t.destination_id";
    tx.query(SQL, params![after, last], summed).await
}

fn summed(row: &Row<'_>) -> Result<(LevelKey, i64), Error> {
    Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
}
