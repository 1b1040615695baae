//! An open index: its reader, the place in the event log it stands at, and whether its files are
//! still what was written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stoa_kernel::CellId;
use tantivy::index::SegmentComponent;
use tantivy::{Index, IndexMeta, IndexReader, IndexSettings, ReloadPolicy, Searcher, TantivyError};

use super::directory::Shelter;
use super::schema::{self, Fields, VERSION};
use crate::domain::language::tongue_of;

/// How far an index has followed the events, and of what it was made. Committed with the
/// documents, so that a crash neither loses nor repeats anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) schema: u32,
    pub(crate) cell: CellId,
    pub(crate) epoch: i64,
    /// The last event that is in the index.
    pub(crate) position: i64,
    /// The language of texts that are no translations.
    pub(crate) locale: String,
}

impl Mark {
    /// With a digest of its own: what tantivy keeps beside its segments has no checksum.
    pub(crate) fn seal(&self) -> String {
        let text = serde_json::to_string(self).expect("numbers and text are JSON");
        format!("{}{text}", digest(&text))
    }

    fn unseal(sealed: &str) -> Option<Self> {
        let (seal, text) = sealed.split_at_checked(DIGEST_LENGTH)?;
        if digest(text) != seal {
            return None;
        }
        serde_json::from_str(text).ok()
    }
}

const DIGEST_LENGTH: usize = 16;

fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    let half: Vec<String> = bytes[..DIGEST_LENGTH / 2]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    half.concat()
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("there is none yet")]
    Missing,
    #[error("it is of another version")]
    Version,
    #[error("{what} is not what was written")]
    Torn { what: String },
    #[error(transparent)]
    Tantivy(#[from] TantivyError),
}

impl Flaw {
    fn torn(what: impl Into<String>) -> Self {
        Self::Torn { what: what.into() }
    }
}

/// What a file looked like when it was first seen. Files of segments never change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self {
            bytes: meta.len(),
            changed: meta.modified().ok(),
        })
    }
}

pub(crate) struct Live {
    pub(crate) fields: Fields,
    pub(crate) index: Index,
    pub(crate) folder: PathBuf,
    /// Differs between any two indexes of a process.
    pub(crate) number: u64,
    pub(crate) home: Option<usize>,
    reader: IndexReader,
    mark: Mutex<Mark>,
    reloads: AtomicU64,
    stamps: Mutex<BTreeMap<PathBuf, Stamp>>,
    maps: Arc<AtomicBool>,
}

impl Live {
    /// An empty index in a folder of its own.
    pub(crate) fn create(folder: &Path, mark: Mark) -> Result<Self, Flaw> {
        std::fs::create_dir_all(folder).map_err(TantivyError::from)?;
        let shelter = Shelter::open(folder).map_err(TantivyError::from)?;
        let maps = shelter.maps();
        let (schema, fields) = schema::build();
        let index = Index::create(shelter, schema, IndexSettings::default())?;
        Self::over(index, fields, folder, mark, maps)
    }

    /// An index that was written before. Every byte of it is checked.
    pub(crate) fn open(folder: &Path) -> Result<Self, Flaw> {
        let shelter = Shelter::open(folder).map_err(|_| Flaw::Missing)?;
        let maps = shelter.maps();
        let (schema, fields) = schema::build();
        let index = Index::open(shelter)?;
        if index.schema() != schema {
            return Err(Flaw::Version);
        }
        let metas = index.load_metas()?;
        let payload = metas.payload.as_deref().ok_or(Flaw::Missing)?;
        let mark = Mark::unseal(payload).ok_or_else(|| Flaw::torn("the mark"))?;
        if mark.schema != VERSION {
            return Err(Flaw::Version);
        }
        for file in files_of(&metas) {
            if !matches!(index.directory().validate_checksum(&file), Ok(true)) {
                return Err(Flaw::torn(file.display().to_string()));
            }
        }
        let live = Self::over(index, fields, folder, mark, maps)?;
        live.check_counts()?;
        live.is_intact();
        Ok(live)
    }

