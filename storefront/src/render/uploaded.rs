//! A theme of a shop, compiled: its templates over the built-in ones, held to limits. It sees the page
//! it makes and its own files; nothing else is in reach.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use stoa_contracts::themes::{
    SettingValue, ThemeFailure, ThemeFailureKind, ThemeFault, ThemeSource,
};

use super::filters::{furnish, text_of, write, wrong};
use super::meter::{charge, language, metered};
use super::syntax::{checked, in_pieces, told};
use super::{AssetPaths, TEMPLATES};
use crate::assets::Assets;
use crate::words::Language;

/// Steps of one page. A list of 250 products takes about 20,000.
const FUEL: u64 = 100_000;
/// Frames, of which a macro takes four and an include ten.
const RECURSION_MAX: usize = 120;
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
const HASH_CHARS: usize = 12;
/// Where the assets of themes are; their digest follows.
pub(crate) const ASSETS: &str = "/assets/themes/";
/// Below a theme's assets: the style sheet made of its settings.
pub(crate) const SETTINGS: &str = "_settings/";
/// Pages that are always the built-in ones: what is typed there is nobody else's business.
pub(super) const RESERVED: [&str; 7] = [
    "drawer.html",
    "checkout.html",
    "pay.html",
    "waiting.html",
    "order.html",
    "mailbox.html",
    "mail.html",
];

#[derive(Debug)]
pub(crate) struct Uploaded {
    templates: Environment<'static>,
}

/// What templates see of their theme.
#[derive(Serialize)]
struct About<'a> {
    name: &'a str,
    version: &'a str,
    /// The style sheet made of the settings.
    settings_css: String,
}

impl Uploaded {
    pub(crate) fn compile(
        source: &ThemeSource,
        built_in: &Assets,
    ) -> Result<Self, Vec<ThemeFault>> {
        let mut templates = Environment::empty();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_formatter(write);
        templates.set_fuel(Some(FUEL));
        templates.set_recursion_limit(RECURSION_MAX);
        templates.set_debug(false);
        furnish(&mut templates);
        tell_of(&mut templates, source, built_in);
        let syntax = templates.syntax().clone();
        let mut faults = Vec::new();
        for (name, text) in TEMPLATES {
            if source.templates.contains_key(name) && !RESERVED.contains(&name) {
                continue;
            }
            let made = in_pieces(text, &syntax).unwrap_or_else(|_| text.to_owned());
            let added = templates.add_template_owned(name, made);
            faults.extend(added.err().map(|error| fault(name, &error)));
        }
        for (name, text) in &source.templates {
            if RESERVED.contains(&name.as_str()) {
                faults.push(ThemeFault {
                    file: format!("templates/{name}"),
                    line: None,
                    reason: "is always the built-in one: leave it out".to_owned(),
                });
                continue;
            }
            match checked(text, &syntax) {
                Ok(made) => {
                    let added = templates.add_template_owned(name.clone(), made);
                    faults.extend(added.err().map(|error| fault(name, &error)));
                }
                Err(refused) => faults.push(ThemeFault {
                    file: format!("templates/{name}"),
                    line: refused.line,
                    reason: refused.reason,
                }),
            }
        }
        match faults.is_empty() {
            true => Ok(Self { templates }),
            false => Err(faults),
        }
    }

    /// Makes a page. May take a second of this thread: not for an async worker.
    pub(crate) fn render(
        &self,
        page: &'static str,
        language: Language,
        view: Value,
    ) -> Result<String, ThemeFailure> {
        let mut written = Bounded::default();
        let (outcome, over) = metered(language, || {
            let template = self.templates.get_template(page)?;
            template.render_captured_to(view, &mut written).map(drop)
        });
        let made = match outcome {
            Ok(()) => String::from_utf8(written.bytes),
            Err(error) => return Err(failure(page, &error, over, written.full)),
        };
        made.map_err(|_| ThemeFailure {
            page,
            file: page.to_owned(),
            line: None,
            kind: ThemeFailureKind::Error,
            reason: "makes no text".to_owned(),
        })
    }
}

/// The style sheet that carries a theme's settings, and the address under which it never changes.
pub(crate) fn settings_css(source: &ThemeSource) -> (String, String) {
    let mut css = String::from(":root{");
    for (key, value) in &source.settings {
        let value = match value {
            SettingValue::Text(text) if source.colours.contains(key) => text.clone(),
            SettingValue::Number(number) => number.to_string(),
            SettingValue::Flag(flag) => i64::from(*flag).to_string(),
            // A text could end the rule and begin another.
            SettingValue::Text(_) => continue,
        };
        css.push_str(&format!("--{}:{value};", key.replace('_', "-")));
    }
    css.push('}');
    let hash = hex::encode(Sha256::digest(css.as_bytes()));
    let name = format!("{SETTINGS}{}.css", &hash[..HASH_CHARS]);
    (format!("{ASSETS}{}/{name}", source.digest), css)
}

