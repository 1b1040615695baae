//! Images: what they are by their content, made safe, made smaller. Knows no shop and no storage;
//! never believes a name or a header, and never decodes what it has not measured first.

mod accept;
mod decode;
mod error;
mod kind;
mod render;
mod strip;
mod svg;

pub use accept::{Accepted, accept};
pub use error::PixelError;
pub use kind::{Format, Kind};
pub use render::{Rendered, height_at, render};

/// Pixels of one picture: a photo of 48 megapixels fits. Four bytes each while it is decoded.
pub const PIXELS_MAX: u64 = 50_000_000;
/// The longest side that anything here looks at.
pub const SIDE_MAX: u32 = 16_383;
/// Frames of an animation.
pub const FRAMES_MAX: u32 = 1_000;
/// Pixels of all frames of an animation together: what a shopper's browser has to go through.
pub const ANIMATION_PIXELS_MAX: u64 = 500_000_000;
/// What a decoder may allocate.
const ALLOCATED_BYTES_MAX: u64 = 320 * 1024 * 1024;
