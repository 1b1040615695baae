//! Mail to shoppers: what is said, to whom, exactly once. Keeps it in a local mailbox; never puts
//! an address or a name into an event, a job or a log.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;

use stoa_bus::{Consumer, JobHandler};
use stoa_contracts::Deps;
use stoa_contracts::notify::Mailbox;
use stoa_contracts::orders::Orders;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::MAIL_NOT_FOUND;

pub const MIGRATIONS: Migrations = Migrations {
    module: "notify",
    plane: Plane::Cell,
    steps: &[include_str!("../migrations/0001_mailbox.sql")],
};

pub struct Module {
    pub contract: Arc<dyn Mailbox>,
    pub routes: Routes,
    pub consumers: Vec<Arc<dyn Consumer>>,
    pub jobs: Vec<Arc<dyn JobHandler>>,
}

pub fn start(deps: Deps, orders: Arc<dyn Orders>, cursors: CursorKey) -> Module {
    let mailbox = Arc::new(application::LocalMailbox::new(deps.clone()));
    let confirmation = Arc::new(application::OrderConfirmation::new(deps.clone()));
    let sender = Arc::new(application::MailSender::new(deps, orders));
    Module {
        routes: api::routes(mailbox.clone(), cursors),
        contract: mailbox,
        consumers: vec![confirmation],
        jobs: vec![sender],
    }
}
