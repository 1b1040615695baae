//! Texts that a plain cell of a file cannot carry as they are: with space at their ends, tags with a
//! comma, options in an order of their own. Never does IO.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use stoa_contracts::catalog::ProductInput;

use crate::sanitise;
use crate::shopify::{Exact, ExactText};

/// Enough to tell one text from another that somebody edited.
const DIGEST_BYTES: usize = 8;

/// Option values, SKU, barcode and picture.
type VariantTexts = (Vec<String>, Option<String>, Option<String>, Option<String>);

/// What of a product plain cells cannot carry, where a reader of them finds `read`.
pub(crate) fn differing(is: &ProductInput, read: &ProductInput) -> Exact {
    let mut exact = Exact::new();
    let read = face(read);
    for (name, is) in face(is) {
        if read.get(&name) != Some(&is) {
            let of = digest(read.get(&name).unwrap_or(&Value::Null));
            exact.insert(name, ExactText { of, is });
        }
    }
    exact
}

/// Puts texts as they are, where the plain cells still say what they said.
pub(crate) fn apply(input: &mut ProductInput, exact: &Exact) {
    if exact.is_empty() {
        return;
    }
    let read = face(input);
    for (name, text) in exact {
        let holds = read.get(name).is_some_and(|read| digest(read) == text.of);
        if holds {
            put(input, name, &text.is);
        }
    }
}

fn face(input: &ProductInput) -> Map<String, Value> {
    let variants: Vec<_> = input
        .variants
        .iter()
        .map(|variant| {
            (
                &variant.option_values,
                &variant.sku,
                &variant.barcode,
                &variant.image,
            )
        })
        .collect();
    [
        ("title", value(&input.title)),
        ("description_html", value(&input.description_html)),
        ("vendor", value(&input.vendor)),
        ("product_type", value(&input.product_type)),
        ("tags", value(&input.tags)),
        ("options", value(&input.options)),
        ("media", value(&input.media)),
        ("seo", value(&input.seo)),
        ("variants", value(&variants)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn value<T: Serialize>(text: &T) -> Value {
    serde_json::to_value(text).unwrap_or_default()
}

fn digest(value: &Value) -> String {
    let sum = Sha256::digest(value.to_string());
    hex::encode(&sum[..DIGEST_BYTES])
}

/// What has another shape than an export gives it is passed over.
fn put(input: &mut ProductInput, name: &str, is: &Value) {
    fn set<T: serde::de::DeserializeOwned>(place: &mut T, is: &Value) {
        if let Ok(is) = serde_json::from_value(is.clone()) {
            *place = is;
        }
    }
    match name {
        "title" => set(&mut input.title, is),
        "description_html" => {
            let text = is.as_str().unwrap_or_default();
            input.description_html = sanitise::description(text);
        }
        "vendor" => set(&mut input.vendor, is),
        "product_type" => set(&mut input.product_type, is),
        "tags" => set(&mut input.tags, is),
        "options" => set(&mut input.options, is),
        "media" => set(&mut input.media, is),
        "seo" => set(&mut input.seo, is),
        "variants" => {
            let mut texts: Vec<VariantTexts> = Vec::new();
            set(&mut texts, is);
            if texts.len() == input.variants.len() {
                for (variant, text) in input.variants.iter_mut().zip(texts) {
                    (
                        variant.option_values,
                        variant.sku,
                        variant.barcode,
                        variant.image,
                    ) = text;
                }
            }
        }
        _ => {}
    }
}
