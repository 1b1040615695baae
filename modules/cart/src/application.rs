//! What a shopper does with a cart, and what checkout does with it. Holds no SQL and no HTTP.

mod contract;
mod pricing;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::cart::{CartError, CartKey, CartUpdate, CartView};
use stoa_contracts::catalog::Catalog;
use stoa_contracts::inventory::Inventory;
use stoa_contracts::pricing::{Pricing, QuoteError, QuoteLine, QuoteRequest, ShippingOption};
use stoa_kernel::{CartId, Currency, LineId, Quantity, TenantId, VariantId, kind};
use stoa_storage::Tx;

use crate::domain::{self, Cart, Line, Shown, invalid};
use crate::infrastructure as store;
use crate::token::TokenKey;

/// Whom a cart asks what it holds, costs and can have.
#[derive(Clone)]
pub(crate) struct Peers {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) pricing: Arc<dyn Pricing>,
    pub(crate) inventory: Arc<dyn Inventory>,
}

/// The carts of every tenant. Cheap to clone: transaction bodies own one.
#[derive(Clone)]
pub(crate) struct CartDesk {
    deps: Deps,
    peers: Peers,
    tokens: TokenKey,
}

impl CartDesk {
    pub(crate) fn new(deps: Deps, peers: Peers, secret: [u8; 32]) -> Self {
        Self {
            deps,
            peers,
            tokens: TokenKey::new(secret),
        }
    }

    /// The cart that `key` opens; a wrong token and no such cart look alike.
    fn admitted(&self, tenant: TenantId, key: &CartKey) -> Result<CartId, CartError> {
        match self.tokens.opens(tenant, key.id, &key.token) {
            true => Ok(key.id),
            false => Err(CartError::NotFound),
        }
    }

