//! A product as the index holds it.

use std::collections::BTreeMap;

use stoa_contracts::catalog::ProductDocument;
use stoa_kernel::ProductId;
use tantivy::TantivyDocument;
use tantivy::schema::OwnedValue;
use tantivy::schema::Term;

use super::schema::Fields;
use crate::domain::facets;
use crate::domain::language::tongue_of;

/// Titles sort by so many of their bytes.
pub(crate) const SORT_BYTES_MAX: usize = 128;
/// Languages of one product.
const TRANSLATIONS_MAX: usize = 64;
/// Currencies of one product.
const CURRENCIES_MAX: usize = 200;
/// SKUs and barcodes of one product.
const CODES_MAX: usize = 4_000;

/// `home` is the place in `TONGUES` of the language of texts that are no translations.
pub(crate) fn of(
    fields: &Fields,
    document: &ProductDocument,
    home: Option<usize>,
) -> TantivyDocument {
    let mut made = TantivyDocument::new();
    let bits = document.id.as_u128();
    made.add_bytes(fields.id, &document.id.to_bytes());
    made.add_u64(fields.id_high, (bits >> 64) as u64);
    made.add_u64(fields.id_low, bits as u64);
    made.add_text(fields.title, &document.title);
    made.add_text(fields.sort_title, sort_title(&document.title));
    made.add_i64(fields.created, document.created_at.micros());
    let words = document
        .vendor
        .iter()
        .chain(&document.product_type)
        .chain(&document.tags);
    words.for_each(|word| made.add_text(fields.meta, word));
    let codes = document.skus.iter().chain(&document.barcodes);
    codes
        .take(CODES_MAX)
        .for_each(|each| made.add_text(fields.code, code(each)));
    for term in facets::terms_of(document) {
        made.add_text(fields.facet, term);
    }
    let prices: BTreeMap<String, OwnedValue> = document
        .prices
        .iter()
        .take(CURRENCIES_MAX)
        .map(|(lowest, _)| {
            let currency = lowest.currency.as_str().to_owned();
            (currency, OwnedValue::I64(lowest.amount))
        })
        .collect();
    if !prices.is_empty() {
        made.add_object(fields.price, prices);
    }
    if let Some(home) = home {
        made.add_text(fields.spoken[home].title, &document.title);
        made.add_text(fields.spoken[home].text, &document.description);
    }
    for translation in document.translations.iter().take(TRANSLATIONS_MAX) {
        made.add_text(fields.title, &translation.title);
        if let Some(tongue) = tongue_of(&translation.locale) {
            made.add_text(fields.spoken[tongue].title, &translation.title);
            made.add_text(fields.spoken[tongue].text, &translation.description);
        }
    }
    made
}

/// The term that names a product.
pub(crate) fn key(fields: &Fields, product: ProductId) -> Term {
    Term::from_field_bytes(fields.id, &product.to_bytes())
}

/// A SKU or barcode as it is compared.
pub(crate) fn code(text: &str) -> String {
    facets::cut(text.trim(), facets::TEXT_BYTES_MAX).to_lowercase()
}

/// A title as it is sorted.
pub(crate) fn sort_title(title: &str) -> String {
    let lower = title.trim().to_lowercase();
    facets::cut(&lower, SORT_BYTES_MAX).to_owned()
}
