//! Statements behind the merchant's lists. Read-only.

use stoa_kernel::{LocationId, VariantId};
use stoa_storage::{Column, Error, Row, Tx, params};

use super::level;
use crate::domain::{DEFAULT_LOCATION, Delta, Level, LevelKey, Movement, MovementKind};

/// Levels after `after` in key order; of one variant, where one is named. Each shows its variant's
/// policy, which stands at the default location.
pub(crate) async fn levels_after(
    tx: &mut Tx<'_>,
    variant: Option<VariantId>,
    after: LevelKey,
    limit: i64,
) -> Result<Vec<Level>, Error> {
    const ALL: &str = "SELECT l.variant_id, l.location_id, l.on_hand, l.reserved, l.incoming, \
         l.backorder, coalesce(p.tracked, l.tracked), p.low_threshold, l.version, l.updated_at \
         FROM inventory_level l LEFT JOIN inventory_level p ON p.tenant_id = :tenant \
         AND p.variant_id = l.variant_id AND p.location_id = $4 \
         WHERE l.tenant_id = :tenant AND (l.variant_id, l.location_id) > ($1, $2) \
         ORDER BY l.variant_id, l.location_id LIMIT $3";
    const OF_VARIANT: &str = "SELECT l.variant_id, l.location_id, l.on_hand, l.reserved, \
         l.incoming, l.backorder, coalesce(p.tracked, l.tracked), p.low_threshold, l.version, \
         l.updated_at FROM inventory_level l LEFT JOIN inventory_level p ON p.tenant_id = :tenant \
         AND p.variant_id = l.variant_id AND p.location_id = $4 \
         WHERE l.tenant_id = :tenant AND l.variant_id = $5 \
         AND (l.variant_id, l.location_id) > ($1, $2) \
         ORDER BY l.variant_id, l.location_id LIMIT $3";
    let (first, second) = after;
    match variant {
        None => {
            let values = params![first, second, limit, DEFAULT_LOCATION];
            tx.query(ALL, values, level).await
        }
        Some(variant) => {
            let values = params![first, second, limit, DEFAULT_LOCATION, variant];
            tx.query(OF_VARIANT, values, level).await
        }
    }
}

/// Variants after `after` that have a level at `location`, in id order. No index serves it: it is
/// asked when a place opens or closes.
pub(crate) async fn variants_at(
    tx: &mut Tx<'_>,
    location: LocationId,
    after: VariantId,
    limit: i64,
) -> Result<Vec<VariantId>, Error> {
    const SQL: &str = "SELECT variant_id FROM inventory_level \
         WHERE tenant_id = :tenant AND variant_id > $1 AND location_id = $2 \
         ORDER BY variant_id LIMIT $3";
    tx.query(SQL, params![after, location, limit], |row| row.get(0))
        .await
}

/// Movements of a level below version `before`, newest first.
pub(crate) async fn movements_before(
    tx: &mut Tx<'_>,
    (variant, location): LevelKey,
    before: i64,
    limit: i64,
) -> Result<Vec<Movement>, Error> {
    const SQL: &str = "SELECT variant_id, location_id, level_version, coalesce(what, kind), \
         on_hand_delta, reserved_delta, incoming_delta, order_id, transfer_id, reason, note, \
         moved_at FROM inventory_movement \
         WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2 AND level_version < $3 \
         ORDER BY level_version DESC LIMIT $4";
    tx.query(SQL, params![variant, location, before, limit], movement)
        .await
}

fn movement(row: &Row<'_>) -> Result<Movement, Error> {
    let kind = row.str(3)?;
    let kind = MovementKind::named(kind).ok_or_else(|| Error::Column {
        index: 3,
        wanted: "a kind of movement",
        found: format!("{:?}", Column::Text(kind)),
    })?;
    Ok(Movement {
        variant: row.get(0)?,
        location: row.get(1)?,
        level_version: row.get(2)?,
        kind,
        delta: Delta {
            on_hand: row.get(4)?,
            reserved: row.get(5)?,
            incoming: row.get(6)?,
        },
        order: row.get(7)?,
        transfer: row.get(8)?,
        reason: row.get(9)?,
        note: row.get(10)?,
        at: row.get(11)?,
    })
}