    async fn create_cart(
        &self,
        tenant: TenantId,
        currency: Currency,
    ) -> Result<CartKey, CartError> {
        let now = self.deps.now();
        let id = self.deps.ids.make::<kind::Cart>(now);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| store::insert(tx, id, currency, now).await)
            .await?;
        Ok(CartKey {
            id,
            token: self.tokens.token(tenant, id),
        })
    }

    async fn view_cart(&self, tenant: TenantId, id: CartId) -> Result<CartView, CartError> {
        let desk = self.clone();
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            let cart = store::read(tx, id).await?.ok_or(CartError::NotFound)?;
            pricing::view(tx, &desk.peers, cart).await
        })
        .await
    }

    async fn list_shipping_options(
        &self,
        tenant: TenantId,
        id: CartId,
    ) -> Result<Vec<ShippingOption>, CartError> {
        let desk = self.clone();
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            let cart = store::read(tx, id).await?.ok_or(CartError::NotFound)?;
            pricing::shipping_options(tx, &desk.peers, &cart).await
        })
        .await
    }

    async fn add(
        &self,
        tenant: TenantId,
        id: CartId,
        variant: VariantId,
        units: Quantity,
    ) -> Result<(), CartError> {
        let desk = self.clone();
        let now = self.deps.now();
        let line = self.deps.ids.make::<kind::Line>(now);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let cart = desk.open_cart(tx, id).await?;
            let (id, place, quantity) = cart.grown(variant, units, line)?;
            let shown = desk.for_sale(tx, cart.currency, variant, quantity).await?;
            let line = Line {
                id,
                variant,
                quantity,
                place,
                shown,
            };
            store::put_line(tx, cart.id, &line, now).await?;
            Ok(())
        })
        .await
    }

    async fn set_line(
        &self,
        tenant: TenantId,
        id: CartId,
        line: LineId,
        quantity: Quantity,
    ) -> Result<(), CartError> {
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let cart = desk.open_cart(tx, id).await?;
            let line = cart.line(line)?;
            if line.quantity == quantity {
                return Ok(());
            }
            let shown = desk
                .for_sale(tx, cart.currency, line.variant, quantity)
                .await?;
            let line = Line {
                quantity,
                shown,
                ..line.clone()
            };
            store::put_line(tx, cart.id, &line, now).await?;
            Ok(())
        })
        .await
    }

    async fn remove(&self, tenant: TenantId, id: CartId, line: LineId) -> Result<(), CartError> {
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let cart = desk.open_cart(tx, id).await?;
            let line = cart.line(line)?.id;
            store::delete_line(tx, cart.id, line, now).await?;
            Ok(())
        })
        .await
    }

    async fn change(
        &self,
        tenant: TenantId,
        id: CartId,
        update: CartUpdate,
    ) -> Result<(), CartError> {
        let update = checked(update)?;
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let mut cart = desk.open_cart(tx, id).await?;
            let before = cart.clone();
            let asked = update.clone();
            cart.email = asked.email.or(cart.email);
            cart.shipping_address = asked.shipping_address.or(cart.shipping_address);
            cart.billing_address = asked.billing_address.or(cart.billing_address);
            if let Some(option) = asked.shipping_option_id {
                if !desk.ships_by(tx, &cart, &option).await? {
                    return Err(invalid(
                        "shipping_option_id",
                        "this cart has no such option",
                    ));
                }
                cart.shipping_option_id = Some(option);
            } else if let Some(option) = cart.shipping_option_id.clone()
                && cart.shipping_address != before.shipping_address
                && !desk.ships_by(tx, &cart, &option).await?
            {
                // What was chosen does not go where the cart goes now.
                cart.shipping_option_id = None;
            }
            if cart != before {
                store::update(tx, &cart, now).await?;
            }
            Ok(())
        })
        .await
    }

    async fn ships_by(
        &self,
        tx: &mut Tx<'_>,
        cart: &Cart,
        option: &str,
    ) -> Result<bool, CartError> {
        let options = pricing::shipping_options(tx, &self.peers, cart).await?;
        Ok(options.iter().any(|known| known.id == option))
    }

    async fn open_cart(&self, tx: &mut Tx<'_>, id: CartId) -> Result<Cart, CartError> {
        let cart = store::lock(tx, id).await?.ok_or(CartError::NotFound)?;
        cart.require_open()?;
        Ok(cart)
    }

    /// What a line of `quantity` units shows; an error where they cannot be bought now.
    async fn for_sale(
        &self,
        tx: &mut Tx<'_>,
        currency: Currency,
        variant: VariantId,
        quantity: Quantity,
    ) -> Result<Shown, CartError> {
        let found = self.peers.catalog.variants(tx, &[variant]).await?;
        let snapshot = found.first().filter(|found| found.active);
        let snapshot = snapshot.ok_or(CartError::NotForSale { variant })?;
        let request = QuoteRequest {
            currency,
            lines: vec![QuoteLine {
                variant,
                quantity,
                requires_shipping: snapshot.requires_shipping,
                taxable: snapshot.taxable,
            }],
            country: None,
            shipping_option: None,
        };
        let quote = match self.peers.pricing.quote(tx, &request).await {
            Ok(quote) => quote,
            Err(QuoteError::Storage(error)) => return Err(error.into()),
            Err(QuoteError::Overflow) => return Err(pricing::too_large()),
            Err(QuoteError::NoPrice { .. } | QuoteError::UnknownShippingOption { .. }) => {
                return Err(CartError::NotForSale { variant });
            }
        };
        let priced = quote
            .lines
            .first()
            .ok_or(CartError::NotForSale { variant })?;
        let stock = self.peers.inventory.availability(tx, &[variant]).await?;
        let units = stock.first().map_or(Some(0), |stock| stock.units);
        if let Some(available) = units.filter(|units| *units < quantity.as_i64()) {
            return Err(CartError::Short {
                variant,
                asked: quantity.as_i64(),
                available,
            });
        }
        Ok(Shown::of(snapshot, priced.unit_price.amount))
    }
}

/// Every field as it may be stored, before any database is asked.
fn checked(update: CartUpdate) -> Result<CartUpdate, CartError> {
    let CartUpdate {
        email,
        shipping_address,
        billing_address,
        shipping_option_id,
        coupons,
    } = update;
    if coupons.is_some_and(|codes| !codes.is_empty()) {
        return Err(invalid("coupons[0]", "this shop has no such code"));
    }
    Ok(CartUpdate {
        email: email.as_deref().map(domain::checked_email).transpose()?,
        shipping_address: shipping_address
            .map(|address| domain::checked_address("shipping_address", address))
            .transpose()?,
        billing_address: billing_address
            .map(|address| domain::checked_address("billing_address", address))
            .transpose()?,
        shipping_option_id,
        coupons: None,
    })
}
