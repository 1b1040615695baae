//! `theme.toml`: what a theme is called and what shops may set. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::themes::SettingValue;

use super::paths::line_at;

const NAME_LENGTH_MAX: usize = 80;
const VERSION_LENGTH_MAX: usize = 40;
const SETTINGS_MAX: usize = 60;
const KEY_LENGTH_MAX: usize = 40;
const LABEL_LENGTH_MAX: usize = 120;
const CHOICES_MAX: usize = 40;
const TEXT_LENGTH_MAX: u32 = 2_000;
const TEXT_LENGTH_DEFAULT: u32 = 200;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, Setting>,
}

/// Something that a shop may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ThemeSetting")]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Setting {
    /// `#rgb` or `#rrggbb`.
    Colour {
        label: String,
        default: String,
    },
    Text {
        label: String,
        default: String,
        #[serde(default = "text_length_default")]
        length_max: u32,
    },
    Boolean {
        label: String,
        default: bool,
    },
    Choice {
        label: String,
        default: String,
        choices: Vec<String>,
    },
    Number {
        label: String,
        default: i64,
        min: i64,
        max: i64,
    },
}

const fn text_length_default() -> u32 {
    TEXT_LENGTH_DEFAULT
}

impl Setting {
    pub(crate) fn default_value(&self) -> SettingValue {
        match self {
            Self::Colour { default, .. }
            | Self::Text { default, .. }
            | Self::Choice { default, .. } => SettingValue::Text(default.clone()),
            Self::Boolean { default, .. } => SettingValue::Flag(*default),
            Self::Number { default, .. } => SettingValue::Number(*default),
        }
    }

    fn label(&self) -> &str {
        match self {
            Self::Colour { label, .. }
            | Self::Text { label, .. }
            | Self::Boolean { label, .. }
            | Self::Choice { label, .. }
            | Self::Number { label, .. } => label,
        }
    }

    /// Why it cannot be set to that.
    pub(crate) fn refuse(&self, value: &SettingValue) -> Option<String> {
        let why = match (self, value) {
            (Self::Colour { .. }, SettingValue::Text(text)) if colour(text) => return None,
            (Self::Colour { .. }, _) => "must be a colour such as `#1a2b3c`".to_owned(),
            (Self::Text { length_max, .. }, SettingValue::Text(text)) => {
                let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                let fits = length <= *length_max && !text.contains('\0');
                return (!fits).then(|| format!("must have at most {length_max} characters"));
            }
            (Self::Text { .. }, _) => "must be a text".to_owned(),
            (Self::Boolean { .. }, SettingValue::Flag(_)) => return None,
            (Self::Boolean { .. }, _) => "must be true or false".to_owned(),
            (Self::Choice { choices, .. }, SettingValue::Text(text)) if choices.contains(text) => {
                return None;
            }
            (Self::Choice { choices, .. }, _) => format!("must be one of {}", choices.join(", ")),
            (Self::Number { min, max, .. }, SettingValue::Number(number))
                if (min..=max).contains(&number) =>
            {
                return None;
            }
            (Self::Number { min, max, .. }, _) => {
                format!("must be a whole number from {min} to {max}")
            }
        };
        Some(why)
    }

    /// What is wrong with its own definition.
    fn fault(&self) -> Option<String> {
        if self.label().chars().count() > LABEL_LENGTH_MAX {
            return Some(format!(
                "has a label longer than {LABEL_LENGTH_MAX} characters"
            ));
        }
        match self {
            Self::Choice { choices, .. } if choices.len() > CHOICES_MAX => {
                return Some(format!("has more than {CHOICES_MAX} choices"));
            }
            Self::Text { length_max, .. } if *length_max > TEXT_LENGTH_MAX => {
                return Some(format!("allows more than {TEXT_LENGTH_MAX} characters"));
            }
            _ => {}
        }
        let why = self.refuse(&self.default_value())?;
        Some(format!("has a default that does not fit: it {why}"))
    }
}

