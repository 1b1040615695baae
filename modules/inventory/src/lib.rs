//! Stock levels, holds for orders, and the movements that add up to them. Never asks who buys.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;

use stoa_bus::{JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::inventory::Inventory;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};
use stoa_telemetry::Metrics;

pub use api::{
    LOCATION_IN_USE, LOCATION_NOT_FOUND, STOCK_BELOW_RESERVED, STOCK_NOT_ON_SHELF,
    TRANSFER_NOT_FOUND, TRANSFER_NOT_OPEN,
};

pub const MIGRATIONS: Migrations = Migrations {
    module: "inventory",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_levels_holds_movements.sql"),
        include_str!("../migrations/0002_places_transfers_policy.sql"),
    ],
};

/// What the server gets of this module.
pub struct Module {
    pub contract: Arc<dyn Inventory>,
    pub routes: Routes,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    pub recurring: Vec<Arc<dyn Recurring>>,
    expired: Arc<application::ExpiredHolds>,
}

impl Module {
    /// Shows this module's figures among the process's metrics.
    pub fn show(&self, metrics: &Metrics) {
        let gauge = Box::new(self.expired.gauge());
        if let Err(error) = metrics.registry().register(gauge) {
            tracing::warn!(%error, "expired holds are counted, but not shown");
        }
    }
}

/// `cursors` signs the positions in this module's lists.
pub fn start(deps: Deps, cursors: CursorKey) -> Module {
    let stockroom = Arc::new(application::Stockroom::new(deps));
    let expired = Arc::new(application::ExpiredHolds::new(Arc::clone(&stockroom)));
    Module {
        routes: api::routes(Arc::clone(&stockroom), cursors),
        jobs: vec![Arc::new(application::PlaceChanged(Arc::clone(&stockroom)))],
        recurring: vec![expired.clone()],
        expired,
        contract: stockroom,
    }
}
