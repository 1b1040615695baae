//! Builds an index beside the one that answers, and puts it in its place when it is done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stoa_contracts::catalog::{CatalogError, ProductDocument};
use stoa_kernel::ProductId;

use super::engine::Engine;
use super::following::Batch;
use super::slot::{Feed, Reason, Slot, State, blocking};
use crate::index::live::{Flaw, Live, Mark};
use crate::index::pen::Pen;

/// Documents read, and held in memory, at once.
const SLICE: u32 = 250;
/// Between tries: as long as this times 2, 4, 8, ...
const RETRY: Duration = Duration::from_millis(500);
const RETRY_DOUBLINGS_MAX: u32 = 6;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
    #[error(transparent)]
    Index(#[from] Flaw),
    #[error(transparent)]
    Tantivy(#[from] tantivy::TantivyError),
    #[error("the folder cannot be written: {0}")]
    Folder(#[from] std::io::Error),
    #[error("the build broke off: {0}")]
    Broken(String),
    #[error("events went missing meanwhile")]
    Gap,
    #[error("it is wanted no longer")]
    Over,
}

impl Engine {
    /// Has the tenant's index built; one that is under way is followed by another where the
    /// reason is newer than it.
    pub(crate) fn build(self: &Arc<Self>, slot: &Arc<Slot>, reason: Reason) {
        {
            let mut build = slot.build.lock();
            if build.running.is_some() {
                if reason.leaves_events_usable() {
                    build.again = Some(reason);
                }
                return;
            }
            build.running = Some(reason);
        }
        let (engine, slot) = (Arc::clone(self), Arc::clone(slot));
        tokio::spawn(async move {
            let mut reason = reason;
            loop {
                engine.build_until_done(&slot, reason).await;
                let mut build = slot.build.lock();
                build.running = build.again.take();
                match build.running {
                    Some(next) => reason = next,
                    None => break,
                }
            }
        });
    }

    async fn build_until_done(self: &Arc<Self>, slot: &Arc<Slot>, reason: Reason) {
        let mut failures = 0;
        while !self.is_over() && !slot.is_closed() {
            let done = {
                let Ok(_turn) = self.builds.acquire().await else {
                    return;
                };
                self.build_once(slot).await
            };
            match done {
                Ok(()) => {
                    self.meters.built(reason.as_str());
                    tracing::info!(tenant = %slot.tenant, reason = reason.as_str(), "a search index was built");
                    return;
                }
                Err(BuildError::Over) => return,
                Err(BuildError::Storage(stoa_storage::Error::UnknownTenant { .. })) => {
                    self.forget(slot);
                    return;
                }
                Err(error) => {
                    self.meters.failures.inc();
                    tracing::warn!(tenant = %slot.tenant, %error, "a search index cannot be built");
                }
            }
            let wait = RETRY.saturating_mul(1 << failures);
            failures = RETRY_DOUBLINGS_MAX.min(failures + 1);
            tokio::time::sleep(wait).await;
        }
    }

    async fn build_once(&self, slot: &Arc<Slot>) -> Result<(), BuildError> {
        let mark = self.mark(slot.tenant).await?;
        let making = (Arc::clone(slot), mark.clone());
        let (live, pen) = blocking(move || -> Result<_, BuildError> {
            let (slot, mark) = making;
            let live = Live::create(&slot.fresh_folder(), mark)?;
            let pen = Pen::for_build(&live)?;
            Ok((Arc::new(live), pen))
        })
        .await
        .map_err(BuildError::Broken)??;
        let folder = live.folder.clone();
        let filled = self.fill(slot, live, pen, mark).await;
        if filled.is_err() {
            let gone = blocking(move || std::fs::remove_dir_all(folder)).await;
            if let Ok(Err(error)) = gone {
                tracing::warn!(%error, "an unfinished search index cannot be removed");
            }
        }
        filled
    }

    async fn fill(
        &self,
        slot: &Arc<Slot>,
        live: Arc<Live>,
        mut pen: Pen,
        mut mark: Mark,
    ) -> Result<(), BuildError> {
        slot.built_documents.store(0, Ordering::Relaxed);
        let mut after = None;
        loop {
            if self.is_over() || slot.is_closed() {
                return Err(BuildError::Over);
            }
            let slice = self
                .catalog
                .documents_after(slot.tenant, after, SLICE)
                .await?;
            let is_last = slice.len() < SLICE as usize;
            after = slice.last().map(|document| document.id);
            slot.built_documents
                .fetch_add(slice.len() as u64, Ordering::Relaxed);
            pen = self.write(pen, Vec::new(), slice).await?;
            if is_last {
                break;
            }
        }
        // What happened since the build began: only changes of it are left for later.
        let log = self.deps.storage.event_log(mark.cell).await?;
        loop {
            let head = log.head().await?;
            let batch = Batch::read(&log, mark.position, head).await?;
            if batch.is_gap {
                return Err(BuildError::Gap);
            }
            let changed = batch.of(slot.tenant);
            let documents = self.documents(slot.tenant, &changed).await?;
            pen = self.write(pen, changed, documents).await?;
            mark.position = batch.end;
            if batch.end >= head {
                break;
            }
        }
        let shown = Arc::clone(&live);
        let finished = mark.clone();
        blocking(move || -> tantivy::Result<()> {
            pen.commit(&finished)?;
            pen.finish()?;
            shown.reload(Some(finished))
        })
        .await
        .map_err(BuildError::Broken)??;
        self.take_place(slot, live, mark).await
    }

    async fn take_place(
        &self,
        slot: &Arc<Slot>,
        live: Arc<Live>,
        mark: Mark,
    ) -> Result<(), BuildError> {
        let mut feed = slot.feed.lock().await;
        if slot.is_closed() {
            return Err(BuildError::Over);
        }
        let before = std::mem::replace(&mut *feed, Feed::at(mark.position));
        let (kept, folder) = (Arc::clone(slot), live.folder.clone());
        let swapped = blocking(move || {
            drop(before);
            kept.keep_only(&folder)
        });
        swapped.await.map_err(BuildError::Broken)??;
        slot.show(Some(live));
        self.changed(slot.tenant);
        slot.state.send_replace(State::Behind);
        Ok(())
    }

    async fn write(
        &self,
        pen: Pen,
        changed: Vec<ProductId>,
        documents: Vec<ProductDocument>,
    ) -> Result<Pen, BuildError> {
        self.meters.documents.inc_by(documents.len() as u64);
        let written = blocking(move || pen.write(&changed, &documents).map(|()| pen)).await;
        Ok(written.map_err(BuildError::Broken)??)
    }
}
