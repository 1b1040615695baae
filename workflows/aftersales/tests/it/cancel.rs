//! Cancelling: unpaid, promised, paid, and while the payment is under way.

use serde_json::{Value, json};
use stoa_contracts::checkout::Purchase;
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_kernel::OrderId;

use crate::shop::{Shop, path};

fn wish() -> Value {
    json!({ "reason": "changed their mind" })
}

async fn ended(shop: &Shop, order: OrderId) -> (OrderStatus, PaymentStatus) {
    let view = shop.order(order).await;
    (view.status, view.payment_status)
}

#[tokio::test]
async fn a_paid_order_is_canceled_once_all_its_money_is_back() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 2)]).await;
        let total = order.totals.total.amount;
        let (status, first) = shop.ask(&path(order.id, "cancel"), &wish(), "k1").await;
        assert_eq!(status, 202, "{kind}: {first}");
        assert_eq!(first["status"], "pending", "{kind}");
        let again = shop.ask(&path(order.id, "cancel"), &wish(), "k1").await;
        assert_eq!(again, (202, first), "{kind}");
        // From now on nothing leaves.
        let refused = shop
            .refusal(&path(order.id, "fulfilments"), &json!({}))
            .await;
        assert_eq!(refused.0, 409, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 2), "{kind}");
        shop.settle().await;
        let end = (OrderStatus::Canceled, PaymentStatus::Refunded);
        assert_eq!(ended(&shop, order.id).await, end, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
        let charge = (order.id.to_string(), total, total);
        assert_eq!(shop.charges().await, [charge], "{kind}");
        // Another key for an order that is canceled answers and does nothing.
        shop.post(&path(order.id, "cancel"), &wish()).await;
        shop.settle().await;
        let list = shop.get(&path(order.id, "refunds")).await;
        assert_eq!(list["data"].as_array().unwrap().len(), 1, "{kind}");
        let told = shop.told(order.id).await;
        for step in [
            "cancel_requested",
            "refund_requested",
            "refunded",
            "canceled",
        ] {
            assert!(told.contains(&step.to_owned()), "{kind}: {told:?}");
        }
    }
}

#[tokio::test]
async fn an_unpaid_order_gives_up_its_payment_its_stock_and_its_coupon() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        shop.coupon("ONCE", 1).await;
        let cart = shop.cart(&[(shop.pot, 1)], Some("ONCE")).await;
        let request = shop.request(Purchase::Cart(cart), "tok_3ds", "k1");
        let placed = shop.peers.checkout.place(request).await.expect(kind);
        shop.work().await;
        assert_eq!(shop.stock(shop.pot).await, (10, 1), "{kind}");
        shop.post(&path(placed.order_id, "cancel"), &wish()).await;
        assert_eq!(shop.stock(shop.pot).await, (10, 1), "{kind}: payment first");
        shop.settle().await;
        let end = (OrderStatus::Canceled, PaymentStatus::Voided);
        assert_eq!(ended(&shop, placed.order_id).await, end, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
        assert!(shop.charges().await.is_empty(), "{kind}");
        // The coupon's one use is there for somebody else.
        let cart = shop.cart(&[(shop.pot, 1)], Some("ONCE")).await;
        let view = shop.carts.view(shop.tenant, &cart).await.expect(kind);
        assert_ne!(view.totals.discount.amount, 0, "{kind}");
    }
}

#[tokio::test]
async fn a_declined_order_that_waits_for_its_shopper_is_canceled_at_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.place(&[(shop.pot, 1)], "tok_decline").await;
        shop.settle().await;
        shop.post(&path(order, "cancel"), &wish()).await;
        shop.work().await;
        let end = (OrderStatus::Canceled, PaymentStatus::Voided);
        assert_eq!(ended(&shop, order).await, end, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
    }
}

