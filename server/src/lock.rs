//! One process owns a data directory, for as long as it lives.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};

/// Held until dropped; the system lets go of it when the process dies, however it dies.
pub(crate) struct DataLock {
    _file: File,
}

impl DataLock {
    /// `None` where another process owns the directory.
    pub(crate) fn take(data_dir: &Path, name: &str) -> Result<Option<Self>> {
        let shown = data_dir.display();
        std::fs::create_dir_all(data_dir)
            .with_context(|| format!("the data directory {shown} cannot be created"))?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(data_dir.join(name))
            .with_context(|| format!("the data directory {shown} cannot be written"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                file.set_len(0)?;
                writeln!(file, "{}", std::process::id())?;
                Ok(Some(Self { _file: file }))
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("the data directory {shown} cannot be locked"))
            }
        }
    }
}
