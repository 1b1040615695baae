//! Money back: exact sums, the order's own beside the provider's, and stock with it.

use serde_json::{Value, json};
use stoa_contracts::checkout::Purchase;
use stoa_contracts::orders::{OrderView, PaymentStatus};

use crate::shop::{CUP, POT, Shop, path};

/// What the order and the provider say went back.
async fn back(shop: &Shop, order: &OrderView) -> (i64, i64) {
    let view = shop.order(order.id).await;
    let charges = shop.charges().await;
    let own = charges
        .iter()
        .filter(|charge| charge.0 == order.id.to_string());
    (view.refunded.amount, own.map(|charge| charge.2).sum())
}

fn units(order: &OrderView, line: usize, units: u32) -> Value {
    json!([{ "line_id": order.lines[line].id, "quantity": units }])
}

#[tokio::test]
async fn units_refunded_one_by_one_sum_to_their_line() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        shop.coupon("TENTH", 5).await;
        let cart = shop.cart(&[(shop.cup, 3)], Some("TENTH")).await;
        let request = shop.request(Purchase::Cart(cart), "tok_success", "k1");
        let placed = shop.peers.checkout.place(request).await.expect(kind);
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        let total = order.lines[0].total.amount;
        assert_ne!(total % 3, 0, "{kind}: it must not split evenly");
        let mut parts = Vec::new();
        for _ in 0..3 {
            let body = json!({ "lines": units(&order, 0, 1) });
            let opened = shop.post(&path(order.id, "refunds"), &body).await;
            assert_eq!(opened["state"], "pending", "{kind}");
            parts.push(opened["amount"]["amount"].as_i64().unwrap());
        }
        assert_eq!(parts.iter().sum::<i64>(), total, "{kind}: {parts:?}");
        assert!(
            parts[0] - parts[2] <= 1 && parts[0] >= parts[2],
            "{parts:?}"
        );
        shop.settle().await;
        assert_eq!(back(&shop, &order).await, (total, total), "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 0), "{kind}");
        let body = json!({ "lines": units(&order, 0, 1) });
        let refused = shop.refusal(&path(order.id, "refunds"), &body).await;
        assert_eq!(refused, (422, "invalid_request".to_owned()), "{kind}");
        // The delivery is what is left.
        let left = order.totals.total.amount - total;
        assert!(left > 0, "{kind}");
        let body = json!({ "shipping": true });
        let opened = shop.post(&path(order.id, "refunds"), &body).await;
        assert_eq!(opened["amount"]["amount"], left, "{kind}");
        shop.settle().await;
        let view = shop.order(order.id).await;
        assert_eq!(view.payment_status, PaymentStatus::Refunded, "{kind}");
        let list = shop.get(&path(order.id, "refunds")).await;
        let states: Vec<&str> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|refund| refund["state"].as_str().unwrap())
            .collect();
        assert_eq!(states, ["succeeded"; 4], "{kind}");
    }
}

#[tokio::test]
async fn no_more_goes_back_than_is_left_and_a_repeated_request_opens_one() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let total = order.totals.total.amount;
        let refunds = path(order.id, "refunds");
        let amount = |amount: i64| json!({ "amount": { "amount": amount, "currency": "EUR" } });
        let (status, first) = shop.ask(&refunds, &amount(500), "k1").await;
        assert_eq!(status, 202, "{kind}");
        assert_eq!(
            shop.ask(&refunds, &amount(500), "k1").await,
            (202, first),
            "{kind}"
        );
        let (status, refused) = shop.ask(&refunds, &amount(total - 499), "k2").await;
        assert_eq!(
            (status, &refused["code"]),
            (409, &json!("refund_too_much")),
            "{kind}"
        );
        assert_eq!(
            refused["errors"][0]["reason"],
            format!("must be at most {}", total - 500),
            "{kind}"
        );
        // The refused key is free for another body.
        shop.ask(&refunds, &amount(total - 500), "k2").await;
        shop.settle().await;
        assert_eq!(back(&shop, &order).await, (total, total), "{kind}");
        // No line was named: the goods are still held.
        assert_eq!(shop.stock(shop.pot).await, (10, 1), "{kind}");
        for odd in [
            json!({}),
            json!({ "amount": { "amount": 1, "currency": "USD" } }),
        ] {
            let refused = shop.refusal(&refunds, &odd).await;
            assert_eq!(refused, (422, "invalid_request".to_owned()), "{kind}");
        }
    }
}

