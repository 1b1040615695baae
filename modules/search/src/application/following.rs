//! Follows the event log for every open index: what changed is read from the catalog, gathered for
//! a moment, committed with its place in the log, and shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use stoa_contracts::catalog::{CatalogError, ProductChanged, ProductDocument};
use stoa_kernel::{CellId, ProductId, TenantId};
use stoa_storage::EventLog;
use tantivy::TantivyError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::engine::Engine;
use super::slot::{Feed, Reason, Slot, State, blocking};
use crate::index::live::{Live, Mark};
use crate::index::pen::Pen;

/// Events read at once.
const BATCH: i64 = 1_000;
/// Batches of one index before the next has its turn.
const BATCHES_MAX: usize = 10;
/// Documents read from the catalog, and held in memory, at once.
const SLICE: usize = 250;
/// Documents committed together at most.
const WAITING_MAX: usize = 10_000;
/// Indexes followed at the same time.
const AT_ONCE: usize = 4;
/// A place in the log is committed without a change once it is so far ahead of the last one.
const AHEAD_MAX: i64 = 10_000;
/// How often files, cell and locale are looked at.
const CHECK: Duration = Duration::from_secs(1);
/// How long a pen stays open without a change.
const PEN_REST: Duration = Duration::from_secs(2);
/// After a failure to write.
const PAUSE: Duration = Duration::from_secs(1);
/// Failures to write in a row after which an index counts as torn.
const FAILURES_MAX: u32 = 60;

#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
    #[error("it cannot be written: {0}")]
    Write(TantivyError),
    #[error("writing broke off: {0}")]
    Broken(String),
}

/// What some events say of products.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The last event read.
    pub(crate) end: i64,
    /// Events between are gone.
    pub(crate) is_gap: bool,
    changed: HashMap<TenantId, Vec<ProductId>>,
}

impl Batch {
    /// `head` was read before.
    pub(crate) async fn read(
        log: &EventLog,
        position: i64,
        head: i64,
    ) -> stoa_storage::Result<Self> {
        let events = log.after(position, BATCH).await?;
        let mut batch = Self {
            end: position,
            ..Self::default()
        };
        match events.first() {
            Some(first) => batch.is_gap = first.seq != position + 1,
            None => batch.is_gap = head > position,
        }
        for event in &events {
            batch.end = event.seq;
            match event.fact::<ProductChanged>() {
                Ok(Some(fact)) => {
                    let of = batch.changed.entry(event.tenant).or_default();
                    of.push(fact.product);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, seq = event.seq, "an event does not parse"),
            }
        }
        for products in batch.changed.values_mut() {
            products.sort_unstable();
            products.dedup();
        }
        Ok(batch)
    }

    pub(crate) fn of(&self, tenant: TenantId) -> Vec<ProductId> {
        self.changed.get(&tenant).cloned().unwrap_or_default()
    }
}

/// What was read in one round: indexes of one cell that stand alike read the log once.
#[derive(Default)]
struct Round {
    heads: Mutex<HashMap<CellId, i64>>,
    batches: Mutex<HashMap<(CellId, i64), Arc<Batch>>>,
}

impl Round {
    async fn head(&self, cell: CellId, log: &EventLog) -> stoa_storage::Result<i64> {
        if let Some(head) = self.heads.lock().get(&cell).copied() {
            return Ok(head);
        }
        let head = log.head().await?;
        self.heads.lock().insert(cell, head);
        Ok(head)
    }

    async fn batch(
        &self,
        cell: CellId,
        log: &EventLog,
        position: i64,
        head: i64,
    ) -> stoa_storage::Result<Arc<Batch>> {
        if let Some(batch) = self.batches.lock().get(&(cell, position)).cloned() {
            return Ok(batch);
        }
        let batch = Arc::new(Batch::read(log, position, head).await?);
        let mut batches = self.batches.lock();
        batches.insert((cell, position), Arc::clone(&batch));
        Ok(batch)
    }
}

