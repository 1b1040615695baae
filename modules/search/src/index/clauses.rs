//! What a shopper typed, as a query: exact words, stems, completions, synonyms, and neighbours of
//! words that no product has.

use stoa_kernel::ProductId;
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Term};
use tantivy::tokenizer::TokenizerManager;
use tantivy::{Result, Searcher};

use super::document;
use super::schema::{self, Fields, LOWER, PLAIN};
use super::vocabulary::{self, Word};
use crate::domain::facets;
use crate::domain::language::TONGUES;
use crate::domain::rules::Rules;
use crate::domain::words::{QUERY_CHARS_MAX, QUERY_WORDS_MAX};

/// A code that is the whole query is what was looked for.
const WHOLE_CODE: f32 = 60.0;
const CODE: f32 = 20.0;
const TITLE: f32 = 8.0;
const TITLE_STEM: f32 = 5.0;
const META: f32 = 4.0;
const TEXT_STEM: f32 = 1.0;
/// A fixed score: how rare a completion is says nothing.
const COMPLETION: f32 = 6.0;
const NEIGHBOUR_TITLE: f32 = 4.0;
const NEIGHBOUR_META: f32 = 2.0;
const SYNONYM: f32 = 0.8;

/// Completions of the last word that are searched for.
const COMPLETIONS_MAX: usize = 64;
const NEIGHBOURS_MAX: usize = 8;

pub(crate) type BoxQuery = Box<dyn Query>;

/// How strictly words are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Mode {
    /// Each word must be found; one that no product has stands for its neighbours.
    Strict,
    /// All words stand for their neighbours as well, and one may be missing.
    Loose,
}

/// What the words of a query are looked up in.
pub(crate) struct Speech<'s> {
    pub(crate) searcher: &'s Searcher,
    pub(crate) fields: &'s Fields,
    pub(crate) analyses: &'s TokenizerManager,
    /// Places in `TONGUES`: the shopper's language, then the shop's.
    pub(crate) tongues: Vec<usize>,
    pub(crate) rules: &'s Rules,
}

/// One word as it is compared with others, and as stems are made of it.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) plain: String,
    lower: String,
}

pub(crate) struct Sought {
    pub(crate) query: BoxQuery,
    /// The words that are looked for, where one stands for another.
    pub(crate) corrected: Option<String>,
}

/// The words of a text, at most [`QUERY_WORDS_MAX`].
pub(crate) fn words(analyses: &TokenizerManager, text: &str) -> Vec<Typed> {
    let text: String = text.chars().take(QUERY_CHARS_MAX).collect();
    let plain = schema::terms(analyses, PLAIN, &text);
    let lower = schema::terms(analyses, LOWER, &text);
    plain
        .into_iter()
        .zip(lower)
        .take(QUERY_WORDS_MAX)
        .map(|(plain, lower)| Typed { plain, lower })
        .collect()
}

