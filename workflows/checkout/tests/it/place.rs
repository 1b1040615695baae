//! What a placement writes, answers, and refuses.

use stoa_contracts::cart::{CartKey, CartStatus, CartUpdate};
use stoa_contracts::checkout::CheckoutError;
use stoa_contracts::inventory::Shortage;
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_contracts::payments::AttemptState;
use stoa_kernel::Quantity;

use crate::shop::{ON_HAND, Shop};

#[tokio::test]
async fn a_cart_becomes_one_paid_order() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(2).await;
        let shown = shop
            .peers
            .carts
            .view(shop.tenant, &cart)
            .await
            .expect(kind)
            .totals;
        let placed = shop.place(&cart, "tok_success", "k1").await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.status, OrderStatus::Pending, "{kind}");
        assert_eq!(order.payment_status, PaymentStatus::Pending, "{kind}");
        assert_eq!(order.totals, shown, "{kind}");
        assert!(
            order.test && order.totals.total.amount >= 4_000,
            "{kind}: {:?}",
            order.totals
        );
        assert_eq!(shop.cart_status(&cart).await, CartStatus::Frozen, "{kind}");
        assert_eq!(shop.left().await, i64::from(ON_HAND) - 2, "{kind}");
        assert!(shop.charges().await.is_empty(), "{kind}");
        assert!(
            shop.peers
                .orders
                .opens(shop.tenant, placed.order_id, &placed.order_token)
        );

        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(order.paid_at, Some(shop.deps.now()), "{kind}");
        assert_eq!(
            shop.cart_status(&cart).await,
            CartStatus::Completed,
            "{kind}"
        );
        assert_eq!(shop.left().await, i64::from(ON_HAND) - 2, "{kind}");
        let total = order.totals.total.amount;
        assert_eq!(
            shop.charges().await,
            [(order.id.to_string(), total)],
            "{kind}"
        );
        let events = [
            "orders.paid.v1",
            "orders.placed.v1",
            "payments.attempt_settled.v1",
        ];
        assert_eq!(shop.events().await, events, "{kind}");
        let status = shop
            .checkout
            .contract
            .status(shop.tenant, order.id)
            .await
            .expect(kind);
        assert!(status.settled, "{kind}");
        assert_eq!(
            status.payment.unwrap().state,
            AttemptState::Succeeded,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn every_key_of_a_cart_gets_the_same_order() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(1).await;
        let first = shop.place(&cart, "tok_success", "k1").await;
        assert_eq!(
            shop.place(&cart, "tok_success", "k1").await,
            first,
            "{kind}"
        );
        assert_eq!(
            shop.place(&cart, "tok_success", "k2").await,
            first,
            "{kind}"
        );
        let reused = shop
            .try_place(&cart, "tok_decline_", "k1")
            .await
            .expect_err(kind);
        assert!(
            matches!(reused, CheckoutError::KeyReused),
            "{kind}: {reused}"
        );
        shop.settle().await;
        assert_eq!(
            shop.place(&cart, "tok_success", "k1").await,
            first,
            "{kind}"
        );
        assert_eq!(
            shop.place(&cart, "tok_decline", "k3").await,
            first,
            "{kind}"
        );
        shop.settle().await;
        assert_eq!(shop.charges().await.len(), 1, "{kind}");
        assert_eq!(shop.orders_written().await, 1, "{kind}");
    }
}

