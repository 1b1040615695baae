//! All SQL of this module. Decides nothing: conditions and bounds come from the callers.

mod audit;
mod lists;

use std::collections::BTreeMap;

use stoa_kernel::{LocationId, OrderId, Timestamp, VariantId};
use stoa_storage::{Error, Row, Stmt, Tx, Value, params};

use crate::domain::{DEFAULT_LOCATION, Delta, Level, Movement, MovementKind, Stock};

pub(crate) use audit::{LEVELS_PER_AUDIT_STEP, held_per_level, moved_per_level};
pub(crate) use lists::{levels_after, movements_before};

/// Variants asked for in one statement; shorter lists repeat their last.
const VARIANTS_PER_STATEMENT: usize = 16;

const INSERT_MOVEMENT: &str = "INSERT INTO inventory_movement (tenant_id, variant_id, location_id, \
     level_version, kind, on_hand_delta, reserved_delta, order_id, reason, moved_at) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Raises `reserved` where it fits, one row per variant in id order, in one flight. An order that
/// already holds something raises nothing. Answers the variants that could not be raised.
pub(crate) async fn raise(
    tx: &mut Tx<'_>,
    order: OrderId,
    wanted: &BTreeMap<VariantId, i64>,
    at: Timestamp,
) -> Result<Vec<VariantId>, Error> {
    const SQL: &str = "UPDATE inventory_level \
         SET reserved = reserved + $3, version = version + 1, updated_at = $5 \
         WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2 \
         AND (backorder = 1 OR on_hand - reserved >= $3) \
         AND NOT EXISTS (SELECT 1 FROM inventory_hold WHERE tenant_id = :tenant AND order_id = $4)";
    let rows: Vec<[Value<'_>; 5]> = wanted
        .iter()
        .map(|(&variant, &units)| {
            [
                variant.into(),
                DEFAULT_LOCATION.into(),
                units.into(),
                order.into(),
                at.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    let changed = tx.batch(&statements).await?;
    let missing = wanted
        .keys()
        .zip(changed)
        .filter(|&(_, changed)| changed == 0);
    Ok(missing.map(|(&variant, _)| variant).collect())
}

/// Writes the order's holds and their movements in one flight. `levels` are those just raised.
pub(crate) async fn insert_holds(
    tx: &mut Tx<'_>,
    order: OrderId,
    levels: &[(Level, i64)],
    expires_at: Timestamp,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO inventory_hold (tenant_id, order_id, variant_id, location_id, \
         units, state, expires_at, created_at) VALUES (:tenant, $1, $2, $3, $4, 'held', $5, $6)";
    let holds: Vec<[Value<'_>; 6]> = levels
        .iter()
        .map(|(level, units)| {
            [
                order.into(),
                level.variant.into(),
                level.location.into(),
                (*units).into(),
                expires_at.into(),
                at.into(),
            ]
        })
        .collect();
    let movements: Vec<Movement> = levels
        .iter()
        .map(|(level, units)| Movement {
            variant: level.variant,
            location: level.location,
            level_version: level.version,
            kind: MovementKind::Reserve,
            delta: Delta {
                on_hand: 0,
                reserved: *units,
            },
            order: Some(order),
            reason: None,
            at,
        })
        .collect();
    let movements: Vec<_> = movements.iter().map(movement_values).collect();
    let holds = holds.iter().map(|row| (SQL, row.as_slice()));
    let movements = movements
        .iter()
        .map(|row| (INSERT_MOVEMENT, row.as_slice()));
    let statements: Vec<Stmt<'_>> = holds.chain(movements).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// A hold and the level it weighs on.
pub(crate) struct Held {
    pub(crate) units: i64,
    pub(crate) level: Level,
}

/// What the order holds, its rows locked in id order.
pub(crate) async fn held(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<Held>, Error> {
    const SQL: &str = "SELECT l.variant_id, l.location_id, l.on_hand, l.reserved, l.backorder, \
         l.version, l.updated_at, h.units FROM inventory_hold h JOIN inventory_level l \
         ON l.variant_id = h.variant_id AND l.location_id = h.location_id \
         WHERE h.tenant_id = :tenant AND l.tenant_id = :tenant AND h.order_id = $1 \
         ORDER BY h.variant_id, h.location_id {lock}";
    tx.query(SQL, params![order], |row| {
        Ok(Held {
            level: level(row)?,
            units: row.get(7)?,
        })
    })
    .await
}

/// Drops the order's holds and lowers their levels, in one flight. Answers each level as it is
/// now: its row is locked, so nothing need be read again.
pub(crate) async fn give_back(
    tx: &mut Tx<'_>,
    order: OrderId,
    held: &[Held],
    at: Timestamp,
) -> Result<Vec<Level>, Error> {
    const LOWER: &str = "UPDATE inventory_level \
         SET reserved = reserved - $3, version = version + 1, updated_at = $4 \
         WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2";
    const DROP: &str = "DELETE FROM inventory_hold WHERE tenant_id = :tenant AND order_id = $1";
    let mut lowered = Vec::with_capacity(held.len());
    let mut movements = Vec::with_capacity(held.len());
    for Held { level, units } in held {
        let (stock, delta) = level.stock.release(*units);
        let level = Level {
            stock,
            version: level.version + 1,
            updated_at: at,
            ..*level
        };
        lowered.push(level);
        movements.push(Movement {
            variant: level.variant,
            location: level.location,
            level_version: level.version,
            kind: MovementKind::Release,
            delta,
            order: Some(order),
            reason: None,
            at,
        });
    }
    let lowering: Vec<[Value<'_>; 4]> = held
        .iter()
        .map(|Held { level, units }| {
            [
                level.variant.into(),
                level.location.into(),
                (*units).into(),
                at.into(),
            ]
        })
        .collect();
    let movements: Vec<_> = movements.iter().map(movement_values).collect();
    let dropping = [Value::from(order)];
    let mut statements: Vec<Stmt<'_>> = Vec::with_capacity(2 * held.len() + 1);
    statements.extend(lowering.iter().map(|row| (LOWER, row.as_slice())));
    statements.extend(
        movements
            .iter()
            .map(|row| (INSERT_MOVEMENT, row.as_slice())),
    );
    statements.push((DROP, dropping.as_slice()));
    tx.batch(&statements).await?;
    Ok(lowered)
}

/// Makes the order's holds permanent; answers how many it has.
pub(crate) async fn confirm(tx: &mut Tx<'_>, order: OrderId) -> Result<u64, Error> {
    const SQL: &str = "UPDATE inventory_hold SET state = 'confirmed', expires_at = NULL \
         WHERE tenant_id = :tenant AND order_id = $1";
    tx.execute(SQL, params![order]).await
}

/// The levels that exist of these variants, in id order.
pub(crate) async fn levels(tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<Vec<Level>, Error> {
    const SQL: &str = "SELECT variant_id, location_id, on_hand, reserved, backorder, version, \
         updated_at FROM inventory_level WHERE tenant_id = :tenant AND location_id = $1 \
         AND variant_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
         ORDER BY variant_id";
    read_levels(tx, SQL, variants).await
}

/// As [`levels`], their rows locked.
pub(crate) async fn locked_levels(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
) -> Result<Vec<Level>, Error> {
    const SQL: &str = "SELECT variant_id, location_id, on_hand, reserved, backorder, version, \
         updated_at FROM inventory_level WHERE tenant_id = :tenant AND location_id = $1 \
         AND variant_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
         ORDER BY variant_id {lock}";
    read_levels(tx, SQL, variants).await
}

async fn read_levels(
    tx: &mut Tx<'_>,
    sql: &'static str,
    variants: &[VariantId],
) -> Result<Vec<Level>, Error> {
    let mut sorted = variants.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut found = Vec::with_capacity(sorted.len());
    for chunk in sorted.chunks(VARIANTS_PER_STATEMENT) {
        let mut values = [Value::Null; VARIANTS_PER_STATEMENT + 1];
        values[0] = DEFAULT_LOCATION.into();
        for (index, value) in values[1..].iter_mut().enumerate() {
            *value = chunk[index.min(chunk.len() - 1)].into();
        }
        found.extend(tx.query(sql, &values, level).await?);
    }
    Ok(found)
}

/// Inserts levels that are missing, in one flight; answers which of them were.
pub(crate) async fn insert_levels(tx: &mut Tx<'_>, levels: &[Level]) -> Result<Vec<bool>, Error> {
    const SQL: &str = "INSERT INTO inventory_level (tenant_id, variant_id, location_id, on_hand, \
         reserved, backorder, version, updated_at) VALUES (:tenant, $1, $2, $3, 0, $4, $5, $6) \
         ON CONFLICT DO NOTHING";
    let rows: Vec<[Value<'_>; 6]> = levels
        .iter()
        .map(|level| {
            [
                level.variant.into(),
                level.location.into(),
                level.stock.on_hand.into(),
                level.stock.backorder.into(),
                level.version.into(),
                level.updated_at.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    Ok(tx
        .batch(&statements)
        .await?
        .iter()
        .map(|&inserted| inserted == 1)
        .collect())
}

/// Writes levels whose rows are locked, and the movements that made them, in one flight.
pub(crate) async fn store(
    tx: &mut Tx<'_>,
    levels: &[Level],
    movements: &[Movement],
) -> Result<(), Error> {
    const SQL: &str = "UPDATE inventory_level \
         SET on_hand = $3, backorder = $4, version = $5, updated_at = $6 \
         WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2";
    let rows: Vec<[Value<'_>; 6]> = levels
        .iter()
        .map(|level| {
            [
                level.variant.into(),
                level.location.into(),
                level.stock.on_hand.into(),
                level.stock.backorder.into(),
                level.version.into(),
                level.updated_at.into(),
            ]
        })
        .collect();
    let movements: Vec<_> = movements.iter().map(movement_values).collect();
    let levels = rows.iter().map(|row| (SQL, row.as_slice()));
    let movements = movements
        .iter()
        .map(|row| (INSERT_MOVEMENT, row.as_slice()));
    let statements: Vec<Stmt<'_>> = levels.chain(movements).collect();
    tx.batch(&statements).await.map(|_| ())
}

fn movement_values(movement: &Movement) -> [Value<'_>; 9] {
    [
        movement.variant.into(),
        movement.location.into(),
        movement.level_version.into(),
        movement.kind.as_str().into(),
        movement.delta.on_hand.into(),
        movement.delta.reserved.into(),
        movement.order.into(),
        (&movement.reason).into(),
        movement.at.into(),
    ]
}

/// `variant_id, location_id, on_hand, reserved, backorder, version, updated_at`.
fn level(row: &Row<'_>) -> Result<Level, Error> {
    Ok(Level {
        variant: row.get::<VariantId>(0)?,
        location: row.get::<LocationId>(1)?,
        stock: Stock {
            on_hand: row.get(2)?,
            reserved: row.get(3)?,
            backorder: row.get(4)?,
        },
        version: row.get(5)?,
        updated_at: row.get(6)?,
    })
}
