//! The tables that storage's own tests work on, and places that can be opened more than once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stoa_kernel::{Clock, Currency, SeededIds, TenantId, Timestamp};
use stoa_storage::{
    Db, Error, EventLog, Isolation, JobQueue, Migrations, NewTenant, Plane, Storage, StorageConfig,
    Tx, params,
};
use stoa_testkit::{ManualClock, SystemClock, TestCells};

pub(crate) const SCHEMA: Migrations = Migrations {
    module: "sample",
    plane: Plane::Cell,
    steps: &[
        "CREATE TABLE sample_item (tenant_id {id} NOT NULL, id {int} NOT NULL, \
         name {text} NOT NULL, units {int} NOT NULL CHECK (units >= 0), note {text}, \
         PRIMARY KEY (tenant_id, id)) {strict}",
        "CREATE TABLE sample_part (tenant_id {id} NOT NULL, id {int} NOT NULL, item {int}, \
         label {text}, raw {bytes}, reference {id}, number {int}, PRIMARY KEY (tenant_id, id), \
         FOREIGN KEY (tenant_id, item) REFERENCES sample_item (tenant_id, id)) {strict}",
    ],
};

pub(crate) const INSERT: &str =
    "INSERT INTO sample_item (tenant_id, id, name, units) VALUES (:tenant, $1, $2, $3)";
pub(crate) const UNITS: &str =
    "SELECT units FROM sample_item WHERE tenant_id = :tenant AND id = $1";
pub(crate) const TAKE: &str = "UPDATE sample_item SET units = units - $2 \
                               WHERE tenant_id = :tenant AND id = $1 AND units >= $2";
pub(crate) const COUNT: &str = "SELECT count(*) FROM sample_item WHERE tenant_id = :tenant";

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[SCHEMA]).await
}

pub(crate) async fn put(db: &Db, id: i64, name: &'static str, units: i64) -> Result<(), Error> {
    db.write(async move |tx: &mut Tx<'_>| {
        tx.execute(INSERT, params![id, name, units])
            .await
            .map(|_| ())
    })
    .await
}

pub(crate) async fn units(db: &Db, id: i64) -> Option<i64> {
    db.fetch(UNITS, params![id], |row| row.get(0))
        .await
        .expect("a read")
        .into_iter()
        .next()
}

pub(crate) async fn count(db: &Db) -> i64 {
    db.fetch(COUNT, params![], |row| row.get(0))
        .await
        .expect("a count")[0]
}

/// The log of the cell that `tenant` lives in.
pub(crate) async fn log_of(storage: &Storage, tenant: TenantId) -> EventLog {
    let cell = storage.tenant(tenant).await.expect("the tenant").cell;
    storage.event_log(cell).await.expect("its log")
}

pub(crate) async fn queue_of(storage: &Storage, tenant: TenantId) -> JobQueue {
    let cell = storage.tenant(tenant).await.expect("the tenant").cell;
    storage.job_queue(cell).await.expect("its jobs")
}

/// An address of a database that several `Storage`s can open, together or one after another.
pub(crate) struct Place {
    pub(crate) kind: &'static str,
    pub(crate) isolation: Isolation,
    pub(crate) url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    pub(crate) fn is_server(&self) -> bool {
        self.url.starts_with("postgres")
    }

    pub(crate) async fn open(&self) -> Storage {
        self.open_with(&[SCHEMA]).await.expect(self.kind)
    }

    pub(crate) async fn open_with(&self, modules: &[Migrations]) -> Result<Storage, Error> {
        open_at(&self.url, 8, modules).await
    }

    pub(crate) async fn tenant(&self, storage: &Storage, slug: &str) -> TenantId {
        create_tenant(storage, slug, self.isolation).await
    }
}

pub(crate) async fn create_tenant(storage: &Storage, slug: &str, isolation: Isolation) -> TenantId {
    let new = NewTenant {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        currency: Currency::EUR,
        test_mode: true,
        isolation,
    };
    storage.create_tenant(new).await.expect("a tenant").id
}

/// One empty place for every kind of cell.
pub(crate) async fn places() -> Vec<Place> {
    let mut all: Vec<Place> = [
        ("sqlite shared", Isolation::Shared),
        ("sqlite database", Isolation::Database),
    ]
    .into_iter()
    .map(|(kind, isolation)| sqlite_place(kind, isolation))
    .collect();
    for (kind, isolation) in [
        ("postgres shared", Isolation::Shared),
        ("postgres schema", Isolation::Schema),
        ("postgres database", Isolation::Database),
    ] {
        all.extend(postgres_place(kind, isolation).await);
    }
    all
}

pub(crate) fn sqlite_place(kind: &'static str, isolation: Isolation) -> Place {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Place {
        kind,
        isolation,
        url: format!("sqlite:{}", folder.path().display()),
        _folder: Some(folder),
    }
}

/// `None` where no server is named.
pub(crate) async fn postgres_place(kind: &'static str, isolation: Isolation) -> Option<Place> {
    let server = stoa_testkit::postgres_server()?;
    Some(Place {
        kind,
        isolation,
        url: stoa_testkit::fresh_database(&server).await,
        _folder: None,
    })
}

pub(crate) async fn open_at(
    url: &str,
    connections_max: usize,
    modules: &[Migrations],
) -> Result<Storage, Error> {
    let config = StorageConfig {
        url: url.to_owned(),
        connections_max,
        mmap_bytes: 1 << 28,
        clock: Arc::new(ManualClock::new()),
        ids: Arc::new(SeededIds::new(seed())),
    };
    Storage::open(config, modules).await
}

/// A connection of the database's owner, past storage.
pub(crate) async fn raw_client(url: &str) -> tokio_postgres::Client {
    let (client, task) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("the test server");
    tokio::spawn(task);
    client
}

/// Two openings of one place must not make the same ids.
fn seed() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemClock.now().micros() as u64;
    now.wrapping_mul(1_000)
        .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000 + seconds * 1_000_000)
}

pub(crate) fn on_purpose() -> Error {
    Error::UnknownTenant {
        tenant: "on purpose".to_owned(),
    }
}

pub(crate) fn is_on_purpose<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::UnknownTenant { tenant }) if tenant == "on purpose")
}
