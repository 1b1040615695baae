//! Barcodes: which of them are no GTIN, and how one GTIN is written in several lengths. Refuses
//! nothing: shops use codes of their own.

const LENGTHS: [usize; 4] = [8, 12, 13, 14];

/// Why a barcode is no GTIN; `None` where it is one.
pub(crate) fn gtin_doubt(barcode: &str) -> Option<&'static str> {
    if !barcode.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("is no GTIN: a GTIN holds digits only");
    }
    if !LENGTHS.contains(&barcode.len()) {
        return Some("is no GTIN: a GTIN has 8, 12, 13 or 14 digits");
    }
    let digits = barcode.bytes().rev().map(|byte| u32::from(byte - b'0'));
    // From the right: the check digit counts once, its neighbour three times, and so on in turn.
    let sum: u32 = digits
        .zip([1, 3].into_iter().cycle())
        .map(|(d, weight)| d * weight)
        .sum();
    (!sum.is_multiple_of(10)).then_some("is no GTIN: its check digit is wrong")
}

/// The barcode, and the same GTIN in other lengths: a scanner may say `0` and twelve digits where
/// the shop wrote twelve.
pub(crate) fn spellings(barcode: &str) -> Vec<String> {
    let mut all = vec![barcode.to_owned()];
    if gtin_doubt(barcode).is_none() {
        let bare = barcode.trim_start_matches('0');
        let longer = LENGTHS.into_iter().filter(|length| bare.len() <= *length);
        all.extend(longer.map(|length| format!("{bare:0>length$}")));
        all.sort_unstable();
        all.dedup();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_of_all_lengths_are_known() {
        for good in [
            "96385074",
            "036000291452",
            "4006381333931",
            "10614141000415",
        ] {
            assert_eq!(gtin_doubt(good), None, "{good}");
        }
        for bad in [
            "96385075",
            "036000291453",
            "4006381333932",
            "10614141000416",
        ] {
            assert_eq!(
                gtin_doubt(bad),
                Some("is no GTIN: its check digit is wrong"),
                "{bad}"
            );
        }
        assert_eq!(
            gtin_doubt("123"),
            Some("is no GTIN: a GTIN has 8, 12, 13 or 14 digits")
        );
        assert_eq!(
            gtin_doubt("ABC-1"),
            Some("is no GTIN: a GTIN holds digits only")
        );
        assert_eq!(
            gtin_doubt("٤"),
            Some("is no GTIN: a GTIN holds digits only")
        );
    }

    #[test]
    fn one_gtin_is_found_in_every_length() {
        let found = ["00036000291452", "0036000291452", "036000291452"];
        assert_eq!(spellings("036000291452"), found);
        assert_eq!(spellings("0036000291452"), found);
        assert_eq!(spellings("shelf 7"), ["shelf 7"]);
        assert_eq!(
            spellings("4006381333931"),
            ["04006381333931", "4006381333931"]
        );
    }
}
