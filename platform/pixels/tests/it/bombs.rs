//! Files that would cost more than they weigh, and files that are cut off.

use image::{Rgba, RgbaImage};
use stoa_pixels::{ANIMATION_PIXELS_MAX, FRAMES_MAX, PIXELS_MAX, PixelError, accept};

use crate::files;

fn refusal(bytes: &[u8]) -> PixelError {
    match accept(bytes) {
        Err(error) => error,
        Ok(taken) => panic!("taken as {:?}", taken.kind),
    }
}

#[test]
fn a_png_of_few_bytes_and_many_pixels_is_refused_by_its_header() {
    let mut header = 16_000_u32.to_be_bytes().to_vec();
    header.extend(16_000_u32.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut bomb = b"\x89PNG\r\n\x1a\n".to_vec();
    bomb.extend(files::chunk(b"IHDR", &header));
    bomb.extend(files::chunk(b"IDAT", &[0x78, 0x9c]));
    bomb.extend(files::chunk(b"IEND", &[]));
    let wanted = PixelError::TooManyPixels {
        width: 16_000,
        height: 16_000,
        pixels_max: PIXELS_MAX,
    };
    assert_eq!(refusal(&bomb), wanted);
}

#[test]
fn a_gif_of_a_hundred_thousand_frames_is_refused_without_decoding_them() {
    let small = files::gif(1);
    // All but the trailer, and the one frame with its timing again and again.
    let body = &small[..small.len() - 1];
    let frame = body
        .windows(2)
        .position(|pair| pair == [0x21, 0xf9])
        .expect("a frame");
    let mut bomb = body.to_vec();
    for _ in 0..100_000 {
        bomb.extend(&body[frame..]);
    }
    bomb.push(0x3b);
    let wanted = PixelError::TooManyFrames {
        frames_max: FRAMES_MAX,
    };
    assert_eq!(refusal(&bomb), wanted);
}

#[test]
fn frames_of_a_large_canvas_count_as_large() {
    let mut few = files::gif(12);
    // The logical screen: 7,000 x 7,000.
    few[6..10].copy_from_slice(&[0x58, 0x1b, 0x58, 0x1b]);
    const { assert!(12 * 7_000 * 7_000 > ANIMATION_PIXELS_MAX) };
    assert!(matches!(refusal(&few), PixelError::TooManyFrames { .. }));
}

#[test]
fn a_webp_that_says_it_is_huge_is_refused_by_its_header() {
    let mut bomb = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
    bomb.extend([0xff, 0xff, 0x3f, 0xff, 0xff, 0x3f]);
    bomb.extend(b"VP8L\x05\0\0\0\x2f\0\0\0\0\0");
    let size = u32::try_from(bomb.len() - 8).expect("small");
    bomb[4..8].copy_from_slice(&size.to_le_bytes());
    let wanted = PixelError::TooManyPixels {
        width: 0x40_0000,
        height: 0x40_0000,
        pixels_max: PIXELS_MAX,
    };
    assert_eq!(refusal(&bomb), wanted);
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let see_through = RgbaImage::from_pixel(16, 12, Rgba([1, 200, 3, 90]));
    let whole = [
        files::jpeg(&files::halves(16, 12)),
        files::png(&see_through),
        files::gif(3),
        files::webp(&see_through),
    ];
    for bytes in whole {
        let kind = accept(&bytes).expect("a whole file").kind;
        for end in 0..bytes.len() {
            let cut = accept(&bytes[..end]);
            assert!(cut.is_err(), "{kind:?} of {} at {end}", bytes.len());
        }
    }
}

#[test]
fn what_is_no_image_is_named_so() {
    for text in [
        "",
        "hello",
        "%PDF-1.7",
        "<html><body>",
        "MZ",
        "BM",
        "\0\0\0 ftypavif",
    ] {
        assert_eq!(refusal(text.as_bytes()), PixelError::UnknownKind, "{text}");
    }
}

#[test]
fn any_byte_may_be_wrong_without_a_panic() {
    let bytes = [
        files::jpeg(&files::halves(16, 12)),
        files::png(&RgbaImage::from_pixel(9, 7, Rgba([1, 2, 3, 4]))),
        files::gif(2),
        files::webp(&RgbaImage::from_pixel(9, 7, Rgba([1, 2, 3, 4]))),
    ];
    for mut bytes in bytes {
        for at in 0..bytes.len() {
            let was = bytes[at];
            for value in [0, 0x7f, 0xff] {
                bytes[at] = value;
                // Taken or refused: a file may well be another picture now.
                drop(accept(&bytes));
            }
            bytes[at] = was;
        }
    }
}
