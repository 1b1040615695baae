//! What becomes of a placed order as its payment succeeds, fails, dawdles or stays silent.

use std::time::Duration;

use stoa_bus::JobOutcome;
use stoa_contracts::cart::CartStatus;
use stoa_contracts::checkout::CheckoutError;
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_contracts::payments::AttemptState;
use stoa_kernel::Quantity;

use crate::shop::Shop;

#[tokio::test]
async fn a_decline_then_a_success_is_one_order_and_one_charge() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(2).await;
        let declined = shop.place(&cart, "tok_decline", "k1").await;
        shop.settle().await;
        let order = shop.order(declined.order_id).await;
        assert_eq!(
            order.reason.as_deref(),
            Some("insufficient_funds"),
            "{kind}"
        );
        assert_eq!(order.payment_status, PaymentStatus::Pending, "{kind}");
        let status = shop
            .checkout
            .contract
            .status(shop.tenant, order.id)
            .await
            .expect(kind);
        assert!(status.settled, "{kind}");
        assert_eq!(shop.cart_status(&cart).await, CartStatus::Open, "{kind}");
        assert_eq!(shop.left().await, 10, "{kind}");

        // The cart is open again: what is bought may change before the next attempt.
        let carts = &shop.peers.carts;
        let line = carts.view(shop.tenant, &cart).await.expect(kind).lines[0].id;
        let three = Quantity::new(3).unwrap();
        carts
            .set_quantity(shop.tenant, &cart, line, three)
            .await
            .expect(kind);
        let placed = shop.place(&cart, "tok_success", "k2").await;
        assert_eq!(placed.order_id, declined.order_id, "{kind}");
        assert_eq!(placed.order_token, declined.order_token, "{kind}");
        let status = shop
            .checkout
            .contract
            .status(shop.tenant, order.id)
            .await
            .expect(kind);
        assert!(!status.settled, "{kind}");
        shop.settle().await;
        let paid = shop.order(placed.order_id).await;
        assert_eq!(
            (paid.number, paid.payment_status),
            (order.number, PaymentStatus::Paid),
            "{kind}"
        );
        assert_eq!(paid.lines[0].quantity, three, "{kind}");
        assert_eq!(paid.reason, None, "{kind}");
        let total = paid.totals.total.amount;
        assert_eq!(
            shop.charges().await,
            [(paid.id.to_string(), total)],
            "{kind}"
        );
        assert_eq!(
            (shop.left().await, shop.orders_written().await),
            (7, 1),
            "{kind}"
        );
        assert_eq!(
            shop.cart_status(&cart).await,
            CartStatus::Completed,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_retry_before_the_decline_was_heard_is_settled_by_its_own_job() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(1).await;
        let placed = shop.place(&cart, "tok_decline", "k1").await;
        let old = shop.claim().await.remove(0);
        let attempt = shop
            .peers
            .payments
            .newest_of(shop.tenant, placed.order_id)
            .await;
        let attempt = attempt.expect(kind).unwrap();
        shop.peers
            .payments
            .drive(shop.tenant, attempt.id)
            .await
            .expect(kind);
        shop.place(&cart, "tok_success", "k2").await;
        assert_eq!(shop.run(&old).await, JobOutcome::Done, "{kind}");
        assert_eq!(shop.cart_status(&cart).await, CartStatus::Frozen, "{kind}");
        assert_eq!(shop.left().await, 9, "{kind}");
        assert_eq!(shop.work().await, [JobOutcome::Done], "{kind}");
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(shop.charges().await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_charge_without_an_answer_is_one_charge_and_a_paid_order() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(1).await;
        let placed = shop.place(&cart, "tok_timeout_after_charge", "k1").await;
        let soon = shop.deps.now().plus(Duration::from_millis(250));
        assert_eq!(shop.work().await, [JobOutcome::Wait(soon)], "{kind}");
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Pending, "{kind}");
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        let total = order.totals.total.amount;
        assert_eq!(
            shop.charges().await,
            [(order.id.to_string(), total)],
            "{kind}"
        );
        assert_eq!(shop.left().await, 9, "{kind}");
    }
}

