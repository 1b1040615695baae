//! A product as its rows hold it: the JSON and search columns worked out once. Runs no statement.

use serde_json::to_string;
use stoa_contracts::catalog::{ProductInput, ProductKind, VariantInput};
use stoa_kernel::Timestamp;
use stoa_storage::Result;

use crate::domain::{Standing, content_hash, kind_word, search_text, status_word, variant_title};

/// The columns of `catalog_product` that follow from the input.
pub(crate) struct StoredProduct<'i> {
    pub(crate) input: &'i ProductInput,
    pub(crate) status: &'static str,
    pub(crate) set_status: Option<&'static str>,
    pub(crate) kind: &'static str,
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

/// Inputs know gift cards only; every other kind stays what it is.
const fn kind_after(kind: ProductKind, gift_card: bool) -> ProductKind {
    match (kind, gift_card) {
        (_, true) => ProductKind::GiftCard,
        (ProductKind::GiftCard, false) => ProductKind::Physical,
        (kind, false) => kind,
    }
}

impl<'i> StoredProduct<'i> {
    /// As its dates and its kind make it stand at `now`.
    pub(crate) fn stand(&mut self, standing: &Standing, now: Timestamp) {
        let shown = standing.shown(self.input.status, now);
        self.status = status_word(shown);
        self.set_status = (shown != self.input.status).then_some(status_word(self.input.status));
        self.kind = kind_word(kind_after(standing.kind, self.input.gift_card));
    }

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
            set_status: None,
            kind: kind_word(kind_after(ProductKind::Physical, input.gift_card)),
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
