//! Blobs by their content: on a disk or in anything that speaks S3, behind one handle. Knows
//! nothing of what blobs hold; a half-written one is never found under its name.

mod blobs;
mod disk;
mod error;
mod key;
mod s3;
mod s3_http;
mod stage;

pub use blobs::{Blobs, BlobsConfig, S3Access};
pub use disk::Disk;
pub use error::BlobError;
pub use key::{BlobGroup, BlobKey, Sha256Sum};
pub use stage::{Stage, Staged};

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use stoa_kernel::Timestamp;

/// What comes of a blob, piece by piece.
pub type Pieces = BoxStream<'static, Result<Bytes, BlobError>>;

/// What is put under a name: staged on this machine's disk, or small and in memory.
pub enum Content {
    Staged(Staged),
    Bytes(Bytes),
}

/// A blob, or the part of it that was asked for.
pub struct Found {
    pub bytes_total: u64,
    pub range: Range<u64>,
    pub pieces: Pieces,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub key: BlobKey,
    pub bytes: u64,
    pub modified: Timestamp,
}

/// A place for blobs. Every call ends within a bound of its own.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// All of it or nothing; what stands there already is replaced in one step.
    async fn put(&self, key: &BlobKey, content: Content) -> Result<(), BlobError>;

    /// `range` must lie within the blob.
    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Found, BlobError>;

    /// Its size; `None` where there is no such blob.
    async fn head(&self, key: &BlobKey) -> Result<Option<u64>, BlobError>;

    /// One that is not there is gone already.
    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError>;

    /// The blobs of one group.
    async fn list_group(&self, group: &BlobGroup) -> Result<Vec<Listed>, BlobError>;

    /// At most `limit` blobs of a space, in an order that never changes, after `after`.
    async fn list(
        &self,
        space: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, BlobError>;
}
