//! What is found, in which order, and what is counted.

use std::collections::BTreeSet;

use stoa_contracts::catalog::{DocumentTranslation, ProductDocument, ProductOption};
use stoa_contracts::search::{FacetKind, PriceRange, SearchError, SearchQuery, SearchSort};
use stoa_kernel::{Currency, Money, ProductId};

use crate::shelf::{euros, product};
use crate::support::{Shop, facet, filter, numbers, sqlite, text_query};

fn shoes() -> Vec<ProductDocument> {
    let mut runner = product(1, "Trail Runner");
    runner.vendor = Some("Acme".to_owned());
    runner.product_type = Some("Shoes".to_owned());
    runner.tags = vec!["Outdoor".to_owned()];
    runner.skus = vec!["TR-100/42".to_owned()];
    runner.barcodes = vec!["4006381333931".to_owned()];
    runner.description = "Made for sneakers' friends and long paths".to_owned();
    let mut sneaker = product(2, "Canvas Sneakers");
    sneaker.vendor = Some("Bolt".to_owned());
    sneaker.product_type = Some("Shoes".to_owned());
    sneaker.description = "For the city".to_owned();
    let mut tagged = product(3, "Crème Polish");
    tagged.vendor = Some("Acme".to_owned());
    tagged.tags = vec!["sneakers".to_owned()];
    tagged.translations = vec![DocumentTranslation {
        locale: "de".to_owned(),
        title: "Schuhcreme für Läufer".to_owned(),
        description: "Pflegt alle Häuser des Fußes".to_owned(),
    }];
    vec![runner, sneaker, tagged]
}

#[tokio::test]
async fn a_title_counts_more_than_a_tag_and_a_tag_more_than_a_description() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "order", shoes()).await;
    assert_eq!(shop.numbers("sneakers").await, [2, 3, 1]);
    // Stems, in the language of the shop.
    assert_eq!(shop.numbers("runners").await, [1]);
    assert_eq!(shop.numbers("the path").await, [1]);
    shop.process.stop().await;
}

#[tokio::test]
async fn codes_are_found_whole_and_accents_do_not_matter() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "codes", shoes()).await;
    assert_eq!(shop.numbers("tr-100/42").await, [1]);
    assert_eq!(shop.numbers("4006381333931").await, [1]);
    assert_eq!(shop.numbers("creme").await, [3]);
    assert_eq!(shop.numbers("CRÈME polish").await, [3]);
    assert_eq!(shop.numbers("...").await, Vec::<u128>::new());
    shop.process.stop().await;
}

#[tokio::test]
async fn typos_are_forgiven_but_not_in_the_first_letter() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "typos", shoes()).await;
    let page = shop.find(&text_query("sneekars canvas")).await;
    assert_eq!(numbers(&page), [2]);
    assert_eq!(page.corrected.as_deref(), Some("sneakers canvas"));
    assert_eq!(shop.numbers("cavnas").await, [2]);
    assert_eq!(shop.numbers("xanvas").await, Vec::<u128>::new());
    // Each word on its own.
    assert_eq!(shop.numbers("tril runer").await, [1]);
    let right = shop.find(&text_query("canvas")).await;
    assert_eq!(right.corrected, None);
    shop.process.stop().await;
}

#[tokio::test]
async fn the_last_word_may_be_a_beginning_and_one_of_many_may_miss() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "starts", shoes()).await;
    assert_eq!(shop.numbers("can").await, [2]);
    assert_eq!(shop.numbers("trail ru").await, [1]);
    assert_eq!(shop.numbers("trail runner zzzzz").await, [1]);
    shop.process.stop().await;
}

#[tokio::test]
async fn translations_are_found_by_the_stems_of_their_language() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "tongues", shoes()).await;
    let german = SearchQuery {
        locale: Some("de-AT".to_owned()),
        ..text_query("haus")
    };
    assert_eq!(numbers(&shop.find(&german).await), [3]);
    assert_eq!(shop.numbers("haus").await, Vec::<u128>::new());
    assert_eq!(shop.numbers("schuhcreme").await, [3]);
    shop.process.stop().await;
}

