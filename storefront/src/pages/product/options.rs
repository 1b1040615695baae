//! The options of a product and what can be had of each. Decides nothing.

use std::collections::BTreeSet;

use stoa_contracts::catalog::{ProductView as Product, VariantView as Variant};

use super::{OPTION_FIELDS, anchor};
use crate::pages::shown::{Lens, THUMB_WIDTH_MAX};
use crate::present::{availability, compare_at, money, saving};
use crate::views::{OptionValue, ProductOption, VariantChoice};
use crate::words::say;

/// Values that are laid out; more than these are a select.
pub(super) const CHOICES_MAX: usize = 12;

pub(super) fn sellable(variant: &Variant) -> bool {
    variant.available && variant.price.is_some()
}

/// By option: the values that cannot be bought with the other values chosen.
pub(super) fn missing_values(product: &Product, chosen: &[String]) -> Vec<Vec<String>> {
    let options = product.options.iter().enumerate();
    options
        .map(|(at, option)| {
            let fits = |variant: &&Variant| {
                let mut values = variant.option_values.iter().zip(chosen).enumerate();
                sellable(variant) && values.all(|(place, (own, asked))| place == at || own == asked)
            };
            let had: BTreeSet<&str> = product
                .variants
                .iter()
                .filter(fits)
                .filter_map(|variant| variant.option_values.get(at).map(String::as_str))
                .collect();
            let values = option.values.iter();
            values
                .filter(|value| !had.contains(value.as_str()))
                .cloned()
                .collect()
        })
        .collect()
}

pub(super) fn choice(lens: Lens<'_>, product: &Product, variant: &Variant) -> VariantChoice {
    let (availability, mut availability_label) = availability(sellable(variant), None);
    if variant.price.is_none() {
        availability_label = say("Not available");
    }
    let was = variant.compare_at_price;
    let image = variant.image.as_ref();
    VariantChoice {
        id: variant.id.to_string(),
        options: variant.option_values.clone(),
        price: variant.price.map_or_else(|| lens.no_price(), money),
        compare_at: variant.price.and_then(|price| compare_at(price, was)),
        saving: variant.price.and_then(|price| saving(price, was)),
        availability,
        availability_label,
        image_anchor: image
            .and_then(|url| product.media.iter().position(|media| media.url == *url))
            .map(anchor),
    }
}

pub(super) fn options(lens: Lens<'_>, product: &Product, chosen: &[String]) -> Vec<ProductOption> {
    let pictured = pictured_option(product);
    let named = product.options.iter().zip(OPTION_FIELDS).enumerate();
    named
        .map(|(at, (option, field))| ProductOption {
            name: option.name.clone(),
            field,
            pictured: pictured == Some(at),
            long: pictured != Some(at) && option.values.len() > CHOICES_MAX,
            values: option
                .values
                .iter()
                .map(|value| OptionValue {
                    value: value.clone(),
                    selected: chosen.get(at) == Some(value),
                    available: with_value(product, at, value).any(sellable),
                    image: if pictured == Some(at) {
                        with_value(product, at, value)
                            .find_map(|variant| variant.image.as_deref())
                            .map(|url| lens.picture(url, "", THUMB_WIDTH_MAX))
                    } else {
                        None
                    },
                })
                .collect(),
        })
        .collect()
}

fn with_value<'p>(
    product: &'p Product,
    at: usize,
    value: &'p str,
) -> impl Iterator<Item = &'p Variant> {
    let has = move |variant: &&Variant| {
        variant
            .option_values
            .get(at)
            .is_some_and(|own| own == value)
    };
    product.variants.iter().filter(has)
}

/// The first option whose values each have one picture of their own.
fn pictured_option(product: &Product) -> Option<usize> {
    (0..product.options.len()).find(|&at| {
        let values = &product.options[at].values;
        let images = values.iter().map(|value| {
            let own: BTreeSet<_> = with_value(product, at, value)
                .map(|variant| variant.image.as_deref())
                .collect();
            (own.len() == 1)
                .then(|| own.into_iter().next().flatten())
                .flatten()
        });
        let images: BTreeSet<_> = images.collect();
        values.len() > 1 && images.len() == values.len() && !images.contains(&None)
    })
}
