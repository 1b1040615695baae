//! Addresses of pictures. They say all that a page must know (sides, whether it moves), and never
//! lead to anything else: `/media/<id>-<sum>-<w>x<h>[a]/<name>[-<width>].<extension>`.

use std::fmt;

use stoa_contracts::media::{MediaId, Picture, PictureSource};
use stoa_pixels::{Format, Kind};

use super::{AVIF_WIDTH_MAX, NAME_LENGTH_MAX, widths};

const START: &str = "/media/";
const NAME_DEFAULT: &str = "image";

/// What names a picture in its addresses, and what is known of it by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) id: MediaId,
    /// The first bytes of its SHA-256.
    pub(crate) sum: [u8; 8],
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) animated: bool,
}

/// Which file of a picture is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    Original(Kind),
    Version { width: u32, format: Format },
}

impl Address {
    pub(crate) fn original(&self, name: &str, kind: Kind) -> String {
        format!("{START}{self}/{name}.{}", kind.extension())
    }

    fn version(&self, name: &str, width: u32, format: Format) -> String {
        format!("{START}{self}/{name}-{width}.{}", format.extension())
    }

    /// The two steps behind `/media/`; the name is only for people and search engines.
    pub(crate) fn parse<'f>(key: &str, file: &'f str) -> Option<(Self, Wanted, &'f str)> {
        let mut parts = key.split('-');
        let (id, sum, sides) = (parts.next()?, parts.next()?, parts.next()?);
        let (sides, animated) = match sides.strip_suffix('a') {
            Some(sides) => (sides, true),
            None => (sides, false),
        };
        let (width, height) = sides.split_once('x')?;
        let mut address = Self {
            id: format!("med_{id}").parse().ok()?,
            sum: [0; 8],
            width: width.parse().ok()?,
            height: height.parse().ok()?,
            animated,
        };
        hex::decode_to_slice(sum, &mut address.sum).ok()?;
        // One spelling only: every other would be another entry in every cache.
        if address.to_string() != key {
            return None;
        }
        let (stem, extension) = file.rsplit_once('.')?;
        let numbered = stem.rsplit_once('-').filter(|(_, width)| {
            !width.is_empty() && width.bytes().all(|byte| byte.is_ascii_digit())
        });
        match numbered {
            Some((name, width)) => {
                let width = width.parse().ok()?;
                let format = Format::from_extension(extension)?;
                Some((address, Wanted::Version { width, format }, name))
            }
            None => Some((
                address,
                Wanted::Original(Kind::from_extension(extension)?),
                stem,
            )),
        }
    }

    /// Of an original's URL; `None` for others.
    fn of_url(url: &str) -> Option<(Self, Kind, &str)> {
        let (key, file) = url.strip_prefix(START)?.split_once('/')?;
        match Self::parse(key, file)? {
            (address, Wanted::Original(kind), name) => Some((address, kind, name)),
            (_, Wanted::Version { .. }, _) => None,
        }
    }

    /// The picture that a URL, or `media:` and an id, is of.
    pub(crate) fn asset_of(url: &str) -> Option<MediaId> {
        if let Some(id) = url.strip_prefix("media:") {
            return id.parse().ok();
        }
        Self::of_url(url).map(|(address, ..)| address.id)
    }
}

/// What a page needs to show the picture of a URL no wider than `width_max`.
pub(crate) fn picture(url: &str, width_max: u32) -> Option<Picture> {
    let (address, kind, name) = Address::of_url(url)?;
    let mut picture = Picture {
        width: address.width,
        height: address.height,
        src: url.to_owned(),
        sources: Vec::new(),
    };
    // Drawings have no pixels, and smaller versions of what moves would stand still.
    if kind == Kind::Svg || address.animated {
        return Some(picture);
    }
    let all = widths(address.width);
    // Up to the first that is wide enough.
    let enough = all.iter().position(|&width| width >= width_max);
    let shown = &all[..enough.map_or(all.len(), |at| at + 1)];
    let widest = shown.last().copied().unwrap_or(address.width);
    let plain = match kind {
        Kind::Png | Kind::Gif => Format::Png,
        Kind::Jpeg | Kind::Webp | Kind::Svg => Format::Jpeg,
    };
    let mut formats = vec![Format::Webp, plain];
    if widest <= AVIF_WIDTH_MAX {
        formats.insert(0, Format::Avif);
    }
    picture.src = address.version(name, widest, plain);
    picture.sources = formats
        .into_iter()
        .map(|format| {
            let each = shown.iter().map(|&width| {
                let url = address.version(name, width, format);
                format!("{url} {width}w")
            });
            PictureSource {
                mime: format.mime().to_owned(),
                srcset: each.collect::<Vec<_>>().join(", "),
            }
        })
        .collect();
    Some(picture)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.to_string();
        let id = id.strip_prefix("med_").unwrap_or(&id);
        let mark = if self.animated { "a" } else { "" };
        let (sum, width, height) = (hex::encode(self.sum), self.width, self.height);
        write!(f, "{id}-{sum}-{width}x{height}{mark}")
    }
}

