//! Where an index reads and writes. Small files are read into memory whole, so that one torn under
//! a running process hurts no search; large ones are mapped.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tantivy::directory::error::{
    DeleteError, LockError, OpenDirectoryError, OpenReadError, OpenWriteError,
};
use tantivy::directory::{
    DirectoryLock, FileHandle, Lock, MmapDirectory, OwnedBytes, WatchCallback, WatchHandle,
    WritePtr,
};
use tantivy::{Directory, HasLen};

/// Larger files are mapped.
const SMALL_BYTES_MAX: usize = 1 << 20;
/// What all indexes of a process hold in memory together; beyond it they map.
const HELD_BYTES_MAX: usize = 12 << 20;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone)]
pub(crate) struct Shelter {
    mapped: MmapDirectory,
    root: PathBuf,
    /// Whether a file was mapped: such an index must not be read once a file of it is torn.
    maps: Arc<AtomicBool>,
}

impl Shelter {
    pub(crate) fn open(root: &Path) -> Result<Self, OpenDirectoryError> {
        Ok(Self {
            mapped: MmapDirectory::open(root)?,
            root: root.to_owned(),
            maps: Arc::default(),
        })
    }

    pub(crate) fn maps(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.maps)
    }
}

impl fmt::Debug for Shelter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelter({})", self.root.display())
    }
}

/// A file in memory.
struct Held {
    bytes: OwnedBytes,
    length: usize,
}

impl Held {
    /// `None` where memory is spent.
    fn read(path: &Path, length: usize) -> io::Result<Option<Self>> {
        let before = HELD.fetch_add(length, Ordering::Relaxed);
        if before + length > HELD_BYTES_MAX {
            HELD.fetch_sub(length, Ordering::Relaxed);
            return Ok(None);
        }
        // Counted already: its drop gives the memory back, also after an error.
        let mut held = Self {
            bytes: OwnedBytes::empty(),
            length,
        };
        held.bytes = OwnedBytes::new(std::fs::read(path)?);
        Ok(Some(held))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(self.length, Ordering::Relaxed);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.length)
    }
}

impl HasLen for Held {
    fn len(&self) -> usize {
        self.bytes.len()
    }
}

#[async_trait]
impl FileHandle for Held {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.end > self.bytes.len() || range.start > range.end {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(self.bytes.slice(range))
    }
}

impl Directory for Shelter {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let full = self.root.join(path);
        let length = std::fs::metadata(&full).map_or(usize::MAX, |meta| meta.len() as usize);
        if length <= SMALL_BYTES_MAX {
            let held = Held::read(&full, length)
                .map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
            if let Some(held) = held {
                return Ok(Arc::new(held));
            }
        }
        let handle = self.mapped.get_file_handle(path)?;
        self.maps.store(true, Ordering::Relaxed);
        Ok(handle)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.mapped.delete(path)
    }
    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.mapped.exists(path)
    }
    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.mapped.open_write(path)
    }
    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.mapped.atomic_read(path)
    }
    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.mapped.atomic_write(path, data)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.mapped.sync_directory()
    }
    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.mapped.acquire_lock(lock)
    }
    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.mapped.watch(callback)
    }
}
