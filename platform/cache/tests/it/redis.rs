//! Two processes over one Redis: what one reads the other is given; a lost, slow, silent or emptied
//! Redis costs a bounded wait and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stoa_cache::{
    Blob, Cache, CacheConfig, CellPosition, Fill, RedisConfig, Space, SpaceConfig, Tag,
};
use stoa_kernel::{Actor, CellId, Envelope, EventId, Fact, Timestamp};
use stoa_telemetry::Metrics;
use stoa_testkit::{FaultyLink, LinkFault, redis_server};

use crate::memory::{TENANT, blob};

const CELL: CellId = CellId::from_u128(9);
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
struct ThingChanged;

impl Fact for ThingChanged {
    const TYPE: &'static str = "things.changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        "thing".to_owned()
    }
}

fn event(seq: i64, subject: String) -> Envelope {
    Envelope {
        id: EventId::from_u128(seq as u128),
        subject,
        tenant: TENANT,
        cell: CELL,
        epoch: 1,
        seq,
        key: "thing".to_owned(),
        occurred_at: Timestamp::from_micros(0),
        actor: Actor::System,
        causation: None,
        trace: None,
        payload: serde_json::Value::Null,
    }
}

struct Process {
    cache: Cache,
    space: Space<Blob>,
    metrics: Metrics,
    fills: Arc<AtomicUsize>,
}

impl Process {
    /// One that follows events from after `seq` on.
    async fn start(url: &str, prefix: &str, seq: i64) -> Self {
        let process = Self::start_anyhow(url, prefix, Some(seq));
        process
            .until(|process| process.cache.redis_is_open() == Some(true))
            .await;
        process
    }

    fn start_anyhow(url: &str, prefix: &str, seq: Option<i64>) -> Self {
        let at = |seq| CellPosition {
            cell: CELL,
            epoch: 1,
            seq,
        };
        let redis = RedisConfig {
            prefix: prefix.to_owned(),
            positions: seq.map(|seq| vec![at(seq)]),
            // A machine that builds meanwhile is no slow Redis.
            answer_time_max: Duration::from_millis(200),
            ..RedisConfig::new(url)
        };
        let config = CacheConfig {
            redis: Some(redis),
            ..CacheConfig::default()
        };
        let metrics = Metrics::new(Timestamp::default());
        let cache = Cache::start(config, &metrics).expect("a cache");
        cache.outdate_by::<ThingChanged>(|tenant, key| vec![Tag::new(tenant, key)]);
        Self {
            space: cache.space(SpaceConfig::new("pages", "1")),
            cache,
            metrics,
            fills: Arc::default(),
        }
    }

    async fn get(&self, source: &str) -> String {
        let fills = Arc::clone(&self.fills);
        let source = source.to_owned();
        let fill = move || async move {
            fills.fetch_add(1, Ordering::SeqCst);
            Ok::<_, ()>(Fill::found(blob(&source), vec![Tag::new(TENANT, "thing")]))
        };
        let hit = self.space.get(TENANT, "key", fill).await.expect("a fill");
        let blob = hit.as_ref().expect("found");
        String::from_utf8(blob.body.to_vec()).expect("text")
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "{}", self.metrics.render());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn told(&self) {
        self.until(|process| process.cache.untold() == 0).await;
    }

