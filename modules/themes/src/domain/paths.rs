//! Which files a theme may hold, and under which names. Never touches a file system.

use stoa_contracts::themes::ThemeFault;

const PATH_LENGTH_MAX: usize = 160;
const DEPTH_MAX: usize = 6;
/// Names that are devices on Windows, where themes are edited too.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];
/// By extension: what it is served as, whether it must be UTF-8, and how it begins.
const ASSETS: [(&str, &str, bool, &[u8]); 17] = [
    ("css", "text/css; charset=utf-8", true, b""),
    ("js", "text/javascript; charset=utf-8", true, b""),
    ("mjs", "text/javascript; charset=utf-8", true, b""),
    ("json", "application/json", true, b""),
    ("svg", "image/svg+xml", true, b""),
    ("png", "image/png", false, b"\x89PNG"),
    ("jpg", "image/jpeg", false, b"\xff\xd8\xff"),
    ("jpeg", "image/jpeg", false, b"\xff\xd8\xff"),
    ("gif", "image/gif", false, b"GIF8"),
    ("webp", "image/webp", false, b"RIFF"),
    ("avif", "image/avif", false, b""),
    ("ico", "image/x-icon", false, b"\0\0\x01\0"),
    ("woff", "font/woff", false, b"wOFF"),
    ("woff2", "font/woff2", false, b"wOF2"),
    ("ttf", "font/ttf", false, b""),
    ("otf", "font/otf", false, b"OTTO"),
    ("txt", "text/plain; charset=utf-8", true, b""),
];

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Manifest,
    Template,
    Locale,
    Asset,
    /// For people; not kept.
    Note,
}

/// What desktops put into archives by themselves.
pub(crate) fn junk(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    name.starts_with("__MACOSX/") || matches!(last, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}

pub(crate) fn place(path: &str) -> Result<Place, &'static str> {
    if path.len() > PATH_LENGTH_MAX {
        return Err("has a name longer than 160 characters");
    }
    if path.starts_with('/') || path.contains(['\\', ':', '\0']) {
        return Err("has a path that leads out of the theme, or has a backslash or a colon");
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() > DEPTH_MAX {
        return Err("lies more than six folders deep");
    }
    parts.iter().try_for_each(|part| plain(part))?;
    match parts.as_slice() {
        ["theme.toml"] => Ok(Place::Manifest),
        ["README.md" | "README.txt" | "LICENSE" | "LICENSE.txt" | "LICENSE.md"] => Ok(Place::Note),
        ["templates", name] if name.strip_suffix(".html").is_some_and(lower) => Ok(Place::Template),
        ["templates", ..] => Err("is no template: those are named like `templates/home.html`"),
        ["locales", name] if name.strip_suffix(".toml").is_some_and(language) => Ok(Place::Locale),
        ["locales", ..] => Err("is no locale: those are named like `locales/de.toml`"),
        ["assets", .., name] if kind_of(name).is_some() => Ok(Place::Asset),
        ["assets", ..] => Err("is of a kind that a theme may not hold"),
        _ => Err("has no place in a theme, which is `theme.toml`, templates, assets and locales"),
    }
}

/// What an asset is served as.
pub(crate) fn content_type(path: &str) -> Option<&'static str> {
    kind_of(path).map(|kind| kind.1)
}

/// What stands against the bytes of a file in this place.
pub(crate) fn fault_of(path: &str, place: Place, bytes: &[u8]) -> Option<ThemeFault> {
    let (text, magic) = match place {
        Place::Asset => kind_of(path).map_or((false, &b""[..]), |kind| (kind.2, kind.3)),
        _ => (true, &b""[..]),
    };
    if !bytes.starts_with(magic) {
        return Some(fault(path, None, "is not what its name says"));
    }
    if !text {
        return None;
    }
    let wrong = std::str::from_utf8(bytes).err()?;
    let before = &bytes[..wrong.valid_up_to()];
    Some(fault(path, Some(line_at(before)), "is not UTF-8"))
}

