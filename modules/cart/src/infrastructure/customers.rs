//! The SQL of which cart a customer last used. Its row lock comes before that of any cart.

use stoa_kernel::{CartId, CustomerId};
use stoa_storage::{Db, Error, Stmt, Tx, Value, params};

/// The cart that the customer last used, their row locked; `first` where there was none yet.
pub(crate) async fn last_cart(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    first: CartId,
) -> Result<CartId, Error> {
    // One statement: between two, the sweep could take the row away again.
    const SQL: &str = "INSERT INTO cart_customer (tenant_id, customer_id, cart_id) \
         VALUES (:tenant, $1, $2) ON CONFLICT (tenant_id, customer_id) DO UPDATE \
         SET cart_id = cart_customer.cart_id RETURNING cart_id";
    tx.query_one(SQL, params![customer, first], |row| row.get(0))
        .await
}

pub(crate) async fn set_last_cart(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    cart: CartId,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_customer SET cart_id = $2 \
                       WHERE tenant_id = :tenant AND customer_id = $1 AND cart_id <> $2";
    tx.execute(SQL, params![customer, cart]).await.map(|_| ())
}

/// Of carts that are gone, where the customer has not gone on to another.
pub(crate) async fn forget_last_carts(
    tx: &mut Tx<'_>,
    gone: &[(CustomerId, CartId)],
) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM cart_customer \
                       WHERE tenant_id = :tenant AND customer_id = $1 AND cart_id = $2";
    let mut gone = gone.to_vec();
    gone.sort_unstable();
    let values: Vec<[Value<'_>; 2]> = gone
        .iter()
        .map(|&(customer, cart)| [customer.into(), cart.into()])
        .collect();
    let statements: Vec<Stmt<'_>> = values
        .iter()
        .map(|values| (SQL, values.as_slice()))
        .collect();
    tx.batch(&statements).await.map(|_| ())
}

/// The cart that the customer last used, while it is open and theirs.
pub(crate) async fn open_cart_of(db: &Db, customer: CustomerId) -> Result<Option<CartId>, Error> {
    const SQL: &str = "SELECT c.id FROM cart_customer k \
         JOIN cart_cart c ON c.tenant_id = :tenant AND c.id = k.cart_id \
         WHERE k.tenant_id = :tenant AND k.customer_id = $1 AND c.customer_id = $1 \
         AND c.status = 'open'";
    let found = db.fetch(SQL, params![customer], |row| row.get(0)).await?;
    Ok(found.into_iter().next())
}
