//! Caches follow the log from now on, and forget everything where they may have missed something.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stoa_kernel::Envelope;
use stoa_storage::Storage;
use tokio::sync::watch;

use crate::support::{Counted, Opened, emit, everywhere, log_of, until};

const EVERY: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Seen {
    numbers: Mutex<Vec<i64>>,
    gaps: AtomicU32,
}

impl Seen {
    fn has(&self, number: i64) -> bool {
        self.numbers.lock().expect("a lock").contains(&number)
    }

    /// The numbers from `first` on.
    fn from(&self, first: i64) -> Vec<i64> {
        let numbers = self.numbers.lock().expect("a lock");
        numbers
            .iter()
            .copied()
            .filter(|number| *number >= first)
            .collect()
    }
}

struct Following {
    seen: Arc<Seen>,
    shutdown: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Following {
    fn start(storage: Storage) -> Self {
        let seen: Arc<Seen> = Arc::default();
        let (shutdown, ended) = watch::channel(false);
        let (of_events, of_gaps) = (seen.clone(), seen.clone());
        let on_event = move |event: &Envelope| {
            if let Ok(Some(fact)) = event.fact::<Counted>() {
                of_events.numbers.lock().expect("a lock").push(fact.number);
            }
        };
        let on_gap = move || {
            of_gaps.gaps.fetch_add(1, Ordering::SeqCst);
        };
        let task = stoa_bus::tail(storage, EVERY, Arc::new(on_event), Arc::new(on_gap), ended);
        Self {
            seen,
            shutdown,
            task: tokio::spawn(task),
        }
    }

    async fn stop(self) -> Arc<Seen> {
        self.shutdown.send(true).expect("it listens");
        let ended = tokio::time::timeout(Duration::from_secs(30), self.task).await;
        ended.expect("it stops when told").expect("no panic");
        self.seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn later_facts_of_all_cells_are_seen_once_and_in_order() {
    for cells in everywhere().await {
        let old = cells.tenant("old").await;
        let db = cells.db(old).await;
        let log = log_of(cells.storage(), old).await;
        emit(&cells, &db, "a", -1).await;
        log.sequence().await.expect(cells.kind);
        let following = Following::start(cells.storage().clone());
        // Until the first is seen nobody knows from where it follows.
        let mut first = 0;
        while !following.seen.has(first) {
            first += 1;
            emit(&cells, &db, "a", first).await;
            log.sequence().await.expect(cells.kind);
            tokio::time::sleep(EVERY * 4).await;
        }
        for number in 1_001..=1_020 {
            emit(&cells, &db, "a", number).await;
            log.sequence().await.expect(cells.kind);
        }
        // A cell that was made meanwhile is followed from its first fact.
        let young = cells.tenant("young").await;
        let young_db = cells.db(young).await;
        emit(&cells, &young_db, "a", 2_001).await;
        log_of(cells.storage(), young)
            .await
            .sequence()
            .await
            .expect(cells.kind);
        until("the last one", async || {
            following.seen.has(1_020) && following.seen.has(2_001)
        })
        .await;
        let seen = following.stop().await;
        assert!(!seen.has(-1), "{}: one that came before", cells.kind);
        let mut expected: Vec<i64> = (1_001..=1_020).collect();
        expected.push(2_001);
        let mut from = seen.from(1_001);
        from.sort_by_key(|number| *number > 2_000);
        assert_eq!(from, expected, "{}", cells.kind);
        // What was read before the first look may be older than what is followed.
        assert_eq!(seen.gaps.load(Ordering::SeqCst), 1, "{}", cells.kind);
    }
}

/// Makes the list of cells unreadable and readable again, past storage.
enum Saboteur {
    File(rusqlite::Connection),
    Server(tokio_postgres::Client),
}

impl Saboteur {
    async fn run(&self, sql: &str) {
        match self {
            Self::File(file) => file.execute_batch(sql).expect("SQL"),
            Self::Server(client) => client.batch_execute(sql).await.expect("SQL"),
        }
    }
}

async fn outage(url: &str, saboteur: Saboteur) {
    let opened = Opened::at(url).await;
    let following = Following::start(opened.storage.clone());
    let mut number = 0;
    while !following.seen.has(number) {
        number += 1;
        opened.emit(number).await;
        opened.log.sequence().await.expect("a sequence");
        tokio::time::sleep(EVERY * 4).await;
    }
    assert_eq!(following.seen.gaps.load(Ordering::SeqCst), 1, "{url}");
    // How long an outage must be to be noticed is not ours to know: so there are several.
    while following.seen.gaps.load(Ordering::SeqCst) == 1 {
        assert!(number < 500, "{url}: no outage was noticed");
        saboteur
            .run("ALTER TABLE stoa_cell RENAME TO stoa_cell_away")
            .await;
        number += 1;
        opened.emit(number).await;
        opened.log.sequence().await.expect("a sequence");
        tokio::time::sleep(EVERY * 4).await;
        saboteur
            .run("ALTER TABLE stoa_cell_away RENAME TO stoa_cell")
            .await;
        tokio::time::sleep(EVERY * 4).await;
    }
    number += 1;
    opened.emit(number).await;
    opened.log.sequence().await.expect("a sequence");
    until("the one after the outage", async || {
        following.seen.has(number)
    })
    .await;
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_makes_a_follower_forget_what_it_knew() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().display());
    let file = folder.path().join("control.db");
    outage(
        &url,
        Saboteur::File(rusqlite::Connection::open(file).expect("the file")),
    )
    .await;
    let Some(server) = stoa_testkit::postgres_server() else {
        return;
    };
    let url = stoa_testkit::fresh_database(&server).await;
    let (client, task) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .expect("the server");
    tokio::spawn(task);
    client
        .batch_execute("SET search_path TO stoa_control")
        .await
        .expect("a setting");
    outage(&url, Saboteur::Server(client)).await;
}
