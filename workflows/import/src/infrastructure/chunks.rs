//! A file as chunks in the cell: appended, read as a stream, removed in small steps.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use stoa_kernel::{ImportId, Timestamp};
use stoa_storage::{Db, Result, Tx, params};
use tokio::io::{AsyncRead, ReadBuf};

/// Chunks or parts removed in one transaction: a few megabytes, a few milliseconds.
const PURGE_CHUNKS: u64 = 16;
const PURGE_PARTS: u64 = 500;

/// False where the run is no longer receiving.
pub(crate) async fn append_chunk(
    tx: &mut Tx<'_>,
    id: ImportId,
    number: i64,
    bytes: &[u8],
    now: Timestamp,
) -> Result<bool> {
    const COUNT: &str = "UPDATE import_run SET bytes = bytes + $2, updated_at = $3 \
                         WHERE tenant_id = :tenant AND id = $1 AND state = 'receiving'";
    const INSERT: &str = "INSERT INTO import_chunk (tenant_id, import_id, number, bytes) \
                          VALUES (:tenant, $1, $2, $3)";
    let count = params![id, bytes.len() as i64, now];
    let insert = params![id, number, bytes];
    let changed = tx.batch(&[(COUNT, count), (INSERT, insert)]).await?;
    Ok(changed == [1, 1])
}

/// Removes the chunks and parts of a run that needs them no more.
pub(crate) async fn purge(db: &Db, id: ImportId) -> Result<()> {
    const CHUNKS: &str = "DELETE FROM import_chunk WHERE tenant_id = :tenant AND import_id = $1 \
         AND number IN (SELECT number FROM import_chunk \
         WHERE tenant_id = :tenant AND import_id = $1 LIMIT $2)";
    const PARTS: &str = "DELETE FROM import_part WHERE tenant_id = :tenant AND import_id = $1 \
         AND ordinal IN (SELECT ordinal FROM import_part \
         WHERE tenant_id = :tenant AND import_id = $1 LIMIT $2)";
    for (sql, limit) in [(CHUNKS, PURGE_CHUNKS), (PARTS, PURGE_PARTS)] {
        let delete = async || {
            db.write_bulk(async move |tx: &mut Tx<'_>| {
                tx.execute(sql, params![id, limit as i64]).await
            })
            .await
        };
        while delete().await? == limit {}
    }
    Ok(())
}

type Load = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>>> + Send>>;

/// A spooled file from its start, holding one chunk at a time and asking for the next.
pub(crate) struct ChunkReader {
    db: Db,
    id: ImportId,
    next: i64,
    left: u64,
    chunk: Vec<u8>,
    taken: usize,
    loading: Option<Load>,
    /// What became of `loading`, where it ended before it was waited for.
    loaded: Option<Result<Option<Vec<u8>>>>,
}

impl ChunkReader {
    /// `bytes`: how long the file is, so that a lost chunk is not taken for its end.
    pub(crate) fn new(db: Db, id: ImportId, bytes: u64) -> Self {
        Self {
            db,
            id,
            next: 0,
            left: bytes,
            chunk: Vec::new(),
            taken: 0,
            loading: None,
            loaded: None,
        }
    }

    /// Goes on loading the next chunk; true once that has ended.
    fn load(&mut self, context: &mut Context<'_>) -> bool {
        if self.loaded.is_none() {
            let (db, id, number) = (&self.db, self.id, self.next);
            let loading = self
                .loading
                .get_or_insert_with(|| Box::pin(load(db.clone(), id, number)));
            if let Poll::Ready(loaded) = loading.as_mut().poll(context) {
                self.loading = None;
                self.loaded = Some(loaded);
            }
        }
        self.loaded.is_some()
    }
}

impl AsyncRead for ChunkReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let rest = &this.chunk[this.taken..];
            if !rest.is_empty() {
                let taken = rest.len().min(buffer.remaining());
                buffer.put_slice(&rest[..taken]);
                this.taken += taken;
                return Poll::Ready(Ok(()));
            }
            if this.left == 0 {
                return Poll::Ready(Ok(()));
            }
            if !this.load(context) {
                return Poll::Pending;
            }
            let loaded = this.loaded.take().unwrap_or(Ok(None));
            let number = this.next;
            let chunk = loaded.map_err(io::Error::other)?.unwrap_or_default();
            if chunk.is_empty() {
                let reason = format!("chunk {number} of the spooled file is missing");
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, reason);
                return Poll::Ready(Err(error));
            }
            this.left = this.left.saturating_sub(chunk.len() as u64);
            this.next += 1;
            (this.chunk, this.taken) = (chunk, 0);
            if this.left > 0 {
                // So that it is there when this one is used up.
                this.load(context);
            }
        }
    }
}

/// By the writer, where a cell has one: it maps nothing, and a mapped file of a gigabyte would count
/// to the memory of whoever reads it once. It is read, as it was written, in a moment.
async fn load(db: Db, id: ImportId, number: i64) -> Result<Option<Vec<u8>>> {
    const SQL: &str = "SELECT bytes FROM import_chunk \
                       WHERE tenant_id = :tenant AND import_id = $1 AND number = $2";
    db.write_bulk(async move |tx: &mut Tx<'_>| {
        tx.query_opt(SQL, params![id, number], |row| row.get(0))
            .await
    })
    .await
}
