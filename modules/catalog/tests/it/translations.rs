//! Products and collections in other languages.

use serde_json::{Value as Json, json};

use crate::support::{Shop, everywhere};

async fn put(shop: &Shop, path: &str, body: Json) {
    let put = shop.admin("PUT", path, None, Some(body)).await;
    assert_eq!(put.status, 204, "{}", put.json);
}

#[tokio::test]
async fn a_product_is_shown_in_the_language_asked_with_fallback_field_by_field() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "words").await;
        let made = shop.priced("shirt", 1_000).await;
        let path = format!("/api/v1/admin/products/{}/translations", made.product);
        let options = json!([{"name": "Größe", "values": ["klein", "groß"]}]);
        let german = json!({
            "title": "Hemd", "description_html": "<p>Baumwolle<script></p>", "options": options,
        });
        put(&shop, &format!("{path}/de"), german).await;
        put(&shop, &format!("{path}/de-AT"), json!({"title": "Leiberl"})).await;
        let read = async |locale: &str| {
            let page = format!("/api/v1/products/shirt?locale={locale}");
            shop.get(&page).await.json
        };
        let austrian = read("de-AT").await;
        assert_eq!(austrian["title"], "Leiberl", "{}", cells.kind);
        assert_eq!(
            austrian["description_html"], "<p>Baumwolle</p>",
            "{}",
            cells.kind
        );
        assert_eq!(austrian["options"], options, "{}", cells.kind);
        assert_eq!(austrian["variants"][1]["title"], "groß", "{}", cells.kind);
        assert_eq!(read("de-CH").await["title"], "Hemd", "{}", cells.kind);
        for other in ["fr", "nonsense!", ""] {
            assert_eq!(
                read(other).await["title"],
                "Shirt shirt",
                "{} {other}",
                cells.kind
            );
        }
        let list = shop.get("/api/v1/products?locale=de-AT").await.json;
        assert_eq!(list["data"][0]["title"], "Leiberl", "{}", cells.kind);
        let euro = stoa_kernel::Currency::EUR;
        let cards = shop
            .catalog
            .cards(shop.tenant, &[made.product], euro, Some("de"))
            .await;
        assert_eq!(cards.expect("cards")[0].title, "Hemd", "{}", cells.kind);
        let documents = shop.catalog.documents(shop.tenant, &[made.product]).await;
        let words = &documents.expect("a document")[0].translations;
        let words: Vec<_> = words
            .iter()
            .map(|each| (&*each.locale, &*each.title))
            .collect();
        assert_eq!(
            words,
            [("de", "Hemd"), ("de-at", "Leiberl")],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn what_was_read_in_a_language_is_outdated_with_the_product_and_with_its_words() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "outdated-words").await;
        let made = shop.priced("shirt", 1_000).await;
        let path = format!("/api/v1/admin/products/{}/translations", made.product);
        let options = json!([{"name": "Größe", "values": ["klein", "groß"]}]);
        let german = json!({"title": "Hemd", "options": options});
        put(&shop, &format!("{path}/de"), german).await;
        put(&shop, &format!("{path}/de-AT"), json!({"title": "Leiberl"})).await;
        let read = async |locale: &str| {
            let page = format!("/api/v1/products/shirt?locale={locale}");
            shop.get(&page).await.json
        };
        assert_eq!(read("de-AT").await["title"], "Leiberl", "{}", cells.kind);
        assert_eq!(read("de").await["options"], options, "{}", cells.kind);
        // What was read in a language is outdated with the product, and with its words.
        shop.price(made.variants[0].0, 999, None).await;
        assert_eq!(
            read("de").await["variants"][0]["price"]["amount"],
            999,
            "{}",
            cells.kind
        );
        let gone = shop
            .admin("DELETE", &format!("{path}/de-at"), None, None)
            .await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        assert_eq!(read("de-AT").await["title"], "Hemd", "{}", cells.kind);
        let gone = shop
            .admin("DELETE", &format!("{path}/de-at"), None, None)
            .await;
        assert_eq!(gone.status, 404, "{}", cells.kind);
        // Options that changed since are shown as they are.
        let patch = json!({"options": [], "variants": [{}]});
        let product = format!("/api/v1/admin/products/{}", made.product);
        assert_eq!(
            shop.admin("PATCH", &product, Some("*"), Some(patch))
                .await
                .status,
            200
        );
        assert_eq!(read("de").await["options"], json!([]), "{}", cells.kind);
        let refused = shop
            .admin("PUT", &format!("{path}/x"), None, Some(json!({})))
            .await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "locale"),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn collections_and_the_languages_of_a_shop_are_told() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "spoken").await;
        let theirs = Shop::open(&cells, "spoken-others").await;
        let body = json!({"title": "Summer", "handle": "summer"});
        let made = shop
            .admin("POST", "/api/v1/admin/collections", None, Some(body))
            .await;
        let id = made.json["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/admin/collections/{id}/translations/de");
        put(&shop, &path, json!({"title": "Sommer"})).await;
        let foreign = theirs
            .admin("PUT", &path, None, Some(json!({"title": "x"})))
            .await;
        assert_eq!(foreign.status, 404, "{}", cells.kind);
        let one = shop.get("/api/v1/collections/summer?locale=de").await.json;
        assert_eq!(one["title"], "Sommer", "{}", cells.kind);
        let all = shop.get("/api/v1/collections?locale=de").await.json;
        assert_eq!(all["data"][0]["title"], "Sommer", "{}", cells.kind);
        let plain = shop.get("/api/v1/collections/summer").await.json;
        assert_eq!(plain["title"], "Summer", "{}", cells.kind);
        let spoken = shop.get("/api/v1/locales").await.json;
        assert_eq!(
            spoken,
            json!({"main": "en", "others": []}),
            "{}",
            cells.kind
        );
        let body = json!({"main": "en", "others": ["de", "pt-BR"]});
        let set = shop
            .admin("PUT", "/api/v1/admin/locales", None, Some(body))
            .await;
        assert_eq!(
            set.json,
            json!({"main": "en", "others": ["de", "pt-br"]}),
            "{}",
            cells.kind
        );
        let spoken = shop.catalog.locales(shop.tenant).await.expect("a read");
        assert_eq!(spoken.others, ["de", "pt-br"], "{}", cells.kind);
        let twice = json!({"main": "en", "others": ["EN"]});
        let refused = shop
            .admin("PUT", "/api/v1/admin/locales", None, Some(twice))
            .await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "others[0]"),
            "{}",
            cells.kind
        );
    }
}
