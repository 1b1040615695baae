//! Themes of shops: looked at before they are kept, published, previewed, rolled back. Makes no page:
//! that is for whoever is given as the engine.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::themes::{ThemeEngine, Themes};
use stoa_kernel::Envelope;
use stoa_rest::Routes;
use stoa_storage::{Migrations, Plane};
use stoa_telemetry::Metrics;

pub use api::{THEME_IN_USE, THEME_NO_EARLIER, THEME_NOT_FOUND, THEME_REFUSED};

pub const MIGRATIONS: Migrations = Migrations {
    module: "themes",
    plane: Plane::Cell,
    steps: &[include_str!("../migrations/0001_themes.sql")],
};

pub struct Config {
    /// Signs preview links; the same in every process of an installation.
    pub preview_key: [u8; 32],
}

pub struct Module {
    pub contract: Arc<dyn Themes>,
    pub routes: Routes,
    pub listener: Listener,
}

/// Hears in every process that a shop switched its theme.
#[derive(Clone)]
pub struct Listener(Arc<application::Shared>);

impl Listener {
    /// To be called with every event, in every process that shows pages: it forgets what it knew of
    /// a shop that published. Does not wait.
    pub fn on_event(&self, event: &Envelope) {
        self.0.heard(event);
    }

    /// To be called where events may have been missed: nothing known is trusted any more.
    pub fn forget_all(&self) {
        self.0.shelf.clear();
    }
}

/// To be called before caches of pages are made, and [`Listener::on_event`] before theirs: a page that
/// is made anew must find the new theme.
pub fn start(
    deps: Deps,
    engine: Arc<dyn ThemeEngine>,
    config: Config,
    metrics: &Metrics,
) -> Module {
    let storage = deps.storage.clone();
    let shared = Arc::new(application::Shared::new(deps, engine, &config, metrics));
    // Before any cache of pages hears of it: what such a cache asks for then is the new theme.
    let known = Arc::downgrade(&shared);
    storage.on_commit(move |committed| {
        if let Some(shared) = known.upgrade() {
            shared.committed(committed);
        }
    });
    Module {
        contract: Arc::new(application::Published::new(shared.clone())),
        routes: api::routes(application::Desk::new(shared.clone())),
        listener: Listener(shared),
    }
}
