//! What a shopper says of a cart besides its lines: who buys, where it goes, how, and what for.

use stoa_contracts::Destination;
use stoa_contracts::cart::{CartError, CartUpdate, CartView};
use stoa_kernel::{CartId, TenantId};
use stoa_storage::Tx;

use super::{CartDesk, ChangeError, Seen, pricing};
use crate::domain::{self, Cart, Line, invalid};
use crate::infrastructure as store;

impl CartDesk {
    pub(crate) async fn change(
        &self,
        tenant: TenantId,
        id: CartId,
        update: CartUpdate,
        seen: Seen,
    ) -> Result<CartView, ChangeError> {
        let update = checked(update)?;
        if let Some(address) = &update.shipping_address {
            // A tax provider may have to be asked, which no transaction may wait for.
            let destination = Destination::from(address);
            self.peers.pricing.prepare_tax(tenant, &destination).await?;
        }
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let before = desk.opened(tx, id, &seen).await?;
            let mut cart = edited(before.clone(), &update);
            let priced = pricing::price(tx, &desk.peers, &cart).await?;
            // Kept when it is gone later, but never taken when it is not offered.
            if update.shipping_option_id.is_some() && priced.quote.shipping.is_none() {
                let reason = "this cart has no such option";
                return Err(invalid("shipping_option_id", reason).into());
            }
            if cart != before {
                desk.counted(&mut cart, now);
                store::update(tx, &cart).await?;
            }
            Ok(pricing::view(cart, priced, &desk.rules))
        })
        .await
    }

    /// Staff have seen to what found no room when carts were joined: it is told no more. Accepts
    /// nothing in the shopper's place.
    pub(crate) async fn dismiss(
        &self,
        tenant: TenantId,
        id: CartId,
        seen: Seen,
    ) -> Result<CartView, ChangeError> {
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let mut cart = desk.opened(tx, id, &seen).await?;
            let priced = pricing::price(tx, &desk.peers, &cart).await?;
            if !cart.left_out.is_empty() {
                cart.left_out.clear();
                desk.counted(&mut cart, now);
                store::update(tx, &cart).await?;
            }
            Ok(pricing::view(cart, priced, &desk.rules))
        })
        .await
    }

    /// The shopper has seen what is told of the cart: prices of now are accepted, what found no
    /// room is forgotten, and a delivery that is gone is not chosen any more. What stands in the
    /// way of buying goes on being told.
    pub(crate) async fn see(
        &self,
        tenant: TenantId,
        id: CartId,
        seen: Seen,
    ) -> Result<CartView, ChangeError> {
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let before = desk.opened(tx, id, &seen).await?;
            let mut cart = before.clone();
            let mut priced = pricing::price(tx, &desk.peers, &cart).await?;
            cart.left_out.clear();
            if priced.shipping_gone.take().is_some() {
                cart.shipping_option_id = None;
            }
            let mut accepted: Vec<Line> = Vec::new();
            for line in &mut cart.lines {
                if let Some(shown) = priced.shown_now(line).filter(|now| *now != line.shown) {
                    line.shown = shown;
                    accepted.push(line.clone());
                }
            }
            if cart != before {
                desk.counted(&mut cart, now);
                store::put_lines(tx, cart.id, &accepted).await?;
                store::update(tx, &cart).await?;
            }
            Ok(pricing::view(cart, priced, &desk.rules))
        })
        .await
    }
}

/// Fields that are left out stay as they are.
fn edited(cart: Cart, update: &CartUpdate) -> Cart {
    let update = update.clone();
    Cart {
        email: update.email.or(cart.email),
        shipping_address: update.shipping_address.or(cart.shipping_address),
        billing_address: update.billing_address.or(cart.billing_address),
        shipping_option_id: update.shipping_option_id.or(cart.shipping_option_id),
        coupons: update.coupons.unwrap_or(cart.coupons),
        note: match update.note {
            None => cart.note,
            Some(note) => Some(note).filter(|note| !note.is_empty()),
        },
        ..cart
    }
}

/// Every field as it may be stored, before any database is asked.
fn checked(update: CartUpdate) -> Result<CartUpdate, CartError> {
    let address = |field: &'static str| move |given| domain::checked_address(field, given);
    let note = update.note.as_deref().map(domain::checked_note);
    Ok(CartUpdate {
        email: update
            .email
            .as_deref()
            .map(domain::checked_email)
            .transpose()?,
        shipping_address: update
            .shipping_address
            .map(address("shipping_address"))
            .transpose()?,
        billing_address: update
            .billing_address
            .map(address("billing_address"))
            .transpose()?,
        shipping_option_id: update.shipping_option_id,
        coupons: update
            .coupons
            .as_deref()
            .map(domain::checked_coupons)
            .transpose()?,
        // Empty clears it.
        note: note.transpose()?.map(Option::unwrap_or_default),
    })
}
