//! Cuts text into words. Scripts without spaces are cut into characters and pairs of them.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Words of one query that are looked at.
pub(crate) const QUERY_WORDS_MAX: usize = 12;
/// Characters of one query that are looked at.
pub(crate) const QUERY_CHARS_MAX: usize = 200;

/// Runs of letters and digits. Chinese, Japanese, Korean and Thai write no spaces between words: of
/// their runs each character and each pair of neighbours is a word.
#[derive(Clone, Default)]
pub(crate) struct Splitter;

pub(crate) struct Words {
    tokens: std::vec::IntoIter<Token>,
    current: Token,
}

impl Tokenizer for Splitter {
    type TokenStream<'a> = Words;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words {
        let mut tokens = Vec::new();
        let mut start = None;
        let mut dense: Option<(usize, char)> = None;
        for (at, letter) in text.char_indices() {
            let is_dense = is_dense(letter);
            if is_dense || !letter.is_alphanumeric() {
                close(&mut tokens, text, &mut start, at);
            }
            if !is_dense {
                dense = None;
                if letter.is_alphanumeric() && start.is_none() {
                    start = Some(at);
                }
                continue;
            }
            let end = at + letter.len_utf8();
            push(&mut tokens, text, at, end);
            if let Some((before, _)) = dense {
                push(&mut tokens, text, before, end);
            }
            dense = Some((at, letter));
        }
        close(&mut tokens, text, &mut start, text.len());
        Words {
            tokens: tokens.into_iter(),
            current: Token::default(),
        }
    }
}

fn close(tokens: &mut Vec<Token>, text: &str, start: &mut Option<usize>, end: usize) {
    if let Some(start) = start.take() {
        push(tokens, text, start, end);
    }
}

fn push(tokens: &mut Vec<Token>, text: &str, from: usize, to: usize) {
    tokens.push(Token {
        offset_from: from,
        offset_to: to,
        position: tokens.len(),
        text: text[from..to].to_owned(),
        position_length: 1,
    });
}

const fn is_dense(letter: char) -> bool {
    matches!(letter as u32,
        0x0E00..=0x0E7F | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x20000..=0x2FA1F)
}

impl TokenStream for Words {
    fn advance(&mut self) -> bool {
        match self.tokens.next() {
            Some(token) => {
                self.current = token;
                true
            }
            None => false,
        }
    }
    fn token(&self) -> &Token {
        &self.current
    }
    fn token_mut(&mut self) -> &mut Token {
        &mut self.current
    }
}

/// How many letters may differ from a word of so many that no product has.
pub(crate) const fn typos_of(letters: usize) -> u8 {
    match letters {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i; right.len() + 1];
        for j in 1..=right.len() {
            let replaced = last[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            let swapped =
                i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if swapped {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut splitter = Splitter;
        let mut stream = splitter.token_stream(text);
        let mut found = Vec::new();
        stream.process(&mut |token| found.push(token.text.clone()));
        found
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(words("T-Shirt, 100% Bio"), ["T", "Shirt", "100", "Bio"]);
        assert_eq!(words(" ..! "), Vec::<String>::new());
    }

    #[test]
    fn scripts_without_spaces_give_characters_and_pairs() {
        assert_eq!(words("緑茶 tea"), ["緑", "茶", "緑茶", "tea"]);
        assert_eq!(words("4K茶"), ["4K", "茶"]);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_typo() {
        assert_eq!(distance("shrit", "shirt"), 1);
        assert_eq!(distance("sneekers", "sneakers"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
