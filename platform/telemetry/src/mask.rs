//! Masks personal data and card numbers in text on its way to a log. Pure; errs on the side of masking.

use std::borrow::Cow;

/// What stands in a log line for the value of a field that is sensitive by name.
pub const MASKED: &str = "[masked]";

const CARD_DIGITS_MIN: usize = 13;
const CARD_DIGITS_MAX: usize = 19;

/// Names that are sensitive wherever they occur inside a field name.
const ANYWHERE: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "email",
    "phone",
    "cookie",
];
/// Names that are sensitive as a whole word of a field name (`billing_address`, `api_key`).
const WORDS: &[&str] = &[
    "address",
    "addresses",
    "cvc",
    "cvv",
    "pan",
    "iban",
    "credential",
];
/// `table_name` and `file_name` are worth reading, the name of a person is not.
const NAMES: &[&str] = &[
    "name",
    "first_name",
    "last_name",
    "full_name",
    "display_name",
    "customer_name",
    "recipient_name",
    "billing_name",
    "shipping_name",
    "user_name",
    "username",
    "api_key",
];

/// Whether a field of this name is masked whatever it holds.
pub fn is_sensitive_name(field: &str) -> bool {
    let lower = match field.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(field.to_ascii_lowercase()),
        false => Cow::Borrowed(field),
    };
    let last = lower.rsplit('.').next().unwrap_or(&lower);
    ANYWHERE.iter().any(|part| lower.contains(part))
        || lower
            .split(['_', '.', '-'])
            .any(|word| WORDS.contains(&word))
        || NAMES.contains(&last)
}

/// `jane@example.com` becomes `j***@***`, a card number `****1111`; other text is left as it is.
pub fn mask_text(text: &str) -> Cow<'_, str> {
    let emails = mask_emails(text);
    match mask_cards(&emails) {
        Some(masked) => Cow::Owned(masked),
        None => emails,
    }
}

