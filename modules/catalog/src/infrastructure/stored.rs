//! A product as its rows hold it: the JSON and search columns worked out once. Runs no statement.

use serde_json::to_string;
use stoa_contracts::catalog::{ProductInput, VariantInput};
use stoa_storage::Result;

use crate::domain::{content_hash, search_text, status_word, variant_title};

/// The columns of `catalog_product` that follow from the input.
pub(crate) struct StoredProduct<'i> {
    pub(crate) input: &'i ProductInput,
    pub(crate) status: &'static str,
    pub(crate) content_hash: [u8; 32],
    pub(crate) title_lower: String,
    pub(crate) search_text: String,
    pub(crate) image: Option<String>,
    pub(crate) tags: String,
    pub(crate) options: String,
    pub(crate) seo: String,
    pub(crate) media: String,
    pub(crate) variants: Vec<StoredVariant<'i>>,
}

/// The columns of `catalog_variant` that follow from the input.
pub(crate) struct StoredVariant<'i> {
    pub(crate) input: &'i VariantInput,
    pub(crate) position: i64,
    pub(crate) title: String,
    pub(crate) option_values: String,
}

impl<'i> StoredProduct<'i> {
    pub(crate) fn of(input: &'i ProductInput) -> Result<Self> {
        let variant = |(position, input): (usize, &'i VariantInput)| {
            Ok(StoredVariant {
                input,
                position: position as i64,
                title: variant_title(&input.option_values),
                option_values: to_string(&input.option_values)?,
            })
        };
        Ok(Self {
            input,
            status: status_word(input.status),
            content_hash: content_hash(input),
            title_lower: input.title.to_lowercase(),
            search_text: search_text(&input.title, &input.tags),
            image: input.media.first().map(to_string).transpose()?,
            tags: to_string(&input.tags)?,
            options: to_string(&input.options)?,
            seo: to_string(&input.seo)?,
            media: to_string(&input.media)?,
            variants: input
                .variants
                .iter()
                .enumerate()
                .map(variant)
                .collect::<Result<_>>()?,
        })
    }
}
