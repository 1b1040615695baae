//! Lists: order, search, and cursors that rows inserted meanwhile do not disturb.

use std::time::Duration;

use stoa_contracts::catalog::{CatalogError, CollectionInput, ProductQuery, ProductSort};
use stoa_kernel::ProductId;
use stoa_storage::Tx;

use crate::support::{Shop, by, everywhere, handles, shirt};

const SORTS: [ProductSort; 4] = [
    ProductSort::Newest,
    ProductSort::Title,
    ProductSort::PriceAscending,
    ProductSort::PriceDescending,
];

/// Products a to e, each made a second after the one before, dearer each time.
async fn five(cells: &stoa_testkit::TestCells, slug: &str) -> Shop {
    let mut shop = Shop::open(cells, slug).await;
    for (index, handle) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        cells.clock.advance(Duration::from_secs(1));
        shop.now = cells.deps.now();
        shop.priced(handle, 100 * (index as i64 + 1)).await;
    }
    shop
}

async fn collect(shop: &Shop, handle: &'static str, products: &'static [&'static str]) {
    let (catalog, cause) = (shop.catalog.clone(), shop.cause());
    shop.db
        .write(async move |tx: &mut Tx<'_>| {
            let input = CollectionInput {
                handle: handle.to_owned(),
                title: format!("Collection {handle}"),
                description_html: String::new(),
                image: None,
                products: products.iter().map(|&product| product.to_owned()).collect(),
            };
            catalog.upsert_collection(tx, &input, &cause).await
        })
        .await
        .expect("a collection");
}

