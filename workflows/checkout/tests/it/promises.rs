//! Money that is promised and comes later, by hand or by a capture, or never.

use serde_json::json;
use stoa_contracts::cart::CartStatus;
use stoa_contracts::checkout::PlaceOrder;
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_kernel::{AttemptId, OrderId};

use crate::api::{get, json_of, router};
use crate::shop::Shop;

/// The shop takes money by bank transfer.
async fn take_transfers(shop: &Shop) {
    let body = json!({
        "id": "transfer",
        "kind": "manual",
        "title": "Bank transfer",
        "instructions": "Send it to DE02 1203 0000.",
    });
    shop.staff_post("/api/v1/admin/payments/providers", &body)
        .await;
}

async fn attempt_of(shop: &Shop, order: OrderId) -> AttemptId {
    let newest = shop.peers.payments.newest_of(shop.tenant, order).await;
    newest.expect(shop.kind).unwrap().id
}

async fn capture(shop: &Shop, order: OrderId) {
    let attempt = attempt_of(shop, order).await;
    let payments = &shop.peers.payments;
    let taken = payments.capture(shop.tenant, attempt, None, "c1").await;
    taken.expect(shop.kind);
    shop.hear().await;
    shop.settle().await;
}

async fn standing(shop: &Shop, order: OrderId) -> (OrderStatus, PaymentStatus) {
    let view = shop.order(order).await;
    (view.status, view.payment_status)
}

#[tokio::test]
async fn an_order_by_hand_stands_until_the_money_comes_and_is_paid_then() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        take_transfers(&shop).await;
        let ways = json_of(get(&router, "shop", "/api/v1/payment-methods", "*/*").await).await;
        let ids: Vec<_> = ways["data"].as_array().unwrap().iter().collect();
        assert!(
            ids.iter().any(|way| way["id"] == "transfer"),
            "{kind}: {ways}"
        );
        let cart = shop.cart(2).await;
        let request = PlaceOrder {
            provider: "transfer".to_owned(),
            ..shop.request(&cart, "", "k1")
        };
        let placed = shop.checkout.contract.place(request).await.expect(kind);
        shop.settle().await;
        let promised = (OrderStatus::Pending, PaymentStatus::Authorized);
        assert_eq!(standing(&shop, placed.order_id).await, promised, "{kind}");
        let status = shop.cart_status(&cart).await;
        assert_eq!(status, CartStatus::Completed, "{kind}");
        let seen = json_of(get(&router, "shop", &placed.status_url, "*/*").await).await;
        assert_eq!(
            (&seen["state"], &seen["settled"], &seen["instructions"]),
            (
                &json!("authorized"),
                &json!(true),
                &json!("Send it to DE02 1203 0000.")
            ),
            "{kind}"
        );
        // Nobody gives it up for being late, and its stock stays its own.
        shop.clock
            .advance(std::time::Duration::from_secs(3 * 24 * 3_600));
        shop.tick().await;
        shop.settle().await;
        assert_eq!(standing(&shop, placed.order_id).await, promised, "{kind}");
        assert_eq!(shop.left().await, 8, "{kind}");
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "0", "{kind}");
        capture(&shop, placed.order_id).await;
        let paid = standing(&shop, placed.order_id).await.1;
        assert_eq!(paid, PaymentStatus::Paid, "{kind}");
        assert_eq!(shop.left().await, 8, "{kind}");
        let lines = shop.journal_lines(placed.order_id).await;
        let expected = [
            "order written / order canceled: done",
            "payment begun / payment voided: done",
            "stock reserved / stock released: done",
            "payment authorized / payment voided: done",
            "stock confirmed / stock released: done",
            "payment received / payment refunded: done",
        ];
        assert_eq!(lines, expected, "{kind}");
    }
}

#[tokio::test]
async fn money_held_by_the_provider_is_taken_later() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(2).await;
        let placed = shop.place(&cart, "tok_capture_later", "k1").await;
        shop.settle().await;
        let promised = (OrderStatus::Pending, PaymentStatus::Authorized);
        assert_eq!(standing(&shop, placed.order_id).await, promised, "{kind}");
        assert!(shop.charges().await.is_empty(), "{kind}");
        capture(&shop, placed.order_id).await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(order.paid, order.totals.total, "{kind}");
        assert_eq!(shop.charges().await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_promise_that_is_let_go_of_ends_the_order_and_gives_everything_back() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let code = shop.gift_card(900).await;
        for gift_cards in [Vec::new(), vec![code.clone()]] {
            let cart = shop.cart(2).await;
            let key = format!("k{}", gift_cards.len());
            let request = PlaceOrder {
                gift_cards,
                ..shop.request(&cart, "tok_capture_later", &key)
            };
            let placed = shop.checkout.contract.place(request).await.expect(kind);
            shop.settle().await;
            let promised = (OrderStatus::Pending, PaymentStatus::Authorized);
            assert_eq!(standing(&shop, placed.order_id).await, promised, "{kind}");
            let attempt = attempt_of(&shop, placed.order_id).await;
            let payments = &shop.peers.payments;
            payments.give_up(shop.tenant, attempt).await.expect(kind);
            shop.hear().await;
            shop.settle().await;
            let over = (OrderStatus::Canceled, PaymentStatus::Voided);
            assert_eq!(standing(&shop, placed.order_id).await, over, "{kind}");
            assert_eq!(shop.left().await, 10, "{kind}");
        }
        assert_eq!(shop.left_on(&code).await, 900, "{kind}");
        assert!(shop.charges().await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn a_promise_whose_stock_has_gone_is_let_go_of() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let late = shop
            .place(&shop.cart(4).await, "tok_capture_later", "k1")
            .await;
        shop.give_back(late.order_id).await;
        shop.place(&shop.cart(8).await, "tok_3ds", "k2").await;
        shop.settle_until(async || shop.order(late.order_id).await.status == OrderStatus::Canceled)
            .await;
        let attempts = shop
            .peers
            .payments
            .attempts_of(shop.tenant, late.order_id)
            .await
            .expect(kind);
        assert_eq!(
            attempts[0].state,
            stoa_contracts::payments::AttemptState::Voided,
            "{kind}"
        );
        let reason = shop.order(late.order_id).await.reason;
        assert_eq!(reason.as_deref(), Some("out_of_stock"), "{kind}");
        assert_eq!(shop.left().await, 2, "{kind}");
    }
}
