//! Pictures of a shop: taken and made safe, served in every size, fetched from elsewhere, collected
//! when nobody shows them. Never serves one shop's picture to another, and never an upload as it came.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;
use std::time::Duration;

use stoa_blobs::Blobs;
use stoa_bus::{JobHandler, Recurring};
use stoa_contracts::Deps;
use stoa_contracts::media::Media;
use stoa_egress::{Resolver, SystemResolver};
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::{
    MEDIA_BROKEN, MEDIA_IN_USE, MEDIA_NOT_FOUND, MEDIA_STORAGE_FULL, MEDIA_STORAGE_UNREACHABLE,
    MEDIA_SVG_REFUSED, MEDIA_TOO_MANY_PIXELS, MEDIA_UNKNOWN_TYPE,
};

pub const MIGRATIONS: Migrations = Migrations {
    module: "media",
    plane: Plane::Cell,
    steps: &[include_str!("../migrations/0001_media.sql")],
};

pub struct MediaConfig {
    pub cursors: CursorKey,
    /// Permits fetching pictures from this machine itself: development and tests only.
    pub allow_loopback: bool,
    pub resolver: Arc<dyn Resolver>,
    /// From the first look-up to the last byte of one fetched picture.
    pub fetch_time_max: Duration,
    /// Small versions kept in memory, together.
    pub memory_bytes_max: u64,
    /// How long a picture may go unshown before it is collected; `None` keeps all. Set it only where
    /// everyone who shows pictures says so by `Media::hold`.
    pub collect_unused_after: Option<Duration>,
}

impl MediaConfig {
    pub fn new(cursors: CursorKey) -> Self {
        Self {
            cursors,
            allow_loopback: false,
            resolver: Arc::new(SystemResolver),
            fetch_time_max: Duration::from_secs(30),
            memory_bytes_max: 16 * 1024 * 1024,
            collect_unused_after: None,
        }
    }
}

pub struct Module {
    pub contract: Arc<dyn Media>,
    pub routes: Routes,
    pub consumers: Vec<Arc<dyn stoa_bus::Consumer>>,
    pub jobs: Vec<Arc<dyn JobHandler>>,
    pub recurring: Vec<Arc<dyn Recurring>>,
}

pub fn start(deps: Deps, config: MediaConfig, blobs: Blobs) -> Module {
    let cursors = config.cursors.clone();
    let shared = Arc::new(application::Shared::new(deps, config, blobs));
    Module {
        contract: Arc::new(application::Contract::new(shared.clone())),
        routes: api::routes(shared.clone(), cursors),
        consumers: Vec::new(),
        jobs: vec![Arc::new(application::Importer::new(shared.clone()))],
        recurring: vec![
            Arc::new(application::Collect::new(shared.clone())),
            Arc::new(application::Sweep::new(shared)),
        ],
    }
}
