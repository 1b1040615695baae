//! Payment attempts: what was asked of a provider, and what became of it. Never sees a card
//! number, never decides what an order is worth, and never calls a provider inside a transaction.

mod api;
mod application;
mod domain;
mod infrastructure;
mod provider;

use std::sync::Arc;

use stoa_bus::Recurring;
use stoa_contracts::Deps;
use stoa_contracts::ledger::Ledger;
use stoa_contracts::payments::Payments;
use stoa_rest::{CursorKey, ErrorCode, Routes};
use stoa_storage::{Migrations, Plane};
use stoa_telemetry::Metrics;

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
    /// What secrets of the shops' providers are sealed with.
    pub seal: SealKeys,
    /// Whether a shop's provider may listen on this very machine, and without TLS: for tests.
    pub allow_loopback: bool,
}

/// Everybody may seal a secret; only who holds the private key may open it.
#[derive(Clone)]
pub struct SealKeys {
    public: [u8; 32],
    private: Option<[u8; 32]>,
}

pub struct Module {
    pub contract: Arc<dyn Payments>,
    pub routes: Routes,
    pub recurring: Vec<Arc<dyn Recurring>>,
}

/// `ledger` books what is captured and given back, in the transaction that records it.
pub fn start(
    deps: Deps,
    ledger: Arc<dyn Ledger>,
    config: PaymentsConfig,
    metrics: &Metrics,
) -> Module {
    let _ = (ledger, metrics, &config.seal, config.allow_loopback);
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
        recurring: Vec::new(),
    }
}

impl SealKeys {
    /// For the process that speaks to providers.
    pub fn opening(private: [u8; 32]) -> Self {
        let secret = crypto_box::SecretKey::from(private);
        Self {
            public: *secret.public_key().as_bytes(),
            private: Some(private),
        }
    }

    /// For processes that take secrets in and never read them again.
    pub const fn sealing(public: [u8; 32]) -> Self {
        Self {
            public,
            private: None,
        }
    }

    /// To be given to [`Self::sealing`] in other processes.
    pub const fn public(&self) -> [u8; 32] {
        self.public
    }
}
