//! Carts at the till, many of them, made in the image of one that the shop filled. Writes past the
//! shop, before anything is measured.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use stoa_contracts::cart::CartKey;
use stoa_kernel::{CartId, IdSource, TenantId, kind};

use super::shop::{Good, LINES_PER_ORDER, Shop, pick};

/// Made at once, so that they share commits.
const AT_ONCE: usize = 256;

/// A cart, its secret, and what it holds.
#[derive(Clone)]
pub(super) struct Filled {
    pub(super) key: CartKey,
    pub(super) goods: [Good; LINES_PER_ORDER],
}

pub(super) async fn prepare(
    shop: &Arc<Shop>,
    file: &Path,
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
    fill(file, shop.tenant.id, image, &filled, &shop.deps.ids)?;
    Ok(filled)
}

fn fill(
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
