//! Files made byte by byte: pictures and archives, good ones and such as cost more than they weigh.

use std::io::Write as _;

use flate2::write::{DeflateEncoder, ZlibEncoder};
use flate2::{Compression, Crc};

/// A picture that nobody has seen before, about as large as its pixels.
pub fn noise_png(side: u32) -> Vec<u8> {
    let row = 1 + side as usize * 4;
    let mut pixels: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(row * side as usize)
        .collect();
    // The filter of each row: none.
    pixels
        .iter_mut()
        .step_by(row)
        .for_each(|filter| *filter = 0);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&pixels).expect("memory");
    let mut file = png_header(side, side);
    file.extend(chunk(b"IDAT", &encoder.finish().expect("memory")));
    file.extend(chunk(b"IEND", &[]));
    file
}

/// A picture that says how large it is and has nothing to show for it.
pub fn hollow_png(width: u32, height: u32) -> Vec<u8> {
    let mut file = png_header(width, height);
    file.extend(chunk(b"IDAT", &[0x78, 0x9c]));
    file.extend(chunk(b"IEND", &[]));
    file
}

fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut header = width.to_be_bytes().to_vec();
    header.extend(height.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(b"IHDR", &header));
    file
}

fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(body);
    let mut chunk = u32::try_from(body.len())
        .expect("short")
        .to_be_bytes()
        .to_vec();
    chunk.extend(kind);
    chunk.extend(body);
    chunk.extend(crc.sum().to_be_bytes());
    chunk
}

/// One pixel, so many times.
pub fn gif_of_frames(frames: usize) -> Vec<u8> {
    let mut file = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    for _ in 0..frames {
        file.extend(b"\x21\xf9\x04\0\x01\0\0\0");
        file.extend(b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    file.push(0x3b);
    file
}

/// A zip archive, as any program packs it.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let long = |bytes: usize| u32::try_from(bytes).expect("small").to_le_bytes();
    let short = |number: usize| u16::try_from(number).expect("few").to_le_bytes();
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut crc = Crc::new();
        crc.update(bytes);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory");
        let packed = encoder.finish().expect("memory");
        let at = long(archive.len());
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend(long(packed.len()));
        common.extend(long(bytes.len()));
        common.extend(short(name.len()));
        common.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at);
        directory.extend(name.as_bytes());
    }
    let start = long(archive.len());
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(short(files.len()));
    archive.extend(short(files.len()));
    archive.extend(long(directory.len()));
    archive.extend(start);
    archive.extend([0, 0]);
    archive
}
