//! Smaller versions of a picture, in the formats that browsers take.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::avif::AvifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageEncoder as _, RgbaImage};

use crate::PixelError;
use crate::accept::bound;
use crate::decode::decode;
use crate::kind::{Format, Kind};
use crate::strip::strip;

const WEBP_QUALITY: f32 = 80.0;
const JPEG_QUALITY: u8 = 82;
const AVIF_QUALITY: u8 = 62;
/// The fastest: a version is made while somebody waits for it.
const AVIF_SPEED: u8 = 10;
/// Of what is turned upright and then stands for the original.
const UPRIGHT_QUALITY: u8 = 92;
const UPRIGHT_WEBP_QUALITY: f32 = 92.0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

/// The height that keeps the proportions, at least 1.
pub const fn height_at(width: u32, of_width: u32, of_height: u32) -> u32 {
    if of_width == 0 {
        return 1;
    }
    let of_width = of_width as u64;
    let height = (of_height as u64 * width as u64 + of_width / 2) / of_width;
    if height == 0 { 1 } else { height as u32 }
}

/// An accepted image, `width` pixels wide, never larger than it is. Blocks.
pub fn render(
    kind: Kind,
    bytes: &[u8],
    width: u32,
    format: Format,
) -> Result<Rendered, PixelError> {
    // Measured again: what is stored may have been put there by others.
    bound(&strip(kind, bytes)?.shape)?;
    let (image, _) = decode(kind, bytes)?;
    let pixels = image.into_rgba8();
    let width = width.clamp(1, pixels.width());
    let height = height_at(width, pixels.width(), pixels.height()).min(pixels.height());
    let small = resize(pixels, width, height)?;
    let bytes = encode(small, format)?;
    Ok(Rendered {
        bytes,
        width,
        height,
    })
}

fn resize(pixels: RgbaImage, width: u32, height: u32) -> Result<RgbaImage, PixelError> {
    if pixels.dimensions() == (width, height) {
        return Ok(pixels);
    }
    let failed = |error: &dyn std::fmt::Display| PixelError::Encoding {
        reason: error.to_string(),
    };
    let (from_width, from_height) = pixels.dimensions();
    let source = Image::from_vec_u8(from_width, from_height, pixels.into_raw(), PixelType::U8x4)
        .map_err(|error| failed(&error))?;
    let mut target = Image::new(width, height, PixelType::U8x4);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(|error| failed(&error))?;
    RgbaImage::from_raw(width, height, target.into_vec())
        .ok_or_else(|| failed(&"the resized picture has another size"))
}

fn encode(pixels: RgbaImage, format: Format) -> Result<Vec<u8>, PixelError> {
    let (width, height) = pixels.dimensions();
    let mut bytes = Vec::new();
    let failed = |error: image::ImageError| PixelError::Encoding {
        reason: error.to_string(),
    };
    match format {
        Format::Webp => return webp(&pixels, WEBP_QUALITY),
        Format::Jpeg => {
            let opaque = on_white(&pixels);
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
                .write_image(&opaque, width, height, ExtendedColorType::Rgb8)
                .map_err(failed)?;
        }
        Format::Png => PngEncoder::new(&mut bytes)
            .write_image(&pixels, width, height, ExtendedColorType::Rgba8)
            .map_err(failed)?,
        // One thread: how many pictures are made at once is decided elsewhere.
        Format::Avif => AvifEncoder::new_with_speed_quality(&mut bytes, AVIF_SPEED, AVIF_QUALITY)
            .with_num_threads(Some(1))
            .write_image(&pixels, width, height, ExtendedColorType::Rgba8)
            .map_err(failed)?,
    }
    Ok(bytes)
}

fn webp(pixels: &RgbaImage, quality: f32) -> Result<Vec<u8>, PixelError> {
    let (width, height) = pixels.dimensions();
    let encoder = webp::Encoder::from_rgba(pixels, width, height);
    let made = encoder.encode_simple(false, quality);
    let made = made.map_err(|error| PixelError::Encoding {
        reason: format!("{error:?}"),
    })?;
    Ok(made.to_vec())
}

/// JPEG knows no transparency.
fn on_white(pixels: &RgbaImage) -> Vec<u8> {
    let mut opaque = Vec::with_capacity(pixels.len() / 4 * 3);
    for pixel in pixels.pixels() {
        let [red, green, blue, alpha] = pixel.0;
        let alpha = u16::from(alpha);
        let over = |value: u8| {
            let mixed = u16::from(value) * alpha + 255 * (255 - alpha);
            u8::try_from((mixed + 127) / 255).unwrap_or(u8::MAX)
        };
        opaque.extend([over(red), over(green), over(blue)]);
    }
    opaque
}

/// Turned as the camera meant, in the same kind, with its new sides.
pub(crate) fn upright(
    mut image: DynamicImage,
    orientation: Orientation,
    kind: Kind,
) -> Result<(Vec<u8>, u32, u32), PixelError> {
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    let mut bytes = Vec::new();
    let failed = |error: image::ImageError| PixelError::Encoding {
        reason: error.to_string(),
    };
    match kind {
        Kind::Jpeg => {
            let pixels = image.into_rgb8();
            JpegEncoder::new_with_quality(&mut bytes, UPRIGHT_QUALITY)
                .write_image(&pixels, width, height, ExtendedColorType::Rgb8)
                .map_err(failed)?;
        }
        Kind::Webp => bytes = webp(&image.into_rgba8(), UPRIGHT_WEBP_QUALITY)?,
        Kind::Png | Kind::Gif | Kind::Svg => PngEncoder::new(&mut bytes)
            .write_image(image.as_bytes(), width, height, image.color().into())
            .map_err(failed)?,
    }
    Ok((bytes, width, height))
}