#[tokio::test]
async fn collections_of_products_are_told_in_order() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "holding").await;
        let mut ids = Vec::new();
        for handle in ["a", "b", "c"] {
            ids.push(shop.priced(handle, 100).await.product);
        }
        collect(&shop, "summer", &["b", "a"]).await;
        collect(&shop, "all", &["a"]).await;
        let theirs = Shop::open(&cells, "holding-others").await;
        // More than one statement holds, most of them unknown, one asked for twice.
        let mut asked = ids.clone();
        asked.push(ids[0]);
        asked.extend((0..70).map(ProductId::from_u128));
        let held = async |shop: &Shop| {
            let (catalog, asked) = (shop.catalog.clone(), asked.clone());
            shop.db
                .read(async move |tx: &mut Tx<'_>| catalog.collections_of(tx, &asked).await)
                .await
                .expect("a read")
        };
        let mut expected = vec![
            (ids[0], "all".to_owned()),
            (ids[0], "summer".to_owned()),
            (ids[1], "summer".to_owned()),
        ];
        expected.sort();
        assert_eq!(held(&shop).await, expected, "{}", cells.kind);
        assert_eq!(held(&theirs).await, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn every_order_goes_on_where_it_stopped_whatever_is_inserted() {
    for cells in everywhere().await {
        let shop = five(&cells, "cursor").await;
        collect(&shop, "all", &["c", "a", "e", "b", "d"]).await;
        for collection in [None, Some("all".to_owned())] {
            for sort in SORTS {
                let mut query = ProductQuery {
                    limit: 2,
                    collection: collection.clone(),
                    ..by(sort)
                };
                let mut seen = Vec::new();
                loop {
                    let page = shop.products(&query).await;
                    seen.extend(handles(&page).into_iter().map(str::to_owned));
                    if seen.len() == 2 {
                        // Before, between and after what was seen, in every order.
                        let fresh = format!("aa-{sort:?}").to_lowercase();
                        shop.priced(&fresh, 150).await;
                        shop.priced(&format!("{fresh}-2"), 450).await;
                    }
                    let Some(cursor) = page.next_cursor else {
                        break;
                    };
                    query.cursor = Some(cursor);
                }
                seen.retain(|handle| handle.len() == 1);
                let expected = match sort {
                    ProductSort::Title | ProductSort::PriceAscending => ["a", "b", "c", "d", "e"],
                    ProductSort::Featured | ProductSort::Newest | ProductSort::PriceDescending => {
                        ["e", "d", "c", "b", "a"]
                    }
                };
                assert_eq!(seen, expected, "{} {sort:?} {collection:?}", cells.kind);
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    for cells in everywhere().await {
        let shop = five(&cells, "foreign-cursor").await;
        let query = ProductQuery {
            limit: 2,
            ..by(ProductSort::Newest)
        };
        let cursor = shop.products(&query).await.next_cursor;
        let others = [
            ProductQuery {
                cursor: cursor.clone(),
                ..by(ProductSort::Title)
            },
            ProductQuery {
                cursor: cursor.clone(),
                search: Some("x".into()),
                ..query.clone()
            },
            ProductQuery {
                cursor: Some("AAAA".into()),
                ..query.clone()
            },
        ];
        for other in others {
            let refused = shop.catalog.products(shop.tenant, &other).await;
            assert!(
                matches!(refused, Err(CatalogError::Cursor)),
                "{}",
                cells.kind
            );
        }
        let answer = shop.get("/api/v1/products?cursor=AAAA").await;
        assert_eq!(answer.refusal(), (400, "invalid_cursor", "cursor"));
    }
}

#[tokio::test]
async fn a_search_needs_every_word_in_title_or_tags() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "search").await;
        let mut tea = shirt("green-tea");
        tea.title = "Grüner Tee".into();
        tea.tags = vec!["Bio".into(), "50%_off".into()];
        shop.upsert(&tea).await;
        shop.upsert(&shirt("plain")).await;
        let found = async |words: &str| {
            let query = ProductQuery {
                search: Some(words.into()),
                ..by(ProductSort::Title)
            };
            let page = shop.products(&query).await;
            handles(&page).join(" ")
        };
        assert_eq!(found("GRÜNER bio").await, "green-tea", "{}", cells.kind);
        assert_eq!(found("shirt").await, "plain", "{}", cells.kind);
        assert_eq!(found("tee cotton").await, "", "{}", cells.kind);
        assert_eq!(found("0%_o").await, "green-tea", "{}", cells.kind);
        assert_eq!(found("0__o").await, "", "{}", cells.kind);
        assert_eq!(found("%").await, "green-tea plain", "{}", cells.kind);
        assert_eq!(found("\\").await, "", "{}", cells.kind);
        assert_eq!(found("' OR 1=1 --").await, "", "{}", cells.kind);
        assert_eq!(found("  ").await, "green-tea plain", "{}", cells.kind);
        let words = shop.get("/api/v1/products?q=a+b+c+d+e+f+g+h+i").await;
        assert_eq!(words.refusal(), (422, "invalid_request", "q"));
        assert_eq!(
            shop.get("/api/v1/products?q=bio").await.json["data"][0]["handle"],
            "green-tea"
        );
    }
}

#[tokio::test]
async fn lists_by_price_hold_what_has_a_price_in_the_currency() {
    for cells in everywhere().await {
        let shop = five(&cells, "by-price").await;
        shop.upsert(&shirt("unpriced")).await;
        let count = async |path: &str| {
            shop.get(path).await.json["data"]
                .as_array()
                .map_or(0, Vec::len)
        };
        assert_eq!(
            count("/api/v1/products?sort=price_ascending").await,
            5,
            "{}",
            cells.kind
        );
        assert_eq!(
            count("/api/v1/products?sort=title").await,
            6,
            "{}",
            cells.kind
        );
        let dollars = "/api/v1/products?sort=price_ascending&currency=USD";
        assert_eq!(count(dollars).await, 0, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_collection_is_listed_as_it_was_arranged() {
    for cells in everywhere().await {
        let shop = five(&cells, "arranged").await;
        collect(&shop, "spring", &["d", "a", "c"]).await;
        collect(&shop, "spring", &["c", "d", "a"]).await;
        collect(&shop, "empty", &[]).await;
        let listed = async |path: &str| {
            let answer = shop.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            let data = answer.json["data"].as_array().cloned().unwrap_or_default();
            let cursor = answer.json["pagination"]["cursor"]
                .as_str()
                .map(str::to_owned);
            let names: Vec<String> = data
                .iter()
                .filter_map(|p| p["handle"].as_str().map(str::to_owned))
                .collect();
            (names.join(" "), cursor)
        };
        let path = "/api/v1/collections/spring/products";
        assert_eq!(listed(path).await.0, "c d a", "{}", cells.kind);
        let (first, cursor) = listed(&format!("{path}?limit=2")).await;
        let cursor = cursor.expect("one is left");
        let (rest, end) = listed(&format!("{path}?limit=2&cursor={cursor}")).await;
        assert_eq!(
            (first.as_str(), rest.as_str(), end),
            ("c d", "a", None),
            "{}",
            cells.kind
        );
        assert_eq!(
            listed(&format!("{path}?sort=title")).await.0,
            "a c d",
            "{}",
            cells.kind
        );
        assert_eq!(
            listed("/api/v1/products?collection=spring").await.0,
            "c d a"
        );
        assert_eq!(listed("/api/v1/collections/empty/products").await.0, "");
        assert_eq!(
            listed("/api/v1/collections").await.0,
            "empty spring",
            "{}",
            cells.kind
        );
        let unknown = shop.get("/api/v1/collections/nothing/products").await;
        assert_eq!(unknown.refusal(), (404, "not_found", ""), "{}", cells.kind);
        let both = shop.get("/api/v1/products?collection=spring&q=a").await;
        assert_eq!(both.refusal(), (422, "invalid_request", "q"));
        assert_eq!(
            shop.get("/api/v1/collections/spring").await.json["title"],
            "Collection spring"
        );
    }
}
