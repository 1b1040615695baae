//! Reads zip archives that strangers made. Trusts no header: sizes are counted while inflating.

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::paths::junk;

pub(crate) const ARCHIVE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Files and folders together.
const ENTRIES_MAX: usize = 600;
/// One file, inflated.
pub(crate) const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// All files, inflated.
const TOTAL_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Beyond this size a file may be at most `RATIO_MAX` times as large as it was packed. Text packs
/// 5 to 20 times; deflate's own limit is 1032.
const RATIO_FREE_BYTES: usize = 256 * 1024;
const RATIO_MAX: usize = 100;
const CHUNK_BYTES: usize = 16 * 1024;

const END_SIGN: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 65_535;
const CENTRAL_SIGN: u32 = 0x0201_4b50;
const CENTRAL_BYTES: usize = 46;
const LOCAL_SIGN: u32 = 0x0403_4b50;
const LOCAL_BYTES: usize = 30;
const ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const MODE_KIND: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_FOLDER: u32 = 0o040_000;

/// Why an archive, or one file of it, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("is not a zip archive")]
    NotAnArchive,
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    #[error("holds {found} entries, more than {ENTRIES_MAX}")]
    TooMany { found: usize },
    #[error("holds files that lie over each other")]
    Overlap,
    #[error("inflates to more than {TOTAL_BYTES_MAX} bytes in all")]
    TooLarge,
    #[error("{0}")]
    Entry(&'static str),
}

/// A file as it was found, under the name it was sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// What went wrong, and with which entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) entry: Option<String>,
    pub(crate) error: ArchiveError,
}

impl From<ArchiveError> for Refusal {
    fn from(error: ArchiveError) -> Self {
        Self { entry: None, error }
    }
}

/// One line of the archive's directory.
struct Entry {
    name: String,
    method: u16,
    crc: u32,
    size: usize,
    start: usize,
    end: usize,
}

/// All files; folders and what desktops leave behind are passed over.
pub(crate) fn unpack(archive: &[u8]) -> Result<Vec<Packed>, Refusal> {
    let entries = directory(archive)?;
    let mut room = TOTAL_BYTES_MAX;
    let mut files = Vec::with_capacity(entries.len());
    for entry in entries {
        let packed = &archive[entry.start..entry.end];
        let bytes = inflate(&entry, packed, &mut room).map_err(|error| Refusal {
            entry: Some(entry.name.clone()),
            error,
        })?;
        files.push(Packed {
            name: entry.name,
            bytes,
        });
    }
    Ok(files)
}

fn directory(archive: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let end = end_record(archive)?;
    let short = |at: usize| u16_at(archive, end + at).unwrap_or(u16::MAX);
    let long = |at: usize| u32_at(archive, end + at).unwrap_or(u32::MAX) as usize;
    let (count, start, length) = (usize::from(short(10)), long(16), long(12));
    if short(4) != 0 || short(6) != 0 || usize::from(short(8)) != count {
        return Err(ArchiveError::Damaged("it is one part of several").into());
    }
    if count > ENTRIES_MAX {
        return Err(ArchiveError::TooMany { found: count }.into());
    }
    if start.checked_add(length).is_none_or(|stop| stop > end) {
        return Err(ArchiveError::Damaged("its directory is not where it should be").into());
    }
    let mut entries = Vec::with_capacity(count);
    let mut at = start;
    for _ in 0..count {
        let (entry, next) = central(archive, at, start)?;
        entries.extend(entry);
        at = next;
    }
    apart(&entries)?;
    Ok(entries)
}

/// Where the record at the archive's end begins.
fn end_record(archive: &[u8]) -> Result<usize, ArchiveError> {
    let last = archive.len().checked_sub(END_BYTES);
    let last = last.ok_or(ArchiveError::NotAnArchive)?;
    let first = last.saturating_sub(COMMENT_BYTES_MAX);
    let found = (first..=last).rev().find(|&at| {
        let comment = u16_at(archive, at + 20).map_or(usize::MAX, usize::from);
        archive[at..at + 4] == END_SIGN && comment == last - at
    });
    found.ok_or(ArchiveError::NotAnArchive)
}