fn colour(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The manifest, or the line and what is wrong there.
pub(crate) fn read(text: &str) -> Result<Manifest, (Option<u32>, String)> {
    let manifest: Manifest = parsed(text)?;
    let whole = |reason: &str| Err((None, reason.to_owned()));
    let length = manifest.name.chars().count();
    if !(1..=NAME_LENGTH_MAX).contains(&length) || manifest.name.contains(char::is_control) {
        return whole("`name` must have 1 to 80 characters");
    }
    let version = &manifest.version;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte);
    if !(1..=VERSION_LENGTH_MAX).contains(&version.len()) || !version.bytes().all(fine) {
        return whole("`version` must be 1 to 40 letters, digits, `.`, `-` or `+`");
    }
    if manifest.settings.len() > SETTINGS_MAX {
        return whole("has more than 60 settings");
    }
    for (key, setting) in &manifest.settings {
        if !key_is_plain(key) {
            let reason = format!(
                "the setting `{key}` must be named with 1 to {KEY_LENGTH_MAX} small letters, \
                 digits and `_`, begin with a letter, and not end in `_html`"
            );
            return Err((None, reason));
        }
        if let Some(reason) = setting.fault() {
            return Err((None, format!("the setting `{key}` {reason}")));
        }
    }
    Ok(manifest)
}

/// Words of a language by their keys.
pub(crate) fn read_locale(text: &str) -> Result<BTreeMap<String, String>, (Option<u32>, String)> {
    parsed(text)
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, (Option<u32>, String)> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.as_bytes().get(..span.start));
        (line.map(line_at), error.message().to_owned())
    })
}

fn key_is_plain(key: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    key.len() <= KEY_LENGTH_MAX
        && key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(fine)
        && !key.ends_with("_html")
}

/// Every setting of the manifest, as set or as it is by itself. What a later version of the theme
/// does not know, or takes otherwise, is left out.
pub(crate) fn settings(
    manifest: &Manifest,
    set: &BTreeMap<String, SettingValue>,
) -> BTreeMap<String, SettingValue> {
    let each = manifest.settings.iter().map(|(key, setting)| {
        let own = set.get(key).filter(|value| setting.refuse(value).is_none());
        let value = own.cloned().unwrap_or_else(|| setting.default_value());
        (key.clone(), value)
    });
    each.collect()
}

pub(crate) fn colours(manifest: &Manifest) -> Vec<String> {
    let colours = manifest.settings.iter();
    let colours = colours.filter(|(_, setting)| matches!(setting, Setting::Colour { .. }));
    colours.map(|(key, _)| key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r##"
name = "Dusk"
version = "1.2.0"

[settings.accent]
type = "colour"
label = "Accent"
default = "#a30"

[settings.columns]
type = "number"
label = "Columns"
default = 4
min = 2
max = 6
"##;

    #[test]
    fn settings_have_types_and_defaults() {
        let manifest = read(GOOD).expect("a manifest");
        let text = |text: &str| SettingValue::Text(text.to_owned());
        let accent = &manifest.settings["accent"];
        assert_eq!(accent.refuse(&text("#1A2b3c")), None);
        for wrong in ["red", "#12", "#12345g", "#fff;}body{", "url(x)"] {
            assert!(accent.refuse(&text(wrong)).is_some(), "{wrong}");
        }
        let columns = &manifest.settings["columns"];
        assert_eq!(columns.refuse(&SettingValue::Number(6)), None);
        assert_eq!(
            columns.refuse(&SettingValue::Number(7)).as_deref(),
            Some("must be a whole number from 2 to 6")
        );
        let set = BTreeMap::from([
            ("accent".to_owned(), text("red")),
            ("columns".to_owned(), SettingValue::Number(3)),
            ("gone".to_owned(), SettingValue::Flag(true)),
        ]);
        let all = settings(&manifest, &set);
        assert_eq!(
            all["accent"],
            text("#a30"),
            "what does not fit is the default"
        );
        assert_eq!(all["columns"], SettingValue::Number(3));
        assert_eq!(all.len(), 2);
        assert_eq!(colours(&manifest), ["accent"]);
    }

    #[test]
    fn a_wrong_manifest_is_told_with_its_line() {
        let unknown = GOOD.replace("type = \"colour\"", "type = \"color\"");
        let (line, reason) = read(&unknown).expect_err("no such type");
        assert_eq!(line, Some(6), "{reason}");
        let (line, _) = read("name = \"x\"\nversion = \n").expect_err("no value");
        assert_eq!(line, Some(2));
        for (from, to) in [
            ("name = \"Dusk\"", "name = \"\""),
            ("1.2.0", "1 2"),
            ("settings.accent", "settings.Accent"),
            ("settings.accent", "settings.body_html"),
            ("default = \"#a30\"", "default = \"red\""),
            ("default = 4", "default = 9"),
            ("default = 4", "default = 4.5"),
            ("label = \"Accent\"", "label = \"Accent\"\nonclick = \"x\""),
        ] {
            assert!(read(&GOOD.replace(from, to)).is_err(), "{to}");
        }
    }
}
