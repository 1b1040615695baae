//! The control plane: which tenants there are, which cell each lives in, and the open cells.

mod opener;

use std::pin::Pin;
use std::sync::Arc;

use moka::sync::Cache;
use stoa_kernel::{CellId, Clock, Currency, IdSource, TenantId, Timestamp};
use tokio_util::task::LocalPoolHandle;

use self::opener::{Home, Opener, database_name, identifier};
use crate::cell::Cell;
use crate::directory::{Directory, Known};
use crate::outbox::CommitHooks;
use crate::sqlite::Checkpointer;
use crate::{
    ControlDb, Db, Error, EventLog, JobQueue, Migrations, Plane, Result, Stats, Tx, params,
};

/// Cells kept open; the longest unused closes first.
const CELLS_OPEN_MAX: u64 = 512;
/// Threads that run transaction bodies on PostgreSQL; they wait for the server most of the time.
const BODY_THREADS: usize = 2;

/// Where a cell's tenants live, and how far apart from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Many tenants in one cell.
    Shared,
    /// A PostgreSQL schema of its own.
    Schema,
    /// A SQLite file or PostgreSQL database of its own.
    Database,
}

impl Isolation {
    pub const ALL: [Self; 3] = [Self::Shared, Self::Schema, Self::Database];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Schema => "schema",
            Self::Database => "database",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    /// The first label of its host name, 1 to 40 of `a-z0-9-`.
    pub slug: String,
    pub name: String,
    pub cell: CellId,
    pub currency: Currency,
    /// Test mode admits the test payment provider; its orders stay out of reports.
    pub test_mode: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct NewTenant {
    pub slug: String,
    pub name: String,
    pub currency: Currency,
    pub test_mode: bool,
    pub isolation: Isolation,
}

pub struct StorageConfig {
    /// `sqlite:<folder>` or `postgres://...`.
    pub url: String,
    /// PostgreSQL connections per shared cell.
    pub connections_max: usize,
    /// Bytes of a SQLite file that reads map into memory.
    pub mmap_bytes: i64,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

/// What a look-up or an opening will answer.
pub(crate) type Opening<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    home: Home,
    config: StorageConfig,
    cell_migrations: Vec<Migrations>,
    control: Arc<Cell>,
    cells: Cache<CellId, Arc<Cell>>,
    opening: tokio::sync::Mutex<()>,
    by_slug: Directory<String, Option<Tenant>>,
    by_host: Directory<String, Option<TenantId>>,
    by_id: Directory<TenantId, Arc<Tenant>>,
    checkpointer: Option<Checkpointer>,
    stats: Arc<Stats>,
    hooks: CommitHooks,
    bodies: Option<LocalPoolHandle>,
}

const CELL_SCHEMA: Migrations = Migrations {
    module: "storage",
    plane: Plane::Cell,
    steps: &[
        include_str!("migrations/cell/0001_storage.sql"),
        include_str!("migrations/cell/0002_replays.sql"),
    ],
};
const CONTROL_PLANE_SCHEMA: Migrations = Migrations {
    module: "storage",
    plane: Plane::Control,
    steps: &[include_str!("migrations/control/0001_directory.sql")],
};

impl Storage {
    /// Opens the control plane and the shared cell, migrating both.
    pub async fn open(config: StorageConfig, modules: &[Migrations]) -> Result<Self> {
        let home = Home::from_url(&config.url)?;
        let stats: Arc<Stats> = Arc::default();
        let hooks = CommitHooks::default();
        let checkpointer = match &home {
            Home::Folder(_) => Some(Checkpointer::start(stats.clone())?),
            Home::Server(_) => None,
        };
        let bodies = match &home {
            Home::Folder(_) => None,
            Home::Server(_) => Some(LocalPoolHandle::new(BODY_THREADS)),
        };
        let of_plane = |schema: Migrations, plane: Plane| {
            let of_modules = modules
                .iter()
                .filter(move |module| module.plane == plane)
                .copied();
            std::iter::once(schema)
                .chain(of_modules)
                .collect::<Vec<_>>()
        };
        let control_migrations = of_plane(CONTROL_PLANE_SCHEMA, Plane::Control);
        let opener = Opener {
            config: &config,
            home: &home,
            checkpointer: checkpointer.as_ref(),
            stats: &stats,
            hooks: &hooks,
            bodies: bodies.as_ref(),
        };
        let control = opener
            .open(
                CellId::from_u128(0),
                1,
                "control",
                &control_migrations,
                config.connections_max,
            )
            .await?;
        let inner = Inner {
            home,
            cell_migrations: of_plane(CELL_SCHEMA, Plane::Cell),
            control: Arc::new(control),
            cells: Cache::new(CELLS_OPEN_MAX),
            opening: tokio::sync::Mutex::new(()),
            by_slug: Directory::new(),
            by_host: Directory::new(),
            by_id: Directory::new(),
            checkpointer,
            stats,
            hooks,
            bodies,
            config,
        };
        let storage = Self {
            inner: Arc::new(inner),
        };
        let shared = storage.ensure_cell(Isolation::Shared, "shared").await?;
        storage.cell(shared).await?;
        Ok(storage)
    }