#[tokio::test]
async fn a_promise_is_let_go_of_and_nothing_is_charged() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.place(&[(shop.pot, 1)], "tok_capture_later").await;
        while shop.order(order).await.payment_status != PaymentStatus::Authorized {
            shop.clock.advance(std::time::Duration::from_secs(1));
            shop.work().await;
        }
        shop.post(&path(order, "cancel"), &wish()).await;
        shop.settle().await;
        let end = (OrderStatus::Canceled, PaymentStatus::Voided);
        assert_eq!(ended(&shop, order).await, end, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
        let taken: i64 = shop.charges().await.iter().map(|charge| charge.1).sum();
        assert_eq!(taken, 0, "{kind}");
    }
}

#[tokio::test]
async fn a_charge_that_was_faster_than_the_cancel_is_sent_back() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.place(&[(shop.pot, 1)], "tok_success").await;
        let attempts = shop.peers.payments.attempts_of(shop.tenant, order).await;
        let attempt = attempts.expect(kind)[0].id;
        // Charged, while the order does not know.
        for _ in 0..4 {
            let driven = shop.peers.payments.drive(shop.tenant, attempt).await;
            driven.expect(kind);
        }
        assert_eq!(shop.charges().await.len(), 1, "{kind}");
        shop.post(&path(order, "cancel"), &wish()).await;
        shop.settle().await;
        assert_eq!(ended(&shop, order).await.0, OrderStatus::Canceled, "{kind}");
        let total = shop.order(order).await.totals.total.amount;
        let charge = (order.to_string(), total, total);
        assert_eq!(shop.charges().await, [charge], "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
    }
}

#[tokio::test]
async fn goods_that_cannot_be_sold_again_leave_the_stock() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 2)]).await;
        let body = json!({ "reason": "broken", "restock": false });
        shop.post(&path(order.id, "cancel"), &body).await;
        shop.settle().await;
        assert_eq!(
            ended(&shop, order.id).await.0,
            OrderStatus::Canceled,
            "{kind}"
        );
        assert_eq!(shop.stock(shop.pot).await, (8, 0), "{kind}");
    }
}

#[tokio::test]
async fn what_is_packed_is_not_canceled_and_what_does_not_go_back_waits_for_people() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let packed = shop.paid(&[(shop.pot, 1)]).await;
        shop.post(&path(packed.id, "fulfilments"), &json!({})).await;
        let refused = shop.refusal(&path(packed.id, "cancel"), &wish()).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
        let order = shop.place(&[(shop.cup, 1)], "tok_refund_decline").await;
        shop.settle().await;
        shop.post(&path(order, "cancel"), &wish()).await;
        shop.settle().await;
        let view = shop.order(order).await;
        assert_eq!(view.status, OrderStatus::Pending, "{kind}");
        assert!(view.cancel_requested_at.is_some(), "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 1), "{kind}");
        let told = shop.told(order).await;
        let stuck = told.iter().filter(|step| *step == "cancel_stuck").count();
        assert_eq!(stuck, 1, "{kind}: {told:?}");
        // Asked again, it is tried again.
        shop.post(&path(order, "cancel"), &wish()).await;
        shop.settle().await;
        let list = shop.get(&path(order, "refunds")).await;
        assert_eq!(list["data"].as_array().unwrap().len(), 2, "{kind}");
    }
}

#[tokio::test]
async fn the_journal_of_an_order_that_staff_canceled_first_shows_its_end() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.place(&[(shop.pot, 1)], "tok_3ds").await;
        shop.work().await;
        shop.post(&path(order, "cancel"), &wish()).await;
        shop.settle().await;
        let journal = shop.peers.checkout.journal(shop.tenant, order).await;
        let lines: Vec<String> = journal
            .expect(kind)
            .into_iter()
            .map(|entry| format!("{}: {}", entry.step, entry.outcome))
            .collect();
        assert_eq!(lines[0], "order written: undone", "{kind}");
        let end = "order canceled: done".to_owned();
        assert!(lines.contains(&end), "{kind}: {lines:?}");
    }
}