#[tokio::test]
async fn goods_that_left_are_restocked_where_asked_and_goods_that_did_not_are_released() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 3)]).await;
        let fulfil = json!({ "lines": units(&order, 0, 2), "ship": true });
        shop.post(&path(order.id, "fulfilments"), &fulfil).await;
        assert_eq!(shop.stock(shop.pot).await, (8, 1), "{kind}");
        // One never left, one comes back.
        let body = json!({ "lines": units(&order, 0, 2), "restock": true });
        shop.post(&path(order.id, "refunds"), &body).await;
        assert_eq!(
            shop.stock(shop.pot).await,
            (8, 1),
            "{kind}: not before its money is back"
        );
        // What is on its way back is not packed.
        let refused = shop
            .refusal(&path(order.id, "fulfilments"), &json!({}))
            .await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
        shop.settle().await;
        assert_eq!(shop.stock(shop.pot).await, (9, 0), "{kind}");
        assert_eq!(back(&shop, &order).await, (2 * POT, 2 * POT), "{kind}");
        // The job again, and news of it: nothing happens twice.
        shop.clock.advance(std::time::Duration::from_secs(120));
        shop.tick().await;
        shop.settle().await;
        assert_eq!(shop.stock(shop.pot).await, (9, 0), "{kind}");
        // The last unit, lost on its way, is not on any shelf.
        let body = json!({ "lines": units(&order, 0, 1) });
        shop.post(&path(order.id, "refunds"), &body).await;
        shop.settle().await;
        assert_eq!(shop.stock(shop.pot).await, (9, 0), "{kind}");
    }
}

#[tokio::test]
async fn packed_goods_that_were_refunded_cannot_be_unpacked() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let packed = shop.post(&path(order.id, "fulfilments"), &json!({})).await;
        let body = json!({ "lines": units(&order, 0, 1), "restock": true });
        shop.post(&path(order.id, "refunds"), &body).await;
        shop.settle().await;
        assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
        let id = packed["id"].as_str().unwrap();
        let unpack = path(order.id, &format!("fulfilments/{id}/cancel"));
        let refused = shop.refusal(&unpack, &json!({})).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
    }
}

#[tokio::test]
async fn a_refund_that_is_refused_is_told_and_its_amount_is_free_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.place(&[(shop.cup, 1)], "tok_refund_decline").await;
        shop.settle().await;
        let order = shop.order(order).await;
        let body = json!({ "lines": units(&order, 0, 1) });
        let first = shop.post(&path(order.id, "refunds"), &body).await;
        shop.settle().await;
        assert_eq!(back(&shop, &order).await, (0, 0), "{kind}");
        let told = shop.told(order.id).await;
        assert!(
            told.contains(&"refund_failed".to_owned()),
            "{kind}: {told:?}"
        );
        let list = shop.get(&path(order.id, "refunds")).await;
        assert_eq!(list["data"][0]["state"], "failed", "{kind}");
        // The units may be tried again, at the same price.
        let again = shop.post(&path(order.id, "refunds"), &body).await;
        assert_eq!(again["amount"], first["amount"], "{kind}");
        assert_eq!(again["amount"]["amount"], CUP, "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 1), "{kind}");
    }
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_sent_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.place(&[(shop.pot, 1)], "tok_refund_timeout").await;
        shop.settle().await;
        let order = shop.order(order).await;
        let body = json!({ "amount": { "amount": 700, "currency": "EUR" } });
        shop.post(&path(order.id, "refunds"), &body).await;
        shop.settle().await;
        assert_eq!(back(&shop, &order).await, (700, 700), "{kind}");
    }
}
