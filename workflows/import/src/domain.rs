//! Drafts to what the modules are given, and parts of one product to a whole. Never does IO.

pub(crate) mod exact;

use std::collections::HashMap;

use stoa_contracts::catalog::{
    MediaLink, ProductExtras, ProductInput, ProductKind, ProductOption, ProductStatus, Seo,
    VariantInput,
};
use stoa_kernel::Money;

use crate::shopify::{
    DraftStatus, ExtrasDraft, ImageDraft, ProductDraft, RowIssue, Severity, StockPolicy,
    VariantDraft,
};

/// A product as catalog, pricing and inventory get it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Landing {
    pub(crate) input: ProductInput,
    /// One per variant of the input, in that order.
    pub(crate) offers: Vec<Offer>,
}

/// What a variant costs and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// `None`: it is not for sale in the shop's currency.
    pub(crate) price: Option<Money>,
    pub(crate) compare_at: Option<Money>,
    /// `None` where the file says nothing.
    pub(crate) quantity: Option<u32>,
    pub(crate) backorder: bool,
    /// In further currencies, each with the former price.
    pub(crate) prices: Vec<(Money, Option<Money>)>,
}

impl Landing {
    /// `None` for a continuation of a product that is not there.
    pub(crate) fn of(draft: ProductDraft) -> Option<Self> {
        let details = draft.details?;
        let offers = draft.variants.iter().map(Offer::of).collect();
        let mut extras = details.extras.map(extras);
        let components = draft.variants.iter().map(|each| &each.components);
        if let Some(extras) = &mut extras
            && components.clone().any(|parts| !parts.is_empty())
        {
            extras.components = components.cloned().collect();
        }
        let gift_card = match &extras {
            Some(extras) => extras.kind == ProductKind::GiftCard,
            None => details.gift_card,
        };
        let mut input = ProductInput {
            handle: draft.handle,
            title: details.title,
            description_html: details.description_html,
            vendor: filled(details.vendor),
            product_type: filled(details.product_type),
            tags: details.tags,
            status: match details.status {
                DraftStatus::Active => ProductStatus::Active,
                DraftStatus::Draft => ProductStatus::Draft,
                DraftStatus::Archived => ProductStatus::Archived,
            },
            options: draft
                .options
                .into_iter()
                .map(|option| ProductOption {
                    name: option.name,
                    values: option.values,
                })
                .collect(),
            variants: draft.variants.into_iter().map(variant).collect(),
            media: draft
                .images
                .into_iter()
                .map(|image| MediaLink {
                    url: image.url,
                    alt: image.alt,
                })
                .collect(),
            seo: Seo {
                title: filled(details.seo_title),
                description: filled(details.seo_description),
            },
            gift_card,
            extras: extras.map(Box::new),
        };
        exact::apply(&mut input, &details.exact);
        Some(Self { input, offers })
    }
}

impl Offer {
    fn of(variant: &VariantDraft) -> Self {
        // Exports repeat the price as the former one: nothing is struck through then.
        let struck = |price: Money, former: Option<Money>| {
            former.filter(|former| former.amount > price.amount)
        };
        let compare_at = variant
            .price
            .and_then(|price| struck(price, variant.compare_at));
        let prices = variant.prices.iter();
        let prices = prices.map(|&(price, former)| (price, struck(price, former)));
        let quantity = variant
            .quantity
            .map(|units| u32::try_from(units).unwrap_or_default());
        Self {
            price: variant.price,
            compare_at,
            quantity,
            // Neither counted nor tracked in the file: sold without counting, as the shop did.
            backorder: variant.policy == StockPolicy::Continue
                || (quantity.is_none() && !variant.inventory_tracked),
            prices: prices.collect(),
        }
    }
}

fn extras(draft: ExtrasDraft) -> ProductExtras {
    ProductExtras {
        kind: draft.kind,
        category: draft.category,
        attributes: draft.attributes,
        publish_at: draft.publish_at,
        unpublish_at: draft.unpublish_at,
        metadata: draft.metadata,
        components: Vec::new(),
    }
}

fn variant(draft: VariantDraft) -> VariantInput {
    VariantInput {
        option_values: draft.option_values,
        sku: filled(draft.sku),
        barcode: filled(draft.barcode),
        grams: draft.grams,
        requires_shipping: draft.requires_shipping,
        taxable: draft.taxable,
        image: draft.image_url,
    }
}

fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// All parts of one product in the file's order, as one; a part that does not fit is left out and
/// told. `None` where there are no parts.
pub(crate) fn join_parts(
    parts: impl IntoIterator<Item = ProductDraft>,
) -> Option<(ProductDraft, Vec<RowIssue>)> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next()?;
    let mut issues = Vec::new();
    for part in parts {
        let (line, handle) = (part.lines.first, part.handle.clone());
        if let Err(reason) = join(&mut whole, part) {
            issues.push(RowIssue {
                line,
                column: None,
                value_excerpt: handle,
                reason,
                severity: Severity::Error,
            });
        }
    }
    Some((whole, issues))
}

