//! Which language a locale speaks, of those whose words are reduced to their stems.

use tantivy::tokenizer::Language;

/// Codes of ISO 639-1 with their stemmers. The index has a pair of fields for each, in this order:
/// a change here is a new schema.
pub(crate) const TONGUES: [(&str, Language); 18] = [
    ("ar", Language::Arabic),
    ("da", Language::Danish),
    ("de", Language::German),
    ("el", Language::Greek),
    ("en", Language::English),
    ("es", Language::Spanish),
    ("fi", Language::Finnish),
    ("fr", Language::French),
    ("hu", Language::Hungarian),
    ("it", Language::Italian),
    ("nl", Language::Dutch),
    ("no", Language::Norwegian),
    ("pt", Language::Portuguese),
    ("ro", Language::Romanian),
    ("ru", Language::Russian),
    ("sv", Language::Swedish),
    ("ta", Language::Tamil),
    ("tr", Language::Turkish),
];

/// The place in [`TONGUES`] of a BCP 47 tag such as `de`, `pt-BR` or `nb_NO`.
pub(crate) fn tongue_of(locale: &str) -> Option<usize> {
    let primary = locale.split(['-', '_']).next().unwrap_or(locale);
    let primary = primary.to_ascii_lowercase();
    let code = match primary.as_str() {
        "nb" | "nn" => "no",
        other => other,
    };
    TONGUES.iter().position(|(known, _)| *known == code)
}

/// Whether it looks like a BCP 47 tag.
pub(crate) fn is_locale(text: &str) -> bool {
    let fits = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.len() <= 35 && text.split(['-', '_']).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_speaks_its_primary_language() {
        let code = |locale| tongue_of(locale).map(|place| TONGUES[place].0);
        assert_eq!(code("de"), Some("de"));
        assert_eq!(code("pt-BR"), Some("pt"));
        assert_eq!(code("nb_NO"), Some("no"));
        assert_eq!(code("EN-gb"), Some("en"));
        assert_eq!(code("ja"), None);
        assert!(is_locale("zh-Hant-TW") && !is_locale("a b") && !is_locale(""));
    }
}
