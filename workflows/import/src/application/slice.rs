//! One turn of work on an import: reads on where the last one stopped, lands, stops in time.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io;
use std::time::{Duration, Instant};

use stoa_kernel::{ImportId, TenantId};
use stoa_storage::{Cause, Db, Error, Tx};

use super::batch::{Batch, Item, LandError, Work};
use super::{ImportKind, ImportState, Importer, Run};
use crate::domain::Landing;
use crate::infrastructure::{self as store, ChunkReader};
use crate::inventory::{LevelReader, ReadRow};
use crate::shopify::{ParsedProduct, ReadError, ShopifyReader, Skimmer};

/// A batch closes at the first of these, so that its transaction stays near 10 ms.
const BATCH_PRODUCTS_MAX: usize = 100;
const BATCH_ROWS_MAX: u64 = 200;
const BATCH_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Readers kept between slices.
const PARKED_MAX: usize = 4;

/// A spooled file being read.
enum Reader {
    Products(Box<ShopifyReader<ChunkReader>>),
    Levels(Box<LevelReader<ChunkReader>>),
}

/// What was read of it.
enum Piece {
    Product(Box<ParsedProduct>),
    Level(ReadRow),
}

impl Reader {
    fn position(&self) -> u64 {
        match self {
            Self::Products(reader) => reader.position(),
            Self::Levels(reader) => reader.position(),
        }
    }

    async fn next(&mut self) -> Result<Option<Piece>, ReadError> {
        Ok(match self {
            Self::Products(reader) => {
                let product = reader.next().await?;
                product.map(|product| Piece::Product(Box::new(product)))
            }
            Self::Levels(reader) => reader.next().await?.map(Piece::Level),
        })
    }
}

impl Piece {
    fn ordinal(&self) -> i64 {
        match self {
            Self::Product(product) => ordinal(product.ordinal),
            Self::Level(row) => ordinal(row.ordinal),
        }
    }

    fn rows(&self) -> u64 {
        match self {
            Self::Product(product) => product.rows,
            Self::Level(_) => 1,
        }
    }
}

/// What one slice came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SliceEnd {
    More,
    /// Done or failed for good, and cleaned up after.
    Finished,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SliceError {
    #[error("another worker has taken the import over")]
    Overtaken,
    #[error(transparent)]
    Storage(#[from] Error),
    #[error("the spooled file could not be read: {0}")]
    Read(io::Error),
}

/// The work on one import between two slices.
pub(super) struct Parked {
    tenant: TenantId,
    import: ImportId,
    phase: Phase,
}

enum Phase {
    /// Reads the file through once, to know its size and whether products come back in it.
    Skim(Box<Skimmer<ChunkReader>>),
    /// Reads and checks it through, to know which of them come back.
    Scan(Box<Scan>),
    Land(Box<Landward>),
}

struct Scan {
    reader: Reader,
    rows: u64,
    returning: Returning,
}

struct Landward {
    reader: Reader,
    returning: Returning,
    /// The ordinal of the last product read.
    read: i64,
    /// Read but not landed: the next batch, from the position it was gathered for.
    ahead: Option<(i64, Vec<Item>)>,
}

/// The ordinal of the last part of every product that comes back, by a fingerprint of its handle.
#[derive(Default)]
struct Returning(HashMap<u64, i64>);

impl Returning {
    fn fingerprint(handle: &str) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(handle)
    }
    fn note(&mut self, handle: &str, ordinal: i64) {
        self.0.insert(Self::fingerprint(handle), ordinal);
    }
    fn last_part(&self, handle: &str) -> Option<i64> {
        self.0.get(&Self::fingerprint(handle)).copied()
    }
}

