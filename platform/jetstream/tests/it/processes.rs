//! Two processes with a bus between them, and a bus that is away.

use std::sync::Arc;
use std::time::Duration;

use stoa_bus::Transport;
use stoa_jetstream::{JetStream, JetStreamConfig, JetStreamError};
use stoa_kernel::SeededIds;
use stoa_storage::{Isolation, Storage, StorageConfig};
use stoa_testkit::SystemClock;

use crate::support::{Listener, Running, SCHEMA, Shop, delete_stream, jetstream, numbers, until};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Every kind of cell is opened by the kit; a second process opens the same database.
#[tokio::test(flavor = "multi_thread")]
async fn another_process_hears_by_the_bus_alone() {
    let (Some(server), Some((near, config))) = (stoa_testkit::postgres_server(), jetstream().await)
    else {
        return;
    };
    let url = stoa_testkit::fresh_database(&server).await;
    let open = async |seed: u64| {
        let config = StorageConfig {
            url: url.clone(),
            connections_max: 4,
            mmap_bytes: 0,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SeededIds::new(seed)),
        };
        Storage::open(config, &[SCHEMA]).await.expect("storage")
    };
    let (here, there) = (open(1).await, open(2).await);
    let shop = Shop::create(&here).await;
    let far = JetStream::connect(config.clone()).await.expect("NATS");
    let listener = Listener::new("far", &[]);
    // It would look into the log once a day.
    let hearing = Running::start(&there, Some(Arc::new(far)), DAY, &[&listener]);
    let relaying = Running::start(&here, Some(near), Duration::from_millis(20), &[]);
    // The listener is there once something arrives; nothing is lost before that either way.
    shop.emit("first", 0).await;
    until("the far process to listen", async || {
        shop.emit("warm-up", 0).await;
        !shop.heard("far", "warm-up").await.is_empty()
    })
    .await;
    for number in 1..=50 {
        shop.emit("a", number).await;
    }
    shop.until_heard("far", "a", &numbers(1..=50)).await;
    shop.until_heard("far", "first", "0").await;
    hearing.stop().await;
    relaying.stop().await;
    delete_stream(&config).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_is_away_delays_nothing_in_the_log() {
    // Bound and never accepting: connections are refused once it is dropped.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("nats://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let cells = stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await;
    let shop = Shop::open(&cells).await;
    let config = JetStreamConfig {
        url,
        prefix: "stoa-away".to_owned(),
        replicas: 1,
        bytes_max: 8 << 20,
    };
    let away: Arc<dyn Transport> = Arc::new(JetStream::connect(config).await.expect("no wait"));
    let listener = Listener::new("near", &[]);
    let every = Duration::from_millis(20);
    let running = Running::start(cells.storage(), Some(away), every, &[&listener]);
    for number in 1..=10 {
        shop.emit("a", number).await;
    }
    shop.until_heard("near", "a", &numbers(1..=10)).await;
    running.stop().await;
}

#[tokio::test]
async fn a_prefix_that_is_no_stream_name_is_refused() {
    for prefix in ["", "a.b", "a b", &"a".repeat(65)] {
        let config = JetStreamConfig {
            url: "nats://127.0.0.1:1".to_owned(),
            prefix: prefix.to_owned(),
            replicas: 1,
            bytes_max: 8 << 20,
        };
        let refused = JetStream::connect(config).await.err();
        assert!(
            matches!(refused, Some(JetStreamError::Prefix { .. })),
            "{prefix}"
        );
    }
}
