//! One cell of text read as what it stands for. Each reader says why it refuses.

use stoa_contracts::catalog::{Attribute, NamedComponent, ProductKind};
use stoa_kernel::{Currency, Money, Timestamp};

use super::draft::{DraftStatus, Exact, StockPolicy};
use super::{HANDLE_CHARS_MAX, TAGS_PER_PRODUCT_MAX, TEXT_CHARS_MAX};

const COUNT_MAX: i64 = 1_000_000_000;
/// Far above any price, far below any overflow when lines are summed.
const PRICE_MINOR_MAX: i64 = 1_000_000_000_000;
const EXCERPT_CHARS_MAX: usize = 80;

/// The start of a value, on one line, for a report.
pub(crate) fn excerpt(value: &str) -> String {
    let flat = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    let mut text: String = value.chars().take(EXCERPT_CHARS_MAX).map(flat).collect();
    if value.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        text.push('…');
    }
    text
}

pub(crate) fn text(value: &str) -> Result<String, String> {
    match value.chars().count() {
        0..=TEXT_CHARS_MAX => Ok(value.to_owned()),
        chars => Err(format!("{chars} characters; at most {TEXT_CHARS_MAX}")),
    }
}

/// What this program's files say in the place of a price where there is none.
pub(crate) const NO_PRICE: &str = "none";

/// A cell that begins with one of these is a formula to a spreadsheet.
const FORMULA_STARTS: [char; 4] = ['=', '+', '-', '@'];
const GUARD: char = '\'';

/// A text as this program's files hold it: a spreadsheet takes no guarded cell for a formula, and
/// [`unguarded`] gives the text back.
pub(crate) fn guarded(text: &str) -> std::borrow::Cow<'_, str> {
    match text.starts_with(GUARD) || text.starts_with(FORMULA_STARTS) {
        true => format!("{GUARD}{text}").into(),
        false => text.into(),
    }
}

pub(crate) fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix(GUARD) {
        Some(text) if text.starts_with(GUARD) || text.starts_with(FORMULA_STARTS) => text,
        _ => cell,
    }
}

/// Whether it can be a handle as it is.
pub(super) fn is_handle(text: &str) -> bool {
    let fits = |letter: char| {
        letter == '-' || (letter.is_alphanumeric() && letter.to_lowercase().eq([letter]))
    };
    (1..=HANDLE_CHARS_MAX).contains(&text.chars().count()) && text.chars().all(fits)
}

pub(crate) const KINDS: [(&str, ProductKind); 4] = [
    ("physical", ProductKind::Physical),
    ("digital", ProductKind::Digital),
    ("gift_card", ProductKind::GiftCard),
    ("bundle", ProductKind::Bundle),
];

pub(super) fn kind(value: &str) -> Result<ProductKind, String> {
    let found = KINDS.iter().find(|(word, _)| *word == value);
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        let words = KINDS.map(|(word, _)| format!("`{word}`")).join(", ");
        format!("none of {words}")
    })
}

pub(super) fn moment(value: &str) -> Result<Timestamp, String> {
    value
        .parse()
        .map_err(|_| "not a moment such as 2030-01-31T09:00:00Z".to_owned())
}

pub(super) fn attributes(value: &str) -> Result<Vec<Attribute>, String> {
    const EXAMPLE: &str = r#"[{"name":"Material","value":"Linen"}]"#;
    serde_json::from_str(value).map_err(|error| format!("not JSON such as {EXAMPLE}: {error}"))
}

pub(super) fn metadata(value: &str) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    serde_json::from_str(value).map_err(|error| format!("not a JSON object: {error}"))
}

pub(super) fn components(value: &str) -> Result<Vec<NamedComponent>, String> {
    const EXAMPLE: &str = r#"[{"handle":"tea","options":["100 g"],"quantity":2}]"#;
    serde_json::from_str(value).map_err(|error| format!("not JSON such as {EXAMPLE}: {error}"))
}

