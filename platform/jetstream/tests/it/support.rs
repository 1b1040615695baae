//! A cell, a listener that writes down what it hears, and workers over either transport.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{Consumer, HandlerError, Transport, Worker, WorkerConfig};
use stoa_jetstream::{JetStream, JetStreamConfig};
use stoa_kernel::{Clock as _, Currency, Envelope, EventId, Fact, IdSource, SeededIds, TenantId};
use stoa_storage::{
    Cause, Db, EventLog, Isolation, Migrations, NewTenant, Plane, Storage, Tx, params,
};
use stoa_testkit::{SystemClock, TestCells};
use tokio::sync::watch;

pub(crate) const SCHEMA: Migrations = Migrations {
    module: "heard",
    plane: Plane::Cell,
    steps: &[
        "CREATE TABLE heard_list (tenant_id {id} NOT NULL, consumer {text} NOT NULL, \
         shelf {text} NOT NULL, numbers {text} NOT NULL, \
         PRIMARY KEY (tenant_id, consumer, shelf)) {strict}",
    ],
};

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) number: i64,
    pub(crate) shelf: String,
}

impl Fact for Counted {
    const TYPE: &'static str = "sample.counted";
    const VERSION: u16 = 1;

    fn key(&self) -> String {
        self.shelf.clone()
    }
}

/// Appends each number to its shelf's list in the transaction it is given, then fails as often as
/// it is told to.
pub(crate) struct Listener {
    pub(crate) name: &'static str,
    failures: Mutex<HashMap<i64, u32>>,
}

impl Listener {
    pub(crate) fn new(name: &'static str, failures: &[(i64, u32)]) -> Arc<Self> {
        Arc::new(Self {
            name,
            failures: Mutex::new(failures.iter().copied().collect()),
        })
    }

