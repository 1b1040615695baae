//! Payments: what was asked of a provider, what became of it, and what goes back. Never sees a card
//! number, never decides what an order is worth, and never calls a provider inside a transaction.

mod api;
mod application;
mod domain;
mod infrastructure;
mod provider;
mod seal;

use std::sync::Arc;
use std::time::Duration;

use stoa_bus::Recurring;
use stoa_contracts::Deps;
use stoa_contracts::ledger::Ledger;
use stoa_contracts::payments::Payments;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};
use stoa_telemetry::Metrics;

pub use crate::api::{
    PAYMENT_CONFLICT, PAYMENT_NOT_FOUND, PAYMENT_SECRETS_ELSEWHERE, PROVIDER_IN_USE,
    PROVIDER_NOT_FOUND, PROVIDER_TAKEN, PROVIDER_UNREACHABLE, REFUND_NOT_FOUND,
    WEBHOOK_SIGNATURE_INVALID,
};
pub use crate::provider::TestProviderConfig;
pub use crate::seal::SealKeys;

pub const MIGRATIONS: Migrations = Migrations {
    module: "payments",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_attempts.sql"),
        include_str!("../migrations/0002_providers_captures_refunds.sql"),
        include_str!("../migrations/0003_rest_of_an_edited_order.sql"),
        include_str!("../migrations/0004_what_is_remembered.sql"),
    ],
};

/// Which providers there are, and what the routes need.
pub struct PaymentsConfig {
    /// Signs the cursors of the lists.
    pub cursors: CursorKey,
    /// `None` where no shop of this installation may use the test provider.
    pub test_provider: Option<TestProviderConfig>,
    /// What secrets of the shops' providers are sealed with.
    pub seal: SealKeys,
    /// Whether a shop's provider may listen on this very machine, and without TLS: for tests.
    pub allow_loopback: bool,
}

/// How long shops' own providers are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTimes {
    /// For one call, from its first byte to the last of its answer.
    pub call_max: Duration,
    /// How long a refund without an answer may still be on its way: it is not sent again before.
    pub resend_after: Duration,
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
    start_timed(deps, ledger, config, CallTimes::default(), metrics)
}

/// As [`start`], with other times than the usual ones.
pub fn start_timed(
    deps: Deps,
    ledger: Arc<dyn Ledger>,
    config: PaymentsConfig,
    times: CallTimes,
    metrics: &Metrics,
) -> Module {
    let test = config
        .test_provider
        .map(provider::TestProviderClient::new)
        .map(Arc::new);
    // Without the key every call of a shop's provider would fail: leave it to those who have it.
    let drives = config.seal.opens();
    let desk = application::DeskConfig {
        test: test.clone(),
        seal: config.seal,
        allow_loopback: config.allow_loopback,
        call_time_max: times.call_max,
        resend_after: times.resend_after,
    };
    let desk = Arc::new(application::Desk::new(deps.clone(), ledger, desk, metrics));
    let mut recurring: Vec<Arc<dyn Recurring>> = vec![Arc::new(application::Purge(desk.clone()))];
    if drives {
        recurring.push(Arc::new(application::Captures(desk.clone())));
    }
    let state = api::Api {
        deps,
        desk: desk.clone(),
        cursors: config.cursors,
        test,
    };
    Module {
        contract: desk,
        routes: api::routes(Arc::new(state)),
        recurring,
    }
}

impl PaymentsConfig {
    /// Without the test provider, and without providers on this machine.
    pub const fn new(cursors: CursorKey, seal: SealKeys) -> Self {
        Self {
            cursors,
            test_provider: None,
            seal,
            allow_loopback: false,
        }
    }
}

impl Default for CallTimes {
    fn default() -> Self {
        Self {
            call_max: Duration::from_secs(20),
            resend_after: Duration::from_secs(120),
        }
    }
}
