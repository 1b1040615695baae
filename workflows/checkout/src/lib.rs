//! From a cart to a paid order: one local transaction, then the payment, then one idempotent end.
//! Owns no table; holds nothing that a kill could lose.

mod api;
mod link;
mod place;
mod settle;
mod status;
mod sweep;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use stoa_bus::{JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::cart::Carts;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::checkout::Checkout;
use stoa_contracts::inventory::Inventory;
use stoa_contracts::orders::Orders;
use stoa_contracts::payments::Payments;
use stoa_contracts::pricing::Pricing;
use stoa_rest::Routes;
use stoa_telemetry::Metrics;

use crate::settle::{Settle, StockLost};
use crate::sweep::Sweep;
use crate::watch::Watches;

pub use crate::api::NOT_FOR_SALE;
pub use crate::api::{CART_INCOMPLETE, ORDER_CANCELED, OUT_OF_STOCK, STATUS_LINK_INVALID};

/// How long an order may wait for its payment; its stock is held as long.
const PAYMENT_TIME_MAX: Duration = Duration::from_secs(15 * 60);
/// How long a declined order waits for another attempt.
const DECLINED_KEPT: Duration = Duration::from_secs(24 * 3600);

/// The modules a checkout works with.
#[derive(Clone)]
pub struct Peers {
    pub carts: Arc<dyn Carts>,
    pub catalog: Arc<dyn Catalog>,
    pub pricing: Arc<dyn Pricing>,
    pub inventory: Arc<dyn Inventory>,
    pub orders: Arc<dyn Orders>,
    pub payments: Arc<dyn Payments>,
}

pub struct Module {
    pub contract: Arc<dyn Checkout>,
    pub routes: Routes,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    pub recurring: Vec<Arc<dyn Recurring>>,
}

/// What every part of the workflow stands on.
struct Shared {
    deps: Deps,
    peers: Peers,
    links: link::StatusLinks,
    watches: Watches,
}

/// `secret` signs status links: another secret closes those given out before.
pub fn start(deps: Deps, peers: Peers, secret: [u8; 32], metrics: &Metrics) -> Module {
    let watches = Watches::new(&deps.storage);
    let links = link::StatusLinks::new(secret);
    let shared = Arc::new(Shared {
        deps,
        peers,
        links,
        watches,
    });
    let contract: Arc<dyn Checkout> = Arc::new(place::CheckoutDesk(shared.clone()));
    Module {
        routes: api::routes(api::Api {
            streams: api::stream_places(),
            contract: contract.clone(),
            shared: shared.clone(),
        }),
        contract,
        jobs: vec![Arc::new(Settle::new(
            shared.clone(),
            StockLost::register(metrics),
        ))],
        recurring: vec![Arc::new(Sweep(shared))],
    }
}