fn mask_emails(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let local_start = before
            .char_indices()
            .rev()
            .take_while(|&(_, c)| is_local_char(c))
            .last()
            .map_or(at, |(index, _)| index);
        let domain_length: usize = after
            .chars()
            .take_while(|&c| is_domain_char(c))
            .map(char::len_utf8)
            .sum();
        let first = before[local_start..].chars().next();
        match first {
            Some(first) if domain_length > 0 => {
                out.push_str(&before[..local_start]);
                out.push(first);
                out.push_str("***@***");
                rest = &after[domain_length..];
            }
            _ => {
                out.push_str(&rest[..=at]);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn is_local_char(c: char) -> bool {
    c.is_alphanumeric() || "._%+-'".contains(c)
}
fn is_domain_char(c: char) -> bool {
    c.is_alphanumeric() || c == '.' || c == '-'
}

/// A run of digits between separators, as byte positions in the text.
#[derive(Clone, Copy)]
struct Group {
    start: usize,
    end: usize,
}

fn mask_cards(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut position = 0;
    while position < bytes.len() {
        if !bytes[position].is_ascii_digit() {
            position += 1;
            continue;
        }
        let groups = digit_groups(bytes, position);
        position = groups.last().map_or(bytes.len(), |group| group.end);
        for (start, end, last4) in cards_in(bytes, &groups) {
            out.push_str(&text[copied..start]);
            out.push_str("****");
            out.push_str(&last4);
            copied = end;
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// The groups of digits from `start` on that single spaces or dashes join.
fn digit_groups(bytes: &[u8], start: usize) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut position = start;
    loop {
        let from = position;
        while bytes.get(position).is_some_and(u8::is_ascii_digit) {
            position += 1;
        }
        groups.push(Group {
            start: from,
            end: position,
        });
        let joined = matches!(bytes.get(position), Some(b' ' | b'-'))
            && bytes.get(position + 1).is_some_and(u8::is_ascii_digit);
        if !joined {
            return groups;
        }
        position += 1;
    }
}

/// Card numbers that begin and end with whole groups, left to right, the longest first.
fn cards_in(bytes: &[u8], groups: &[Group]) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    let mut first = 0;
    while first < groups.len() {
        let mut digits: Vec<u8> = Vec::with_capacity(CARD_DIGITS_MAX);
        let mut longest = None;
        for (last, group) in groups.iter().enumerate().skip(first) {
            digits.extend(bytes[group.start..group.end].iter().map(|byte| byte - b'0'));
            if digits.len() > CARD_DIGITS_MAX {
                break;
            }
            if is_card(&digits) {
                let tail: String = digits[digits.len() - 4..]
                    .iter()
                    .map(|&d| char::from(b'0' + d))
                    .collect();
                longest = Some((last, group.end, tail));
            }
        }
        match longest {
            Some((last, end, tail)) => {
                found.push((groups[first].start, end, tail));
                first = last + 1;
            }
            None => first += 1,
        }
    }
    found
}

/// Whether the digits could be a card number: length, check digit and a known issuer.
fn is_card(digits: &[u8]) -> bool {
    (CARD_DIGITS_MIN..=CARD_DIGITS_MAX).contains(&digits.len())
        && has_issuer(digits)
        && passes_luhn(digits)
}

/// The prefixes that Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay and
/// Maestro are issued under.
fn has_issuer(digits: &[u8]) -> bool {
    let prefix = |length: usize| {
        digits[..length]
            .iter()
            .fold(0_u32, |number, &digit| number * 10 + u32::from(digit))
    };
    let length = digits.len();
    match prefix(2) {
        34 | 37 => length == 15,
        40..=49 => matches!(length, 13 | 16 | 18 | 19),
        51..=55 => length == 16,
        36 | 38 | 39 => (14..=19).contains(&length),
        30 => matches!(prefix(3), 300..=305 | 309) && (14..=19).contains(&length),
        35 => (3528..=3589).contains(&prefix(4)) && (16..=19).contains(&length),
        22..=27 => (2221..=2720).contains(&prefix(4)) && length == 16,
        50 | 56..=58 | 60..=69 => true,
        _ => false,
    }
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, &digit)| match (index % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_keep_their_first_letter() {
        let cases = [
            ("jane.doe+shop@example.co.uk paid", "j***@*** paid"),
            (
                "to: <jane@example.com>, <öre@exämple.se>",
                "to: <j***@***>, <ö***@***>",
            ),
            (
                "postgres://stoa:hunter2@db/stoa",
                "postgres://stoa:h***@***/stoa",
            ),
            ("a @ b and @handle", "a @ b and @handle"),
        ];
        for (text, masked) in cases {
            assert_eq!(mask_text(text), masked);
        }
    }

    #[test]
    fn card_numbers_keep_their_last_four() {
        let cases = [
            ("paid with 4111111111111111.", "paid with ****1111."),
            ("4111 1111 1111 1111", "****1111"),
            ("4111-1111-1111-1111;", "****1111;"),
            ("amex 3782 822463 10005", "amex ****0005"),
            ("line 12 4111 1111 1111 1111 7", "line 12 ****1111 7"),
            (
                "2221000000000009 and 5555555555554444",
                "****0009 and ****4444",
            ),
            ("PAN4222222222222x", "PAN****2222x"),
        ];
        for (text, masked) in cases {
            assert_eq!(mask_text(text), masked);
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        let texts = [
            "4111111111111112",
            "barcode 4006381333931",
            "1767225600000001",
            "order 411111111111",
            "41111111111111111111111",
            "9999999999999995",
        ];
        for text in texts {
            assert_eq!(mask_text(text), text);
        }
    }

    #[test]
    fn names_of_fields_decide_by_word() {
        for name in [
            "password",
            "user_email",
            "access_token",
            "shipping_address",
            "name",
            "Phone",
        ] {
            assert!(is_sensitive_name(name), "{name}");
        }
        for name in [
            "table_name",
            "hostname",
            "tenant",
            "order_id",
            "addressed",
            "span",
        ] {
            assert!(!is_sensitive_name(name), "{name}");
        }
    }
}
