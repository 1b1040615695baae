//! SQLite behind `Tx`: one writer thread with group commit, inline readers. No module SQL here.

mod checkpoint;
mod connection;
mod writer;

pub(crate) use checkpoint::Checkpointer;
pub(crate) use connection::{Connection, LiteOptions, column};
pub(crate) use writer::{Lane, Writer, run_body};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Error, Result};

/// Readers kept open per cell; more open for a burst and close again.
const READERS_KEPT_MAX: usize = 8;

/// One SQLite file: its writer thread and its idle readers.
pub(crate) struct LiteCell {
    pub(crate) path: PathBuf,
    pub(crate) writer: Writer,
    readers: Mutex<Vec<Connection>>,
    schema: Arc<connection::Schema>,
    options: LiteOptions,
}

impl LiteCell {
    /// Opens the file, brings its schema up to date with `migrate`, starts the writer.
    pub(crate) fn open(
        path: &Path,
        options: LiteOptions,
        checkpointer: &Checkpointer,
        stats: Arc<crate::Stats>,
        on_commit: crate::outbox::CommitHooks,
        migrate: impl FnOnce(&mut Connection) -> Result<()>,
    ) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| Error::io(format!("creating {}", folder.display()), &error))?;
        }
        let mut connection = Connection::open(path, Arc::default(), stats.clone())?;
        migrate(&mut connection)?;
        let schema = Arc::new(connection.read_schema()?);
        connection.set_schema(schema.clone());
        let log = checkpointer.watch(path)?;
        let writer = Writer::start(connection, log, stats, on_commit)?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            readers: Mutex::new(Vec::new()),
            schema,
            options,
        })
    }

    /// Lends a reader to `work`; the read transaction around it sees one snapshot.
    pub(crate) fn with_reader<T>(
        &self,
        stats: &Arc<crate::Stats>,
        work: impl FnOnce(&mut Connection) -> T,
    ) -> Result<T> {
        let idle = self.readers.lock().pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => Connection::open_reader(
                &self.path,
                self.options,
                self.schema.clone(),
                stats.clone(),
            )?,
        };
        let answer = work(&mut reader);
        let mut readers = self.readers.lock();
        if readers.len() < READERS_KEPT_MAX {
            readers.push(reader);
        }
        Ok(answer)
    }
}
