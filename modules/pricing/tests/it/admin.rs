//! Prices, tax and shipping over HTTP.

use serde_json::{Value as Json, json};

use crate::support::{Shop, everywhere, line, request, variant};

const PRICES: &str = "/api/v1/admin/price-lists/default/prices";
const TAX: &str = "/api/v1/admin/tax";
const SHIPPING: &str = "/api/v1/admin/shipping";

fn price(number: u128, amount: i64) -> Json {
    json!({"variant_id": variant(number).to_string(), "price": {"amount": amount, "currency": "EUR"}})
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "keys").await;
        let body = json!({"prices": [price(1, 500), price(2, 700)]});
        let key = [("idempotency-key", "k1")];
        let first = shop.send("PUT", PRICES, &key, Some(body.clone())).await;
        assert_eq!(
            (first.status, &first.json),
            (200, &json!({"changed": 2})),
            "{}",
            cells.kind
        );
        let again = shop.send("PUT", PRICES, &key, Some(body.clone())).await;
        assert_eq!(
            (again.status, &again.json),
            (200, &json!({"changed": 2})),
            "{}",
            cells.kind
        );
        let other = json!({"prices": [price(1, 501)]});
        let reused = shop.send("PUT", PRICES, &key, Some(other)).await;
        assert_eq!(
            reused.refusal(),
            (422, "idempotency_key_reused", ""),
            "{}",
            cells.kind
        );
        let missing = shop.send("PUT", PRICES, &[], Some(body.clone())).await;
        assert_eq!(
            missing.refusal(),
            (400, "idempotency_key_missing", ""),
            "{}",
            cells.kind
        );
        let fresh = shop
            .send("PUT", PRICES, &[("idempotency-key", "k2")], Some(body))
            .await;
        assert_eq!(fresh.json, json!({"changed": 0}), "{}", cells.kind);
    }
}

