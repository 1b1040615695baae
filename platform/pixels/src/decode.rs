//! Decoding within limits. What comes here was measured before.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};

use crate::kind::Kind;
use crate::{ALLOCATED_BYTES_MAX, PIXELS_MAX, PixelError, SIDE_MAX};

/// The first frame, and how it must be turned to stand upright.
pub(crate) fn decode(kind: Kind, bytes: &[u8]) -> Result<(DynamicImage, Orientation), PixelError> {
    let format = match kind {
        Kind::Jpeg => ImageFormat::Jpeg,
        Kind::Png => ImageFormat::Png,
        Kind::Gif => ImageFormat::Gif,
        Kind::Webp => ImageFormat::WebP,
        Kind::Svg => return Err(PixelError::broken("an SVG has no pixels")),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(ALLOCATED_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(PixelError::broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX
        || decoder.total_bytes() > ALLOCATED_BYTES_MAX
    {
        return Err(PixelError::TooManyPixels {
            width,
            height,
            pixels_max: PIXELS_MAX,
        });
    }
    // What cannot be read of it turns nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(PixelError::broken)?;
    Ok((image, orientation))
}
