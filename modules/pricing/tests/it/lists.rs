//! Price lists from the merchant's hand to the quote.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::support::{Answer, Shop, euros, everywhere, line, request, variant};

const ALL: &str = "/api/v1/admin/price-lists";

async fn unit(shop: &Shop, units: u32) -> i64 {
    let quote = shop.quote(request(vec![line(1, units)], None)).await;
    quote.expect("a quote").lines[0].unit_price.amount
}

/// Makes a list; its path.
async fn made(shop: &Shop, terms: &Json) -> String {
    let key = [("idempotency-key", "list")];
    let made = shop.send("POST", ALL, &key, Some(terms.clone())).await;
    assert_eq!(made.status, 201, "{}", made.json);
    format!("{ALL}/{}", made.json["id"].as_str().expect("an id"))
}

fn price(number: u128, units: i64, amount: i64, currency: &str) -> Json {
    json!({"variant_id": variant(number), "min_quantity": units,
        "price": {"amount": amount, "currency": currency}})
}

/// Sets prices of the list at `path`, under a key of their own.
async fn put(shop: &Shop, path: &str, key: &str, prices: Json) -> Answer {
    let body = Some(json!({ "prices": prices }));
    let path = format!("{path}/prices");
    shop.send("PUT", &path, &[("idempotency-key", key)], body)
        .await
}

#[tokio::test]
async fn a_scheduled_list_holds_while_it_lasts() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "sale").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let start = shop.now.plus(Duration::from_secs(60));
        let end = start.plus(Duration::from_secs(60));
        let terms = json!({"name": "Sale", "currency": "EUR", "starts_at": start, "ends_at": end});
        let path = made(&shop, &terms).await;
        let prices = json!([price(1, 1, 800, "EUR"), price(1, 10, 700, "EUR")]);
        let set = put(&shop, &path, "a", prices).await;
        assert_eq!(set.json, json!({"changed": 2}), "{}", cells.kind);
        assert_eq!(unit(&shop, 1).await, 1_000, "{}", cells.kind);
        cells.clock.advance(Duration::from_secs(60));
        let units = (unit(&shop, 1).await, unit(&shop, 10).await);
        assert_eq!(units, (800, 700), "{}", cells.kind);
        let before = shop.statements();
        unit(&shop, 1).await;
        assert_eq!(shop.statements() - before, 3, "{}", cells.kind);
        cells.clock.advance(Duration::from_secs(60));
        assert_eq!(unit(&shop, 1).await, 1_000, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_list_is_filled_changed_and_removed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "list").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let terms = json!({"name": "Club", "currency": "EUR", "kind": "override"});
        let path = made(&shop, &terms).await;
        let dollars = put(&shop, &path, "a", json!([price(1, 1, 800, "USD")])).await;
        let field = "prices[0].price.currency";
        assert_eq!(dollars.refusal().2, field, "{}", cells.kind);
        let unknown = put(&shop, &path, "b", json!([price(500, 1, 800, "EUR")])).await;
        let field = "prices[0].variant_id";
        assert_eq!(unknown.refusal().2, field, "{}", cells.kind);
        let prices = json!([price(1, 1, 1_800, "EUR"), price(1, 10, 700, "EUR")]);
        put(&shop, &path, "c", prices).await;
        assert_eq!(unit(&shop, 1).await, 1_800, "{}", cells.kind);
        let gone = json!([{"variant_id": variant(1), "min_quantity": 10, "price": null}]);
        let set = put(&shop, &path, "d", gone).await;
        assert_eq!(set.json, json!({"changed": 1}), "{}", cells.kind);
        assert_eq!(unit(&shop, 10).await, 1_800, "{}", cells.kind);
        let prices = format!("{path}/prices");
        let listed = shop.send("GET", &prices, &[], None).await;
        let left = json!([price(1, 1, 1_800, "EUR")]);
        assert_eq!(listed.json["data"], left, "{}", cells.kind);
        let mut off = terms;
        off["enabled"] = json!(false);
        let seen = [("if-match", "\"1\"")];
        let set = shop.send("PUT", &path, &seen, Some(off.clone())).await;
        assert_eq!(set.status, 200, "{}", cells.kind);
        assert_eq!(unit(&shop, 1).await, 1_000, "{}", cells.kind);
        let stale = shop.send("PUT", &path, &seen, Some(off.clone())).await;
        assert_eq!(stale.status, 412, "{}", cells.kind);
        off["currency"] = json!("USD");
        let refused = shop.send("PUT", &path, &[], Some(off)).await;
        assert_eq!(refused.refusal().2, "currency", "{}", cells.kind);
        let gone = shop.send("DELETE", &path, &[], None).await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        let gone = shop.send("GET", &prices, &[], None).await;
        assert_eq!(gone.status, 404, "{}", cells.kind);
    }
}

#[tokio::test]
async fn an_agreed_price_stands_above_every_list() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "agreed").await;
        let mut agreed = line(50, 3);
        agreed.unit_price = Some(stoa_kernel::Money::new(123, stoa_kernel::Currency::EUR));
        let quote = shop.quote(request(vec![agreed], None)).await;
        assert_eq!(
            quote.expect("a quote").totals.total.amount,
            369,
            "{}",
            cells.kind
        );
    }
}
