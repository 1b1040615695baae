//! The SQL of carts and their lines. Decides nothing: who calls holds the cart's row lock.

mod customers;
mod idle;
mod status;

use stoa_contracts::Address;
use stoa_contracts::cart::CartStatus;
use stoa_kernel::{CartId, Currency, LineId, Timestamp};
use stoa_storage::{Db, Error, Row, Stmt, Tx, Value, params};

use crate::domain::{Cart, CartSummary, Line, Shown};

pub(crate) use customers::{forget_last_carts, last_cart, open_cart_of, set_last_cart};
pub(crate) use idle::{has_due, lock_due, look, mark_told};
pub(crate) use status::{complete, freeze, thaw};

/// What [`cart_row`] reads.
macro_rules! cart_columns {
    () => {
        "id, status, currency, email, shipping_address, billing_address, shipping_option_id, \
         order_id, version, coupons, note, customer_id, left_out, updated_at, abandoned_at, look_at"
    };
}
use cart_columns;

pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    cart: CartId,
    currency: Currency,
    look_at: Timestamp,
    at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO cart_cart (tenant_id, id, status, currency, version, \
                       created_at, updated_at, look_at) \
                       VALUES (:tenant, $1, 'open', $2, 1, $3, $3, $4)";
    tx.execute(SQL, params![cart, &currency, at, look_at])
        .await
        .map(|_| ())
}

pub(crate) async fn read(tx: &mut Tx<'_>, cart: CartId) -> Result<Option<Cart>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        cart_columns!(),
        " FROM cart_cart WHERE tenant_id = :tenant AND id = $1"
    );
    let found = tx.query_opt(SQL, params![cart], cart_row).await?;
    with_lines(tx, found).await
}

/// As [`read`], the cart's row locked: whoever changes a cart or its lines holds it.
pub(crate) async fn lock(tx: &mut Tx<'_>, cart: CartId) -> Result<Option<Cart>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        cart_columns!(),
        " FROM cart_cart WHERE tenant_id = :tenant AND id = $1 {lock}"
    );
    let found = tx.query_opt(SQL, params![cart], cart_row).await?;
    with_lines(tx, found).await
}

/// Locks, reads and counts up an open cart by one statement; `None` where there is none.
pub(crate) async fn touch_open(
    tx: &mut Tx<'_>,
    cart: CartId,
    at: Timestamp,
) -> Result<Option<Cart>, Error> {
    const SQL: &str = concat!(
        "UPDATE cart_cart SET version = version + 1, updated_at = $2 \
         WHERE tenant_id = :tenant AND id = $1 AND status = 'open' RETURNING ",
        cart_columns!()
    );
    let found = tx.query_opt(SQL, params![cart, at], cart_row).await?;
    with_lines(tx, found).await
}

async fn with_lines(tx: &mut Tx<'_>, found: Option<Cart>) -> Result<Option<Cart>, Error> {
    let Some(mut cart) = found else {
        return Ok(None);
    };
    cart.lines = lines(tx, cart.id).await?;
    Ok(Some(cart))
}

pub(crate) async fn lines(tx: &mut Tx<'_>, cart: CartId) -> Result<Vec<Line>, Error> {
    const SQL: &str = "SELECT id, variant_id, quantity, place, product_handle, title, \
         variant_title, sku, image, unit_price FROM cart_line \
         WHERE tenant_id = :tenant AND cart_id = $1 ORDER BY place, id";
    tx.query(SQL, params![cart], line_row).await
}

const PUT_LINE: &str = "INSERT INTO cart_line (tenant_id, cart_id, id, variant_id, quantity, \
     place, product_handle, title, variant_title, sku, image, unit_price) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (tenant_id, cart_id, variant_id) DO UPDATE SET quantity = excluded.quantity, \
     product_handle = excluded.product_handle, title = excluded.title, \
     variant_title = excluded.variant_title, sku = excluded.sku, image = excluded.image, \
     unit_price = excluded.unit_price";

