//! The journal, what is forgotten of it, and sagas that do not move.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_contracts::payments::ProviderNews;
use stoa_kernel::Fact as _;
use stoa_rest::Routes;
use tower::ServiceExt as _;

use crate::api::json_of;
use crate::shop::Shop;

#[tokio::test]
async fn staff_read_what_was_done_and_what_takes_it_back() {
    for mut shop in Shop::everywhere().await {
        let kind = shop.kind;
        let routes = std::mem::replace(&mut shop.checkout.routes, Routes::new("taken"));
        let router = crate::staff::router(&shop.deps, routes);
        let cart = shop.cart(1).await;
        let placed = shop.place(&cart, "tok_decline", "k1").await;
        shop.settle().await;
        shop.clock.advance(Duration::from_secs(1));
        shop.place(&cart, "tok_success", "k2").await;
        shop.settle().await;
        let path = format!("/api/v1/admin/orders/{}/journal", placed.order_id);
        let request = Request::get(path)
            .header("host", "shop")
            .header("authorization", "Bearer sk_staff");
        let request = request.body(Body::empty()).unwrap();
        let told = json_of(router.clone().oneshot(request).await.unwrap()).await;
        let lines: Vec<String> = told["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| format!("{} {}", entry["step"], entry["outcome"]).replace('"', ""))
            .collect();
        let expected = [
            "order written undone",
            "payment begun undone",
            "stock reserved undone",
            "payment declined done",
            "promotions given back done",
            "stock released done",
            "order written done",
            "payment begun done",
            "stock reserved done",
            "payment received done",
            "stock confirmed done",
        ];
        assert_eq!(lines, expected, "{kind}");
        assert_eq!(told["data"][2]["undo"], "stock released", "{kind}");
        let unknown = "/api/v1/admin/orders/order_00000000000000000000000001/journal";
        let request = Request::get(unknown)
            .header("host", "shop")
            .header("authorization", "Bearer sk_staff");
        let request = request.body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 404, "{kind}");
    }
}

#[tokio::test]
async fn a_journal_is_kept_for_three_months() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let old = shop.place(&shop.cart(1).await, "tok_success", "k1").await;
        shop.settle().await;
        shop.clock.advance(Duration::from_secs(89 * 24 * 3_600));
        let new = shop.place(&shop.cart(1).await, "tok_success", "k2").await;
        shop.settle().await;
        shop.tick().await;
        assert_eq!(shop.journal(old.order_id).await.len(), 5, "{kind}");
        shop.clock.advance(Duration::from_secs(2 * 24 * 3_600));
        shop.tick().await;
        assert_eq!(shop.journal(old.order_id).await.len(), 0, "{kind}");
        assert_eq!(shop.journal(new.order_id).await.len(), 5, "{kind}");
        // What is forgotten is not done again.
        shop.hear().await;
        shop.settle().await;
        let order = shop.order(old.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(shop.payments_returned(), "0", "{kind}");
    }
}

#[tokio::test]
async fn a_saga_that_does_not_move_is_told_of_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let placed = shop.place(&shop.cart(1).await, "tok_delay", "k1").await;
        shop.work().await;
        shop.provider.down(true);
        shop.clock.advance(Duration::from_secs(44 * 60));
        shop.work().await;
        shop.tick().await;
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "0", "{kind}");
        shop.clock.advance(Duration::from_secs(2 * 60));
        for _ in 0..2 {
            shop.work().await;
            shop.tick().await;
        }
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "1", "{kind}");
        let stuck = [(placed.order_id, "checkout".to_owned())];
        assert_eq!(shop.stuck().await, stuck, "{kind}");
        shop.provider.down(false);
        shop.clock.advance(Duration::from_secs(10));
        shop.settle().await;
        shop.tick().await;
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "0", "{kind}");
        let order = shop.order(placed.order_id).await;
        let paid = order.payment_status == PaymentStatus::Paid;
        assert!(paid || order.status == OrderStatus::Canceled, "{kind}");
    }
}

/// As a webhook's news arrives.
async fn news_of(shop: &Shop, order: stoa_kernel::OrderId) {
    let newest = shop.peers.payments.newest_of(shop.tenant, order).await;
    let attempt = newest.expect(shop.kind).unwrap().id;
    let news = ProviderNews {
        attempt,
        order,
        refund: None,
    };
    let mut event = shop.log().await.pop().expect("an order was placed");
    event.id = shop.deps.ids.make(shop.deps.now());
    event.subject = ProviderNews::subject();
    event.payload = serde_json::to_value(&news).unwrap();
    shop.hear_one(event).await;
}

#[tokio::test]
async fn news_of_a_payment_has_it_looked_at_now() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let placed = shop.place(&shop.cart(1).await, "tok_3ds", "k1").await;
        shop.clock.advance(Duration::from_secs(60));
        shop.work().await;
        let newest = shop.peers.payments.newest_of(shop.tenant, placed.order_id);
        let newest = newest.await.expect(kind).unwrap();
        let stoa_contracts::payments::AttemptState::RequiresAction { next_action_url } =
            newest.state
        else {
            panic!("{kind}: {newest:?}")
        };
        assert!(shop.work().await.is_empty(), "{kind}: it waits");
        shop.provider
            .decide(&next_action_url, "decision=approve")
            .await;
        news_of(&shop, placed.order_id).await;
        assert_eq!(shop.work().await.len(), 1, "{kind}");
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        // Later news of it leads to nothing.
        news_of(&shop, placed.order_id).await;
        shop.hear().await;
        assert!(shop.claim().await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn a_poll_that_learns_nothing_new_writes_nothing() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        shop.place(&shop.cart(1).await, "tok_3ds", "k1").await;
        shop.work().await;
        shop.clock.advance(Duration::from_secs(10));
        shop.work().await;
        shop.clock.advance(Duration::from_secs(10));
        let job = shop.claim().await.remove(0);
        let stats = shop.deps.storage.stats();
        let before = stats.read().statements;
        shop.run(&job).await;
        // Read the attempt for the job, and for the provider.
        assert_eq!(stats.read().statements - before, 2, "{kind}");
    }
}
