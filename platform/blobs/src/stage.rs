//! What comes in is written to this machine's disk first, summed up on the way and bounded, so that
//! its name is known before a store sees it. What is not finished goes with its handle.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::{BlobError, Sha256Sum};

/// The folder for what is not finished yet, and how much lies in it.
#[derive(Debug)]
pub(crate) struct Staging {
    folder: PathBuf,
    bytes_max: u64,
    bytes: AtomicU64,
}

impl Staging {
    /// Leftovers of a process that died go here, as nobody else stages in this folder.
    pub(crate) fn open(folder: PathBuf, bytes_max: u64) -> Result<Arc<Self>, BlobError> {
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_file() {
                drop(std::fs::remove_file(path));
            }
        }
        Ok(Arc::new(Self {
            folder,
            bytes_max,
            bytes: AtomicU64::new(0),
        }))
    }

    /// A file that is written here and then moved.
    pub(crate) fn file(&self) -> Result<NamedTempFile, BlobError> {
        let made = tempfile::Builder::new()
            .prefix("staged-")
            .tempfile_in(&self.folder);
        match made {
            // The folder itself may have been swept away with the rest of a temporary place.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.folder)?;
                Ok(NamedTempFile::new_in(&self.folder)?)
            }
            made => Ok(made?),
        }
    }

    fn take(&self, bytes: u64) -> Result<(), BlobError> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.bytes_max {
            return Ok(());
        }
        self.give_back(bytes);
        let message = format!("{before} bytes of uploads are under way");
        Err(BlobError::Full { message })
    }

    fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Counts what one upload has in the folder, until it is dropped.
#[derive(Debug)]
struct Share {
    staging: Arc<Staging>,
    bytes: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.staging.give_back(self.bytes);
    }
}

/// An upload under way.
pub struct Stage {
    /// `None` only while a piece is being written.
    writing: Option<Writing>,
    bytes_max: u64,
}

struct Writing {
    file: NamedTempFile,
    sum: Sha256,
    share: Share,
}

impl Stage {
    pub(crate) fn new(staging: Arc<Staging>, bytes_max: u64) -> Result<Self, BlobError> {
        let file = staging.file()?;
        let share = Share { staging, bytes: 0 };
        Ok(Self {
            writing: Some(Writing {
                file,
                sum: Sha256::new(),
                share,
            }),
            bytes_max,
        })
    }

    pub async fn write(&mut self, piece: Bytes) -> Result<(), BlobError> {
        let Some(mut writing) = self.writing.take() else {
            return Err(unfinished());
        };
        let length = piece.len() as u64;
        if writing.share.bytes.saturating_add(length) > self.bytes_max {
            return Err(BlobError::TooLarge {
                bytes_max: self.bytes_max,
            });
        }
        writing.share.staging.take(length)?;
        writing.share.bytes += length;
        let written = blocking(move || {
            writing.file.write_all(&piece)?;
            writing.sum.update(&piece);
            Ok(writing)
        });
        self.writing = Some(written.await?);
        Ok(())
    }

    pub async fn finish(mut self) -> Result<Staged, BlobError> {
        let Some(mut writing) = self.writing.take() else {
            return Err(unfinished());
        };
        blocking(move || {
            writing.file.flush()?;
            Ok(Staged {
                bytes: writing.share.bytes,
                sha256: writing.sum.finalize().into(),
                file: writing.file,
                _share: writing.share,
            })
        })
        .await
    }
}

/// An upload that came whole. Its file goes with it.
#[derive(Debug)]
pub struct Staged {
    pub bytes: u64,
    pub sha256: Sha256Sum,
    file: NamedTempFile,
    _share: Share,
}

impl Staged {
    /// All of it, into memory.
    pub async fn read(self) -> Result<Vec<u8>, BlobError> {
        blocking(move || Ok(std::fs::read(self.file.path())?)).await
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Makes it last, under another name of the same file system. Blocks.
    pub(crate) fn persist(self, to: &Path) -> Result<File, BlobError> {
        self.file.as_file().sync_all()?;
        Ok(self.file.persist(to).map_err(|error| error.error)?)
    }
}

/// Runs what waits for a disk where waiting is fine.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(BlobError::Unreachable {
            message: error.to_string(),
        }),
    }
}

fn unfinished() -> BlobError {
    BlobError::Unreachable {
        message: "an earlier piece could not be written".to_owned(),
    }
}
