//! What shoppers see. A version is made once, by whoever asks first, while the others wait for the
//! same; small ones stay in memory, so that they are served while the blob store is away.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::Shared as SharedFuture;
use moka::sync::Cache;
use parking_lot::Mutex;
use stoa_blobs::{BlobError, Found};
use stoa_kernel::TenantId;
use stoa_pixels::{Format, Kind};

use super::{MediaError, Shared, group, original};
use crate::domain::{Address, Asset, FILE_BYTES_MAX, Wanted, may_be_made};
use crate::infrastructure;

/// Larger ones are read from the store each time.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// Versions that are being made or read at the same time.
const UNDER_WAY_MAX: usize = 512;
/// Of a version: a picture of random dots in PNG.
const VERSION_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Version {
    tenant: TenantId,
    address: Address,
    width: u32,
    format: Format,
}

type Answer = Result<Bytes, MediaError>;
type UnderWay = SharedFuture<Pin<Box<dyn Future<Output = Answer> + Send>>>;

/// An original as it goes out.
pub(crate) struct Original {
    pub(crate) asset: Asset,
    tenant: TenantId,
}

pub(crate) enum Shown {
    Original(Box<Original>),
    Version(Bytes, Format),
}

pub(crate) struct Gallery {
    shared: Arc<Shared>,
    kept: Cache<Version, Bytes>,
    under_way: Arc<Mutex<HashMap<Version, UnderWay>>>,
}

impl Gallery {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let kept = Cache::builder()
            .max_capacity(shared.memory_bytes_max)
            .weigher(|_, bytes: &Bytes| u32::try_from(bytes.len() + 128).unwrap_or(u32::MAX))
            .build();
        Self {
            shared,
            kept,
            under_way: Arc::default(),
        }
    }

    pub(crate) async fn show(
        &self,
        tenant: TenantId,
        address: Address,
        wanted: Wanted,
    ) -> Result<Shown, MediaError> {
        match wanted {
            Wanted::Original(kind) => {
                let asset = self.shared.asset_at(tenant, &address).await?;
                if asset.kind != kind {
                    return Err(MediaError::NotFound);
                }
                Ok(Shown::Original(Box::new(Original { asset, tenant })))
            }
            Wanted::Version { width, format } => {
                let version = Version {
                    tenant,
                    address,
                    width,
                    format,
                };
                Ok(Shown::Version(self.version(version).await?, format))
            }
        }
    }

    pub(crate) async fn read(
        &self,
        original_of: &Original,
        range: Option<Range<u64>>,
    ) -> Result<Found, MediaError> {
        let Original { asset, tenant } = original_of;
        let key = original(*tenant, asset.id, asset.sha256)?;
        Ok(self.shared.blobs.get(&key, range).await?)
    }

    async fn version(&self, version: Version) -> Answer {
        // What lies here was found under this very address of this very shop.
        if let Some(bytes) = self.kept.get(&version) {
            return Ok(bytes);
        }
        if !may_be_made(version.address.width, version.width, version.format) {
            return Err(MediaError::NotFound);
        }
        let making = {
            let mut under_way = self.under_way.lock();
            match under_way.get(&version) {
                Some(making) => making.clone(),
                None if under_way.len() >= UNDER_WAY_MAX => {
                    return Err(MediaError::Busy { what: "pictures" });
                }
                None => {
                    let making = self.begin(version);
                    under_way.insert(version, making.clone());
                    making
                }
            }
        };
        making.await
    }

    /// A task of its own: it goes on when the first who asked goes away.
    fn begin(&self, version: Version) -> UnderWay {
        let (shared, kept) = (self.shared.clone(), self.kept.clone());
        let under_way = self.under_way.clone();
        let task = tokio::spawn(async move {
            let answer = shared.find_or_make(version).await;
            if let Ok(bytes) = &answer
                && bytes.len() <= KEPT_BYTES_MAX
            {
                kept.insert(version, bytes.clone());
            }
            under_way.lock().remove(&version);
            answer
        });
        let under_way = self.under_way.clone();
        let ended = task.map(move |ended| {
            ended.unwrap_or_else(|_| {
                under_way.lock().remove(&version);
                Err(MediaError::Busy { what: "pictures" })
            })
        });
        let ended: Pin<Box<dyn Future<Output = Answer> + Send>> = Box::pin(ended);
        ended.shared()
    }
}

impl Shared {
    /// The live picture that an address is truly of.
    async fn asset_at(&self, tenant: TenantId, address: &Address) -> Result<Asset, MediaError> {
        let db = self.deps.storage.db(tenant).await?;
        let found = infrastructure::asset(&db, address.id).await?;
        let found = found.filter(|asset| asset.address() == *address);
        found.ok_or(MediaError::NotFound)
    }

    async fn find_or_make(&self, version: Version) -> Answer {
        let Version {
            tenant,
            address,
            width,
            format,
        } = version;
        let asset = self.asset_at(tenant, &address).await?;
        if asset.kind == Kind::Svg {
            return Err(MediaError::NotFound);
        }
        let part = format!("{width}.{}", format.extension());
        let key = group(tenant, asset.id, asset.sha256)?.part(part)?;
        match self.blobs.read(&key, VERSION_BYTES_MAX).await {
            Err(BlobError::NotFound) => {}
            found => return Ok(found?),
        }
        let source = original(tenant, asset.id, asset.sha256)?;
        let source = self.blobs.read(&source, FILE_BYTES_MAX * 2).await?;
        let pixels = u64::from(asset.width) * u64::from(asset.height);
        let kind = asset.kind;
        let made = self.studio.work(pixels, move || {
            stoa_pixels::render(kind, &source, width, format)
        });
        let bytes = Bytes::from(made.await?.bytes);
        // It is served all the same; the next one makes it again.
        if let Err(error) = self.blobs.put(&key, bytes.clone()).await {
            tracing::warn!(%tenant, asset = %asset.id, %error, "a version cannot be stored");
        }
        Ok(bytes)
    }
}
