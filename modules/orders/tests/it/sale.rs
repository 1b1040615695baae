//! Placing, reading, revising and finding orders.

use std::time::Duration;

use stoa_contracts::orders::{
    FulfilmentStatus, NewOrder, OrderError, OrderLineView, OrderPlaced, OrderStatus, OrderView,
    OrderedLine, PaymentStatus,
};
use stoa_kernel::{CartId, Clock as _, OrderId};
use stoa_storage::{ConstraintKind, Error};

use crate::support::{Shop, canceled, declined, eur, everywhere, order, paid};

fn lines_as_placed(placed: &NewOrder) -> Vec<OrderLineView> {
    let lines = placed.lines.iter().map(|line| OrderLineView {
        id: line.id,
        variant_id: line.variant,
        product_id: line.product,
        title: line.title.clone(),
        variant_title: line.variant_title.clone(),
        sku: line.sku.clone(),
        image: line.image.clone(),
        quantity: line.quantity,
        requires_shipping: true,
        grams: 250,
        unit_price: line.unit_price,
        subtotal: line.subtotal,
        tax: line.tax,
        total: line.total,
        discount: line.discount,
        adjustments: Vec::new(),
        fulfilled: 0,
        returned: 0,
        refunded: 0,
        components: Vec::new(),
    });
    lines.collect()
}

#[tokio::test]
async fn an_order_reads_back_exactly_as_it_was_placed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = order(1);
        assert_eq!(shop.create(&placed).await.expect(cells.kind), 1_001);

        let now = cells.clock.now();
        let expected = OrderView {
            id: placed.id,
            number: 1_001,
            status: OrderStatus::Pending,
            payment_status: PaymentStatus::Pending,
            fulfilment_status: FulfilmentStatus::NotFulfilled,
            email: placed.email.clone(),
            shipping_address: placed.shipping_address.clone(),
            billing_address: placed.billing_address.clone(),
            shipping_option: placed.shipping_option.clone(),
            currency: placed.totals.total.currency,
            lines: lines_as_placed(&placed),
            totals: placed.totals,
            tax_inclusive: false,
            test: true,
            placed_at: now,
            paid_at: None,
            canceled_at: None,
            reason: None,
            cart_id: placed.cart,
            customer_id: None,
            note: placed.note.clone(),
            promotions: Vec::new(),
            taxes: placed.taxes.clone(),
            gift_card: eur(0),
            paid: eur(0),
            refunded: eur(0),
            cancel_requested_at: None,
            fulfilments: Vec::new(),
            returns: Vec::new(),
            version: 1,
        };
        let view = shop
            .orders
            .view(shop.tenant, placed.id)
            .await
            .expect(cells.kind);
        assert_eq!(view, expected, "{}", cells.kind);

        let ordered = placed.lines.iter().map(|line| OrderedLine {
            product: line.product,
            variant: line.variant,
            quantity: line.quantity,
            total: line.total,
        });
        let fact = OrderPlaced {
            order: placed.id,
            number: 1_001,
            total: eur(5_831),
            lines: ordered.collect(),
            test: true,
        };
        assert_eq!(shop.facts::<OrderPlaced>().await, [fact], "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_sum_that_is_wrong_is_refused_and_leaves_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let is_check = |refused: Result<i64, OrderError>| {
            let kind = ConstraintKind::Check;
            matches!(refused, Err(OrderError::Storage(Error::Constraint { kind: k, .. })) if k == kind)
        };
        // The lines agree with the subtotal, so only the row's own CHECK can notice the tax.
        let mut wrong = order(1);
        wrong.totals.tax = eur(932);
        assert!(is_check(shop.create(&wrong).await), "{}", cells.kind);
        let mut wrong = order(1);
        wrong.totals.total = eur(5_830);
        assert!(is_check(shop.create(&wrong).await), "{}", cells.kind);
        let mut wrong = order(1);
        wrong.lines[0].total = eur(1);
        assert!(is_check(shop.create(&wrong).await), "{}", cells.kind);

        let missing = shop.orders.view(shop.tenant, wrong.id).await;
        assert!(
            matches!(missing, Err(OrderError::NotFound)),
            "{}",
            cells.kind
        );
        assert_eq!(shop.events().await, [], "{}", cells.kind);
        shop.create(&order(1)).await.expect("the right sums");
    }
}

