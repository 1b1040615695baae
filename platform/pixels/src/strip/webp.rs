//! WebP: the chunks of its RIFF. Keeps pictures, alpha, animation and the colour profile.

use super::{Reader, Shape, Stripped, le16, le24};
use crate::PixelError;

const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;
const KEPT: [&[u8; 4]; 7] = [
    b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP",
];

pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, PixelError> {
    let mut file = Reader::new(bytes);
    file.take(4)?;
    let size = file.take(4)?;
    let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize;
    let mut reader = Reader::new(file.take(size)?);
    reader.take(4)?;
    let mut chunks: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut shape = Shape::default();
    let mut extended = false;
    while !reader.rest.is_empty() {
        let kind = reader.take(4)?;
        let size_bytes = reader.take(4)?;
        let size = u32::from_le_bytes([size_bytes[0], size_bytes[1], size_bytes[2], size_bytes[3]]);
        let body = reader.take(size as usize)?;
        // Chunks begin at even places; the last pad byte is missing in some files.
        if size % 2 == 1 && !reader.rest.is_empty() {
            reader.byte()?;
        }
        let (width, height) = match kind {
            b"VP8X" => {
                extended = true;
                (shape.width, shape.height) = (le24(body, 4)? + 1, le24(body, 7)? + 1);
                (0, 0)
            }
            b"VP8 " => (le16(body, 6)? & 0x3fff, le16(body, 8)? & 0x3fff),
            b"VP8L" => lossless(body)?,
            b"ANMF" => (le24(body, 6)? + 1, le24(body, 9)? + 1),
            _ => (0, 0),
        };
        if width > 0 {
            shape.frames = shape.frames.saturating_add(1);
            shape.frame_pixels = shape
                .frame_pixels
                .saturating_add(u64::from(width) * u64::from(height));
            if !extended {
                (shape.width, shape.height) = (width, height);
            }
        }
        if KEPT.iter().any(|known| known.as_slice() == kind) {
            let at = chunks.len() + 8;
            for part in [kind, size_bytes, body] {
                chunks.extend(part);
            }
            if kind == b"VP8X" {
                chunks[at] &= !(HAS_EXIF | HAS_XMP);
            }
            if size % 2 == 1 {
                chunks.push(0);
            }
        }
    }
    if shape.frames == 0 {
        return Err(PixelError::broken("the WebP holds no picture"));
    }
    let mut kept = Vec::with_capacity(chunks.len() + 12);
    kept.extend(b"RIFF");
    let length = u32::try_from(chunks.len() + 4);
    let length = length.map_err(|_| PixelError::broken("it is too long"))?;
    kept.extend(length.to_le_bytes());
    kept.extend(b"WEBP");
    kept.extend(chunks);
    Ok(Stripped { bytes: kept, shape })
}

/// Width and height less one, in 14 bits each, after a mark.
fn lossless(body: &[u8]) -> Result<(u32, u32), PixelError> {
    match body.get(..5) {
        Some(&[0x2f, a, b, c, d]) => {
            let bits = u32::from_le_bytes([a, b, c, d]);
            Ok(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        _ => Err(PixelError::broken("a WebP picture has no mark")),
    }
}
