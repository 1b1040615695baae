//! From a cart to a paid order: one local transaction, then the payment, then one idempotent end.
//! Owns its journal and no other table; holds nothing that a kill could lose.

mod admission;
mod api;
mod finalize;
mod give_back;
mod infrastructure;
mod journal;
mod link;
mod news;
mod place;
mod purge;
mod settle;
mod status;
mod sweep;
mod told;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use stoa_bus::{Consumer, JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::cart::Carts;
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

use crate::admission::Admission;
use crate::give_back::GiveBack;
use crate::news::News;
use crate::purge::Purge;
use crate::settle::Settle;
use crate::sweep::{Stuck, Sweep};
use crate::told::Told;
use crate::watch::Watches;

pub use crate::api::{
    CART_INCOMPLETE, COUPON_REFUSED, GIFT_CARD_REFUSED, IN_LINE, NOT_FOR_SALE, ORDER_CANCELED,
    ORDER_NOT_PAYABLE, OUT_OF_STOCK, STATUS_LINK_INVALID, TOO_MANY_ATTEMPTS, TOTAL_CHANGED,
};
pub use crate::place::GIFT_CARD_PROVIDER;

pub const MIGRATIONS: Migrations = Migrations {
    module: "checkout",
    plane: Plane::Cell,
    steps: &[include_str!("../migrations/0001_journal.sql")],
};

/// How long an order may wait for its payment; its stock is held as long.
const PAYMENT_TIME_MAX: Duration = Duration::from_secs(15 * 60);
/// How long a declined order waits for another attempt.
const DECLINED_KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long an order without a cart waits for another attempt by its payment link.
const LINK_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often payment of one order may be begun.
const ATTEMPTS_PER_ORDER_MAX: u32 = 10;

/// Enough to fill a group commit, and few enough to be through within the time of a statement.
const PLACEMENTS_PER_ITEM_MAX: usize = 256;
const LINE_TIME_MAX: Duration = Duration::from_secs(2);

/// The modules a checkout works with.
#[derive(Clone)]
pub struct Peers {
    pub carts: Arc<dyn Carts>,
    pub catalog: Arc<dyn Catalog>,
    pub pricing: Arc<dyn Pricing>,
    pub inventory: Arc<dyn Inventory>,
    pub orders: Arc<dyn Orders>,
    pub payments: Arc<dyn Payments>,
    pub ledger: Arc<dyn Ledger>,
}

#[derive(Clone)]
pub struct Config {
    /// Signs status links: another secret closes those given out before.
    pub link_secret: [u8; 32],
    /// Placements of one variant that run at once; the others wait in line.
    pub placements_per_item_max: usize,
    /// How long a shopper waits in line before being told their place.
    pub line_time_max: Duration,
}

impl Config {
    pub const fn new(link_secret: [u8; 32]) -> Self {
        Self {
            link_secret,
            placements_per_item_max: PLACEMENTS_PER_ITEM_MAX,
            line_time_max: LINE_TIME_MAX,
        }
    }
}

pub struct Module {
    pub contract: Arc<dyn Checkout>,
    pub routes: Routes,
    pub consumers: Vec<Arc<dyn Consumer>>,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    pub recurring: Vec<Arc<dyn Recurring>>,
}

/// What every part of the workflow stands on.
struct Shared {
    deps: Deps,
    peers: Peers,
    links: link::StatusLinks,
    watches: Watches,
    admission: Arc<Admission>,
    told: Told,
}

pub fn start(deps: Deps, peers: Peers, config: Config, metrics: &Metrics) -> Module {
    let shared = Arc::new(Shared {
        watches: Watches::new(&deps.storage),
        links: link::StatusLinks::new(config.link_secret),
        admission: Admission::new(config.placements_per_item_max, config.line_time_max),
        told: Told::default(),
        deps,
        peers,
    });
    let contract: Arc<dyn Checkout> = Arc::new(place::CheckoutDesk(shared.clone()));
    Module {
        routes: api::routes(api::Api {
            streams: api::stream_places(),
            contract: contract.clone(),
            shared: shared.clone(),
        }),
        contract,
        consumers: vec![Arc::new(News(shared.clone()))],
        jobs: vec![
            Arc::new(Settle::new(shared.clone(), metrics)),
            Arc::new(GiveBack(shared.clone())),
        ],
        recurring: vec![
            Arc::new(Sweep::new(shared.clone(), Stuck::register(metrics))),
            Arc::new(Purge(shared)),
        ],
    }
}
