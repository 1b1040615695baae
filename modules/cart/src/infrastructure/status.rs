//! The SQL of what checkout does with a cart. A completed cart stays completed.

use stoa_kernel::{CartId, OrderId, Timestamp};
use stoa_storage::{Error, Tx, params};

use crate::domain::IdleRules;

/// Kept as long as its payment is open: the sweep looks at it no more.
pub(crate) async fn freeze(
    tx: &mut Tx<'_>,
    cart: CartId,
    order: OrderId,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_cart SET status = 'frozen', order_id = $2, \
         version = version + 1, updated_at = $3, look_at = NULL \
         WHERE tenant_id = :tenant AND id = $1 AND status <> 'completed'";
    tx.defer(&[(SQL, params![cart, order, at])]).await
}

/// An open cart stays as it is; a thawed one keeps its order.
pub(crate) async fn thaw(
    tx: &mut Tx<'_>,
    cart: CartId,
    rules: &IdleRules,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_cart SET status = 'open', version = version + 1, \
         updated_at = $2, look_at = CASE WHEN email IS NOT NULL AND abandoned_at IS NULL \
         THEN CAST($3 AS BIGINT) ELSE CAST($4 AS BIGINT) END \
         WHERE tenant_id = :tenant AND id = $1 AND status = 'frozen'";
    let (soon, late) = (at.plus(rules.abandoned_after), at.plus(rules.expires_after));
    tx.execute(SQL, params![cart, at, soon, late])
        .await
        .map(|_| ())
}

pub(crate) async fn complete(
    tx: &mut Tx<'_>,
    cart: CartId,
    look_at: Timestamp,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_cart SET status = 'completed', version = version + 1, \
         updated_at = $2, look_at = $3 \
         WHERE tenant_id = :tenant AND id = $1 AND status <> 'completed'";
    tx.execute(SQL, params![cart, at, look_at])
        .await
        .map(|_| ())
}
