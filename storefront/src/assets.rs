//! The style sheet, the script and the icon, each under an address that changes with its bytes.

use sha2::{Digest, Sha256};

const HASH_CHARS_IN_NAME: usize = 12;
const EMBEDDED: [(&str, &str, &str, &str); 3] = [
    (
        "theme",
        "css",
        "text/css; charset=utf-8",
        include_str!("../assets/theme.css"),
    ),
    (
        "theme",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/theme.js"),
    ),
    (
        "icon",
        "svg",
        "image/svg+xml",
        include_str!("../assets/icon.svg"),
    ),
];

/// One file; may be cached forever under its `path`.
#[derive(Debug, Clone)]
pub struct Asset {
    /// `theme-3f2a....css`: what follows `/assets/`.
    pub name: String,
    pub path: String,
    pub content_type: &'static str,
    /// Quoted, as the header wants it.
    pub etag: String,
    pub body: &'static [u8],
}

#[derive(Debug, Clone)]
pub struct Assets {
    list: Vec<Asset>,
}

impl Assets {
    pub const CACHE_CONTROL: &'static str = "public, max-age=31536000, immutable";

    pub fn new() -> Self {
        let list = EMBEDDED
            .iter()
            .map(|&(stem, extension, content_type, text)| {
                let digest = hex::encode(Sha256::digest(text.as_bytes()));
                let name = format!("{stem}-{}.{extension}", &digest[..HASH_CHARS_IN_NAME]);
                Asset {
                    path: format!("/assets/{name}"),
                    name,
                    content_type,
                    etag: format!("\"{}\"", &digest[..HASH_CHARS_IN_NAME]),
                    body: text.as_bytes(),
                }
            })
            .collect();
        Self { list }
    }

    /// The asset called `name`, hash included; an outdated hash is not found.
    pub fn find(&self, name: &str) -> Option<&Asset> {
        self.list.iter().find(|asset| asset.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Asset> {
        self.list.iter()
    }

    pub(crate) fn path_of(&self, extension: &str) -> &str {
        self.list
            .iter()
            .find(|asset| asset.name.ends_with(extension))
            .map_or("", |asset| asset.path.as_str())
    }
}

impl Default for Assets {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_by_its_hashed_name_only() {
        let assets = Assets::new();
        let css = assets
            .iter()
            .find(|a| a.content_type.starts_with("text/css"))
            .expect("a sheet");
        assert_eq!(css.name.len(), "theme-.css".len() + HASH_CHARS_IN_NAME);
        assert_eq!(
            assets.find(&css.name).map(|a| a.body.len()),
            Some(css.body.len())
        );
        assert!(assets.find("theme.css").is_none());
        assert!(assets.find("theme-000000000000.css").is_none());
    }

    #[test]
    fn style_and_script_stay_small() {
        let bytes: usize = Assets::new().iter().map(|asset| asset.body.len()).sum();
        assert!(bytes < 68 * 1024, "{bytes} bytes");
    }
}
