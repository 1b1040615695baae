//! Gift cards that pay in part or in full, and coupons with a budget.

use futures_util::future::join_all;
use stoa_contracts::cart::{CartKey, CartUpdate};
use stoa_contracts::checkout::{CheckoutError, PlaceOrder};
use stoa_contracts::orders::PaymentStatus;
use stoa_contracts::pricing::CouponRefusal;
use stoa_kernel::Quantity;

use crate::shop::Shop;

const BUYERS: usize = 200;
const USES: usize = 5;

async fn with_card(shop: &Shop, cart: &CartKey, code: &str, token: &str) -> PlaceOrder {
    let mut request = shop.request(cart, token, &format!("{token}{code}"));
    request.gift_cards = vec![code.to_owned()];
    request
}

#[tokio::test]
async fn a_gift_card_pays_its_part_and_the_provider_the_rest() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let code = shop.gift_card(1_500).await;
        let cart = shop.cart(2).await;
        let request = with_card(&shop, &cart, &code, "tok_success").await;
        let placed = shop.checkout.contract.place(request).await.expect(kind);
        assert_eq!(shop.left_on(&code).await, 0, "{kind}");
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(order.gift_card.amount, 1_500, "{kind}");
        assert_eq!(order.paid, order.totals.total, "{kind}");
        let rest = order.totals.total.amount - 1_500;
        let charged = [(order.id.to_string(), rest)];
        assert_eq!(shop.charges().await, charged, "{kind}");
        assert_eq!(shop.left_on(&code).await, 0, "{kind}");
        let lines = shop.journal_lines(order.id).await;
        let expected = [
            "order written / order canceled: done",
            "gift cards held / gift cards released: done",
            "payment begun / payment voided: done",
            "stock reserved / stock released: done",
            "payment received / payment refunded: done",
            "gift cards spent / gift cards refunded: done",
            "stock confirmed / stock released: done",
        ];
        assert_eq!(lines, expected, "{kind}");
    }
}

#[tokio::test]
async fn a_gift_card_that_covers_everything_asks_no_provider() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let (rich, poor) = (shop.gift_card(100_000).await, shop.gift_card(10).await);
        shop.provider.down(true);
        let cart = shop.cart(1).await;
        let mut request = with_card(&shop, &cart, &poor, "").await;
        request.provider = "gift_card".to_owned();
        let error = shop.checkout.contract.place(request).await.expect_err(kind);
        let CheckoutError::Payment { field, .. } = &error else {
            panic!("{kind}: {error}")
        };
        assert_eq!(field, "payment.provider", "{kind}");
        assert_eq!(shop.left_on(&poor).await, 10, "{kind}");
        let mut request = with_card(&shop, &cart, &rich, "").await;
        request.provider = "gift_card".to_owned();
        let placed = shop.checkout.contract.place(request).await.expect(kind);
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(order.gift_card, order.totals.total, "{kind}");
        assert!(shop.charges().await.is_empty(), "{kind}");
        let left = 100_000 - order.totals.total.amount;
        assert_eq!(shop.left_on(&rich).await, left, "{kind}");
    }
}

#[tokio::test]
async fn a_decline_gives_gift_cards_and_coupons_back() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let code = shop.gift_card(700).await;
        shop.coupon("ONCE", 1).await;
        let cart = shop.cart(1).await;
        add_coupon(&shop, &cart, "ONCE").await;
        let request = with_card(&shop, &cart, &code, "tok_decline").await;
        shop.checkout.contract.place(request).await.expect(kind);
        assert_eq!(shop.left_on(&code).await, 0, "{kind}");
        shop.settle().await;
        assert_eq!(shop.left_on(&code).await, 700, "{kind}");
        // The next attempt can have both again.
        let request = with_card(&shop, &cart, &code, "tok_success").await;
        let placed = shop.checkout.contract.place(request).await.expect(kind);
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(order.promotions.len(), 1, "{kind}");
        assert_eq!(order.gift_card.amount, 700, "{kind}");
    }
}

