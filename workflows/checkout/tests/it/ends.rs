//! Ends that are not the usual ones: money that goes back in part or not at all, payments that cannot
//! be stopped, promises that break after goods left.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use serde_json::json;
use stoa_contracts::orders::{
    LineUnits, NewFulfilment, OrderStatus, OrderView, PaymentStatus, PaymentStep,
};
use stoa_contracts::payments::AttemptView;
use stoa_kernel::{OrderId, Quantity};
use stoa_storage::{Cause, Error, Tx, params};
use tower::ServiceExt as _;

use crate::api::{json_of, router};
use crate::shop::Shop;

async fn attempt_of(shop: &Shop, order: OrderId) -> AttemptView {
    let newest = shop.peers.payments.newest_of(shop.tenant, order).await;
    newest.expect(shop.kind).unwrap()
}

/// What came in for the order and was not sent back.
async fn kept(shop: &Shop, order: OrderId) -> i64 {
    let attempt = attempt_of(shop, order).await;
    attempt.captured.amount - attempt.refunded.amount
}

async fn cancel(shop: &Shop, order: OrderId) {
    let (orders, cause) = (shop.peers.orders.clone(), Cause::system(shop.deps.now()));
    let inventory = shop.peers.inventory.clone();
    let step = PaymentStep::Canceled {
        reason: "staff".to_owned(),
    };
    shop.db()
        .await
        .write(async move |tx: &mut Tx<'_>| {
            orders.step(tx, order, &step, &cause).await.expect("open");
            inventory.release(tx, order, &cause).await
        })
        .await
        .expect(shop.kind);
}

/// Of the refund under way only 10.00 went back, as where it goes through two charges.
async fn went_back_in_part(shop: &Shop, order: OrderId) {
    const PART: &str = "UPDATE payments_refund_part SET state = 'failed', failure = 'no' \
         WHERE tenant_id = :tenant AND attempt_id = $1";
    const WHOLE: &str = "UPDATE payments_refund SET state = 'succeeded', amount = 1000, \
         failure = 'some: no' WHERE tenant_id = :tenant AND order_id = $1";
    const ATTEMPT: &str = "UPDATE payments_attempt SET refunding = 0, refunded = 1000 \
         WHERE tenant_id = :tenant AND order_id = $1";
    let attempt = attempt_of(shop, order).await.id;
    let db = shop.db().await;
    db.write(async move |tx: &mut Tx<'_>| {
        tx.execute(PART, params![attempt]).await?;
        tx.execute(WHOLE, params![order]).await?;
        tx.execute(ATTEMPT, params![order]).await?;
        Ok::<_, Error>(())
    })
    .await
    .expect(shop.kind);
}

#[tokio::test]
async fn what_went_back_in_part_is_tried_again_until_all_is_back() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let late = shop.place(&shop.cart(4).await, "tok_delay", "k1").await;
        shop.work().await;
        shop.give_back(late.order_id).await;
        shop.place(&shop.cart(8).await, "tok_success", "k2").await;
        shop.settle_until(async || shop.payments_returned() == "1")
            .await;
        went_back_in_part(&shop, late.order_id).await;
        shop.work().await;
        let order = shop.order(late.order_id).await;
        assert_eq!(order.status, OrderStatus::Pending, "{kind}");
        let stuck = [(late.order_id, "refund".to_owned())];
        assert_eq!(shop.stuck().await, stuck, "{kind}");
        shop.settle().await;
        assert_eq!(kept(&shop, late.order_id).await, 0, "{kind}");
        let order = shop.order(late.order_id).await;
        assert_eq!(order.status, OrderStatus::Canceled, "{kind}");
        assert_eq!(shop.left().await, 2, "{kind}");
        assert_eq!(shop.stuck().await, stuck, "{kind}: told once");
        let refunds = shop.peers.payments.refunds_of(shop.tenant, order.id).await;
        let mut sums: Vec<i64> = refunds
            .expect(kind)
            .iter()
            .map(|r| r.amount.amount)
            .collect();
        sums.sort_unstable();
        let rest = order.totals.total.amount - 1_000;
        assert_eq!(sums, [1_000, rest], "{kind}");
    }
}