#[tokio::test]
async fn a_cart_becomes_one_order() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        shop.create(&order(1)).await.expect(cells.kind);
        let mut second = order(2);
        second.cart = Some(CartId::from_u128(1));
        match shop.create(&second).await {
            Err(OrderError::Storage(error)) => assert!(error.is_unique_violation(), "{error}"),
            other => panic!("{}: {other:?}", cells.kind),
        }
        assert_eq!(shop.facts::<OrderPlaced>().await.len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_declined_order_is_revised_and_keeps_its_number() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let first = order(1);
        let number = shop.create(&first).await.expect(cells.kind);
        shop.step(first.id, declined("no funds"))
            .await
            .expect(cells.kind);
        let placed_at = cells.clock.now();
        cells.clock.advance(Duration::from_secs(60));

        let mut again = order(1);
        again.email = "lovelace@example.com".to_owned();
        again.shipping_address = None;
        again.lines.truncate(1);
        again.totals.subtotal = eur(4_000);
        again.totals.tax = eur(836);
        again.totals.total = eur(5_236);
        shop.revise(&again).await.expect(cells.kind);

        let view = shop
            .orders
            .view(shop.tenant, first.id)
            .await
            .expect(cells.kind);
        assert_eq!(
            (view.number, view.placed_at, view.version),
            (number, placed_at, 3)
        );
        assert_eq!(
            (view.email.as_str(), &view.shipping_address),
            ("lovelace@example.com", &None)
        );
        assert_eq!(
            (view.totals, view.reason),
            (again.totals, None),
            "{}",
            cells.kind
        );
        let titles: Vec<&str> = view.lines.iter().map(|line| line.title.as_str()).collect();
        assert_eq!(titles, ["Teapot"], "{}", cells.kind);
        // It waits anew, and was placed once.
        let waiting = shop
            .orders
            .waiting(shop.tenant, cells.clock.now(), None, 10)
            .await;
        assert_eq!(waiting.expect(cells.kind), [], "{}", cells.kind);
        assert_eq!(shop.facts::<OrderPlaced>().await.len(), 1, "{}", cells.kind);

        let mut elsewhere = again.clone();
        elsewhere.cart = Some(CartId::from_u128(99));
        assert!(matches!(
            shop.revise(&elsewhere).await,
            Err(OrderError::NotFound)
        ));
        shop.step(first.id, paid(5)).await.expect(cells.kind);
        let refused = shop.revise(&again).await;
        assert!(
            matches!(
                refused,
                Err(OrderError::Transition {
                    step: "revised",
                    ..
                })
            ),
            "{}: {refused:?}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn the_oldest_that_wait_for_payment_come_first() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        // Ids against the order of time: what counts is when an order was placed.
        for seed in [5, 4, 3, 2, 1] {
            shop.create(&order(seed)).await.expect(cells.kind);
            cells.clock.advance(Duration::from_secs(10));
        }
        shop.step(OrderId::from_u128(4), paid(1))
            .await
            .expect(cells.kind);
        shop.step(OrderId::from_u128(3), canceled("late"))
            .await
            .expect(cells.kind);
        let needs_action = stoa_contracts::orders::PaymentStep::NeedsAction;
        shop.step(OrderId::from_u128(2), needs_action)
            .await
            .expect(cells.kind);

        let now = cells.clock.now();
        let waiting = async |before, limit| {
            let found = shop
                .orders
                .waiting(shop.tenant, before, None, limit)
                .await
                .expect(cells.kind);
            found.into_iter().map(OrderId::as_u128).collect::<Vec<_>>()
        };
        assert_eq!(waiting(now, 10).await, [5, 2, 1], "{}", cells.kind);
        assert_eq!(waiting(now, 2).await, [5, 2], "{}", cells.kind);
        let before_last = now.minus(Duration::from_secs(10));
        assert_eq!(waiting(before_last, 10).await, [5, 2], "{}", cells.kind);
    }
}

#[tokio::test]
async fn tenants_never_see_each_others_orders() {
    for cells in everywhere().await {
        let acme = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        // Even the same ids, carts and numbers are different orders.
        assert_eq!(acme.create(&order(1)).await.expect(cells.kind), 1_001);
        assert_eq!(other.create(&order(1)).await.expect(cells.kind), 1_001);
        acme.create(&order(2)).await.expect(cells.kind);
        acme.step(OrderId::from_u128(1), paid(1))
            .await
            .expect(cells.kind);

        let unseen = other.orders.view(other.tenant, OrderId::from_u128(2)).await;
        assert!(
            matches!(unseen, Err(OrderError::NotFound)),
            "{}",
            cells.kind
        );
        let untouched = other.step(OrderId::from_u128(2), paid(1)).await;
        assert!(
            matches!(untouched, Err(OrderError::NotFound)),
            "{}",
            cells.kind
        );
        let own = other
            .orders
            .view(other.tenant, OrderId::from_u128(1))
            .await
            .expect(cells.kind);
        assert_eq!(own.payment_status, PaymentStatus::Pending, "{}", cells.kind);
        cells.clock.advance(Duration::from_secs(1));
        let waiting = other
            .orders
            .waiting(other.tenant, cells.clock.now(), None, 10)
            .await;
        assert_eq!(
            waiting.expect(cells.kind),
            [OrderId::from_u128(1)],
            "{}",
            cells.kind
        );
    }
}