pub(crate) fn fault(file: &str, line: Option<u32>, reason: impl Into<String>) -> ThemeFault {
    ThemeFault {
        file: file.to_owned(),
        line,
        reason: reason.into(),
    }
}

/// The line that follows these bytes.
pub(crate) fn line_at(before: &[u8]) -> u32 {
    let breaks = before.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(breaks + 1).unwrap_or(u32::MAX)
}

fn kind_of(path: &str) -> Option<&'static (&'static str, &'static str, bool, &'static [u8])> {
    let (_, extension) = path.rsplit_once('.')?;
    ASSETS.iter().find(|kind| kind.0 == extension)
}

fn plain(part: &str) -> Result<(), &'static str> {
    if part.is_empty() || part.starts_with('.') || part.ends_with('.') {
        return Err("has a part of its path that is empty, hidden, or leads elsewhere");
    }
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    if !part.bytes().all(fine) {
        return Err("has a name with other characters than letters, digits, `-`, `_`, `.` and `@`");
    }
    let stem = part.split('.').next().unwrap_or_default();
    let bare = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered = matches!(bare.to_ascii_lowercase().as_str(), "com" | "lpt");
    let device = DEVICES.iter().any(|name| bare.eq_ignore_ascii_case(name));
    match device && (numbered != (bare.len() == stem.len())) {
        true => Err("has a name that is a device on Windows"),
        false => Ok(()),
    }
}

fn lower(stem: &str) -> bool {
    let fine =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    !stem.is_empty() && stem.bytes().all(fine)
}

/// `de`, `pt-BR`.
fn language(stem: &str) -> bool {
    (2..=10).contains(&stem.len()) && stem.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_elsewhere_has_no_place() {
        let tricks = [
            "../theme.toml",
            "templates/../../etc/passwd",
            "/etc/passwd",
            "templates/./home.html",
            "templates//home.html",
            "templates\\home.html",
            "C:templates/home.html",
            "assets/a\0.css",
            "assets/.htaccess",
            "assets/con.css",
            "assets/LPT1.png",
            "assets/nul",
            "assets/x.css.",
            "assets/x .css",
            "assets/ü.css",
            "templates/sub/home.html",
            "templates/Home.html",
            "templates/home.htm",
            "assets/run.sh",
            "assets/page.html",
            "assets/a/b/c/d/e/f.css",
            "locales/../de.toml",
            "stoa.db",
            "",
        ];
        for path in tricks {
            assert!(place(path).is_err(), "{path:?}");
        }
        let long = format!("assets/{}.css", "a".repeat(PATH_LENGTH_MAX));
        assert!(place(&long).is_err());
    }

    #[test]
    fn what_belongs_to_a_theme_has_its_place() {
        assert_eq!(place("theme.toml"), Ok(Place::Manifest));
        assert_eq!(place("templates/home.html"), Ok(Place::Template));
        assert_eq!(place("assets/fonts/inter-v4.woff2"), Ok(Place::Asset));
        assert_eq!(place("assets/console.css"), Ok(Place::Asset));
        assert_eq!(place("assets/com.css"), Ok(Place::Asset));
        assert_eq!(place("locales/pt-BR.toml"), Ok(Place::Locale));
        assert_eq!(place("README.md"), Ok(Place::Note));
        assert!(junk("__MACOSX/assets/._x.css") && junk("assets/.DS_Store"));
    }

    #[test]
    fn a_file_must_be_what_its_name_says() {
        let of = |path, bytes: &[u8]| fault_of(path, place(path).expect("a place"), bytes);
        assert_eq!(of("assets/a.png", b"\x89PNG\r\n"), None);
        let fake = of("assets/a.png", b"<script>").expect("a fault");
        assert_eq!(fake.reason, "is not what its name says");
        let torn = of("templates/home.html", b"<p>\n\n\xff</p>").expect("a fault");
        assert_eq!((torn.line, torn.reason.as_str()), (Some(3), "is not UTF-8"));
    }
}
