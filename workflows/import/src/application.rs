//! What an import is, and who may move it on. Speaks no SQL and no HTTP.

mod batch;
mod counts;
mod slice;
mod spool;
mod work;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::inventory::Inventory;
use stoa_contracts::pricing::Pricing;
use stoa_kernel::{Actor, Currency, ImportId, TenantId, Timestamp};
use stoa_storage::{Db, Error, Tx};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::Semaphore;

use self::slice::{Parked, SliceEnd, SliceError};
pub(crate) use self::spool::Spool;
pub(crate) use self::work::{ImportJob, Sweep};
use crate::export::{Export, ExportError, ExportKind};
use crate::infrastructure as store;
use crate::shopify::{Dialect, HeaderError, RowIssue};

/// The largest file taken.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Issues kept per import; the rest are counted.
pub const ISSUES_PER_IMPORT_MAX: i64 = 10_000;
/// Imports that one process works on at once: each holds a batch and a handle set in memory.
const IMPORTS_AT_ONCE_MAX: usize = 2;
/// How long [`Importer::import_now`] works between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// The job that would finish an import done inline, should this process die, starts after this.
const INLINE_HEAD_START: Duration = Duration::from_secs(60);

/// How far an import is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// The file is coming in.
    Receiving,
    Queued,
    Running,
    Done,
    /// It cannot go on; `error` says why. What had landed stays.
    Failed,
    /// It is being removed.
    Abandoned,
}

/// What kind of file it is, as its header tells.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    ShopifyClassic,
    ShopifyNew,
    /// Stock levels.
    StoaInventory,
}

/// What a file is of.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    #[default]
    Products,
    Inventory,
}

/// Products by what became of them; of a file of stock levels, its rows.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub struct Counts {
    pub created: i64,
    pub updated: i64,
    /// Already exactly so in the catalog.
    pub unchanged: i64,
    /// Groups of rows that were refused; the issues say why.
    pub rejected: i64,
}

/// One import of one file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: ImportId,
    pub(crate) state: ImportState,
    pub(crate) format: Format,
    pub(crate) set_stock: bool,
    pub(crate) currency: Currency,
    pub(crate) actor: Actor,
    pub(crate) ignored_columns: Vec<String>,
    pub(crate) bytes: i64,
    pub(crate) content_hash: Option<Vec<u8>>,
    /// Known once the file was read through.
    pub(crate) rows_total: Option<i64>,
    pub(crate) rows_read: i64,
    pub(crate) products: Counts,
    pub(crate) issues_kept: i64,
    pub(crate) issues_dropped: i64,
    /// The ordinal of the next product to land.
    pub(crate) position: i64,
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
}

/// An issue and its number within the import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issue {
    pub(crate) ord: i64,
    pub(crate) issue: RowIssue,
}

/// How a file is to be imported.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Set stock also on variants that exist; otherwise only new ones get theirs from the file.
    pub set_stock: bool,
    /// As whom the changes are recorded.
    pub actor: Actor,
}

/// How far an import has come, and in the end what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub id: ImportId,
    pub state: ImportState,
    /// Known once the file was read through.
    pub rows_total: Option<i64>,
    pub rows_read: i64,
    pub products: Counts,
    /// The first of them, in full with [`Importer::issues`].
    pub issues: i64,
    pub issues_dropped: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the file has more than {bytes_max} bytes; split it")]
    TooLarge { bytes_max: u64 },
    #[error("the file could not be read: {0}")]
    Io(#[from] io::Error),
    #[error("the import was given up while its file came in")]
    Abandoned,
    #[error("the import failed: {reason}")]
    Failed { reason: String },
    #[error(transparent)]
    Storage(#[from] Error),
}

/// The modules that products land in.
pub(crate) struct Peers {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) pricing: Arc<dyn Pricing>,
    pub(crate) inventory: Arc<dyn Inventory>,
}

/// Imports of all tenants. Cheap to clone.
#[derive(Clone)]
pub struct Importer {
    inner: Arc<Inner>,
}

struct Inner {
    deps: Deps,
    peers: Arc<Peers>,
    /// Readers of imports under way, so that a slice goes on where the last one stopped. Only a
    /// saving: a fresh reader comes to the same place by reading the file again.
    parked: Mutex<VecDeque<Parked>>,
    turns: Semaphore,
}

impl Importer {
    pub(crate) fn new(deps: Deps, peers: Peers) -> Self {
        Self {
            inner: Arc::new(Inner {
                deps,
                peers: Arc::new(peers),
                parked: Mutex::default(),
                turns: Semaphore::new(IMPORTS_AT_ONCE_MAX),
            }),
        }
    }

    /// As [`Self::import_now`], of stock levels.
    pub async fn import_inventory_now(
        &self,
        tenant: TenantId,
        reader: impl AsyncRead + Unpin + Send,
        options: ImportOptions,
        progress: impl FnMut(&Report) + Send,
    ) -> Result<Report, ImportError> {
        let spool = self.receive(tenant, ImportKind::Inventory, options).await?;
        self.import_spooled(tenant, spool, reader, progress).await
    }

