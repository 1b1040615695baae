//! What staff do with themes, and what pages ask of them. Speaks no HTTP and no SQL.

mod desk;
mod failures;
mod published;
mod shelf;

use std::sync::Arc;

use moka::sync::Cache;
use stoa_contracts::Deps;
use stoa_contracts::themes::{ThemeEngine, ThemeFile, ThemePublished};
use stoa_kernel::{Envelope, Fact as _, TenantId};
use stoa_storage::{Committed, Db, Error};
use stoa_telemetry::Metrics;
use tokio::sync::Semaphore;

use crate::Config;
use crate::domain::LinkKey;

pub(crate) use self::desk::{Asked, Desk, DeskError, Detail};
pub(crate) use self::published::Published;

use self::failures::Failures;
use self::shelf::Shelf;

/// Uploads looked at at once in this process.
const CHECKS_MAX: usize = 2;
/// Uploads received at once, each up to 10 MiB in memory.
const UPLOADS_MAX: usize = 4;
const ASSETS_BYTES_MAX: u64 = 32 * 1024 * 1024;
const ASSET_BYTES_LEAST: u32 = 256;

type AssetKey = (TenantId, String, String);

/// What everything here works with.
pub(crate) struct Shared {
    deps: Deps,
    engine: Arc<dyn ThemeEngine>,
    links: LinkKey,
    pub(crate) shelf: Shelf,
    /// They never change under their address.
    assets: Cache<AssetKey, ThemeFile>,
    checks: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    failures: Failures,
}

impl Shared {
    pub(crate) fn new(
        deps: Deps,
        engine: Arc<dyn ThemeEngine>,
        config: &Config,
        metrics: &Metrics,
    ) -> Self {
        let weigh = |key: &AssetKey, file: &ThemeFile| {
            let bytes = file.bytes.len() + key.2.len();
            u32::try_from(bytes)
                .unwrap_or(u32::MAX)
                .saturating_add(ASSET_BYTES_LEAST)
        };
        let assets = Cache::builder()
            .weigher(weigh)
            .max_capacity(ASSETS_BYTES_MAX);
        Self {
            deps,
            engine,
            links: LinkKey::new(config.preview_key),
            shelf: Shelf::default(),
            assets: assets.build(),
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
            uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
            failures: Failures::new(metrics),
        }
    }

    pub(crate) fn heard(&self, event: &Envelope) {
        if event.subject == ThemePublished::subject() {
            self.shelf.forget(event.tenant);
        }
    }

    /// The same in the process that published, without waiting for the event to come round.
    pub(crate) fn committed(&self, committed: &[Committed]) {
        for one in committed {
            if let Committed::Event {
                tenant, subject, ..
            } = one
                && *subject == ThemePublished::subject()
            {
                self.shelf.forget(*tenant);
            }
        }
    }

    async fn db(&self, tenant: TenantId) -> Result<Db, Error> {
        self.deps.storage.db(tenant).await
    }
}
