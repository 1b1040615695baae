//! Payment links of drafts, totals that changed, and orders that were declined too often.

use stoa_contracts::Totals;
use stoa_contracts::checkout::{CheckoutError, PlaceOrder, Placed, Purchase};
use stoa_contracts::orders::{NewOrder, NewOrderLine, OrderEdit, OrderStatus, PaymentStatus};
use stoa_contracts::payments::AttemptState;
use stoa_kernel::{Currency, Money, OrderId, Quantity};
use stoa_storage::{Cause, Tx};

use crate::shop::Shop;

fn euros(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

fn totals(subtotal: i64) -> Totals {
    Totals {
        subtotal: euros(subtotal),
        discount: euros(0),
        shipping: euros(0),
        tax: euros(0),
        total: euros(subtotal),
    }
}

fn line(shop: &Shop, price: i64, units: u32) -> NewOrderLine {
    let total = euros(price * i64::from(units));
    NewOrderLine {
        id: shop.deps.ids.make(shop.deps.now()),
        variant: shop.wallpaper,
        product: stoa_kernel::ProductId::from_u128(7),
        title: "Wallpaper".to_owned(),
        variant_title: "Default".to_owned(),
        sku: None,
        image: None,
        quantity: Quantity::new(units).unwrap(),
        requires_shipping: false,
        grams: 0,
        unit_price: euros(price),
        subtotal: total,
        discount: euros(0),
        tax: euros(0),
        total,
        adjustments: Vec::new(),
        components: Vec::new(),
    }
}

/// A draft of two wallpapers at a price that staff agreed.
async fn draft(shop: &Shop) -> OrderId {
    let id: OrderId = shop.deps.ids.make(shop.deps.now());
    let order = NewOrder {
        id,
        cart: None,
        customer: None,
        note: None,
        promotions: Vec::new(),
        taxes: Vec::new(),
        gift_card: euros(0),
        email: "ada@example.com".to_owned(),
        shipping_address: None,
        billing_address: None,
        shipping_option: None,
        lines: vec![line(shop, 450, 2)],
        totals: totals(900),
        tax_inclusive: false,
        test: true,
    };
    let (orders, cause) = (shop.peers.orders.clone(), Cause::system(shop.deps.now()));
    let db = shop.db().await;
    db.write(async move |tx: &mut Tx<'_>| orders.create_draft(tx, &order, &cause).await)
        .await
        .expect(shop.kind);
    id
}

fn link(shop: &Shop, order: OrderId, token: &str, key: &str) -> PlaceOrder {
    let cart = stoa_contracts::cart::CartKey {
        id: stoa_kernel::CartId::from_u128(order.as_u128()),
        token: String::new(),
    };
    let mut request = shop.request(&cart, token, key);
    request.purchase = Purchase::Order {
        id: order,
        token: shop.peers.orders.token(shop.tenant, order),
    };
    request
}

async fn pay(shop: &Shop, order: OrderId, token: &str, key: &str) -> Placed {
    let request = link(shop, order, token, key);
    let placed = shop.checkout.contract.place(request).await;
    placed.expect(shop.kind)
}

async fn wallpapers_left(shop: &Shop) -> i64 {
    let (inventory, variant) = (shop.peers.inventory.clone(), shop.wallpaper);
    let db = shop.db().await;
    let found = db
        .read(async move |tx: &mut Tx<'_>| inventory.availability(tx, &[variant]).await)
        .await
        .expect(shop.kind);
    found[0].units.unwrap()
}

#[tokio::test]
async fn a_draft_is_paid_by_its_link_at_the_agreed_price() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = draft(&shop).await;
        let mut wrong = link(&shop, order, "tok_success", "k0");
        wrong.purchase = Purchase::Order {
            id: order,
            token: "guessed".to_owned(),
        };
        let error = shop.checkout.contract.place(wrong).await.expect_err(kind);
        assert!(
            matches!(error, CheckoutError::CartNotFound),
            "{kind}: {error}"
        );
        assert_eq!(wallpapers_left(&shop).await, 10, "{kind}");
        // Declined, it may be tried again by the same link.
        let declined = pay(&shop, order, "tok_decline", "k1").await;
        assert_eq!(declined.order_id, order, "{kind}");
        assert_eq!(wallpapers_left(&shop).await, 8, "{kind}");
        shop.settle().await;
        assert_eq!(wallpapers_left(&shop).await, 10, "{kind}");
        let placed = pay(&shop, order, "tok_success", "k2").await;
        assert_eq!(placed.order_id, order, "{kind}");
        shop.settle().await;
        let view = shop.order(order).await;
        assert_eq!(view.payment_status, PaymentStatus::Paid, "{kind}");
        assert_eq!(view.totals.total.amount, 900, "{kind}");
        assert_eq!(shop.charges().await, [(order.to_string(), 900)], "{kind}");
        assert_eq!(wallpapers_left(&shop).await, 8, "{kind}");
        // Paid, the link answers with what stands.
        let again = pay(&shop, order, "tok_success", "k3").await;
        assert_eq!(again.order_id, order, "{kind}");
        shop.settle().await;
        assert_eq!(shop.charges().await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_link_that_nobody_paid_in_time_can_be_followed_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = draft(&shop).await;
        pay(&shop, order, "tok_3ds", "k1").await;
        shop.settle().await;
        let view = shop.order(order).await;
        assert_eq!(
            (view.status, view.reason.as_deref()),
            (OrderStatus::Pending, Some("expired")),
            "{kind}"
        );
        assert_eq!(wallpapers_left(&shop).await, 10, "{kind}");
        pay(&shop, order, "tok_success", "k2").await;
        shop.settle().await;
        let view = shop.order(order).await;
        assert_eq!(view.payment_status, PaymentStatus::Paid, "{kind}");
    }
}

/// One wallpaper more, at 100 more.
async fn make_dearer(shop: &Shop, order: OrderId) {
    let view = shop.order(order).await;
    let mut lines = vec![line(shop, 450, 2), line(shop, 100, 1)];
    lines[0].id = view.lines[0].id;
    let edit = OrderEdit {
        order,
        lines,
        totals: totals(1_000),
        promotions: Vec::new(),
        taxes: Vec::new(),
        shipping_address: None,
        summary: "one more".to_owned(),
    };
    let (orders, cause) = (shop.peers.orders.clone(), Cause::system(shop.deps.now()));
    let db = shop.db().await;
    db.write(async move |tx: &mut Tx<'_>| orders.edit(tx, &edit, &cause).await)
        .await
        .expect(shop.kind);
}

#[tokio::test]
async fn what_an_edit_left_to_pay_is_paid_by_the_same_link() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = draft(&shop).await;
        pay(&shop, order, "tok_success", "k1").await;
        shop.settle().await;
        make_dearer(&shop, order).await;
        let view = shop.order(order).await;
        assert_eq!(view.payment_status, PaymentStatus::PartiallyPaid, "{kind}");
        // A decline of the rest leaves what is paid alone.
        pay(&shop, order, "tok_decline", "k2").await;
        shop.settle().await;
        let view = shop.order(order).await;
        assert_eq!(
            (view.payment_status, view.paid.amount),
            (PaymentStatus::PartiallyPaid, 900),
            "{kind}"
        );
        assert_eq!(wallpapers_left(&shop).await, 8, "{kind}");
        let mut dear = link(&shop, order, "tok_success", "k3");
        dear.expected_total = Some(euros(1_000));
        let error = shop.checkout.contract.place(dear).await.expect_err(kind);
        let CheckoutError::TotalChanged { now, .. } = &error else {
            panic!("{kind}: {error}")
        };
        assert_eq!(*now, euros(100), "{kind}");
        pay(&shop, order, "tok_success", "k4").await;
        // Charged, and the order has not heard of it: paying again must not charge again.
        let payments = &shop.peers.payments;
        let newest = payments.newest_of(shop.tenant, order).await.expect(kind);
        let taken = payments.drive(shop.tenant, newest.expect(kind).id).await;
        assert_eq!(taken.expect(kind), AttemptState::Succeeded, "{kind}");
        pay(&shop, order, "tok_success", "k5").await;
        shop.settle().await;
        let view = shop.order(order).await;
        assert_eq!(
            (view.payment_status, view.paid.amount),
            (PaymentStatus::Paid, 1_000),
            "{kind}"
        );
        let mut charged: Vec<i64> = shop
            .charges()
            .await
            .into_iter()
            .map(|(_, amount)| amount)
            .collect();
        charged.sort_unstable();
        assert_eq!(charged, [100, 900], "{kind}");
    }
}

#[tokio::test]
async fn another_total_than_was_shown_writes_nothing() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(1).await;
        let view = shop.peers.carts.view(shop.tenant, &cart).await;
        let total = view.expect(kind).totals.total;
        let mut request = shop.request(&cart, "tok_success", "k1");
        request.expected_total = Some(euros(total.amount - 1));
        let error = shop
            .checkout
            .contract
            .place(request.clone())
            .await
            .expect_err(kind);
        let CheckoutError::TotalChanged { expected, now } = &error else {
            panic!("{kind}: {error}")
        };
        assert_eq!((expected.amount, *now), (total.amount - 1, total), "{kind}");
        assert_eq!(shop.orders_written().await, 0, "{kind}");
        assert_eq!(shop.left().await, 10, "{kind}");
        assert!(shop.claim().await.is_empty(), "{kind}");
        // The key was not used up.
        request.expected_total = Some(total);
        let placed = shop.checkout.contract.place(request).await.expect(kind);
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.payment_status, PaymentStatus::Paid, "{kind}");
    }
}

#[tokio::test]
async fn an_order_that_is_declined_too_often_is_not_tried_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let cart = shop.cart(1).await;
        for attempt in 0..10 {
            shop.place(&cart, "tok_decline", &format!("k{attempt}"))
                .await;
            shop.settle().await;
        }
        let error = shop
            .try_place(&cart, "tok_success", "last")
            .await
            .expect_err(kind);
        assert!(
            matches!(error, CheckoutError::TooManyAttempts { max: 10 }),
            "{kind}: {error}"
        );
        assert_eq!(shop.left().await, 10, "{kind}");
        assert!(shop.charges().await.is_empty(), "{kind}");
    }
}
