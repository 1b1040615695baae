//! What a product or a collection may hold, naming the field that breaks a rule. Never does IO.

use std::collections::HashSet;

use stoa_contracts::catalog::{CollectionInput, MediaLink, ProductInput, VariantInput};

use super::{
    COLLECTION_PRODUCTS_MAX, DESCRIPTION_BYTES_MAX, LINE_CHARS_MAX, MEDIA_MAX, OPTIONS_MAX,
    TAGS_MAX, VARIANTS_MAX,
};

const URL_BYTES_MAX: usize = 2_048;
/// A thousand tonnes.
const GRAMS_MAX: i64 = 1_000_000_000;
const SEO_DESCRIPTION_CHARS_MAX: usize = 1_000;

/// A broken rule: which field, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub(crate) struct Flaw {
    pub(crate) field: String,
    pub(crate) reason: String,
}

impl Flaw {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

pub(crate) fn check_product(input: &ProductInput) -> Result<(), Flaw> {
    handle("handle", &input.handle)?;
    line("title", &input.title)?;
    description(&input.description_html)?;
    optional_line("vendor", input.vendor.as_deref())?;
    optional_line("product_type", input.product_type.as_deref())?;
    at_most("tags", input.tags.len(), TAGS_MAX)?;
    for (index, tag) in input.tags.iter().enumerate() {
        line(format!("tags[{index}]"), tag)?;
    }
    at_most("media", input.media.len(), MEDIA_MAX)?;
    for (index, link) in input.media.iter().enumerate() {
        media(&format!("media[{index}]"), link)?;
    }
    optional_line("seo.title", input.seo.title.as_deref())?;
    let seo = input.seo.description.as_deref().unwrap_or_default();
    if seo.chars().count() > SEO_DESCRIPTION_CHARS_MAX || seo.contains('\0') {
        let reason = format!("is at most {SEO_DESCRIPTION_CHARS_MAX} characters");
        return Err(Flaw::new("seo.description", reason));
    }
    options(input)?;
    variants(input)
}

pub(crate) fn check_collection(input: &CollectionInput) -> Result<(), Flaw> {
    handle("handle", &input.handle)?;
    line("title", &input.title)?;
    description(&input.description_html)?;
    if let Some(image) = &input.image {
        media("image", image)?;
    }
    at_most("products", input.products.len(), COLLECTION_PRODUCTS_MAX)?;
    let mut seen = HashSet::new();
    for (index, handle) in input.products.iter().enumerate() {
        if !seen.insert(handle) {
            return Err(Flaw::new(
                format!("products[{index}]"),
                "is in the list twice",
            ));
        }
    }
    Ok(())
}

pub(crate) fn check_category(text: &str, title: &str) -> Result<(), Flaw> {
    handle("handle", text)?;
    line("title", title)
}

/// A handle made of a title: `Green Tea, 100 g` becomes `green-tea-100-g`. Empty where nothing of
/// the title can stand in a handle.
pub(crate) fn slug_of(title: &str) -> String {
    let mut slug = String::new();
    for letter in title.to_lowercase().chars().take(LINE_CHARS_MAX) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

fn options(input: &ProductInput) -> Result<(), Flaw> {
    at_most("options", input.options.len(), OPTIONS_MAX)?;
    let mut names = HashSet::new();
    for (index, option) in input.options.iter().enumerate() {
        let field = format!("options[{index}]");
        line(format!("{field}.name"), &option.name)?;
        if !names.insert(option.name.to_lowercase()) {
            return Err(Flaw::new(format!("{field}.name"), "is an option already"));
        }
        at_most(format!("{field}.values"), option.values.len(), VARIANTS_MAX)?;
        if option.values.is_empty() {
            return Err(Flaw::new(
                format!("{field}.values"),
                "must hold at least one value",
            ));
        }
        let mut values = HashSet::new();
        for (place, value) in option.values.iter().enumerate() {
            line(format!("{field}.values[{place}]"), value)?;
            if !values.insert(value) {
                return Err(Flaw::new(
                    format!("{field}.values[{place}]"),
                    "is in the list twice",
                ));
            }
        }
    }
    Ok(())
}

fn variants(input: &ProductInput) -> Result<(), Flaw> {
    if input.variants.is_empty() {
        return Err(Flaw::new("variants", "must hold at least one variant"));
    }
    at_most("variants", input.variants.len(), VARIANTS_MAX)?;
    let allowed: Vec<HashSet<&str>> = input
        .options
        .iter()
        .map(|option| option.values.iter().map(String::as_str).collect())
        .collect();
    let mut seen = HashSet::new();
    for (index, each) in input.variants.iter().enumerate() {
        let field = format!("variants[{index}]");
        variant(&field, each)?;
        let values_field = format!("{field}.option_values");
        if each.option_values.len() != allowed.len() {
            let reason = format!("must hold one value per option ({})", allowed.len());
            return Err(Flaw::new(values_field, reason));
        }
        for (place, (value, allowed)) in each.option_values.iter().zip(&allowed).enumerate() {
            if !allowed.contains(value.as_str()) {
                let field = format!("{values_field}[{place}]");
                return Err(Flaw::new(field, "is not a value of its option"));
            }
        }
        if !seen.insert(&each.option_values) {
            return Err(Flaw::new(
                values_field,
                "belongs to another variant already",
            ));
        }
    }
    Ok(())
}

fn variant(field: &str, variant: &VariantInput) -> Result<(), Flaw> {
    optional_line(&format!("{field}.sku"), variant.sku.as_deref())?;
    optional_line(&format!("{field}.barcode"), variant.barcode.as_deref())?;
    if !(0..=GRAMS_MAX).contains(&variant.grams) {
        return Err(Flaw::new(
            format!("{field}.grams"),
            format!("is 0 to {GRAMS_MAX}"),
        ));
    }
    match &variant.image {
        Some(image) => url(&format!("{field}.image"), image),
        None => Ok(()),
    }
}

pub(crate) fn may_be_handle(handle: &str) -> bool {
    // Letters of any script: shops import what their customers read.
    let fits = |letter: char| {
        letter == '-' || (letter.is_alphanumeric() && letter.to_lowercase().eq([letter]))
    };
    (1..=LINE_CHARS_MAX).contains(&handle.chars().count()) && handle.chars().all(fits)
}

fn handle(field: &str, handle: &str) -> Result<(), Flaw> {
    if !may_be_handle(handle) {
        let reason = format!("is 1 to {LINE_CHARS_MAX} lower-case letters, digits and -");
        return Err(Flaw::new(field, reason));
    }
    Ok(())
}

pub(super) fn line(field: impl Into<String>, text: &str) -> Result<(), Flaw> {
    let length = text.chars().count();
    if !(1..=LINE_CHARS_MAX).contains(&length) || text.trim().is_empty() {
        return Err(Flaw::new(
            field,
            format!("is 1 to {LINE_CHARS_MAX} characters"),
        ));
    }
    if text.contains('\0') {
        return Err(Flaw::new(field, "holds a zero byte"));
    }
    Ok(())
}

fn optional_line(field: &str, text: Option<&str>) -> Result<(), Flaw> {
    let text = text.unwrap_or_default();
    if text.chars().count() > LINE_CHARS_MAX || text.contains('\0') {
        return Err(Flaw::new(
            field,
            format!("is at most {LINE_CHARS_MAX} characters"),
        ));
    }
    Ok(())
}

fn description(html: &str) -> Result<(), Flaw> {
    if html.len() > DESCRIPTION_BYTES_MAX {
        let reason = format!("is at most {DESCRIPTION_BYTES_MAX} bytes");
        return Err(Flaw::new("description_html", reason));
    }
    if html.contains('\0') {
        return Err(Flaw::new("description_html", "holds a zero byte"));
    }
    Ok(())
}

fn media(field: &str, link: &MediaLink) -> Result<(), Flaw> {
    url(&format!("{field}.url"), &link.url)?;
    if link.alt.chars().count() > SEO_DESCRIPTION_CHARS_MAX || link.alt.contains('\0') {
        let reason = format!("is at most {SEO_DESCRIPTION_CHARS_MAX} characters");
        return Err(Flaw::new(format!("{field}.alt"), reason));
    }
    Ok(())
}

/// Only what a browser fetches: `javascript:` and `data:` never reach a page.
fn url(field: &str, url: &str) -> Result<(), Flaw> {
    let fetched = url.starts_with("https://")
        || url.starts_with("http://")
        || (url.starts_with('/') && !url.starts_with("//"));
    let plain = !url
        .chars()
        .any(|letter| letter.is_control() || letter.is_whitespace());
    if !fetched || !plain || url.len() > URL_BYTES_MAX {
        let reason = format!("is an http(s) URL or a path, at most {URL_BYTES_MAX} bytes");
        return Err(Flaw::new(field, reason));
    }
    Ok(())
}

/// Where a file that is sold lies: never a path of this server.
pub(super) fn file_url(field: &str, file: &str) -> Result<(), Flaw> {
    match file.strip_prefix("media:") {
        Some(id) => line(field, id),
        None if file.starts_with('/') => {
            Err(Flaw::new(field, "is an http(s) URL or `media:` and an id"))
        }
        None => url(field, file),
    }
}

fn at_most(field: impl Into<String>, count: usize, max: usize) -> Result<(), Flaw> {
    match count <= max {
        true => Ok(()),
        false => Err(Flaw::new(field, format!("holds at most {max} entries"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_contracts::catalog::{ProductOption, ProductStatus, Seo};

    fn shirt() -> ProductInput {
        let variant = |size: &str| VariantInput {
            option_values: vec![size.to_owned()],
            sku: None,
            barcode: None,
            grams: 200,
            requires_shipping: true,
            taxable: true,
            image: Some("/media/shirt.svg".into()),
        };
        ProductInput {
            handle: "shirt".into(),
            title: "Shirt".into(),
            description_html: "<p>Cotton</p>".into(),
            vendor: Some("Stoa".into()),
            product_type: None,
            tags: vec!["cotton".into()],
            status: ProductStatus::Active,
            options: vec![ProductOption {
                name: "Size".into(),
                values: vec!["S".into(), "L".into()],
            }],
            variants: vec![variant("S"), variant("L")],
            media: vec![MediaLink {
                url: "https://example.com/a.jpg".into(),
                alt: String::new(),
            }],
            seo: Seo::default(),
            gift_card: false,
            extras: None,
        }
    }

    fn field_of(change: impl FnOnce(&mut ProductInput)) -> Option<String> {
        let mut input = shirt();
        change(&mut input);
        check_product(&input).err().map(|flaw| flaw.field)
    }

    #[test]
    fn each_broken_rule_names_its_field() {
        assert_eq!(check_product(&shirt()), Ok(()));
        type Change = fn(&mut ProductInput);
        let cases: [(&str, Change); 15] = [
            ("handle", |p| p.handle = "Shirt".into()),
            ("handle", |p| p.handle = "a".repeat(256)),
            ("handle", |p| p.handle = "a/b".into()),
            ("title", |p| p.title = " ".into()),
            ("tags", |p| p.tags = vec!["t".into(); 251]),
            ("tags[0]", |p| p.tags = vec![String::new()]),
            ("options", |p| p.options = vec![p.options[0].clone(); 4]),
            ("options[1].name", |p| p.options.push(p.options[0].clone())),
            ("options[0].values[1]", |p| {
                p.options[0].values[1] = "S".into()
            }),
            ("variants", |p| p.variants.clear()),
            ("variants[1].option_values", |p| {
                p.variants[1].option_values.clear()
            }),
            ("variants[1].option_values[0]", |p| {
                p.variants[1].option_values[0] = "XL".into()
            }),
            ("variants[1].option_values", |p| {
                p.variants[1].option_values[0] = "S".into()
            }),
            ("variants[0].grams", |p| p.variants[0].grams = -1),
            ("media[0].url", |p| {
                p.media[0].url = "javascript:alert(1)".into()
            }),
        ];
        for (field, change) in cases {
            assert_eq!(field_of(change).as_deref(), Some(field));
        }
        assert_eq!(
            field_of(|p| p.variants[0].image = Some("//evil".into())).as_deref(),
            Some("variants[0].image")
        );
        assert_eq!(
            field_of(|p| p.variants = vec![p.variants[0].clone(); 2_001]).as_deref(),
            Some("variants")
        );
    }

    #[test]
    fn titles_become_handles() {
        assert_eq!(slug_of("Green Tea, 100 g!"), "green-tea-100-g");
        assert_eq!(slug_of("Grüner Tee 茶"), "grüner-tee-茶");
        assert_eq!(slug_of("!?"), "");
        assert_eq!(slug_of(&"x ".repeat(400)).len(), 255);
    }
}
