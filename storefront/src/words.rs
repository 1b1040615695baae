//! The words of the pages in the languages they speak. English stands in the templates and sources
//! themselves; `locales/*.toml` says the same in others. Never holds a word of a shop.

use std::collections::HashMap;
use std::future::Future;
use std::sync::LazyLock;

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind, State};
use stoa_kernel::Money;

const LANGUAGE: &str = "language";
const GROUP_DIGITS: usize = 3;
/// Ranges of an `Accept-Language` that are looked at; browsers send a handful.
const RANGES_MAX: usize = 16;
const WEIGHT_WHOLE: u32 = 1000;

static GERMAN: LazyLock<Table> = LazyLock::new(|| table(include_str!("../locales/de.toml")));
static FRENCH: LazyLock<Table> = LazyLock::new(|| table(include_str!("../locales/fr.toml")));

type Table = HashMap<String, String>;

tokio::task_local! {
    static SPOKEN: Language;
}

/// A language the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    English,
    German,
    French,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::English, Self::German, Self::French];

    /// As BCP 47 has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
        }
    }

    /// What its speakers call it.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::French => "Français",
        }
    }

    /// Of a tag such as `de` or `de-AT`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let asked = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| language.as_str().eq_ignore_ascii_case(asked))
    }

    /// The one of `offered` that an `Accept-Language` likes best.
    pub fn accepted(header: &str, offered: &[Self]) -> Option<Self> {
        let ranges = header.split(',').take(RANGES_MAX).filter_map(|range| {
            let (tag, rules) = range.split_once(';').unwrap_or((range, ""));
            let language = Self::of_tag(tag.trim())?;
            offered
                .contains(&language)
                .then(|| (weight(rules), language))
        });
        // The first of equals, as browsers list them by liking.
        let mut best: Option<(u32, Self)> = None;
        for (weight, language) in ranges {
            if weight > best.map_or(0, |(most, _)| most) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    fn table(self) -> Option<&'static Table> {
        match self {
            Self::English => None,
            Self::German => Some(&GERMAN),
            Self::French => Some(&FRENCH),
        }
    }

    /// `text` in this language; as it is where there is no other word for it.
    pub(crate) fn say(self, text: &str) -> &str {
        let other = self.table().and_then(|table| table.get(text));
        other.map_or(text, String::as_str)
    }

    /// Whether so many things take the singular.
    const fn is_one(self, count: u64) -> bool {
        match self {
            Self::English | Self::German => count == 1,
            Self::French => count <= 1,
        }
    }

    /// `1,234.50`, `1.234,50` or `1 234,50`.
    fn number(self, decimal: &str) -> String {
        let (group, point) = match self {
            Self::English => (',', '.'),
            Self::German => ('.', ','),
            Self::French => ('\u{202f}', ','),
        };
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let mut text = String::with_capacity(decimal.len() + 4);
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(GROUP_DIGITS) {
                text.push(group);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(point);
            text.push_str(fraction);
        }
        text
    }

    /// `€1,234.50`, `1.234,50 €`; a currency without a sign of its own prints its code.
    pub(crate) fn money(self, amount: Money) -> String {
        let decimal = amount.to_decimal();
        let (minus, digits) = decimal
            .strip_prefix('-')
            .map_or(("", decimal.as_str()), |rest| ("−", rest));
        let number = self.number(digits);
        let code = amount.currency.as_str();
        let sign = match code {
            "EUR" => "€",
            "USD" => "$",
            "GBP" => "£",
            "JPY" => "¥",
            "INR" => "₹",
            "KRW" => "₩",
            "ILS" => "₪",
            "VND" => "₫",
            "UAH" => "₴",
            code => code,
        };
        // A no-break space keeps sign and figure on one line.
        match self {
            Self::English if sign == code => format!("{minus}{code}\u{a0}{number}"),
            Self::English => format!("{minus}{sign}{number}"),
            Self::German | Self::French => format!("{minus}{number}\u{a0}{sign}"),
        }
    }
}

/// Thousandths of a `q=0.8`; all where none is given.
fn weight(rules: &str) -> u32 {
    let Some(text) = rules
        .split(';')
        .find_map(|rule| rule.trim().strip_prefix("q="))
    else {
        return WEIGHT_WHOLE;
    };
    let Some((whole, fraction)) = text.split_once('.') else {
        return if text == "1" { WEIGHT_WHOLE } else { 0 };
    };
    if whole == "1" {
        return WEIGHT_WHOLE;
    }
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    digits.parse().unwrap_or(0)
}

fn table(source: &str) -> Table {
    toml::from_str(source).expect("the embedded locales parse, as the tests of this file show")
}

/// Runs what makes a page; its words are of `language` from here on.
pub(crate) async fn speaking<T>(language: Language, making: impl Future<Output = T>) -> T {
    SPOKEN.scope(language, making).await
}