#[tokio::test]
async fn a_wrong_gift_card_is_named_by_its_place_and_takes_nothing() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let good = shop.gift_card(700).await;
        let cart = shop.cart(1).await;
        let mut request = with_card(&shop, &cart, &good, "tok_success").await;
        request.gift_cards.push("NOT-A-CARD".to_owned());
        let error = shop.checkout.contract.place(request).await.expect_err(kind);
        let CheckoutError::GiftCard { position, .. } = &error else {
            panic!("{kind}: {error}")
        };
        assert_eq!(*position, 2, "{kind}");
        assert!(!error.to_string().contains("NOT-A-CARD"), "{kind}: {error}");
        assert_eq!(shop.left_on(&good).await, 700, "{kind}");
        assert_eq!(shop.orders_written().await, 0, "{kind}");
    }
}

async fn add_coupon(shop: &Shop, cart: &CartKey, code: &str) {
    let update = CartUpdate {
        coupons: Some(vec![code.to_owned()]),
        ..CartUpdate::default()
    };
    let carts = &shop.peers.carts;
    carts
        .update(shop.tenant, cart, update)
        .await
        .expect(shop.kind);
}

/// A cart of one wallpaper, with a coupon.
async fn cart_with_coupon(shop: &Shop, code: &str, buyer: usize) -> CartKey {
    let (carts, tenant) = (&shop.peers.carts, shop.tenant);
    let cart = shop.empty_cart().await;
    let paid = Quantity::ONE;
    let added = carts.add_line(tenant, &cart, shop.sticker, paid).await;
    added.expect(shop.kind);
    let update = CartUpdate {
        email: Some(format!("buyer{buyer}@example.com")),
        coupons: Some(vec![code.to_owned()]),
        ..CartUpdate::default()
    };
    let updated = carts.update(tenant, &cart, update).await;
    updated.expect(shop.kind);
    cart
}

#[tokio::test]
async fn a_coupon_that_others_used_up_shows_in_the_total() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        shop.coupon("ONE", 1).await;
        let (first, second) = (
            cart_with_coupon(&shop, "ONE", 1).await,
            cart_with_coupon(&shop, "ONE", 2).await,
        );
        let view = shop.peers.carts.view(shop.tenant, &second).await;
        let shown = view.expect(kind).totals.total;
        shop.place(&first, "tok_success", "k1").await;
        let mut request = shop.request(&second, "tok_success", "k2");
        request.expected_total = Some(shown);
        let error = shop
            .checkout
            .contract
            .place(request.clone())
            .await
            .expect_err(kind);
        let CheckoutError::TotalChanged { expected, now } = &error else {
            panic!("{kind}: {error}")
        };
        assert_eq!(*expected, shown, "{kind}");
        assert!(now.amount > shown.amount, "{kind}: {error}");
        // Shown the new total, the shopper may still buy: the refused code stops nobody.
        request.expected_total = Some(*now);
        let placed = shop.checkout.contract.place(request).await.expect(kind);
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
        assert!(order.promotions.is_empty(), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_two_hundred_buyers_uses_a_coupon_as_often_as_it_may_be() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        shop.coupon("TEA", USES as i64).await;
        let mut carts = Vec::new();
        for buyer in 0..BUYERS {
            carts.push(cart_with_coupon(&shop, "TEA", buyer).await);
        }
        let presses = carts.iter().enumerate().map(|(buyer, cart)| {
            let contract = shop.checkout.contract.clone();
            let request = shop.request(cart, "tok_success", &format!("k{buyer}"));
            tokio::spawn(async move { contract.place(request).await })
        });
        let (mut placed, mut used_up) = (Vec::new(), 0);
        for answer in join_all(presses.collect::<Vec<_>>()).await {
            match answer.unwrap() {
                Ok(order) => placed.push(order.order_id),
                Err(CheckoutError::Coupon { code, reason }) => {
                    assert_eq!(
                        (code.as_str(), reason),
                        ("TEA", CouponRefusal::UsedUp),
                        "{kind}"
                    );
                    used_up += 1;
                }
                Err(error) => panic!("{kind}: {error}"),
            }
        }
        assert_eq!((placed.len(), used_up), (USES, BUYERS - USES), "{kind}");
        shop.settle().await;
        for order in placed {
            let order = shop.order(order).await;
            assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
            assert_eq!(order.promotions.len(), 1, "{kind}");
        }
        assert_eq!(shop.charges().await.len(), USES, "{kind}");
    }
}
