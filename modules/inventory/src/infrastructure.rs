//! SQL of levels and reservations. Decides nothing: conditions and bounds come from the callers.

mod audit;
mod holds;
mod lists;
mod places;
mod transfers;

use std::collections::BTreeMap;

use stoa_kernel::{OrderId, Timestamp, VariantId};
use stoa_storage::{Error, Row, Stmt, Tx, Value};

use crate::domain::{DEFAULT_LOCATION, Delta, Level, LevelKey, Movement, MovementKind, Stock};

pub(crate) use audit::{LEVELS_PER_AUDIT_STEP, due_per_level, held_per_level, moved_per_level};
pub(crate) use holds::{
    Hold, confirm, drop_holds, held, locked_holds, put_holds, resize_holds, some_holds,
};
pub(crate) use lists::{levels_after, movements_before, variants_at};
pub(crate) use places::{
    LocationRemoved, insert_place, locked_place, place, remove_place, rule, sourcing, store_place,
    store_sourcing,
};
pub(crate) use transfers::{insert_transfer, locked_transfer, store_transfer, transfer, transfers};

/// Variants asked for in one statement; shorter lists repeat their last.
const VARIANTS_PER_STATEMENT: usize = 16;

const INSERT_WHOLE_MOVEMENT: &str = "INSERT INTO inventory_movement (tenant_id, variant_id, \
     location_id, level_version, kind, what, on_hand_delta, reserved_delta, incoming_delta, \
     order_id, transfer_id, reason, note, moved_at) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

const INSERT_MOVEMENT: &str = "INSERT INTO inventory_movement (tenant_id, variant_id, location_id, \
     level_version, kind, on_hand_delta, reserved_delta, order_id, reason, moved_at) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Raises `reserved` at the default location where it fits, one row per variant in id order, in one