/// The language of the page that is being made.
pub(crate) fn spoken() -> Language {
    SPOKEN
        .try_with(|language| *language)
        .unwrap_or(Language::English)
}

pub(crate) fn say(text: &str) -> String {
    spoken().say(text).to_owned()
}

/// With values for its `{names}`.
pub(crate) fn tell(text: &str, values: &[(&str, &str)]) -> String {
    filled(spoken().say(text), values)
}

/// One text for a single thing, another for several; both may name `{count}`.
pub(crate) fn count(one: &str, several: &str, count: u64) -> String {
    let language = spoken();
    let text = if language.is_one(count) { one } else { several };
    let number = language.number(&count.to_string());
    filled(language.say(text), &[("count", &number)])
}

fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut made = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('{') {
        made.push_str(before);
        let Some((name, after)) = from.split_once('}') else {
            made.push('{');
            rest = from;
            continue;
        };
        let value = values.iter().find(|(known, _)| *known == name);
        made.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    made.push_str(rest);
    made
}

/// Gives templates `t("Your cart")`, `t("By {name}", name=...)` and
/// `n("{count} item", "{count} items", 3)`, in the language of `frame.language`.
pub(crate) fn install(templates: &mut Environment<'_>) {
    templates.add_function("t", translate);
    templates.add_function("n", translate_count);
}

/// Macros see no `frame`: the first words of a page, which are outside of any, keep it for them.
fn language_of(state: &mut State<'_, '_>) -> Language {
    let kept = state.get_temp(LANGUAGE);
    let tag = kept.or_else(|| state.lookup("frame")?.get_attr(LANGUAGE).ok());
    let Some(language) = tag.as_ref().and_then(|tag| Language::of_tag(tag.as_str()?)) else {
        return spoken();
    };
    state.set_temp(LANGUAGE, Value::from(language.as_str()));
    language
}

fn translate(state: &mut State<'_, '_>, text: &str, values: Kwargs) -> Result<String, Error> {
    let language = language_of(state);
    let mut named = Vec::new();
    for name in values.args() {
        named.push((name, values.get::<Value>(name)?.to_string()));
    }
    values.assert_all_used()?;
    let named: Vec<_> = named
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Ok(filled(language.say(text), &named))
}

fn translate_count(
    state: &mut State<'_, '_>,
    one: &str,
    several: &str,
    count: Value,
) -> Result<String, Error> {
    let language = language_of(state);
    let count = u64::try_from(count)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    let text = if language.is_one(count) { one } else { several };
    let number = language.number(&count.to_string());
    Ok(filled(language.say(text), &[("count", &number)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::Currency;

    #[test]
    fn the_language_liked_best_of_those_offered_is_spoken() {
        let all = Language::ALL;
        let of = |header| Language::accepted(header, &all);
        assert_eq!(of("de-AT,de;q=0.9,en;q=0.8"), Some(Language::German));
        assert_eq!(of("nl, fr;q=0.7, en;q=0.71"), Some(Language::English));
        assert_eq!(of("de;q=0, fr;q=0.001"), Some(Language::French));
        assert_eq!(of("nl;q=1.0, *"), None);
        assert_eq!(of(";;q=,"), None);
        let two = [Language::English, Language::French];
        assert_eq!(
            Language::accepted("de,en;q=0.5", &two),
            Some(Language::English)
        );
    }

    #[test]
    fn amounts_look_as_each_language_writes_them() {
        let euros = Money::new(123_450, Currency::EUR);
        assert_eq!(Language::English.money(euros), "€1,234.50");
        assert_eq!(Language::German.money(euros), "1.234,50\u{a0}€");
        assert_eq!(
            Language::French.money(Money::new(-123_450, Currency::EUR)),
            "−1\u{202f}234,50\u{a0}€"
        );
        let francs = Money::new(1234, "CHF".parse().expect("a currency"));
        assert_eq!(Language::English.money(francs), "CHF\u{a0}12.34");
        assert_eq!(Language::German.money(francs), "12,34\u{a0}CHF");
    }

    #[tokio::test]
    async fn words_follow_the_page_that_is_made() {
        assert_eq!(say("Your cart"), "Your cart");
        let (said, none, one) = speaking(Language::German, async {
            (
                say("Your cart"),
                count("{count} product", "{count} products", 0),
                count("{count} product", "{count} products", 1),
            )
        })
        .await;
        assert_eq!(
            (said.as_str(), none.as_str(), one.as_str()),
            ("Ihr Warenkorb", "0 Produkte", "1 Produkt")
        );
        let none = speaking(Language::French, async {
            count("{count} product", "{count} products", 0)
        })
        .await;
        assert_eq!(none, "0 produit");
        assert_eq!(filled("{a} and {b} {", &[("a", "{b}")]), "{b} and  {");
    }
}