#[tokio::test]
async fn a_slow_payment_is_waited_for() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(1).await;
        let placed = shop.place(&cart, "tok_delay", "k1").await;
        let began = shop.deps.now();
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        let took = shop.deps.now().since(began);
        let bounds = Duration::from_millis(1_500)..Duration::from_millis(2_500);
        assert!(bounds.contains(&took), "{kind}: {took:?}");
        assert_eq!(shop.charges().await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_shopper_who_must_act_is_shown_where_and_then_has_paid() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        for (form, paid) in [("decision=approve", true), ("decision=reject", false)] {
            let cart = shop.cart(1).await;
            let placed = shop.place(&cart, "tok_3ds", &format!("k{paid}")).await;
            shop.work().await;
            let order = shop.order(placed.order_id).await;
            assert_eq!(order.status, OrderStatus::RequiresAction, "{kind}");
            let status = shop
                .checkout
                .contract
                .status(shop.tenant, order.id)
                .await
                .expect(kind);
            assert!(!status.settled, "{kind}");
            let Some(AttemptState::RequiresAction { next_action_url }) =
                status.payment.map(|payment| payment.state)
            else {
                panic!("{kind}: no action")
            };
            shop.provider.decide(&next_action_url, form).await;
            shop.settle().await;
            let order = shop.order(placed.order_id).await;
            assert_eq!(order.status, OrderStatus::Pending, "{kind}");
            let expected = if paid {
                PaymentStatus::Paid
            } else {
                PaymentStatus::Pending
            };
            assert_eq!(order.payment_status, expected, "{kind}");
            let reason = (!paid).then_some("authentication_failed");
            assert_eq!(order.reason.as_deref(), reason, "{kind}");
        }
        assert_eq!(
            (shop.charges().await.len(), shop.left().await),
            (1, 9),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn an_order_that_nobody_pays_expires_and_gives_its_stock_back() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(2).await;
        let placed = shop.place(&cart, "tok_3ds", "k1").await;
        shop.work().await;
        shop.clock.advance(Duration::from_secs(14 * 60));
        shop.work().await;
        assert_eq!(shop.left().await, 8, "{kind}");
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.status, OrderStatus::Canceled, "{kind}");
        assert_eq!(order.payment_status, PaymentStatus::Voided, "{kind}");
        assert_eq!(order.reason.as_deref(), Some("expired"), "{kind}");
        assert_eq!(
            (shop.left().await, shop.charges().await.len()),
            (10, 0),
            "{kind}"
        );
        let again = shop
            .try_place(&cart, "tok_success", "k2")
            .await
            .expect_err(kind);
        assert!(matches!(again, CheckoutError::Canceled), "{kind}: {again}");
        let events = [
            "orders.canceled.v1",
            "orders.placed.v1",
            "payments.attempt_settled.v1",
        ];
        assert_eq!(shop.events().await, events, "{kind}");
    }
}

#[tokio::test]
async fn while_the_provider_is_silent_nothing_is_given_away() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(2).await;
        // It charged, and then fell silent for longer than an order may wait.
        let placed = shop.place(&cart, "tok_timeout_after_charge", "k1").await;
        shop.work().await;
        shop.provider.down(true);
        shop.clock.advance(Duration::from_secs(16 * 60));
        let later = shop.deps.now().plus(Duration::from_secs(5));
        assert_eq!(shop.work().await, [JobOutcome::Wait(later)], "{kind}");
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.status, OrderStatus::Pending, "{kind}");
        assert_eq!(shop.left().await, 8, "{kind}");
        shop.provider.down(false);
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(
            (shop.left().await, shop.charges().await.len()),
            (8, 1),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_declined_order_is_canceled_after_a_day() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cell = shop
            .deps
            .storage
            .tenant(shop.tenant)
            .await
            .expect(kind)
            .cell;
        let placed = shop.place(&shop.cart(1).await, "tok_decline", "k1").await;
        shop.settle().await;
        let sweep = &shop.checkout.recurring[0];
        for (hours, status) in [(23, OrderStatus::Pending), (1, OrderStatus::Canceled)] {
            shop.clock.advance(Duration::from_secs(hours * 3_600));
            sweep.run(cell, shop.deps.now()).await.expect(kind);
            shop.settle().await;
            assert_eq!(shop.order(placed.order_id).await.status, status, "{kind}");
        }
        assert_eq!(shop.left().await, 10, "{kind}");
    }
}
