//! How a product's properties are written into the index, and the steps of price ranges.

use stoa_contracts::catalog::ProductDocument;
use stoa_kernel::Currency;

/// Between a facet's name and its value: a control character, which no name may hold.
pub(crate) const SEPARATOR: char = '\u{1f}';
/// Bytes of a name or a value that count.
pub(crate) const TEXT_BYTES_MAX: usize = 120;
/// Facet values of one product.
const VALUES_MAX: usize = 2_000;

pub(crate) const VENDOR: &str = "vendor";
pub(crate) const TYPE: &str = "type";
pub(crate) const TAG: &str = "tag";
pub(crate) const COLLECTION: &str = "collection";
pub(crate) const CATEGORY: &str = "category";
pub(crate) const AVAILABLE: &str = "available";
pub(crate) const OPTION: &str = "option.";
pub(crate) const ATTRIBUTE: &str = "attribute.";
/// Not of [`terms_of`]: prices have columns of their own.
pub(crate) const PRICE: &str = "price";

/// Whether a filter may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let own = [OPTION, ATTRIBUTE]
        .iter()
        .find_map(|start| name.strip_prefix(start));
    match own {
        Some(rest) => !rest.is_empty() && !name.contains(SEPARATOR) && name.len() <= TEXT_BYTES_MAX,
        None => [VENDOR, TYPE, TAG, COLLECTION, CATEGORY, AVAILABLE].contains(&name),
    }
}

/// The term of one value.
pub(crate) fn term(name: &str, value: &str) -> String {
    format!("{}{SEPARATOR}{}", clean(name), clean(value))
}

/// All of a product's values, without repetitions.
pub(crate) fn terms_of(document: &ProductDocument) -> Vec<String> {
    let mut terms = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            terms.push(term(name, value));
        }
    };
    add(AVAILABLE, if document.available { "true" } else { "false" });
    document
        .vendor
        .iter()
        .for_each(|vendor| add(VENDOR, vendor));
    document
        .product_type
        .iter()
        .for_each(|kind| add(TYPE, kind));
    document.tags.iter().for_each(|tag| add(TAG, tag));
    document
        .collections
        .iter()
        .for_each(|handle| add(COLLECTION, handle));
    document
        .categories
        .iter()
        .for_each(|handle| add(CATEGORY, handle));
    for option in &document.options {
        let name = format!("{OPTION}{}", option.name);
        option.values.iter().for_each(|value| add(&name, value));
    }
    for (name, value) in &document.attributes {
        add(&format!("{ATTRIBUTE}{name}"), value);
    }
    terms.sort_unstable();
    terms.dedup();
    terms.truncate(VALUES_MAX);
    terms
}

fn clean(text: &str) -> String {
    cut(text, TEXT_BYTES_MAX).replace(SEPARATOR, " ")
}

/// At most `bytes` of it, ending between two characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Where price ranges begin, in minor units: 0, then 1, 2, 5, 10, ... of the currency's unit.
pub(crate) fn price_steps(currency: Currency) -> Vec<i64> {
    let mut unit = 10_i64.pow(currency.exponent());
    let mut steps = vec![0];
    for _ in 0..PRICE_DECADES {
        steps.extend([unit, unit * 2, unit * 5]);
        unit *= 10;
    }
    steps
}
const PRICE_DECADES: usize = 7;

/// Adjoining ranges are joined until there are at most so many.
pub(crate) const PRICE_RANGES_MAX: usize = 8;

/// Ranges that hold something, from the counts of each step: `1000..1999`, `500000..`.
pub(crate) fn price_ranges(steps: &[i64], counts: &[u64]) -> Vec<(String, u64)> {
    let first = counts.iter().position(|&count| count > 0);
    let last = counts.iter().rposition(|&count| count > 0);
    let (Some(first), Some(last)) = (first, last) else {
        return Vec::new();
    };
    // Start, end (the next range's start) and count.
    let mut ranges: Vec<(i64, Option<i64>, u64)> = (first..=last)
        .map(|step| (steps[step], steps.get(step + 1).copied(), counts[step]))
        .collect();
    while ranges.len() > PRICE_RANGES_MAX {
        let joined = |at: &usize| ranges[*at].2 + ranges[*at + 1].2;
        let Some(least) = (0..ranges.len() - 1).min_by_key(joined) else {
            break;
        };
        let (_, end, count) = ranges.remove(least + 1);
        ranges[least].1 = end;
        ranges[least].2 += count;
    }
    ranges
        .into_iter()
        .filter(|(.., count)| *count > 0)
        .map(|(start, end, count)| match end {
            Some(end) => (format!("{start}..{}", end - 1), count),
            None => (format!("{start}.."), count),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_facets() {
        assert!(is_name("vendor") && is_name("option.Color") && is_name("attribute.Fit"));
        assert!(!is_name("option.") && !is_name("price") && !is_name("id"));
        assert!(!is_name("option.a\u{1f}b"));
        assert_eq!(term("vendor", "A\u{1f}B"), "vendor\u{1f}A B");
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("abc", 9), "abc");
    }

    #[test]
    fn price_steps_follow_the_currency() {
        assert_eq!(price_steps(Currency::EUR)[..5], [0, 100, 200, 500, 1000]);
        let yen: Currency = "JPY".parse().expect("a currency");
        assert_eq!(price_steps(yen)[..5], [0, 1, 2, 5, 10]);
    }

    #[test]
    fn ranges_join_until_they_are_few_and_lose_nothing() {
        let steps = price_steps(Currency::EUR);
        let counts: Vec<u64> = (0..steps.len() as u64).collect();
        let ranges = price_ranges(&steps, &counts);
        assert_eq!(ranges.len(), PRICE_RANGES_MAX);
        let sum: u64 = ranges.iter().map(|(_, count)| count).sum();
        assert_eq!(sum, counts.iter().sum::<u64>());
        assert!(
            ranges
                .last()
                .is_some_and(|(range, _)| range.ends_with(".."))
        );
        let one = price_ranges(&steps, &[0, 0, 7, 0]);
        assert_eq!(one, [("200..499".to_owned(), 7)]);
    }
}
