//! Refunds that went through and did not arrive: the order has the money again, and staff know.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use stoa_contracts::orders::{OrderStatus, OrderView, PaymentStatus};
use stoa_contracts::payments::RefundReversed;
use stoa_kernel::{Currency, Money, OrderId, RefundId};
use stoa_storage::{Cause, Tx};

use crate::shop::{POT, Shop, path};

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

impl Shop {
    /// Payments tell that `amount` of a refund is here again, and that `left` of it is not.
    async fn reverse(&self, order: OrderId, refund: RefundId, amount: i64, left: i64) {
        let attempts = self.peers.payments.attempts_of(self.tenant, order).await;
        let fact = RefundReversed {
            refund,
            attempt: attempts.expect(self.kind)[0].id,
            order,
            amount: eur(amount),
            left: eur(left),
            reason: "lost_or_stolen_card".to_owned(),
        };
        let now = self.deps.now();
        let (id, cause) = (self.deps.ids.make(now), Cause::system(now));
        let db = self.db().await;
        db.write(async move |tx: &mut Tx<'_>| tx.emit(id, &cause, &fact).await)
            .await
            .expect(self.kind);
        self.hear().await;
    }

    async fn refund(&self, order: &OrderView, body: &Value) -> RefundId {
        let opened = self.post(&path(order.id, "refunds"), body).await;
        opened["id"].as_str().unwrap().parse().unwrap()
    }
}

fn one(order: &OrderView) -> Value {
    json!({ "lines": [{ "line_id": order.lines[0].id, "quantity": 1 }] })
}

/// What the order says of its money: status, what went back, units refunded of the first line.
async fn money(shop: &Shop, order: OrderId) -> (PaymentStatus, i64, i64) {
    let view = shop.order(order).await;
    let units = view.lines[0].refunded;
    (view.payment_status, view.refunded.amount, units)
}

#[tokio::test]
async fn an_order_whose_refund_did_not_arrive_is_paid_again_and_can_be_refunded_anew() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 3)]).await;
        shop.post(&path(order.id, "fulfilments"), &json!({ "ship": true }))
            .await;
        let refund = shop.refund(&order, &one(&order)).await;
        shop.settle().await;
        let part = (PaymentStatus::PartiallyRefunded, POT, 1);
        assert_eq!(money(&shop, order.id).await, part, "{kind}");
        shop.reverse(order.id, refund, POT, 0).await;
        let whole = (PaymentStatus::Paid, 0, 0);
        assert_eq!(money(&shop, order.id).await, whole, "{kind}");
        let told = shop.told(order.id).await;
        assert!(told.iter().any(|kind| kind == "refund_reversed"), "{kind}");
        assert_eq!(
            shop.stuck().await,
            [(order.id, "refund".to_owned())],
            "{kind}"
        );
        // Heard again, it changes nothing.
        let view = shop.order(order.id).await;
        shop.heard.store(0, Ordering::SeqCst);
        shop.settle().await;
        assert_eq!(shop.order(order.id).await, view, "{kind}");
        assert_eq!(shop.told(order.id).await, told, "{kind}");
        // The same unit goes back another way.
        shop.refund(&order, &one(&order)).await;
        shop.settle().await;
        assert_eq!(money(&shop, order.id).await, part, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (7, 0), "{kind}");
    }
}

#[tokio::test]
async fn of_a_refund_that_arrived_in_part_the_order_says_which_part() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let body = json!({ "amount": { "amount": 500, "currency": "EUR" } });
        let refund = shop.refund(&order, &body).await;
        shop.settle().await;
        shop.reverse(order.id, refund, 300, 200).await;
        let part = (PaymentStatus::PartiallyRefunded, 200, 0);
        assert_eq!(money(&shop, order.id).await, part, "{kind}");
        // The other part as well; news that comes late raises nothing.
        shop.reverse(order.id, refund, 200, 0).await;
        shop.reverse(order.id, refund, 300, 200).await;
        let whole = (PaymentStatus::Paid, 0, 0);
        assert_eq!(money(&shop, order.id).await, whole, "{kind}");
        let told = shop.told(order.id).await;
        let reversed = told.iter().filter(|kind| *kind == "refund_reversed");
        assert_eq!(reversed.count(), 2, "{kind}");
    }
}

#[tokio::test]
async fn goods_that_were_given_up_with_a_refund_stay_given_up() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 2)]).await;
        let refund = shop.refund(&order, &one(&order)).await;
        shop.settle().await;
        assert_eq!(shop.stock(shop.pot).await, (10, 1), "{kind}");
        shop.reverse(order.id, refund, POT, 0).await;
        let owed = (PaymentStatus::Paid, 0, 1);
        assert_eq!(money(&shop, order.id).await, owed, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 1), "{kind}");
        let sent = shop
            .post(&path(order.id, "fulfilments"), &json!({ "ship": true }))
            .await;
        assert_eq!(sent["lines"][0]["quantity"], 1, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (9, 0), "{kind}");
    }
}

#[tokio::test]
async fn a_canceled_order_stays_canceled_and_says_that_its_money_is_here() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        shop.post(&path(order.id, "cancel"), &json!({ "reason": "no" }))
            .await;
        shop.settle().await;
        let refunds = shop.get(&path(order.id, "refunds")).await;
        let refund: RefundId = refunds["data"][0]["id"].as_str().unwrap().parse().unwrap();
        let total = order.totals.total.amount;
        let ended = (PaymentStatus::Refunded, total, 0);
        assert_eq!(money(&shop, order.id).await, ended, "{kind}");
        shop.reverse(order.id, refund, total, 0).await;
        // Never paid: nothing but its money is owed for it.
        let here = (PaymentStatus::PartiallyRefunded, 0, 0);
        assert_eq!(money(&shop, order.id).await, here, "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(view.status, OrderStatus::Canceled, "{kind}");
        assert_eq!(shop.stuck().await.len(), 1, "{kind}");
        let refused = shop
            .refusal(&path(order.id, "fulfilments"), &json!({}))
            .await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn news_that_overtakes_the_refund_is_kept_until_it_is_written() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 2)]).await;
        let refund = shop.refund(&order, &one(&order)).await;
        // The provider has sent it and taken it back before anybody wrote either.
        shop.reverse(order.id, refund, POT, 0).await;
        shop.settle().await;
        let whole = (PaymentStatus::Paid, 0, 0);
        assert_eq!(money(&shop, order.id).await, whole, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 2), "{kind}");
        let told = shop.told(order.id).await;
        for expected in ["refund_reversed", "refund_failed"] {
            let times = told.iter().filter(|kind| *kind == expected).count();
            assert_eq!(times, 1, "{kind}: {expected} in {told:?}");
        }
    }
}