fn shirts() -> Vec<ProductDocument> {
    let option = |values: &[&str]| ProductOption {
        name: "Color".to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    (0..30_u128)
        .map(|n| {
            let mut shirt = product(n + 1, &format!("Shirt {:02}", 29 - n));
            shirt.vendor = Some(["Acme", "Bolt", "Cord"][n as usize % 3].to_owned());
            shirt.options = vec![option(if n % 2 == 0 {
                &["Red", "Blue"]
            } else {
                &["Blue"]
            })];
            shirt.attributes = vec![("Fit".to_owned(), "Slim".to_owned())];
            shirt.collections = vec!["all".to_owned()];
            shirt.available = n % 5 != 0;
            let price = 500 + (n as i64 % 10) * 300;
            shirt.prices = match n {
                29 => Vec::new(),
                _ => vec![(euros(price), euros(price + 100))],
            };
            shirt
        })
        .collect()
}

#[tokio::test]
async fn values_of_one_facet_add_up_and_facets_narrow_each_other() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "facets", shirts()).await;
    let all = shop.find(&SearchQuery::all(Currency::EUR, 5)).await;
    assert_eq!(all.total, 30);
    assert_eq!(
        facet(&all, "vendor"),
        [("Acme", 10), ("Bolt", 10), ("Cord", 10)]
    );
    assert_eq!(facet(&all, "option.Color"), [("Blue", 30), ("Red", 15)]);
    assert_eq!(facet(&all, "available"), [("true", 24), ("false", 6)]);
    assert_eq!(facet(&all, "attribute.Fit"), [("Slim", 30)]);
    assert_eq!(facet(&all, "collection"), [("all", 30)]);
    let prices: u64 = facet(&all, "price").iter().map(|(_, count)| count).sum();
    assert_eq!(prices, 29);

    let mut query = SearchQuery::all(Currency::EUR, 50);
    query.filters = vec![
        filter("vendor", &["Acme", "Bolt"]),
        filter("option.Color", &["Red"]),
    ];
    let page = shop.find(&query).await;
    // Numbers n of 0..30 with n % 3 < 2 and n even.
    assert_eq!(page.total, 10);
    // Its own filter does not count for a facet; the others do.
    assert_eq!(
        facet(&page, "vendor"),
        [("Acme", 5), ("Bolt", 5), ("Cord", 5)]
    );
    assert_eq!(facet(&page, "option.Color"), [("Blue", 20), ("Red", 10)]);
    let vendor = page.facets.iter().find(|facet| facet.name == "vendor");
    let selected: Vec<bool> = vendor
        .map(|facet| facet.values.iter().map(|value| value.selected).collect())
        .unwrap_or_default();
    assert_eq!(selected, [true, true, false]);
    shop.process.stop().await;
}

/// Of 2,400 products a third is of each maker, half is red, a tenth was deleted again.
#[tokio::test]
async fn facets_of_very_many_products_are_estimates_and_what_was_chosen_is_exact() {
    let cells = sqlite().await;
    let many = || {
        (0..2_400_u128).map(|n| {
            let mut one = product(n + 1, &format!("Thing {n}"));
            one.vendor = Some(["Acme", "Bolt", "Cord"][n as usize % 3].to_owned());
            one.product_type = Some(if n % 2 == 0 { "Red" } else { "Blue" }.to_owned());
            one.prices = vec![(euros(500 + n as i64), euros(500 + n as i64))];
            one
        })
    };
    let shop = Shop::with(&cells, "many", many().collect()).await;
    for gone in many().filter(|one| (one.id.as_u128() - 1) % 10 == 0) {
        shop.remove(gone.id).await;
    }
    shop.settled().await;
    let near = |counted: u64, exactly: u64| {
        assert!(
            counted.abs_diff(exactly) * 5 <= exactly,
            "{counted} is told of {exactly}"
        );
    };
    let all = shop.find(&SearchQuery::all(Currency::EUR, 5)).await;
    assert_eq!(all.total, 2_160);
    assert!(all.facets.iter().all(|facet| facet.approximate));
    for (_, count) in facet(&all, "vendor") {
        near(count, 720);
    }
    near(
        facet(&all, "price").iter().map(|(_, count)| count).sum(),
        2_160,
    );

    let mut query = SearchQuery::all(Currency::EUR, 5);
    query.filters = vec![filter("vendor", &["Acme"])];
    let page = shop.find(&query).await;
    assert_eq!(page.total, 720);
    let vendors = facet(&page, "vendor");
    assert_eq!(
        vendors.iter().find(|(name, _)| *name == "Acme"),
        Some(&("Acme", 720))
    );
    near(vendors.iter().map(|(_, count)| count).sum(), 2_160);
    near(
        facet(&page, "type").iter().map(|(_, count)| count).sum(),
        720,
    );

    // Few enough to be looked at one by one, with either filter left out.
    query.filters = vec![filter("vendor", &["Acme"])];
    query.price = Some(PriceRange {
        min: Some(500),
        max: Some(799),
    });
    let few = shop.find(&query).await;
    assert_eq!(few.total, 90);
    let vendors = few.facets.iter().find(|facet| facet.name == "vendor");
    assert_eq!(
        facet(&few, "vendor"),
        [("Acme", 90), ("Bolt", 90), ("Cord", 90)]
    );
    assert!(
        vendors.is_some_and(|vendor| vendor.approximate),
        "prices are"
    );
    shop.process.stop().await;
}

