//! A store that fails as told: full, lost, or full within a blob.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stoa_blobs::{BlobError, BlobGroup, BlobKey, Content, Found, Listed, Store as BlobStore};

use crate::support::{ALL, Shop, Store, everywhere, jpeg, text, version};

const WELL: u8 = 0;
const FULL: u8 = 1;
const LOST: u8 = 2;

struct Failing {
    inner: Arc<dyn BlobStore>,
    fault: Arc<AtomicU8>,
}

impl Failing {
    fn check(&self, writes: bool) -> Result<(), BlobError> {
        let message = "as told".to_owned();
        match self.fault.load(Ordering::SeqCst) {
            FULL if writes => Err(BlobError::Full { message }),
            LOST => Err(BlobError::Unreachable { message }),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl BlobStore for Failing {
    async fn put(&self, key: &BlobKey, content: Content) -> Result<(), BlobError> {
        self.check(true)?;
        self.inner.put(key, content).await
    }
    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Found, BlobError> {
        self.check(false)?;
        self.inner.get(key, range).await
    }
    async fn head(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        self.check(false)?;
        self.inner.head(key).await
    }
    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.check(false)?;
        self.inner.delete(key).await
    }
    async fn list_group(&self, group: &BlobGroup) -> Result<Vec<Listed>, BlobError> {
        self.check(false)?;
        self.inner.list_group(group).await
    }
    async fn list(
        &self,
        space: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, BlobError> {
        self.check(false)?;
        self.inner.list(space, after, limit).await
    }
}

fn failing(store: &Store) -> (stoa_blobs::Blobs, Arc<AtomicU8>) {
    let fault = Arc::new(AtomicU8::new(WELL));
    let shared = fault.clone();
    let blobs = store.blobs.with_store(move |inner| {
        Arc::new(Failing {
            inner,
            fault: shared,
        })
    });
    (blobs, fault)
}

#[tokio::test]
async fn a_full_disk_refuses_uploads_goes_on_serving_and_recovers() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let (blobs, fault) = failing(&store);
        let shop = Shop::open(&cells, "acme", &blobs).await;
        let made = shop.uploaded("a.jpg", &jpeg(400, 200, 1)).await;
        let url = text(&made, "url");
        fault.store(FULL, Ordering::SeqCst);
        let refused = shop.upload("b.jpg", &jpeg(64, 64, 2)).await;
        assert_eq!(
            refused.code(),
            (507, "media_storage_full".to_owned()),
            "{}",
            cells.kind
        );
        assert_eq!(refused.header("retry-after"), "60");
        let listed = shop.get(ALL).await.json();
        assert_eq!(
            listed["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
        // A new version is made and served, though it cannot be stored.
        let webp = version(url, "320.webp");
        let served = shop.get(&webp).await;
        assert_eq!(served.status, 200, "{}", cells.kind);
        fault.store(WELL, Ordering::SeqCst);
        shop.uploaded("b.jpg", &jpeg(64, 64, 2)).await;
        // What was begun and never ended goes after its grace.
        cells.clock.advance(Duration::from_secs(25 * 3_600));
        shop.recurring("media.collect").await;
        let listed = shop.get(ALL).await.json();
        assert_eq!(
            listed["data"].as_array().map(Vec::len),
            Some(2),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_lost_store_leaves_what_memory_holds_and_comes_back() {
    for cells in everywhere().await {
        let store = Store::new(&cells);
        let (blobs, fault) = failing(&store);
        let shop = Shop::open(&cells, "acme", &blobs).await;
        let made = shop.uploaded("a.jpg", &jpeg(400, 200, 1)).await;
        let url = text(&made, "url");
        let (kept, unseen) = (version(url, "320.webp"), version(url, "160.webp"));
        let first = shop.get(&kept).await;
        fault.store(LOST, Ordering::SeqCst);
        let held = shop.get(&kept).await;
        assert_eq!(
            (held.status, held.body),
            (200, first.body),
            "{}",
            cells.kind
        );
        for path in [url, &unseen] {
            let answer = shop.get(path).await;
            let wanted = (503, "media_storage_unreachable".to_owned());
            assert_eq!(answer.code(), wanted, "{} {path}", cells.kind);
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        fault.store(WELL, Ordering::SeqCst);
        for path in [url, &unseen] {
            assert_eq!(shop.get(path).await.status, 200, "{} {path}", cells.kind);
        }
    }
}
