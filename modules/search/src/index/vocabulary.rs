//! What words the products of an index use: completions of a beginning, neighbours of a typo.

use std::collections::HashMap;

use tantivy::query::FuzzyTermQuery;
use tantivy::schema::{Field, Term};
use tantivy::{Result, Searcher};

use crate::domain::words::{distance, typos_of};

/// Words of one segment and field that a beginning or a typo is compared with.
const LOOKED_AT_MAX: usize = 20_000;
/// Above all letters.
const BEYOND: char = char::MAX;

/// A word and how many products have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) products: u64,
}

/// The most frequent words of these fields that begin so; the beginning itself is not one of them.
pub(crate) fn completions(
    searcher: &Searcher,
    fields: &[Field],
    start: &str,
    limit: usize,
) -> Result<Vec<Word>> {
    let mut found = HashMap::new();
    let end = format!("{start}{BEYOND}");
    for segment in searcher.segment_readers() {
        for field in fields {
            let index = segment.inverted_index(*field)?;
            let mut words = index.terms().range().gt(start).lt(&end).into_stream()?;
            count(&mut found, |add| {
                let more = words.advance();
                if more {
                    add(words.key(), words.value().doc_freq);
                }
                more
            });
        }
    }
    let mut words = as_words(found);
    words.sort_unstable_by(|a, b| {
        b.products
            .cmp(&a.products)
            .then_with(|| a.text.cmp(&b.text))
    });
    words.truncate(limit);
    Ok(words)
}

/// Words of these fields that were probably meant: the nearest first, then the most frequent. All
/// begin with the same letter. `is_start` also takes words that only begin nearly so.
pub(crate) fn neighbours(
    searcher: &Searcher,
    fields: &[Field],
    typed: &str,
    is_start: bool,
    limit: usize,
) -> Result<Vec<Word>> {
    let letters = typed.chars().count();
    for typos in 1..=typos_of(letters) {
        let mut found = HashMap::new();
        for field in fields {
            let term = Term::from_field_text(*field, typed);
            let query = match is_start {
                true => FuzzyTermQuery::new_prefix(term, typos, true),
                false => FuzzyTermQuery::new(term, typos, true),
            };
            let first: String = typed.chars().take(1).collect();
            let end = format!("{first}{BEYOND}");
            for segment in searcher.segment_readers() {
                let index = segment.inverted_index(*field)?;
                let mut words = index
                    .terms()
                    .search(query.automaton()?)
                    .ge(&first)
                    .lt(&end)
                    .into_stream()?;
                count(&mut found, |add| {
                    let more = words.advance();
                    if more && words.key() != typed.as_bytes() {
                        add(words.key(), words.value().doc_freq);
                    }
                    more
                });
            }
        }
        if !found.is_empty() {
            let mut words = as_words(found);
            let cut = |word: &str| -> String {
                match is_start {
                    true => word.chars().take(letters).collect(),
                    false => word.to_owned(),
                }
            };
            words.sort_by_cached_key(|word| {
                let far = distance(typed, &cut(&word.text));
                (far, u64::MAX - word.products, word.text.clone())
            });
            words.truncate(limit);
            return Ok(words);
        }
    }
    Ok(Vec::new())
}

/// How many products have the term.
pub(crate) fn products_with(searcher: &Searcher, field: Field, text: &str) -> Result<u64> {
    searcher.doc_freq(&Term::from_field_text(field, text))
}

/// `step` gives the next word, and answers false after the last.
fn count(
    found: &mut HashMap<String, u64>,
    mut step: impl FnMut(&mut dyn FnMut(&[u8], u32)) -> bool,
) {
    let mut add = |word: &[u8], products: u32| {
        let Ok(text) = std::str::from_utf8(word) else {
            return;
        };
        let products = u64::from(products);
        match found.get_mut(text) {
            Some(sum) => *sum += products,
            None => drop(found.insert(text.to_owned(), products)),
        }
    };
    for _ in 0..LOOKED_AT_MAX {
        if !step(&mut add) {
            break;
        }
    }
}

fn as_words(found: HashMap<String, u64>) -> Vec<Word> {
    found
        .into_iter()
        .map(|(text, products)| Word { text, products })
        .collect()
}