#[tokio::test]
async fn prices_narrow_by_the_currency_asked_for() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "prices", shirts()).await;
    let mut query = SearchQuery::all(Currency::EUR, 50);
    query.price = Some(PriceRange {
        min: Some(800),
        max: Some(1_400),
    });
    let page = shop.find(&query).await;
    // 800, 1100 and 1400, three each.
    assert_eq!(page.total, 9);
    let prices = page
        .facets
        .iter()
        .find(|facet| facet.kind == FacetKind::Prices);
    let prices = prices.expect("price ranges");
    assert_eq!(
        prices.values.iter().map(|value| value.count).sum::<u64>(),
        29
    );
    assert!(
        prices
            .values
            .iter()
            .any(|value| value.selected && value.value == "800..1400")
    );
    query.currency = Currency::USD;
    assert_eq!(shop.find(&query).await.total, 0);
    let mut dollars = product(99, "Imported");
    dollars.prices = vec![(
        Money::new(900, Currency::USD),
        Money::new(900, Currency::USD),
    )];
    shop.put(vec![dollars]).await;
    shop.settled().await;
    assert_eq!(numbers(&shop.find(&query).await), [99]);
    shop.process.stop().await;
}

#[tokio::test]
async fn pages_in_every_order_hold_each_product_once() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "pages", shirts()).await;
    // Several segments, one with deleted documents.
    shop.put(shirts().into_iter().take(7).collect()).await;
    shop.settled().await;
    let expected: BTreeSet<u128> = (1..=30).collect();
    for sort in [
        SearchSort::Relevance,
        SearchSort::Newest,
        SearchSort::Title,
        SearchSort::PriceAscending,
        SearchSort::PriceDescending,
    ] {
        let mut query = text_query("shirt");
        query.sort = sort;
        query.limit = 7;
        let mut seen: Vec<ProductId> = Vec::new();
        loop {
            let page = shop.find(&query).await;
            assert_eq!(page.total, 30, "{sort:?}");
            seen.extend(&page.products);
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        let numbers: Vec<u128> = seen.iter().map(|id| id.as_u128()).collect();
        assert_eq!(numbers.len(), 30, "{sort:?}");
        assert_eq!(
            numbers.iter().copied().collect::<BTreeSet<_>>(),
            expected,
            "{sort:?}"
        );
        match sort {
            SearchSort::Newest => assert!(numbers.is_sorted_by(|a, b| a > b)),
            // Titles count down while numbers count up.
            SearchSort::Title => assert!(numbers.is_sorted_by(|a, b| a > b)),
            SearchSort::PriceAscending => {
                let price = |number: &u128| match number {
                    30 => i64::MAX,
                    n => (*n as i64 - 1) % 10,
                };
                assert!(numbers.is_sorted_by_key(price));
            }
            SearchSort::PriceDescending => assert_eq!(numbers.last(), Some(&30)),
            SearchSort::Relevance => {}
        }
    }
    shop.process.stop().await;
}

#[tokio::test]
async fn a_cursor_opens_its_own_list_only() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "cursors", shirts()).await;
    let mut query = text_query("shirt");
    query.limit = 3;
    let cursor = shop.find(&query).await.next_cursor;
    query.cursor = cursor;
    query.text = "shirt 1".to_owned();
    let refused = shop.process.search.find(shop.tenant, &query).await;
    assert!(matches!(refused, Err(SearchError::Cursor)), "{refused:?}");
    query.cursor = Some("made-up".to_owned());
    let refused = shop.process.search.find(shop.tenant, &query).await;
    assert!(matches!(refused, Err(SearchError::Cursor)), "{refused:?}");
    shop.process.stop().await;
}

#[tokio::test]
async fn suggestions_complete_the_last_word_with_what_there_is() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "suggest", shoes()).await;
    let search = &shop.process.search;
    let offered = search
        .suggest(shop.tenant, "sne", None, 5)
        .await
        .expect("suggestions");
    assert_eq!(offered.queries, ["sneakers"]);
    let numbers: BTreeSet<u128> = offered.products.iter().map(|id| id.as_u128()).collect();
    assert_eq!(numbers, BTreeSet::from([2, 3]));
    let offered = search
        .suggest(shop.tenant, "Canvas s", None, 5)
        .await
        .expect("suggestions");
    assert_eq!(offered.queries, ["canvas shoes", "canvas sneakers"]);
    assert_eq!(offered.products.len(), 1);
    let offered = search
        .suggest(shop.tenant, "", None, 5)
        .await
        .expect("suggestions");
    assert!(offered.queries.is_empty() && offered.products.is_empty());
    shop.process.stop().await;
}

#[tokio::test]
async fn like_products_share_traits_and_are_not_the_product_itself() {
    let cells = sqlite().await;
    let shop = Shop::with(&cells, "similar", shoes()).await;
    let search = &shop.process.search;
    let like = search
        .similar(shop.tenant, ProductId::from_u128(1), 5)
        .await;
    let like: Vec<u128> = like
        .expect("products")
        .iter()
        .map(|id| id.as_u128())
        .collect();
    // The type weighs more than the vendor.
    assert_eq!(like, [2, 3]);
    let none = search
        .similar(shop.tenant, ProductId::from_u128(404), 5)
        .await;
    assert_eq!(none.expect("no product"), []);
    shop.process.stop().await;
}
