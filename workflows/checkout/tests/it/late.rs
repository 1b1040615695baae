//! Late money: payments that succeed after their stock was given back, after their order was
//! canceled, or although it was paid already.

use std::time::Duration;

use stoa_contracts::checkout::{CheckoutError, PaymentReturned, Purchase};
use stoa_contracts::orders::{OrderStatus, PaymentStatus, PaymentStep};
use stoa_kernel::OrderId;
use stoa_storage::{Cause, Tx};

use crate::shop::Shop;

#[tokio::test]
async fn late_money_takes_its_stock_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let placed = shop.place(&shop.cart(4).await, "tok_delay", "k1").await;
        shop.work().await;
        shop.give_back(placed.order_id).await;
        assert_eq!(shop.left().await, 10, "{kind}");
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(
            (shop.left().await, shop.payments_returned().as_str()),
            (6, "0"),
            "{kind}"
        );
    }
}

/// What came in for the order and was not sent back.
async fn kept(shop: &Shop, order: OrderId) -> i64 {
    let payments = &shop.peers.payments;
    let attempts = payments.attempts_of(shop.tenant, order).await;
    let attempts = attempts.expect(shop.kind);
    attempts
        .iter()
        .map(|attempt| attempt.captured.amount - attempt.refunded.amount)
        .sum()
}

async fn returned(shop: &Shop) -> Vec<PaymentReturned> {
    let facts = shop.log().await.into_iter();
    facts
        .filter_map(|event| event.fact::<PaymentReturned>().unwrap())
        .collect()
}

#[tokio::test]
async fn late_money_without_stock_goes_back_and_the_order_is_canceled() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let late = shop.place(&shop.cart(4).await, "tok_delay", "k1").await;
        shop.work().await;
        shop.give_back(late.order_id).await;
        let faster = shop.place(&shop.cart(8).await, "tok_success", "k2").await;
        shop.settle().await;
        let (first, second) = (
            shop.order(late.order_id).await,
            shop.order(faster.order_id).await,
        );
        assert_eq!(
            (first.status, first.payment_status, first.reason.as_deref()),
            (
                OrderStatus::Canceled,
                PaymentStatus::Voided,
                Some("out_of_stock")
            ),
            "{kind}"
        );
        assert_eq!(second.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(
            (shop.left().await, shop.payments_returned().as_str()),
            (2, "1"),
            "{kind}"
        );
        assert_eq!(shop.charges().await.len(), 2, "{kind}");
        assert_eq!(kept(&shop, late.order_id).await, 0, "{kind}");
        let total = second.totals.total.amount;
        assert_eq!(kept(&shop, faster.order_id).await, total, "{kind}");
        let told = returned(&shop).await;
        let told: Vec<_> = told
            .iter()
            .map(|fact| (fact.order, fact.amount, fact.why.as_str()))
            .collect();
        let amount = first.totals.total;
        assert_eq!(told, [(first.id, amount, "out_of_stock")], "{kind}");
        let lines = shop.journal_lines(first.id).await;
        assert_eq!(
            lines[3..],
            ["money sent back / -: done", "money is back / -: done"],
            "{kind}"
        );
        // Nobody may pay for it again.
        let mut again = shop.request(&shop.cart(1).await, "tok_success", "k9");
        again.purchase = Purchase::Order {
            id: late.order_id,
            token: late.order_token.clone(),
        };
        let error = shop.checkout.contract.place(again).await.expect_err(kind);
        assert!(matches!(error, CheckoutError::Canceled), "{kind}: {error}");
    }
}

#[tokio::test]
async fn money_for_a_canceled_order_goes_back_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(2).await;
        let placed = shop.place(&cart, "tok_timeout_after_charge", "k1").await;
        // It is charged; nobody here knows yet.
        shop.work().await;
        let (orders, cause) = (shop.peers.orders.clone(), Cause::system(shop.deps.now()));
        let (order, inventory) = (placed.order_id, shop.peers.inventory.clone());
        shop.db()
            .await
            .write(async move |tx: &mut Tx<'_>| {
                let step = PaymentStep::Canceled {
                    reason: "staff".to_owned(),
                };
                orders.step(tx, order, &step, &cause).await.expect("open");
                inventory.release(tx, order, &cause).await
            })
            .await
            .expect(kind);
        shop.settle().await;
        shop.hear().await;
        shop.settle().await;
        assert_eq!(shop.charges().await.len(), 1, "{kind}");
        assert_eq!(kept(&shop, order).await, 0, "{kind}");
        let told = returned(&shop).await;
        assert_eq!(told.len(), 1, "{kind}");
        assert_eq!(told[0].why, "canceled", "{kind}");
        let view = shop.order(order).await;
        assert_eq!(
            (view.status, view.reason.as_deref()),
            (OrderStatus::Canceled, Some("staff")),
            "{kind}"
        );
        assert_eq!(shop.left().await, 10, "{kind}");
    }
}

#[tokio::test]
async fn money_for_an_order_that_others_paid_goes_back_and_the_order_stays_paid() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(2).await;
        let placed = shop.place(&cart, "tok_timeout_after_charge", "k1").await;
        shop.work().await;
        // Staff took the money at the counter, before this answer came.
        let (orders, cause) = (shop.peers.orders.clone(), Cause::system(shop.deps.now()));
        let (order, inventory) = (placed.order_id, shop.peers.inventory.clone());
        let step = PaymentStep::Paid {
            attempt: shop.deps.ids.make(shop.deps.now()),
            amount: shop.order(order).await.totals.total,
        };
        shop.db()
            .await
            .write(async move |tx: &mut Tx<'_>| {
                orders.step(tx, order, &step, &cause).await.expect("open");
                inventory.confirm(tx, order, &cause).await
            })
            .await
            .expect(kind);
        shop.settle().await;
        shop.hear().await;
        shop.settle().await;
        assert_eq!(kept(&shop, order).await, 0, "{kind}");
        let told = returned(&shop).await;
        assert_eq!(told.len(), 1, "{kind}");
        assert_eq!(told[0].why, "paid_twice", "{kind}");
        let view = shop.order(order).await;
        assert_eq!(view.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(view.cancel_requested_at, None, "{kind}");
        assert_eq!(shop.left().await, 8, "{kind}");
    }
}

#[tokio::test]
async fn while_money_cannot_go_back_the_order_waits_and_people_hear_of_it() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let late = shop.place(&shop.cart(4).await, "tok_delay", "k1").await;
        shop.work().await;
        shop.give_back(late.order_id).await;
        shop.place(&shop.cart(8).await, "tok_success", "k2").await;
        shop.settle_until(async || shop.payments_returned() == "1")
            .await;
        shop.provider.down(true);
        shop.work().await;
        let order = shop.order(late.order_id).await;
        assert_eq!(order.status, OrderStatus::Pending, "{kind}");
        assert!(order.cancel_requested_at.is_some(), "{kind}");
        shop.clock.advance(Duration::from_secs(31 * 60));
        shop.work().await;
        shop.tick().await;
        shop.tick().await;
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "1", "{kind}");
        assert_eq!(shop.stuck().await, [(late.order_id, "refund".to_owned())]);
        shop.provider.down(false);
        shop.settle().await;
        shop.tick().await;
        assert_eq!(shop.metric("stoa_checkout_sagas_stuck "), "0", "{kind}");
        let order = shop.order(late.order_id).await;
        assert_eq!(order.status, OrderStatus::Canceled, "{kind}");
        assert_eq!(kept(&shop, late.order_id).await, 0, "{kind}");
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
