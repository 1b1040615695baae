//! From bytes that somebody sent to pictures that shoppers see. Holds no SQL and no codec.

mod collect;
mod contract;
mod desk;
mod error;
mod gallery;
mod importer;
mod studio;

use std::sync::Arc;
use std::time::Duration;

use stoa_blobs::{BlobGroup, BlobKey, Blobs};
use stoa_contracts::Deps;
use stoa_contracts::media::MediaId;
use stoa_egress::{Dialer, Fetch, Reach};
use stoa_kernel::TenantId;

use crate::MediaConfig;

pub(crate) use self::collect::{Collect, Sweep};
pub(crate) use self::contract::Contract;
pub(crate) use self::desk::Desk;
pub(crate) use self::error::MediaError;
pub(crate) use self::gallery::{Gallery, Original, Shown};
pub(crate) use self::importer::Importer;
pub(crate) use self::studio::Studio;

/// The blob that everything else of a picture is made of.
const ORIGINAL: &str = "original";
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// What everything here works with.
pub(crate) struct Shared {
    pub(crate) deps: Deps,
    pub(crate) blobs: Blobs,
    pub(crate) studio: Arc<Studio>,
    pub(crate) fetch: Fetch,
    pub(crate) memory_bytes_max: u64,
    pub(crate) collect_unused_after: Option<Duration>,
}

impl Shared {
    pub(crate) fn new(deps: Deps, config: MediaConfig, blobs: Blobs) -> Self {
        let reach = if config.allow_loopback {
            Reach::Loopback
        } else {
            Reach::Public
        };
        let dialer = Dialer::new(reach, config.resolver, Vec::new(), CONNECT_TIME_MAX);
        Self {
            deps,
            blobs,
            studio: Arc::new(Studio::default()),
            fetch: Fetch::new(dialer, "Stoa-Media/1", "image/*", config.fetch_time_max),
            memory_bytes_max: config.memory_bytes_max,
            collect_unused_after: config.collect_unused_after,
        }
    }
}

/// Everything stored of a picture. The tenant is part of every name.
fn group(tenant: TenantId, id: MediaId, sha256: [u8; 32]) -> Result<BlobGroup, MediaError> {
    Ok(BlobGroup::new(tenant.to_string(), sha256, id.to_string())?)
}

fn original(tenant: TenantId, id: MediaId, sha256: [u8; 32]) -> Result<BlobKey, MediaError> {
    Ok(group(tenant, id, sha256)?.part(ORIGINAL)?)
}