    fn over(
        mut index: Index,
        fields: Fields,
        folder: &Path,
        mark: Mark,
        maps: Arc<AtomicBool>,
    ) -> Result<Self, Flaw> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        index.set_tokenizers(schema::analyses());
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(0)
            .try_into()?;
        Ok(Self {
            fields,
            index,
            folder: folder.to_owned(),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            home: tongue_of(&mark.locale),
            reader,
            mark: Mutex::new(mark),
            reloads: AtomicU64::new(0),
            stamps: Mutex::default(),
            maps,
        })
    }

    /// What the list of segments says must fit what the segments hold.
    fn check_counts(&self) -> Result<(), Flaw> {
        let metas = self.index.searchable_segment_metas()?;
        for segment in self.searcher().segment_readers() {
            let ids = segment.fast_fields().u64(schema::ID_LOW)?;
            let listed = metas.iter().find(|meta| meta.id() == segment.segment_id());
            let alive = listed.map(|meta| meta.max_doc().checked_sub(meta.num_deleted_docs()));
            if ids.num_docs() != segment.max_doc() || alive.flatten() != Some(segment.num_docs()) {
                return Err(Flaw::torn("the list of segments"));
            }
        }
        Ok(())
    }

    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Rises with every change that searches see.
    pub(crate) fn reloads(&self) -> u64 {
        self.reloads.load(Ordering::Acquire)
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark.lock().clone()
    }

    /// Shows what was committed.
    pub(crate) fn reload(&self, mark: Option<Mark>) -> tantivy::Result<()> {
        self.reader.reload()?;
        // New files are known as they were written, before anybody else can change them.
        self.looks_intact();
        if let Some(mark) = mark {
            *self.mark.lock() = mark;
        }
        self.reloads.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Whether reading it may end the process once a file was cut short: the system answers a read
    /// beyond the end of a mapped file with a signal, not with an error.
    pub(crate) fn is_mapped(&self) -> bool {
        self.maps.load(Ordering::Relaxed)
    }

    /// Whether each file is still as it was when first seen.
    pub(crate) fn is_intact(&self) -> bool {
        // A merge may drop files between the list and the look at them.
        (0..3).any(|_| self.looks_intact())
    }

    fn looks_intact(&self) -> bool {
        let Ok(metas) = self.index.load_metas() else {
            return false;
        };
        if metas.payload.as_deref().and_then(Mark::unseal).is_none() && !metas.segments.is_empty() {
            return false;
        }
        let mut stamps = self.stamps.lock();
        let mut seen = BTreeMap::new();
        for file in metas.list_segment_files() {
            let found = Stamp::of(&self.folder.join(&file));
            match (stamps.get(&file), found) {
                (None, None) => {}
                (Some(before), Some(now)) if *before != now => return false,
                (Some(_), None) => return false,
                (_, Some(now)) => drop(seen.insert(file, now)),
            }
        }
        *stamps = seen;
        true
    }

    /// Whether every byte is what was written. Reads all of it.
    pub(crate) fn verify(&self) -> bool {
        if !self.is_intact() {
            return false;
        }
        let Ok(metas) = self.index.load_metas() else {
            return false;
        };
        files_of(&metas)
            .iter()
            .all(|file| matches!(self.index.directory().validate_checksum(file), Ok(true)))
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let Ok(files) = std::fs::read_dir(&self.folder) else {
            return 0;
        };
        files
            .flatten()
            .filter_map(|file| file.metadata().ok())
            .map(|meta| meta.len())
            .sum()
    }
}

/// The files that the listed segments must have. Some of them tantivy reads as empty where they are
/// missing, and fails later.
fn files_of(metas: &IndexMeta) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for segment in &metas.segments {
        let always = [
            SegmentComponent::Postings,
            SegmentComponent::Positions,
            SegmentComponent::Terms,
            SegmentComponent::FastFields,
            SegmentComponent::FieldNorms,
            SegmentComponent::Store,
        ];
        files.extend(always.map(|part| segment.relative_path(part)));
        if segment.has_deletes() {
            files.push(segment.relative_path(SegmentComponent::Delete));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_mark_is_noticed() {
        let mark = Mark {
            schema: VERSION,
            cell: CellId::from_u128(7),
            epoch: 1,
            position: 41,
            locale: "en".to_owned(),
        };
        let sealed = mark.seal();
        assert_eq!(Mark::unseal(&sealed), Some(mark));
        assert_eq!(Mark::unseal(&sealed.replace("41", "42")), None);
        assert_eq!(Mark::unseal(""), None);
    }
}
