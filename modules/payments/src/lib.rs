//! Payment attempts: what was asked of a provider, and what became of it. Never sees a card
//! number, never decides what an order is worth, and never calls a provider inside a transaction.

mod api;
mod application;
mod domain;
mod infrastructure;
mod provider;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::payments::Payments;
use stoa_rest::{CursorKey, ErrorCode, Routes};
use stoa_storage::{Migrations, Plane};

pub use crate::provider::TestProviderConfig;

pub const MIGRATIONS: Migrations = Migrations {
    module: "payments",
    plane: Plane::Cell,
    steps: &[include_str!("../migrations/0001_attempts.sql")],
};

/// The payment provider gave no usable answer.
pub const PROVIDER_UNREACHABLE: ErrorCode = ErrorCode::new(
    "provider_unreachable",
    502,
    "The payment provider did not answer",
);

/// Which providers there are, and what the routes need.
pub struct PaymentsConfig {
    /// Signs the cursors of the list of payments.
    pub cursors: CursorKey,
    /// `None` where no shop of this installation may use the test provider.
    pub test_provider: Option<TestProviderConfig>,
}

pub struct Module {
    pub contract: Arc<dyn Payments>,
    pub routes: Routes,
}

pub fn start(deps: Deps, config: PaymentsConfig) -> Module {
    let test = config
        .test_provider
        .map(provider::TestProviderClient::new)
        .map(Arc::new);
    let contract = Arc::new(application::Attempts::new(deps.clone(), test.clone()));
    let state = api::Api {
        deps,
        cursors: config.cursors,
        test,
    };
    Module {
        contract,
        routes: api::routes(state),
    }
}
