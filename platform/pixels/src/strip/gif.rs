//! GIF: blocks up to the trailer. Keeps frames, their timing and the loop count.

use super::{Reader, Shape, Stripped, le16};
use crate::PixelError;

const IMAGE: u8 = 0x2c;
const EXTENSION: u8 = 0x21;
const TRAILER: u8 = 0x3b;
const TIMING: u8 = 0xf9;
const APPLICATION: u8 = 0xff;

pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, PixelError> {
    let mut reader = Reader::new(bytes);
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend(reader.take(6)?);
    let screen = reader.take(7)?;
    kept.extend(screen);
    let mut shape = Shape {
        width: le16(screen, 0)?,
        height: le16(screen, 2)?,
        ..Shape::default()
    };
    kept.extend(reader.take(table_bytes(screen[4]))?);
    loop {
        match reader.byte()? {
            TRAILER => break,
            IMAGE => {
                let head = reader.take(9)?;
                let pixels = u64::from(le16(head, 4)?) * u64::from(le16(head, 6)?);
                shape.frames = shape.frames.saturating_add(1);
                shape.frame_pixels = shape.frame_pixels.saturating_add(pixels);
                kept.push(IMAGE);
                kept.extend(head);
                kept.extend(reader.take(table_bytes(head[8]))?);
                // The code size stands before the data.
                kept.push(reader.byte()?);
                kept.extend(blocks(&mut reader)?);
            }
            EXTENSION => {
                let label = reader.byte()?;
                let data = blocks(&mut reader)?;
                let looping = data.get(1..12) == Some(b"NETSCAPE2.0")
                    || data.get(1..12) == Some(b"ANIMEXTS1.0");
                if label == TIMING || (label == APPLICATION && looping) {
                    kept.extend([EXTENSION, label]);
                    kept.extend(data);
                }
            }
            _ => return Err(PixelError::broken("a GIF block is unknown")),
        }
    }
    kept.push(TRAILER);
    if shape.frames == 0 {
        return Err(PixelError::broken("the GIF holds no picture"));
    }
    Ok(Stripped { bytes: kept, shape })
}

/// Of a colour table, by the flags before it.
const fn table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        return 0;
    }
    3 << ((flags & 0x07) + 1)
}

/// Sub-blocks with the empty one that ends them.
fn blocks<'b>(reader: &mut Reader<'b>) -> Result<&'b [u8], PixelError> {
    let all = reader.rest;
    let mut length = 0;
    loop {
        let size = usize::from(reader.byte()?);
        reader.take(size)?;
        length += size + 1;
        if size == 0 {
            return Ok(&all[..length]);
        }
    }
}
