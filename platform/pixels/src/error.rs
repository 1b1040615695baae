//! Why an image is refused: facts for whoever sent it.

/// An image that is not taken, or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PixelError {
    #[error("the content is none of JPEG, PNG, GIF, WebP and SVG")]
    UnknownKind,
    #[error("the picture has {width} x {height} pixels; at most {pixels_max} are taken")]
    TooManyPixels {
        width: u32,
        height: u32,
        pixels_max: u64,
    },
    #[error("the animation has more than {frames_max} frames or too many pixels in all")]
    TooManyFrames { frames_max: u32 },
    #[error("the file is broken or cut off: {reason}")]
    Broken { reason: String },
    #[error("the SVG cannot be taken: {reason}")]
    Svg { reason: &'static str },
    #[error("the picture cannot be encoded: {reason}")]
    Encoding { reason: String },
}

impl PixelError {
    pub(crate) fn broken(reason: impl ToString) -> Self {
        Self::Broken {
            reason: reason.to_string(),
        }
    }
}
