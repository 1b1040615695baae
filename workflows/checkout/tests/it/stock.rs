//! Late money: payments that succeed after their stock was given back.

use std::time::Duration;

use stoa_contracts::orders::PaymentStatus;
use stoa_kernel::OrderId;
use stoa_storage::{Cause, Tx};

use crate::shop::Shop;

/// As if somebody had given the hold back by hand.
async fn give_back(shop: &Shop, order: OrderId) {
    let (inventory, cause) = (shop.peers.inventory.clone(), Cause::system(shop.deps.now()));
    let db = shop.db().await;
    db.write(async move |tx: &mut Tx<'_>| inventory.release(tx, order, &cause).await)
        .await
        .expect(shop.kind);
}

#[tokio::test]
async fn late_money_takes_its_stock_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let placed = shop.place(&shop.cart(4).await, "tok_delay", "k1").await;
        shop.work().await;
        give_back(&shop, placed.order_id).await;
        assert_eq!(shop.left().await, 10, "{kind}");
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(
            (shop.left().await, shop.stock_lost().as_str()),
            (6, "0"),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn late_money_without_stock_is_a_paid_order_that_people_hear_of() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let late = shop.place(&shop.cart(4).await, "tok_delay", "k1").await;
        shop.work().await;
        give_back(&shop, late.order_id).await;
        let faster = shop.place(&shop.cart(8).await, "tok_success", "k2").await;
        shop.settle().await;
        for placed in [&late, &faster] {
            let order = shop.order(placed.order_id).await;
            assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        }
        assert_eq!(
            (shop.left().await, shop.stock_lost().as_str()),
            (2, "1"),
            "{kind}"
        );
        assert_eq!(shop.charges().await.len(), 2, "{kind}");
    }
}

#[tokio::test]
async fn a_second_run_of_every_job_changes_nothing() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let mut orders = Vec::new();
        for token in [
            "tok_success",
            "tok_decline",
            "tok_3ds",
            "tok_timeout_after_charge",
        ] {
            orders.push(shop.place(&shop.cart(1).await, token, token).await.order_id);
        }
        let jobs = shop.claim().await;
        assert_eq!(jobs.len(), 4, "{kind}");
        // Twice while money moves, then twice past the end of all waiting.
        for seconds in [0, 1, 3_600, 3_601] {
            shop.clock.advance(Duration::from_secs(seconds));
            for job in &jobs {
                shop.run(job).await;
            }
        }
        let mut seen = Vec::new();
        for order in &orders {
            seen.push(shop.order(*order).await);
        }
        let (events, left, charges) =
            (shop.events().await, shop.left().await, shop.charges().await);
        assert_eq!((left, charges.len()), (8, 2), "{kind}");
        for job in &jobs {
            shop.run(job).await;
        }
        for (order, before) in orders.iter().zip(seen) {
            assert_eq!(shop.order(*order).await, before, "{kind}");
        }
        assert_eq!(shop.events().await, events, "{kind}");
        assert_eq!(
            (shop.left().await, shop.charges().await),
            (left, charges),
            "{kind}"
        );
    }
}
