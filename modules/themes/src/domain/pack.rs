//! Writes zip archives. Knows nothing of what they hold.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

const VERSION: u16 = 20;
const UTF8: u16 = 1 << 11;
const DEFLATED: u16 = 8;
/// 1 January 1980: the same files make the same archive.
const DATE: u16 = 0x21;
const FILE_MODE: u32 = 0o100_644 << 16;
/// Upper byte 3: the mode above is one of Unix.
const MADE_BY: u16 = VERSION | (3 << 8);

/// An archive of these files, in their order. `None` where it would not fit the format.
pub(crate) fn pack(files: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for (name, bytes) in files {
        let mut crc = Crc::new();
        crc.update(bytes);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).ok()?;
        let packed = encoder.finish().ok()?;
        let at = u32::try_from(archive.len()).ok()?;
        let mut common = Vec::new();
        for short in [VERSION, UTF8, DEFLATED, 0, DATE] {
            common.extend(short.to_le_bytes());
        }
        for long in [crc.sum(), length(packed.len())?, length(bytes.len())?] {
            common.extend(long.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
        common.extend(0_u16.to_le_bytes());

        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(&packed);

        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY.to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend(FILE_MODE.to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(files.len()).ok()?;
    let start = length(archive.len())?;
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length(directory.len())?.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    Some(archive)
}

fn length(bytes: usize) -> Option<u32> {
    u32::try_from(bytes)
        .ok()
        .filter(|&length| length < u32::MAX)
}
