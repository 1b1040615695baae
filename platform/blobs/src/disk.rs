//! Blobs in a folder. A file gets its name only once it is whole and on the disk; the folder's own
//! entries are synced too, so that a crash leaves either the blob or nothing under its name.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use stoa_kernel::{Clock, Timestamp};

use crate::stage::{Staging, blocking};
use crate::{BlobError, BlobGroup, BlobKey, Content, Found, Listed, Store};

/// Read at a time.
const PIECE_BYTES: u64 = 256 * 1024;

#[derive(Clone)]
pub struct Disk {
    root: PathBuf,
    staging: Arc<Staging>,
    clock: Arc<dyn Clock>,
}

impl Disk {
    pub(crate) fn open(
        root: PathBuf,
        staging: Arc<Staging>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BlobError> {
        fs::create_dir_all(&root)?;
        Ok(Self {
            root,
            staging,
            clock,
        })
    }

    fn place(&self, key: &BlobKey) -> PathBuf {
        self.root.join(key.path())
    }

    /// Every blob below a folder, in the order of their paths.
    fn walk(&self, folder: &Path) -> Result<Vec<String>, BlobError> {
        let mut names = Vec::new();
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            entries => entries?,
        };
        for entry in entries {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn listed(&self, path: &str) -> Result<Option<Listed>, BlobError> {
        let Some(key) = BlobKey::parse(path) else {
            return Ok(None);
        };
        let metadata = match fs::metadata(self.root.join(path)) {
            // Deleted meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        let since = metadata.modified()?.duration_since(UNIX_EPOCH);
        let micros = since.unwrap_or_default().as_micros();
        Ok(Some(Listed {
            key,
            bytes: metadata.len(),
            modified: Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)),
        }))
    }

    /// In order of path; stops once `limit` are found.
    fn list_space(
        &self,
        space: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, BlobError> {
        let mut found = Vec::new();
        for fan in self.walk(&self.root.join(space))? {
            let fan = format!("{space}/{fan}");
            if after.is_some_and(|after| fan.as_str() < &after[..after.len().min(fan.len())]) {
                continue;
            }
            for group in self.walk(&self.root.join(&fan))? {
                let group = format!("{fan}/{group}");
                for part in self.walk(&self.root.join(&group))? {
                    let path = format!("{group}/{part}");
                    if after.is_some_and(|after| path.as_str() <= after) {
                        continue;
                    }
                    found.extend(self.listed(&path)?);
                    if found.len() >= limit {
                        return Ok(found);
                    }
                }
            }
        }
        Ok(found)
    }

    fn put_blocking(&self, place: &Path, content: Content) -> Result<(), BlobError> {
        let folder = place.parent().unwrap_or(&self.root);
        let new_folders = !folder.exists();
        fs::create_dir_all(folder)?;
        let file = match content {
            Content::Staged(staged) => staged.persist(place)?,
            Content::Bytes(bytes) => {
                let mut staged = self.staging.file()?;
                staged.write_all(&bytes)?;
                staged.as_file().sync_all()?;
                staged.persist(place).map_err(|error| error.error)?
            }
        };
        // The age that garbage collection goes by is told by the same clock as everything else.
        let now = UNIX_EPOCH + Duration::from_millis(self.clock.now().unix_ms());
        file.set_modified(now)?;
        sync_folder(folder)?;
        if new_folders {
            let above = folder.ancestors().skip(1);
            for folder in above.take_while(|folder| folder.starts_with(&self.root)) {
                sync_folder(folder)?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Disk {
    async fn put(&self, key: &BlobKey, content: Content) -> Result<(), BlobError> {
        let (disk, place) = (self.clone(), self.place(key));
        blocking(move || disk.put_blocking(&place, content)).await
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Found, BlobError> {
        let place = self.place(key);
        let opened = blocking(move || {
            let mut file = File::open(place)?;
            let bytes_total = file.metadata()?.len();
            let range = range.unwrap_or(0..bytes_total);
            if range.start > range.end || range.end > bytes_total {
                return Err(BlobError::NotFound);
            }
            file.seek(SeekFrom::Start(range.start))?;
            Ok((file, bytes_total, range))
        });
        let (file, bytes_total, range) = opened.await?;
        let left = range.end - range.start;
        let pieces = stream::try_unfold((file, left), |(file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let read = blocking(move || read_piece(file, left)).await?;
            let (file, piece) = read;
            let left = left - piece.len() as u64;
            Ok(Some((piece, (file, left))))
        });
        Ok(Found {
            bytes_total,
            range,
            pieces: Box::pin(pieces),
        })
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        let place = self.place(key);
        blocking(move || match fs::metadata(place) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let place = self.place(key);
        blocking(move || {
            match fs::remove_file(&place) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                done => done?,
            }
            // Fails where others stand in it, as it should.
            if let Some(group) = place.parent() {
                drop(fs::remove_dir(group));
            }
            Ok(())
        })
        .await
    }

    async fn list_group(&self, group: &BlobGroup) -> Result<Vec<Listed>, BlobError> {
        let (disk, path) = (self.clone(), group.path());
        blocking(move || {
            let mut found = Vec::new();
            for part in disk.walk(&disk.root.join(&path))? {
                found.extend(disk.listed(&format!("{path}/{part}"))?);
            }
            Ok(found)
        })
        .await
    }

    async fn list(
        &self,
        space: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, BlobError> {
        let (disk, space) = (self.clone(), space.to_owned());
        let after = after.map(BlobKey::path);
        blocking(move || disk.list_space(&space, after.as_deref(), limit)).await
    }
}

fn read_piece(mut file: File, left: u64) -> Result<(File, Bytes), BlobError> {
    let length = usize::try_from(left.min(PIECE_BYTES)).unwrap_or(usize::MAX);
    let mut piece = vec![0; length];
    let read = file.read_exact(&mut piece);
    read.map_err(|error| BlobError::Unreachable {
        message: format!("a blob broke off: {error}"),
    })?;
    Ok((file, Bytes::from(piece)))
}

fn sync_folder(folder: &Path) -> Result<(), BlobError> {
    Ok(File::open(folder)?.sync_all()?)
}
