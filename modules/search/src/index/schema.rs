//! The fields of an index and how their texts are cut into terms.

use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, JsonObjectOptions, NumericOptions, Schema,
    TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RAW_TOKENIZER_NAME, RawTokenizer, RemoveLongFilter, Stemmer,
    StopWordFilter, TextAnalyzer, TokenizerManager,
};

use crate::domain::language::TONGUES;
use crate::domain::words::Splitter;

/// Rises with every change of this file, of `document.rs` or of how words are cut: an index of
/// another version is built anew.
pub(crate) const VERSION: u32 = 1;

/// Longer words are no words.
const WORD_BYTES_MAX: usize = 40;

/// Words as they are, in lower case, without accents.
pub(crate) const PLAIN: &str = "plain";
/// As [`PLAIN`], with accents: what stems are made of.
pub(crate) const LOWER: &str = "lower";

/// Words of one language, reduced to their stems.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoken {
    pub(crate) title: Field,
    pub(crate) text: Field,
}

#[derive(Debug, Clone)]
pub(crate) struct Fields {
    /// The 16 bytes of the product's id, to find it by.
    pub(crate) id: Field,
    /// The same, to read it: the upper and the lower half.
    pub(crate) id_high: Field,
    pub(crate) id_low: Field,
    /// Titles in all languages, as they are.
    pub(crate) title: Field,
    /// Vendor, type and tags, as they are.
    pub(crate) meta: Field,
    /// SKUs and barcodes, whole.
    pub(crate) code: Field,
    /// See `domain::facets`.
    pub(crate) facet: Field,
    pub(crate) sort_title: Field,
    pub(crate) created: Field,
    /// Lowest price in minor units, by currency.
    pub(crate) price: Field,
    /// By place in [`TONGUES`].
    pub(crate) spoken: Vec<Spoken>,
}

pub(crate) const ID_HIGH: &str = "id_high";
pub(crate) const ID_LOW: &str = "id_low";
pub(crate) const FACET: &str = "facet";
pub(crate) const SORT_TITLE: &str = "sort_title";
pub(crate) const CREATED: &str = "created";
pub(crate) const PRICE: &str = "price";

pub(crate) fn build() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let number = || NumericOptions::default().set_fast();
    let text = |analysis: &str, record: IndexRecordOption, norms: bool| {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(analysis)
                .set_index_option(record)
                .set_fieldnorms(norms),
        )
    };
    let whole = || text(RAW_TOKENIZER_NAME, IndexRecordOption::Basic, false);
    let fields = Fields {
        id: builder.add_bytes_field("id", BytesOptions::default().set_indexed()),
        id_high: builder.add_u64_field(ID_HIGH, number()),
        id_low: builder.add_u64_field(ID_LOW, number()),
        title: builder.add_text_field("title", text(PLAIN, IndexRecordOption::WithFreqs, true)),
        meta: builder.add_text_field("meta", text(PLAIN, IndexRecordOption::WithFreqs, false)),
        code: builder.add_text_field("code", whole()),
        facet: builder.add_text_field(FACET, whole().set_fast(RAW_TOKENIZER_NAME)),
        sort_title: builder.add_text_field(
            SORT_TITLE,
            TextOptions::default().set_fast(RAW_TOKENIZER_NAME),
        ),
        created: builder.add_i64_field(CREATED, number()),
        price: builder.add_json_field(
            PRICE,
            JsonObjectOptions::default().set_fast(RAW_TOKENIZER_NAME),
        ),
        spoken: TONGUES
            .iter()
            .map(|(code, _)| Spoken {
                title: builder.add_text_field(
                    &format!("title_{code}"),
                    text(&stems(code), IndexRecordOption::WithFreqs, false),
                ),
                text: builder.add_text_field(
                    &format!("text_{code}"),
                    text(&telling(code), IndexRecordOption::WithFreqs, false),
                ),
            })
            .collect(),
    };
    (builder.build(), fields)
}

/// The name of the analysis to stems.
pub(crate) fn stems(code: &str) -> String {
    format!("stems_{code}")
}

/// As [`stems`], without words that tell nothing, such as "the".
pub(crate) fn telling(code: &str) -> String {
    format!("telling_{code}")
}

pub(crate) fn analyses() -> TokenizerManager {
    // Fields that are not cut into terms ask for the one named `default` all the same.
    let manager = TokenizerManager::default();
    let cut = || {
        TextAnalyzer::builder(Splitter)
            .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
            .filter(LowerCaser)
    };
    manager.register(RAW_TOKENIZER_NAME, RawTokenizer::default());
    manager.register(LOWER, cut().build());
    manager.register(PLAIN, cut().filter(AsciiFoldingFilter).build());
    for (code, language) in TONGUES {
        let stemmed = cut()
            .filter(Stemmer::new(language))
            .filter(AsciiFoldingFilter);
        manager.register(&stems(code), stemmed.build());
        let told = match StopWordFilter::new(language) {
            Some(stop) => cut()
                .filter(stop)
                .filter(Stemmer::new(language))
                .filter(AsciiFoldingFilter)
                .build(),
            None => cut()
                .filter(Stemmer::new(language))
                .filter(AsciiFoldingFilter)
                .build(),
        };
        manager.register(&telling(code), told);
    }
    manager
}

/// The terms of a text under one analysis.
pub(crate) fn terms(analyses: &TokenizerManager, analysis: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(mut analyzer) = analyses.get(analysis) {
        let mut stream = analyzer.token_stream(text);
        stream.process(&mut |token| found.push(token.text.clone()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_case_accents_and_endings() {
        let analyses = analyses();
        assert_eq!(terms(&analyses, PLAIN, "Crème Brûlée"), ["creme", "brulee"]);
        assert_eq!(
            terms(&analyses, &stems("en"), "Running Shoes"),
            ["run", "shoe"]
        );
        assert_eq!(terms(&analyses, &stems("de"), "Schuhe"), ["schuh"]);
        assert_eq!(terms(&analyses, &telling("en"), "the shoes"), ["shoe"]);
        assert_eq!(terms(&analyses, &stems("en"), "the shoes"), ["the", "shoe"]);
        assert_eq!(terms(&analyses, &telling("el"), "").len(), 0);
    }

    #[test]
    fn each_language_has_its_pair_of_fields() {
        let (schema, fields) = build();
        assert_eq!(schema.fields().count(), 10 + 2 * TONGUES.len());
        let german = fields.spoken[2];
        assert_eq!(schema.get_field_name(german.title), "title_de");
        assert_eq!(schema.get_field_name(german.text), "text_de");
    }
}
