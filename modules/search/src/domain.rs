//! What search knows without an index: languages, words, facets, and a merchant's own rules.

pub(crate) mod facets;
pub(crate) mod language;
pub(crate) mod rules;
pub(crate) mod words;
