//! Facts, consumers that write down what they hear, and workers that start and stop.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{Consumer, HandlerError, JobHandler, Recurring, Worker, WorkerConfig};
use stoa_kernel::{Clock, Currency, Envelope, EventId, Fact, SeededIds, TenantId};
use stoa_storage::{
    Cause, Db, Error, EventLog, Isolation, JobQueue, Migrations, NewTenant, Plane, Storage,
    StorageConfig, Tx, params,
};
use stoa_testkit::{ManualClock, TestCells};
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

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[SCHEMA]).await
}

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

/// A fact that nobody here listens to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Dusted;

impl Fact for Dusted {
    const TYPE: &'static str = "sample.dusted";
    const VERSION: u16 = 1;

    fn key(&self) -> String {
        String::new()
    }
}

pub(crate) async fn emit(cells: &TestCells, db: &Db, shelf: &str, number: i64) -> EventId {
    let now = cells.clock.now();
    let id: EventId = cells.deps.ids.make(now);
    let fact = Counted {
        number,
        shelf: shelf.to_owned(),
    };
    db.write(async move |tx: &mut Tx<'_>| {
        let cause = Cause::system(now);
        tx.emit(EventId::from_u128(id.as_u128() ^ 1), &cause, &Dusted)
            .await?;
        tx.emit(id, &cause, &fact).await
    })
    .await
    .expect("a fact");
    id
}

/// What a listener does with a fact, the how-manieth time.
pub(crate) type Mood = Box<dyn Fn(&Counted, u32) -> Result<(), HandlerError> + Send + Sync>;

/// Appends each number to the list of its shelf, in the transaction that it is given.
pub(crate) struct Listener {
    name: &'static str,
    mood: Mood,
    tries: Mutex<HashMap<i64, u32>>,
}

impl Listener {
    pub(crate) fn new(name: &'static str) -> Arc<Self> {
        Self::with_mood(name, Box::new(|_, _| Ok(())))
    }

    pub(crate) fn with_mood(name: &'static str, mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            name,
            mood,
            tries: Mutex::default(),
        })
    }

    /// How often the fact with this number was brought.
    pub(crate) fn tries(&self, number: i64) -> u32 {
        let tries = self.tries.lock().expect("a lock");
        tries.get(&number).copied().unwrap_or(0)
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
        let fact: Counted = event
            .fact()
            .map_err(|error| HandlerError::Failed(error.to_string()))?
            .ok_or_else(|| HandlerError::Failed(format!("not asked for {}", event.subject)))?;
        let tries = {
            let mut tries = self.tries.lock().expect("a lock");
            let tries = tries.entry(fact.number).or_default();
            *tries += 1;
            *tries
        };
        append(tx, self.name, &fact).await?;
        // After the work, so that what was done before a failure must be undone.
        (self.mood)(&fact, tries)
    }
}

pub(crate) async fn append(tx: &mut Tx<'_>, consumer: &str, fact: &Counted) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO heard_list (tenant_id, consumer, shelf, numbers) \
        VALUES (:tenant, $1, $2, $3) ON CONFLICT (tenant_id, consumer, shelf) \
        DO UPDATE SET numbers = heard_list.numbers || ' ' || excluded.numbers";
    let number = fact.number.to_string();
    tx.execute(SQL, params![consumer, &fact.shelf, &number])
        .await
        .map(|_| ())
}

/// The numbers on a shelf in the order in which the consumer heard them.
pub(crate) async fn heard(db: &Db, consumer: &str, shelf: &str) -> String {
    const SQL: &str = "SELECT numbers FROM heard_list \
                       WHERE tenant_id = :tenant AND consumer = $1 AND shelf = $2";
    db.fetch(SQL, params![consumer, shelf], |row| row.get(0))
        .await
        .expect("a read")
        .into_iter()
        .next()
        .unwrap_or_default()
}

