//! Opens one cell where its locator says: a file, a schema or a database. Keeps none of them.

use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use stoa_kernel::CellId;
use tokio_util::task::LocalPoolHandle;

use super::StorageConfig;
use crate::cell::{Backend, Cell};
use crate::outbox::CommitHooks;
use crate::postgres::{PgCell, PgLocation};
use crate::sqlite::{Checkpointer, LiteCell, LiteOptions};
use crate::{Error, Migrations, Result, Stats};

const CONTROL_SCHEMA: &str = "stoa_control";
const SHARED_SCHEMA: &str = "stoa";

pub(super) enum Home {
    Folder(PathBuf),
    Server(String),
}

impl Home {
    pub(super) fn from_url(url: &str) -> Result<Self> {
        if let Some(folder) = url.strip_prefix("sqlite:") {
            return Ok(Self::Folder(PathBuf::from(folder)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Server(url.to_owned()));
        }
        Err(Error::UnknownBackend {
            url: crate::postgres::without_password(url),
        })
    }
}

/// What opening a cell needs, before there is a `Storage`.
pub(super) struct Opener<'a> {
    pub(super) config: &'a StorageConfig,
    pub(super) home: &'a Home,
    pub(super) checkpointer: Option<&'a Checkpointer>,
    pub(super) stats: &'a Arc<Stats>,
    pub(super) hooks: &'a CommitHooks,
    pub(super) bodies: Option<&'a LocalPoolHandle>,
}

impl Opener<'_> {
    pub(super) async fn open(
        &self,
        id: CellId,
        epoch: i64,
        locator: &str,
        migrations: &[Migrations],
        connections: usize,
    ) -> Result<Cell> {
        let backend = match (self.home, self.checkpointer) {
            (Home::Folder(folder), Some(checkpointer)) => {
                let options = LiteOptions {
                    mmap_bytes: self.config.mmap_bytes,
                };
                let path = folder.join(format!("{locator}.db"));
                Backend::Lite(LiteCell::open(
                    &path,
                    options,
                    checkpointer,
                    self.stats.clone(),
                    self.hooks.clone(),
                    |connection| crate::migrate::migrate_lite(connection, migrations),
                )?)
            }
            (Home::Folder(folder), None) => {
                return Err(Error::Io {
                    context: format!("opening a cell in {}", folder.display()),
                    message: "the checkpointer is not running".to_owned(),
                });
            }
            (Home::Server(url), _) => {
                let schema = match locator {
                    "control" => CONTROL_SCHEMA.to_owned(),
                    "shared" => SHARED_SCHEMA.to_owned(),
                    own => own.to_owned(),
                };
                let location = PgLocation {
                    url: url.clone(),
                    schema,
                };
                Backend::Postgres(
                    PgCell::open(
                        &location,
                        self.bodies()?,
                        connections,
                        migrations,
                        self.stats,
                    )
                    .await?,
                )
            }
        };
        Ok(Cell {
            id,
            epoch,
            backend,
            stats: self.stats.clone(),
            hooks: self.hooks.clone(),
        })
    }

    fn bodies(&self) -> Result<LocalPoolHandle> {
        self.bodies.cloned().ok_or_else(|| Error::Unavailable {
            message: "the threads for transactions are not running".to_owned(),
        })
    }

    /// A PostgreSQL database of its own, created beside the main one.
    pub(super) async fn open_database(
        &self,
        id: CellId,
        epoch: i64,
        name: &str,
        migrations: &[Migrations],
    ) -> Result<Cell> {
        let Home::Server(url) = self.home else {
            return self.open(id, epoch, name, migrations, 4).await;
        };
        let url = crate::postgres::create_database(url, name).await?;
        let location = PgLocation {
            url,
            schema: SHARED_SCHEMA.to_owned(),
        };
        let cell = PgCell::open(&location, self.bodies()?, 4, migrations, self.stats).await?;
        let backend = Backend::Postgres(cell);
        Ok(Cell {
            id,
            epoch,
            backend,
            stats: self.stats.clone(),
            hooks: self.hooks.clone(),
        })
    }
}

/// Identifiers of PostgreSQL know no hyphen; slugs know no underscore, so that this is one to one.
pub(super) fn identifier(slug: &str) -> String {
    slug.replace('-', "_")
}

/// Two installations may share a server, so the name of the main database is part of it; at most
/// the 63 bytes that PostgreSQL keeps.
pub(super) fn database_name(url: &str, slug: &str) -> String {
    const NAME_MAX: usize = 63;
    let main = url::Url::parse(url).map(|url| url.path().trim_matches('/').to_owned());
    let name = format!("{}_{}", main.unwrap_or_default(), identifier(slug));
    if name.len() <= NAME_MAX {
        return name;
    }
    let digest = hex::encode(&Sha256::digest(name.as_bytes())[..16]);
    format!("stoa_{digest}")
}
