//! All SQL of this module. Decides nothing: who calls holds the cart's row lock.

use stoa_contracts::Address;
use stoa_contracts::cart::CartStatus;
use stoa_kernel::{CartId, Currency, LineId, OrderId, Timestamp};
use stoa_storage::{Error, Row, Stmt, Tx, Value, params};

use crate::domain::{Cart, Line, Shown};

const TOUCH: &str = "UPDATE cart_cart SET version = version + 1, updated_at = $2 \
                     WHERE tenant_id = :tenant AND id = $1";

pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    cart: CartId,
    currency: Currency,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO cart_cart (tenant_id, id, status, currency, version, \
                       created_at, updated_at) VALUES (:tenant, $1, 'open', $2, 1, $3, $3)";
    tx.execute(SQL, params![cart, &currency, at])
        .await
        .map(|_| ())
}

pub(crate) async fn read(tx: &mut Tx<'_>, cart: CartId) -> Result<Option<Cart>, Error> {
    const SQL: &str = "SELECT id, status, currency, email, shipping_address, billing_address, \
         shipping_option_id, order_id, version FROM cart_cart \
         WHERE tenant_id = :tenant AND id = $1";
    with_lines(tx, SQL, cart).await
}

/// As [`read`], the cart's row locked: whoever changes a cart or its lines holds it.
pub(crate) async fn lock(tx: &mut Tx<'_>, cart: CartId) -> Result<Option<Cart>, Error> {
    const SQL: &str = "SELECT id, status, currency, email, shipping_address, billing_address, \
         shipping_option_id, order_id, version FROM cart_cart \
         WHERE tenant_id = :tenant AND id = $1 {lock}";
    with_lines(tx, SQL, cart).await
}

async fn with_lines(
    tx: &mut Tx<'_>,
    sql: &'static str,
    cart: CartId,
) -> Result<Option<Cart>, Error> {
    const LINES: &str = "SELECT id, variant_id, quantity, place, product_handle, title, \
         variant_title, sku, image, unit_price FROM cart_line \
         WHERE tenant_id = :tenant AND cart_id = $1 ORDER BY place, id";
    let Some(mut found) = tx.query_opt(sql, params![cart], cart_row).await? else {
        return Ok(None);
    };
    found.lines = tx.query(LINES, params![cart], line_row).await?;
    Ok(Some(found))
}

/// Writes a line, new or changed, and the cart's next version, in one flight.
pub(crate) async fn put_line(
    tx: &mut Tx<'_>,
    cart: CartId,
    line: &Line,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO cart_line (tenant_id, cart_id, id, variant_id, quantity, place, \
         product_handle, title, variant_title, sku, image, unit_price) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (tenant_id, cart_id, variant_id) DO UPDATE SET quantity = excluded.quantity, \
         product_handle = excluded.product_handle, title = excluded.title, \
         variant_title = excluded.variant_title, sku = excluded.sku, image = excluded.image, \
         unit_price = excluded.unit_price";
    let shown = &line.shown;
    let values: [Value<'_>; 11] = [
        cart.into(),
        line.id.into(),
        line.variant.into(),
        line.quantity.into(),
        line.place.into(),
        (&shown.product_handle).into(),
        (&shown.title).into(),
        (&shown.variant_title).into(),
        (&shown.sku).into(),
        (&shown.image).into(),
        shown.unit_price.into(),
    ];
    let touch: [Value<'_>; 2] = [cart.into(), at.into()];
    let statements: [Stmt<'_>; 2] = [(SQL, &values), (TOUCH, &touch)];
    tx.batch(&statements).await.map(|_| ())
}

pub(crate) async fn delete_line(
    tx: &mut Tx<'_>,
    cart: CartId,
    line: LineId,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str =
        "DELETE FROM cart_line WHERE tenant_id = :tenant AND cart_id = $1 AND id = $2";
    let values: [Value<'_>; 2] = [cart.into(), line.into()];
    let touch: [Value<'_>; 2] = [cart.into(), at.into()];
    let statements: [Stmt<'_>; 2] = [(SQL, &values), (TOUCH, &touch)];
    tx.batch(&statements).await.map(|_| ())
}

/// Writes everything about the cart that its shopper can set but the lines.
pub(crate) async fn update(tx: &mut Tx<'_>, cart: &Cart, at: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_cart SET email = $2, shipping_address = $3, \
         billing_address = $4, shipping_option_id = $5, version = version + 1, updated_at = $6 \
         WHERE tenant_id = :tenant AND id = $1";
    let json = |address: &Option<Address>| address.as_ref().map(serde_json::to_string).transpose();
    let (shipping, billing) = (json(&cart.shipping_address)?, json(&cart.billing_address)?);
    let values = params![
        cart.id,
        &cart.email,
        &shipping,
        &billing,
        &cart.shipping_option_id,
        at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// A completed cart stays completed. `order` is kept where it is `None`.
pub(crate) async fn set_status(
    tx: &mut Tx<'_>,
    cart: CartId,
    status: CartStatus,
    order: Option<OrderId>,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_cart SET status = $2, order_id = coalesce($3, order_id), \
         version = version + 1, updated_at = $4 \
         WHERE tenant_id = :tenant AND id = $1 AND status <> 'completed'";
    tx.execute(SQL, params![cart, status_text(status), order, at])
        .await
        .map(|_| ())
}

const fn status_text(status: CartStatus) -> &'static str {
    match status {
        CartStatus::Open => "open",
        CartStatus::Frozen => "frozen",
        CartStatus::Completed => "completed",
    }
}

fn cart_row(row: &Row<'_>) -> Result<Cart, Error> {
    let status = match row.str(1)? {
        "open" => CartStatus::Open,
        "frozen" => CartStatus::Frozen,
        "completed" => CartStatus::Completed,
        other => {
            return Err(Error::Column {
                index: 1,
                wanted: "the status of a cart",
                found: other.to_owned(),
            });
        }
    };
    let address = |index| -> Result<Option<Address>, Error> {
        let json: Option<String> = row.get(index)?;
        Ok(json.as_deref().map(serde_json::from_str).transpose()?)
    };
    Ok(Cart {
        id: row.get(0)?,
        status,
        currency: row.get(2)?,
        email: row.get(3)?,
        shipping_address: address(4)?,
        billing_address: address(5)?,
        shipping_option_id: row.get(6)?,
        order: row.get(7)?,
        version: row.get(8)?,
        lines: Vec::new(),
    })
}

fn line_row(row: &Row<'_>) -> Result<Line, Error> {
    Ok(Line {
        id: row.get(0)?,
        variant: row.get(1)?,
        quantity: row.get(2)?,
        place: row.get(3)?,
        shown: Shown {
            product_handle: row.get(4)?,
            title: row.get(5)?,
            variant_title: row.get(6)?,
            sku: row.get(7)?,
            image: row.get(8)?,
            unit_price: row.get(9)?,
        },
    })
}
