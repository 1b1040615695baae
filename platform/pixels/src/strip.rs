//! Walks through the containers: measures a picture without decoding it, and leaves out what is no
//! picture. A file that ends before its container does is refused here.

mod gif;
mod jpeg;
mod png;
mod webp;

use crate::PixelError;
use crate::kind::Kind;

/// What the headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames: u32,
    /// Of all frames together, as they say of themselves.
    pub(crate) frame_pixels: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stripped {
    pub(crate) bytes: Vec<u8>,
    pub(crate) shape: Shape,
}

pub(crate) fn strip(kind: Kind, bytes: &[u8]) -> Result<Stripped, PixelError> {
    match kind {
        Kind::Jpeg => jpeg::strip(bytes),
        Kind::Png => png::strip(bytes),
        Kind::Gif => gif::strip(bytes),
        Kind::Webp => webp::strip(bytes),
        Kind::Svg => Err(PixelError::broken("an SVG is no container")),
    }
}

/// Reads from the front; the end of the file is an error, never a panic.
struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], PixelError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(PixelError::broken("it ends too early")),
        }
    }

    fn byte(&mut self) -> Result<u8, PixelError> {
        Ok(self.take(1)?[0])
    }

    fn be16(&mut self) -> Result<u16, PixelError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn be32(&mut self) -> Result<u32, PixelError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

fn le16(bytes: &[u8], at: usize) -> Result<u32, PixelError> {
    match bytes.get(at..at + 2) {
        Some(found) => Ok(u32::from(u16::from_le_bytes([found[0], found[1]]))),
        None => Err(PixelError::broken("it ends too early")),
    }
}

fn le24(bytes: &[u8], at: usize) -> Result<u32, PixelError> {
    match bytes.get(at..at + 3) {
        Some(found) => Ok(u32::from_le_bytes([found[0], found[1], found[2], 0])),
        None => Err(PixelError::broken("it ends too early")),
    }
}
