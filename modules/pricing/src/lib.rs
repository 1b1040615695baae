//! Prices, promotions, tax and shipping, and the one calculation that cart, checkout and order
//! share. Owns the prices that are charged; what lists show is the catalog's copy.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;

use moka::sync::Cache;
use stoa_bus::JobHandler;
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::pricing::Pricing;
use stoa_rest::Routes;
use stoa_storage::{Migrations, Plane};
use tokio::sync::OnceCell;

pub use api::{COUPON_CODE_TAKEN, CUSTOMER_GROUP_IN_USE, CUSTOMER_GROUP_TAKEN, PROMOTION_IN_USE};
use application::{AdjustmentJob, App, ListingJob, SHOPS_HELD_MAX};
use infrastructure::rate_source::HttpRates;

pub const MIGRATIONS: Migrations = Migrations {
    module: "pricing",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_prices_tax_and_shipping.sql"),
        include_str!("../migrations/0002_lists_promotions_and_places.sql"),
        include_str!("../migrations/0003_what_listings_show.sql"),
        include_str!("../migrations/0004_customer_groups.sql"),
        include_str!("../migrations/0005_currencies.sql"),
        include_str!("../migrations/0006_price_adjustments.sql"),
    ],
};

/// What operators decide.
#[derive(Debug, Clone, Copy, Default)]
pub struct Config {
    /// Whether tax providers may be asked over plain HTTP and at private addresses: for tests, and
    /// for who runs their provider beside the shop.
    pub tax_providers_inside: bool,
}

/// What the server composes of pricing.
pub struct Module {
    pub contract: Arc<dyn Pricing>,
    pub routes: Routes,
    /// Without them listings do not follow the schedules of price lists, and no price adjustment
    /// goes on.
    pub jobs: Vec<Arc<dyn JobHandler>>,
}

/// `catalog` shows what is set here, and says which variants and collections there are.
pub fn start(deps: Deps, catalog: Arc<dyn Catalog>) -> Module {
    start_with(deps, catalog, Config::default())
}

/// As [`start`], with what operators decide.
pub fn start_with(deps: Deps, catalog: Arc<dyn Catalog>, config: Config) -> Module {
    let inside = config.tax_providers_inside;
    let app = Arc::new(App {
        deps,
        catalog,
        cursors: OnceCell::new(),
        held_terms: Cache::new(SHOPS_HELD_MAX),
        held_currencies: Cache::new(SHOPS_HELD_MAX),
        rate_source: Arc::new(HttpRates::new(inside)),
        provider_rests: Cache::new(SHOPS_HELD_MAX),
        inside,
    });
    Module {
        contract: app.clone(),
        jobs: vec![
            Arc::new(ListingJob(Arc::clone(&app))),
            Arc::new(AdjustmentJob(Arc::clone(&app))),
        ],
        routes: api::routes(app),
    }
}
