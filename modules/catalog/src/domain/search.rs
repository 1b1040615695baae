//! What a shopper typed, as LIKE patterns. Bounded, escaped; knows no table.

use super::Flaw;

pub(crate) const QUERY_CHARS_MAX: usize = 200;
pub(crate) const WORDS_MAX: usize = 8;

/// One LIKE pattern per word, each of which must match; unused places are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SearchWords(pub(crate) [Option<String>; WORDS_MAX]);

impl SearchWords {
    pub(crate) fn of(query: Option<&str>) -> Result<Self, Flaw> {
        let mut words = Self::default();
        let text = normal(query.unwrap_or_default())?;
        for (index, word) in text.split_whitespace().enumerate() {
            let place = words
                .0
                .get_mut(index)
                .ok_or_else(|| Flaw::new("q", format!("holds at most {WORDS_MAX} words")))?;
            *place = Some(format!("%{}%", escaped(word)));
        }
        Ok(words)
    }
}

fn normal(query: &str) -> Result<String, Flaw> {
    if query.chars().count() > QUERY_CHARS_MAX {
        return Err(Flaw::new(
            "q",
            format!("is at most {QUERY_CHARS_MAX} characters"),
        ));
    }
    // PostgreSQL has no text with a zero byte in it.
    Ok(query.replace('\0', " ").to_lowercase())
}

/// `\` is the escape character of every pattern.
fn escaped(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_letters_like_any_other() {
        let words = SearchWords::of(Some(" 100% Co_ol\\ ")).expect("two words");
        assert_eq!(words.0[0].as_deref(), Some("%100\\%%"));
        assert_eq!(words.0[1].as_deref(), Some("%co\\_ol\\\\%"));
        assert_eq!(words.0[2], None);
        assert_eq!(SearchWords::of(None), Ok(SearchWords::default()));
    }

    #[test]
    fn a_query_is_bounded() {
        let long = "a".repeat(201);
        assert_eq!(
            SearchWords::of(Some(&long)).map_err(|flaw| flaw.field),
            Err("q".to_owned())
        );
        assert!(SearchWords::of(Some("a b c d e f g h")).is_ok());
        assert!(SearchWords::of(Some("a b c d e f g h i")).is_err());
    }
}
