//! What shoppers write into a cart besides addresses: coupon codes and a note. Knows no promotion.

use stoa_contracts::cart::CartError;

use super::address::refuse_card_number;
use super::invalid;

pub(crate) const COUPONS_PER_CART_MAX: usize = 10;
const CODE_LENGTH_MAX: usize = 64;
const NOTE_LENGTH_MAX: usize = 1_000;

/// Trimmed, each once whatever its case, in the order given. Whether one applies is not asked here.
pub(crate) fn checked_coupons(codes: &[String]) -> Result<Vec<String>, CartError> {
    let mut kept: Vec<String> = Vec::new();
    for (at, code) in codes.iter().enumerate() {
        let field = || format!("coupons[{at}]");
        let code = code.trim();
        let length = code.chars().count();
        if length == 0 {
            return Err(invalid(field(), "must not be empty"));
        }
        if length > CODE_LENGTH_MAX {
            let reason = format!("has {length} characters, at most {CODE_LENGTH_MAX}");
            return Err(invalid(field(), reason));
        }
        if code.chars().any(char::is_control) {
            return Err(invalid(field(), "must not hold control characters"));
        }
        refuse_card_number(&field(), code)?;
        if !holds_code(&kept, code) {
            kept.push(code.to_owned());
        }
        if kept.len() > COUPONS_PER_CART_MAX {
            let reason = format!("a cart takes at most {COUPONS_PER_CART_MAX} codes");
            return Err(invalid("coupons", reason));
        }
    }
    Ok(kept)
}

/// Whether `codes` have `code`, in any case.
pub(crate) fn holds_code(codes: &[String], code: &str) -> bool {
    let folded = code.to_lowercase();
    codes.iter().any(|known| known.to_lowercase() == folded)
}

/// Trimmed; `None` where nothing is left. Line breaks are kept.
pub(crate) fn checked_note(text: &str) -> Result<Option<String>, CartError> {
    let text = text.trim();
    let length = text.chars().count();
    if length > NOTE_LENGTH_MAX {
        let reason = format!("has {length} characters, at most {NOTE_LENGTH_MAX}");
        return Err(invalid("note", reason));
    }
    let forbidden = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(forbidden) {
        return Err(invalid("note", "must not hold control characters"));
    }
    refuse_card_number("note", text)?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coupons(codes: &[&str]) -> Result<Vec<String>, String> {
        let codes: Vec<String> = codes.iter().map(|&code| code.to_owned()).collect();
        checked_coupons(&codes).map_err(|error| match error {
            CartError::Invalid { field, .. } => field,
            other => panic!("not a refusal of a field: {other}"),
        })
    }

    #[test]
    fn codes_are_trimmed_and_kept_once_as_first_typed() {
        let kept = coupons(&[" Save10 ", "SAVE10", "Ühr", "ühr"]);
        assert_eq!(kept, Ok(vec!["Save10".to_owned(), "Ühr".to_owned()]));
        assert_eq!(coupons(&[]), Ok(Vec::new()));
    }

    #[test]
    fn each_wrong_code_is_named_and_their_count_is_bounded() {
        assert_eq!(coupons(&["a", " "]), Err("coupons[1]".to_owned()));
        assert_eq!(coupons(&[&"x".repeat(65)]), Err("coupons[0]".to_owned()));
        assert_eq!(coupons(&["a\nb"]), Err("coupons[0]".to_owned()));
        assert_eq!(
            coupons(&["4111 1111 1111 1111"]),
            Err("coupons[0]".to_owned())
        );
        let eleven: Vec<String> = (0..11).map(|number| format!("code{number}")).collect();
        assert_eq!(checked_coupons(&eleven[..10]).expect("ten").len(), 10);
        assert!(matches!(
            checked_coupons(&eleven),
            Err(CartError::Invalid { field, .. }) if field == "coupons"
        ));
    }

    #[test]
    fn a_note_keeps_its_lines_and_never_a_card_number() {
        assert_eq!(
            checked_note(" Ring twice\nplease ").expect("a note"),
            Some("Ring twice\nplease".to_owned())
        );
        assert_eq!(checked_note("  ").expect("nothing"), None);
        assert!(checked_note(&"ä".repeat(1_000)).is_ok());
        for refused in [
            "x".repeat(1_001),
            "a\0b".to_owned(),
            "my card 4242424242424242".to_owned(),
        ] {
            assert!(checked_note(&refused).is_err(), "{refused}");
        }
    }
}
