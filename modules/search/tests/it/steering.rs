//! Synonyms, pins and the shop's language, over every kind of cell.

use serde_json::json;
use stoa_contracts::search::{SearchQuery, SearchSort};
use stoa_kernel::{Currency, ProductId};

use crate::shelf::product;
use crate::support::{Shop, everywhere, filter, numbers, sqlite, text_query, until};

#[tokio::test]
async fn synonyms_are_found_by_each_other() {
    for cells in everywhere().await {
        let products = vec![
            product(1, "Cotton tee"),
            product(2, "Red t-shirt"),
            product(3, "Mug"),
        ];
        let shop = Shop::with(&cells, "synonyms", products).await;
        assert_eq!(shop.numbers("tee").await, [1], "{}", cells.kind);
        let path = "/api/v1/admin/search/synonyms";
        let body = json!({"groups": [["tee", "T-Shirt"], ["mug", "cup"]]});
        let (status, _) = shop
            .process
            .call("PUT", shop.tenant, path, Some(body.clone()))
            .await;
        assert_eq!(status, 200, "{}", cells.kind);
        assert_eq!(
            shop.process.call("GET", shop.tenant, path, None).await.1,
            body
        );
        let mut both = shop.numbers("tee").await;
        both.sort_unstable();
        assert_eq!(both, [1, 2], "{}", cells.kind);
        assert_eq!(shop.numbers("red t-shirt").await, [2], "{}", cells.kind);
        assert_eq!(shop.numbers("cotton t shirt").await, [1], "{}", cells.kind);
        assert_eq!(shop.numbers("cup").await, [3], "{}", cells.kind);
        let bad = json!({"groups": [["alone"]]});
        let (status, answer) = shop.process.call("PUT", shop.tenant, path, Some(bad)).await;
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (422, &json!("groups[0]"))
        );
        shop.process.stop().await;
    }
}

#[tokio::test]
async fn pins_stand_first_and_hidden_products_are_gone() {
    for cells in everywhere().await {
        let mut lamps: Vec<_> = (1..=6).map(|n| product(n, "Lamp")).collect();
        lamps
            .iter_mut()
            .for_each(|lamp| lamp.collections = vec!["light".to_owned()]);
        lamps.push(product(9, "Candle"));
        let shop = Shop::with(&cells, "pins", lamps).await;
        let id = |n: u128| ProductId::from_u128(n).to_string();
        let path = "/api/v1/admin/search/pins";
        let of_query = json!({
            "query": "LAMP", "hidden": [id(2)],
            "pins": [{"product_id": id(9), "position": 1}, {"product_id": id(5), "position": 3}],
        });
        let put = shop
            .process
            .call("PUT", shop.tenant, path, Some(of_query))
            .await;
        assert_eq!(put.0, 204, "{} {}", cells.kind, put.1);
        let page = shop.find(&text_query("lamp")).await;
        assert_eq!(
            (numbers(&page)[0], numbers(&page)[2], page.total),
            (9, 5, 6)
        );
        assert!(!numbers(&page).contains(&2), "{}", cells.kind);
        let mut two = text_query("lamp");
        two.limit = 2;
        let mut paged = Vec::new();
        loop {
            let page = shop.find(&two).await;
            paged.extend(numbers(&page));
            two.cursor = page.next_cursor;
            if two.cursor.is_none() {
                break;
            }
        }
        assert_eq!(paged, numbers(&page), "{}", cells.kind);
        // An order of the shopper's own has no pins.
        two.cursor = None;
        two.sort = SearchSort::Newest;
        assert_eq!(numbers(&shop.find(&two).await), [6, 5], "{}", cells.kind);
        let of_collection = json!({
            "collection": "light", "pins": [{"product_id": id(1), "position": 1}],
        });
        let put = shop
            .process
            .call("PUT", shop.tenant, path, Some(of_collection))
            .await;
        assert_eq!(put.0, 204, "{}", cells.kind);
        let mut light = SearchQuery::all(Currency::EUR, 3);
        light.filters = vec![filter("collection", &["light"])];
        assert_eq!(
            numbers(&shop.find(&light).await),
            [1, 6, 5],
            "{}",
            cells.kind
        );
        let (_, all) = shop.process.call("GET", shop.tenant, path, None).await;
        assert_eq!(all["data"].as_array().map(Vec::len), Some(2), "{all}");
        let twice = json!({"query": "x", "hidden": [id(1), id(1)]});
        assert_eq!(
            shop.process
                .call("PUT", shop.tenant, path, Some(twice))
                .await
                .0,
            422
        );
        shop.process.stop().await;
    }
}

#[tokio::test]
async fn another_language_of_the_shop_has_its_index_built_anew() {
    let cells = sqlite().await;
    let mut houses = product(1, "Toy");
    houses.description = "Kleine Häuser".to_owned();
    let shop = Shop::with(&cells, "language", vec![houses]).await;
    assert_eq!(shop.numbers("haus").await, Vec::<u128>::new());
    let path = "/api/v1/admin/search/settings";
    let german = json!({"locale": "de"});
    let (status, answer) = shop
        .process
        .call("PUT", shop.tenant, path, Some(german.clone()))
        .await;
    assert_eq!((status, answer), (200, german));
    until(async || shop.process.rebuilds("locale") == 1).await;
    shop.settled().await;
    assert_eq!(shop.numbers("haus").await, [1]);
    let bad = json!({"locale": "not a tag"});
    assert_eq!(
        shop.process
            .call("PUT", shop.tenant, path, Some(bad))
            .await
            .0,
        422
    );
    shop.process.stop().await;
}
