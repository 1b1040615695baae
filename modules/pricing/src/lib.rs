//! Prices, flat tax and flat shipping, and the one calculation that cart, checkout and order
//! share. Owns the prices that are charged; what lists show is the catalog's copy.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::pricing::Pricing;
use stoa_rest::Routes;
use stoa_storage::{Migrations, Plane};

use tokio::sync::OnceCell;

use application::App;

pub const MIGRATIONS: Migrations = Migrations {
    module: "pricing",
    plane: Plane::Cell,
    steps: &[include_str!(
        "../migrations/0001_prices_tax_and_shipping.sql"
    )],
};

/// What the server composes of pricing.
pub struct Module {
    pub contract: Arc<dyn Pricing>,
    pub routes: Routes,
}

/// `catalog` shows what is set here, and says which variants there are.
pub fn start(deps: Deps, catalog: Arc<dyn Catalog>) -> Module {
    let app = Arc::new(App {
        deps,
        catalog,
        cursors: OnceCell::new(),
    });
    Module {
        contract: app.clone(),
        routes: api::routes(app),
    }
}
