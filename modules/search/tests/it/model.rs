//! Random questions over a large shop, some asked twice, between edits and removals: what is found, in
//! which order, and what is counted, against a loop over all products.

use std::collections::BTreeMap;

use stoa_contracts::catalog::ProductDocument;
use stoa_contracts::search::{FacetKind, PriceRange, SearchPage, SearchQuery, SearchSort};
use stoa_kernel::Currency;

use crate::shelf::{euros, product};
use crate::support::{Shop, facet, filter, sqlite};

/// More than a segment has whose sets are not kept.
const PRODUCTS: u128 = 2_600;
const QUESTIONS: usize = 120;
const ROUNDS: usize = 4;
const VENDORS: [&str; 7] = ["Acme", "Bolt", "Cord", "Dune", "Echo", "Fern", "Gale"];
const TYPES: [&str; 3] = ["Lamp", "Chair", "Table"];

fn random(number: u128, random: &mut fastrand::Rng) -> ProductDocument {
    let kind = TYPES[random.usize(..TYPES.len())];
    let mut made = product(number, &format!("{kind} {number}"));
    made.vendor = Some(VENDORS[random.usize(..VENDORS.len())].to_owned());
    made.product_type = Some(kind.to_owned());
    made.available = random.u8(..10) > 2;
    let price = euros(random.i64(100..30_000));
    made.prices = match random.u8(..20) {
        0 => Vec::new(),
        _ => vec![(price, price)],
    };
    made
}

fn price_of(product: &ProductDocument) -> Option<i64> {
    product.prices.first().map(|(lowest, _)| lowest.amount)
}

fn values_of(product: &ProductDocument, facet: &str) -> String {
    match facet {
        "vendor" => product.vendor.clone().unwrap_or_default(),
        "type" => product.product_type.clone().unwrap_or_default(),
        _ => product.available.to_string(),
    }
}

fn question(random: &mut fastrand::Rng) -> SearchQuery {
    let mut query = SearchQuery::all(Currency::EUR, random.u32(1..60));
    if random.bool() {
        query.text = TYPES[random.usize(..TYPES.len())].to_lowercase();
    }
    query.sort = [
        SearchSort::Newest,
        SearchSort::PriceAscending,
        SearchSort::PriceDescending,
        SearchSort::Relevance,
    ][random.usize(..4)];
    let few = |all: &[&'static str], random: &mut fastrand::Rng| -> Vec<&'static str> {
        let some = random.usize(1..3);
        (0..some).map(|_| all[random.usize(..all.len())]).collect()
    };
    if random.bool() {
        query.filters.push(filter("vendor", &few(&VENDORS, random)));
    }
    if random.bool() {
        query.filters.push(filter("type", &few(&TYPES, random)));
    }
    if random.bool() {
        let wanted = if random.bool() { "true" } else { "false" };
        query.filters.push(filter("available", &[wanted]));
    }
    if random.bool() {
        let min = random.i64(0..20_000);
        query.price = Some(PriceRange {
            min: random.bool().then_some(min),
            max: random.bool().then_some(min + random.i64(0..8_000)),
        });
    }
    query
}

/// What the query finds where it ignores the filter of one facet.
fn matching<'p>(
    all: &'p BTreeMap<u128, ProductDocument>,
    query: &SearchQuery,
    ignored: Option<&str>,
) -> Vec<(u128, &'p ProductDocument)> {
    let passes = |product: &ProductDocument| {
        let text = query.text.is_empty() || product.title.to_lowercase().starts_with(&query.text);
        let filters = query.filters.iter().all(|filter| {
            ignored == Some(filter.name.as_str())
                || filter.values.contains(&values_of(product, &filter.name))
        });
        let price = query
            .price
            .filter(|_| ignored != Some("price"))
            .is_none_or(|range| {
                price_of(product).is_some_and(|price| {
                    range.min.is_none_or(|min| price >= min)
                        && range.max.is_none_or(|max| price <= max)
                })
            });
        text && filters && price
    };
    let found = all.iter().filter(|(_, product)| passes(product));
    found.map(|(number, product)| (*number, product)).collect()
}