/// The entry at `at`, `None` for one to pass over, and where the next begins.
fn central(archive: &[u8], at: usize, directory: usize) -> Result<(Option<Entry>, usize), Refusal> {
    const BROKEN: ArchiveError = ArchiveError::Damaged("its directory breaks off");
    let short = |offset: usize| u16_at(archive, at + offset).ok_or(BROKEN);
    let long = |offset: usize| u32_at(archive, at + offset).ok_or(BROKEN);
    if long(0)? != CENTRAL_SIGN {
        return Err(BROKEN.into());
    }
    let (name_length, extra, comment) = (short(28)?, short(30)?, short(32)?);
    let name_start = at + CENTRAL_BYTES;
    let name_end = name_start + usize::from(name_length);
    let raw = archive.get(name_start..name_end).ok_or(BROKEN)?;
    let next = name_end + usize::from(extra) + usize::from(comment);
    let name = String::from_utf8_lossy(raw).into_owned();
    let refuse = |reason| Refusal {
        entry: Some(name.clone()),
        error: ArchiveError::Entry(reason),
    };
    if std::str::from_utf8(raw).is_err() {
        return Err(refuse("has a name that is not UTF-8"));
    }
    let kind = (long(38)? >> 16) & MODE_KIND;
    let folder = name.ends_with('/');
    if !matches!(kind, 0 | MODE_FILE | MODE_FOLDER) || (kind == MODE_FOLDER && !folder) {
        return Err(refuse("is not a plain file: links and devices are refused"));
    }
    if folder || junk(&name) {
        return Ok((None, next));
    }
    if short(8)? & ENCRYPTED != 0 {
        return Err(refuse("is encrypted"));
    }
    let (packed, size, local) = (long(20)?, long(24)?, long(42)?);
    if [packed, size, local].contains(&u32::MAX) {
        return Err(refuse("uses the zip64 format, which no theme needs"));
    }
    let start = local_data(archive, local as usize, raw).ok_or_else(|| {
        refuse("is named otherwise in the directory than in its own place, or is not there")
    })?;
    let end = start.checked_add(packed as usize);
    let end = end.filter(|&end| end <= directory);
    let entry = Entry {
        end: end.ok_or_else(|| refuse("reaches beyond the archive"))?,
        method: short(10)?,
        crc: long(16)?,
        size: size as usize,
        start,
        name,
    };
    Ok((Some(entry), next))
}

/// Where the data of the local header at `at` begin, if it bears the same name.
fn local_data(archive: &[u8], at: usize, name: &[u8]) -> Option<usize> {
    if u32_at(archive, at)? != LOCAL_SIGN {
        return None;
    }
    let name_length = usize::from(u16_at(archive, at + 26)?);
    let extra = usize::from(u16_at(archive, at + 28)?);
    let name_start = at + LOCAL_BYTES;
    let own = archive.get(name_start..name_start + name_length)?;
    let start = name_start + name_length + extra;
    (own == name && start <= archive.len()).then_some(start)
}

/// Files that share their data make small archives of endless size.
fn apart(entries: &[Entry]) -> Result<(), ArchiveError> {
    let mut spans: Vec<_> = entries.iter().map(|one| (one.start, one.end)).collect();
    spans.sort_unstable();
    match spans.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        true => Err(ArchiveError::Overlap),
        false => Ok(()),
    }
}

fn inflate(entry: &Entry, packed: &[u8], room: &mut usize) -> Result<Vec<u8>, ArchiveError> {
    match entry.method {
        STORED => collect(entry, packed, packed.len(), room),
        DEFLATED => collect(entry, DeflateDecoder::new(packed), packed.len(), room),
        _ => Err(ArchiveError::Entry(
            "is packed by another method than deflate",
        )),
    }
}

fn collect(
    entry: &Entry,
    mut from: impl std::io::Read,
    packed: usize,
    room: &mut usize,
) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    let mut crc = Crc::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk);
        let read = read.map_err(|_| ArchiveError::Entry("does not inflate"))?;
        if read == 0 {
            break;
        }
        let size = bytes.len() + read;
        if size > FILE_BYTES_MAX {
            return Err(ArchiveError::Entry("is larger than 2 MiB"));
        }
        if size > RATIO_FREE_BYTES && size / RATIO_MAX > packed {
            return Err(ArchiveError::Entry("inflates more than a hundredfold"));
        }
        *room = room.checked_sub(read).ok_or(ArchiveError::TooLarge)?;
        crc.update(&chunk[..read]);
        bytes.extend_from_slice(&chunk[..read]);
    }
    if bytes.len() != entry.size || crc.sum() != entry.crc {
        return Err(ArchiveError::Entry("is damaged: its checksum is another"));
    }
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(two.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}
