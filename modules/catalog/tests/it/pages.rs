//! The product page: one statement, then none, and never an old price.

use crate::support::{Shop, by, everywhere, shirt};

#[tokio::test]
async fn a_product_in_memory_is_no_statement_and_a_list_is_one() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.priced("shirt", 1_000).await;
        let count = async |path: &str| {
            // The directory may forget a tenant at any second: ask it first.
            cells.db(shop.tenant).await;
            let before = shop.statements();
            let answer = shop.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            shop.statements() - before
        };
        // One for the answer, which nobody stored yet, and one for the product.
        assert_eq!(count("/api/v1/products/shirt").await, 2, "{}", cells.kind);
        assert_eq!(count("/api/v1/products/shirt").await, 0, "{}", cells.kind);
        assert_eq!(count("/api/v1/products").await, 1, "{}", cells.kind);
        assert_eq!(
            count("/api/v1/products?sort=price_descending&q=cotton").await,
            1
        );
    }
}

#[tokio::test]
async fn a_changed_price_is_seen_at_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "fresh").await;
        let made = shop.priced("shirt", 1_000).await;
        let amount = async || {
            let answer = shop.get("/api/v1/products/shirt").await;
            answer.json["variants"][0]["price"]["amount"].as_i64()
        };
        for cents in 1_000..1_020 {
            shop.price(made.variants[0].0, cents, None).await;
            assert_eq!(amount().await, Some(cents), "{}", cells.kind);
        }
    }
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_twice() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "etag").await;
        let made = shop.priced("shirt", 1_000).await;
        let path = "/api/v1/products/shirt";
        let first = shop.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.len() == 34 && !tag.starts_with("W/"), "{tag}");
        assert_eq!(
            first.header("cache-tag"),
            format!("product-{}", made.product)
        );
        let control = "public, max-age=0, stale-while-revalidate=30";
        assert_eq!(first.header("cache-control"), control);
        let again = shop
            .send("GET", path, &[("if-none-match", &tag)], None)
            .await;
        assert_eq!(
            (again.status, again.header("etag")),
            (304, tag.as_str()),
            "{}",
            cells.kind
        );
        shop.price(made.variants[0].0, 999, None).await;
        let changed = shop
            .send("GET", path, &[("if-none-match", &tag)], None)
            .await;
        assert_eq!(changed.status, 200, "{}", cells.kind);
        assert_ne!(changed.header("etag"), tag);
    }
}

#[tokio::test]
async fn a_missing_product_appears_once_it_is_made() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "appears").await;
        for path in [
            "/api/v1/products/shirt",
            "/api/v1/products/Shirt",
            "/api/v1/products/%2e",
        ] {
            assert_eq!(
                shop.get(path).await.refusal(),
                (404, "not_found", ""),
                "{path}"
            );
        }
        let mut draft = shirt("shirt");
        draft.status = stoa_contracts::catalog::ProductStatus::Draft;
        shop.upsert(&draft).await;
        assert_eq!(
            shop.get("/api/v1/products/shirt").await.status,
            404,
            "{}",
            cells.kind
        );
        shop.upsert(&shirt("shirt")).await;
        let answer = shop.get("/api/v1/products/shirt?currency=USD").await;
        assert_eq!(answer.status, 200, "{}", cells.kind);
        let variant = &answer.json["variants"][1];
        assert_eq!(variant["title"], "L");
        assert_eq!(variant["price"], serde_json::Value::Null);
        assert_eq!(variant["available"], false);
        let wrong = shop.get("/api/v1/products/shirt?currency=euro").await;
        assert_eq!(wrong.refusal(), (422, "invalid_request", "currency"));
        assert!(
            shop.products(&by(Default::default())).await.products[0]
                .price
                .is_none()
        );
    }
}
