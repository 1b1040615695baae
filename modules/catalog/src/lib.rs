//! Products, variants, collections and the listings shoppers read. Owns no price and no stock: it
//! shows what pricing and inventory tell it.

mod api;
mod application;
mod cache;
mod domain;
mod infrastructure;

use std::sync::Arc;

use stoa_bus::{Consumer, JobHandler};
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::media::Media;
use stoa_kernel::Envelope;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::{CATEGORY_IN_USE, HANDLE_TAKEN};
use application::{
    AnswerJob, Answering, App, BulkJob, Memory, PictureConsumer, PublishingJob, RegroupJob,
    StockConsumer,
};
use cache::ProductCache;

pub const MIGRATIONS: Migrations = Migrations {
    module: "catalog",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_products_and_listings.sql"),
        include_str!("../migrations/0002_codes_and_former_handles.sql"),
        include_str!("../migrations/0003_kinds_dates_bundles_metadata.sql"),
        include_str!("../migrations/0004_translations.sql"),
        include_str!("../migrations/0005_bulk.sql"),
        include_str!("../migrations/0006_categories_and_members.sql"),
        include_str!("../migrations/0007_prices_of_a_product_side_by_side.sql"),
        include_str!("../migrations/0008_answers.sql"),
    ],
};

/// What the server composes of the catalog.
pub struct Module {
    pub contract: Arc<dyn Catalog>,
    pub routes: Routes,
    pub consumers: Vec<Arc<dyn Consumer>>,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    /// To be given every event that another process may have committed: it outdates what this
    /// process holds in memory. Never blocks; giving it an event twice, or one of this process,
    /// does no harm.
    pub on_event: Arc<dyn Fn(&Envelope) + Send + Sync>,
    /// To be called when events may have been missed: forgets everything held in memory.
    pub on_gap: Arc<dyn Fn() + Send + Sync>,
}

/// `cursor_key` signs list cursors; `sanitise` makes HTML sent by merchants safe to show.
pub fn start(deps: Deps, cursor_key: [u8; 32], sanitise: fn(&str) -> String) -> Module {
    start_with(deps, cursor_key, sanitise, None)
}

/// As [`start`]; `media` makes pictures from elsewhere the shop's own.
pub fn start_with(
    deps: Deps,
    cursor_key: [u8; 32],
    sanitise: fn(&str) -> String,
    media: Option<Arc<dyn Media>>,
) -> Module {
    let cache = Arc::new(ProductCache::new());
    let answering = Arc::new(Answering::new());
    let at_commit = (
        Arc::clone(&cache),
        Arc::clone(&answering),
        Arc::clone(&deps.clock),
    );
    deps.storage.on_commit(move |committed| {
        let (cache, answering, clock) = &at_commit;
        let changes = cache.on_commit(committed);
        answering.on_commit(committed, changes, clock.now());
    });
    let told = (
        Arc::clone(&cache),
        Arc::clone(&answering),
        Arc::clone(&deps.clock),
    );
    let app = Arc::new(App {
        deps,
        cache: Arc::clone(&cache),
        memory: Memory::new(),
        answering,
        cursors: CursorKey::new(cursor_key),
        sanitise,
        media,
    });
    Module {
        contract: app.clone(),
        routes: api::routes(Arc::clone(&app)),
        consumers: vec![
            Arc::new(StockConsumer(Arc::clone(&app))),
            Arc::new(PictureConsumer(Arc::clone(&app))),
        ],
        jobs: vec![
            Arc::new(PublishingJob(Arc::clone(&app))),
            Arc::new(BulkJob(Arc::clone(&app))),
            Arc::new(RegroupJob(Arc::clone(&app))),
            Arc::new(AnswerJob(app)),
        ],
        on_event: Arc::new(move |event| {
            let (cache, answering, clock) = &told;
            let changes = cache.on_event(event);
            answering.on_changes(changes, clock.now());
        }),
        on_gap: Arc::new(move || cache.flush()),
    }
}
