//! One process owns a data directory, for as long as it lives.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};

use crate::settings::Settings;

/// Makes the directory for its owner alone: it holds every shop's data and the operator's socket. One
/// that is there keeps the mode that somebody gave it.
pub(crate) fn make_data_dir(data_dir: &Path) -> std::io::Result<()> {
    const OWNER_ALONE: u32 = 0o700;
    DirBuilder::new()
        .recursive(true)
        .mode(OWNER_ALONE)
        .create(data_dir)
}

/// Held until dropped; the system lets go of it when the process dies, however it dies.
pub(crate) struct DataLock {
    _file: File,
}

/// What a process must own before it opens anything: its data directory, and the folder of its
/// databases where that is another one. `None` where another process owns either.
pub(crate) fn own(settings: &Settings) -> Result<Option<Vec<DataLock>>> {
    let mut locks = Vec::new();
    let folders = [Some(settings.data_dir.clone()), settings.outside_folder()];
    for folder in folders.into_iter().flatten() {
        match DataLock::take(&folder, &settings.lock_name())? {
            Some(lock) => locks.push(lock),
            None => return Ok(None),
        }
    }
    Ok(Some(locks))
}

impl DataLock {
    /// `None` where another process owns the directory.
    fn take(data_dir: &Path, name: &str) -> Result<Option<Self>> {
        let shown = data_dir.display();
        make_data_dir(data_dir)
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_data_directory_is_closed_to_others() {
        let outer = tempfile::tempdir().expect("a directory");
        let data_dir = outer.path().join("data");
        let lock = DataLock::take(&data_dir, "stoa.lock").expect("a lock");
        assert!(lock.is_some());
        let mode = std::fs::metadata(&data_dir)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
