//! Gift cards and store credit on their way back.

use serde_json::json;
use stoa_contracts::checkout::Purchase;
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_kernel::{Currency, CustomerId, OrderId};

use crate::shop::{Shop, path};

async fn gift_card(shop: &Shop, amount: i64) -> String {
    let body = json!({ "amount": { "amount": amount, "currency": "EUR" } });
    let card = shop.post("/api/v1/admin/gift-cards", &body).await;
    card["code"].as_str().unwrap().to_owned()
}

async fn left_on(shop: &Shop, code: &str) -> i64 {
    let ledger = &shop.peers.ledger;
    let left = ledger
        .gift_card_balance(shop.tenant, code, Currency::EUR)
        .await;
    left.expect(shop.kind).amount
}

async fn place_with(shop: &Shop, code: &str, token: &str) -> OrderId {
    let cart = shop.cart(&[(shop.pot, 1)], None).await;
    let mut request = shop.request(Purchase::Cart(cart), token, "k1");
    request.gift_cards = vec![code.to_owned()];
    let placed = shop.peers.checkout.place(request).await;
    placed.expect(shop.kind).order_id
}

async fn cancel(shop: &Shop, order: OrderId) {
    let body = json!({ "reason": "no" });
    shop.post(&path(order, "cancel"), &body).await;
    shop.settle().await;
    let view = shop.order(order).await;
    assert_eq!(view.status, OrderStatus::Canceled, "{}", shop.kind);
    assert_eq!(shop.stock(shop.pot).await, (10, 0), "{}", shop.kind);
}

#[tokio::test]
async fn a_canceled_order_gives_each_its_own_back() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let code = gift_card(&shop, 500).await;
        let order = place_with(&shop, &code, "tok_success").await;
        shop.settle().await;
        assert_eq!(left_on(&shop, &code).await, 0, "{kind}");
        let total = shop.order(order).await.totals.total.amount;
        cancel(&shop, order).await;
        assert_eq!(left_on(&shop, &code).await, 500, "{kind}");
        let charge = (order.to_string(), total - 500, total - 500);
        assert_eq!(shop.charges().await, [charge], "{kind}");
        assert_eq!(shop.order(order).await.refunded.amount, total, "{kind}");
    }
}

#[tokio::test]
async fn a_gift_card_that_was_held_for_an_unpaid_order_is_free_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let code = gift_card(&shop, 500).await;
        let order = place_with(&shop, &code, "tok_3ds").await;
        shop.work().await;
        assert_eq!(left_on(&shop, &code).await, 0, "{kind}");
        cancel(&shop, order).await;
        assert_eq!(left_on(&shop, &code).await, 500, "{kind}");
    }
}

#[tokio::test]
async fn a_gift_card_that_was_spent_on_a_promise_comes_back_with_it() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let code = gift_card(&shop, 500).await;
        let order = place_with(&shop, &code, "tok_capture_later").await;
        while shop.order(order).await.payment_status != PaymentStatus::Authorized {
            shop.clock.advance(std::time::Duration::from_secs(1));
            shop.work().await;
        }
        cancel(&shop, order).await;
        assert_eq!(left_on(&shop, &code).await, 500, "{kind}");
    }
}

#[tokio::test]
async fn store_credit_is_there_at_once_and_the_provider_is_not_asked() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let customer = CustomerId::from_u128(12);
        let draft = json!({
            "lines": [{ "variant_id": shop.sticker, "quantity": 2 }],
            "email": "ada@example.com",
            "customer_id": customer,
        });
        let draft = shop.post("/api/v1/admin/draft-orders", &draft).await;
        let order: OrderId = draft["id"].as_str().unwrap().parse().unwrap();
        shop.pay_link(order, "tok_success").await;
        shop.settle().await;
        let line = shop.order(order).await.lines[0].id;
        let body = json!({
            "lines": [{ "line_id": line, "quantity": 1 }],
            "to_store_credit": true,
        });
        let refund = shop.post(&path(order, "refunds"), &body).await;
        assert_eq!(
            (&refund["state"], &refund["amount"]["amount"]),
            (&json!("succeeded"), &json!(300)),
            "{kind}"
        );
        let view = shop.order(order).await;
        assert_eq!(
            (view.refunded.amount, view.lines[0].refunded),
            (300, 1),
            "{kind}"
        );
        // Both were delivered when they were paid.
        assert_eq!(shop.stock(shop.sticker).await, (8, 0), "{kind}");
        assert_eq!(shop.charges().await[0].2, 0, "{kind}");
        // Nobody's order gives nobody credit.
        let other = shop.paid(&[(shop.pot, 1)]).await;
        let body = json!({ "shipping": true, "to_store_credit": true });
        let refused = shop.refusal(&path(other.id, "refunds"), &body).await;
        assert_eq!(refused, (422, "invalid_request".to_owned()), "{kind}");
    }
}
