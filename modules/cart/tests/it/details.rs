//! Who buys, where it goes, and how it is sent.

use serde_json::{Value, json};

use crate::peers::ONE_OFF;
use crate::support::{CUP, MUG, Shop, everywhere};

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
            (json!({ "coupons": ["a", " "] }), "coupons[1]"),
            (json!({ "coupons": ["4242 4242 4242 4242"] }), "coupons[0]"),
            (json!({ "note": "x".repeat(1001) }), "note"),
            (
                json!({ "note": "My card: 4242424242424242, thanks" }),
                "note",
            ),
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
async fn shipping_options_follow_the_address_and_a_choice_that_does_not_fit_is_told_of_and_not_used()
 {
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
        assert_eq!(moved.json["shipping_option_id"], Value::Null);
        assert_eq!(moved.json["shipping"], Value::Null, "{}", cells.kind);
        let gone = json!([{ "kind": "shipping_gone", "shipping_option_id": "express" }]);
        assert_eq!(moved.json["notices"], gone, "{}", cells.kind);
        assert_eq!(moved.json["totals"]["shipping"], euros(0), "{}", cells.kind);
        assert_eq!(offered().await[0]["id"], "abroad", "{}", cells.kind);
        let both = json!({ "shipping_address": address("DE"), "shipping_option_id": "standard" });
        let back = shopper.update(&both).await;
        assert_eq!(
            back.json["shipping"],
            json!({ "id": "standard", "name": "STANDARD", "price": euros(500) }),
            "{}",
            cells.kind
        );
        assert_eq!(back.json["totals"]["shipping"], euros(500));
        assert_eq!(back.json["notices"], json!([]), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coupons_are_kept_though_refused_and_what_applies_is_told_line_by_line() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 1).await;
        shopper.add(CUP, 1).await;
        let euros = |amount: i64| json!({ "amount": amount, "currency": "EUR" });
        let codes = json!([format!(" {ONE_OFF} "), "Later", "LATER"]);
        let cart = shopper.update(&json!({ "coupons": codes })).await.json;
        assert_eq!(cart["coupons"], json!([ONE_OFF, "Later"]), "{}", cells.kind);
        let refused = json!([{ "code": "Later", "reason": "unknown" }]);
        assert_eq!(cart["refused_coupons"], refused, "{}", cells.kind);
        let promotion = cart["promotions"][0].clone();
        assert_eq!(
            (&promotion["code"], &promotion["amount"]),
            (&json!(ONE_OFF), &euros(100))
        );
        let line = &cart["lines"][0];
        assert_eq!(line["subtotal"], euros(1200), "{}", cells.kind);
        assert_eq!(line["discount"], euros(100), "{}", cells.kind);
        assert_eq!(line["total"], euros(1100), "{}", cells.kind);
        assert_eq!(line["adjustments"][0]["title"], "One off", "{}", cells.kind);
        assert_eq!(cart["lines"][1]["adjustments"], json!([]), "{}", cells.kind);
        assert_eq!(cart["totals"]["total"], euros(1850), "{}", cells.kind);
        assert_eq!(
            shopper.view().await,
            cart,
            "{}: all of it stays",
            cells.kind
        );
        let cleared = shopper.update(&json!({ "coupons": [] })).await.json;
        assert_eq!(cleared["coupons"], json!([]), "{}", cells.kind);
        assert_eq!(cleared["totals"]["total"], euros(1950), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_stays_until_an_empty_one_clears_it() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let noted = shopper.update(&json!({ "note": " Ring\ntwice " })).await;
        assert_eq!(noted.json["note"], "Ring\ntwice", "{}", cells.kind);
        let kept = shopper.update(&json!({ "email": "jo@example.com" })).await;
        assert_eq!(kept.json["note"], "Ring\ntwice", "{}", cells.kind);
        let cleared = shopper.update(&json!({ "note": "" })).await;
        assert_eq!(cleared.json["note"], Value::Null, "{}", cells.kind);
        assert_eq!(cleared.json["version"], 4, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_asked_for_where_the_cart_goes_and_for_who_buys() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 1).await;
        assert_eq!(shop.shelf.asked().destination, Default::default());
        assert_eq!(shop.shelf.prepared(), []);
        let mut to = address("DE");
        to["region"] = json!("BY");
        shopper
            .update(&json!({ "email": "jo@example.com", "shipping_address": to }))
            .await;
        let asked = shop.shelf.asked();
        assert_eq!(asked.email.as_deref(), Some("jo@example.com"));
        assert_eq!(asked.destination.country.as_deref(), Some("DE"));
        assert_eq!(asked.destination.region.as_deref(), Some("BY"));
        assert_eq!(asked.destination.postal_code.as_deref(), Some("105 55"));
        assert_eq!(shop.shelf.prepared(), [asked.destination], "{}", cells.kind);
    }
}
