//! What shoppers get: upright, without the photographer's data, as small as asked for.

use image::{ImageFormat, Rgba, RgbaImage};
use stoa_pixels::{Format, Kind, accept, height_at, render};

use crate::files;

fn pixels(bytes: &[u8], format: ImageFormat) -> RgbaImage {
    image::load_from_memory_with_format(bytes, format)
        .expect("a picture")
        .into_rgba8()
}

#[test]
fn a_photo_lying_on_its_side_is_set_upright_and_forgets_where_it_was_taken() {
    // 6: the camera was turned; what is left of the file belongs on top.
    let photo = files::with_exif(&files::jpeg(&files::halves(32, 16)), 6);
    assert!(files::holds(&photo, "GPS 52.5200"));
    let taken = accept(&photo).expect("a photo");
    assert_eq!((taken.width, taken.height), (16, 32));
    assert!(!files::holds(&taken.bytes, "GPS") && !files::holds(&taken.bytes, "Exif"));
    let seen = pixels(&taken.bytes, ImageFormat::Jpeg);
    assert_eq!(seen.dimensions(), (16, 32));
    assert!(seen.get_pixel(8, 4)[0] > 200, "red on top");
    assert!(seen.get_pixel(8, 28)[2] > 200, "blue below");
}

#[test]
fn an_upright_photo_keeps_its_pixels_to_the_byte_and_loses_the_rest() {
    let plain = files::jpeg(&files::halves(32, 16));
    let taken = accept(&files::with_exif(&plain, 1)).expect("a photo");
    assert_eq!(taken.bytes, plain);
    assert_eq!(
        (taken.kind, taken.width, taken.height),
        (Kind::Jpeg, 32, 16)
    );

    let picture = files::png(&RgbaImage::from_pixel(3, 2, Rgba([9, 8, 7, 255])));
    let mut noted = picture[..33].to_vec();
    noted.extend(files::chunk(b"tEXt", b"Author\0GPS"));
    noted.extend(files::chunk(b"eXIf", &files::exif(1)[6..]));
    noted.extend(&picture[33..]);
    assert_eq!(accept(&noted).expect("a PNG").bytes, picture);

    let animation = files::gif(2);
    let mut noted = animation[..animation.len() - 1].to_vec();
    noted.extend(b"\x21\xfe\x03GPS\0;");
    let taken = accept(&noted).expect("a GIF");
    assert_eq!(taken.bytes, animation);
    assert!(taken.animated && !files::holds(&taken.bytes, "GPS"));
}

#[test]
fn metadata_of_a_webp_goes_and_its_picture_stays() {
    let picture = RgbaImage::from_pixel(10, 6, Rgba([200, 10, 10, 120]));
    let plain = files::webp(&picture);
    assert_eq!(&plain[12..16], b"VP8X", "alpha makes it an extended file");
    let mut noted = plain.clone();
    noted[20] |= 0x08;
    let exif = &files::exif(1)[6..];
    noted.extend(b"EXIF");
    noted.extend(u32::try_from(exif.len()).expect("small").to_le_bytes());
    noted.extend(exif);
    if exif.len() % 2 == 1 {
        noted.push(0);
    }
    let size = u32::try_from(noted.len() - 8).expect("small");
    noted[4..8].copy_from_slice(&size.to_le_bytes());
    let taken = accept(&noted).expect("a WebP");
    assert_eq!(taken.bytes, plain);
    assert_eq!((taken.width, taken.height, taken.animated), (10, 6, false));
}

#[test]
fn every_format_comes_out_in_the_width_asked_for() {
    let photo = files::jpeg(&files::halves(400, 200));
    for (format, start) in [
        (Format::Webp, &b"RIFF"[..]),
        (Format::Avif, b"ftypavif"),
        (Format::Jpeg, &[0xff, 0xd8, 0xff]),
        (Format::Png, b"\x89PNG"),
    ] {
        let made = render(Kind::Jpeg, &photo, 160, format).expect("a version");
        assert_eq!((made.width, made.height), (160, 80), "{format:?}");
        // The box of an AVIF begins with its length.
        let skipped = if format == Format::Avif { 4 } else { 0 };
        assert!(made.bytes[skipped..].starts_with(start), "{format:?}");
        let twice = render(Kind::Jpeg, &photo, 160, format).expect("a version");
        assert_eq!(twice, made, "{format:?}: the same each time");
    }
    let made = render(Kind::Jpeg, &photo, 9_999, Format::Webp).expect("a version");
    assert_eq!(
        (made.width, made.height),
        (400, 200),
        "never larger than it is"
    );
    assert_eq!((height_at(160, 400, 200), height_at(1, 5_000, 2)), (80, 1));
}

#[test]
fn what_is_see_through_stays_so_or_turns_white() {
    let glass = files::png(&RgbaImage::from_pixel(320, 320, Rgba([200, 0, 0, 0])));
    let made = |format| {
        render(Kind::Png, &glass, 160, format)
            .expect("a version")
            .bytes
    };
    let png = pixels(&made(Format::Png), ImageFormat::Png);
    assert_eq!(png.get_pixel(80, 80)[3], 0);
    let webp = pixels(&made(Format::Webp), ImageFormat::WebP);
    assert_eq!(webp.get_pixel(80, 80)[3], 0);
    let jpeg = pixels(&made(Format::Jpeg), ImageFormat::Jpeg);
    assert!(jpeg.get_pixel(80, 80).0.iter().all(|&part| part > 250));
}

#[test]
fn the_content_says_what_it_is_and_the_extension_follows() {
    let webp = files::webp(&RgbaImage::new(2, 2));
    assert_eq!(Kind::sniff(&webp), Some(Kind::Webp));
    assert_eq!(Kind::sniff(b"\xef\xbb\xbf <?xml?> <svg/>"), Some(Kind::Svg));
    assert_eq!(Kind::sniff(b"<html>"), None);
    for kind in Kind::ALL {
        assert_eq!(Kind::from_extension(kind.extension()), Some(kind));
    }
    for format in Format::ALL {
        assert_eq!(Format::from_extension(format.extension()), Some(format));
    }
}