    /// A file of what the shop has, as imports read it.
    pub async fn export(&self, tenant: TenantId, kind: ExportKind) -> Result<Export, ExportError> {
        Export::open(&self.inner.deps, &self.inner.peers, tenant, kind).await
    }

    /// Imports a file to its end before it returns: spooled and landed exactly as an upload is, so
    /// that a kill in the middle is finished by the next worker. `progress` is told now and then.
    pub async fn import_now(
        &self,
        tenant: TenantId,
        reader: impl AsyncRead + Unpin + Send,
        options: ImportOptions,
        progress: impl FnMut(&Report) + Send,
    ) -> Result<Report, ImportError> {
        let spool = self.receive(tenant, ImportKind::Products, options).await?;
        self.import_spooled(tenant, spool, reader, progress).await
    }

    async fn import_spooled(
        &self,
        tenant: TenantId,
        mut spool: Spool,
        mut reader: impl AsyncRead + Unpin + Send,
        mut progress: impl FnMut(&Report) + Send,
    ) -> Result<Report, ImportError> {
        const PIECE_BYTES: usize = 64 * 1024;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = reader.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            spool.push(&piece[..read]).await?;
        }
        let id = spool.finish(INLINE_HEAD_START).await?;
        let db = self.db(tenant).await?;
        loop {
            let end = self.slice(&db, id, REPORT_EVERY).await;
            let run = self.run(tenant, id).await?.ok_or(ImportError::Abandoned)?;
            let report = Report::of(&run);
            progress(&report);
            match end {
                Ok(SliceEnd::Finished) if run.state == ImportState::Done => return Ok(report),
                Ok(SliceEnd::Finished) => {
                    let reason = run.error.unwrap_or_default();
                    return Err(ImportError::Failed { reason });
                }
                Ok(SliceEnd::More) => {}
                // A worker has taken it up: only watch.
                Err(SliceError::Overtaken) => tokio::time::sleep(REPORT_EVERY).await,
                Err(SliceError::Storage(error)) => return Err(error.into()),
                Err(SliceError::Read(error)) => return Err(error.into()),
            }
        }
    }

    /// The first issues of an import, in order, after number `after`.
    pub async fn issues(
        &self,
        tenant: TenantId,
        id: ImportId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RowIssue>, Error> {
        let found = self.numbered_issues(tenant, id, after, i64::from(limit));
        Ok(found.await?.into_iter().map(|found| found.issue).collect())
    }

    /// Opens an import that pushes of the file's pieces fill.
    pub(crate) async fn receive(
        &self,
        tenant: TenantId,
        kind: ImportKind,
        options: ImportOptions,
    ) -> Result<Spool, Error> {
        let currency = self.inner.deps.storage.tenant(tenant).await?.currency;
        let db = self.db(tenant).await?;
        let deps = self.inner.deps.clone();
        Ok(Spool::new(deps, db, currency, kind, options))
    }

    pub(crate) async fn run(&self, tenant: TenantId, id: ImportId) -> Result<Option<Run>, Error> {
        let db = self.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::run(tx, id).await)
            .await
    }

    pub(crate) async fn runs(
        &self,
        tenant: TenantId,
        before: ImportId,
        limit: i64,
    ) -> Result<Vec<Run>, Error> {
        let db = self.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::runs(tx, before, limit).await)
            .await
    }

    pub(crate) async fn numbered_issues(
        &self,
        tenant: TenantId,
        id: ImportId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Issue>, Error> {
        let db = self.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| store::issues(tx, id, after, limit).await)
            .await
    }

    async fn db(&self, tenant: TenantId) -> Result<Db, Error> {
        self.inner.deps.storage.db(tenant).await
    }

    fn now(&self) -> Timestamp {
        self.inner.deps.now()
    }
}

impl Report {
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            id: run.id,
            state: run.state,
            rows_total: run.rows_total,
            rows_read: run.rows_read,
            products: run.products,
            issues: run.issues_kept,
            issues_dropped: run.issues_dropped,
        }
    }
}

impl ImportState {
    const ALL: [Self; 6] = [
        Self::Receiving,
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Abandoned,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl Format {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ShopifyClassic => "shopify_classic",
            Self::ShopifyNew => "shopify_new",
            Self::StoaInventory => "stoa_inventory",
        }
    }

    pub(crate) const fn kind(self) -> ImportKind {
        match self {
            Self::ShopifyClassic | Self::ShopifyNew => ImportKind::Products,
            Self::StoaInventory => ImportKind::Inventory,
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::ShopifyClassic, Self::ShopifyNew, Self::StoaInventory]
            .into_iter()
            .find(|format| format.as_str() == word)
    }
}

impl From<Dialect> for Format {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Classic => Self::ShopifyClassic,
            Dialect::New => Self::ShopifyNew,
        }
    }
}
