//! Collected variants and pictures put together into one product, and held against each other.

use std::collections::{HashMap, HashSet};

use super::OPTIONS_PER_PRODUCT_MAX;
use super::draft::{ImageDraft, OptionDraft, RowIssue, Severity, VariantDraft};
use super::{IMAGES_PER_PRODUCT_MAX, cell};

/// A variant with the values of all three option columns.
pub(super) struct RawVariant {
    pub(super) values: [String; OPTIONS_PER_PRODUCT_MAX],
    pub(super) variant: VariantDraft,
}

/// What the three options are called, and the columns their values stand in.
pub(super) struct Names {
    pub(super) names: [String; OPTIONS_PER_PRODUCT_MAX],
    pub(super) columns: [String; OPTIONS_PER_PRODUCT_MAX],
}

pub(super) struct RawImage {
    pub(super) url: String,
    pub(super) alt: String,
    pub(super) position: Option<i64>,
}

type Parts = (Vec<OptionDraft>, Vec<VariantDraft>, Vec<ImageDraft>);

/// Options, variants and pictures in their final form, or all that is wrong with them.
pub(super) fn assemble(
    names: Names,
    variants: Vec<RawVariant>,
    images: Vec<RawImage>,
    continues: bool,
) -> Result<Parts, Vec<RowIssue>> {
    let images = order_images(images, &variants)?;
    if is_default(&names.names, &variants) {
        let variants = variants.into_iter().map(|raw| raw.variant).collect();
        return Ok((Vec::new(), variants, images));
    }
    let used: Vec<usize> = (0..OPTIONS_PER_PRODUCT_MAX)
        .filter(|&index| variants.iter().any(|raw| !raw.values[index].is_empty()))
        .collect();
    let issues = check_values(&names, &variants, &used, continues);
    if !issues.is_empty() {
        return Err(issues);
    }
    let options = used
        .iter()
        .map(|&index| option(&names.names[index], index, &variants))
        .collect();
    let variants = variants
        .into_iter()
        .map(|raw| with_values(raw, &used))
        .collect();
    Ok((options, variants, images))
}

/// Shopify writes a product without options as one option `Title` with one value `Default Title`.
fn is_default(names: &[String; OPTIONS_PER_PRODUCT_MAX], variants: &[RawVariant]) -> bool {
    let [raw] = variants else { return false };
    let [first, second, third] = &raw.values;
    let named = names[0].is_empty() || names[0].eq_ignore_ascii_case("title");
    named && first.eq_ignore_ascii_case("default title") && second.is_empty() && third.is_empty()
}

/// Every used option has a name, every variant a value for it, and no two variants are the same.
fn check_values(
    Names { names, columns }: &Names,
    variants: &[RawVariant],
    used: &[usize],
    continues: bool,
) -> Vec<RowIssue> {
    let mut issues = Vec::new();
    let mut lines: HashMap<Vec<String>, u64> = HashMap::new();
    for raw in variants {
        let line = raw.variant.line;
        let issue = |index: usize, value: &str, reason: String| RowIssue {
            line,
            column: Some(columns[index].clone()),
            value_excerpt: cell::excerpt(value),
            reason,
            severity: Severity::Error,
        };
        let mut complete = true;
        for &index in used {
            let value = &raw.values[index];
            if value.is_empty() {
                complete = false;
                let reason = format!("a variant needs a value for `{}`", names[index]);
                issues.push(issue(index, value, reason));
            } else if names[index].is_empty() && !continues {
                complete = false;
                let reason = "a value for an option that no row names".to_owned();
                issues.push(issue(index, value, reason));
            }
        }
        let key: Vec<_> = used
            .iter()
            .map(|&index| raw.values[index].to_lowercase())
            .collect();
        if complete && let Some(earlier) = lines.insert(key, line) {
            let reason = format!("the same variant as in line {earlier}");
            let index = used.first().copied().unwrap_or_default();
            issues.push(issue(index, &raw.values[index], reason));
        }
    }
    issues
}

fn option(name: &str, index: usize, variants: &[RawVariant]) -> OptionDraft {
    let mut seen = HashSet::new();
    let values = variants
        .iter()
        .map(|raw| &raw.values[index])
        .filter(|value| seen.insert(value.as_str()))
        .cloned()
        .collect();
    OptionDraft {
        name: name.to_owned(),
        values,
    }
}

fn with_values(raw: RawVariant, used: &[usize]) -> VariantDraft {
    let mut values = raw.values;
    let option_values = used
        .iter()
        .map(|&index| std::mem::take(&mut values[index]))
        .collect();
    VariantDraft {
        option_values,
        ..raw.variant
    }
}

/// By position where the file gives one, in the file's order otherwise; pictures that only a
/// variant names come last.
fn order_images(
    mut images: Vec<RawImage>,
    variants: &[RawVariant],
) -> Result<Vec<ImageDraft>, Vec<RowIssue>> {
    images.sort_by_key(|image| image.position.unwrap_or(i64::MAX));
    let mut known: HashSet<String> = images.iter().map(|image| image.url.clone()).collect();
    for raw in variants {
        let Some(url) = &raw.variant.image_url else {
            continue;
        };
        if known.insert(url.clone()) {
            if images.len() >= IMAGES_PER_PRODUCT_MAX {
                return Err(vec![RowIssue {
                    line: raw.variant.line,
                    column: None,
                    value_excerpt: cell::excerpt(url),
                    reason: format!("more than {IMAGES_PER_PRODUCT_MAX} pictures in one product"),
                    severity: Severity::Error,
                }]);
            }
            images.push(RawImage {
                url: url.clone(),
                alt: String::new(),
                position: None,
            });
        }
    }
    Ok(images
        .into_iter()
        .enumerate()
        .map(|(index, image)| ImageDraft {
            url: image.url,
            alt: image.alt,
            position: index + 1,
        })
        .collect())
}
