//! What shoppers are told of changes under their cart, and how they accept them.

use serde_json::{Value, json};

use crate::support::{CUP, MUG, Shop, everywhere};

fn euros(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_price_is_told_until_the_line_is_touched_or_the_notices_are_seen() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let added = shopper.add(MUG, 2).await;
        assert_eq!(added.json["notices"], json!([]), "{}", cells.kind);
        let line = added.line(0);
        let mut before = 1200;
        for (way, now) in [
            ("added", 1300),
            ("set", 1250),
            ("same", 1100),
            ("seen", 990),
        ] {
            shop.shelf.price(MUG, Some(now));
            let told = json!([{
                "kind": "price_changed", "line_id": line, "before": euros(before), "now": euros(now),
            }]);
            let shown = shopper.view().await;
            assert_eq!(shown["notices"], told, "{} {way}", cells.kind);
            // Something else about the cart accepts no price.
            let coupons = json!({ "coupons": [way] });
            assert_eq!(shopper.update(&coupons).await.json["notices"], told);
            let quantity = shown["lines"][0]["quantity"].as_u64().expect("a number") as u32;
            let accepted = match way {
                "added" => shopper.add(MUG, 1).await,
                "set" => shopper.set(line, 1).await,
                "same" => shopper.set(line, quantity).await,
                _ => shopper.see_notices().await,
            };
            assert_eq!(accepted.status, 200, "{} {way}", accepted.json);
            assert_eq!(accepted.json["notices"], json!([]), "{} {way}", cells.kind);
            assert_eq!(shopper.view().await["notices"], json!([]), "{way}");
            before = now;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told_and_seeing_it_does_not_end_it() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 4).await;
        let added = shopper.add(CUP, 1).await;
        shop.stock(&cells, MUG, 3).await;
        shop.shelf.publish(CUP, false);
        let told = json!([
            { "kind": "stock_short", "line_id": added.line(0), "available": 3 },
            { "kind": "not_for_sale", "line_id": added.line(1) },
        ]);
        assert_eq!(shopper.view().await["notices"], told, "{}", cells.kind);
        let seen = shopper.see_notices().await;
        assert_eq!(seen.json["notices"], told, "{}", cells.kind);
        assert_eq!(seen.json["version"], 3, "{}: nothing changed", cells.kind);
        shop.stock(&cells, MUG, 0).await;
        let none = shopper.view().await["notices"][0].clone();
        assert_eq!(none["available"], 0, "{}", cells.kind);
        shop.stock(&cells, MUG, 4).await;
        shop.shelf.publish(CUP, true);
        assert_eq!(shopper.view().await["notices"], json!([]), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_gone_is_told_of_until_seen_and_comes_back_with_the_address() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 1).await;
        let to = |country: &str| {
            json!({ "shipping_address": {
                "name": "Jo Doe", "line1": "1 Agora", "city": "Athens", "postal_code": "105 55",
                "country": country,
            }})
        };
        shopper
            .update(&json!({ "shipping_option_id": "standard" }))
            .await;
        let gone = json!([{ "kind": "shipping_gone", "shipping_option_id": "standard" }]);
        let abroad = shopper.update(&to("CH")).await.json;
        assert_eq!(abroad["notices"], gone, "{}", cells.kind);
        assert_eq!(abroad["totals"]["total"], euros(1200), "{}", cells.kind);
        let home = shopper.update(&to("DE")).await.json;
        assert_eq!(home["notices"], json!([]), "{}", cells.kind);
        assert_eq!(home["shipping_option_id"], "standard", "{}", cells.kind);
        shopper.update(&to("CH")).await;
        let seen = shopper.see_notices().await.json;
        assert_eq!(seen["notices"], json!([]), "{}", cells.kind);
        let home = shopper.update(&to("DE")).await.json;
        assert_eq!(home["shipping_option_id"], Value::Null, "{}", cells.kind);
    }
}
