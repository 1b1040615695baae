//! Seeded races of readers, writers and followers in several processes over one Redis: whatever the
//! interleaving, nothing outdated stays. Shown to catch fills that are kept without being judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use parking_lot::Mutex;
use stoa_kernel::{Actor, CellId, Envelope, EventId, TenantId, Timestamp};
use stoa_telemetry::Metrics;

use crate::{
    Blob, Cache, CacheConfig, CellPosition, Fill, Hit, RedisConfig, Space, SpaceConfig, Tag,
};

const TENANT: TenantId = TenantId::from_u128(7);
const CELL: CellId = CellId::from_u128(9);
const SUBJECT: &str = "things.changed.v1";
const KEYS: usize = 3;
const PROCESSES: usize = 2;

fn tag(key: usize) -> Tag {
    Tag::new(TENANT, &format!("thing-{key}"))
}

/// The database: a version a thing, and the log of changes.
#[derive(Default)]
struct Source {
    versions: [AtomicU64; KEYS],
    log: Mutex<Vec<usize>>,
}

struct Process {
    cache: Cache,
    space: Space<Blob>,
    followed: Mutex<usize>,
}

impl Process {
    fn start(url: Option<String>, prefix: &str, log: usize) -> Self {
        let redis = url.map(|url| RedisConfig {
            prefix: prefix.to_owned(),
            answer_time_max: Duration::from_secs(5),
            positions: Some(vec![CellPosition {
                cell: CELL,
                epoch: 1,
                seq: log as i64,
            }]),
            ..RedisConfig::new(url)
        });
        let config = CacheConfig {
            redis,
            ..CacheConfig::default()
        };
        let cache = Cache::start(config, &Metrics::new(Timestamp::default())).expect("a cache");
        let space = cache.space(SpaceConfig::new("race", "1"));
        Self {
            cache,
            space,
            followed: Mutex::new(log),
        }
    }

    async fn read(&self, source: &Arc<Source>, key: usize, pauses: u32) -> u64 {
        let source = Arc::clone(source);
        let fill = move || async move {
            let version = source.versions[key].load(Ordering::SeqCst);
            for _ in 0..pauses {
                tokio::task::yield_now().await;
            }
            let blob = Blob {
                meta: Bytes::new(),
                body: Bytes::copy_from_slice(&version.to_be_bytes()),
            };
            Ok::<_, ()>(Fill::found(blob, vec![tag(key)]))
        };
        let hit = self.space.get(TENANT, &key.to_string(), fill).await;
        version_of(&hit.expect("a fill that never fails"))
    }

    /// Commits a change; answers its version.
    fn write(&self, source: &Source, key: usize) -> u64 {
        let version = source.versions[key].fetch_add(1, Ordering::SeqCst) + 1;
        source.log.lock().push(key);
        // The hook of the commit.
        self.cache.invalidate(&[tag(key)]);
        version
    }

    /// Follows up to `most` events.
    fn follow(&self, source: &Source, most: usize) {
        let mut followed = self.followed.lock();
        let log = source.log.lock();
        for (at, key) in log.iter().enumerate().skip(*followed).take(most) {
            self.cache.on_event(&event(at as i64 + 1, *key));
            *followed = at + 1;
        }
    }