    /// Until its last fill is stored.
    async fn stored(&self, count: u64) {
        let line = format!(r#"stoa_cache_redis_total{{end="answered",operation="store"}} {count}"#);
        self.until(|process| process.metrics.render().contains(&line))
            .await;
    }

    fn follow(&self, seq: i64) {
        self.cache.on_event(&event(seq, ThingChanged::subject()));
    }
}

fn prefix(name: &str) -> String {
    format!("test-{}-{name}", std::process::id())
}

#[tokio::test]
async fn one_process_is_given_what_another_read_until_it_changes() {
    let Some(url) = redis_server() else { return };
    let prefix = prefix("shared");
    let (a, b) = (
        Process::start(&url, &prefix, 0).await,
        Process::start(&url, &prefix, 0).await,
    );
    assert_eq!(a.get("old").await, "old");
    a.stored(1).await;
    assert_eq!(b.get("never read").await, "old");
    assert_eq!(b.fills.load(Ordering::SeqCst), 0);
    // The committing process knows at once, whatever Redis knows.
    a.cache.invalidate(&[Tag::new(TENANT, "thing")]);
    assert_eq!(a.get("new").await, "new");
    a.told().await;
    // B still has it in memory until it follows the event, and then never again.
    assert_eq!(b.get("unread").await, "old");
    b.follow(1);
    assert_eq!(b.get("new").await, "new");
    b.told().await;
    a.follow(1);
    a.told().await;
    let c = Process::start(&url, &prefix, 1).await;
    let seen = c.get("new").await;
    assert_eq!(seen, "new");
}

#[tokio::test]
async fn a_process_that_comes_after_a_change_that_nobody_followed_believes_nothing() {
    let Some(url) = redis_server() else { return };
    let prefix = prefix("gone");
    let a = Process::start(&url, &prefix, 5).await;
    assert_eq!(a.get("old").await, "old");
    a.stored(1).await;
    drop(a);
    // Caught up to event 5: what is stored is good.
    let b = Process::start(&url, &prefix, 5).await;
    assert_eq!(b.get("unread").await, "old");
    drop(b);
    // Event 6 was committed while nobody was there.
    let c = Process::start(&url, &prefix, 6).await;
    assert_eq!(c.get("new").await, "new");
    c.stored(1).await;
    // An event is missing in the row: the same.
    c.follow(9);
    c.told().await;
    let d = Process::start(&url, &prefix, 9).await;
    assert_eq!(d.get("newer").await, "newer");
    d.stored(1).await;
    // Who does not know where it stands believes nothing either, and nobody does then.
    let e = Process::start_anyhow(&url, &prefix, None);
    e.until(|process| process.cache.redis_is_open() == Some(true))
        .await;
    assert_eq!(e.get("newest").await, "newest");
}

#[tokio::test]
async fn events_of_other_things_keep_positions_and_values() {
    let Some(url) = redis_server() else { return };
    let prefix = prefix("others");
    let a = Process::start(&url, &prefix, 0).await;
    assert_eq!(a.get("old").await, "old");
    a.stored(1).await;
    for seq in 1..=700 {
        a.cache.on_event(&event(seq, "orders.placed.v1".to_owned()));
    }
    a.told().await;
    let b = Process::start(&url, &prefix, 700).await;
    assert_eq!(b.get("unread").await, "old");
    // Where following begins, memory forgets; Redis knows by the positions that nothing was missed.
    b.cache.on_gap();
    assert_eq!(b.get("unread").await, "old");
    b.cache.on_gap();
    assert_eq!(b.get("new").await, "new");
    b.told().await;
    let c = Process::start(&url, &prefix, 700).await;
    assert_ne!(c.get("new").await, "old");
}

#[tokio::test]
async fn counts_that_redis_loses_take_what_was_stored_with_them() {
    let Some(url) = redis_server() else { return };
    let prefix = prefix("evicted");
    let a = Process::start(&url, &prefix, 0).await;
    assert_eq!(a.get("old").await, "old");
    a.stored(1).await;
    let client = redis::Client::open(url.as_str()).expect("a URL");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("redis");
    let tenant = format!("{prefix}:c2:t:{TENANT}");
    let removed: i64 = redis::cmd("DEL")
        .arg(&tenant)
        .query_async(&mut connection)
        .await
        .expect("redis");
    assert_eq!(removed, 1);
    let b = Process::start(&url, &prefix, 0).await;
    assert_eq!(b.get("new").await, "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_silent_or_slow_redis_costs_a_bounded_wait_and_is_used_again_when_well() {
    let Some(url) = redis_server() else { return };
    let upstream: SocketAddr = url
        .trim_start_matches("redis://")
        .parse()
        .expect("an address");
    let link = FaultyLink::start(upstream).await;
    let away = format!("redis://{}", link.address());
    let prefix = prefix("faults");
    let a = Process::start(&away, &prefix, 0).await;
    let faults = [
        LinkFault::Cut,
        LinkFault::Silent,
        LinkFault::Slow(Duration::from_secs(2)),
    ];
    for (round, fault) in faults.into_iter().enumerate() {
        link.set(fault);
        let seq = round as i64 + 1;
        for number in 0..12 {
            // Nothing is kept in memory, so that each read would ask Redis.
            a.cache.invalidate(&[Tag::new(TENANT, "thing")]);
            let text = format!("{round}-{number}");
            let began = Instant::now();
            assert_eq!(a.get(&text).await, text);
            assert!(began.elapsed() < Duration::from_secs(1), "{fault:?}");
        }
        a.until(|process| process.cache.redis_is_open() == Some(false))
            .await;
        assert!(a.metrics.render().contains("stoa_cache_redis_open 0"));
        // What happens meanwhile is told when Redis is back.
        a.follow(seq);
        assert!(a.cache.untold() > 0);
        link.set(LinkFault::None);
        a.until(|process| process.cache.redis_is_open() == Some(true))
            .await;
        a.told().await;
        let before = format!("well-{round}");
        assert_eq!(a.get(&before).await, before);
        a.stored(seq as u64).await;
        let b = Process::start(&url, &prefix, seq).await;
        assert_eq!(b.get("unread").await, before);
    }
}

#[tokio::test]
async fn a_redis_that_never_was_there_is_left_alone() {
    let process = Process::start_anyhow("redis://127.0.0.1:1", "none", Some(0));
    for number in 0..10 {
        process.cache.invalidate(&[Tag::new(TENANT, "thing")]);
        let text = number.to_string();
        assert_eq!(process.get(&text).await, text);
    }
    // Far more than is remembered one by one.
    for seq in 1..=20_000 {
        process.cache.invalidate(&[Tag::new(TENANT, "thing")]);
        process.follow(seq);
    }
    assert!(
        process.cache.untold() <= 8_193,
        "{}",
        process.cache.untold()
    );
    assert_eq!(process.cache.redis_is_open(), Some(false));
}
