//! Statements behind the merchant's lists. Read-only.

use stoa_kernel::VariantId;
use stoa_storage::{Column, Error, Row, Tx, params};

use super::level;
use crate::domain::{DEFAULT_LOCATION, Delta, Level, LevelKey, Movement, MovementKind};

/// Levels after `after` in key order; of one variant, where one is named.
pub(crate) async fn levels_after(
    tx: &mut Tx<'_>,
    variant: Option<VariantId>,
    after: LevelKey,
    limit: i64,
) -> Result<Vec<Level>, Error> {
    const ALL: &str = "SELECT variant_id, location_id, on_hand, reserved, backorder, version, \
         updated_at FROM inventory_level \
         WHERE tenant_id = :tenant AND (variant_id, location_id) > ($1, $2) \
         ORDER BY variant_id, location_id LIMIT $3";
    const OF_VARIANT: &str = "SELECT variant_id, location_id, on_hand, reserved, backorder, \
         version, updated_at FROM inventory_level \
         WHERE tenant_id = :tenant AND variant_id = $4 AND (variant_id, location_id) > ($1, $2) \
         ORDER BY variant_id, location_id LIMIT $3";
    match variant {
        None => tx.query(ALL, params![after.0, after.1, limit], level).await,
        Some(variant) => {
            tx.query(OF_VARIANT, params![after.0, after.1, limit, variant], level)
                .await
        }
    }
}

/// Movements of a variant below version `before`, newest first.
pub(crate) async fn movements_before(
    tx: &mut Tx<'_>,
    variant: VariantId,
    before: i64,
    limit: i64,
) -> Result<Vec<Movement>, Error> {
    const SQL: &str = "SELECT variant_id, location_id, level_version, kind, on_hand_delta, \
         reserved_delta, order_id, reason, moved_at FROM inventory_movement \
         WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2 AND level_version < $3 \
         ORDER BY level_version DESC LIMIT $4";
    tx.query(
        SQL,
        params![variant, DEFAULT_LOCATION, before, limit],
        movement,
    )
    .await
}

fn movement(row: &Row<'_>) -> Result<Movement, Error> {
    let kind = match row.str(3)? {
        "set" => MovementKind::Set,
        "reserve" => MovementKind::Reserve,
        "release" => MovementKind::Release,
        other => {
            let found = format!("{:?}", Column::Text(other));
            return Err(Error::Column {
                index: 3,
                wanted: "a kind of movement",
                found,
            });
        }
    };
    Ok(Movement {
        variant: row.get(0)?,
        location: row.get(1)?,
        level_version: row.get(2)?,
        kind,
        delta: Delta {
            on_hand: row.get(4)?,
            reserved: row.get(5)?,
        },
        order: row.get(6)?,
        reason: row.get(7)?,
        at: row.get(8)?,
    })
}
