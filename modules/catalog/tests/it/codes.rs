//! Barcodes, many variants at once, and handles that products had before.

use serde_json::{Value as Json, json};

use crate::support::{Answer, Shop, everywhere};

const PRODUCTS: &str = "/api/v1/admin/products";

async fn make(shop: &Shop, body: Json) -> (String, Answer) {
    let made = shop.admin("POST", PRODUCTS, None, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    (
        format!("{PRODUCTS}/{}", made.json["id"].as_str().expect("an id")),
        made,
    )
}

#[tokio::test]
async fn a_wrong_check_digit_is_told_and_taken_and_a_gtin_is_found_in_every_length() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "barcodes").await;
        let theirs = Shop::open(&cells, "barcodes-others").await;
        let body = json!({"title": "Tea", "variants": [{"barcode": "036000291452", "sku": "T"}]});
        let (_, made) = make(&shop, body.clone()).await;
        assert_eq!(made.json["warnings"], json!([]), "{}", cells.kind);
        make(&theirs, body).await;
        let wrong = json!({"title": "Cup", "variants": [{"barcode": "036000291453"}]});
        let (_, made) = make(&shop, wrong).await;
        assert_eq!(
            made.json["warnings"],
            json!([{"field": "variants[0].barcode", "message": "is no GTIN: its check digit is wrong"}])
        );
        let found = async |query: &str| {
            let path = format!("/api/v1/admin/variants?{query}");
            let answer = shop.admin("GET", &path, None, None).await;
            let rows = answer.json["data"].as_array().cloned().unwrap_or_default();
            let names = rows
                .iter()
                .map(|row| row["product_handle"].as_str().unwrap_or("").to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            found("barcode=0036000291452").await,
            "tea",
            "{}",
            cells.kind
        );
        assert_eq!(found("barcode=036000291453").await, "cup", "{}", cells.kind);
        assert_eq!(found("sku=T").await, "tea", "{}", cells.kind);
        assert_eq!(found("sku=X").await, "", "{}", cells.kind);
        let both = shop
            .admin("GET", "/api/v1/admin/variants", None, None)
            .await;
        assert_eq!(both.refusal(), (422, "invalid_request", "barcode"));
    }
}

#[tokio::test]
async fn an_old_handle_leads_on_until_a_new_product_takes_it() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "moves").await;
        let (path, _) = make(&shop, json!({"title": "Tea"})).await;
        let rename = async |path: &str, handle: &str| {
            let renamed = shop
                .admin("PATCH", path, Some("*"), Some(json!({"handle": handle})))
                .await;
            assert_eq!(renamed.status, 200, "{}", cells.kind);
        };
        rename(&path, "green-tea").await;
        rename(&path, "grüner-tee").await;
        let to = "/api/v1/products/gr%C3%BCner-tee?currency=EUR";
        for old in ["tea", "green-tea"] {
            let answer = shop
                .get(&format!("/api/v1/products/{old}?currency=EUR"))
                .await;
            assert_eq!(
                (answer.status, answer.header("location")),
                (301, to),
                "{}",
                cells.kind
            );
            assert_eq!(answer.json, json!({"redirect_to": to}), "{}", cells.kind);
            let moved = shop
                .catalog
                .moved_to(shop.tenant, old)
                .await
                .expect("a read");
            assert_eq!(moved.as_deref(), Some("grüner-tee"), "{}", cells.kind);
        }
        assert_eq!(shop.get(to).await.json["title"], "Tea", "{}", cells.kind);
        // Back to a handle it had: its own history yields.
        rename(&path, "green-tea").await;
        assert_eq!(shop.get("/api/v1/products/green-tea").await.status, 200);
        let (second, _) = make(&shop, json!({"title": "Tea"})).await;
        let taken = shop.get("/api/v1/products/tea").await;
        assert_eq!(taken.status, 200, "{}", cells.kind);
        assert_eq!(
            shop.admin("DELETE", &second, Some("*"), None).await.status,
            204
        );
        let gone = shop.get("/api/v1/products/tea").await;
        assert_eq!(gone.status, 404, "{}: the row yielded for good", cells.kind);
        // A product that nobody sees leads nowhere.
        let hidden = json!({"status": "draft"});
        assert_eq!(
            shop.admin("PATCH", &path, Some("*"), Some(hidden))
                .await
                .status,
            200
        );
        let hidden = shop.get("/api/v1/products/gr%C3%BCner-tee").await;
        assert_eq!(hidden.status, 404, "{}", cells.kind);
        assert_eq!(
            shop.admin("DELETE", &path, Some("*"), None).await.status,
            204
        );
    }
}

fn two_thousand() -> Json {
    let values = |letter: &str, count: usize| -> Vec<String> {
        (0..count)
            .map(|number| format!("{letter}{number}"))
            .collect()
    };
    let (colours, sizes) = (values("c", 50), values("s", 40));
    let variants: Vec<Json> = colours
        .iter()
        .flat_map(|colour| {
            sizes
                .iter()
                .map(move |size| json!({"option_values": [colour, size]}))
        })
        .collect();
    json!({
        "title": "Yarn",
        "options": [{"name": "Colour", "values": colours}, {"name": "Size", "values": sizes}],
        "variants": variants,
    })
}

#[tokio::test]
async fn two_thousand_variants_are_one_page_and_change_together() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "yarn").await;
        let (path, made) = make(&shop, two_thousand()).await;
        let ids: Vec<Json> = made.json["variants"]
            .as_array()
            .expect("variants")
            .iter()
            .map(|variant| variant["id"].clone())
            .collect();
        assert_eq!(ids.len(), 2_000, "{}", cells.kind);
        cells.db(shop.tenant).await;
        let before = shop.statements();
        let page = shop.get("/api/v1/products/yarn").await;
        // The first looks for a stored answer.
        assert_eq!(shop.statements() - before, 2, "{}", cells.kind);
        assert_eq!(page.json["variants"].as_array().map(Vec::len), Some(2_000));
        let all: Vec<Json> = ids.iter().map(|id| json!({"id": id, "grams": 7})).collect();
        let batch = format!("{path}/variants");
        let changed = shop
            .admin(
                "PATCH",
                &batch,
                Some("\"1\""),
                Some(json!({"variants": all})),
            )
            .await;
        assert_eq!(
            (changed.status, changed.header("etag")),
            (200, "\"2\""),
            "{}",
            cells.kind
        );
        assert_eq!(
            changed.json["variants"][1_999]["grams"], 7,
            "{}",
            cells.kind
        );
        // One of two thousand is one row written, not two thousand.
        cells.db(shop.tenant).await;
        let before = shop.statements();
        let one = json!({"variants": [{"id": ids[5], "sku": "Y-5"}]});
        let changed = shop.admin("PATCH", &batch, Some("\"2\""), Some(one)).await;
        assert_eq!(changed.json["variants"][5]["sku"], "Y-5", "{}", cells.kind);
        assert!(shop.statements() - before < 20, "{}", cells.kind);
        let twice = json!({"variants": [{"id": ids[0]}, {"id": ids[0]}]});
        let refused = shop.admin("PATCH", &batch, Some("*"), Some(twice)).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "variants[1].id")
        );
    }
}
