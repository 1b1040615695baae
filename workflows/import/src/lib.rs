//! Product import: a merchant's file, read in bounded memory, made safe, landed product by product.
//! Owns no product, price or stock: those are given to the modules that do.

mod api;
mod application;
pub mod csv;
mod domain;
mod export;
mod infrastructure;
mod inventory;
pub mod sanitise;
pub mod shopify;

use std::sync::Arc;

use stoa_bus::{JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::inventory::Inventory;
use stoa_contracts::pricing::Pricing;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::{NOT_A_PRODUCT_FILE, NOT_AN_INVENTORY_FILE};
pub use application::{
    Counts, FILE_BYTES_MAX, Format, ISSUES_PER_IMPORT_MAX, ImportError, ImportKind, ImportOptions,
    ImportState, Importer, Report,
};
pub use export::{Export, ExportError, ExportKind};

pub const MIGRATIONS: Migrations = Migrations {
    module: "import",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_runs_chunks_issues.sql"),
        include_str!("../migrations/0002_inventory_files.sql"),
    ],
};

/// What the server gets of this workflow.
pub struct Module {
    pub importer: Importer,
    pub routes: Routes,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    pub recurring: Vec<Arc<dyn Recurring>>,
}

/// `cursors` signs the positions in this workflow's lists.
pub fn start(
    deps: Deps,
    catalog: Arc<dyn Catalog>,
    pricing: Arc<dyn Pricing>,
    inventory: Arc<dyn Inventory>,
    cursors: CursorKey,
) -> Module {
    let peers = application::Peers {
        catalog,
        pricing,
        inventory,
    };
    let importer = Importer::new(deps, peers);
    Module {
        routes: api::routes(importer.clone(), cursors),
        jobs: vec![Arc::new(application::ImportJob(importer.clone()))],
        recurring: vec![Arc::new(application::Sweep(importer.clone()))],
        importer,
    }
}

/// A product description with only what a shop window may show.
pub fn sanitise_description(html: &str) -> String {
    sanitise::description(html)
}
