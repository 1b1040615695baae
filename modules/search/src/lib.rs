//! Finds products: one full-text index per tenant, kept by following the event log. Owns no product:
//! what it holds can be built anew from the catalog at any time.

mod api;
mod application;
mod domain;
mod index;
mod infrastructure;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::search::Search;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};
use stoa_telemetry::Metrics;
use tokio::sync::watch;

pub use api::SEARCH_BUILDING;
pub use application::SearchConfig;
use application::{Answers, Engine, Meters, Steering};

pub const MIGRATIONS: Migrations = Migrations {
    module: "search",
    plane: Plane::Cell,
    steps: &[include_str!(
        "../migrations/0001_synonyms_pins_settings.sql"
    )],
};

/// What the server composes of search.
pub struct Module {
    pub contract: Arc<dyn Search>,
    pub routes: Routes,
    /// Keeps the indexes of this process current: every process that answers searches runs it once.
    pub follower: Follower,
}

/// Follows the event log for the indexes of this process.
pub struct Follower {
    engine: Arc<Engine>,
}

impl Follower {
    /// Runs until `shutdown` turns true, then commits what is left.
    pub async fn run(self, shutdown: watch::Receiver<bool>) {
        self.engine.follow(shutdown).await;
    }
}

/// `cursors` signs the cursors of lists.
pub fn start(
    deps: Deps,
    config: SearchConfig,
    catalog: Arc<dyn Catalog>,
    cursors: CursorKey,
    metrics: &Metrics,
) -> Module {
    let meters = Meters::new(metrics);
    let engine = Arc::new(Engine::new(deps, config, Arc::clone(&catalog), meters));
    let answers = Arc::new(Answers::new(Arc::clone(&engine), cursors));
    let steering = Steering::new(Arc::clone(&engine));
    Module {
        contract: answers.clone(),
        routes: api::routes(answers, steering, catalog),
        follower: Follower { engine },
    }
}