fn check(all: &BTreeMap<u128, ProductDocument>, query: &SearchQuery, page: &SearchPage) {
    let mut found = matching(all, query, None);
    assert_eq!(page.total, found.len() as u64, "{query:?}");
    let price = |product: &ProductDocument| price_of(product).unwrap_or(i64::MAX);
    match query.sort {
        SearchSort::PriceAscending => found.sort_by_key(|(n, product)| (price(product), *n)),
        SearchSort::PriceDescending => {
            found.sort_by_key(|(n, product)| (-price_of(product).unwrap_or(i64::MIN + 1), *n));
        }
        _ => found.sort_by_key(|(number, _)| std::cmp::Reverse(*number)),
    }
    let by_score = query.sort == SearchSort::Relevance && !query.text.is_empty();
    let numbers: Vec<u128> = page.products.iter().map(|id| id.as_u128()).collect();
    let expected: Vec<u128> = found.iter().map(|(number, _)| *number).collect();
    let shown = expected.len().min(query.limit as usize);
    assert_eq!(numbers.len(), shown, "{query:?}");
    match by_score {
        true => assert!(
            numbers.iter().all(|one| expected.contains(one)),
            "{query:?}"
        ),
        false => assert_eq!(numbers, expected[..shown], "{query:?}"),
    }
    for told in page
        .facets
        .iter()
        .filter(|told| told.kind == FacetKind::Values)
    {
        let of_all = matching(all, query, Some(&told.name));
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (_, product) in of_all {
            *counts.entry(values_of(product, &told.name)).or_default() += 1;
        }
        for value in told
            .values
            .iter()
            .filter(|value| value.selected || !told.approximate)
        {
            let exactly = counts.get(&value.value).copied().unwrap_or_default();
            assert_eq!(value.count, exactly, "{} of {query:?}", value.value);
        }
        if !told.approximate {
            let counted: u64 = told.values.iter().map(|value| value.count).sum();
            assert_eq!(counted, counts.values().sum::<u64>(), "{query:?}");
        }
    }
    let prices: u64 = facet(page, "price").iter().map(|(_, count)| count).sum();
    if page.facets.iter().all(|facet| !facet.approximate) {
        let of_all = matching(all, query, Some("price"));
        let priced = of_all.iter().filter(|(_, one)| price_of(one).is_some());
        assert_eq!(prices, priced.count() as u64, "{query:?}");
    }
}

#[tokio::test]
async fn random_questions_are_answered_as_a_loop_over_all_products_would() {
    let cells = sqlite().await;
    let mut dice = fastrand::Rng::with_seed(7);
    let mut all: BTreeMap<u128, ProductDocument> = (1..=PRODUCTS)
        .map(|number| (number, random(number, &mut dice)))
        .collect();
    let shop = Shop::with(&cells, "model", all.values().cloned().collect()).await;
    let questions: Vec<SearchQuery> = (0..QUESTIONS).map(|_| question(&mut dice)).collect();
    let (mut exact, mut estimated) = (0, 0);
    for _ in 0..ROUNDS {
        for query in &questions {
            let page = shop.find(query).await;
            check(&all, query, &page);
            match page.facets.iter().any(|facet| facet.approximate) {
                true => estimated += 1,
                false => exact += 1,
            }
        }
        let mut changed = Vec::new();
        for _ in 0..60 {
            let number = u128::from(dice.u32(1..=PRODUCTS as u32));
            let next = random(number, &mut dice);
            all.insert(number, next.clone());
            changed.push(next);
        }
        shop.put(changed).await;
        for _ in 0..25 {
            let number = u128::from(dice.u32(1..=PRODUCTS as u32));
            if let Some(gone) = all.remove(&number) {
                shop.remove(gone.id).await;
            }
        }
        shop.settled().await;
    }
    assert!(exact >= 40 && estimated >= 80, "{exact} and {estimated}");
    shop.process.stop().await;
}
