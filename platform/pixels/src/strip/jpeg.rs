//! JPEG: segments up to the end-of-image marker. Keeps the colour profile and what decoding needs.

use super::{Reader, Shape, Stripped};
use crate::PixelError;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, PixelError> {
    let mut reader = Reader::new(bytes);
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend(reader.take(2)?);
    let mut shape = Shape {
        frames: 1,
        ..Shape::default()
    };
    loop {
        if reader.byte()? != 0xff {
            return Err(PixelError::broken("a JPEG marker is missing"));
        }
        let mut marker = reader.byte()?;
        while marker == 0xff {
            marker = reader.byte()?;
        }
        match marker {
            END_OF_IMAGE => break,
            // Markers that stand alone.
            0x01 | 0xd0..=0xd7 => kept.extend([0xff, marker]),
            0x00 | 0xd8 => return Err(PixelError::broken("a JPEG marker is out of place")),
            _ => {
                let length = usize::from(reader.be16()?);
                let body = reader.take(length.saturating_sub(2))?;
                if is_frame(marker) {
                    let mut frame = Reader::new(body);
                    frame.byte()?;
                    shape.height = u32::from(frame.be16()?);
                    shape.width = u32::from(frame.be16()?);
                    shape.frame_pixels = u64::from(shape.width) * u64::from(shape.height);
                }
                if is_kept(marker, body) {
                    kept.extend([0xff, marker]);
                    kept.extend(
                        u16::try_from(body.len() + 2)
                            .unwrap_or(u16::MAX)
                            .to_be_bytes(),
                    );
                    kept.extend(body);
                }
                if marker == START_OF_SCAN {
                    kept.extend(scan(&mut reader)?);
                }
            }
        }
    }
    kept.extend([0xff, END_OF_IMAGE]);
    Ok(Stripped { bytes: kept, shape })
}

/// Start-of-frame markers: all of their range but tables and reserved ones.
const fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

fn is_kept(marker: u8, body: &[u8]) -> bool {
    match marker {
        // JFIF, and Adobe's, which says what the colours mean.
        0xe0 | 0xee => true,
        0xe2 => body.starts_with(b"ICC_PROFILE\0"),
        // Other application segments (Exif, XMP, IPTC) and comments.
        0xe1 | 0xe3..=0xed | 0xef | 0xfe => false,
        _ => true,
    }
}

/// Entropy-coded data up to the next marker that is not part of it.
fn scan<'b>(reader: &mut Reader<'b>) -> Result<&'b [u8], PixelError> {
    let data = reader.rest;
    let mut at = 0;
    while let Some(found) = data[at..].iter().position(|&byte| byte == 0xff) {
        at += found;
        match data.get(at + 1) {
            Some(0x00 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            Some(_) => return reader.take(at),
            None => break,
        }
    }
    Err(PixelError::broken("it ends within the picture"))
}
