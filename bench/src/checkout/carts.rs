//! Carts at the till, many of them, made in the image of one that the shop filled. Writes past the
//! shop, before anything is measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use stoa_contracts::cart::CartKey;
use stoa_kernel::{CartId, IdSource, TenantId, kind};

use super::shop::{Good, LINES_PER_ORDER, Shop, pick};

/// Made at once, so that they share commits.
const AT_ONCE: usize = 256;
const CARTS_PER_STATEMENT: usize = 1_000;

/// A cart, its secret, and what it holds.
#[derive(Clone)]
pub(super) struct Filled {
    pub(super) key: CartKey,
    pub(super) goods: [Good; LINES_PER_ORDER],
}

/// The database behind a shop, reached past it.
pub(super) enum Books {
    Sqlite(PathBuf),
    /// Seen as the shop's tenant sees it.
    Postgres(tokio_postgres::Client),
}

pub(super) async fn prepare(
    shop: &Arc<Shop>,
    books: &Books,
    goods: &[Good],
    count: usize,
) -> Result<Vec<Filled>> {
    let mut chance = fastrand::Rng::with_seed(1);
    let image = pick(goods, &mut chance).map(|(variant, _)| variant);
    let image = shop.fill_cart(&image).await?.id;
    let mut filled = Vec::with_capacity(count);
    while filled.len() < count {
        let making: Vec<_> = (0..AT_ONCE.min(count - filled.len()))
            .map(|_| {
                let shop = shop.clone();
                tokio::spawn(async move { shop.empty_cart().await })
            })
            .collect();
        for made in making {
            let goods = pick(goods, &mut chance);
            filled.push(Filled {
                key: made.await??,
                goods,
            });
        }
    }
    match books {
        Books::Sqlite(file) => {
            fill_sqlite(file, shop.tenant.id, image, &filled, &shop.deps.ids)?;
        }
        Books::Postgres(client) => fill_postgres(client, image, &filled, &shop.deps.ids).await?,
    }
    Ok(filled)
}

/// Carts made past the shop, whose secrets nobody knows: only the bare loop sells them.
pub(super) fn made(
    shop: &Arc<Shop>,
    file: &Path,
    goods: &[Good],
    count: usize,
) -> Result<Vec<Filled>> {
    const CART: &str = "INSERT INTO cart_cart (tenant_id, id, status, currency, version, \
         created_at, updated_at) SELECT tenant_id, ?2, 'open', currency, 1, created_at, \
         updated_at FROM cart_cart WHERE tenant_id = ?1 LIMIT 1";
    let tenant = shop.tenant.id;
    let mut chance = fastrand::Rng::new();
    let carts: Vec<Filled> = (0..count)
        .map(|_| Filled {
            key: CartKey {
                id: shop.deps.ids.make(shop.deps.now()),
                token: String::new(),
            },
            goods: pick(goods, &mut chance),
        })
        .collect();
    let mut database = Connection::open(file)?;
    let transaction = database.transaction()?;
    let image = transaction.query_row(
        "SELECT cart_id FROM cart_line WHERE tenant_id = ?1 LIMIT 1",
        [tenant.to_bytes()],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    {
        let mut cart = transaction.prepare(CART)?;
        for made in &carts {
            cart.execute(params![tenant.to_bytes(), made.key.id.to_bytes()])?;
        }
    }
    transaction.commit()?;
    fill_sqlite(
        file,
        tenant,
        CartId::from_slice(&image)?,
        &carts,
        &shop.deps.ids,
    )?;
    Ok(carts)
}

/// An id as PostgreSQL writes it.
pub(crate) fn uuid(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

async fn fill_postgres(
    client: &tokio_postgres::Client,
    image: CartId,
    carts: &[Filled],
    ids: &Arc<dyn IdSource>,
) -> Result<()> {
    const DETAILS: &str = "UPDATE cart_cart c SET email = i.email, \
         shipping_address = i.shipping_address, billing_address = i.billing_address, \
         shipping_option_id = i.shipping_option_id FROM cart_cart i \
         WHERE i.id = $1::text::uuid AND c.id = ANY ($2::text[]::uuid[])";
    const LINES: &str = "INSERT INTO cart_line SELECT (jsonb_populate_record(l, \
         jsonb_build_object('cart_id', u.cart, 'id', u.id, 'variant_id', u.variant, \
         'place', u.place))).* \
         FROM cart_line l, \
         unnest($2::text[], $3::text[], $4::text[], $5::int8[]) u(cart, id, variant, place) \
         WHERE l.id = (SELECT id FROM cart_line WHERE cart_id = $1::text::uuid LIMIT 1)";
    let image = uuid(image.as_u128());
    for some in carts.chunks(CARTS_PER_STATEMENT) {
        let all: Vec<String> = some
            .iter()
            .map(|cart| uuid(cart.key.id.as_u128()))
            .collect();
        client.execute(DETAILS, &[&image, &all]).await?;
        let (mut cart_ids, mut line_ids) = (Vec::new(), Vec::new());
        let (mut variants, mut places) = (Vec::new(), Vec::new());
        for (cart, id) in some.iter().zip(&all) {
            for (place, (variant, _)) in cart.goods.iter().enumerate() {
                cart_ids.push(id.clone());
                line_ids.push(uuid(ids.next_u128()));
                variants.push(uuid(variant.as_u128()));
                places.push(place as i64);
            }
        }
        client
            .execute(LINES, &[&image, &cart_ids, &line_ids, &variants, &places])
            .await
            .context("the lines of carts")?;
    }
    Ok(())
}

fn fill_sqlite(
    file: &Path,
    tenant: TenantId,
    image: CartId,
    carts: &[Filled],
    ids: &Arc<dyn IdSource>,
) -> Result<()> {
    const DETAILS: &str = "UPDATE cart_cart SET (email, shipping_address, billing_address, \
         shipping_option_id) = (SELECT email, shipping_address, billing_address, \
         shipping_option_id FROM cart_cart WHERE tenant_id = ?1 AND id = ?3) \
         WHERE tenant_id = ?1 AND id = ?2";
    const LINE: &str = "INSERT INTO cart_line (tenant_id, cart_id, id, variant_id, quantity, place, \
         product_handle, title, variant_title, sku, image, unit_price) \
         SELECT tenant_id, ?2, ?4, ?5, quantity, ?6, \
         product_handle, title, variant_title, sku, image, unit_price FROM cart_line \
         WHERE tenant_id = ?1 AND cart_id = ?3 LIMIT 1";
    let mut database = Connection::open(file)?;
    let transaction = database.transaction()?;
    {
        let mut details = transaction.prepare(DETAILS)?;
        let mut line = transaction.prepare(LINE)?;
        let (tenant, image) = (tenant.to_bytes(), image.to_bytes());
        for cart in carts {
            let id = cart.key.id.to_bytes();
            details.execute(params![tenant, id, image])?;
            for (place, (variant, _)) in cart.goods.iter().enumerate() {
                let line_id = ids.next_u128();
                let line_id = stoa_kernel::Id::<kind::Line>::from_u128(line_id).to_bytes();
                let values = params![tenant, id, image, line_id, variant.to_bytes(), place as i64];
                line.execute(values).context("a line of a cart")?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}
