//! Webhooks out: tells a shop's own servers what happened, by Standard Webhooks, in order and at
//! least once. Never sends to an address that is not public, and never shows a secret twice.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use stoa_bus::{Consumer, JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::{WEBHOOK_DELIVERY_NOT_FOUND, WEBHOOK_INACTIVE, WEBHOOK_LIMIT, WEBHOOK_NOT_FOUND};
pub use stoa_egress::{ResolveError, Resolver, SystemResolver};

pub const MIGRATIONS: Migrations = Migrations {
    module: "webhooks",
    plane: Plane::Cell,
    steps: &[include_str!("../migrations/0001_webhooks.sql")],
};

pub struct Config {
    /// Seals the signing secrets where they are stored.
    pub seal_key: [u8; 32],
    pub cursors: CursorKey,
    /// Permits receivers on this machine's own loopback addresses, without TLS too: for development
    /// and tests. Never for an installation that serves merchants who do not run it.
    pub allow_loopback: bool,
    /// Until connected and, with TLS, trusted.
    pub connect_time_max: Duration,
    /// From the look-up of the name to the head of the answer.
    pub answer_time_max: Duration,
    pub resolver: Arc<dyn Resolver>,
    /// Authorities trusted besides Mozilla's.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Config {
    pub fn new(seal_key: [u8; 32], cursors: CursorKey) -> Self {
        Self {
            seal_key,
            cursors,
            allow_loopback: false,
            connect_time_max: Duration::from_secs(5),
            answer_time_max: Duration::from_secs(15),
            resolver: Arc::new(SystemResolver),
            extra_roots: Vec::new(),
        }
    }
}

pub struct Module {
    pub routes: Routes,
    pub consumers: Vec<Arc<dyn Consumer>>,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    pub recurring: Vec<Arc<dyn Recurring>>,
}

pub fn start(deps: Deps, config: Config) -> Module {
    let cursors = config.cursors.clone();
    let shared = Arc::new(application::Shared::new(deps, config));
    Module {
        routes: api::routes(application::Desk::new(shared.clone()), cursors),
        consumers: vec![Arc::new(application::Listener::new(shared.clone()))],
        jobs: vec![Arc::new(application::Courier::new(shared.clone()))],
        recurring: vec![
            Arc::new(application::Sweep::new(shared.clone())),
            Arc::new(application::Retention::new(shared)),
        ],
    }
}
