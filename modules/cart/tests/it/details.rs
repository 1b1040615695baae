//! Who buys, where it goes, and how it is sent.

use serde_json::{Value, json};

use crate::support::{MUG, Shop, everywhere};

fn address(country: &str) -> Value {
    json!({
        "name": "Jo Doe", "line1": "1 Agora", "city": "Athens", "postal_code": "105 55",
        "country": country,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_stays_and_what_is_left_out_is_kept() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 1).await;
        let first = shopper
            .update(&json!({ "email": " jo@example.com ", "shipping_address": address("DE") }))
            .await;
        assert_eq!(first.status, 200, "{}: {}", cells.kind, first.json);
        let second = shopper
            .update(&json!({
                "billing_address": address("GR"), "shipping_option_id": "standard", "coupons": [],
            }))
            .await;
        let cart = second.json;
        assert_eq!(cart["email"], "jo@example.com", "{}", cells.kind);
        let mut kept = address("DE");
        kept["line2"] = Value::Null;
        kept["region"] = Value::Null;
        assert_eq!(cart["shipping_address"], kept, "{}", cells.kind);
        assert_eq!(cart["billing_address"]["country"], "GR", "{}", cells.kind);
        assert_eq!(cart["shipping_option_id"], "standard", "{}", cells.kind);
        assert_eq!(cart["totals"]["shipping"]["amount"], 500, "{}", cells.kind);
        assert_eq!(cart["totals"]["total"]["amount"], 1700, "{}", cells.kind);
        assert_eq!(
            shopper.update(&json!({})).await.json,
            cart,
            "{}",
            cells.kind
        );
        assert_eq!(
            shopper
                .update(&json!({ "email": "jo@example.com" }))
                .await
                .json,
            cart
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_field_is_named() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let with = |part: &str, value: Value| {
            let mut address = address("DE");
            address[part] = value;
            json!({ "shipping_address": address })
        };
        let mut nameless = address("DE");
        nameless.as_object_mut().expect("an object").remove("name");
        let cases = [
            (json!({ "email": "nobody" }), "email"),
            (json!({ "email": "" }), "email"),
            (with("line1", json!(" ")), "shipping_address.line1"),
            (
                with("city", json!("x".repeat(256))),
                "shipping_address.city",
            ),
            (
                with("country", json!("Germany")),
                "shipping_address.country",
            ),
            (with("country", json!("XX")), "shipping_address.country"),
            (
                with("name", json!("4242-4242-4242-4242")),
                "shipping_address.name",
            ),
            (
                with("line2", json!("card 4242424242424242")),
                "shipping_address.line2",
            ),
            (with("phone", json!("1")), "shipping_address.phone"),
            (
                json!({ "billing_address": nameless }),
                "billing_address.name",
            ),
            (json!({ "coupons": ["SAVE10"] }), "coupons[0]"),
            (
                json!({ "shipping_option_id": "rocket" }),
                "shipping_option_id",
            ),
            (json!({ "currency": "USD" }), "currency"),
        ];
        for (body, field) in &cases {
            let refused = shopper.update(body).await;
            assert_eq!(
                refused.refusal(),
                (422, "invalid_request"),
                "{} {body}",
                cells.kind
            );
            assert_eq!(refused.field(), *field, "{} {body}", cells.kind);
        }
        assert_eq!(
            shopper.view().await["version"],
            1,
            "{}: nothing was kept",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shipping_options_follow_the_address_and_a_choice_that_does_not_fit_is_dropped() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let offered = || async {
            let answer = shopper.send("GET", "/shipping-options", None).await;
            assert_eq!(answer.json["pagination"], json!({ "has_more": false }));
            answer.json["data"].clone()
        };
        assert_eq!(
            offered().await,
            json!([]),
            "{}: nothing to send",
            cells.kind
        );
        shopper.add(MUG, 1).await;
        let euros = |amount: i64| json!({ "amount": amount, "currency": "EUR" });
        assert_eq!(
            offered().await,
            json!([
                { "id": "standard", "name": "STANDARD", "price": euros(500) },
                { "id": "express", "name": "EXPRESS", "price": euros(900) },
            ]),
            "{}",
            cells.kind
        );
        shopper
            .update(&json!({ "shipping_option_id": "express" }))
            .await;
        let moved = shopper
            .update(&json!({ "shipping_address": address("CH") }))
            .await;
        assert_eq!(
            moved.json["shipping_option_id"],
            Value::Null,
            "{}",
            cells.kind
        );
        assert_eq!(moved.json["totals"]["shipping"], euros(0), "{}", cells.kind);
        assert_eq!(offered().await[0]["id"], "abroad", "{}", cells.kind);
        let both = json!({ "shipping_address": address("DE"), "shipping_option_id": "standard" });
        let back = shopper.update(&both).await;
        assert_eq!(
            back.json["totals"]["shipping"],
            euros(500),
            "{}",
            cells.kind
        );
    }
}