pub(super) fn exact(value: &str) -> Result<Exact, String> {
    serde_json::from_str(value)
        .map_err(|error| format!("not what an export writes here; leave it empty: {error}"))
}

/// Lower case, letters and digits of any script, single `-` between them. `None`: nothing is left.
pub(super) fn handle(value: &str) -> Option<String> {
    let mut handle = String::with_capacity(value.len());
    for character in value.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() {
            handle.push(character);
        } else if !handle.is_empty() && !handle.ends_with('-') {
            handle.push('-');
        }
    }
    let cut = handle
        .char_indices()
        .nth(HANDLE_CHARS_MAX)
        .map(|(at, _)| at);
    handle.truncate(cut.unwrap_or(handle.len()));
    handle.truncate(handle.trim_end_matches('-').len());
    (!handle.is_empty()).then_some(handle)
}

/// `None` where the cell is blank.
pub(crate) fn boolean(value: &str) -> Result<Option<bool>, String> {
    match value {
        "" => Ok(None),
        _ if value.eq_ignore_ascii_case("true") => Ok(Some(true)),
        _ if value.eq_ignore_ascii_case("false") => Ok(Some(false)),
        _ => Err("neither TRUE nor FALSE".to_owned()),
    }
}

pub(super) fn price(value: &str, currency: Currency) -> Result<Money, String> {
    let price = Money::parse_decimal(value, currency).map_err(|error| error.to_string())?;
    match price.amount {
        0..=PRICE_MINOR_MAX => Ok(price),
        ..0 => Err("a price cannot be negative".to_owned()),
        _ => Err("a price beyond all bounds".to_owned()),
    }
}

/// A whole number; `5.0` counts as one, as spreadsheets write it.
pub(crate) fn count(value: &str) -> Result<i64, String> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.bytes().any(|byte| byte != b'0') {
        return Err("not a whole number".to_owned());
    }
    let count: i64 = whole.parse().map_err(|_| "not a whole number".to_owned())?;
    if count.abs() > COUNT_MAX {
        return Err(format!("beyond {COUNT_MAX}"));
    }
    Ok(count)
}

/// Grams, rounded half up to whole ones.
pub(super) fn grams(value: &str) -> Result<i64, String> {
    let refuse = || "not a weight in grams such as 250 or 0.5".to_owned();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err(refuse());
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| refuse())?
    };
    let up = fraction.bytes().next().is_some_and(|digit| digit >= b'5');
    if whole >= COUNT_MAX {
        return Err(format!("beyond {COUNT_MAX} grams"));
    }
    Ok(whole + i64::from(up))
}

pub(super) fn policy(value: &str) -> Result<StockPolicy, String> {
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    if value.is_empty() || is("deny") || is("false") {
        Ok(StockPolicy::Deny)
    } else if is("continue") || is("true") {
        Ok(StockPolicy::Continue)
    } else {
        Err("neither `deny` nor `continue`".to_owned())
    }
}

/// A product that is active but not published in the shop is a draft here.
pub(super) fn status(value: &str, published: bool) -> Result<DraftStatus, String> {
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    if is("archived") {
        Ok(DraftStatus::Archived)
    } else if is("draft") || is("unlisted") {
        Ok(DraftStatus::Draft)
    } else if value.is_empty() || is("active") {
        Ok(if published {
            DraftStatus::Active
        } else {
            DraftStatus::Draft
        })
    } else {
        Err("none of `active`, `draft`, `archived`, `unlisted`".to_owned())
    }
}

/// Separated by commas, trimmed, each once whatever its case.
pub(super) fn tags(value: &str) -> Result<Vec<String>, String> {
    let mut tags: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for tag in value
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
    {
        if seen.insert(tag.to_lowercase()) {
            tags.push(text(tag)?);
        }
    }
    match tags.len() {
        0..=TAGS_PER_PRODUCT_MAX => Ok(tags),
        found => Err(format!("{found} tags; at most {TAGS_PER_PRODUCT_MAX}")),
    }
}

