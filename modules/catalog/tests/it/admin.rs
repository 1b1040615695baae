//! Merchants' edits over HTTP: versions, refusals that name the field, clean HTML.

use serde_json::{Value as Json, json};

use crate::support::{Answer, Shop, everywhere};

const PRODUCTS: &str = "/api/v1/admin/products";
const COLLECTIONS: &str = "/api/v1/admin/collections";

fn tea() -> Json {
    json!({
        "title": "Green Tea",
        "description_html": "<p>Fine<script> tea</p>",
        "options": [{"name": "Weight", "values": ["50 g", "100 g"]}],
        "variants": [
            {"option_values": ["50 g"], "sku": "T-50"},
            {"option_values": ["100 g"], "sku": "T-100", "grams": 100},
        ],
    })
}

fn path_of(base: &str, answer: &Answer) -> String {
    format!("{base}/{}", answer.json["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_product_is_made_read_changed_and_deleted() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "crud").await;
        let made = shop.admin("POST", PRODUCTS, None, Some(tea())).await;
        assert_eq!(
            (made.status, made.header("etag")),
            (201, "\"1\""),
            "{}",
            cells.kind
        );
        assert_eq!(made.json["handle"], "green-tea");
        assert_eq!(made.json["description_html"], "<p>Fine tea</p>");
        let path = path_of(PRODUCTS, &made);
        assert_eq!(
            shop.get("/api/v1/products/green-tea").await.json["title"],
            "Green Tea"
        );

        let patch = json!({"title": "Sencha", "vendor": "Uji"});
        let patched = shop.admin("PATCH", &path, Some("\"1\""), Some(patch)).await;
        assert_eq!(
            (patched.status, patched.header("etag")),
            (200, "\"2\""),
            "{}",
            cells.kind
        );
        assert_eq!(patched.json["vendor"], "Uji");
        assert_eq!(
            patched.json["variants"], made.json["variants"],
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.get("/api/v1/products/green-tea").await.json["title"],
            "Sencha"
        );
        // The same again changes nothing.
        let events = shop.events().await;
        let same = json!({"title": "Sencha", "vendor": "Uji"});
        let same = shop.admin("PATCH", &path, Some("*"), Some(same)).await;
        assert_eq!(
            (same.header("etag"), shop.events().await),
            ("\"2\"", events)
        );
        let cleared = shop
            .admin("PATCH", &path, Some("\"2\""), Some(json!({"vendor": null})))
            .await;
        assert_eq!(cleared.json["vendor"], Json::Null, "{}", cells.kind);

        assert_eq!(
            shop.admin("DELETE", &path, Some("\"3\""), None)
                .await
                .status,
            204
        );
        assert_eq!(
            shop.get("/api/v1/products/green-tea").await.status,
            404,
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.admin("GET", &path, None, None).await.status,
            404,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn variants_that_are_named_by_id_stay_themselves() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "named").await;
        let made = shop.admin("POST", PRODUCTS, None, Some(tea())).await;
        let path = path_of(PRODUCTS, &made);
        let mut whole = tea();
        whole["handle"] = json!("sencha");
        whole["variants"][0]["id"] = made.json["variants"][1]["id"].clone();
        whole["variants"][1]["id"] = made.json["variants"][0]["id"].clone();
        let replaced = shop.admin("PUT", &path, Some("\"1\""), Some(whole)).await;
        assert_eq!(
            (replaced.status, replaced.header("etag")),
            (200, "\"2\""),
            "{}",
            cells.kind
        );
        let id_and_sku = |answer: &Answer, at: usize| {
            let variant = &answer.json["variants"][at];
            (variant["id"].clone(), variant["sku"].clone())
        };
        let first = (made.json["variants"][1]["id"].clone(), json!("T-50"));
        assert_eq!(id_and_sku(&replaced, 0), first, "{}", cells.kind);
        assert_eq!(
            shop.get("/api/v1/products/green-tea").await.status,
            301,
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.get("/api/v1/products/sencha").await.status,
            200,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn an_edit_needs_the_version_it_is_based_on() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "versions").await;
        let product = shop.admin("POST", PRODUCTS, None, Some(tea())).await;
        let collection = json!({"title": "Teas", "products": ["green-tea"]});
        let collection = shop
            .admin("POST", COLLECTIONS, None, Some(collection))
            .await;
        for (base, made) in [(PRODUCTS, &product), (COLLECTIONS, &collection)] {
            let path = path_of(base, made);
            for method in ["PUT", "PATCH", "DELETE"] {
                let body = (method != "DELETE").then(|| json!({"title": "Other"}));
                let missing = shop.admin(method, &path, None, body.clone()).await;
                assert_eq!(missing.refusal().0, 428, "{} {method} {base}", cells.kind);
                let stale = shop.admin(method, &path, Some("\"7\""), body).await;
                assert_eq!(stale.refusal().0, 412, "{} {method} {base}", cells.kind);
                assert_eq!(
                    stale.header("etag"),
                    "\"1\"",
                    "{} {method} {base}",
                    cells.kind
                );
            }
        }
        assert_eq!(
            shop.get("/api/v1/products/green-tea").await.json["title"],
            "Green Tea"
        );
        let anonymous = shop.send("POST", PRODUCTS, &[], Some(tea())).await;
        assert_eq!(anonymous.status, 401);
    }
}

#[tokio::test]
async fn a_refused_product_names_the_field() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "fields").await;
        let made = shop.admin("POST", PRODUCTS, None, Some(tea())).await;
        let taken = shop.admin("POST", PRODUCTS, None, Some(tea())).await;
        assert_eq!(
            taken.refusal(),
            (409, "handle_taken", "handle"),
            "{}",
            cells.kind
        );
        let other = shop
            .admin("POST", PRODUCTS, None, Some(json!({"title": "Mug"})))
            .await;
        assert_eq!(other.status, 201, "{}", cells.kind);
        let rename = json!({"handle": "green-tea"});
        let path = path_of(PRODUCTS, &other);
        let renamed = shop.admin("PATCH", &path, Some("*"), Some(rename)).await;
        assert_eq!(
            renamed.refusal(),
            (409, "handle_taken", "handle"),
            "{}",
            cells.kind
        );
        let cases = [
            (json!({"title": ""}), "handle"),
            (json!({"title": " ", "handle": "x"}), "title"),
            (json!({"title": "X", "price": 5}), "price"),
            (json!({"title": "X", "handle": "Übung"}), "handle"),
            (json!({"title": "X", "variants": []}), "variants"),
            (
                json!({"title": "X", "variants": [{}, {}]}),
                "variants[1].option_values",
            ),
            (
                json!({"title": "X", "media": [{"url": "data:x", "alt": ""}]}),
                "media[0].url",
            ),
            (
                json!({"title": "X", "variants": [{"id": made.json["variants"][0]["id"]}]}),
                "variants[0].id",
            ),
        ];
        for (body, field) in cases {
            let refused = shop.admin("POST", PRODUCTS, None, Some(body)).await;
            assert_eq!(
                refused.refusal(),
                (422, "invalid_request", field),
                "{}",
                cells.kind
            );
        }
        let foreign = json!({"variants": [{"id": made.json["variants"][0]["id"]}]});
        let refused = shop.admin("PATCH", &path, Some("*"), Some(foreign)).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "variants[0].id")
        );
    }
}

