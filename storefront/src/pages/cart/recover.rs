//! The link of a mail to whoever left a cart behind: its key moves into the cookie and leaves the
//! address. A cart that became an order is left alone.

use axum::response::Response;
use stoa_contracts::cart::{CartError, CartKey, CartStatus};

use crate::answer::{Trouble, see_other};
use crate::cookies::is_token;
use crate::pages::basket;
use crate::shop::Shop;
use crate::visit::Visit;

pub(super) async fn recovered(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let gone = || see_other("/cart?recovered=gone");
    let Some(key) = key_of(visit) else {
        return Ok(gone());
    };
    // Asks no database, so that made-up links cost nothing.
    if !shop.carts.opens(visit.tenant_id(), &key) {
        return Ok(gone());
    }
    let view = match shop.carts.view(visit.tenant_id(), &key).await {
        Ok(view) => view,
        Err(CartError::NotFound) => return Ok(gone()),
        Err(error) => return Err(error.into()),
    };
    if view.status != CartStatus::Open {
        return Ok(gone());
    }
    let present = shop.cookies.cart_key(&visit.headers);
    let other = present.is_some_and(|present| present.id != key.id);
    let view = match other {
        true => joined(shop, visit, &key).await?.unwrap_or(view),
        false => view,
    };
    Ok(basket::keep(
        shop,
        &key,
        &view,
        see_other("/cart?recovered=1"),
    ))
}

/// What the browser's own cart holds is not lost: it joins the one that comes back.
async fn joined(
    shop: &Shop,
    visit: &Visit,
    key: &CartKey,
) -> Result<Option<stoa_contracts::cart::CartView>, Trouble> {
    let mut last = None;
    let Some(own) = basket::find_unpaid(shop, visit).await? else {
        return Ok(None);
    };
    if own.view.status != CartStatus::Open || own.view.id == key.id {
        return Ok(None);
    }
    for line in &own.view.lines {
        let added = shop
            .carts
            .add_line(visit.tenant_id(), key, line.variant_id, line.quantity)
            .await;
        match added {
            Ok(view) => last = Some(view),
            Err(CartError::Storage(error)) => return Err(error.into()),
            // Sold out or taken down: the cart that comes back goes without it.
            Err(_) => {}
        }
    }
    Ok(last)
}

fn key_of(visit: &Visit) -> Option<CartKey> {
    let token = visit.param("token").filter(|token| is_token(token))?;
    let id = visit.param("cart")?.parse().ok()?;
    Some(CartKey { id, token })
}
