//! Writes an index. Open only while there is something to write: its threads and arenas are gone
//! afterwards. Blocks: never called on an async worker.

use stoa_contracts::catalog::ProductDocument;
use stoa_kernel::ProductId;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, MergePolicy, NoMergePolicy};
use tantivy::{FutureResult, IndexWriter, SegmentMeta};

use super::document;
use super::live::{Live, Mark};
use super::schema::Fields;

/// What documents may take in memory before they are written out: the least tantivy allows.
const EDITS_BYTES: usize = 15_000_000;
/// The same while an index is built.
const BUILD_BYTES: usize = 40_000_000;
/// Segments of one size that are merged into one.
const MERGED_TOGETHER: usize = 6;
/// Segments of fewer documents count as one size.
const SMALL_SEGMENT_DOCS: u32 = 5_000;
/// A segment is written anew when more of its documents than this are deleted.
const DELETED_SHARE_MAX: f32 = 0.2;

pub(crate) type Merge = FutureResult<Option<SegmentMeta>>;

pub(crate) struct Pen {
    writer: IndexWriter,
    fields: Fields,
    home: Option<usize>,
}

impl Pen {
    /// For edits: merges happen when asked for, so that none is lost when the pen is put away.
    pub(crate) fn for_edits(live: &Live) -> tantivy::Result<Self> {
        let pen = Self::open(live, EDITS_BYTES)?;
        pen.writer.set_merge_policy(Box::new(NoMergePolicy));
        Ok(pen)
    }

    /// For a whole index: merges go along.
    pub(crate) fn for_build(live: &Live) -> tantivy::Result<Self> {
        let pen = Self::open(live, BUILD_BYTES)?;
        pen.writer.set_merge_policy(Box::new(merge_policy()));
        Ok(pen)
    }

    fn open(live: &Live, bytes: usize) -> tantivy::Result<Self> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(bytes)
            .build();
        Ok(Self {
            writer: live.index.writer_with_options(options)?,
            fields: live.fields.clone(),
            home: live.home,
        })
    }

    /// Puts `documents` in the place of what the index holds of `changed`.
    pub(crate) fn write(
        &self,
        changed: &[ProductId],
        documents: &[ProductDocument],
    ) -> tantivy::Result<()> {
        for product in changed {
            self.writer
                .delete_term(document::key(&self.fields, *product));
        }
        for each in documents {
            let made = document::of(&self.fields, each, self.home);
            self.writer.add_document(made)?;
        }
        Ok(())
    }

    /// Makes all writes durable together with the place they stand for.
    pub(crate) fn commit(&mut self, mark: &Mark) -> tantivy::Result<()> {
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(&mark.seal());
        prepared.commit().map(|_| ())
    }

    /// Begins the merges that are due; the pen must stay open until they end.
    pub(crate) fn merge(&mut self) -> tantivy::Result<Vec<Merge>> {
        let segments = self.writer.index().searchable_segment_metas()?;
        let due = merge_policy().compute_merge_candidates(&segments);
        Ok(due
            .into_iter()
            .map(|candidate| self.writer.merge(&candidate.0))
            .collect())
    }

    /// Waits for the merges of a build.
    pub(crate) fn finish(self) -> tantivy::Result<()> {
        self.writer.wait_merging_threads()
    }
}

fn merge_policy() -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    policy.set_min_num_segments(MERGED_TOGETHER);
    policy.set_min_layer_size(SMALL_SEGMENT_DOCS);
    policy.set_del_docs_ratio_before_merge(DELETED_SHARE_MAX);
    policy
}