/// Real exports carry line breaks inside quoted SKUs: they go, with the space around them.
pub(crate) fn sku(value: &str) -> Result<String, String> {
    let joined: String = value.lines().map(str::trim).collect();
    text(&joined.replace('\r', ""))
}

/// Spreadsheets put an apostrophe before digits so that leading zeros stay.
pub(super) fn barcode(value: &str) -> Result<String, String> {
    let value = value.strip_prefix('\'').unwrap_or(value);
    text(value.trim())
}

/// A web address, its scheme in small letters, or a path of the shop itself.
pub(super) fn web_url(value: &str) -> Option<String> {
    const URL_BYTES_MAX: usize = 2048;
    let unclean = |c: char| c.is_whitespace() || c.is_control();
    if value.len() > URL_BYTES_MAX || value.contains(unclean) {
        return None;
    }
    if let Some(path) = value.strip_prefix('/') {
        let own = !path.is_empty() && !path.starts_with(['/', '\\']);
        return own.then(|| value.to_owned());
    }
    let (scheme, rest) = value.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let web = scheme == "https" || scheme == "http";
    (web && !rest.is_empty()).then(|| format!("{scheme}://{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_lower_case_words_joined_by_single_hyphens() {
        let cases = [
            ("Ocean-Blue", Some("ocean-blue")),
            ("  --A  b__c.d/e--", Some("a-b-c-d-e")),
            ("Größe-日本", Some("größe-日本")),
            ("!!!", None),
            ("", None),
        ];
        for (given, expected) in cases {
            assert_eq!(handle(given).as_deref(), expected, "{given}");
        }
        assert_eq!(
            handle(&"ä-".repeat(300)).map(|handle| handle.chars().count()),
            Some(255)
        );
    }

    #[test]
    fn numbers_are_read_as_spreadsheets_write_them() {
        assert_eq!(count("5.0"), Ok(5));
        assert_eq!(count("-3"), Ok(-3));
        assert!(count("5.5").is_err() && count("").is_err() && count("five").is_err());
        assert!(count("99999999999999999999").is_err() && count("1000000001").is_err());
        assert_eq!(grams("0.0"), Ok(0));
        assert_eq!(grams("226.796"), Ok(227));
        assert_eq!(grams("226.4999"), Ok(226));
        assert!(grams("-1").is_err() && grams(".").is_err() && grams("1kg").is_err());
        assert_eq!(
            price("9.99", Currency::EUR),
            Ok(Money::new(999, Currency::EUR))
        );
        assert!(price("-1", Currency::EUR).is_err() && price("1,50", Currency::EUR).is_err());
    }

    #[test]
    fn skus_lose_their_line_breaks() {
        assert_eq!(sku("AD-04\n-blue-OS"), Ok("AD-04-blue-OS".to_owned()));
        assert_eq!(sku("A \r\n B\rC"), Ok("ABC".to_owned()));
        assert_eq!(barcode("'0012"), Ok("0012".to_owned()));
    }

    #[test]
    fn only_web_addresses_are_pictures() {
        for good in ["https://cdn.example.com/a.jpg?v=1", "/media/sample/mug.svg"] {
            assert_eq!(web_url(good).as_deref(), Some(good));
        }
        assert_eq!(
            web_url("HTTPS://Cdn.example.com/A.jpg").as_deref(),
            Some("https://Cdn.example.com/A.jpg")
        );
        for bad in [
            "a.jpg",
            "ftp://x/a.jpg",
            "javascript:alert(1)",
            "https://",
            "https://a b",
            "//cdn.example.com/a.jpg",
            "/\\cdn.example.com/a.jpg",
            "/",
        ] {
            assert_eq!(web_url(bad), None, "{bad}");
        }
    }
}
