//! Price lists from the merchant's hand to the quote.

use std::time::Duration;

use serde_json::json;

use crate::support::{Shop, euros, everywhere, line, request, variant};

const ALL: &str = "/api/v1/admin/price-lists";

async fn unit(shop: &Shop, units: u32) -> i64 {
    let quote = shop.quote(request(vec![line(1, units)], None)).await;
    quote.expect("a quote").lines[0].unit_price.amount
}

#[tokio::test]
async fn a_scheduled_list_holds_while_it_lasts() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "sale").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let start = shop.now.plus(Duration::from_secs(60));
        let end = start.plus(Duration::from_secs(60));
        let terms = json!({"name": "Sale", "currency": "EUR", "starts_at": start, "ends_at": end});
        let key = [("idempotency-key", "sale")];
        let made = shop.send("POST", ALL, &key, Some(terms.clone())).await;
        assert_eq!(made.status, 201, "{}: {}", cells.kind, made.json);
        let path = format!("{ALL}/{}", made.json["id"].as_str().expect("an id"));
        let prices = format!("{path}/prices");
        let price = |number: u128, units: i64, amount: i64, currency: &str| {
            json!({"variant_id": variant(number), "min_quantity": units,
                "price": {"amount": amount, "currency": currency}})
        };
        let put = async |key: &str, all: serde_json::Value| {
            let body = Some(json!({"prices": all}));
            shop.send("PUT", &prices, &[("idempotency-key", key)], body)
                .await
        };
        let set = put(
            "a",
            json!([price(1, 1, 800, "EUR"), price(1, 10, 700, "EUR")]),
        )
        .await;
        assert_eq!(set.json, json!({"changed": 2}), "{}", cells.kind);
        let dollars = put("b", json!([price(1, 1, 800, "USD")])).await;
        assert_eq!(
            dollars.refusal().2,
            "prices[0].price.currency",
            "{}",
            cells.kind
        );
        let unknown = put("c", json!([price(500, 1, 800, "EUR")])).await;
        assert_eq!(
            unknown.refusal().2,
            "prices[0].variant_id",
            "{}",
            cells.kind
        );
        assert_eq!(unit(&shop, 1).await, 1_000, "{}", cells.kind);
        cells.clock.advance(Duration::from_secs(60));
        assert_eq!(
            (unit(&shop, 1).await, unit(&shop, 10).await),
            (800, 700),
            "{}",
            cells.kind
        );
        let before = shop.statements();
        unit(&shop, 1).await;
        assert_eq!(shop.statements() - before, 3, "{}", cells.kind);
        let gone = json!([{"variant_id": variant(1), "min_quantity": 10, "price": null}]);
        assert_eq!(
            put("d", gone).await.json,
            json!({"changed": 1}),
            "{}",
            cells.kind
        );
        assert_eq!(unit(&shop, 10).await, 800, "{}", cells.kind);
        let listed = shop.send("GET", &prices, &[], None).await;
        assert_eq!(
            listed.json["data"],
            json!([price(1, 1, 800, "EUR")]),
            "{}",
            cells.kind
        );
        let mut off = terms;
        off["enabled"] = json!(false);
        let set = shop
            .send("PUT", &path, &[("if-match", "\"1\"")], Some(off.clone()))
            .await;
        assert_eq!(set.status, 200, "{}", cells.kind);
        assert_eq!(unit(&shop, 1).await, 1_000, "{}", cells.kind);
        off["enabled"] = json!(true);
        shop.send("PUT", &path, &[], Some(off.clone())).await;
        assert_eq!(unit(&shop, 1).await, 800, "{}", cells.kind);
        off["currency"] = json!("USD");
        let refused = shop.send("PUT", &path, &[], Some(off)).await;
        assert_eq!(refused.refusal().2, "currency", "{}", cells.kind);
        cells.clock.advance(Duration::from_secs(60));
        assert_eq!(unit(&shop, 1).await, 1_000, "{}", cells.kind);
        assert_eq!(
            shop.send("DELETE", &path, &[], None).await.status,
            204,
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.send("GET", &prices, &[], None).await.status,
            404,
            "{}",
            cells.kind
        );
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
