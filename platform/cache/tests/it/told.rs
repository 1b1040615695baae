//! Lists out of an index that follows the log some time after it: none outlives what it was made
//! from. Shown to catch a list that forgets the index.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fastrand::Rng;
use stoa_cache::{Blob, Cache, CacheConfig, Fill, Space, SpaceConfig, Tag};
use stoa_kernel::{ProductId, TenantId, Timestamp};
use stoa_telemetry::Metrics;

const TENANT: TenantId = TenantId::from_u128(7);
const PRODUCT: ProductId = ProductId::from_u128(42);

/// The committed version of the one product, and the one that the index has.
#[derive(Default)]
struct Shop {
    committed: AtomicU64,
    indexed: AtomicU64,
}

struct Process {
    cache: Cache,
    lists: Space<Blob>,
    shop: Arc<Shop>,
    planted: bool,
}

impl Process {
    fn start(planted: bool) -> Self {
        let metrics = Metrics::new(Timestamp::default());
        let cache = Cache::start(CacheConfig::default(), &metrics).expect("a cache");
        let config = SpaceConfig {
            shared: false,
            ..SpaceConfig::new("lists", "1")
        };
        Self {
            lists: cache.space(config),
            cache,
            shop: Arc::default(),
            planted,
        }
    }

    /// What a page shows: the index's word for the list, the catalog's for the card.
    async fn list(&self, pauses: [u32; 2]) -> (u64, u64) {
        let (shop, planted) = (Arc::clone(&self.shop), self.planted);
        let fill = move || async move {
            let make = async {
                let indexed = shop.indexed.load(Ordering::SeqCst);
                stoa_cache::tell([Tag::found(TENANT), Tag::product(TENANT, PRODUCT)]);
                pause(pauses[0]).await;
                let card = shop.committed.load(Ordering::SeqCst);
                pause(pauses[1]).await;
                let mut tags = stoa_cache::told();
                tags.retain(|tag| !planted || *tag != Tag::found(TENANT));
                let blob = Blob {
                    meta: Bytes::copy_from_slice(&indexed.to_be_bytes()),
                    body: Bytes::copy_from_slice(&card.to_be_bytes()),
                };
                Ok::<_, ()>(Fill::found(blob, tags))
            };
            stoa_cache::listen(make).await
        };
        let hit = self.lists.get(TENANT, "list", fill).await.expect("a fill");
        let blob = hit.as_ref().expect("a list");
        let number = |bytes: &Bytes| u64::from_be_bytes(bytes[..].try_into().expect("eight"));
        (number(&blob.meta), number(&blob.body))
    }

    fn edit(&self) -> u64 {
        let version = self.shop.committed.fetch_add(1, Ordering::SeqCst) + 1;
        self.cache.invalidate(&[Tag::product(TENANT, PRODUCT)]);
        version
    }

    /// The follower commits what there is, and says so once it is to be seen.
    fn index(&self) -> u64 {
        let now = self.shop.committed.load(Ordering::SeqCst);
        self.shop.indexed.store(now, Ordering::SeqCst);
        self.cache.invalidate_here(&[Tag::found(TENANT)]);
        now
    }
}

async fn pause(times: u32) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// What went wrong, in words.
async fn run(seed: u64, planted: bool) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let process = Arc::new(Process::start(planted));
    let mut tasks = Vec::new();
    for _ in 0..60 {
        let process = Arc::clone(&process);
        let (kind, before) = (rng.u8(..10), rng.u32(..20));
        let pauses = [rng.u32(..8), rng.u32(..8)];
        tasks.push(tokio::spawn(async move {
            pause(before).await;
            match kind {
                0..=5 => {
                    let _ = process.list(pauses).await;
                }
                6..=7 => {
                    let wrote = process.edit();
                    let (_, card) = process.list(pauses).await;
                    if card < wrote {
                        return Err(format!("wrote {wrote} and then read {card}"));
                    }
                }
                _ => {
                    let indexed = process.index();
                    let (found, _) = process.list(pauses).await;
                    if found < indexed {
                        return Err(format!("indexed {indexed} and then found {found}"));
                    }
                }
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await.map_err(|error| error.to_string())??;
    }
    process.edit();
    let _ = process.list([0, 0]).await;
    let last = process.index();
    match process.list([0, 0]).await {
        (found, card) if (found, card) == (last, last) => Ok(()),
        seen => Err(format!("seed {seed}: {seen:?} is kept, not {last}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_never_outlives_the_index_it_was_made_from_and_one_that_forgets_it_is_caught() {
    let mut caught = 0;
    for seed in 0..20 {
        caught += usize::from(run(seed, true).await.is_err());
    }
    assert!(
        caught > 0,
        "20 seeds do not see a list that forgets the index"
    );
    for seed in 0..300 {
        assert_eq!(run(seed, false).await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_a_moment_is_given_to_nobody_after_it() {
    let process = Process::start(false);
    let reads = Arc::new(AtomicU64::new(0));
    let get = async || {
        let reads = Arc::clone(&reads);
        let fill = move || async move {
            let number = reads.fetch_add(1, Ordering::SeqCst);
            let blob = Blob {
                meta: Bytes::new(),
                body: Bytes::copy_from_slice(&number.to_be_bytes()),
            };
            let moment = std::time::Duration::from_secs(2);
            Ok::<_, ()>(Fill::found(blob, Vec::new()).at_most(moment))
        };
        let hit = process.lists.get(TENANT, "fallback", fill).await;
        let blob = hit.expect("a fill");
        let body = blob.as_ref().expect("a page").body.clone();
        u64::from_be_bytes(body[..].try_into().expect("eight"))
    };
    assert_eq!((get().await, get().await), (0, 0));
    tokio::time::advance(std::time::Duration::from_millis(2_001)).await;
    assert_eq!((get().await, get().await), (1, 1));
}