/// Waits until `check` holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let mut left = PATIENCE.as_millis() / 5;
    while !check().await {
        assert!(left > 0, "waited in vain: {what}");
        left -= 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn until_heard(db: &Db, consumer: &str, shelf: &str, numbers: &str) {
    let what = format!("{consumer} to hear `{numbers}` of {shelf}");
    let counts = |text: &str| text.split(' ').filter(|word| !word.is_empty()).count();
    until(&what, async || {
        counts(&heard(db, consumer, shelf).await) >= counts(numbers)
    })
    .await;
    assert_eq!(heard(db, consumer, shelf).await, numbers, "{consumer}");
}

/// Looks around often, so that a clock set forward is noticed.
pub(crate) fn watchful() -> WorkerConfig {
    WorkerConfig {
        poll_every: Duration::from_millis(10),
        lease: Duration::from_secs(3_600),
        ..WorkerConfig::default()
    }
}

/// Hears of work by the commit alone.
pub(crate) fn sleepy() -> WorkerConfig {
    WorkerConfig {
        poll_every: Duration::from_secs(24 * 3_600),
        ..watchful()
    }
}

/// What a worker serves.
#[derive(Default, Clone)]
pub(crate) struct Staff {
    pub(crate) consumers: Vec<Arc<dyn Consumer>>,
    pub(crate) handlers: Vec<Arc<dyn JobHandler>>,
    pub(crate) recurring: Vec<Arc<dyn Recurring>>,
}

pub(crate) fn listening(listeners: &[&Arc<Listener>]) -> Staff {
    Staff {
        consumers: listeners
            .iter()
            .map(|one| (*one).clone() as Arc<dyn Consumer>)
            .collect(),
        ..Staff::default()
    }
}

pub(crate) struct Running {
    shutdown: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Result<(), Error>>,
}

impl Running {
    pub(crate) fn start(cells: &TestCells, config: WorkerConfig, staff: Staff) -> Self {
        Self::start_on(cells.storage().clone(), cells.clock.clone(), config, staff)
    }

    pub(crate) fn start_on(
        storage: Storage,
        clock: Arc<dyn Clock>,
        config: WorkerConfig,
        staff: Staff,
    ) -> Self {
        static WORKERS: AtomicU32 = AtomicU32::new(0);
        let seed = u64::from(WORKERS.fetch_add(1, Ordering::Relaxed));
        let ids = Arc::new(SeededIds::new(seed));
        let mut worker = Worker::new(storage, clock, ids, config);
        worker.serve(staff.consumers, staff.handlers, staff.recurring);
        let (shutdown, ended) = watch::channel(false);
        Self {
            shutdown,
            task: tokio::spawn(worker.run(ended)),
        }
    }

    pub(crate) fn ask_to_stop(&self) {
        self.shutdown.send(true).expect("the worker listens");
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.task.is_finished()
    }

    pub(crate) async fn stop(self) {
        self.shutdown.send(true).expect("the worker listens");
        self.stopped().await;
    }

    pub(crate) async fn stopped(self) {
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended
            .expect("a worker stops when told")
            .expect("no panic")
            .expect("no error");
    }
}

/// Storage at an address that the test knows, with one tenant.
pub(crate) struct Opened {
    pub(crate) storage: Storage,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) db: Db,
    pub(crate) log: EventLog,
}

impl Opened {
    pub(crate) async fn at(url: &str) -> Self {
        let clock = Arc::new(ManualClock::new());
        let storage = open(url, &clock, 1).await;
        let new = NewTenant {
            slug: "one".to_owned(),
            name: "One".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
            isolation: Isolation::Shared,
        };
        let tenant = storage.create_tenant(new).await.expect("a tenant").id;
        let db = storage.db(tenant).await.expect("a cell");
        let log = log_of(&storage, tenant).await;
        Self {
            storage,
            clock,
            db,
            log,
        }
    }

    pub(crate) async fn emit(&self, number: i64) {
        let now = self.clock.now();
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                let shelf = "a".to_owned();
                let cause = Cause::system(now);
                let id = EventId::from_u128(number as u128);
                tx.emit(id, &cause, &Counted { number, shelf }).await
            })
            .await
            .expect("a fact");
    }
}

pub(crate) async fn open(url: &str, clock: &Arc<ManualClock>, seed: u64) -> Storage {
    let config = StorageConfig {
        url: url.to_owned(),
        connections_max: 4,
        mmap_bytes: 0,
        clock: clock.clone(),
        ids: Arc::new(SeededIds::new(seed)),
    };
    Storage::open(config, &[SCHEMA]).await.expect("storage")
}

pub(crate) async fn log_of(storage: &Storage, tenant: TenantId) -> EventLog {
    let cell = storage.tenant(tenant).await.expect("the tenant").cell;
    storage.event_log(cell).await.expect("its log")
}

pub(crate) async fn queue_of(storage: &Storage, tenant: TenantId) -> JobQueue {
    let cell = storage.tenant(tenant).await.expect("the tenant").cell;
    storage.job_queue(cell).await.expect("its jobs")
}
