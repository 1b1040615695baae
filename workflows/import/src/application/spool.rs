//! A file on its way into the cell, piece by piece, in bounded memory. Reads only its header.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use stoa_contracts::Deps;
use stoa_kernel::{Currency, ImportId};
use stoa_storage::{Db, NewJob, Tx};

use super::work::{JOB_ATTEMPTS_MAX, JOB_KIND, job_payload};
use super::{FILE_BYTES_MAX, Format, ImportError, ImportKind, ImportOptions, ImportState};
use crate::csv::{CsvParser, Step};
use crate::infrastructure::{self as store, NewRun};
use crate::inventory::LevelHeader;
use crate::shopify::{Header, HeaderError};

const CHUNK_BYTES: usize = 256 * 1024;

/// Nothing is kept before the header was found to be one; it is bounded, as every record is.
pub(crate) struct Spool {
    deps: Deps,
    db: Db,
    currency: Currency,
    kind: ImportKind,
    options: ImportOptions,
    id: ImportId,
    head: Head,
    hash: Sha256,
    buffer: Vec<u8>,
    bytes: u64,
    chunks: i64,
}

enum Head {
    Reading(Box<CsvParser>),
    Read(FileHead),
}

/// What the first row tells.
struct FileHead {
    format: Format,
    ignored: Vec<String>,
}

impl Spool {
    pub(super) fn new(
        deps: Deps,
        db: Db,
        currency: Currency,
        kind: ImportKind,
        options: ImportOptions,
    ) -> Self {
        let id = deps.ids.make(deps.now());
        Self {
            deps,
            db,
            currency,
            kind,
            options,
            id,
            head: Head::Reading(Box::default()),
            hash: Sha256::new(),
            buffer: Vec::new(),
            bytes: 0,
            chunks: 0,
        }
    }

    /// Takes the next piece in. After an error nothing of the file stays.
    pub(crate) async fn push(&mut self, piece: &[u8]) -> Result<(), ImportError> {
        let taken = self.take_in(piece).await;
        self.or_removed(taken).await
    }

    /// The file is whole: hands it to the job, which starts after `head_start`.
    pub(crate) async fn finish(mut self, head_start: Duration) -> Result<ImportId, ImportError> {
        let queued = self.queue(head_start).await;
        self.or_removed(queued).await?;
        Ok(self.id)
    }

    /// Removes what has come in, where the sender gave up.
    pub(crate) async fn discard(self) -> Result<(), ImportError> {
        self.remove().await
    }

    async fn take_in(&mut self, piece: &[u8]) -> Result<(), ImportError> {
        self.bytes += piece.len() as u64;
        if self.bytes > FILE_BYTES_MAX {
            let bytes_max = FILE_BYTES_MAX;
            return Err(ImportError::TooLarge { bytes_max });
        }
        self.hash.update(piece);
        self.buffer.extend_from_slice(piece);
        if let Head::Reading(parser) = &mut self.head {
            let mut input = piece;
            match parser.step(&mut input) {
                Step::NeedInput => return Ok(()),
                step => self.head = Head::Read(header(self.kind, parser, &step)?),
            }
        }
        while self.buffer.len() >= CHUNK_BYTES {
            let rest = self.buffer.split_off(CHUNK_BYTES);
            let chunk = std::mem::replace(&mut self.buffer, rest);
            self.append(chunk).await?;
        }
        Ok(())
    }

    async fn queue(&mut self, head_start: Duration) -> Result<(), ImportError> {
        if let Head::Reading(parser) = &mut self.head {
            let step = parser.finish();
            self.head = Head::Read(header(self.kind, parser, &step)?);
        }
        let rest = std::mem::take(&mut self.buffer);
        if !rest.is_empty() {
            self.append(rest).await?;
        }
        let now = self.deps.now();
        let (id, hash) = (self.id, self.hash.clone().finalize().into());
        let job = NewJob {
            id: self.deps.ids.make(now),
            kind: JOB_KIND,
            unique_key: Some(id.to_string()),
            payload: job_payload(id),
            run_at: now.plus(head_start),
            attempts_max: JOB_ATTEMPTS_MAX,
        };
        self.db
            .write(async move |tx: &mut Tx<'_>| {
                if !store::queue(tx, id, &hash, now).await? {
                    return Err(ImportError::Abandoned);
                }
                tx.enqueue(&job, now).await?;
                Ok(())
            })
            .await
    }

    /// The first chunk makes the run.
    async fn append(&mut self, chunk: Vec<u8>) -> Result<(), ImportError> {
        let Head::Read(head) = &self.head else {
            return Err(HeaderError::Empty.into());
        };
        let run = (self.chunks == 0).then(|| NewRun {
            id: self.id,
            format: head.format,
            set_stock: self.options.set_stock,
            currency: self.currency,
            actor: self.options.actor.clone(),
            ignored_columns: head.ignored.clone(),
        });
        let (id, number, now) = (self.id, self.chunks, self.deps.now());
        self.db
            .write_bulk(async move |tx: &mut Tx<'_>| {
                if let Some(run) = &run {
                    store::insert_run(tx, run, now).await?;
                }
                match store::append_chunk(tx, id, number, &chunk, now).await? {
                    true => Ok(()),
                    false => Err(ImportError::Abandoned),
                }
            })
            .await?;
        self.chunks += 1;
        Ok(())
    }

    async fn or_removed<T>(&self, outcome: Result<T, ImportError>) -> Result<T, ImportError> {
        if outcome.is_err()
            && let Err(error) = self.remove().await
        {
            tracing::warn!(%error, import = %self.id, "a broken upload stays until the next sweep");
        }
        outcome
    }

    async fn remove(&self) -> Result<(), ImportError> {
        if self.chunks == 0 {
            return Ok(());
        }
        let (id, now) = (self.id, self.deps.now());
        let seen = ImportState::Receiving;
        self.db
            .write(async move |tx: &mut Tx<'_>| store::abandon(tx, id, seen, now).await)
            .await?;
        super::work::remove_abandoned(&self.db, id).await?;
        Ok(())
    }
}

fn header(kind: ImportKind, parser: &CsvParser, step: &Step) -> Result<FileHead, HeaderError> {
    match step {
        Step::Header if kind == ImportKind::Inventory => {
            let header = LevelHeader::read(parser.columns())?;
            Ok(FileHead {
                format: Format::StoaInventory,
                ignored: header.ignored(),
            })
        }
        Step::Header => {
            let header = Header::read(parser.columns())?;
            Ok(FileHead {
                format: header.dialect().into(),
                ignored: header.ignored().to_vec(),
            })
        }
        Step::Broken(error) => Err(HeaderError::Csv(error.clone())),
        Step::Record | Step::NeedInput | Step::End => Err(HeaderError::Empty),
    }
}
