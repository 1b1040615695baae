//! Mail to shoppers and staff: what is said, to whom, once. Never puts an address or a name into an
//! event, a job or a log.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;

use stoa_bus::{Consumer, JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::cart::Carts;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::notify::Mailbox;
use stoa_contracts::orders::Orders;
use stoa_contracts::payments::Payments;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::{MAIL_NOT_FOUND, TEMPLATE_NOT_FOUND, TEMPLATE_REFUSED};
pub use infrastructure::{Smtp, SmtpError};

pub const MIGRATIONS: Migrations = Migrations {
    module: "notify",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_mailbox.sql"),
        include_str!("../migrations/0002_messages.sql"),
    ],
};

/// Whom mail asks for what it says.
pub struct Peers {
    pub orders: Arc<dyn Orders>,
    /// Without them nobody is reminded of a cart.
    pub carts: Option<Arc<dyn Carts>>,
    /// Without them a confirmation holds no payment instructions.
    pub payments: Option<Arc<dyn Payments>>,
    /// Without it a variant that runs low is called by its id.
    pub catalog: Option<Arc<dyn Catalog>>,
}

impl From<Arc<dyn Orders>> for Peers {
    fn from(orders: Arc<dyn Orders>) -> Self {
        Self {
            orders,
            carts: None,
            payments: None,
            catalog: None,
        }
    }
}

pub struct Config {
    pub cursors: CursorKey,
    /// Where mail goes out; without it, it stays in the local mailbox.
    pub smtp: Option<Smtp>,
    /// Where shoppers reach a shop that named no URL of its own, with `{slug}` for the shop's slug:
    /// `https://{slug}.shops.example`. Without it links are paths.
    pub shop_url: Option<String>,
}

impl From<CursorKey> for Config {
    fn from(cursors: CursorKey) -> Self {
        Self {
            cursors,
            smtp: None,
            shop_url: None,
        }
    }
}

pub struct Module {
    pub contract: Arc<dyn Mailbox>,
    pub routes: Routes,
    pub consumers: Vec<Arc<dyn Consumer>>,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    pub recurring: Vec<Arc<dyn Recurring>>,
}

pub fn start(deps: Deps, peers: impl Into<Peers>, config: impl Into<Config>) -> Module {
    let config = config.into();
    let cursors = config.cursors.clone();
    let shared = Arc::new(application::Shared::new(deps, peers.into(), config));
    let mailbox = Arc::new(application::LocalMailbox::new(shared.clone()));
    let desk = application::Desk::new(shared.clone());
    Module {
        routes: api::routes(desk, mailbox.clone(), cursors),
        contract: mailbox,
        consumers: vec![Arc::new(application::Listener::new(shared.clone()))],
        jobs: vec![Arc::new(application::MailSender::new(shared.clone()))],
        recurring: vec![Arc::new(application::Retention::new(shared))],
    }
}