/// A variant with the option values of an earlier one replaces it.
fn join(whole: &mut ProductDraft, part: ProductDraft) -> Result<(), String> {
    fits(whole, &part)?;
    for (option, more) in whole.options.iter_mut().zip(part.options) {
        for value in more.values {
            if !option.values.contains(&value) {
                option.values.push(value);
            }
        }
    }
    let key = |variant: &VariantDraft| -> Vec<String> {
        let values = variant.option_values.iter();
        values.map(|value| value.to_lowercase()).collect()
    };
    let mut places: HashMap<_, _> = whole.variants.iter().map(key).zip(0_usize..).collect();
    for variant in part.variants {
        match places.get(&key(&variant)) {
            Some(&place) => {
                let option_values = std::mem::take(&mut whole.variants[place].option_values);
                whole.variants[place] = VariantDraft {
                    option_values,
                    ..variant
                };
            }
            None => {
                places.insert(key(&variant), whole.variants.len());
                whole.variants.push(variant);
            }
        }
    }
    for image in part.images {
        if whole.images.iter().all(|known| known.url != image.url) {
            let position = whole.images.len() + 1;
            whole.images.push(ImageDraft { position, ..image });
        }
    }
    whole.details = whole.details.take().or(part.details);
    whole.lines.last = part.lines.last;
    Ok(())
}

/// Pictures always fit; variants only where they have a value for each option, of the same name.
fn fits(whole: &ProductDraft, part: &ProductDraft) -> Result<(), String> {
    if part.variants.is_empty() {
        return Ok(());
    }
    let (had, has) = (whole.options.len(), part.options.len());
    if had != has {
        return Err(format!(
            "has values for {has} options where earlier rows of this product have {had}"
        ));
    }
    for (option, more) in whole.options.iter().zip(&part.options) {
        if !more.name.is_empty() && !more.name.eq_ignore_ascii_case(&option.name) {
            return Err(format!(
                "has the option `{}` where earlier rows of this product have `{}`",
                more.name, option.name
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::shopify::{LineRange, OptionDraft, ProductDetails};
    use stoa_kernel::Currency;

    fn tea(color: &str, amount: i64, line: u64) -> VariantDraft {
        VariantDraft {
            option_values: vec![color.to_owned()],
            sku: format!("T-{line}"),
            barcode: String::new(),
            price: Some(Money::new(amount, Currency::EUR)),
            compare_at: None,
            prices: Vec::new(),
            grams: 100,
            requires_shipping: true,
            taxable: true,
            inventory_tracked: true,
            quantity: Some(3),
            policy: StockPolicy::Deny,
            image_url: None,
            components: Vec::new(),
            line,
        }
    }

    fn part(name: &str, variants: Vec<VariantDraft>, image: &str) -> ProductDraft {
        let values = variants.iter().map(|v| v.option_values[0].clone());
        let lines = LineRange {
            first: variants[0].line,
            last: variants[0].line,
        };
        ProductDraft {
            handle: "tea".to_owned(),
            continues: name.is_empty(),
            details: (!name.is_empty()).then(|| ProductDetails {
                title: "Tea".to_owned(),
                description_html: String::new(),
                vendor: String::new(),
                product_type: String::new(),
                tags: Vec::new(),
                status: DraftStatus::Active,
                seo_title: String::new(),
                seo_description: String::new(),
                gift_card: false,
                extras: None,
                exact: BTreeMap::new(),
            }),
            options: vec![OptionDraft {
                name: name.to_owned(),
                values: values.collect(),
            }],
            variants,
            images: vec![ImageDraft {
                url: image.to_owned(),
                alt: String::new(),
                position: 1,
            }],
            lines,
        }
    }

    #[test]
    fn a_later_part_adds_its_variants_and_replaces_those_it_names_again() {
        let first = part(
            "Color",
            vec![tea("Red", 500, 2), tea("Green", 500, 3)],
            "/a",
        );
        let later = part("", vec![tea("GREEN", 700, 9), tea("Black", 900, 10)], "/b");
        let (whole, issues) = join_parts([first, later]).expect("two parts");
        assert_eq!(issues, []);
        let told: Vec<_> = whole
            .variants
            .iter()
            .map(|v| {
                (
                    v.option_values[0].as_str(),
                    v.price.map(|price| price.amount),
                    v.sku.as_str(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("Red", Some(500), "T-2"),
                ("Green", Some(700), "T-9"),
                ("Black", Some(900), "T-10")
            ]
        );
        assert_eq!(
            whole.images.iter().map(|i| i.position).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(whole.lines, LineRange { first: 2, last: 9 });
        let landing = Landing::of(whole).expect("the first part has a title");
        assert_eq!(landing.input.title, "Tea");
        assert_eq!(landing.offers.len(), 3);
    }

    #[test]
    fn a_part_with_other_options_is_left_out_and_told() {
        let first = part("Color", vec![tea("Red", 500, 2)], "/a");
        let other = part("Size", vec![tea("L", 700, 9)], "/b");
        let (whole, issues) = join_parts([first.clone(), other]).expect("two parts");
        assert_eq!(whole, first);
        assert_eq!(
            issues[0].reason,
            "has the option `Size` where earlier rows of this product have `Color`"
        );
        assert_eq!((issues[0].line, issues.len()), (9, 1));
        assert_eq!(Landing::of(part("", vec![tea("Red", 1, 2)], "/a")), None);
    }

    #[test]
    fn a_former_price_counts_only_above_the_price() {
        let mut variant = tea("Red", 500, 2);
        for (former, expected) in [(400, None), (500, None), (501, Some(501))] {
            variant.compare_at = Some(Money::new(former, Currency::EUR));
            let found = Offer::of(&variant).compare_at.map(|money| money.amount);
            assert_eq!(found, expected);
        }
    }
}