/// flight. Raises nothing for an order that already holds something, nor in a shop that sources
/// from other places, nor where stock is not tracked. Answers the variants that were not raised.
pub(crate) async fn raise(
    tx: &mut Tx<'_>,
    order: OrderId,
    wanted: &BTreeMap<VariantId, i64>,
    at: Timestamp,
) -> Result<Vec<VariantId>, Error> {
    const SQL: &str = "UPDATE inventory_level \
         SET reserved = reserved + $3, version = version + 1, updated_at = $5 \
         WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2 \
         AND tracked = 1 AND (backorder = 1 OR on_hand - reserved >= $3) \
         AND NOT EXISTS (SELECT 1 FROM inventory_hold WHERE tenant_id = :tenant AND order_id = $4) \
         AND NOT EXISTS (SELECT 1 FROM inventory_location WHERE tenant_id = :tenant \
         AND (id <> $2 OR active = 0 OR ships = 0))";
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
    let movements: Vec<[Value<'_>; 9]> = levels
        .iter()
        .map(|(level, units)| {
            [
                level.variant.into(),
                level.location.into(),
                level.version.into(),
                MovementKind::Reserve.coarse().into(),
                0_i64.into(),
                (*units).into(),
                order.into(),
                Value::Null,
                at.into(),
            ]
        })
        .collect();
    let holds = holds.iter().map(|row| (SQL, row.as_slice()));
    let movements = movements
        .iter()
        .map(|row| (INSERT_MOVEMENT, row.as_slice()));
    let statements: Vec<Stmt<'_>> = holds.chain(movements).collect();
    tx.defer(&statements).await
}

/// What was read of some variants.
pub(crate) struct Found {
    /// In (variant, location) order; all places of each variant.
    pub(crate) levels: Vec<Level>,
    /// Whether the shop has a rule of sourcing to be read: otherwise all comes from one place.
    pub(crate) is_sourced: bool,
}

/// Every level of these variants.
pub(crate) async fn levels(tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<Found, Error> {
    const SQL: &str = "SELECT variant_id, location_id, on_hand, reserved, incoming, backorder, \
         tracked, low_threshold, version, updated_at, \
         (SELECT count(*) FROM inventory_location WHERE tenant_id = :tenant \
         AND (id <> $1 OR active = 0 OR ships = 0)) \
         FROM inventory_level WHERE tenant_id = :tenant \
         AND variant_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
         ORDER BY variant_id, location_id";
    let mut found = Found {
        levels: Vec::with_capacity(variants.len()),
        is_sourced: false,
    };
    for values in in_chunks(variants) {
        let rows = tx
            .query(SQL, &values, |row| {
                Ok((level(row)?, row.get::<i64>(10)? > 0))
            })
            .await?;
        for (level, is_sourced) in rows {
            found.levels.push(level);
            found.is_sourced |= is_sourced;
        }
    }
    Ok(found)
}

/// Locks these variants: each one's row at the default location, in id order. Who changes a level
/// anywhere holds the lock of its variant.
pub(crate) async fn lock_variants(tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<(), Error> {
    const SQL: &str = "SELECT version FROM inventory_level \
         WHERE tenant_id = :tenant AND location_id = $1 \
         AND variant_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
         ORDER BY variant_id {lock}";
    for values in in_chunks(variants) {
        tx.query(SQL, &values, |row| row.get::<i64>(0)).await?;
    }
    Ok(())
}

/// The default location and up to sixteen variants, for each chunk in id order.
fn in_chunks(variants: &[VariantId]) -> Vec<[Value<'static>; VARIANTS_PER_STATEMENT + 1]> {
    let mut sorted = variants.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let chunk_values = |chunk: &[VariantId]| {
        let mut values = [const { Value::Null }; VARIANTS_PER_STATEMENT + 1];
        values[0] = DEFAULT_LOCATION.into();
        for (index, value) in values[1..].iter_mut().enumerate() {
            *value = chunk[index.min(chunk.len() - 1)].into();
        }
        values
    };
    sorted
        .chunks(VARIANTS_PER_STATEMENT)
        .map(chunk_values)
        .collect()
}

/// Inserts levels that are missing, in one flight; answers which of them were.
pub(crate) async fn insert_levels(
    tx: &mut Tx<'_>,
    keys: &[LevelKey],
    at: Timestamp,
) -> Result<Vec<bool>, Error> {
    const SQL: &str = "INSERT INTO inventory_level (tenant_id, variant_id, location_id, on_hand, \
         reserved, backorder, version, updated_at) VALUES (:tenant, $1, $2, 0, 0, 0, 0, $3) \
         ON CONFLICT DO NOTHING";
    let rows: Vec<[Value<'_>; 3]> = keys
        .iter()
        .map(|&(variant, location)| [variant.into(), location.into(), at.into()])
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    Ok(tx
        .batch(&statements)
        .await?
        .iter()
        .map(|&inserted| inserted == 1)
        .collect())
}

/// Inserts levels of variants that have none, as they are given, in one flight; answers which of
/// them were. Their stock is on hand, and nothing of it is promised.
pub(crate) async fn insert_first_levels(
    tx: &mut Tx<'_>,
    levels: &[Level],
) -> Result<Vec<bool>, Error> {
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
    let inserted = tx.batch(&statements).await?;
    Ok(inserted.iter().map(|&inserted| inserted == 1).collect())
}

/// Writes movements that no level waits for.
pub(crate) async fn insert_movements(tx: &mut Tx<'_>, movements: &[Movement]) -> Result<(), Error> {
    let rows: Vec<_> = movements.iter().map(movement_values).collect();
    let statements: Vec<Stmt<'_>> = rows
        .iter()
        .map(|row| (INSERT_WHOLE_MOVEMENT, row.as_slice()))
        .collect();
    tx.defer(&statements).await
}

/// Writes levels, each with the version it was read with, and the movements that led there, in one
/// flight. Answers whether every level was still as it was read.
pub(crate) async fn store(
    tx: &mut Tx<'_>,
    levels: &[(i64, Level)],
    movements: &[Movement],
) -> Result<bool, Error> {
    const LEVEL: &str = "UPDATE inventory_level \
         SET on_hand = $3, reserved = $4, incoming = $5, backorder = $6, tracked = $7, \
         low_threshold = $8, version = $9, updated_at = $10 \
         WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2 AND version = $11";
    let rows: Vec<[Value<'_>; 11]> = levels
        .iter()
        .map(|(read, level)| {
            [
                level.variant.into(),
                level.location.into(),
                level.stock.on_hand.into(),
                level.stock.reserved.into(),
                level.stock.incoming.into(),
                level.stock.backorder.into(),
                level.tracked.into(),
                level.low_threshold.into(),
                level.version.into(),
                level.updated_at.into(),
                (*read).into(),
            ]
        })
        .collect();
    let movements: Vec<_> = movements.iter().map(movement_values).collect();
    let levels = rows.iter().map(|row| (LEVEL, row.as_slice()));
    let movements = movements
        .iter()
        .map(|row| (INSERT_WHOLE_MOVEMENT, row.as_slice()));
    let statements: Vec<Stmt<'_>> = levels.chain(movements).collect();
    let changed = tx.batch(&statements).await?;
    Ok(changed.iter().all(|&changed| changed == 1))
}

fn movement_values(movement: &Movement) -> [Value<'_>; 13] {
    let Delta {
        on_hand,
        reserved,
        incoming,
    } = movement.delta;
    [
        movement.variant.into(),
        movement.location.into(),
        movement.level_version.into(),
        movement.kind.coarse().into(),
        movement.kind.fine().into(),
        on_hand.into(),
        reserved.into(),
        incoming.into(),
        movement.order.into(),
        movement.transfer.into(),
        (&movement.reason).into(),
        (&movement.note).into(),
        movement.at.into(),
    ]
}

/// `variant_id, location_id, on_hand, reserved, incoming, backorder, tracked, low_threshold,
/// version, updated_at`.
fn level(row: &Row<'_>) -> Result<Level, Error> {
    Ok(Level {
        variant: row.get(0)?,
        location: row.get(1)?,
        stock: Stock {
            on_hand: row.get(2)?,
            reserved: row.get(3)?,
            incoming: row.get(4)?,
            backorder: row.get(5)?,
        },
        tracked: row.get(6)?,
        low_threshold: row.get(7)?,
        version: row.get(8)?,
        updated_at: row.get(9)?,
    })
}