#[tokio::test]
async fn refused_prices_set_none_and_name_the_field() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "refused-prices").await;
        let former = |amount: i64, currency: &str| {
            let mut entry = price(2, 700);
            entry["compare_at_price"] = json!({"amount": amount, "currency": currency});
            entry
        };
        let mut lower = price(2, 700);
        lower["price"]["currency"] = json!("eur");
        let cases = [
            (price(2, -1), "prices[1].price.amount"),
            (price(1, 500), "prices[1].variant_id"),
            (price(4_000, 500), "prices[1].variant_id"),
            (former(700, "EUR"), "prices[1].compare_at_price.amount"),
            (former(900, "USD"), "prices[1].compare_at_price.currency"),
            (lower, "prices[1].price.currency"),
        ];
        for (index, (entry, field)) in cases.into_iter().enumerate() {
            let key = format!("k{index}");
            let body = json!({"prices": [price(1, 500), entry]});
            let headers = [("idempotency-key", key.as_str())];
            let refused = shop.send("PUT", PRICES, &headers, Some(body)).await;
            assert_eq!(
                refused.refusal(),
                (422, "invalid_request", field),
                "{}",
                cells.kind
            );
        }
        let listed = shop.send("GET", PRICES, &[], None).await;
        assert_eq!(listed.json["data"], json!([]), "{}", cells.kind);
        assert_eq!(shop.told(), [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn prices_are_listed_page_by_page() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "price-list").await;
        let prices: Vec<Json> = (0..5).map(|number| price(number, 100)).collect();
        let key = [("idempotency-key", "k")];
        shop.send("PUT", PRICES, &key, Some(json!({"prices": prices})))
            .await;
        let mut seen: Vec<String> = Vec::new();
        let mut path = format!("{PRICES}?limit=2");
        loop {
            let page = shop.send("GET", &path, &[], None).await;
            let rows = page.json["data"].as_array().expect("rows");
            seen.extend(
                rows.iter()
                    .filter_map(|r| r["variant_id"].as_str().map(str::to_owned)),
            );
            let Some(cursor) = page.json["pagination"]["cursor"].as_str() else {
                break;
            };
            path = format!("{PRICES}?limit=2&cursor={cursor}");
        }
        let expected: Vec<String> = (0..5).map(|number| variant(number).to_string()).collect();
        assert_eq!(seen, expected, "{}", cells.kind);
        let one = shop
            .send(
                "GET",
                &format!("{PRICES}?variant_id={}", variant(3)),
                &[],
                None,
            )
            .await;
        assert_eq!(
            one.json["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
        let forged = shop
            .send("GET", &format!("{PRICES}?cursor=AAAA"), &[], None)
            .await;
        assert_eq!(
            forged.refusal(),
            (400, "invalid_cursor", "cursor"),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn tax_and_shipping_have_a_version_each() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "versions").await;
        let tax = shop.send("GET", TAX, &[], None).await;
        let first = json!({"rate_ppm": 200_000, "prices_include_tax": true, "regions": [],
            "categories": [], "exemptions": [], "provider": null});
        assert_eq!(
            (tax.header("etag"), &tax.json),
            ("\"1\"", &first),
            "{}",
            cells.kind
        );
        let stale = [("if-match", "\"2\"")];
        let seen = [("if-match", "\"1\"")];
        let lower = json!({"rate_ppm": 70_000, "prices_include_tax": true});
        let refused = shop.send("PUT", TAX, &stale, Some(lower.clone())).await;
        assert_eq!(refused.refusal().0, 412, "{}", cells.kind);
        let set = shop.send("PUT", TAX, &seen, Some(lower.clone())).await;
        assert_eq!(set.header("etag"), "\"2\"", "{}", cells.kind);
        assert_eq!(set.json["rate_ppm"], 70_000, "{}", cells.kind);
        let same = shop.send("PUT", TAX, &[], Some(lower)).await;
        assert_eq!(same.header("etag"), "\"2\"", "{}", cells.kind);
        let absurd = json!({"rate_ppm": 1_000_001, "prices_include_tax": true});
        let refused = shop.send("PUT", TAX, &[], Some(absurd)).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "rate_ppm"),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn deliveries_are_replaced_as_a_whole() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "deliveries").await;
        let tax = json!({"rate_ppm": 70_000, "prices_include_tax": true});
        let set = shop.send("PUT", TAX, &[], Some(tax)).await;
        assert_eq!(set.header("etag"), "\"2\"", "{}", cells.kind);
        let stale = [("if-match", "\"2\"")];
        let seen = [("if-match", "\"1\"")];
        let options = json!({"options": [
            {"id": "pickup", "name": "Pick up", "price": {"amount": 0, "currency": "EUR"}, "free_from": null},
            {"id": "post", "name": "Post", "price": {"amount": 350, "currency": "EUR"},
             "free_from": {"amount": 2_000, "currency": "EUR"}},
        ]});
        let with_zones = json!({"options": options["options"], "zones": []});
        let refused = shop
            .send("PUT", SHIPPING, &stale, Some(options.clone()))
            .await;
        assert_eq!(refused.refusal().0, 412, "{}", cells.kind);
        let set = shop
            .send("PUT", SHIPPING, &seen, Some(options.clone()))
            .await;
        assert_eq!(
            (set.header("etag"), &set.json),
            ("\"2\"", &with_zones),
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.send("GET", SHIPPING, &[], None).await.json,
            with_zones,
            "{}",
            cells.kind
        );
        shop.set(&[crate::support::euros(1, 1_000)])
            .await
            .expect("a price");
        let offered = shop
            .options(request(vec![line(1, 1)], None))
            .await
            .expect("options");
        assert_eq!(offered[1].price.amount, 350, "{}", cells.kind);
        let twice = json!({"options": [options["options"][0], options["options"][0]]});
        let refused = shop.send("PUT", SHIPPING, &[], Some(twice)).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request", "options[1].id"),
            "{}",
            cells.kind
        );
    }
}