impl Importer {
    /// Works on an import for about `time_max`. Whatever ends it, the next slice goes on from what
    /// has landed.
    pub(super) async fn slice(
        &self,
        db: &Db,
        id: ImportId,
        time_max: Duration,
    ) -> Result<SliceEnd, SliceError> {
        let began = Instant::now();
        let in_time = || began.elapsed() < time_max;
        let Some(mut run) = self.run(db.tenant(), id).await? else {
            return Ok(SliceEnd::Finished);
        };
        match run.state {
            ImportState::Queued => {
                let now = self.now();
                db.write(async move |tx: &mut Tx<'_>| store::start(tx, id, now).await)
                    .await?;
            }
            ImportState::Running => {}
            ImportState::Done | ImportState::Failed => {
                store::purge(db, id).await?;
                return Ok(SliceEnd::Finished);
            }
            ImportState::Receiving | ImportState::Abandoned => return Ok(SliceEnd::Finished),
        }
        let phase = self.unpark(db.tenant(), id, run.position);
        let ended = match phase {
            Some(Phase::Land(landward)) => self.land(db, &mut run, *landward, in_time).await,
            Some(Phase::Scan(scan)) => self.scan(db, &mut run, *scan, in_time).await,
            Some(Phase::Skim(skimmer)) => self.skim(db, &mut run, skimmer, in_time).await,
            None => self.begin(db, &mut run, in_time).await,
        };
        match ended {
            Ok(Some(phase)) => {
                self.park(db.tenant(), id, phase);
                Ok(SliceEnd::More)
            }
            Ok(None) => {
                tracing::info!(import = %id, "import done");
                store::purge(db, id).await?;
                Ok(SliceEnd::Finished)
            }
            Err(StopError::Slice(error)) => Err(error),
            Err(StopError::File(error)) => {
                self.give_up(db, id, &error.to_string()).await?;
                Ok(SliceEnd::Finished)
            }
        }
    }

    /// The import cannot go on. What has landed stays.
    pub(super) async fn give_up(&self, db: &Db, id: ImportId, reason: &str) -> Result<(), Error> {
        tracing::warn!(import = %id, reason, "import failed");
        let (now, reason) = (self.now(), reason.to_owned());
        db.write(async move |tx: &mut Tx<'_>| store::fail(tx, id, &reason, now).await)
            .await?;
        store::purge(db, id).await
    }

    /// From the file's first byte. `None`: the whole file has landed.
    async fn begin(
        &self,
        db: &Db,
        run: &mut Run,
        in_time: impl Fn() -> bool,
    ) -> Result<Option<Phase>, StopError> {
        match run.format.kind() {
            ImportKind::Products => {
                let skimmer = Skimmer::open(chunks(db, run), run.currency).await?;
                self.skim(db, run, Box::new(skimmer), in_time).await
            }
            ImportKind::Inventory => {
                let scan = Scan::new(open(db, run).await?);
                self.scan(db, run, scan, in_time).await
            }
        }
    }

    /// `None`: the whole file has landed.
    async fn skim(
        &self,
        db: &Db,
        run: &mut Run,
        mut skimmer: Box<Skimmer<ChunkReader>>,
        in_time: impl Fn() -> bool,
    ) -> Result<Option<Phase>, StopError> {
        while skimmer.step().await? {
            if !in_time() {
                return Ok(Some(Phase::Skim(skimmer)));
            }
        }
        if skimmer.has_returning() {
            let scan = Scan::new(open(db, run).await?);
            return self.scan(db, run, scan, in_time).await;
        }
        let rows = skimmer.rows();
        // A fingerprint of each handle, which landing gathers anew.
        drop(skimmer);
        self.scanned(db, run, rows, Returning::default(), in_time)
            .await
    }

    /// `None`: the whole file has landed.
    async fn scan(
        &self,
        db: &Db,
        run: &mut Run,
        mut scan: Scan,
        in_time: impl Fn() -> bool,
    ) -> Result<Option<Phase>, StopError> {
        while let Some(piece) = scan.reader.next().await? {
            scan.rows += piece.rows();
            if let Piece::Product(product) = piece
                && let Some(draft) = product.draft.filter(|draft| draft.continues)
            {
                scan.returning.note(&draft.handle, ordinal(product.ordinal));
            }
            if !in_time() {
                return Ok(Some(Phase::Scan(Box::new(scan))));
            }
        }
        self.scanned(db, run, scan.rows, scan.returning, in_time)
            .await
    }

    /// Notes how long the file is, and lands it.
    async fn scanned(
        &self,
        db: &Db,
        run: &mut Run,
        rows: u64,
        returning: Returning,
        in_time: impl Fn() -> bool,
    ) -> Result<Option<Phase>, StopError> {
        let (id, rows) = (run.id, i64::try_from(rows).unwrap_or(i64::MAX));
        db.write_bulk(async move |tx: &mut Tx<'_>| store::set_rows_total(tx, id, rows).await)
            .await?;
        let landward = Landward {
            reader: open(db, run).await?,
            returning,
            read: 0,
            ahead: None,
        };
        self.land(db, run, landward, in_time).await
    }

    /// `None`: the whole file has landed.
    async fn land(
        &self,
        db: &Db,
        run: &mut Run,
        mut landward: Landward,
        in_time: impl Fn() -> bool,
    ) -> Result<Option<Phase>, StopError> {
        let mut items = match landward.ahead.take() {
            Some((_, items)) => items,
            None => landward.gather(run.position, &in_time).await?,
        };
        while !items.is_empty() {
            let batch = Batch {
                import: run.id,
                set_stock: run.set_stock,
                position: run.position,
                items,
            };
            let next = batch.next_position();
            let cause = Cause::new(run.actor.clone(), self.now());
            // While the one is written the next is read: that takes nearly as long.
            let landing = batch.land(db, &self.inner.peers, &cause);
            let (landed, ahead) = tokio::join!(landing, landward.gather(next, &in_time));
            run.position = landed?;
            items = ahead?;
            if !in_time() {
                landward.ahead = Some((next, items)).filter(|(_, items)| !items.is_empty());
                return Ok(Some(Phase::Land(Box::new(landward))));
            }
        }
        if !in_time() {
            return Ok(Some(Phase::Land(Box::new(landward))));
        }
        let (id, position, now) = (run.id, run.position, self.now());
        let finished = db
            .write_bulk(async move |tx: &mut Tx<'_>| store::finish(tx, id, position, now).await)
            .await?;
        match finished {
            true => Ok(None),
            false => Err(SliceError::Overtaken.into()),
        }
    }

    fn park(&self, tenant: TenantId, import: ImportId, phase: Phase) {
        let mut parked = self.inner.parked.lock();
        parked.push_back(Parked {
            tenant,
            import,
            phase,
        });
        while parked.len() > PARKED_MAX {
            parked.pop_front();
        }
    }

    /// A reader that has gone past `position` is of no use: what it read has not landed.
    fn unpark(&self, tenant: TenantId, import: ImportId, position: i64) -> Option<Phase> {
        let mut parked = self.inner.parked.lock();
        let place = parked
            .iter()
            .position(|parked| parked.tenant == tenant && parked.import == import)?;
        let phase = parked.remove(place)?.phase;
        let is_of_use = match &phase {
            Phase::Land(landward) => match &landward.ahead {
                Some((from, _)) => *from == position,
                None => landward.read < position,
            },
            Phase::Skim(_) | Phase::Scan(_) => true,
        };
        is_of_use.then_some(phase)
    }
}

impl Scan {
    fn new(reader: Reader) -> Self {
        Self {
            reader,
            rows: 0,
            returning: Returning::default(),
        }
    }
}

impl Landward {
    /// The next products from `position` on, as many as make a batch. Empty at the end of the
    /// file, or where the time ran out before `position` was reached.
    async fn gather(
        &mut self,
        position: i64,
        in_time: impl Fn() -> bool,
    ) -> Result<Vec<Item>, ReadError> {
        let mut items = Vec::new();
        let (mut rows, mut first_byte) = (0, self.reader.position());
        while let Some(piece) = self.reader.next().await? {
            self.read = piece.ordinal();
            if self.read < position {
                first_byte = self.reader.position();
                if in_time() {
                    continue;
                }
                break;
            }
            rows += piece.rows();
            items.push(match piece {
                Piece::Product(product) => self.item(*product),
                Piece::Level(row) => level(row),
            });
            let bytes = self.reader.position() - first_byte;
            if items.len() >= BATCH_PRODUCTS_MAX
                || rows >= BATCH_ROWS_MAX
                || bytes >= BATCH_FILE_BYTES_MAX
            {
                break;
            }
        }
        Ok(items)
    }

    fn item(&self, product: ParsedProduct) -> Item {
        let at = ordinal(product.ordinal);
        let work = match product.draft {
            None => Work::Reject,
            Some(draft) => match self.returning.last_part(&draft.handle) {
                Some(last) if at < last => Work::Hold(Box::new(draft)),
                Some(_) => Work::Join(Box::new(draft)),
                None => {
                    Landing::of(draft).map_or(Work::Reject, |landing| Work::Land(Box::new(landing)))
                }
            },
        };
        Item {
            ordinal: at,
            rows: i64::try_from(product.rows).unwrap_or(i64::MAX),
            handle: product.handle,
            line: product.lines.first,
            work,
            issues: product.issues,
            issues_dropped: product.issues_dropped,
        }
    }
}

/// A reader at the start of the spooled file.
async fn open(db: &Db, run: &Run) -> Result<Reader, StopError> {
    let chunks = chunks(db, run);
    Ok(match run.format.kind() {
        ImportKind::Products => {
            let reader = ShopifyReader::open(chunks, run.currency).await?;
            Reader::Products(Box::new(reader))
        }
        ImportKind::Inventory => Reader::Levels(Box::new(LevelReader::open(chunks).await?)),
    })
}

fn chunks(db: &Db, run: &Run) -> ChunkReader {
    ChunkReader::new(db.clone(), run.id, run.bytes.unsigned_abs())
}

fn level(read: ReadRow) -> Item {
    // A row that cannot be read is a rejected one.
    let (work, issues, handle) = match read.row {
        Ok(row) => (Work::Count(Box::new(row)), Vec::new(), None),
        Err(issue) => (Work::Reject, vec![*issue], Some(String::new())),
    };
    Item {
        ordinal: ordinal(read.ordinal),
        rows: 1,
        handle,
        line: read.line,
        work,
        issues,
        issues_dropped: 0,
    }
}

fn ordinal(ordinal: u64) -> i64 {
    i64::try_from(ordinal).unwrap_or(i64::MAX)
}

/// Why a slice stops: for now, or because the file itself can never be imported.
enum StopError {
    Slice(SliceError),
    File(ReadError),
}

impl From<SliceError> for StopError {
    fn from(error: SliceError) -> Self {
        Self::Slice(error)
    }
}
impl From<Error> for StopError {
    fn from(error: Error) -> Self {
        Self::Slice(SliceError::Storage(error))
    }
}
impl From<ReadError> for StopError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Slice(SliceError::Read(error)),
            other => Self::File(other),
        }
    }
}
impl From<LandError> for StopError {
    fn from(error: LandError) -> Self {
        match error {
            LandError::Overtaken => Self::Slice(SliceError::Overtaken),
            LandError::Storage(error) => error.into(),
            // `Batch::land` reports refusals as issues; one that comes this far is a failure.
            other @ (LandError::Refused { .. } | LandError::SomeRefused { .. }) => {
                Self::Slice(SliceError::Read(io::Error::other(other)))
            }
        }
    }
}
