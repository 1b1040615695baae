//! PNG: chunks up to `IEND`. Keeps those that change how the picture looks, animations among them.

use super::{Reader, Shape, Stripped};
use crate::PixelError;

/// A larger colour profile inflates to more than anybody needs.
const PROFILE_BYTES_MAX: usize = 1024 * 1024;
const KEPT: [&[u8; 4]; 15] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP",
    b"sBIT", b"bKGD", b"acTL", b"fcTL", b"fdAT",
];

pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, PixelError> {
    let mut reader = Reader::new(bytes);
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend(reader.take(8)?);
    let mut shape = Shape::default();
    loop {
        let length = reader.be32()? as usize;
        let kind = reader.take(4)?;
        let body = reader.take(length)?;
        let check = reader.take(4)?;
        match kind {
            b"IHDR" => {
                let mut header = Reader::new(body);
                (shape.width, shape.height) = (header.be32()?, header.be32()?);
            }
            b"fcTL" => {
                let mut frame = Reader::new(body);
                frame.be32()?;
                let pixels = u64::from(frame.be32()?) * u64::from(frame.be32()?);
                shape.frames = shape.frames.saturating_add(1);
                shape.frame_pixels = shape.frame_pixels.saturating_add(pixels);
            }
            _ => {}
        }
        let too_large = kind == b"iCCP" && length > PROFILE_BYTES_MAX;
        if KEPT.iter().any(|known| known.as_slice() == kind) && !too_large {
            kept.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
            for part in [kind, body, check] {
                kept.extend(part);
            }
        }
        if kind == b"IEND" {
            break;
        }
    }
    if shape.frames == 0 {
        shape.frames = 1;
        shape.frame_pixels = u64::from(shape.width) * u64::from(shape.height);
    }
    Ok(Stripped { bytes: kept, shape })
}