#[tokio::test]
async fn a_cart_that_is_short_of_stock_writes_nothing() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (first, second) = (shop.cart(6).await, shop.cart(5).await);
        shop.place(&first, "tok_decline", "k1").await;
        let error = shop
            .try_place(&second, "tok_success", "k2")
            .await
            .expect_err(kind);
        let CheckoutError::Short { shortages } = error else {
            panic!("{kind}: {error}")
        };
        let shortage = Shortage {
            variant: shop.pot,
            asked: 5,
            available: 4,
        };
        assert_eq!(shortages, [shortage], "{kind}");
        assert_eq!(shop.orders_written().await, 1, "{kind}");
        assert_eq!(shop.cart_status(&second).await, CartStatus::Open, "{kind}");
        assert_eq!(shop.left().await, 4, "{kind}");
        // The decline gives the stock back; the same key was never used up.
        shop.settle().await;
        assert_eq!(shop.left().await, 10, "{kind}");
        let placed = shop.place(&second, "tok_success", "k2").await;
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(shop.left().await, 5, "{kind}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named_at_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.empty_cart().await;
        let error = shop
            .try_place(&cart, "tok_success", "k1")
            .await
            .expect_err(kind);
        assert!(matches!(error, CheckoutError::CartEmpty), "{kind}: {error}");
        let carts = &shop.peers.carts;
        carts
            .add_line(shop.tenant, &cart, shop.pot, Quantity::ONE)
            .await
            .expect(kind);
        let error = shop
            .try_place(&cart, "tok_success", "k1")
            .await
            .expect_err(kind);
        let CheckoutError::Incomplete { fields } = error else {
            panic!("{kind}: {error}")
        };
        let fields: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
        assert_eq!(
            fields,
            ["email", "shipping_address", "shipping_option_id"],
            "{kind}"
        );
        let stranger = CartKey {
            token: "guessed".to_owned(),
            ..cart.clone()
        };
        let error = shop
            .try_place(&stranger, "tok_success", "k1")
            .await
            .expect_err(kind);
        assert!(
            matches!(error, CheckoutError::CartNotFound),
            "{kind}: {error}"
        );
        shop.fill_in(&cart).await;
        for (token, field) in [
            ("4111111111111111", "payment.token"),
            ("tok_", "payment.token"),
        ] {
            let error = shop.try_place(&cart, token, "k1").await.expect_err(kind);
            let CheckoutError::Payment { field: named, .. } = &error else {
                panic!("{kind}: {error}")
            };
            assert_eq!(named, field, "{kind}");
            assert!(
                !error.to_string().contains(token) || token == "tok_",
                "{kind}: {error}"
            );
        }
        odd_return_urls_are_refused(&shop, &cart).await;
        assert_eq!(shop.orders_written().await, 0, "{kind}");
        shop.place(&cart, "tok_success", "k1").await;
    }
}

async fn odd_return_urls_are_refused(shop: &Shop, cart: &CartKey) {
    for url in [
        "javascript:alert(1)",
        "https://shop.example/\0",
        "https://a\r\n.example",
    ] {
        let mut elsewhere = shop.request(cart, "tok_success", "k1");
        elsewhere.return_url = Some(url.to_owned());
        let error = shop
            .checkout
            .contract
            .place(elsewhere)
            .await
            .expect_err(url);
        let expected = "payment.return_url: is not a plain http or https URL";
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn something_free_to_download_needs_no_address_and_no_provider() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.empty_cart().await;
        let carts = &shop.peers.carts;
        carts
            .add_line(shop.tenant, &cart, shop.wallpaper, Quantity::ONE)
            .await
            .expect(kind);
        let contact = CartUpdate {
            email: Some("ada@example.com".to_owned()),
            ..CartUpdate::default()
        };
        carts.update(shop.tenant, &cart, contact).await.expect(kind);
        shop.provider.down(true);
        let placed = shop.place(&cart, "tok_success", "k1").await;
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.totals.total.amount, 0, "{kind}");
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert!(shop.charges().await.is_empty(), "{kind}");
    }
}

/// A guard over the hot path: what a checkout costs is how many statements it runs.
#[tokio::test]
async fn a_placement_runs_few_statements() {
    for shop in Shop::everywhere().await {
        let warm = shop.cart(1).await;
        shop.place(&warm, "tok_success", "warm").await;
        let cart = shop.cart(1).await;
        let stats = shop.deps.storage.stats();
        let before = stats.read().statements;
        shop.place(&cart, "tok_success", "k").await;
        let placed = stats.read().statements - before;
        let job = shop.claim().await.pop().unwrap();
        let before = stats.read().statements;
        shop.run(&job).await;
        let settled = stats.read().statements - before;
        assert!(
            placed <= 21 && settled <= 19,
            "{}: {placed}, {settled}",
            shop.kind
        );
    }
}