/// Writes a line, new or changed; with it the next look at the cart, where that is to be sooner.
pub(crate) async fn put_line(
    tx: &mut Tx<'_>,
    cart: CartId,
    line: &Line,
    sooner: Option<Timestamp>,
) -> Result<(), Error> {
    let values = line_values(cart, line);
    let look: [Value<'_>; 2] = [cart.into(), sooner.into()];
    let statements: [Stmt<'_>; 2] = [(PUT_LINE, &values), (idle::LOOK, &look)];
    let needed = if sooner.is_some() { 2 } else { 1 };
    tx.batch(&statements[..needed]).await.map(|_| ())
}

pub(crate) async fn put_lines(tx: &mut Tx<'_>, cart: CartId, lines: &[Line]) -> Result<(), Error> {
    let values: Vec<_> = lines.iter().map(|line| line_values(cart, line)).collect();
    let statements: Vec<Stmt<'_>> = values
        .iter()
        .map(|values| (PUT_LINE, values.as_slice()))
        .collect();
    if statements.is_empty() {
        return Ok(());
    }
    tx.batch(&statements).await.map(|_| ())
}

fn line_values(cart: CartId, line: &Line) -> [Value<'_>; 11] {
    let shown = &line.shown;
    [
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
    ]
}

pub(crate) async fn delete_line(tx: &mut Tx<'_>, cart: CartId, line: LineId) -> Result<(), Error> {
    const SQL: &str =
        "DELETE FROM cart_line WHERE tenant_id = :tenant AND cart_id = $1 AND id = $2";
    tx.execute(SQL, params![cart, line]).await.map(|_| ())
}

/// Writes the cart's version and times; of its shopper's words none.
pub(crate) async fn touch(tx: &mut Tx<'_>, cart: &Cart) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_cart SET version = $2, updated_at = $3, look_at = $4 \
                       WHERE tenant_id = :tenant AND id = $1";
    let values = params![cart.id, cart.version, cart.updated_at, cart.look_at];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Writes everything about the cart but its lines, its status and its order.
pub(crate) async fn update(tx: &mut Tx<'_>, cart: &Cart) -> Result<(), Error> {
    const SQL: &str = "UPDATE cart_cart SET email = $2, shipping_address = $3, \
         billing_address = $4, shipping_option_id = $5, coupons = $6, note = $7, \
         customer_id = $8, left_out = $9, version = $10, updated_at = $11, look_at = $12 \
         WHERE tenant_id = :tenant AND id = $1";
    let json = |address: &Option<Address>| address.as_ref().map(serde_json::to_string).transpose();
    let (shipping, billing) = (json(&cart.shipping_address)?, json(&cart.billing_address)?);
    let coupons = serde_json::to_string(&cart.coupons)?;
    let left_out = serde_json::to_string(&cart.left_out)?;
    let values = params![
        cart.id,
        &cart.email,
        &shipping,
        &billing,
        &cart.shipping_option_id,
        &coupons,
        &cart.note,
        cart.customer,
        &left_out,
        cart.version,
        cart.updated_at,
        cart.look_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Removes the cart and its lines in one flight.
pub(crate) async fn delete(tx: &mut Tx<'_>, cart: CartId) -> Result<(), Error> {
    const LINES: &str = "DELETE FROM cart_line WHERE tenant_id = :tenant AND cart_id = $1";
    const CART: &str = "DELETE FROM cart_cart WHERE tenant_id = :tenant AND id = $1";
    let id: [Value<'_>; 1] = [cart.into()];
    tx.batch(&[(LINES, &id), (CART, &id)]).await.map(|_| ())
}

/// Newest first.
pub(crate) async fn list(db: &Db, before: CartId, limit: i64) -> Result<Vec<CartSummary>, Error> {
    const SQL: &str = "SELECT c.id, c.status, c.currency, c.email, c.customer_id, \
         (SELECT count(*) FROM cart_line l WHERE l.tenant_id = :tenant AND l.cart_id = c.id), \
         c.order_id, c.version, c.created_at, c.updated_at, c.abandoned_at FROM cart_cart c \
         WHERE c.tenant_id = :tenant AND c.id < $1 ORDER BY c.id DESC LIMIT $2";
    db.fetch(SQL, params![before, limit], |row| {
        Ok(CartSummary {
            id: row.get(0)?,
            status: status_column(row, 1)?,
            currency: row.get(2)?,
            email: row.get(3)?,
            customer_id: row.get(4)?,
            lines: row.get(5)?,
            order_id: row.get(6)?,
            version: row.get(7)?,
            created_at: row.get(8)?,
            updated_at: row.get(9)?,
            abandoned_at: row.get(10)?,
        })
    })
    .await
}

fn status_column(row: &Row<'_>, index: usize) -> Result<CartStatus, Error> {
    match row.str(index)? {
        "open" => Ok(CartStatus::Open),
        "frozen" => Ok(CartStatus::Frozen),
        "completed" => Ok(CartStatus::Completed),
        other => Err(Error::Column {
            index,
            wanted: "the status of a cart",
            found: other.to_owned(),
        }),
    }
}

fn cart_row(row: &Row<'_>) -> Result<Cart, Error> {
    let address = |index| -> Result<Option<Address>, Error> {
        let json: Option<String> = row.get(index)?;
        Ok(json.as_deref().map(serde_json::from_str).transpose()?)
    };
    Ok(Cart {
        id: row.get(0)?,
        status: status_column(row, 1)?,
        currency: row.get(2)?,
        email: row.get(3)?,
        shipping_address: address(4)?,
        billing_address: address(5)?,
        shipping_option_id: row.get(6)?,
        order: row.get(7)?,
        version: row.get(8)?,
        coupons: serde_json::from_str(row.str(9)?)?,
        note: row.get(10)?,
        customer: row.get(11)?,
        left_out: serde_json::from_str(row.str(12)?)?,
        updated_at: row.get(13)?,
        abandoned_at: row.get(14)?,
        look_at: row.get(15)?,
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