    /// The control database, for tables that belong to no one tenant's cell (keys).
    pub fn control(&self) -> ControlDb {
        ControlDb::new(self.inner.control.clone())
    }

    pub fn stats(&self) -> &Arc<Stats> {
        &self.inner.stats
    }

    /// Runs in this process right after each commit of any cell.
    pub fn on_commit(&self, hook: impl Fn(&[crate::Committed]) + Send + Sync + 'static) {
        self.inner.hooks.add(hook);
    }

    /// Whether one process owns these databases (SQLite), so that no one else can hold a lease.
    pub fn is_embedded(&self) -> bool {
        matches!(self.inner.home, Home::Folder(_))
    }

    /// A handle on the tenant's rows, in whichever cell they live.
    pub async fn db(&self, tenant: TenantId) -> Result<Db> {
        let known = self.inner.by_id.look(&tenant);
        if let Known::Fresh(known) = &known
            && let Some(cell) = self.inner.cells.get(&known.cell)
        {
            return Ok(Db::new(cell, tenant));
        }
        self.open_db(tenant, known).await
    }

    /// Boxed, as whatever opens something here: else the code that connects and migrates would be
    /// part of the future of everyone who asks for a database.
    fn open_db(&self, tenant: TenantId, known: Known<Arc<Tenant>>) -> Opening<'_, Db> {
        Box::pin(async move {
            let known = match known {
                Known::Fresh(known) => known,
                Known::Due(known) => self.ask_tenant(tenant, Some(known)).await?,
                Known::Nothing => self.ask_tenant(tenant, None).await?,
            };
            Ok(Db::new(self.cell(known.cell).await?, tenant))
        })
    }

