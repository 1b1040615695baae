//! The rules of a product: bounds, matching options, what is searched. Never does IO.

mod attributes;
mod barcode;
mod bulk;
mod extras;
mod locale;
mod plain;
mod rule;
mod rules;
mod search;
mod tree;

pub(crate) use attributes::{
    AttributeRule, arranged, check_allowed, check_attribute_rules, check_attributes,
};
pub(crate) use barcode::{gtin_doubt, spellings};
pub(crate) use bulk::{
    BULK_ERRORS_MAX, BulkAction, BulkCandidate, BulkId, BulkRequest, check_bulk,
};
pub(crate) use extras::{
    Dates, Extras, Metadata, Standing, VariantExtras, check_extras, kind_of, kind_word,
};
pub(crate) use locale::{LOCALES_MAX, Locale, Translation, check_translation};
pub(crate) use plain::plain_text;
pub(crate) use rule::{
    CardFacts, CollectionDraft, CollectionSort, Facts, RULE_COLLECTIONS_MAX, Rule, Rules,
};
pub(crate) use rules::{Flaw, check_category, check_product, may_be_handle, slug_of};
pub(crate) use search::SearchWords;
pub(crate) use tree::{CATEGORIES_MAX, Category, CategoryId, Tree};

use sha2::{Digest as _, Sha256};
use stoa_contracts::catalog::{ProductInput, ProductStatus};

pub(crate) const OPTIONS_MAX: usize = 3;
pub(crate) const VARIANTS_MAX: usize = 2_000;
pub(crate) const TAGS_MAX: usize = 250;
pub(crate) const MEDIA_MAX: usize = 250;
/// Handles, titles, names, tags, SKUs: anything of one line.
pub(crate) const LINE_CHARS_MAX: usize = 255;
pub(crate) const DESCRIPTION_BYTES_MAX: usize = 256 * 1024;
pub(crate) const COLLECTIONS_MAX: usize = 1_000;
pub(crate) const COLLECTION_PRODUCTS_MAX: usize = 5_000;

/// What a variant is called: its option values, or `Default` where there are none.
pub(crate) fn variant_title(option_values: &[String]) -> String {
    match option_values {
        [] => "Default".to_owned(),
        values => values.join(" / "),
    }
}

/// What searches look through: title and tags in small letters, one per line, so that no word
/// runs from one tag into the next.
pub(crate) fn search_text(title: &str, tags: &[String]) -> String {
    let mut text = title.to_lowercase();
    for tag in tags {
        text.push('\n');
        text.push_str(&tag.to_lowercase());
    }
    text
}

pub(crate) const fn status_word(status: ProductStatus) -> &'static str {
    match status {
        ProductStatus::Draft => "draft",
        ProductStatus::Active => "active",
        ProductStatus::Archived => "archived",
    }
}

pub(crate) fn status_of(word: &str) -> Option<ProductStatus> {
    match word {
        "draft" => Some(ProductStatus::Draft),
        "active" => Some(ProductStatus::Active),
        "archived" => Some(ProductStatus::Archived),
        _ => None,
    }
}

/// Equal for two inputs exactly where they are equal: an import compares it instead of every row.
pub(crate) fn content_hash(input: &ProductInput) -> [u8; 32] {
    // Named one by one: a field added to the input without being hashed does not compile.
    let ProductInput {
        handle,
        title,
        description_html,
        vendor,
        product_type,
        tags,
        status,
        options,
        variants,
        media,
        seo,
        gift_card,
        // Compared by themselves: an import without them must equal a product that has some.
        extras: _,
    } = input;
    let mut hash = FieldHash(Sha256::new());
    hash.text(handle);
    hash.text(title);
    hash.text(description_html);
    hash.optional(vendor.as_deref());
    hash.optional(product_type.as_deref());
    hash.texts(tags);
    hash.text(status_word(*status));
    hash.number(options.len() as i64);
    for option in options {
        hash.text(&option.name);
        hash.texts(&option.values);
    }
    hash.number(variants.len() as i64);
    for variant in variants {
        hash.texts(&variant.option_values);
        hash.optional(variant.sku.as_deref());
        hash.optional(variant.barcode.as_deref());
        hash.number(variant.grams);
        hash.number(i64::from(variant.requires_shipping));
        hash.number(i64::from(variant.taxable));
        hash.optional(variant.image.as_deref());
    }
    hash.number(media.len() as i64);
    for link in media {
        hash.text(&link.url);
        hash.text(&link.alt);
    }
    hash.optional(seo.title.as_deref());
    hash.optional(seo.description.as_deref());
    hash.number(i64::from(*gift_card));
    hash.0.finalize().into()
}

/// Lengths go in before texts, so that no two lists of fields run together.
struct FieldHash(Sha256);

impl FieldHash {
    fn number(&mut self, value: i64) {
        self.0.update(value.to_be_bytes());
    }
    fn text(&mut self, text: &str) {
        self.number(text.len() as i64);
        self.0.update(text.as_bytes());
    }
    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.number(-1),
        }
    }
    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as i64);
        texts.iter().for_each(|text| self.text(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_contracts::catalog::{Seo, VariantInput};

    fn tea() -> ProductInput {
        ProductInput {
            handle: "tea".into(),
            title: "Tea".into(),
            description_html: String::new(),
            vendor: None,
            product_type: None,
            tags: vec!["Green".into(), "Leaf".into()],
            status: ProductStatus::Active,
            options: Vec::new(),
            variants: vec![VariantInput {
                option_values: Vec::new(),
                sku: None,
                barcode: None,
                grams: 0,
                requires_shipping: true,
                taxable: true,
                image: None,
            }],
            media: Vec::new(),
            seo: Seo::default(),
            gift_card: false,
            extras: None,
        }
    }

    #[test]
    fn text_that_moves_between_fields_changes_the_hash() {
        let hash = content_hash(&tea());
        assert_eq!(hash, content_hash(&tea()));
        let mut moved = tea();
        moved.vendor = Some(String::new());
        assert_ne!(hash, content_hash(&moved));
        let mut joined = tea();
        joined.tags = vec!["GreenLeaf".into()];
        assert_ne!(hash, content_hash(&joined));
    }

    #[test]
    fn searches_see_small_letters_line_by_line() {
        assert_eq!(
            search_text("Grüner TEE", &["Bio".into()]),
            "grüner tee\nbio"
        );
        assert_eq!(variant_title(&[]), "Default");
        assert_eq!(variant_title(&["Red".into(), "L".into()]), "Red / L");
    }
}