fn tell_of(templates: &mut Environment<'static>, source: &ThemeSource, built_in: &Assets) {
    let base = format!("{ASSETS}{}/", source.digest);
    let paths: BTreeSet<String> = source.assets.iter().cloned().collect();
    let own = |name: &str, extension: &str| match paths.contains(name) {
        true => format!("{base}{name}"),
        false => built_in.path_of(extension).to_owned(),
    };
    let asset = AssetPaths {
        css: &own("theme.css", ".css"),
        js: &own("theme.js", ".js"),
        icon: &own("icon.svg", ".svg"),
    };
    templates.add_global("asset", Value::from(Serde(asset)));
    let about = About {
        name: &source.name,
        version: &source.version,
        settings_css: settings_css(source).0,
    };
    templates.add_global("theme", Value::from(Serde(about)));
    templates.add_global("settings", Value::from(Serde(&source.settings)));
    templates.add_function("asset_url", move |path: &str| -> Result<String, Error> {
        charge(path.len() + base.len())?;
        match paths.contains(path) {
            true => Ok(format!("{base}{path}")),
            false => Err(wrong("the theme has no such asset")),
        }
    });
    let words = std::sync::Arc::new(source.locales.clone());
    let own_words = words.clone();
    templates.add_function("t", move |text: &str, values: Kwargs| {
        let named = named(&values)?;
        filled(said(&words, text), &named)
    });
    templates.add_function("n", move |one: &str, several: &str, count: u64| {
        let text = if count == 1 { one } else { several };
        filled(
            said(&own_words, text),
            &[("count".to_owned(), count.to_string())],
        )
    });
}

/// A text in the language of the page: as the theme says it, else as the built-in one does.
fn said<'a>(words: &'a BTreeMap<String, BTreeMap<String, String>>, text: &'a str) -> &'a str {
    let language = language();
    let own = words
        .get(language.as_str())
        .and_then(|words| words.get(text));
    own.map_or_else(|| language.say(text), String::as_str)
}

fn named(values: &Kwargs) -> Result<Vec<(String, String)>, Error> {
    let mut named = Vec::new();
    for name in values.args() {
        let value = text_of(&values.get::<Value>(name)?)?;
        charge(value.len())?;
        named.push((name.to_owned(), value.as_ref().to_owned()));
    }
    values.assert_all_used()?;
    Ok(named)
}

/// Puts values where `{name}` stands.
fn filled(text: &str, values: &[(String, String)]) -> Result<String, Error> {
    charge(text.len())?;
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('{') {
        made.push_str(before);
        let Some((name, after)) = from.split_once('}') else {
            made.push('{');
            rest = from;
            continue;
        };
        if let Some((_, value)) = values.iter().find(|(known, _)| known == name) {
            charge(value.len())?;
            made.push_str(value);
        }
        rest = after;
    }
    made.push_str(rest);
    Ok(made)
}

fn fault(name: &str, error: &Error) -> ThemeFault {
    ThemeFault {
        file: format!("templates/{name}"),
        line: error.line().and_then(|line| u32::try_from(line).ok()),
        reason: told(error),
    }
}

fn failure(
    page: &'static str,
    error: &Error,
    over: Option<ThemeFailureKind>,
    full: bool,
) -> ThemeFailure {
    let innermost = innermost(error);
    let kind = match innermost.kind() {
        _ if over.is_some() => over.unwrap_or(ThemeFailureKind::Limit),
        _ if full => ThemeFailureKind::Limit,
        ErrorKind::OutOfFuel => ThemeFailureKind::Limit,
        _ if told(innermost).contains("recursion limit") => ThemeFailureKind::Limit,
        _ => ThemeFailureKind::Error,
    };
    let reason = match innermost.kind() {
        _ if full => format!("writes more than {OUTPUT_BYTES_MAX} bytes"),
        ErrorKind::OutOfFuel => format!("takes more than {FUEL} steps"),
        _ => told(innermost),
    };
    ThemeFailure {
        page,
        file: innermost.name().unwrap_or(page).to_owned(),
        line: innermost.line().and_then(|line| u32::try_from(line).ok()),
        kind,
        reason,
    }
}

/// Where it went wrong in the first place: an error in an include is told by each that includes it.
fn innermost(error: &Error) -> &Error {
    let mut found = error;
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(inner) = cause.downcast_ref::<Error>()
            && inner.line().is_some()
        {
            found = inner;
        }
        next = cause.source();
    }
    found
}

/// Takes what is written until it is too much.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_BYTES_MAX {
            self.full = true;
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
