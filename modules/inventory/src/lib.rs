//! Stock levels, holds for orders, and the movements that add up to them. Never asks who buys.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::inventory::Inventory;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::STOCK_BELOW_RESERVED;

pub const MIGRATIONS: Migrations = Migrations {
    module: "inventory",
    plane: Plane::Cell,
    steps: &[include_str!(
        "../migrations/0001_levels_holds_movements.sql"
    )],
};

/// What the server gets of this module.
pub struct Module {
    pub contract: Arc<dyn Inventory>,
    pub routes: Routes,
}

/// `cursors` signs the positions in this module's lists.
pub fn start(deps: Deps, cursors: CursorKey) -> Module {
    let stockroom = Arc::new(application::Stockroom::new(deps));
    Module {
        routes: api::routes(Arc::clone(&stockroom), cursors),
        contract: stockroom,
    }
}
