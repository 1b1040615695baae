//! Tenants and API keys: who a request is for, and who is asking. Knows no product and no order.

mod api;
mod application;
mod domain;
mod gate;
mod hosts;
mod infrastructure;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::pricing::Pricing;
use stoa_rest::{Gate, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::{KEY_NOT_FOUND, SLUG_TAKEN, TENANT_NOT_FOUND};
pub use application::{NewKey, Tenancy, TenancyError};
pub use domain::{KeyKind, Slug};

pub const MIGRATIONS: Migrations = Migrations {
    module: "tenancy",
    plane: Plane::Control,
    steps: &[include_str!("../migrations/0001_key.sql")],
};

pub struct Module {
    pub tenancy: Tenancy,
    pub gate: Arc<dyn Gate>,
    pub routes: Routes,
}

/// `base_domain` is the domain under which each tenant's slug is a host, besides `localhost`.
pub fn start(deps: Deps, pricing: Arc<dyn Pricing>, base_domain: Option<String>) -> Module {
    let tenancy = Tenancy::new(deps.clone(), pricing);
    let gate = Arc::new(gate::TenancyGate::new(
        deps.storage,
        tenancy.clone(),
        base_domain,
    ));
    Module {
        routes: api::routes(tenancy.clone()),
        tenancy,
        gate,
    }
}