impl Engine {
    /// Runs until `shutdown` turns true; then commits what is left.
    pub(crate) async fn follow(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            self.round().await;
            tokio::select! {
                () = tokio::time::sleep(self.config.every) => {}
                changed = shutdown.changed() => if changed.is_err() { break },
            }
        }
        self.over.store(true, Ordering::Release);
        for slot in self.slots() {
            self.close(&slot).await;
        }
    }

    async fn round(self: &Arc<Self>) {
        let round = Round::default();
        futures_util::stream::iter(self.slots())
            .for_each_concurrent(AT_ONCE, |slot| {
                let round = &round;
                async move {
                    if let Err(error) = self.advance(&slot, round).await {
                        self.stumbled(&slot, error).await;
                    }
                }
            })
            .await;
        let mut slots = self.slots();
        let surplus = slots.len().saturating_sub(self.config.open_max);
        if surplus > 0 {
            slots.sort_by_key(|slot| slot.used.load(Ordering::Relaxed));
            for slot in slots.iter().take(surplus) {
                self.forget(slot);
                self.close(slot).await;
            }
        }
    }

    async fn advance(self: &Arc<Self>, slot: &Arc<Slot>, round: &Round) -> Result<(), FollowError> {
        let mut feed = slot.feed.lock().await;
        let Some(live) = slot.live() else {
            return Ok(());
        };
        if feed.not_before.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        if feed.is_check_due(CHECK) && !self.check(slot, &live).await? {
            return Ok(());
        }
        let running = slot.build.lock().running;
        if running.is_some_and(|reason| !reason.leaves_events_usable()) {
            return Ok(());
        }
        let cell = live.mark().cell;
        let log = self.deps.storage.event_log(cell).await?;
        let head = round.head(cell, &log).await?;
        if head < feed.read {
            self.build(slot, Reason::Epoch);
            return Ok(());
        }
        for _ in 0..BATCHES_MAX {
            if feed.read >= head {
                break;
            }
            let batch = round.batch(cell, &log, feed.read, head).await?;
            if batch.is_gap {
                self.build(slot, Reason::Gap);
                return Ok(());
            }
            self.take(slot, &live, &mut feed, &batch).await?;
            if feed.waiting >= WAITING_MAX || self.is_settled(&feed) {
                self.commit(slot, &live, &mut feed).await?;
            }
        }
        let is_first = *slot.state.borrow() != State::Current;
        let at_head = feed.read >= head;
        if feed.read - live.mark().position >= AHEAD_MAX {
            feed.dirty_since.get_or_insert_with(Instant::now);
        }
        if feed.dirty_since.is_some() && (self.is_settled(&feed) || is_first && at_head) {
            self.commit(slot, &live, &mut feed).await?;
        }
        if feed.dirty_since.is_none() {
            slot.seen.store(feed.read, Ordering::Release);
        }
        if is_first && at_head {
            slot.state.send_replace(State::Current);
        }
        self.rest(&live, &mut feed).await
    }

    fn is_settled(&self, feed: &Feed) -> bool {
        feed.dirty_since
            .is_some_and(|since| since.elapsed() >= self.config.settle)
    }

    /// Whether the index may go on as it is.
    async fn check(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        live: &Arc<Live>,
    ) -> Result<bool, FollowError> {
        let looked = Arc::clone(live);
        let is_intact = blocking(move || looked.is_intact()).await.unwrap_or(false);
        if !is_intact {
            tracing::warn!(tenant = %slot.tenant, "a search index was changed by others");
            self.torn(slot, live);
            return Ok(false);
        }
        let mark = live.mark();
        let tenant = self.deps.storage.tenant(slot.tenant).await?;
        let log = self.deps.storage.event_log(tenant.cell).await?;
        if tenant.cell != mark.cell || log.epoch() != mark.epoch {
            self.build(slot, Reason::Epoch);
            return Ok(false);
        }
        if self.rules(slot.tenant).await?.locale != mark.locale {
            self.build(slot, Reason::Locale);
        }
        Ok(true)
    }

    /// Has a torn index built anew. What it holds in memory goes on answering.
    pub(crate) fn torn(self: &Arc<Self>, slot: &Arc<Slot>, live: &Arc<Live>) {
        self.meters.failures.inc();
        if live.is_mapped() {
            slot.drop_live(live.number);
        }
        self.changed(slot.tenant);
        self.build(slot, Reason::Torn);
    }

    async fn take(
        &self,
        slot: &Slot,
        live: &Arc<Live>,
        feed: &mut Feed,
        batch: &Batch,
    ) -> Result<(), FollowError> {
        let changed = batch.of(slot.tenant);
        for slice in changed.chunks(SLICE) {
            let documents = self.catalog.documents(slot.tenant, slice).await?;
            self.meters.documents.inc_by(documents.len() as u64);
            let pen = feed.pen.take();
            let (live, slice) = (Arc::clone(live), slice.to_vec());
            let count = slice.len();
            let written = blocking(move || -> tantivy::Result<Pen> {
                let pen = match pen {
                    Some(pen) => pen,
                    None => Pen::for_edits(&live)?,
                };
                pen.write(&slice, &documents)?;
                Ok(pen)
            });
            let pen = written.await.map_err(FollowError::Broken)?;
            feed.pen = Some(pen.map_err(FollowError::Write)?);
            feed.waiting += count;
            feed.written_at = Instant::now();
            feed.dirty_since.get_or_insert(feed.written_at);
        }
        feed.read = batch.end;
        Ok(())
    }

    /// Documents of products, those that are gone left out.
    pub(crate) async fn documents(
        &self,
        tenant: TenantId,
        products: &[ProductId],
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        let mut all = Vec::with_capacity(products.len());
        for slice in products.chunks(SLICE) {
            all.extend(self.catalog.documents(tenant, slice).await?);
        }
        Ok(all)
    }

    async fn commit(
        &self,
        slot: &Slot,
        live: &Arc<Live>,
        feed: &mut Feed,
    ) -> Result<(), FollowError> {
        let began = Instant::now();
        let mark = Mark {
            position: feed.read,
            ..live.mark()
        };
        let pen = feed.pen.take();
        let may_merge = feed.merging.load(Ordering::Acquire) == 0;
        let shown = Arc::clone(live);
        let committed = blocking(move || -> tantivy::Result<_> {
            let mut pen = match pen {
                Some(pen) => pen,
                None => Pen::for_edits(&shown)?,
            };
            pen.commit(&mark)?;
            shown.reload(Some(mark))?;
            let merges = match may_merge {
                true => pen.merge()?,
                false => Vec::new(),
            };
            Ok((pen, merges))
        });
        let committed = committed.await.map_err(FollowError::Broken);
        // Also where it failed: what failed may be what comes after it was shown.
        self.changed(slot.tenant);
        let committed = committed?;
        let (pen, merges) = committed.map_err(FollowError::Write)?;
        for merge in merges {
            let (merging, merged) = (Arc::clone(&feed.merging), Arc::clone(&feed.merged));
            merging.fetch_add(1, Ordering::AcqRel);
            tokio::spawn(async move {
                if let Err(error) = merge.await {
                    tracing::warn!(%error, "segments of a search index cannot be merged");
                }
                merged.store(true, Ordering::Release);
                merging.fetch_sub(1, Ordering::AcqRel);
            });
        }
        feed.pen = Some(pen);
        feed.dirty_since = None;
        feed.waiting = 0;
        feed.failures = 0;
        feed.written_at = Instant::now();
        self.meters.committed(began.elapsed());
        Ok(())
    }

    /// Shows merged segments, and puts the pen away when it is not needed.
    async fn rest(&self, live: &Arc<Live>, feed: &mut Feed) -> Result<(), FollowError> {
        if feed.merged.swap(false, Ordering::AcqRel) {
            let shown = Arc::clone(live);
            let reloaded = blocking(move || shown.reload(None)).await;
            reloaded
                .map_err(FollowError::Broken)?
                .map_err(FollowError::Write)?;
        }
        let is_idle = feed.dirty_since.is_none()
            && feed.merging.load(Ordering::Acquire) == 0
            && feed.written_at.elapsed() >= PEN_REST;
        if is_idle && let Some(pen) = feed.pen.take() {
            drop(blocking(move || drop(pen)).await);
        }
        Ok(())
    }

    /// What was not committed is read again from the log.
    async fn stumbled(self: &Arc<Self>, slot: &Arc<Slot>, error: FollowError) {
        if let FollowError::Storage(stoa_storage::Error::UnknownTenant { .. }) = error {
            self.forget(slot);
            let gone = slot.folder.clone();
            slot.show(None);
            drop(blocking(move || std::fs::remove_dir_all(gone)).await);
            return;
        }
        tracing::warn!(tenant = %slot.tenant, %error, "a search index cannot follow");
        let is_writing = matches!(error, FollowError::Write(_) | FollowError::Broken(_));
        let Some(live) = slot.live().filter(|_| is_writing) else {
            return;
        };
        self.meters.failures.inc();
        let mut feed = slot.feed.lock().await;
        let failures = feed.failures + 1;
        let pen = feed.pen.take();
        drop(blocking(move || drop(pen)).await);
        *feed = Feed::at(live.mark().position);
        feed.failures = failures;
        feed.not_before = Some(Instant::now() + PAUSE);
        let is_torn = match &error {
            FollowError::Write(error) => is_corruption(error),
            _ => true,
        };
        if is_torn && !verified(&live).await || failures >= FAILURES_MAX {
            self.torn(slot, &live);
        }
    }

    /// Commits what is left of an index that nobody asks any more.
    async fn close(&self, slot: &Arc<Slot>) {
        let mut feed = slot.feed.lock().await;
        if let Some(live) = slot.live()
            && feed.read > live.mark().position
            && let Err(error) = self.commit(slot, &live, &mut feed).await
        {
            tracing::warn!(tenant = %slot.tenant, %error, "a search index closes with changes to read again");
        }
        let pen = feed.pen.take();
        drop(blocking(move || drop(pen)).await);
    }
}

/// Whether the files may be other than what was written.
pub(crate) fn is_corruption(error: &TantivyError) -> bool {
    match error {
        TantivyError::IoError(error) => matches!(
            error.kind(),
            std::io::ErrorKind::UnexpectedEof
                | std::io::ErrorKind::InvalidData
                | std::io::ErrorKind::NotFound
        ),
        TantivyError::DataCorruption(_)
        | TantivyError::OpenReadError(_)
        | TantivyError::ErrorInThread(_)
        | TantivyError::SchemaError(_)
        | TantivyError::SystemError(_)
        | TantivyError::InternalError(_) => true,
        _ => false,
    }
}

pub(crate) async fn verified(live: &Arc<Live>) -> bool {
    let looked = Arc::clone(live);
    blocking(move || looked.verify()).await.unwrap_or(false)
}
