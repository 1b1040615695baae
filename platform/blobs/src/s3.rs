//! Blobs in a bucket of anything that speaks S3. Every call is bounded in time, and tried again a
//! few times within that bound.

use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    BackoffConfig, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutPayload,
    RetryConfig,
};
use stoa_kernel::Timestamp;
use tokio::time::timeout;
use url::Url;

use crate::blobs::S3Access;
use crate::s3_http::Connector;
use crate::stage::blocking;
use crate::{BlobError, BlobGroup, BlobKey, Content, Found, Listed, Store};

/// Of one call, with whatever is tried again in it.
const CALL_TIME_MAX: Duration = Duration::from_secs(8);
/// Of putting one blob there is time besides for what it weighs, over a slow line.
const PUT_BYTES_PER_SECOND_MIN: u64 = 512 * 1024;
/// Until the next piece of a blob comes.
const PIECE_TIME_MAX: Duration = Duration::from_secs(8);
const RETRIES_MAX: usize = 2;
const RETRY_TIME_MAX: Duration = Duration::from_secs(6);
/// Read into memory to be sent: blobs are no larger than an upload may be.
const PUT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const REGION_DEFAULT: &str = "us-east-1";

pub(crate) struct S3 {
    store: AmazonS3,
    prefix: String,
}

impl S3 {
    pub(crate) fn open(url: &str, access: Option<S3Access>) -> Result<Self, BlobError> {
        let wrong = |reason: String| BlobError::Url { reason };
        let parsed = Url::parse(url).map_err(|error| wrong(format!("is not a URL: {error}")))?;
        let bucket = parsed.host_str().filter(|bucket| !bucket.is_empty());
        let bucket = bucket.ok_or_else(|| wrong("names no bucket".to_owned()))?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(REGION_DEFAULT)
            .with_http_connector(Connector)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_secs(1),
                    base: 2.0,
                },
                max_retries: RETRIES_MAX,
                retry_timeout: RETRY_TIME_MAX,
            });
        for (name, value) in parsed.query_pairs() {
            builder = match &*name {
                "region" => builder.with_region(value),
                "endpoint" => {
                    let plain = value.starts_with("http://");
                    builder.with_endpoint(value).with_allow_http(plain)
                }
                "virtual_hosted" => builder.with_virtual_hosted_style_request(value == "true"),
                _ => return Err(wrong(format!("has an unknown option `{name}`"))),
            };
        }
        if let Some(access) = access {
            builder = builder
                .with_access_key_id(access.key_id)
                .with_secret_access_key(access.secret);
            if let Some(token) = access.token {
                builder = builder.with_token(token);
            }
        }
        let store = builder.build().map_err(|error| wrong(error.to_string()))?;
        let prefix = parsed.path().trim_matches('/').to_owned();
        Ok(Self { store, prefix })
    }

    fn place(&self, path: &str) -> Path {
        match self.prefix.as_str() {
            "" => Path::from(path),
            prefix => Path::from(format!("{prefix}/{path}")),
        }
    }

    fn listed(&self, meta: &ObjectMeta) -> Option<Listed> {
        let path = meta.location.as_ref();
        let path = path.strip_prefix(self.prefix.as_str())?;
        Some(Listed {
            key: BlobKey::parse(path.trim_start_matches('/'))?,
            bytes: meta.size,
            modified: Timestamp::from_micros(meta.last_modified.timestamp_micros()),
        })
    }

    async fn collect(
        &self,
        prefix: Path,
        after: Option<Path>,
        limit: usize,
    ) -> Result<Vec<Listed>, BlobError> {
        let found = match after {
            Some(after) => self.store.list_with_offset(Some(&prefix), &after),
            None => self.store.list(Some(&prefix)),
        };
        let metas: Vec<ObjectMeta> =
            bounded(CALL_TIME_MAX, found.take(limit).try_collect()).await?;
        Ok(metas.iter().filter_map(|meta| self.listed(meta)).collect())
    }
}

#[async_trait]
impl Store for S3 {
    async fn put(&self, key: &BlobKey, content: Content) -> Result<(), BlobError> {
        let bytes = match content {
            Content::Bytes(bytes) => bytes,
            Content::Staged(staged) if staged.bytes > PUT_BYTES_MAX => {
                return Err(BlobError::TooLarge {
                    bytes_max: PUT_BYTES_MAX,
                });
            }
            Content::Staged(staged) => blocking(move || Ok(std::fs::read(staged.path())?))
                .await?
                .into(),
        };
        let place = self.place(&key.path());
        let time_max = put_time_max(bytes.len());
        // One PUT is seen whole or not at all.
        let put = self.store.put(&place, PutPayload::from_bytes(bytes));
        bounded(time_max, put).await.map(|_| ())
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Found, BlobError> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let place = self.place(&key.path());
        let found = bounded(CALL_TIME_MAX, self.store.get_opts(&place, options)).await?;
        let (bytes_total, range) = (found.meta.size, found.range.clone());
        let pieces = stream::try_unfold(found.into_stream(), |mut pieces| async move {
            match timeout(PIECE_TIME_MAX, pieces.next()).await {
                Ok(Some(Ok(piece))) => Ok(Some((piece, pieces))),
                Ok(Some(Err(error))) => Err(failure(&error)),
                Ok(None) => Ok(None),
                Err(_) => Err(late(PIECE_TIME_MAX)),
            }
        });
        Ok(Found {
            bytes_total,
            range,
            pieces: Box::pin(pieces),
        })
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        let place = self.place(&key.path());
        match bounded(CALL_TIME_MAX, self.store.head(&place)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(BlobError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let place = self.place(&key.path());
        match bounded(CALL_TIME_MAX, self.store.delete(&place)).await {
            Err(BlobError::NotFound) => Ok(()),
            done => done,
        }
    }

    async fn list_group(&self, group: &BlobGroup) -> Result<Vec<Listed>, BlobError> {
        self.collect(self.place(&group.path()), None, usize::MAX)
            .await
    }

    async fn list(
        &self,
        space: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, BlobError> {
        let after = after.map(|key| self.place(&key.path()));
        self.collect(self.place(space), after, limit).await
    }
}

fn put_time_max(bytes: usize) -> Duration {
    CALL_TIME_MAX + Duration::from_secs(bytes as u64 / PUT_BYTES_PER_SECOND_MIN)
}

async fn bounded<T>(
    time_max: Duration,
    call: impl Future<Output = Result<T, object_store::Error>>,
) -> Result<T, BlobError> {
    match timeout(time_max, call).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(late(time_max)),
    }
}

fn late(time_max: Duration) -> BlobError {
    BlobError::Unreachable {
        message: format!("no answer within {} s", time_max.as_secs()),
    }
}

fn failure(error: &object_store::Error) -> BlobError {
    let message = error.to_string();
    // 507, or as some say it in the body of another status.
    let full = [
        "507 ",
        "StorageFull",
        "QuotaExceeded",
        "InsufficientStorage",
    ];
    match error {
        object_store::Error::NotFound { .. } => BlobError::NotFound,
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => BlobError::Refused { message },
        _ if full.iter().any(|word| message.contains(word)) => BlobError::Full { message },
        _ => BlobError::Unreachable { message },
    }
}
