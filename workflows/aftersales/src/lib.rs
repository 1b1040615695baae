//! What happens to an order after it was placed: goods leave and come back, money goes back, lines
//! change. Joins modules in one local transaction each; providers are asked by jobs alone.

mod answers;
mod api;
mod cancel;
mod desk;
mod domain;
mod drafts;
mod edits;
mod errors;
mod fulfil;
mod infrastructure;
mod news;
mod quotes;
mod refund;
mod returned;
mod returns;
mod reversed;
mod sweep;
mod unshipped;
mod wish;
mod withdraw;

use std::sync::Arc;

use stoa_bus::{Consumer, JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::checkout::Checkout;
use stoa_contracts::inventory::Inventory;
use stoa_contracts::ledger::Ledger;
use stoa_contracts::orders::Orders;
use stoa_contracts::payments::Payments;
use stoa_contracts::pricing::Pricing;
use stoa_rest::Routes;
use stoa_storage::{Migrations, Plane};
use stoa_telemetry::Metrics;

pub use crate::api::{
    FULFILMENT_NOT_FOUND, GOODS_NOT_HELD, PAYMENT_UNDER_WAY, REFUND_TOO_MUCH, RETURN_NOT_FOUND,
};

pub const MIGRATIONS: Migrations = Migrations {
    module: "aftersales",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_aftersales.sql"),
        include_str!("../migrations/0002_reversed.sql"),
    ],
};

/// The modules an order is cared for with. Checkout places the drafts that staff complete.
#[derive(Clone)]
pub struct Peers {
    pub catalog: Arc<dyn Catalog>,
    pub pricing: Arc<dyn Pricing>,
    pub inventory: Arc<dyn Inventory>,
    pub orders: Arc<dyn Orders>,
    pub payments: Arc<dyn Payments>,
    pub ledger: Arc<dyn Ledger>,
    pub checkout: Arc<dyn Checkout>,
}

pub struct Module {
    pub routes: Routes,
    pub consumers: Vec<Arc<dyn Consumer>>,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    pub recurring: Vec<Arc<dyn Recurring>>,
}

/// What every part of the workflow stands on.
struct Shared {
    deps: Deps,
    peers: Peers,
}

pub fn start(deps: Deps, peers: Peers, metrics: &Metrics) -> Module {
    let shared = Arc::new(Shared { deps, peers });
    Module {
        routes: api::routes(shared.clone()),
        consumers: vec![
            Arc::new(news::News(shared.clone())),
            Arc::new(reversed::Reversals(shared.clone())),
            Arc::new(unshipped::Unshipped(shared.clone())),
        ],
        jobs: vec![
            Arc::new(returned::DriveRefund(shared.clone())),
            Arc::new(withdraw::DriveCancel(shared.clone())),
        ],
        recurring: vec![Arc::new(sweep::Sweep::new(shared, metrics))],
    }
}
