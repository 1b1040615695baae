//! Orders that staff write.

use serde_json::{Value, json};
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_kernel::OrderId;

use crate::shop::{CUP, Shop, address, path, send};

fn wish(shop: &Shop) -> Value {
    json!({
        "lines": [
            { "variant_id": shop.sticker, "quantity": 2,
              "unit_price": { "amount": 150, "currency": "EUR" } },
            { "variant_id": shop.cup, "quantity": 1 },
        ],
        "email": "ada@example.com",
        "shipping_address": address(),
        "shipping_option_id": null,
        "note": "As we said on the telephone",
    })
}

fn id_of(draft: &Value) -> OrderId {
    draft["id"].as_str().unwrap().parse().unwrap()
}

/// The shop's first way to send things.
async fn option(shop: &Shop) -> String {
    let cart = shop.cart(&[(shop.cup, 1)], None).await;
    let options = shop.carts.shipping_options(shop.tenant, &cart).await;
    options.unwrap()[0].id.clone()
}

#[tokio::test]
async fn a_draft_is_priced_as_agreed_and_paid_by_its_link() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let mut body = wish(&shop);
        body["shipping_option_id"] = json!(option(&shop).await);
        let drafts = "/api/v1/admin/draft-orders";
        let (status, draft) = shop.ask(drafts, &body, "k1").await;
        assert_eq!(status, 201, "{kind}: {draft}");
        assert_eq!(
            shop.ask(drafts, &body, "k1").await,
            (201, draft.clone()),
            "{kind}"
        );
        assert_eq!(draft["status"], "draft", "{kind}");
        assert_eq!(draft["lines"][0]["total"]["amount"], 300, "{kind}");
        assert_eq!(draft["lines"][1]["total"]["amount"], CUP, "{kind}");
        assert_eq!(draft["test"], true, "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 0), "{kind}");
        let order = id_of(&draft);
        let one = format!("{drafts}/{order}");
        body["lines"][0]["quantity"] = json!(4);
        let (status, anew) = send(&shop.staff, "PUT", &one, &body, "k2").await;
        assert_eq!(status, 200, "{kind}: {anew}");
        assert_eq!(anew["lines"][0]["total"]["amount"], 600, "{kind}");
        assert_eq!(anew["number"], draft["number"], "{kind}");
        let link = shop
            .post(&format!("{one}/payment-link"), &Value::Null)
            .await;
        assert_eq!(link["due"], anew["totals"]["total"], "{kind}");
        shop.pay_link(order, "tok_success").await;
        shop.settle().await;
        let view = shop.order(order).await;
        assert_eq!(view.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 1), "{kind}");
        // Placed, it is no draft any more.
        let (status, refused) = send(&shop.staff, "PUT", &one, &body, "k3").await;
        assert_eq!(
            (status, &refused["code"]),
            (409, &json!("order_state_conflict")),
            "{kind}"
        );
        let paid = shop
            .refusal(&path(order, "payment-link"), &Value::Null)
            .await;
        assert_eq!(paid, (409, "order_state_conflict".to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn a_draft_is_discarded_for_good() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let draft = shop.post("/api/v1/admin/draft-orders", &wish(&shop)).await;
        let order = id_of(&draft);
        let one = format!("/api/v1/admin/draft-orders/{order}");
        for _ in 0..2 {
            let (status, _) = send(&shop.staff, "DELETE", &one, &Value::Null, "k").await;
            assert_eq!(status, 204, "{kind}");
        }
        assert_eq!(
            shop.order(order).await.status,
            OrderStatus::Canceled,
            "{kind}"
        );
        let link = shop
            .refusal(&format!("{one}/payment-link"), &Value::Null)
            .await;
        assert_eq!(link, (409, "order_state_conflict".to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn a_draft_that_is_paid_by_hand_is_placed_by_staff() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let way = json!({ "id": "transfer", "kind": "manual", "title": "Bank transfer" });
        shop.post("/api/v1/admin/payments/providers", &way).await;
        let mut body = wish(&shop);
        body["shipping_option_id"] = json!(option(&shop).await);
        let draft = shop.post("/api/v1/admin/draft-orders", &body).await;
        let order = id_of(&draft);
        let complete = format!("/api/v1/admin/draft-orders/{order}/complete");
        let card = json!({ "payment": { "provider": "test" } });
        let refused = shop.refusal(&complete, &card).await;
        assert_eq!(refused, (422, "invalid_request".to_owned()), "{kind}");
        let by_hand = json!({ "payment": { "provider": "transfer" } });
        let first = shop.ask(&complete, &by_hand, "k1").await;
        assert_eq!(first.0, 202, "{kind}: {}", first.1);
        assert_eq!(shop.ask(&complete, &by_hand, "k1").await, first, "{kind}");
        shop.work().await;
        let view = shop.order(order).await;
        assert_eq!(view.payment_status, PaymentStatus::Authorized, "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 1), "{kind}");
    }
}

#[tokio::test]
async fn odd_drafts_are_refused_by_field() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let change = |field: &str, value: Value| {
            let mut body = wish(&shop);
            body[field] = value;
            body
        };
        let nobody = stoa_kernel::VariantId::from_u128(9);
        for (field, body) in [
            ("lines", change("lines", json!([]))),
            (
                "lines[0].variant_id",
                change("lines", json!([{ "variant_id": nobody, "quantity": 1 }])),
            ),
            ("email", change("email", json!("nobody"))),
            ("note", change("note", json!("4242 4242 4242 4242"))),
            ("coupons", change("coupons", json!(["NONE"]))),
            (
                "shipping_option_id",
                change("shipping_option_id", json!("no")),
            ),
        ] {
            let key = shop.deps.ids.next_u128().to_string();
            let (status, refused) = shop.ask("/api/v1/admin/draft-orders", &body, &key).await;
            assert_eq!(
                (status, &refused["errors"][0]["field"]),
                (422, &json!(field)),
                "{kind}: {refused}"
            );
        }
    }
}
