//! The cart behind the cookie: found, renewed where its order was canceled, kept in the browser.

use axum::response::Response;
use stoa_contracts::cart::{CartError, CartKey, CartStatus, CartUpdate, CartView as Cart};
use stoa_contracts::orders::OrderStatus;
use stoa_kernel::Currency;
use stoa_rest::HeaderValue;

use crate::answer::{Trouble, with_cookies};
use crate::shop::Shop;
use crate::visit::Visit;

/// A shopper's cart and what opens it.
pub(crate) struct Found {
    pub(crate) key: CartKey,
    pub(crate) view: Cart,
    /// It replaces the one of the cookie, whose order was canceled.
    pub(crate) renewed: bool,
}

/// The cart of the cookie; `None` where there is none or it opens nothing. It may be completed.
pub(crate) async fn find(shop: &Shop, visit: &Visit) -> Result<Option<Found>, Trouble> {
    let Some(key) = shop.cookies.cart_key(&visit.headers) else {
        return Ok(None);
    };
    // Asks no database, so that made-up cookies cost nothing.
    if !shop.carts.opens(visit.tenant_id(), &key) {
        return Ok(None);
    }
    let view = match shop.carts.view(visit.tenant_id(), &key).await {
        Ok(view) => view,
        Err(CartError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if view.status == CartStatus::Frozen && is_over(shop, visit, &view).await? {
        return renew(shop, visit, &view).await.map(Some);
    }
    Ok(Some(Found {
        key,
        view,
        renewed: false,
    }))
}

/// As [`find`], for pages that have nothing to say of a cart that became a paid order.
pub(crate) async fn find_unpaid(shop: &Shop, visit: &Visit) -> Result<Option<Found>, Trouble> {
    let found = find(shop, visit).await?;
    Ok(found.filter(|found| found.view.status != CartStatus::Completed))
}

/// A cart stays closed when its order is canceled.
async fn is_over(shop: &Shop, visit: &Visit, cart: &Cart) -> Result<bool, Trouble> {
    let Some(order) = cart.order_id else {
        return Ok(false);
    };
    let order = shop.orders.view(visit.tenant_id(), order).await?;
    Ok(order.status == OrderStatus::Canceled)
}

/// What was in a cart that is over moves to a new one.
pub(crate) async fn renew(shop: &Shop, visit: &Visit, old: &Cart) -> Result<Found, Trouble> {
    moved(shop, visit, old, old.currency).await
}

/// What was in a cart moves to a new one, in this currency.
pub(crate) async fn moved(
    shop: &Shop,
    visit: &Visit,
    old: &Cart,
    currency: Currency,
) -> Result<Found, Trouble> {
    let tenant = visit.tenant_id();
    let key = shop.carts.create(tenant, currency).await?;
    for line in &old.lines {
        let added = shop
            .carts
            .add_line(tenant, &key, line.variant_id, line.quantity)
            .await;
        // Sold out, taken down, or without a price: the new cart goes without it.
        if let Err(CartError::Storage(error)) = added {
            return Err(error.into());
        }
    }
    let update = CartUpdate {
        email: old.email.clone(),
        shipping_address: old.shipping_address.clone(),
        ..CartUpdate::default()
    };
    let view = shop.carts.update(tenant, &key, update).await?;
    Ok(Found {
        key,
        view,
        renewed: true,
    })
}

pub(crate) fn units(cart: &Cart) -> u32 {
    cart.lines.iter().map(|line| line.quantity.get()).sum()
}

/// Sends the cookies that keep `cart` in the browser along.
pub(crate) fn keep(shop: &Shop, key: &CartKey, cart: &Cart, response: Response) -> Response {
    let cookies: [HeaderValue; 2] = [
        shop.cookies.set_cart(key),
        shop.cookies.set_count(units(cart)),
    ];
    with_cookies(response, cookies)
}

/// There is no cart: a cookie that says otherwise goes.
pub(crate) fn forget(shop: &Shop, visit: &Visit, response: Response) -> Response {
    if shop.cookies.has_cart(&visit.headers) {
        return with_cookies(response, shop.cookies.clear_cart());
    }
    response
}
