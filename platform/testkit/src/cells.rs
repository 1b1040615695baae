//! Opens real storage: SQLite always, PostgreSQL where `STOA_TEST_POSTGRES` names a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stoa_contracts::Deps;
use stoa_kernel::{Clock, Currency, SeededIds, TenantId};
use stoa_storage::{Db, Isolation, Migrations, NewTenant, Storage, StorageConfig};

use crate::{ManualClock, SystemClock};

/// One opened storage and what must outlive it.
pub struct TestCells {
    pub deps: Deps,
    /// Set where the test asked for a clock it moves itself.
    pub clock: Arc<ManualClock>,
    /// For failure messages: `sqlite shared`, `postgres schema`, ...
    pub kind: &'static str,
    pub isolation: Isolation,
    _folder: Option<tempfile::TempDir>,
}

impl TestCells {
    pub fn storage(&self) -> &Storage {
        &self.deps.storage
    }

    /// A new tenant in EUR and test mode, in a cell of this kind.
    pub async fn tenant(&self, slug: &str) -> TenantId {
        let new = NewTenant {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            currency: Currency::EUR,
            test_mode: true,
            isolation: self.isolation,
        };
        self.storage()
            .create_tenant(new)
            .await
            .expect("a tenant")
            .id
    }

    pub async fn db(&self, tenant: TenantId) -> Db {
        self.storage().db(tenant).await.expect("the tenant's cell")
    }
}

/// Every kind of cell this machine offers, under a clock that stands still until advanced.
pub async fn everywhere(modules: &[Migrations]) -> Vec<TestCells> {
    let mut all = vec![
        sqlite(modules, Isolation::Shared).await,
        sqlite(modules, Isolation::Database).await,
    ];
    if let Some(server) = postgres_server() {
        for (kind, isolation) in [
            ("postgres shared", Isolation::Shared),
            ("postgres schema", Isolation::Schema),
            ("postgres database", Isolation::Database),
        ] {
            let url = fresh_database(&server).await;
            all.push(open(url, kind, isolation, modules, None).await);
        }
    }
    all
}

/// SQLite in a folder of its own.
pub async fn sqlite(modules: &[Migrations], isolation: Isolation) -> TestCells {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().display());
    let kind = match isolation {
        Isolation::Shared => "sqlite shared",
        Isolation::Schema | Isolation::Database => "sqlite database",
    };
    open(url, kind, isolation, modules, Some(folder)).await
}

async fn open(
    url: String,
    kind: &'static str,
    isolation: Isolation,
    modules: &[Migrations],
    folder: Option<tempfile::TempDir>,
) -> TestCells {
    let clock = Arc::new(ManualClock::new());
    let ids = Arc::new(SeededIds::new(unique()));
    let config = StorageConfig {
        url,
        connections_max: 8,
        mmap_bytes: 1 << 28,
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let storage = Storage::open(config, modules).await.expect(kind);
    let deps = Deps {
        storage,
        clock: clock.clone(),
        ids,
    };
    TestCells {
        deps,
        clock,
        kind,
        isolation,
        _folder: folder,
    }
}

/// The URL of the throw-away PostgreSQL that `scripts/test` starts.
pub fn postgres_server() -> Option<String> {
    server("STOA_TEST_POSTGRES")
}

/// As [`postgres_server`], of NATS with JetStream.
pub fn nats_server() -> Option<String> {
    server("STOA_TEST_NATS")
}

/// As [`postgres_server`], of Redis.
pub fn redis_server() -> Option<String> {
    server("STOA_TEST_REDIS")
}

/// As [`postgres_server`], of the Stripe-protocol server.
pub fn stripe_server() -> Option<String> {
    server("STOA_TEST_LOCALSTRIPE")
}

/// As [`postgres_server`], of a server that speaks S3.
pub fn s3_server() -> Option<String> {
    server("STOA_TEST_S3")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests read where their servers are"
)]
fn server(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

const NAME_PREFIX: &str = "stoa_test_";
/// A database takes 8 MB: more than what one test makes is dropped each time.
const DROPPED_MAX: usize = 12;

/// A database of the test's own. Those of tests that have ended are dropped on the way, or a run
/// of the suite would fill the disk.
pub async fn fresh_database(server: &str) -> String {
    let name = format!("{NAME_PREFIX}{}_{}", std::process::id(), unique());
    let (client, task) = tokio_postgres::connect(server, tokio_postgres::NoTls)
        .await
        .expect("the test server");
    tokio::spawn(task);
    drop_leftovers(&client).await;
    let sql = format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    client.batch_execute(&sql).await.expect("a database");
    let mut url = url::Url::parse(server).expect("a URL");
    url.set_path(&name);
    url.to_string()
}

/// Drops databases whose test process is gone.
async fn drop_leftovers(client: &tokio_postgres::Client) {
    const NAMES: &str = "SELECT datname::text FROM pg_database \
                         WHERE starts_with(datname::text, $1) ORDER BY oid";
    let names = client
        .query(NAMES, &[&NAME_PREFIX])
        .await
        .expect("the names");
    let is_gone = |name: &String| {
        let pid = name
            .trim_start_matches(NAME_PREFIX)
            .split('_')
            .next()
            .unwrap_or_default();
        !std::path::Path::new("/proc").join(pid).exists()
    };
    let names = names
        .iter()
        .map(|row| row.get::<_, String>(0))
        .filter(is_gone);
    for name in names.take(DROPPED_MAX) {
        // Another test may be dropping the same one.
        drop(
            client
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name}"))
                .await,
        );
    }
}

/// Differs between the tests of a process and between processes.
fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemClock.now().micros() as u64;
    now.wrapping_mul(1_000)
        .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))
}