    pub fn tenant(&self, id: TenantId) -> Opening<'_, Tenant> {
        Box::pin(async move { self.ask_tenant(id, None).await.map(Arc::unwrap_or_clone) })
    }

    async fn ask_tenant(&self, id: TenantId, known: Option<Arc<Tenant>>) -> Result<Arc<Tenant>> {
        const SQL: &str = "SELECT id, slug, name, cell_id, currency, test_mode, created_at \
                           FROM stoa_tenant WHERE id = $1";
        let control = self.control();
        let read = async {
            let found = control
                .read(async move |tx: &mut Tx<'_>| tx.query_opt(SQL, params![id], tenant_row).await)
                .await?;
            found.map(Arc::new).ok_or_else(|| Error::UnknownTenant {
                tenant: id.to_string(),
            })
        };
        self.inner.by_id.ask(id, known, read).await
    }

    pub async fn tenant_by_slug(&self, slug: &str) -> Result<Option<Tenant>> {
        const SQL: &str = "SELECT id, slug, name, cell_id, currency, test_mode, created_at \
                           FROM stoa_tenant WHERE slug = $1";
        let known = match self.inner.by_slug.look(slug) {
            Known::Fresh(known) => return Ok(known),
            Known::Due(known) => Some(known),
            Known::Nothing => None,
        };
        let (asked, control) = (slug.to_owned(), self.control());
        let read = control.read(async move |tx: &mut Tx<'_>| {
            tx.query_opt(SQL, params![&asked], tenant_row).await
        });
        self.inner.by_slug.ask(slug.to_owned(), known, read).await
    }

    /// The tenant of a custom domain.
    pub async fn tenant_by_host(&self, hostname: &str) -> Result<Option<TenantId>> {
        const SQL: &str = "SELECT tenant_id FROM stoa_host WHERE hostname = $1";
        let known = match self.inner.by_host.look(hostname) {
            Known::Fresh(known) => return Ok(known),
            Known::Due(known) => Some(known),
            Known::Nothing => None,
        };
        let (asked, control) = (hostname.to_owned(), self.control());
        let read = control.read(async move |tx: &mut Tx<'_>| {
            tx.query_opt(SQL, params![&asked], |row| row.get(0)).await
        });
        self.inner
            .by_host
            .ask(hostname.to_owned(), known, read)
            .await
    }

    /// All tenants by slug.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        const SQL: &str = "SELECT id, slug, name, cell_id, currency, test_mode, created_at \
                           FROM stoa_tenant ORDER BY slug";
        self.control()
            .read(async move |tx: &mut Tx<'_>| tx.query(SQL, params![], tenant_row).await)
            .await
    }

    pub async fn create_tenant(&self, new: NewTenant) -> Result<Tenant> {
        const SQL: &str = "INSERT INTO stoa_tenant (id, slug, name, cell_id, currency, test_mode, \
                           created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        if self.tenant_by_slug(&new.slug).await?.is_some() {
            return Err(Error::SlugTaken { slug: new.slug });
        }
        let locator = match new.isolation {
            Isolation::Shared => "shared".to_owned(),
            Isolation::Schema => format!("tenant_{}", identifier(&new.slug)),
            Isolation::Database => match &self.inner.home {
                Home::Folder(_) => format!("tenant_{}", identifier(&new.slug)),
                Home::Server(url) => database_name(url, &new.slug),
            },
        };
        let cell = self.ensure_cell(new.isolation, &locator).await?;
        self.cell(cell).await?;
        let now = self.inner.config.clock.now();
        let tenant = Tenant {
            id: self.inner.config.ids.make(now),
            slug: new.slug,
            name: new.name,
            cell,
            currency: new.currency,
            test_mode: new.test_mode,
            created_at: now,
        };
        let row = tenant.clone();
        let created = self
            .control()
            .write(async move |tx: &mut Tx<'_>| {
                let values = params![
                    row.id,
                    &row.slug,
                    &row.name,
                    row.cell,
                    &row.currency,
                    row.test_mode,
                    now
                ];
                tx.execute(SQL, values).await.map(|_| ())
            })
            .await;
        match created {
            Err(error) if error.is_unique_violation() => {
                Err(Error::SlugTaken { slug: tenant.slug })
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.inner.by_slug.forget(&tenant.slug);
                Ok(tenant)
            }
        }
    }

    /// Every cell there is.
    pub async fn cells(&self) -> Result<Vec<CellId>> {
        const SQL: &str = "SELECT id FROM stoa_cell ORDER BY created_at, id";
        self.control()
            .read(async move |tx: &mut Tx<'_>| tx.query(SQL, params![], |row| row.get(0)).await)
            .await
    }

    pub fn event_log(&self, cell: CellId) -> Opening<'_, EventLog> {
        Box::pin(async move { Ok(EventLog::new(self.cell(cell).await?)) })
    }

    pub fn job_queue(&self, cell: CellId) -> Opening<'_, JobQueue> {
        Box::pin(async move { Ok(JobQueue::new(self.cell(cell).await?)) })
    }

    /// Transactions waiting for the writers of the open cells.
    pub fn queue_depth(&self) -> usize {
        self.inner
            .cells
            .iter()
            .map(|(_, cell)| cell.queue_depth())
            .sum()
    }

    /// 32 secret bytes, made on first use and the same for every process of the installation.
    pub async fn secret(&self, name: &str) -> Result<[u8; 32]> {
        const INSERT: &str =
            "INSERT INTO stoa_secret (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        const READ: &str = "SELECT value FROM stoa_secret WHERE name = $1";
        let name = name.to_owned();
        let asked = name.clone();
        let mut fresh = [0_u8; 32];
        getrandom::fill(&mut fresh)
            .map_err(|error| Error::io("asking the system for randomness", &error))?;
        let stored: Vec<u8> = self
            .control()
            .write(async move |tx: &mut Tx<'_>| {
                tx.execute(INSERT, params![&asked, &fresh]).await?;
                tx.query_one(READ, params![&asked], |row| row.get(0)).await
            })
            .await?;
        stored.try_into().map_err(|bytes: Vec<u8>| Error::Io {
            context: format!("reading the secret `{name}`"),
            message: format!("it has {} bytes, not 32", bytes.len()),
        })
    }

    async fn ensure_cell(&self, isolation: Isolation, locator: &str) -> Result<CellId> {
        const FIND: &str = "SELECT id FROM stoa_cell WHERE isolation = $1 AND locator = $2";
        const INSERT: &str = "INSERT INTO stoa_cell (id, isolation, locator, epoch, created_at) \
                              VALUES ($1, $2, $3, 1, $4)";
        if isolation == Isolation::Schema && self.is_embedded() {
            return Err(Error::Isolation {
                isolation: "schema",
                backend: "SQLite",
                hint: "use `database`, which gives the tenant a file of its own",
            });
        }
        let now = self.inner.config.clock.now();
        let fresh: CellId = self.inner.config.ids.make(now);
        let locator = locator.to_owned();
        self.control()
            .write(async move |tx: &mut Tx<'_>| {
                let found = params![isolation.as_str(), &locator];
                if let Some(id) = tx.query_opt(FIND, found, |row| row.get(0)).await? {
                    return Ok(id);
                }
                tx.execute(INSERT, params![fresh, isolation.as_str(), &locator, now])
                    .await?;
                Ok::<_, Error>(fresh)
            })
            .await
    }

    pub(crate) async fn cell(&self, id: CellId) -> Result<Arc<Cell>> {
        if let Some(cell) = self.inner.cells.get(&id) {
            return Ok(cell);
        }
        // One opening at a time: two would each start a writer on the same file.
        let _one = self.inner.opening.lock().await;
        if let Some(cell) = self.inner.cells.get(&id) {
            return Ok(cell);
        }
        const SQL: &str = "SELECT isolation, locator, epoch FROM stoa_cell WHERE id = $1";
        let (isolation, locator, epoch) = self
            .control()
            .read(async move |tx: &mut Tx<'_>| {
                tx.query_one(SQL, params![id], |row| {
                    Ok((
                        row.get::<String>(0)?,
                        row.get::<String>(1)?,
                        row.get::<i64>(2)?,
                    ))
                })
                .await
            })
            .await?;
        let inner = &self.inner;
        let opener = Opener {
            config: &inner.config,
            home: &inner.home,
            checkpointer: inner.checkpointer.as_ref(),
            stats: &inner.stats,
            hooks: &inner.hooks,
            bodies: inner.bodies.as_ref(),
        };
        let cell = match isolation.as_str() {
            "database" if !self.is_embedded() => {
                opener
                    .open_database(id, epoch, &locator, &inner.cell_migrations)
                    .await?
            }
            _ => {
                let shared = isolation == "shared";
                let connections = if shared {
                    inner.config.connections_max
                } else {
                    4
                };
                opener
                    .open(id, epoch, &locator, &inner.cell_migrations, connections)
                    .await?
            }
        };
        let cell = Arc::new(cell);
        inner.cells.insert(id, cell.clone());
        Ok(cell)
    }
}

fn tenant_row(row: &crate::Row<'_>) -> Result<Tenant> {
    Ok(Tenant {
        id: row.get(0)?,
        slug: row.get(1)?,
        name: row.get(2)?,
        cell: row.get(3)?,
        currency: row.get(4)?,
        test_mode: row.get(5)?,
        created_at: row.get(6)?,
    })
}