    pub(crate) fn failures_left(&self, number: i64) -> u32 {
        let failures = self.failures.lock().expect("a lock");
        failures.get(&number).copied().unwrap_or(0)
    }
}

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        self.name
    }

    fn subjects(&self) -> Vec<String> {
        vec![Counted::subject()]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        const SQL: &str = "INSERT INTO heard_list (tenant_id, consumer, shelf, numbers) \
            VALUES (:tenant, $1, $2, $3) ON CONFLICT (tenant_id, consumer, shelf) \
            DO UPDATE SET numbers = heard_list.numbers || ' ' || excluded.numbers";
        let fact: Counted = event
            .fact()
            .map_err(|error| HandlerError::Failed(error.to_string()))?
            .expect("the subject asked for");
        let number = fact.number.to_string();
        tx.execute(SQL, params![self.name, &fact.shelf, &number])
            .await?;
        let mut failures = self.failures.lock().expect("a lock");
        match failures.get_mut(&fact.number) {
            Some(left) if *left > 0 => {
                *left -= 1;
                Err(HandlerError::Failed("told to".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// A shop with an event log.
pub(crate) struct Shop {
    pub(crate) db: Db,
    pub(crate) log: EventLog,
    ids: Arc<SeededIds>,
}

impl Shop {
    pub(crate) async fn open(cells: &TestCells) -> Self {
        let tenant = cells.tenant("one").await;
        Self {
            db: cells.db(tenant).await,
            log: log_of(cells.storage(), tenant).await,
            ids: Arc::new(SeededIds::new(7)),
        }
    }

    pub(crate) async fn create(storage: &Storage) -> Self {
        let new = NewTenant {
            slug: "one".to_owned(),
            name: "One".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
            isolation: Isolation::Shared,
        };
        let tenant = storage.create_tenant(new).await.expect("a tenant").id;
        Self {
            db: storage.db(tenant).await.expect("a cell"),
            log: log_of(storage, tenant).await,
            ids: Arc::new(SeededIds::new(7)),
        }
    }

    pub(crate) async fn emit(&self, shelf: &str, number: i64) {
        let now = SystemClock.now();
        let ids: &dyn IdSource = &*self.ids;
        let id: EventId = ids.make(now);
        let fact = Counted {
            number,
            shelf: shelf.to_owned(),
        };
        self.db
            .write(async move |tx: &mut Tx<'_>| tx.emit(id, &Cause::system(now), &fact).await)
            .await
            .expect("a fact");
    }

    /// The numbers of a shelf in the order in which the listener heard them.
    pub(crate) async fn heard(&self, listener: &str, shelf: &str) -> String {
        const SQL: &str = "SELECT numbers FROM heard_list \
                           WHERE tenant_id = :tenant AND consumer = $1 AND shelf = $2";
        self.db
            .fetch(SQL, params![listener, shelf], |row| row.get(0))
            .await
            .expect("a read")
            .pop()
            .unwrap_or_default()
    }

    /// Waits until as many numbers were heard, and compares them.
    pub(crate) async fn until_heard(&self, listener: &str, shelf: &str, numbers: &str) {
        let count = |text: &str| text.split_whitespace().count();
        let what = format!("{listener} to hear `{numbers}` of {shelf}");
        until(&what, async || {
            count(&self.heard(listener, shelf).await) >= count(numbers)
        })
        .await;
        assert_eq!(self.heard(listener, shelf).await, numbers, "{listener}");
    }
}

pub(crate) async fn log_of(storage: &Storage, tenant: TenantId) -> EventLog {
    let cell = storage.tenant(tenant).await.expect("the tenant").cell;
    storage.event_log(cell).await.expect("its log")
}

pub(crate) async fn until<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let mut left = PATIENCE.as_millis() / 5;
    while !check().await {
        assert!(left > 0, "waited in vain: {what}");
        left -= 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn numbers(range: std::ops::RangeInclusive<i64>) -> String {
    let words: Vec<String> = range.map(|number| number.to_string()).collect();
    words.join(" ")
}

/// A stream of this test's own; `None` where no server is named.
pub(crate) async fn jetstream() -> Option<(Arc<JetStream>, JetStreamConfig)> {
    static STREAMS: AtomicU32 = AtomicU32::new(0);
    let url = stoa_testkit::nats_server()?;
    let number = STREAMS.fetch_add(1, Ordering::Relaxed);
    let config = JetStreamConfig {
        url,
        prefix: format!("stoa-test-{}-{number}", std::process::id()),
        replicas: 1,
        bytes_max: 8 << 20,
    };
    let stream = JetStream::connect(config.clone()).await.expect("NATS");
    Some((Arc::new(stream), config))
}

/// Deletes the stream behind Stoa's back.
pub(crate) async fn delete_stream(config: &JetStreamConfig) {
    let client = async_nats::connect(&config.url).await.expect("NATS");
    let context = async_nats::jetstream::new(client);
    let deleted = context.delete_stream(&config.prefix).await;
    deleted.expect("the stream was there");
}

pub(crate) async fn stream_exists(config: &JetStreamConfig) -> bool {
    let client = async_nats::connect(&config.url).await.expect("NATS");
    let context = async_nats::jetstream::new(client);
    context.get_stream(&config.prefix).await.is_ok()
}

pub(crate) struct Running {
    shutdown: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(
        storage: &Storage,
        transport: Option<Arc<dyn Transport>>,
        poll_every: Duration,
        listeners: &[&Arc<Listener>],
    ) -> Self {
        let config = WorkerConfig {
            poll_every,
            ..WorkerConfig::default()
        };
        let ids = Arc::new(SeededIds::new(3));
        let mut worker = Worker::new(storage.clone(), Arc::new(SystemClock), ids, config);
        let listeners = listeners
            .iter()
            .map(|one| (*one).clone() as Arc<dyn Consumer>);
        worker.serve(listeners, [], []);
        if let Some(transport) = transport {
            worker.carry(transport);
        }
        let (shutdown, ended) = watch::channel(false);
        let task = tokio::spawn(async move { worker.run(ended).await.expect("no error") });
        Self { shutdown, task }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.send(true).expect("the worker listens");
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("a worker stops when told").expect("no panic");
    }
}
