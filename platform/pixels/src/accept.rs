//! From what somebody sent to what may be stored and served: measured, decoded once, upright, and
//! without what cameras and editors write beside the picture (places, names, serial numbers).

use image::metadata::Orientation;

use crate::decode::decode;
use crate::kind::Kind;
use crate::render::upright;
use crate::strip::{Shape, strip};
use crate::{ANIMATION_PIXELS_MAX, FRAMES_MAX, PIXELS_MAX, PixelError, SIDE_MAX, svg};

/// An image fit to be served as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub kind: Kind,
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
    /// Has more than one frame; smaller versions show the first.
    pub animated: bool,
}

/// Blocks for as long as decoding takes: call it where blocking is fine.
pub fn accept(bytes: &[u8]) -> Result<Accepted, PixelError> {
    let kind = Kind::sniff(bytes).ok_or(PixelError::UnknownKind)?;
    if kind == Kind::Svg {
        let clean = svg::sanitise(bytes)?;
        return Ok(Accepted {
            kind,
            bytes: clean.text.into_bytes(),
            width: clean.width,
            height: clean.height,
            animated: false,
        });
    }
    let stripped = strip(kind, bytes)?;
    bound(&stripped.shape)?;
    let animated = stripped.shape.frames > 1;
    // From the original: the orientation stands among what was stripped.
    let (image, orientation) = decode(kind, bytes)?;
    if orientation == Orientation::NoTransforms || animated {
        return Ok(Accepted {
            kind,
            bytes: stripped.bytes,
            width: stripped.shape.width,
            height: stripped.shape.height,
            animated,
        });
    }
    let (bytes, width, height) = upright(image, orientation, kind)?;
    Ok(Accepted {
        kind,
        bytes,
        width,
        height,
        animated,
    })
}

/// Refuses by the header alone, before any decoder sees the file.
pub(crate) fn bound(shape: &Shape) -> Result<(), PixelError> {
    let Shape {
        width,
        height,
        frames,
        frame_pixels,
    } = *shape;
    if width == 0 || height == 0 {
        return Err(PixelError::broken("a side has no pixels"));
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXELS_MAX || width > SIDE_MAX || height > SIDE_MAX {
        return Err(PixelError::TooManyPixels {
            width,
            height,
            pixels_max: PIXELS_MAX,
        });
    }
    // A browser composes each frame on the whole canvas, however small the frame is.
    let shown = u64::from(frames).saturating_mul(pixels);
    let animated = frames > 1;
    if frames > FRAMES_MAX
        || (animated && shown.max(frame_pixels) > ANIMATION_PIXELS_MAX)
        || (!animated && frame_pixels > PIXELS_MAX)
    {
        return Err(PixelError::TooManyFrames {
            frames_max: FRAMES_MAX,
        });
    }
    Ok(())
}
