//! Carts: what a shopper means to buy, where it goes, and the token that opens it. Never reserves
//! stock and never takes money.

mod api;
mod application;
mod domain;
mod infrastructure;
mod token;

use std::sync::Arc;
use std::time::Duration;

use stoa_bus::Recurring;
use stoa_contracts::Deps;
use stoa_contracts::cart::Carts;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::inventory::Inventory;
use stoa_contracts::pricing::Pricing;
use stoa_rest::Routes;
use stoa_storage::{Migrations, Plane};

pub use api::{
    CART_FULL, CART_LINE_NOT_FOUND, CART_NOT_FOUND, CART_NOT_OPEN, INSUFFICIENT_STOCK,
    VARIANT_NOT_FOR_SALE,
};

pub const MIGRATIONS: Migrations = Migrations {
    module: "cart",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_carts_and_lines.sql"),
        include_str!("../migrations/0002_coupons_customers_and_idle_carts.sql"),
    ],
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// An open cart that nobody touches for so long is removed.
pub const EXPIRES_AFTER: Duration = DAY.saturating_mul(30);
/// A completed cart is kept for so long: its order has everything by then.
pub const COMPLETED_KEPT: Duration = DAY.saturating_mul(90);
/// A cart with an e-mail address counts as left behind when untouched for so long.
pub const ABANDONED_AFTER: Duration = Duration::from_secs(60 * 60);
/// After so long nobody is reminded any more, as after an outage of the sweep.
pub const ABANDONED_WITHIN: Duration = DAY.saturating_mul(3);
pub const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The secret of the tokens, and how long carts are kept.
#[derive(Clone)]
pub struct CartConfig {
    /// Signs the tokens of carts and the cursors of lists; another one closes every cart there is.
    pub secret: [u8; 32],
    pub expires_after: Duration,
    pub completed_kept: Duration,
    pub abandoned_after: Duration,
    pub abandoned_within: Duration,
    pub sweep_every: Duration,
}

impl CartConfig {
    pub const fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            expires_after: EXPIRES_AFTER,
            completed_kept: COMPLETED_KEPT,
            abandoned_after: ABANDONED_AFTER,
            abandoned_within: ABANDONED_WITHIN,
            sweep_every: SWEEP_EVERY,
        }
    }
}

impl From<[u8; 32]> for CartConfig {
    fn from(secret: [u8; 32]) -> Self {
        Self::new(secret)
    }
}

/// What the server gets of this module.
pub struct Module {
    pub contract: Arc<dyn Carts>,
    pub routes: Routes,
    /// Removes carts that nobody needs and tells of those left behind.
    pub recurring: Vec<Arc<dyn Recurring>>,
}

/// A bare secret as `config` takes everything else as it is named here.
pub fn start(
    deps: Deps,
    catalog: Arc<dyn Catalog>,
    pricing: Arc<dyn Pricing>,
    inventory: Arc<dyn Inventory>,
    config: impl Into<CartConfig>,
) -> Module {
    let config = config.into();
    let peers = application::Peers {
        catalog,
        pricing,
        inventory,
    };
    let sweep = application::Sweep::new(deps.clone(), &config);
    let desk = Arc::new(application::CartDesk::new(deps, peers, &config));
    Module {
        routes: api::routes(desk.clone()),
        contract: desk,
        recurring: vec![Arc::new(sweep)],
    }
}
