//! What a shopper does with a cart. Holds no SQL and no HTTP.

mod contract;
mod editing;
mod finding;
mod merge;
mod pricing;
mod sweep;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::cart::{CartError, CartKey, CartView};
use stoa_contracts::catalog::Catalog;
use stoa_contracts::inventory::Inventory;
use stoa_contracts::pricing::{Pricing, ShippingOption};
use stoa_kernel::{CartId, Currency, LineId, Quantity, TenantId, Timestamp, VariantId, kind};
use stoa_rest::CursorKey;
use stoa_storage::{Error, Tx};

use crate::CartConfig;
use crate::domain::{Cart, IdleRules};
use crate::infrastructure as store;
use crate::token::TokenKey;

pub(crate) use sweep::Sweep;

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
    rules: IdleRules,
}

/// Which versions of a cart a change is meant for; any, where its author did not say.
#[derive(Clone, Default)]
pub(crate) struct Seen(Option<Arc<dyn Fn(i64) -> bool + Send + Sync>>);

impl Seen {
    pub(crate) fn only(is_seen: impl Fn(i64) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_seen)))
    }

    fn check(&self, version: i64) -> Result<(), ChangeError> {
        match &self.0 {
            Some(is_seen) if !is_seen(version) => Err(ChangeError::Stale { version }),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// Whoever asks for the change saw another version.
    #[error("the cart is at version {version} now")]
    Stale { version: i64 },
    #[error(transparent)]
    Refused(#[from] CartError),
}

impl From<Error> for ChangeError {
    fn from(error: Error) -> Self {
        Self::Refused(CartError::Storage(error))
    }
}

impl CartDesk {
    pub(crate) fn new(deps: Deps, peers: Peers, config: &CartConfig) -> Self {
        Self {
            deps,
            peers,
            tokens: TokenKey::new(config.secret),
            rules: IdleRules::of(config),
        }
    }

    pub(crate) fn cursors(&self) -> CursorKey {
        self.tokens.cursors()
    }

    pub(crate) fn key(&self, tenant: TenantId, id: CartId) -> CartKey {
        CartKey {
            id,
            token: self.tokens.token(tenant, id),
        }
    }

    /// The cart that `key` opens; a wrong token and no such cart look alike.
    pub(crate) fn admitted(&self, tenant: TenantId, key: &CartKey) -> Result<CartId, CartError> {
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
        let look_at = now.plus(self.rules.expires_after);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| store::insert(tx, id, currency, look_at, now).await)
            .await?;
        Ok(self.key(tenant, id))
    }

    /// A new cart and what it shows.
    pub(crate) async fn begin(
        &self,
        tenant: TenantId,
        currency: Currency,
    ) -> Result<(CartKey, CartView), CartError> {
        let key = self.create_cart(tenant, currency).await?;
        let view = self.view_cart(tenant, key.id).await?;
        Ok((key, view))
    }

    pub(crate) async fn view_cart(
        &self,
        tenant: TenantId,
        id: CartId,
    ) -> Result<CartView, CartError> {
        let desk = self.clone();
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            let cart = store::read(tx, id).await?.ok_or(CartError::NotFound)?;
            desk.shown(tx, cart).await
        })
        .await
    }

    pub(crate) async fn list_shipping_options(
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

    /// Adds units to the variant's line. One transaction, which shows the cart as well: nothing
    /// is read twice, and the cart's row is locked, read and counted up by one statement.
    pub(crate) async fn add(
        &self,
        tenant: TenantId,
        id: CartId,
        variant: VariantId,
        units: Quantity,
        seen: Seen,
    ) -> Result<CartView, ChangeError> {
        let desk = self.clone();
        let now = self.deps.now();
        let line = self.deps.ids.make::<kind::Line>(now);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let mut cart = desk.touched(tx, id, &seen, now).await?;
            let at = cart.grow(variant, units, line)?;
            let priced = pricing::price(tx, &desk.peers, &cart).await?;
            cart.lines[at].shown = priced.buyable(&cart.lines[at])?;
            let sooner = desk.rules.sooner(&cart, now);
            store::put_line(tx, cart.id, &cart.lines[at], sooner).await?;
            Ok(pricing::view(cart, priced, &desk.rules))
        })
        .await
    }

    /// Sets how many units a line holds, and accepts its price of now.
    pub(crate) async fn set_line(
        &self,
        tenant: TenantId,
        id: CartId,
        line: LineId,
        quantity: Quantity,
        seen: Seen,
    ) -> Result<CartView, ChangeError> {
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let mut cart = desk.opened(tx, id, &seen).await?;
            let at = cart.position(line)?;
            let before = cart.lines[at].clone();
            cart.lines[at].quantity = quantity;
            let priced = pricing::price(tx, &desk.peers, &cart).await?;
            // The same again is no change, and needs no stock.
            if quantity != before.quantity || priced.shown_now(&before).is_none() {
                cart.lines[at].shown = priced.buyable(&cart.lines[at])?;
            } else if let Some(shown) = priced.shown_now(&before) {
                cart.lines[at].shown = shown;
            }
            if cart.lines[at] != before {
                let lines = std::slice::from_ref(&cart.lines[at]);
                store::put_lines(tx, cart.id, lines).await?;
                desk.count_up(tx, &mut cart, now).await?;
            }
            Ok(pricing::view(cart, priced, &desk.rules))
        })
        .await
    }

    pub(crate) async fn remove(
        &self,
        tenant: TenantId,
        id: CartId,
        line: LineId,
        seen: Seen,
    ) -> Result<CartView, ChangeError> {
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let mut cart = desk.opened(tx, id, &seen).await?;
            let at = cart.position(line)?;
            let removed = cart.lines.remove(at);
            store::delete_line(tx, cart.id, removed.id).await?;
            desk.count_up(tx, &mut cart, now).await?;
            Ok(desk.shown(tx, cart).await?)
        })
        .await
    }

    async fn shown(&self, tx: &mut Tx<'_>, cart: Cart) -> Result<CartView, CartError> {
        let priced = pricing::price(tx, &self.peers, &cart).await?;
        Ok(pricing::view(cart, priced, &self.rules))
    }

    /// The open cart, locked.
    async fn opened(&self, tx: &mut Tx<'_>, id: CartId, seen: &Seen) -> Result<Cart, ChangeError> {
        let cart = store::lock(tx, id).await?.ok_or(CartError::NotFound)?;
        seen.check(cart.version)?;
        cart.require_open()?;
        Ok(cart)
    }

    /// The open cart, locked, at its next version. The one before is what its author saw.
    async fn touched(
        &self,
        tx: &mut Tx<'_>,
        id: CartId,
        seen: &Seen,
        now: Timestamp,
    ) -> Result<Cart, ChangeError> {
        match store::touch_open(tx, id, now).await? {
            Some(cart) => {
                seen.check(cart.version - 1)?;
                Ok(cart)
            }
            // Nothing was changed: this tells why.
            None => match self.opened(tx, id, seen).await {
                Ok(_) => Err(CartError::NotOpen.into()),
                Err(error) => Err(error),
            },
        }
    }

    /// Gives the cart, whose row is locked, its next version.
    async fn count_up(
        &self,
        tx: &mut Tx<'_>,
        cart: &mut Cart,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.counted(cart, now);
        store::touch(tx, cart).await
    }

    /// What every change does to the cart besides.
    fn counted(&self, cart: &mut Cart, now: Timestamp) {
        cart.look_at = self.rules.sooner(cart, now).or(cart.look_at);
        cart.version += 1;
        cart.updated_at = now;
    }
}