    async fn settle(&self) {
        while self.cache.untold() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn until_open(&self) {
        while self.cache.redis_is_open() == Some(false) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn version_of(hit: &Hit<Blob>) -> u64 {
    let blob = hit.as_ref().expect("things exist");
    u64::from_be_bytes(blob.body[..].try_into().expect("eight bytes"))
}

fn event(seq: i64, key: usize) -> Envelope {
    Envelope {
        id: EventId::from_u128(seq as u128),
        subject: SUBJECT.to_owned(),
        tenant: TENANT,
        cell: CELL,
        epoch: 1,
        seq,
        key: key.to_string(),
        occurred_at: Timestamp::from_micros(0),
        actor: Actor::System,
        causation: None,
        trace: None,
        payload: serde_json::Value::Null,
    }
}

/// What went wrong, in words.
async fn run(seed: u64, url: Option<String>, planted: bool) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let prefix = format!("race{}x{seed}x{planted}", std::process::id());
    let source = Arc::new(Source::default());
    let processes: Vec<Arc<Process>> = (0..PROCESSES)
        .map(|_| Arc::new(Process::start(url.clone(), &prefix, 0)))
        .collect();
    for process in &processes {
        process.until_open().await;
        process
            .cache
            .0
            .rules
            .write()
            .push((SUBJECT.to_owned(), |_, key| {
                vec![tag(key.parse().expect("a number"))]
            }));
        if planted {
            process.cache.blind();
        }
    }
    for round in 0..6 {
        let mut tasks = Vec::new();
        for _ in 0..24 {
            let process = Arc::clone(&processes[rng.usize(..PROCESSES)]);
            let (source, key, pauses) = (Arc::clone(&source), rng.usize(..KEYS), rng.u32(..12));
            let (kind, before, most) = (rng.u8(..10), rng.u32(..6), rng.usize(1..4));
            tasks.push(tokio::spawn(async move {
                for _ in 0..before {
                    tokio::task::yield_now().await;
                }
                match kind {
                    0..=5 => drop(process.read(&source, key, pauses).await),
                    6..=7 => {
                        let wrote = process.write(&source, key);
                        let seen = process.read(&source, key, pauses).await;
                        if seen < wrote {
                            return Err(format!("wrote {wrote} of {key} and then read {seen}"));
                        }
                    }
                    _ => process.follow(&source, most),
                }
                Ok(())
            }));
        }
        for task in tasks {
            let said = task.await.map_err(|error| error.to_string())?;
            said.map_err(|wrong| format!("seed {seed}, round {round}: {wrong}"))?;
        }
        quiesce(&processes, &source).await;
        check(
            seed,
            round,
            &processes,
            &source,
            url.clone(),
            &prefix,
            planted,
        )
        .await?;
    }
    Ok(())
}

/// All is followed and told, and every store that is on its way has ended.
async fn quiesce(processes: &[Arc<Process>], source: &Source) {
    for process in processes {
        process.follow(source, usize::MAX);
    }
    for process in processes {
        process.settle().await;
        process.cache.stores_ended().await;
    }
}

/// Every process, also one that has only what Redis holds, sees the newest of everything.
async fn check(
    seed: u64,
    round: u32,
    processes: &[Arc<Process>],
    source: &Arc<Source>,
    url: Option<String>,
    prefix: &str,
    planted: bool,
) -> Result<(), String> {
    let newcomer = Arc::new(Process::start(url, prefix, source.log.lock().len()));
    newcomer.until_open().await;
    if planted {
        newcomer.cache.blind();
    }
    for (at, process) in processes.iter().chain([&newcomer]).enumerate() {
        for key in 0..KEYS {
            let newest = source.versions[key].load(Ordering::SeqCst);
            let seen = process.read(source, key, 0).await;
            if seen != newest {
                return Err(format!(
                    "seed {seed}, round {round}: process {at} keeps {seen} of {key}, not {newest}"
                ));
            }
            // What memory hides: what Redis would give it.
            if rng_of(seed, round, key) {
                process.space.forget();
            }
        }
    }
    Ok(())
}

fn rng_of(seed: u64, round: u32, key: usize) -> bool {
    Rng::with_seed(seed ^ u64::from(round) << 32 ^ (key as u64) << 48).bool()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_outdated_stays_in_memory_and_a_fill_kept_unjudged_is_caught() {
    let mut caught = false;
    for seed in 0..200 {
        if let Err(wrong) = run(seed, None, true).await {
            caught = true;
            assert!(wrong.contains("seed"), "{wrong}");
            break;
        }
    }
    assert!(
        caught,
        "200 seeds do not see a fill kept without a look at the journal"
    );
    for seed in 0..200 {
        assert_eq!(run(seed, None, false).await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_outdated_stays_in_redis_and_a_store_unjudged_is_caught() {
    let Some(url) = stoa_testkit::redis_server() else {
        return;
    };
    let mut caught = false;
    for seed in 0..20 {
        if run(seed, Some(url.clone()), true).await.is_err() {
            caught = true;
            break;
        }
    }
    assert!(
        caught,
        "20 seeds do not see a store under a token of afterwards"
    );
    for seed in 0..20 {
        assert_eq!(run(seed, Some(url.clone()), false).await, Ok(()));
    }
}

#[tokio::test]
async fn a_leader_who_is_cut_off_or_panics_is_followed_by_another() {
    let process = Arc::new(Process::start(None, "", 0));
    let source = Arc::new(Source::default());
    let space = process.space.clone();
    let (began, has_begun) = tokio::sync::oneshot::channel::<()>();
    let leader = tokio::spawn(async move {
        let fill = move || async move {
            began.send(()).map_err(drop)?;
            std::future::pending::<Result<Fill<Blob>, ()>>().await
        };
        space.get(TENANT, "0", fill).await.map(drop)
    });
    has_begun.await.expect("the leader reads");
    let follower = {
        let (process, source) = (Arc::clone(&process), Arc::clone(&source));
        tokio::spawn(async move { process.read(&source, 0, 0).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(process.space.flying(), 1);
    leader.abort();
    assert_eq!(follower.await.expect("the follower reads"), 0);
    assert_eq!(process.space.flying(), 0);
    let space = process.space.clone();
    let panics = tokio::spawn(async move {
        let fill = || async { panic!("the source is broken") as Result<Fill<Blob>, ()> };
        space.get(TENANT, "1", fill).await.map(drop)
    });
    assert!(panics.await.is_err());
    assert_eq!(process.space.flying(), 0);
    assert_eq!(process.read(&source, 1, 0).await, 0);
}
