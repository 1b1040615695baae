//! Answers while the shopper types, and what is like a product. Counts nothing: pruned searches.

use stoa_contracts::catalog::ProductDocument;
use stoa_kernel::ProductId;
use tantivy::collector::{Count, TopDocs};
use tantivy::query::{BooleanQuery, BoostQuery, Occur};
use tantivy::{DocAddress, Result, Searcher};

use super::clauses::{self, BoxQuery, Mode, Speech};
use super::live::Live;
use super::schema::{ID_HIGH, ID_LOW};
use super::vocabulary::Word;
use crate::domain::facets::{self, CATEGORY, COLLECTION, TAG, TYPE, VENDOR};
use crate::domain::rules::Rules;

/// Completions of the last word that are looked at.
const COMPLETIONS_MAX: usize = 24;
/// Tags, collections and categories of a product that others are compared by.
const TRAITS_MAX: usize = 24;

const LIKE_TYPE: f32 = 3.0;
const LIKE_CATEGORY: f32 = 2.0;
const LIKE_COLLECTION: f32 = 2.0;
const LIKE_TAG: f32 = 1.5;
const LIKE_VENDOR: f32 = 1.0;
const LIKE_TITLE: f32 = 1.0;

#[derive(Debug, Clone, Default)]
pub(crate) struct Offered {
    pub(crate) queries: Vec<String>,
    pub(crate) products: Vec<ProductId>,
}

pub(crate) fn suggest(
    live: &Live,
    text: &str,
    tongues: Vec<usize>,
    rules: &Rules,
    limit: usize,
) -> Result<Offered> {
    let searcher = live.searcher();
    let speech = Speech {
        searcher: &searcher,
        fields: &live.fields,
        analyses: live.index.tokenizers(),
        tongues,
        rules,
    };
    let typed = clauses::words(speech.analyses, text);
    let Some((last, before)) = typed.split_last() else {
        return Ok(Offered::default());
    };
    let mut required: Vec<BoxQuery> = Vec::with_capacity(typed.len());
    let mut spelled = Vec::with_capacity(typed.len());
    for word in before {
        let (query, meant) = speech.word(word, false, Mode::Strict, false)?;
        required.push(query);
        spelled.push(meant.unwrap_or_else(|| word.plain.clone()));
    }
    let mut ends = speech.completions(&last.plain, COMPLETIONS_MAX)?;
    let own = own_word(&speech, &last.plain)?;
    ends.splice(0..0, own);
    if ends.is_empty() {
        ends = speech.neighbours(&last.plain, true)?;
    }
    let mut queries = Vec::new();
    for end in &ends {
        if queries.len() >= limit {
            break;
        }
        if is_found(&searcher, &speech, &required, end)? {
            let words = spelled.iter().map(String::as_str);
            let query: Vec<&str> = words.chain([end.text.as_str()]).collect();
            queries.push(query.join(" "));
        }
    }
    let mut ways = vec![speech.completed(&ends)];
    ways.push(speech.word(last, false, Mode::Strict, true)?.0);
    required.push(clauses::any(ways));
    let products = best(&searcher, &clauses::all(required), limit)?;
    Ok(Offered { queries, products })
}

/// What was typed, where it is a word already.
fn own_word(speech: &Speech<'_>, typed: &str) -> Result<Option<Word>> {
    let mut products = 0;
    for field in [speech.fields.title, speech.fields.meta] {
        products += super::vocabulary::products_with(speech.searcher, field, typed)?;
    }
    let text = typed.to_owned();
    Ok((products > 0).then_some(Word { text, products }))
}

/// Whether a product has the words before and this end of the last one.
fn is_found(
    searcher: &Searcher,
    speech: &Speech<'_>,
    before: &[BoxQuery],
    end: &Word,
) -> Result<bool> {
    if before.is_empty() {
        return Ok(true);
    }
    let mut parts: Vec<BoxQuery> = before.iter().map(|query| query.box_clone()).collect();
    parts.push(speech.completed(std::slice::from_ref(end)));
    Ok(searcher.search(&clauses::all(parts), &Count)? > 0)
}

/// Others with the same traits.
pub(crate) fn similar(
    live: &Live,
    document: &ProductDocument,
    limit: usize,
) -> Result<Vec<ProductId>> {
    let searcher = live.searcher();
    let fields = &live.fields;
    let mut ways: Vec<(Occur, BoxQuery)> = Vec::new();
    let mut like = |query: BoxQuery, boost: f32| {
        ways.push((
            Occur::Should,
            Box::new(BoostQuery::new(query, boost)) as BoxQuery,
        ));
    };
    let traits = [
        (TYPE, document.product_type.as_slice(), LIKE_TYPE),
        (VENDOR, document.vendor.as_slice(), LIKE_VENDOR),
        (TAG, document.tags.as_slice(), LIKE_TAG),
        (COLLECTION, document.collections.as_slice(), LIKE_COLLECTION),
        (CATEGORY, document.categories.as_slice(), LIKE_CATEGORY),
    ];
    for (name, values, boost) in traits {
        for value in values.iter().take(TRAITS_MAX) {
            like(
                clauses::scored_facet(fields, &facets::term(name, value)),
                boost,
            );
        }
    }
    for word in clauses::words(live.index.tokenizers(), &document.title) {
        like(clauses::titled(fields, &word.plain), LIKE_TITLE);
    }
    let itself = clauses::products(fields, &[document.id]);
    ways.push((Occur::MustNot, itself));
    best(
        &searcher,
        &(Box::new(BooleanQuery::new(ways)) as BoxQuery),
        limit,
    )
}

fn best(searcher: &Searcher, query: &BoxQuery, limit: usize) -> Result<Vec<ProductId>> {
    let top = TopDocs::with_limit(limit.max(1)).order_by_score();
    let found = searcher.search(query, &top)?;
    found
        .into_iter()
        .map(|(_, at)| product_at(searcher, at))
        .collect()
}

fn product_at(searcher: &Searcher, at: DocAddress) -> Result<ProductId> {
    let columns = searcher.segment_reader(at.segment_ord).fast_fields();
    let high = columns.u64(ID_HIGH)?.first(at.doc_id).unwrap_or_default();
    let low = columns.u64(ID_LOW)?.first(at.doc_id).unwrap_or_default();
    Ok(ProductId::from_u128(
        (u128::from(high) << 64) | u128::from(low),
    ))
}