/// A file's name as it stands in addresses: `a-z`, digits and dashes, and no number at its end that
/// could be read as a width.
pub(crate) fn slug(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, extension)| {
        let is_extension = (1..=5).contains(&extension.len());
        if is_extension { stem } else { name }
    });
    let stem = stem.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut slug = String::new();
    for character in stem.chars() {
        if slug.len() >= NAME_LENGTH_MAX {
            break;
        }
        match character.to_ascii_lowercase() {
            kept @ ('a'..='z' | '0'..='9') => slug.push(kept),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let mut slug = slug.trim_matches('-').to_owned();
    if let Some((_, last)) = slug.rsplit_once('-')
        && last.bytes().all(|byte| byte.is_ascii_digit())
    {
        slug.push('x');
    }
    match slug.is_empty() {
        true => NAME_DEFAULT.to_owned(),
        false => slug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Address = Address {
        id: MediaId::from_parts(1_700_000_000_000, 42),
        sum: [0xab; 8],
        width: 1_000,
        height: 500,
        animated: false,
    };
    const KEY: &str = "01HF7YAT00000000000000001A-abababababababab-1000x500";

    #[test]
    fn an_address_reads_back_and_has_one_spelling() {
        let url = ADDRESS.original("blue-shirt", Kind::Jpeg);
        assert_eq!(url, format!("/media/{KEY}/blue-shirt.jpg"));
        assert_eq!(
            Address::parse(KEY, "blue-shirt.jpg"),
            Some((ADDRESS, Wanted::Original(Kind::Jpeg), "blue-shirt"))
        );
        let version = Wanted::Version {
            width: 640,
            format: Format::Webp,
        };
        assert_eq!(
            Address::parse(KEY, "blue-shirt-640.webp"),
            Some((ADDRESS, version, "blue-shirt"))
        );
        for other in [
            KEY.to_lowercase(),
            KEY.replace("x500", "x0500"),
            KEY.replace("ab-", "AB-"),
        ] {
            assert_eq!(Address::parse(&other, "a.jpg"), None, "{other}");
        }
        for file in ["", ".", "a", "a.exe", "a-640.svg", "a-99999999999.webp"] {
            assert!(Address::parse(KEY, file).is_none(), "{file}");
        }
        assert_eq!(Address::asset_of(&url), Some(ADDRESS.id));
        assert_eq!(Address::asset_of("https://example.com/a.jpg"), None);
    }

    #[test]
    fn a_page_learns_all_it_needs_from_the_url() {
        let url = ADDRESS.original("shirt", Kind::Jpeg);
        let shown = picture(&url, 300).expect("ours");
        assert_eq!((shown.width, shown.height), (1_000, 500));
        assert_eq!(shown.src, format!("/media/{KEY}/shirt-320.jpg"));
        let mimes: Vec<&str> = shown
            .sources
            .iter()
            .map(|each| each.mime.as_str())
            .collect();
        assert_eq!(mimes, ["image/avif", "image/webp", "image/jpeg"]);
        assert_eq!(
            shown.sources[1].srcset,
            format!("/media/{KEY}/shirt-160.webp 160w, /media/{KEY}/shirt-320.webp 320w")
        );
        let wide = picture(&url, 4_000).expect("ours");
        assert_eq!(wide.src, format!("/media/{KEY}/shirt-1000.jpg"));
        let mimes: Vec<&str> = wide.sources.iter().map(|each| each.mime.as_str()).collect();
        assert_eq!(mimes, ["image/webp", "image/jpeg"], "no wide AVIF");
        let drawing = ADDRESS.original("logo", Kind::Svg);
        let shown = picture(&drawing, 300).expect("ours");
        assert_eq!((shown.src, shown.sources), (drawing, Vec::new()));
        let moving = Address {
            animated: true,
            ..ADDRESS
        };
        assert_eq!(
            picture(&moving.original("a", Kind::Gif), 300).map(|p| p.sources.len()),
            Some(0)
        );
        assert_eq!(picture("/static/a.jpg", 300), None);
    }

    #[test]
    fn names_become_words_that_are_no_width() {
        for (name, wanted) in [
            ("Blue Shirt.JPG", "blue-shirt"),
            ("C:\\photos\\IMG 0042.jpeg", "img-0042x"),
            ("shirt-640.webp", "shirt-640x"),
            ("../../etc/passwd", "passwd"),
            ("日本.png", "image"),
            ("", "image"),
            ("640.png", "640"),
        ] {
            assert_eq!(slug(name), wanted, "{name}");
        }
        assert!(slug(&"a".repeat(500)).len() <= NAME_LENGTH_MAX);
    }
}