impl Speech<'_> {
    /// `None` for a text without a word.
    pub(crate) fn sought(&self, text: &str, mode: Mode) -> Result<Option<Sought>> {
        let typed = words(self.analyses, text);
        if typed.is_empty() {
            return Ok(None);
        }
        let mut parts: Vec<(Occur, BoxQuery)> = Vec::new();
        let mut spelled: Vec<String> = Vec::new();
        let mut is_corrected = false;
        let mut at = 0;
        while at < typed.len() {
            let plain: Vec<String> = typed[at..].iter().map(|word| word.plain.clone()).collect();
            let (length, synonyms) = self.synonyms(&plain)?;
            let mut phrase = Vec::with_capacity(length);
            for (index, word) in typed[at..at + length].iter().enumerate() {
                let is_last = at + index + 1 == typed.len();
                let has_synonyms = synonyms.is_some();
                let (query, meant) = self.word(word, is_last, mode, has_synonyms)?;
                is_corrected |= meant.is_some();
                spelled.push(meant.unwrap_or_else(|| word.plain.clone()));
                phrase.push(query);
            }
            let is_told = length > 1 || !self.tells_nothing(&typed[at]);
            let query = match synonyms {
                Some(others) => any(vec![all(phrase), others]),
                None => all(phrase),
            };
            let occur = if is_told { Occur::Must } else { Occur::Should };
            parts.push((occur, query));
            at += length;
        }
        let musts = parts
            .iter()
            .filter(|(occur, _)| *occur == Occur::Must)
            .count();
        let worded: BoxQuery = match (musts, mode) {
            // Nothing but words such as "the".
            (0, _) => any(parts.into_iter().map(|(_, query)| query).collect()),
            (2.., Mode::Loose) => {
                let queries = parts.into_iter().map(|(_, query)| query).collect();
                Box::new(BooleanQuery::union_with_minimum_required_clauses(
                    queries,
                    musts - 1,
                ))
            }
            _ => Box::new(BooleanQuery::new(parts)),
        };
        let code = self.term(self.fields.code, &document::code(text), WHOLE_CODE);
        Ok(Some(Sought {
            query: any(vec![code, worded]),
            corrected: is_corrected.then(|| spelled.join(" ")),
        }))
    }

    /// A word alone: exact, by its stem, completed where it is the last, or by its neighbours. Also
    /// what was probably meant by a word that no product has.
    pub(crate) fn word(
        &self,
        word: &Typed,
        is_last: bool,
        mode: Mode,
        has_synonyms: bool,
    ) -> Result<(BoxQuery, Option<String>)> {
        let mut ways = self.exact(word, 1.0);
        let completions = match is_last {
            true => self.completions(&word.plain, COMPLETIONS_MAX)?,
            false => Vec::new(),
        };
        if !completions.is_empty() {
            ways.push(self.completed(&completions));
        }
        let is_known = has_synonyms || !completions.is_empty() || self.is_known(word)?;
        let mut meant = None;
        if !is_known || mode == Mode::Loose {
            let mut near = self.neighbours(&word.plain, false)?;
            let starts = near.is_empty() && is_last;
            if starts {
                near = self.neighbours(&word.plain, true)?;
            }
            for other in &near {
                ways.push(self.term(self.fields.title, &other.text, NEIGHBOUR_TITLE));
                ways.push(self.term(self.fields.meta, &other.text, NEIGHBOUR_META));
            }
            meant = near
                .into_iter()
                .next()
                .filter(|_| !is_known)
                .map(|word| word.text);
        }
        Ok((any(ways), meant))
    }

    fn exact(&self, word: &Typed, boost: f32) -> Vec<BoxQuery> {
        let scaled = |query: BoxQuery| -> BoxQuery { Box::new(BoostQuery::new(query, boost)) };
        let mut ways = vec![
            scaled(self.term(self.fields.code, &word.plain, CODE)),
            scaled(self.term(self.fields.title, &word.plain, TITLE)),
            scaled(self.term(self.fields.meta, &word.plain, META)),
        ];
        for (tongue, stem) in self.stems(word) {
            let spoken = self.fields.spoken[tongue];
            ways.push(scaled(self.term(spoken.title, &stem, TITLE_STEM)));
            ways.push(scaled(self.term(spoken.text, &stem, TEXT_STEM)));
        }
        ways
    }

    fn stems(&self, word: &Typed) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for tongue in &self.tongues {
            let analysis = schema::stems(TONGUES[*tongue].0);
            for stem in schema::terms(self.analyses, &analysis, &word.lower) {
                found.push((*tongue, stem));
            }
        }
        found
    }

    fn is_known(&self, word: &Typed) -> Result<bool> {
        for field in [self.fields.title, self.fields.meta, self.fields.code] {
            if vocabulary::products_with(self.searcher, field, &word.plain)? > 0 {
                return Ok(true);
            }
        }
        for (tongue, stem) in self.stems(word) {
            let spoken = self.fields.spoken[tongue];
            for field in [spoken.title, spoken.text] {
                if vocabulary::products_with(self.searcher, field, &stem)? > 0 {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether it is a word such as "the" in the shopper's language.
    fn tells_nothing(&self, word: &Typed) -> bool {
        self.tongues.first().is_some_and(|tongue| {
            let analysis = schema::telling(TONGUES[*tongue].0);
            schema::terms(self.analyses, &analysis, &word.lower).is_empty()
        })
    }

    /// How many of the words are taken together, and what else they are called.
    fn synonyms(&self, words: &[String]) -> Result<(usize, Option<BoxQuery>)> {
        let Some((length, group)) = self.rules.alternatives(words) else {
            return Ok((1, None));
        };
        let mut others = Vec::new();
        for phrase in group.iter().filter(|phrase| phrase[..] != words[..length]) {
            let parts = phrase.iter().map(|plain| {
                let word = Typed {
                    plain: plain.clone(),
                    lower: plain.clone(),
                };
                any(self.exact(&word, SYNONYM))
            });
            others.push(all(parts.collect()));
        }
        let others = (!others.is_empty()).then(|| any(others));
        Ok((length, others))
    }

    pub(crate) fn completions(&self, start: &str, limit: usize) -> Result<Vec<Word>> {
        let fields = [self.fields.title, self.fields.meta];
        vocabulary::completions(self.searcher, &fields, start, limit)
    }

    pub(crate) fn neighbours(&self, typed: &str, is_start: bool) -> Result<Vec<Word>> {
        let fields = [self.fields.title, self.fields.meta];
        vocabulary::neighbours(self.searcher, &fields, typed, is_start, NEIGHBOURS_MAX)
    }

    /// Products with one of the completions.
    pub(crate) fn completed(&self, completions: &[Word]) -> BoxQuery {
        let mut ways = Vec::with_capacity(completions.len() * 2);
        for word in completions {
            ways.push(plain_term(self.fields.title, &word.text));
            ways.push(plain_term(self.fields.meta, &word.text));
        }
        Box::new(ConstScoreQuery::new(any(ways), COMPLETION))
    }

    fn term(&self, field: Field, text: &str, boost: f32) -> BoxQuery {
        let term = Term::from_field_text(field, text);
        let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
        Box::new(BoostQuery::new(Box::new(query), boost))
    }
}

fn plain_term(field: Field, text: &str) -> BoxQuery {
    let term = Term::from_field_text(field, text);
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

/// Products with this facet term: the rarer it is, the more it scores.
pub(crate) fn scored_facet(fields: &Fields, term: &str) -> BoxQuery {
    plain_term(fields.facet, term)
}

/// Products with this word in their title.
pub(crate) fn titled(fields: &Fields, word: &str) -> BoxQuery {
    plain_term(fields.title, word)
}

/// Products with one of a facet's values; scores nothing.
pub(crate) fn facet(fields: &Fields, name: &str, values: &[String]) -> BoxQuery {
    let ways = values
        .iter()
        .map(|value| plain_term(fields.facet, &facets::term(name, value)));
    unscored(any(ways.collect()))
}

/// These products; scores nothing.
pub(crate) fn products(fields: &Fields, ids: &[ProductId]) -> BoxQuery {
    let ways = ids.iter().map(|id| -> BoxQuery {
        let key = document::key(fields, *id);
        Box::new(TermQuery::new(key, IndexRecordOption::Basic))
    });
    unscored(any(ways.collect()))
}

pub(crate) fn unscored(query: BoxQuery) -> BoxQuery {
    Box::new(ConstScoreQuery::new(query, 0.0))
}

/// Whatever one of them finds.
pub(crate) fn any(mut queries: Vec<BoxQuery>) -> BoxQuery {
    match queries.len() {
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::union(queries)),
    }
}

/// What all of them find.
pub(crate) fn all(mut queries: Vec<BoxQuery>) -> BoxQuery {
    match queries.len() {
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::intersection(queries)),
    }
}
