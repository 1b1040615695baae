//! Carts: what a shopper means to buy, where it goes, and the token that opens it. Never reserves
//! stock and never takes money.

mod api;
mod application;
mod domain;
mod infrastructure;
mod token;

use std::sync::Arc;

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
    steps: &[include_str!("../migrations/0001_carts_and_lines.sql")],
};

/// What the server gets of this module.
pub struct Module {
    pub contract: Arc<dyn Carts>,
    pub routes: Routes,
}

/// `secret` signs the tokens of carts; another one closes every cart there is.
pub fn start(
    deps: Deps,
    catalog: Arc<dyn Catalog>,
    pricing: Arc<dyn Pricing>,
    inventory: Arc<dyn Inventory>,
    secret: [u8; 32],
) -> Module {
    let peers = application::Peers {
        catalog,
        pricing,
        inventory,
    };
    let carts = Arc::new(application::CartDesk::new(deps, peers, secret));
    Module {
        routes: api::routes(carts.clone()),
        contract: carts,
    }
}