#[tokio::test]
async fn money_that_is_refused_is_tried_for_days_and_told_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(2).await;
        let placed = shop.place(&cart, "tok_refund_decline", "k1").await;
        let attempt = attempt_of(&shop, placed.order_id).await;
        let payments = &shop.peers.payments;
        payments.drive(shop.tenant, attempt.id).await.expect(kind);
        cancel(&shop, placed.order_id).await;
        let began = shop.deps.now();
        shop.settle().await;
        shop.tick().await;
        let days = shop.deps.now().since(began).as_secs() / (24 * 3_600);
        assert!((3..10).contains(&days), "{kind}: {days} days");
        let refunds = payments.refunds_of(shop.tenant, placed.order_id).await;
        assert_eq!(refunds.expect(kind).len(), 9, "{kind}");
        let stuck = [(placed.order_id, "refund".to_owned())];
        assert_eq!(shop.stuck().await, stuck, "{kind}");
        assert_eq!(
            kept(&shop, placed.order_id).await,
            attempt.amount.amount,
            "{kind}"
        );
        let lines = shop.journal_lines(placed.order_id).await;
        assert!(
            lines.contains(&"money sent back / -: failed".to_owned()),
            "{kind}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn a_canceled_order_whose_payment_cannot_be_stopped_raises_an_alarm() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let placed = shop.place(&shop.cart(2).await, "tok_3ds", "k1").await;
        shop.work().await;
        cancel(&shop, placed.order_id).await;
        shop.provider.down(true);
        shop.clock.advance(Duration::from_secs(44 * 60));
        shop.work().await;
        shop.tick().await;
        assert_eq!(shop.stuck().await, [], "{kind}");
        for _ in 0..3 {
            shop.clock.advance(Duration::from_secs(60));
            shop.work().await;
            shop.tick().await;
        }
        let stuck = [(placed.order_id, "checkout".to_owned())];
        assert_eq!(shop.stuck().await, stuck, "{kind}");
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "1", "{kind}");
        shop.provider.down(false);
        shop.settle().await;
        shop.tick().await;
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "0", "{kind}");
        assert!(shop.charges().await.is_empty(), "{kind}");
        let lines = shop.journal_lines(placed.order_id).await;
        assert_eq!(lines[0], "order written / order canceled: undone", "{kind}");
        assert_eq!(lines[4], "order canceled / -: done", "{kind}: {lines:?}");
    }
}

async fn ship_all(shop: &Shop, order: &OrderView) {
    let lines = order.lines.iter().map(|line| LineUnits {
        line_id: line.id,
        quantity: Quantity::from_i64(line.quantity.as_i64()).unwrap(),
    });
    let parcel = NewFulfilment {
        id: shop.deps.ids.make(shop.deps.now()),
        order: order.id,
        location: None,
        lines: lines.collect(),
        taken: Vec::new(),
        tracking: None,
    };
    let (orders, cause) = (shop.peers.orders.clone(), Cause::system(shop.deps.now()));
    let db = shop.db().await;
    db.write(async move |tx: &mut Tx<'_>| orders.fulfil(tx, &parcel, &cause).await)
        .await
        .expect(shop.kind);
}

#[tokio::test]
async fn an_order_whose_promise_broke_after_its_goods_left_is_owed_and_waits_for_nobody() {
    for mut shop in Shop::everywhere().await {
        let (router, kind) = (router(&mut shop), shop.kind);
        let cart = shop.cart(2).await;
        let placed = shop.place(&cart, "tok_capture_later", "k1").await;
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        ship_all(&shop, &order).await;
        let attempt = attempt_of(&shop, order.id).await.id;
        let payments = &shop.peers.payments;
        payments.give_up(shop.tenant, attempt).await.expect(kind);
        shop.hear().await;
        shop.settle().await;
        let stuck = [(order.id, "checkout".to_owned())];
        assert_eq!(shop.stuck().await, stuck, "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(
            (view.status, view.payment_status),
            (OrderStatus::Pending, PaymentStatus::Pending),
            "{kind}"
        );
        shop.clock.advance(Duration::from_secs(8 * 24 * 3_600));
        let orders = &shop.peers.orders;
        let waiting = orders.waiting(shop.tenant, shop.deps.now(), None, 10).await;
        assert_eq!(waiting.expect(kind), [], "{kind}");
        shop.hear().await;
        shop.settle().await;
        shop.tick().await;
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "0", "{kind}");
        assert_eq!(shop.stuck().await, stuck, "{kind}");
        // Its lines say what left: it is not placed anew, and says so.
        let body = json!({
            "order_id": order.id,
            "payment": { "provider": "test", "token": "tok_success" },
        });
        let request = Request::post("/api/v1/checkouts")
            .header("host", "shop")
            .header("content-type", "application/json")
            .header("idempotency-key", "k9")
            .header("stoa-order-token", &placed.order_token)
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 409, "{kind}");
        let problem = json_of(response).await;
        assert_eq!(problem["code"], "order_not_payable", "{kind}: {problem}");
        assert!(shop.charges().await.is_empty(), "{kind}");
    }
}
