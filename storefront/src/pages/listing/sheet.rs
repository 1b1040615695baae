//! A list as its page prints it: facets, chips of what is chosen, sorts, links to other pages.

use stoa_contracts::search::FacetKind;
use stoa_kernel::Money;

use super::{Asked, Results, Within};
use crate::present::{count_label, money};
use crate::shelves::Shelves;
use crate::shop::Shop;
use crate::views::{Choice, Facet, FacetValue, Link, Listing, PriceRange};
use crate::visit::{CURRENCY_PARAM, LANG_PARAM, Visit};
use crate::words::{count, say, tell};

/// Values of one facet that are shown.
const VALUES_MAX: usize = 24;
const FACETS_MAX: usize = 10;
/// Facets that stand open from the start.
const OPEN_FACETS: usize = 2;

pub(crate) fn listing(
    shop: &Shop,
    visit: &Visit,
    shelves: &Shelves,
    asked: &Asked,
    results: &Results,
) -> Listing {
    let lens = shop.lens(visit);
    let shown = results.products.len();
    let count_label = match results.total {
        Some(0) | None => count_label(shown, results.next_cursor.is_some()),
        Some(total) => count("{count} product", "{count} products", total),
    };
    let cursor = asked.cursor.as_deref();
    let next = results.next_cursor.as_deref();
    Listing {
        action: asked.path.clone(),
        kept: kept(visit, asked),
        sorts: sorts(asked),
        facets: facets(shelves, asked, results),
        price: price(shop, visit, asked, results),
        active: active(visit, shelves, asked),
        clear_url: asked.clear_url(),
        count_label,
        products: results
            .products
            .iter()
            .map(|one| lens.product_card(one))
            .collect(),
        first_url: cursor.map(|_| asked.first_url()),
        previous_url: cursor
            .and(asked.before.as_deref())
            .map(|before| asked.page_url(before, None)),
        next_url: next.map(|next| asked.page_url(next, cursor)),
    }
}

/// What the address said besides the form's own fields.
fn kept(visit: &Visit, asked: &Asked) -> Vec<Choice> {
    let kept = |name: &str, value: String| Choice {
        value: name.to_owned(),
        label: value,
        selected: true,
    };
    let words = asked.words.clone().filter(|words| !words.is_empty());
    let chosen = [LANG_PARAM, CURRENCY_PARAM];
    words
        .map(|words| kept("q", words))
        .into_iter()
        .chain(
            chosen
                .into_iter()
                .filter_map(|name| visit.param(name).map(|value| kept(name, value))),
        )
        .collect()
}

fn sorts(asked: &Asked) -> Vec<Choice> {
    asked
        .orders()
        .map(|(order, value, label)| Choice {
            value: value.to_owned(),
            label: say(label),
            selected: order == asked.order,
        })
        .collect()
}

fn facet_title(name: &str) -> String {
    match name {
        "vendor" => say("Maker"),
        "type" => say("Kind"),
        "tag" => say("Topic"),
        "collection" => say("Collection"),
        "category" => say("Category"),
        "available" => say("Availability"),
        other => match other.split_once('.') {
            Some((_, own)) => own.to_owned(),
            None => other.to_owned(),
        },
    }
}

/// Collections and categories are found by their handles, and called by their titles.
fn value_label(shelves: &Shelves, name: &str, value: &str) -> String {
    let titled = match name {
        "collection" => shelves.collection(value).map(|one| &one.title),
        "category" => shelves.category(value).map(|one| &one.title),
        _ => None,
    };
    if let Some(title) = titled {
        return title.clone();
    }
    match (name, value) {
        ("available", "true" | "yes" | "1") => say("In stock"),
        ("available", "false" | "no" | "0") => say("Sold out"),
        _ => value.to_owned(),
    }
}

fn facets(shelves: &Shelves, asked: &Asked, results: &Results) -> Vec<Facet> {
    let shown = results.facets.iter().filter(|facet| {
        let chosen = asked.filters.iter().any(|one| one.name == facet.name);
        let own = match &asked.within {
            Within::Shop => false,
            Within::Collection(_) => facet.name == "collection",
            // Its page leads to what grows from it.
            Within::Category(_) => facet.name == "category",
        };
        // One value that all have tells nothing apart.
        facet.kind == FacetKind::Values && !own && (chosen || facet.values.len() > 1)
    });
    shown
        .take(FACETS_MAX)
        .enumerate()
        .map(|(at, facet)| {
            let chosen = facet.values.iter().filter(|value| value.selected).count();
            let values = facet.values.iter().take(VALUES_MAX);
            Facet {
                title: facet_title(&facet.name),
                field: facet.name.clone(),
                approximate: facet.approximate,
                values: values
                    .map(|value| FacetValue {
                        label: value_label(shelves, &facet.name, &value.value),
                        value: value.value.clone(),
                        count: Some(value.count),
                        selected: value.selected,
                    })
                    .collect(),
                open: at < OPEN_FACETS || chosen > 0,
                chosen,
            }
        })
        .collect()
}

/// Only search can narrow by price.
fn price(shop: &Shop, visit: &Visit, asked: &Asked, results: &Results) -> Option<PriceRange> {
    shop.search.as_ref()?;
    let ranges = results
        .facets
        .iter()
        .find(|facet| facet.kind == FacetKind::Prices);
    let chosen = !asked.min.is_empty() || !asked.max.is_empty();
    if ranges.is_none() && !chosen {
        return None;
    }
    let ends = |from: bool| {
        let values = &ranges?.values;
        let value = if from { values.first() } else { values.last() }?;
        let (low, high) = value.value.split_once("..")?;
        let minor: i64 = if from { low } else { high }.parse().ok()?;
        Some(Money::new(minor, visit.currency).to_decimal())
    };
    Some(PriceRange {
        currency: visit.currency.to_string(),
        min: asked.min.clone(),
        max: asked.max.clone(),
        lowest: ends(true),
        highest: ends(false),
        open: chosen,
    })
}

fn active(visit: &Visit, shelves: &Shelves, asked: &Asked) -> Vec<Link> {
    let mut all = Vec::new();
    for filter in &asked.filters {
        for value in &filter.values {
            let url = asked.address(|name, other| name == filter.name && other == value);
            let label = value_label(shelves, &filter.name, value);
            let title = format!("{}: {label}", facet_title(&filter.name));
            all.push(Link::new(title, url));
        }
    }
    for (typed, field, words) in [
        (&asked.min, "min", "from {amount}"),
        (&asked.max, "max", "up to {amount}"),
    ] {
        if let Ok(amount) = Money::parse_decimal(typed, visit.currency) {
            let title = tell(words, &[("amount", &money(amount))]);
            all.push(Link::new(title, asked.address(|name, _| name == field)));
        }
    }
    all
}
