//! Orders: what was bought, at which prices, and where payment and fulfilment stand. Never talks
//! to a payment provider and never touches stock.

mod api;
mod application;
mod domain;
mod export;
mod infrastructure;
mod numbers;
mod printing;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::orders::Orders;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::{ORDER_NOT_FOUND, ORDER_STATE_CONFLICT};

pub const MIGRATIONS: Migrations = Migrations {
    module: "orders",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_orders.sql"),
        include_str!("../migrations/0002_care.sql"),
        include_str!("../migrations/0003_promised.sql"),
        include_str!("../migrations/0004_components.sql"),
        include_str!("../migrations/0005_reversed.sql"),
    ],
};

pub struct Module {
    pub contract: Arc<dyn Orders>,
    pub routes: Routes,
}

/// `secret` makes the tokens that open orders: another secret closes every order placed before.
pub fn start(deps: Deps, secret: [u8; 32], cursors: CursorKey) -> Module {
    let book = Arc::new(application::OrderBook::new(deps, secret));
    Module {
        routes: api::routes(book.clone(), cursors),
        contract: book,
    }
}
