//! SQL of what orders hold. Touches no level.

use stoa_kernel::{LocationId, OrderId, Timestamp, VariantId};
use stoa_storage::{Error, Row, Stmt, Tx, Value, params};

use crate::domain::LevelKey;

/// Units of one level that an order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) variant: VariantId,
    pub(crate) location: LocationId,
    pub(crate) units: i64,
}

impl Hold {
    pub(crate) const fn key(&self) -> LevelKey {
        (self.variant, self.location)
    }
}

/// What the order holds, in (variant, location) order.
pub(crate) async fn held(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<Hold>, Error> {
    const SQL: &str = "SELECT variant_id, location_id, units FROM inventory_hold \
         WHERE tenant_id = :tenant AND order_id = $1 ORDER BY variant_id, location_id";
    tx.query(SQL, params![order], hold).await
}

/// As [`held`], its rows locked.
pub(crate) async fn locked_holds(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<Hold>, Error> {
    const SQL: &str = "SELECT variant_id, location_id, units FROM inventory_hold \
         WHERE tenant_id = :tenant AND order_id = $1 ORDER BY variant_id, location_id {lock}";
    tx.query(SQL, params![order], hold).await
}

fn hold(row: &Row<'_>) -> Result<Hold, Error> {
    Ok(Hold {
        variant: row.get(0)?,
        location: row.get(1)?,
        units: row.get(2)?,
    })
}

/// Adds to what the order holds, in one flight; `expires_at` `None` is a hold for good, which makes
/// the hold it adds to one as well.
pub(crate) async fn put_holds(
    tx: &mut Tx<'_>,
    order: OrderId,
    holds: &[Hold],
    expires_at: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO inventory_hold (tenant_id, order_id, variant_id, location_id, \
         units, state, expires_at, created_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (tenant_id, order_id, variant_id, location_id) DO UPDATE \
         SET units = inventory_hold.units + excluded.units, state = excluded.state, \
         expires_at = excluded.expires_at";
    if holds.is_empty() {
        return Ok(());
    }
    let state = match expires_at {
        Some(_) => "held",
        None => "confirmed",
    };
    let rows: Vec<[Value<'_>; 7]> = holds
        .iter()
        .map(|hold| {
            [
                order.into(),
                hold.variant.into(),
                hold.location.into(),
                hold.units.into(),
                state.into(),
                expires_at.into(),
                at.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// Gives holds of the order, whose rows are locked, their new units; none is dropped.
pub(crate) async fn resize_holds(
    tx: &mut Tx<'_>,
    order: OrderId,
    holds: &[Hold],
) -> Result<(), Error> {
    const RESIZE: &str = "UPDATE inventory_hold SET units = $4 \
         WHERE tenant_id = :tenant AND order_id = $1 AND variant_id = $2 AND location_id = $3";
    const DROP: &str = "DELETE FROM inventory_hold \
         WHERE tenant_id = :tenant AND order_id = $1 AND variant_id = $2 AND location_id = $3";
    let rows: Vec<[Value<'_>; 4]> = holds
        .iter()
        .map(|hold| {
            [
                order.into(),
                hold.variant.into(),
                hold.location.into(),
                hold.units.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows
        .iter()
        .zip(holds)
        .map(|(row, hold)| match hold.units {
            0 => (DROP, &row[..3]),
            _ => (RESIZE, row.as_slice()),
        })
        .collect();
    tx.batch(&statements).await.map(|_| ())
}

pub(crate) async fn drop_holds(tx: &mut Tx<'_>, order: OrderId) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM inventory_hold WHERE tenant_id = :tenant AND order_id = $1";
    tx.execute(SQL, params![order]).await.map(|_| ())
}

/// Makes the order's holds permanent; answers how many it has.
pub(crate) async fn confirm(tx: &mut Tx<'_>, order: OrderId) -> Result<u64, Error> {
    const SQL: &str = "UPDATE inventory_hold SET state = 'confirmed', expires_at = NULL \
         WHERE tenant_id = :tenant AND order_id = $1";
    tx.execute(SQL, params![order]).await
}

/// A hold as a walk over all of them sees it.
pub(crate) struct HoldRow {
    pub(crate) order: OrderId,
    pub(crate) key: LevelKey,
    pub(crate) units: i64,
    pub(crate) expires_at: Option<Timestamp>,
}

/// The holds after `after`, in key order. No index serves expiry: one would cost every checkout.
pub(crate) async fn some_holds(
    tx: &mut Tx<'_>,
    after: (OrderId, LevelKey),
    limit: i64,
) -> Result<Vec<HoldRow>, Error> {
    const SQL: &str = "SELECT order_id, variant_id, location_id, units, expires_at \
         FROM inventory_hold WHERE tenant_id = :tenant \
         AND (order_id, variant_id, location_id) > ($1, $2, $3) \
         ORDER BY order_id, variant_id, location_id LIMIT $4";
    let (order, (variant, location)) = after;
    tx.query(SQL, params![order, variant, location, limit], |row| {
        Ok(HoldRow {
            order: row.get(0)?,
            key: (row.get(1)?, row.get(2)?),
            units: row.get(3)?,
            expires_at: row.get(4)?,
        })
    })
    .await
}
