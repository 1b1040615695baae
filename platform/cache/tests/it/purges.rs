//! CDNs are told what was outdated: each tag once, in their words, again when they stumble.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use stoa_cache::{Cache, CacheConfig, PurgeTarget, Tag};
use stoa_kernel::{Actor, CellId, Envelope, EventId, Fact, Timestamp};
use stoa_telemetry::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::memory::TENANT;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
struct ThingChanged;

impl Fact for ThingChanged {
    const TYPE: &'static str = "things.changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        String::new()
    }
}

fn event(seq: i64, key: &str) -> Envelope {
    Envelope {
        id: EventId::from_u128(seq as u128),
        subject: ThingChanged::subject(),
        tenant: TENANT,
        cell: CellId::from_u128(9),
        epoch: 1,
        seq,
        key: key.to_owned(),
        occurred_at: Timestamp::from_micros(0),
        actor: Actor::System,
        causation: None,
        trace: None,
        payload: serde_json::Value::Null,
    }
}

/// A CDN that answers the statuses in turn, the last one for ever; and what it was sent.
async fn cdn(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = Vec::new();
            while let Ok(1..) = client.read_buf(&mut request).await {
                let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().expect("a number"));
                if body.len() >= length {
                    break;
                }
            }
            let number = {
                let mut told = told.lock();
                told.push(String::from_utf8(request).expect("text"));
                told.len() - 1
            };
            let status = statuses[number.min(statuses.len() - 1)];
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    (address.to_string(), seen)
}

fn start(target: PurgeTarget) -> (Cache, Metrics) {
    let config = CacheConfig {
        purge_urls: vec![target],
        purge_after: Duration::from_millis(50),
        ..CacheConfig::default()
    };
    let metrics = Metrics::new(Timestamp::default());
    let cache = Cache::start(config, &metrics).expect("a cache");
    cache.outdate_by::<ThingChanged>(|tenant, key| {
        vec![Tag::new(tenant, key), Tag::new(tenant, "list")]
    });
    (cache, metrics)
}

async fn until(metrics: &Metrics, line: &str) {
    let began = Instant::now();
    while !metrics.render().lines().any(|shown| shown == line) {
        assert!(began.elapsed() < PATIENCE, "{line}: {}", metrics.render());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn fastly_gets_each_key_once_in_one_call_with_its_secret() {
    let (address, seen) = cdn(&[200]).await;
    let target = PurgeTarget::parse(&format!("surrogate+http://{address}/purge"))
        .expect("a target")
        .with_header(
            http::HeaderName::from_static("fastly-key"),
            http::HeaderValue::from_static("secret"),
        );
    assert!(!format!("{target:?}").contains("secret"));
    let (cache, metrics) = start(target);
    for (seq, key) in ["a", "b", "a"].into_iter().enumerate() {
        cache.on_event(&event(seq as i64 + 1, key));
    }
    until(&metrics, r#"stoa_cache_purged_tags_total{end="sent"} 3"#).await;
    let seen = seen.lock().clone();
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0].starts_with("POST /purge HTTP/1.1\r\n"),
        "{}",
        seen[0]
    );
    assert!(
        seen[0].contains("surrogate-key: a b list\r\n"),
        "{}",
        seen[0]
    );
    assert!(seen[0].contains("fastly-key: secret\r\n"), "{}", seen[0]);
}

#[tokio::test]
async fn a_cdn_that_stumbles_is_asked_again_and_one_that_refuses_is_not() {
    let (address, seen) = cdn(&[503, 200, 403]).await;
    let target = PurgeTarget::parse(&format!("json+http://{address}/")).expect("a target");
    let (cache, metrics) = start(target);
    cache.on_event(&event(1, "a"));
    until(&metrics, r#"stoa_cache_purged_tags_total{end="sent"} 2"#).await;
    {
        let seen = seen.lock();
        assert_eq!(seen.len(), 2);
        assert!(seen[0].ends_with(r#"{"tags":["a","list"]}"#), "{}", seen[0]);
        assert_eq!(seen[0], seen[1]);
    }
    cache.on_event(&event(2, "b"));
    until(
        &metrics,
        r#"stoa_cache_purged_tags_total{end="given_up"} 2"#,
    )
    .await;
    assert_eq!(seen.lock().len(), 3);
    until(&metrics, r#"stoa_cache_purged_tags_total{end="retried"} 2"#).await;
}

#[tokio::test]
async fn what_this_process_commits_is_purged_when_its_event_comes_not_before() {
    let (address, seen) = cdn(&[200]).await;
    let target = PurgeTarget::parse(&format!("json+http://{address}/")).expect("a target");
    let (cache, metrics) = start(target);
    cache.invalidate(&[Tag::new(TENANT, "early")]);
    cache.on_event(&event(1, "late"));
    until(&metrics, r#"stoa_cache_purged_tags_total{end="sent"} 2"#).await;
    let seen = seen.lock().clone();
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].contains("early"), "{}", seen[0]);
}
