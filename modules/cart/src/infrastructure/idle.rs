//! The SQL of the sweep: carts whose time has come, by their index.

use stoa_kernel::{CartId, Timestamp};
use stoa_storage::{Db, Error, Tx, params};

use super::{cart_columns, cart_row};
use crate::domain::Cart;

pub(super) const LOOK: &str =
    "UPDATE cart_cart SET look_at = $2 WHERE tenant_id = :tenant AND id = $1";

pub(crate) async fn has_due(db: &Db, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "SELECT look_at FROM cart_cart \
                       WHERE tenant_id = :tenant AND look_at <= $1 ORDER BY look_at LIMIT 1";
    let found: Vec<Timestamp> = db.fetch(SQL, params![now], |row| row.get(0)).await?;
    Ok(!found.is_empty())
}

/// Carts to be looked at, without their lines, their rows locked; those locked by others are left
/// for the next round.
pub(crate) async fn lock_due(
    tx: &mut Tx<'_>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Cart>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        cart_columns!(),
        " FROM cart_cart WHERE tenant_id = :tenant AND look_at <= $1 \
         ORDER BY look_at, id LIMIT $2 {skip_locked}"
    );
    tx.query(SQL, params![now, limit], cart_row).await
}

pub(crate) async fn look(
    tx: &mut Tx<'_>,
    cart: CartId,
    at: Option<Timestamp>,
) -> Result<(), Error> {
    tx.execute(LOOK, params![cart, at]).await.map(|_| ())
}

pub(crate) async fn mark_told(
    tx: &mut Tx<'_>,
    cart: CartId,
    at: Timestamp,
    next: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_cart SET abandoned_at = $2, look_at = $3 \
                       WHERE tenant_id = :tenant AND id = $1";
    tx.execute(SQL, params![cart, at, next]).await.map(|_| ())
}
