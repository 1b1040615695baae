//! The one handle that modules hold: stages what comes in, and finds the store by its URL.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use stoa_kernel::Clock;

use crate::stage::Staging;
use crate::{
    BlobError, BlobGroup, BlobKey, Content, Disk, Found, Listed, Stage, Staged, Store, s3,
};

/// Of all uploads under way together.
const STAGED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Kept inside of a folder of blobs; no space is called that.
const STAGING_FOLDER: &str = ".staging";

/// Keys of a store that speaks S3. Not in its URL: URLs are shown.
#[derive(Clone)]
pub struct S3Access {
    pub key_id: String,
    pub secret: String,
    pub token: Option<String>,
}

pub struct BlobsConfig {
    /// Where uploads are staged while the store is not a folder of this machine.
    pub staging: PathBuf,
    /// `None`: what the machine itself is given by its cloud.
    pub s3: Option<S3Access>,
    pub clock: Arc<dyn Clock>,
    /// Of all uploads under way together.
    pub staged_bytes_max: u64,
}

impl BlobsConfig {
    pub fn new(staging: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            staging: staging.into(),
            s3: None,
            clock,
            staged_bytes_max: STAGED_BYTES_MAX,
        }
    }
}

/// A place for blobs. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn Store>,
    staging: Arc<Staging>,
}

impl Blobs {
    /// `file:<folder>`, or `s3://<bucket>/<prefix>?region=...&endpoint=...`. Opening touches no
    /// network.
    pub fn open(url: &str, config: BlobsConfig) -> Result<Self, BlobError> {
        let unknown = || BlobError::UnknownStore {
            url: url.split(':').next().unwrap_or_default().to_owned(),
        };
        let (scheme, rest) = url.split_once(':').ok_or_else(unknown)?;
        match scheme {
            "file" => {
                let folder = rest.strip_prefix("//").unwrap_or(rest);
                if folder.is_empty() {
                    return Err(BlobError::Url {
                        reason: "names no folder".to_owned(),
                    });
                }
                let root = Path::new(folder);
                // On the same file system as the blobs, so that a rename is all it takes.
                let staging = Staging::open(root.join(STAGING_FOLDER), config.staged_bytes_max)?;
                let disk = Disk::open(root.to_owned(), staging.clone(), config.clock)?;
                Ok(Self {
                    store: Arc::new(disk),
                    staging,
                })
            }
            "s3" => {
                let store = s3::S3::open(url, config.s3)?;
                Ok(Self {
                    store: Arc::new(store),
                    staging: Staging::open(config.staging, config.staged_bytes_max)?,
                })
            }
            _ => Err(unknown()),
        }
    }

    /// The same staging before another store: for stores that misbehave in tests.
    #[must_use]
    pub fn with_store(&self, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        Self {
            store: wrap(self.store.clone()),
            staging: self.staging.clone(),
        }
    }

    /// Begins an upload of at most `bytes_max`.
    pub fn stage(&self, bytes_max: u64) -> Result<Stage, BlobError> {
        Stage::new(self.staging.clone(), bytes_max)
    }

    /// Puts what was staged under the name of its content.
    pub async fn put_staged(
        &self,
        space: &str,
        owner: &str,
        part: &str,
        staged: Staged,
    ) -> Result<BlobKey, BlobError> {
        let key = BlobGroup::new(space, staged.sha256, owner)?.part(part)?;
        self.store.put(&key, Content::Staged(staged)).await?;
        Ok(key)
    }

    /// Puts what is small and in memory: of a content, or made of it.
    pub async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        self.store.put(key, Content::Bytes(bytes)).await
    }

    pub async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Found, BlobError> {
        self.store.get(key, range).await
    }

    /// The whole blob in memory, if it is no larger than that.
    pub async fn read(&self, key: &BlobKey, bytes_max: u64) -> Result<Bytes, BlobError> {
        let mut found = self.store.get(key, None).await?;
        if found.bytes_total > bytes_max {
            return Err(BlobError::TooLarge { bytes_max });
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = found.pieces.next().await {
            whole.extend_from_slice(&piece?);
        }
        if whole.len() as u64 != found.bytes_total {
            return Err(BlobError::Unreachable {
                message: "a blob broke off".to_owned(),
            });
        }
        Ok(whole.freeze())
    }

    pub async fn head(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        self.store.head(key).await
    }

    pub async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.store.delete(key).await
    }

    /// All blobs of a group; how many there were.
    pub async fn delete_group(&self, group: &BlobGroup) -> Result<usize, BlobError> {
        let found = self.store.list_group(group).await?;
        for blob in &found {
            self.store.delete(&blob.key).await?;
        }
        Ok(found.len())
    }

    /// At most `limit` blobs of a space, in an order that never changes, after `after`.
    pub async fn list(
        &self,
        space: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, BlobError> {
        self.store.list(space, after, limit).await
    }
}
