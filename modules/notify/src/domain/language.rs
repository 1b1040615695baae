//! Languages the built-in letters speak, and how each writes an amount of money.

use stoa_kernel::Money;

const LOCALE_BYTES_MAX: usize = 12;
const GROUP_DIGITS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
    French,
}

impl Language {
    pub(crate) const ALL: [Self; 3] = [Self::English, Self::German, Self::French];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
        }
    }

    /// Of a locale such as `de-AT`; English where no other is spoken.
    pub(crate) fn of(locale: &str) -> Self {
        let asked = locale.split('-').next().unwrap_or_default();
        let found = Self::ALL.into_iter().find(|one| one.as_str() == asked);
        found.unwrap_or(Self::English)
    }

    /// `1,234.50 EUR`, `1.234,50 EUR` or `1 234,50 EUR`, with the currency's own decimals.
    pub(crate) fn money(self, amount: Money) -> String {
        let (group, point) = match self {
            Self::English => (',', '.'),
            Self::German => ('.', ','),
            Self::French => ('\u{a0}', ','),
        };
        let plain = amount.to_decimal();
        let (sign, digits) = match plain.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", plain.as_str()),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut text = sign.to_owned();
        for (index, digit) in whole.char_indices() {
            if index > 0 && (whole.len() - index).is_multiple_of(GROUP_DIGITS) {
                text.push(group);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(point);
            text.push_str(fraction);
        }
        format!("{text} {}", amount.currency)
    }
}

/// A language and, after a hyphen, a region: `de`, `de-AT`.
pub(crate) fn is_locale(text: &str) -> bool {
    let (language, region) = match text.split_once('-') {
        Some((language, region)) => (language, Some(region)),
        None => (text, None),
    };
    let small = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    let large = |part: &str| part.bytes().all(|byte| byte.is_ascii_uppercase());
    text.len() <= LOCALE_BYTES_MAX
        && (2..=3).contains(&language.len())
        && small(language)
        && region.is_none_or(|region| region.len() == 2 && large(region))
}

/// Where a shop's own wording is looked for: the locale itself, then its language.
pub(crate) fn candidates(locale: &str) -> [&str; 2] {
    let language = locale.split('-').next().unwrap_or(locale);
    [locale, language]
}
