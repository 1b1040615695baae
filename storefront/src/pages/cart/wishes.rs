//! What a shopper says of a cart besides its lines: codes, a note, that new prices are fine.

use axum::response::Response;
use serde::Deserialize;
use stoa_contracts::cart::{CartError, CartKey, CartNotice, CartUpdate};

use super::{BEING_PAID, Said, done, refused_cart};
use crate::answer::{Trouble, see_other};
use crate::pages::basket::{self, Found};
use crate::pages::coupons;
use crate::shop::Shop;
use crate::visit::Visit;
use crate::words::tell;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CouponForm {
    pub(super) coupon: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NoteForm {
    pub(super) note: String,
}

async fn open(shop: &Shop, visit: &Visit) -> Result<Option<Found>, Trouble> {
    visit.own_form()?;
    basket::find_unpaid(shop, visit).await
}

pub(super) async fn tried(
    shop: &Shop,
    visit: &Visit,
    form: &CouponForm,
) -> Result<Response, Trouble> {
    let Some(found) = open(shop, visit).await? else {
        return Ok(see_other("/cart"));
    };
    let Found { key, view, .. } = found;
    let tried = coupons::add(shop, visit, &key, view, &form.coupon).await?;
    let Some(error) = tried.error else {
        return done(shop, visit, &key, &tried.cart, "/cart");
    };
    let said = Said {
        coupon: Some((form.coupon.trim().to_owned(), error)),
        ..Said::default()
    };
    refused_cart(shop, visit, said).await
}

pub(super) async fn forgotten(
    shop: &Shop,
    visit: &Visit,
    form: &CouponForm,
) -> Result<Response, Trouble> {
    let Some(found) = open(shop, visit).await? else {
        return Ok(see_other("/cart"));
    };
    let cart = coupons::remove(shop, visit, &found.key, found.view, &form.coupon).await?;
    done(shop, visit, &found.key, &cart, "/cart")
}

pub(super) async fn noted(
    shop: &Shop,
    visit: &Visit,
    form: &NoteForm,
) -> Result<Response, Trouble> {
    let Some(found) = open(shop, visit).await? else {
        return Ok(see_other("/cart"));
    };
    // Browsers send line ends as two characters.
    let note = form.note.replace("\r\n", "\n");
    let update = CartUpdate {
        note: Some(note),
        ..CartUpdate::default()
    };
    let saved = shop
        .carts
        .update(visit.tenant_id(), &found.key, update)
        .await;
    let error = match saved {
        Ok(cart) => return done(shop, visit, &found.key, &cart, "/cart?noted=1"),
        Err(CartError::NotOpen) => BEING_PAID.to_owned(),
        Err(CartError::Invalid { reason, .. }) => tell("This {reason}.", &[("reason", &reason)]),
        Err(error) => return Err(error.into()),
    };
    let said = Said {
        note: Some((form.note.clone(), error)),
        ..Said::default()
    };
    refused_cart(shop, visit, said).await
}

/// Setting a line to the quantity it has takes its price of now.
pub(super) async fn accepted(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let Some(found) = open(shop, visit).await? else {
        return Ok(see_other("/cart"));
    };
    let Found { key, mut view, .. } = found;
    for notice in view.notices.clone() {
        if let CartNotice::PriceChanged { line_id, .. } = notice {
            view = taken(shop, visit, &key, line_id).await?.unwrap_or(view);
        }
    }
    done(shop, visit, &key, &view, "/cart")
}

async fn taken(
    shop: &Shop,
    visit: &Visit,
    key: &CartKey,
    line: stoa_kernel::LineId,
) -> Result<Option<stoa_contracts::cart::CartView>, Trouble> {
    let cart = shop.carts.view(visit.tenant_id(), key).await?;
    let Some(quantity) = cart.lines.iter().find(|one| one.id == line) else {
        return Ok(None);
    };
    let set = shop
        .carts
        .set_quantity(visit.tenant_id(), key, line, quantity.quantity)
        .await;
    match set {
        Ok(view) => Ok(Some(view)),
        Err(CartError::Storage(error)) => Err(error.into()),
        // Short or gone: its line says so.
        Err(_) => Ok(None),
    }
}
