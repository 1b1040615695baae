//! What every transport keeps: order per key, redelivery, once each, no loss, replay.

use std::sync::Arc;
use std::time::Duration;

use stoa_bus::Transport;
use stoa_jetstream::JetStreamConfig;
use stoa_storage::Isolation;
use stoa_testkit::TestCells;

use crate::support::{
    Listener, Running, SCHEMA, Shop, delete_stream, jetstream, numbers, stream_exists,
};

const EVERY: Duration = Duration::from_millis(20);
const LISTENER: &str = "listener";

/// One transport over one database.
struct Setting {
    what: String,
    cells: TestCells,
    transport: Option<Arc<dyn Transport>>,
    config: Option<JetStreamConfig>,
}

async fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for over_jetstream in [false, true] {
        let mut cells = vec![stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await];
        if stoa_testkit::postgres_server().is_some() {
            let all = stoa_testkit::everywhere(&[SCHEMA]).await;
            cells.extend(
                all.into_iter()
                    .filter(|cells| cells.kind == "postgres shared"),
            );
        }
        for cells in cells {
            let (transport, config) = match over_jetstream {
                false => (None, None),
                true => match jetstream().await {
                    Some((stream, config)) => (Some(stream as Arc<dyn Transport>), Some(config)),
                    None => continue,
                },
            };
            let name = if over_jetstream {
                "JetStream"
            } else {
                "embedded"
            };
            settings.push(Setting {
                what: format!("{name} over {}", cells.kind),
                cells,
                transport,
                config,
            });
        }
    }
    settings
}

impl Setting {
    fn start(&self, listeners: &[&Arc<Listener>]) -> Running {
        Running::start(
            self.cells.storage(),
            self.transport.clone(),
            EVERY,
            listeners,
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_of_one_key_come_in_the_order_of_their_commits() {
    for setting in settings().await {
        let shop = Shop::open(&setting.cells).await;
        let listener = Listener::new(LISTENER, &[]);
        let running = setting.start(&[&listener]);
        for number in 1..=100 {
            for shelf in ["a", "b", "c"] {
                shop.emit(shelf, number).await;
            }
        }
        for shelf in ["a", "b", "c"] {
            shop.until_heard(LISTENER, shelf, &numbers(1..=100)).await;
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_fails_comes_again_and_none_passes_it() {
    for setting in settings().await {
        let shop = Shop::open(&setting.cells).await;
        let listener = Listener::new(LISTENER, &[(3, 2), (7, 1)]);
        let running = setting.start(&[&listener]);
        for number in 1..=10 {
            shop.emit("a", number).await;
        }
        shop.until_heard(LISTENER, "a", &numbers(1..=10)).await;
        assert_eq!(
            (listener.failures_left(3), listener.failures_left(7)),
            (0, 0)
        );
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_comes_again_is_handled_once() {
    for setting in settings().await {
        let shop = Shop::open(&setting.cells).await;
        let listener = Listener::new(LISTENER, &[]);
        let running = setting.start(&[&listener]);
        for number in 1..=20 {
            shop.emit("a", number).await;
        }
        shop.until_heard(LISTENER, "a", &numbers(1..=20)).await;
        // The same facts a second time, by way of the transport and by way of a lost position.
        if let Some(transport) = &setting.transport {
            let all = shop.log.after(0, 1_000).await.expect("events");
            transport.publish(&all).await.expect("published");
        }
        running.stop().await;
        shop.log.forget(LISTENER).await.expect("forgotten");
        let running = setting.start(&[&listener]);
        shop.emit("a", 21).await;
        shop.until_heard(LISTENER, "a", &numbers(1..=21)).await;
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_can_be_handled_again_from_a_position() {
    for setting in settings().await {
        let shop = Shop::open(&setting.cells).await;
        let (again, once) = (Listener::new("again", &[]), Listener::new("once", &[]));
        let running = setting.start(&[&again, &once]);
        for number in 1..=6 {
            shop.emit("a", number).await;
        }
        shop.until_heard("again", "a", &numbers(1..=6)).await;
        shop.until_heard("once", "a", &numbers(1..=6)).await;
        let now = setting.cells.deps.now();
        let forgotten = shop.log.replay("again", 4, now).await.expect("a replay");
        assert_eq!(forgotten, 2, "{}", setting.what);
        shop.until_heard("again", "a", "1 2 3 4 5 6 5 6").await;
        assert_eq!(shop.heard("once", "a").await, numbers(1..=6));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_stream_loses_nothing_and_comes_back() {
    for setting in settings().await {
        let Some(config) = &setting.config else {
            continue;
        };
        let shop = Shop::open(&setting.cells).await;
        let listener = Listener::new(LISTENER, &[]);
        let running = setting.start(&[&listener]);
        for number in 1..=20 {
            shop.emit("a", number).await;
        }
        shop.until_heard(LISTENER, "a", &numbers(1..=20)).await;
        delete_stream(config).await;
        for number in 21..=60 {
            shop.emit("a", number).await;
        }
        shop.until_heard(LISTENER, "a", &numbers(1..=60)).await;
        crate::support::until("the stream to come back", async || {
            stream_exists(config).await
        })
        .await;
        shop.emit("a", 61).await;
        shop.until_heard(LISTENER, "a", &numbers(1..=61)).await;
        running.stop().await;
        delete_stream(config).await;
    }
}
