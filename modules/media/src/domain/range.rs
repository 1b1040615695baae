//! `Range` of RFC 9110, as far as one run of bytes. Several runs are answered with the whole.

use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slice {
    Whole,
    Part(Range<u64>),
    /// Nothing of it exists.
    Unsatisfiable,
}

pub(crate) fn slice(header: Option<&str>, bytes: u64) -> Slice {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Slice::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Slice::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (first, last) {
        ("", suffix) => match number(suffix) {
            Some(0) => return Slice::Unsatisfiable,
            Some(count) => bytes.saturating_sub(count)..bytes,
            None => return Slice::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => first..bytes,
            None => return Slice::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(bytes),
            _ => return Slice::Whole,
        },
    };
    match range.start < bytes && range.start < range.end {
        true => Slice::Part(range),
        false => Slice::Unsatisfiable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_of_bytes_is_cut_and_nonsense_gets_the_whole() {
        for (header, wanted) in [
            ("bytes=0-0", Slice::Part(0..1)),
            ("bytes=2-5", Slice::Part(2..6)),
            ("bytes=2-", Slice::Part(2..10)),
            ("bytes=-3", Slice::Part(7..10)),
            ("bytes=-99", Slice::Part(0..10)),
            ("bytes=5-99999999999999999999999", Slice::Part(5..10)),
            ("bytes=10-", Slice::Unsatisfiable),
            ("bytes=10-12", Slice::Unsatisfiable),
            ("bytes=-0", Slice::Unsatisfiable),
            ("bytes=5-2", Slice::Whole),
            ("bytes=0-1,4-5", Slice::Whole),
            ("bytes=a-b", Slice::Whole),
            ("lines=0-1", Slice::Whole),
        ] {
            assert_eq!(slice(Some(header), 10), wanted, "{header}");
        }
        assert_eq!(slice(None, 10), Slice::Whole);
    }
}
