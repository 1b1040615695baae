//! What one process keeps: time, absence, bounds, background reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stoa_cache::{Blob, Cache, CacheConfig, Fill, Peek, Space, SpaceConfig, Tag};
use stoa_kernel::{TenantId, Timestamp};
use stoa_telemetry::Metrics;

pub(crate) const TENANT: TenantId = TenantId::from_u128(7);

pub(crate) fn blob(text: &str) -> Blob {
    Blob {
        meta: Bytes::new(),
        body: Bytes::copy_from_slice(text.as_bytes()),
    }
}

struct Reader {
    cache: Cache,
    space: Space<Blob>,
    metrics: Metrics,
    fills: Arc<AtomicUsize>,
}

impl Reader {
    fn new(change: impl FnOnce(&mut SpaceConfig)) -> Self {
        let metrics = Metrics::new(Timestamp::default());
        let cache = Cache::start(CacheConfig::default(), &metrics).expect("a cache");
        let mut config = SpaceConfig::new("pages", "1");
        change(&mut config);
        Self {
            space: cache.space(config),
            cache,
            metrics,
            fills: Arc::default(),
        }
    }

    /// What is seen of `key`; `source` is what a read would find.
    async fn get(&self, key: &str, source: Option<&str>) -> Option<String> {
        let fills = Arc::clone(&self.fills);
        let source = source.map(str::to_owned);
        let fill = move || async move {
            fills.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let tags = vec![Tag::new(TENANT, "thing")];
            Ok::<_, ()>(match source {
                Some(text) => Fill::found(blob(&text), tags),
                None => Fill::missing(tags),
            })
        };
        let hit = self.space.get(TENANT, key, fill).await.expect("a fill");
        let text = hit.as_ref().map(|blob| blob.body.clone());
        text.map(|text| String::from_utf8(text.to_vec()).expect("text"))
    }

    fn fills(&self) -> usize {
        self.fills.load(Ordering::SeqCst)
    }

    fn shows(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|shown| shown == line)
    }
}

#[tokio::test(start_paused = true)]
async fn absence_is_remembered_for_a_short_while_or_until_it_ends() {
    let reader = Reader::new(|_| {});
    assert_eq!(reader.get("a", None).await, None);
    assert_eq!(reader.get("a", Some("tea")).await, None);
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(reader.get("a", Some("tea")).await.as_deref(), Some("tea"));
    assert_eq!(reader.get("b", None).await, None);
    reader.cache.invalidate(&[Tag::new(TENANT, "thing")]);
    assert_eq!(reader.get("b", Some("pot")).await.as_deref(), Some("pot"));
    assert_eq!(reader.fills(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_old_value_is_given_while_one_read_replaces_it_but_never_an_outdated_one() {
    let reader = Reader::new(|_| {});
    assert_eq!(reader.get("a", Some("one")).await.as_deref(), Some("one"));
    tokio::time::advance(Duration::from_secs(5 * 60 + 1)).await;
    assert_eq!(reader.get("a", Some("two")).await.as_deref(), Some("one"));
    while reader.fills() < 2 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert_eq!(reader.get("a", Some("six")).await.as_deref(), Some("two"));
    tokio::time::advance(Duration::from_secs(5 * 60 + 1)).await;
    reader.cache.invalidate(&[Tag::tenant(TENANT)]);
    assert_eq!(reader.get("a", Some("ten")).await.as_deref(), Some("ten"));
    // Far past its time nobody is given it.
    tokio::time::advance(Duration::from_secs(7 * 60)).await;
    assert_eq!(reader.get("a", Some("end")).await.as_deref(), Some("end"));
    assert_eq!(reader.fills(), 4);
    assert!(reader.shows(r#"stoa_cache_reads_total{by="stale",space="pages"} 1"#));
}

#[tokio::test]
async fn a_crowd_reads_once_and_the_metrics_tell() {
    let reader = Reader::new(|_| {});
    let crowd = (0..50).map(|_| reader.get("a", Some("tea")));
    let seen = futures_util::future::join_all(crowd).await;
    assert!(seen.iter().all(|text| text.as_deref() == Some("tea")));
    assert_eq!(reader.fills(), 1);
    reader.get("a", None).await;
    assert!(reader.shows(r#"stoa_cache_reads_total{by="fill",space="pages"} 1"#));
    assert!(reader.shows(r#"stoa_cache_reads_total{by="joined",space="pages"} 49"#));
    assert!(reader.shows(r#"stoa_cache_reads_total{by="memory",space="pages"} 1"#));
    assert!(reader.shows(r#"stoa_cache_fills_total{end="kept",space="pages"} 1"#));
}

#[tokio::test]
async fn what_is_too_large_tagged_too_much_or_of_another_tenant_is_given_but_not_kept() {
    let reader = Reader::new(|config| config.entry_bytes_max = 1_000);
    let long = "x".repeat(1_000);
    assert_eq!(
        reader.get("long", Some(&long)).await.as_deref(),
        Some(&*long)
    );
    assert!(matches!(reader.space.peek(TENANT, "long"), Peek::Absent));
    let other = TenantId::from_u128(8);
    for tags in [
        (0..100)
            .map(|tag| Tag::new(TENANT, &format!("t{tag}")))
            .collect(),
        vec![Tag::new(other, "thing")],
    ] {
        let fill = || async { Ok::<_, ()>(Fill::found(blob("tea"), tags)) };
        let hit = reader
            .space
            .get(TENANT, "tags", fill)
            .await
            .expect("a fill");
        assert!(!hit.was_kept());
        assert!(matches!(reader.space.peek(TENANT, "tags"), Peek::Absent));
    }
    assert!(reader.shows(r#"stoa_cache_fills_total{end="unfit",space="pages"} 3"#));
}

#[tokio::test]
async fn an_error_reaches_its_reader_and_the_others_read_for_themselves() {
    let reader = Reader::new(|_| {});
    let tries = Arc::new(AtomicUsize::new(0));
    let crowd = (0..3).map(|_| {
        let tries = Arc::clone(&tries);
        reader.space.get(TENANT, "a", move || async move {
            let number = tries.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Err::<Fill<Blob>, _>(number)
        })
    });
    let mut errors: Vec<usize> = futures_util::future::join_all(crowd)
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    errors.sort_unstable();
    assert_eq!(errors, [0, 1, 2]);
    assert_eq!(reader.get("a", Some("tea")).await.as_deref(), Some("tea"));
}

#[tokio::test]
async fn tenants_never_see_each_other_under_one_key() {
    let reader = Reader::new(|_| {});
    assert_eq!(reader.get("a", Some("tea")).await.as_deref(), Some("tea"));
    let other = TenantId::from_u128(8);
    assert!(matches!(reader.space.peek(other, "a"), Peek::Absent));
    assert!(matches!(reader.space.peek(TENANT, "a"), Peek::Fresh(_)));
}
