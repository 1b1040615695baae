//! A theme as it was uploaded: its files, each in its place. Compiles nothing.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};
use stoa_contracts::themes::{SettingValue, ThemeFault, ThemeId, ThemeSource};

use super::archive::{Packed, Refusal, unpack};
use super::manifest::{self, Manifest};
use super::paths::{Place, fault, fault_of, place};

const MANIFEST: &str = "theme.toml";
const TEMPLATE_BYTES_MAX: usize = 256 * 1024;
const COMPILED_BYTES_MAX: usize = 1024 * 1024;
const LOCALE_WORDS_MAX: usize = 4_000;
/// Faults told of at once.
const FAULTS_MAX: usize = 50;
/// Hexadecimal digits of a theme's digest that stand in addresses.
const DIGEST_CHARS: usize = 32;

/// One file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: String,
    /// SHA-256 of the bytes, in hexadecimal.
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether the theme is compiled from it.
    pub(crate) compiled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
    /// In the order of their paths.
    pub(crate) files: Vec<File>,
}

/// What a theme is made of besides its files.
pub(crate) struct Known {
    pub(crate) id: Option<ThemeId>,
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
    pub(crate) set: BTreeMap<String, SettingValue>,
}

impl Package {
    /// The files of an archive, or everything that is wrong with them.
    pub(crate) fn open(archive: &[u8]) -> Result<Self, Vec<ThemeFault>> {
        let packed = unpack(archive).map_err(|refusal| vec![archive_fault(refusal)])?;
        let mut faults = Vec::new();
        let mut files = Vec::new();
        let mut names = HashMap::new();
        for one in unwrapped(packed) {
            match kept(&one, &mut names) {
                Ok(true) => files.push(file(one)),
                Ok(false) => {}
                Err(fault) => faults.push(fault),
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let compiled = files.iter().filter(|file| file.compiled);
        if compiled.map(|file| file.bytes.len()).sum::<usize>() > COMPILED_BYTES_MAX {
            faults.push(fault("templates", None, "are larger than 1 MiB in all"));
        }
        let manifest = manifest_of(&files).map_err(|fault| faults.push(fault));
        for locale in files
            .iter()
            .filter(|file| file.path.starts_with("locales/"))
        {
            faults.extend(locale_of(locale).err());
        }
        faults.truncate(FAULTS_MAX);
        match manifest {
            Ok(manifest) if faults.is_empty() => Ok(Self {
                digest: digest_of(&files),
                manifest,
                files,
            }),
            _ => Err(faults),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }

    pub(crate) fn source(&self) -> ThemeSource {
        let known = Known {
            id: None,
            digest: self.digest.clone(),
            manifest: self.manifest.clone(),
            set: BTreeMap::new(),
        };
        let files = self.files.iter().map(|file| {
            let bytes = file.compiled.then(|| file.bytes.clone());
            (file.path.clone(), bytes)
        });
        source(known, files)
    }
}

/// Puts a theme together from its files: the bytes of those it is compiled from, the names of others.
pub(crate) fn source(
    known: Known,
    files: impl Iterator<Item = (String, Option<Vec<u8>>)>,
) -> ThemeSource {
    let mut made = ThemeSource {
        id: known.id,
        digest: known.digest,
        settings: manifest::settings(&known.manifest, &known.set),
        colours: manifest::colours(&known.manifest),
        name: known.manifest.name,
        version: known.manifest.version,
        ..ThemeSource::default()
    };
    for (path, bytes) in files {
        let text = || String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
        if let Some(name) = path.strip_prefix("templates/") {
            made.templates.insert(name.to_owned(), text());
        } else if let Some(name) = path.strip_prefix("locales/") {
            let language = name.trim_end_matches(".toml").to_owned();
            // It was read before it was kept.
            let words = manifest::read_locale(&text()).unwrap_or_default();
            made.locales.insert(language, words);
        } else if let Some(name) = path.strip_prefix("assets/") {
            made.assets.push(name.to_owned());
        }
    }
    made
}

/// Whether a file is kept; refuses one that may not be in a theme.
fn kept(one: &Packed, names: &mut HashMap<String, String>) -> Result<bool, ThemeFault> {
    let refuse = |reason: &str| fault(&shown(&one.name), None, reason);
    let place = place(&one.name).map_err(refuse)?;
    if let Some(twin) = names.insert(one.name.to_ascii_lowercase(), one.name.clone()) {
        return Err(refuse(&format!("is there twice: also as `{twin}`")));
    }
    if matches!(place, Place::Template | Place::Locale | Place::Manifest)
        && one.bytes.len() > TEMPLATE_BYTES_MAX
    {
        return Err(refuse("is larger than 256 KiB"));
    }
    match fault_of(&one.name, place, &one.bytes) {
        Some(fault) => Err(fault),
        None => Ok(place != Place::Note),
    }
}

fn file(one: Packed) -> File {
    let compiled = one.name.starts_with("templates/") || one.name.starts_with("locales/");
    File {
        path: one.name,
        digest: hex::encode(Sha256::digest(&one.bytes)),
        bytes: one.bytes,
        compiled,
    }
}

/// Archives made of a folder hold its name before every other.
fn unwrapped(files: Vec<Packed>) -> Vec<Packed> {
    if files.iter().any(|file| file.name == MANIFEST) {
        return files;
    }
    let manifest = files
        .iter()
        .find_map(|file| file.name.strip_suffix("/theme.toml"));
    let Some(folder) = manifest.map(|folder| format!("{folder}/")) else {
        return files;
    };
    let whole = files.iter().all(|file| file.name.starts_with(&folder));
    if !whole || folder.trim_end_matches('/').contains('/') {
        return files;
    }
    let inner = files.into_iter().map(|file| Packed {
        name: file.name[folder.len()..].to_owned(),
        ..file
    });
    inner.collect()
}

fn manifest_of(files: &[File]) -> Result<Manifest, ThemeFault> {
    let file = files.iter().find(|file| file.path == MANIFEST);
    let file = file.ok_or_else(|| fault(MANIFEST, None, "is not in the archive"))?;
    let text = String::from_utf8_lossy(&file.bytes);
    manifest::read(&text).map_err(|(line, reason)| fault(MANIFEST, line, reason))
}

fn locale_of(file: &File) -> Result<(), ThemeFault> {
    let text = String::from_utf8_lossy(&file.bytes);
    let words =
        manifest::read_locale(&text).map_err(|(line, reason)| fault(&file.path, line, reason))?;
    match words.len() > LOCALE_WORDS_MAX {
        true => Err(fault(&file.path, None, "holds more than 4000 words")),
        false => Ok(()),
    }
}

fn digest_of(files: &[File]) -> String {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.path.as_bytes());
        digest.update([0]);
        digest.update(file.digest.as_bytes());
    }
    let mut text = hex::encode(digest.finalize());
    text.truncate(DIGEST_CHARS);
    text
}

fn archive_fault(refusal: Refusal) -> ThemeFault {
    let file = refusal
        .entry
        .as_deref()
        .map_or_else(|| "the archive".to_owned(), shown);
    fault(&file, None, refusal.error.to_string())
}

/// A name that a stranger chose, fit to be printed.
fn shown(name: &str) -> String {
    const SHOWN_MAX: usize = 120;
    let plain = name
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c });
    plain.take(SHOWN_MAX).collect()
}