#[tokio::test]
async fn merchants_list_products_of_every_status_page_by_page() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "admin-list").await;
        for (title, status) in [("A", "draft"), ("B", "active"), ("C", "archived")] {
            let body = json!({"title": title, "status": status});
            assert_eq!(
                shop.admin("POST", PRODUCTS, None, Some(body)).await.status,
                201
            );
        }
        let mut seen: Vec<String> = Vec::new();
        let mut path = format!("{PRODUCTS}?limit=2");
        loop {
            let page = shop.admin("GET", &path, None, None).await;
            let titles = page.json["data"].as_array().expect("rows").iter();
            seen.extend(titles.filter_map(|row| row["title"].as_str().map(str::to_owned)));
            let Some(cursor) = page.json["pagination"]["cursor"].as_str() else {
                break;
            };
            path = format!("{PRODUCTS}?limit=2&cursor={cursor}");
        }
        seen.sort();
        assert_eq!(seen, ["A", "B", "C"], "{}", cells.kind);
        let shown = shop.get("/api/v1/products").await;
        assert_eq!(
            shown.json["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_collection_is_made_changed_and_deleted_but_not_its_products() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "collections").await;
        shop.priced("shirt", 1_000).await;
        let unknown = json!({"title": "Teas", "products": ["shirt", "nothing"]});
        let refused = shop.admin("POST", COLLECTIONS, None, Some(unknown)).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "products[1]"),
            "{}",
            cells.kind
        );
        let body = json!({"title": "Summer", "products": ["shirt"]});
        let made = shop
            .admin("POST", COLLECTIONS, None, Some(body.clone()))
            .await;
        assert_eq!(
            (made.status, made.header("etag")),
            (201, "\"1\""),
            "{}",
            cells.kind
        );
        let taken = shop.admin("POST", COLLECTIONS, None, Some(body)).await;
        assert_eq!(
            taken.refusal(),
            (409, "handle_taken", "handle"),
            "{}",
            cells.kind
        );
        let path = path_of(COLLECTIONS, &made);
        let patch = json!({"title": "Winter", "products": []});
        let patched = shop.admin("PATCH", &path, Some("\"1\""), Some(patch)).await;
        assert_eq!(
            (patched.status, patched.header("etag")),
            (200, "\"2\""),
            "{}",
            cells.kind
        );
        let read = shop.admin("GET", &path, None, None).await;
        assert_eq!(
            (&read.json["title"], &read.json["products"]),
            (&json!("Winter"), &json!([]))
        );
        let whole = json!({"title": "Autumn", "handle": "autumn", "products": ["shirt"]});
        let replaced = shop.admin("PUT", &path, Some("\"2\""), Some(whole)).await;
        assert_eq!(replaced.json["handle"], "autumn", "{}", cells.kind);
        let listed = shop.get("/api/v1/collections/autumn/products").await;
        assert_eq!(listed.json["data"][0]["handle"], "shirt", "{}", cells.kind);
        assert_eq!(
            shop.admin("DELETE", &path, Some("\"3\""), None)
                .await
                .status,
            204
        );
        assert_eq!(
            shop.get("/api/v1/collections/autumn").await.status,
            404,
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.get("/api/v1/products/shirt").await.status,
            200,
            "{}",
            cells.kind
        );
    }
}
