//! Drafts: theirs is a number and nothing else until they are placed.

use std::time::Duration;

use stoa_contracts::orders::{NewOrder, OrderCanceled, OrderError, OrderPlaced, OrderStatus};
use stoa_kernel::{Clock as _, OrderId};

use crate::support::{Shop, canceled, everywhere, order, paid};

fn draft(seed: u128) -> NewOrder {
    NewOrder {
        cart: None,
        ..order(seed)
    }
}

async fn create(shop: &Shop<'_>, new: &NewOrder) -> Result<i64, OrderError> {
    let new = new.clone();
    shop.run(async move |tx, orders, cause| orders.create_draft(tx, &new, cause).await)
        .await
}

async fn place(shop: &Shop<'_>, new: &NewOrder) -> Result<(), OrderError> {
    let new = new.clone();
    shop.run(async move |tx, orders, cause| orders.place_draft(tx, &new, cause).await)
        .await
}

async fn revise(shop: &Shop<'_>, new: &NewOrder) -> Result<(), OrderError> {
    let new = new.clone();
    shop.run(async move |tx, orders, cause| orders.revise_draft(tx, &new, cause).await)
        .await
}

#[tokio::test]
async fn a_draft_is_told_of_when_it_is_placed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let mut new = draft(1);
        let number = create(&shop, &new).await.expect(cells.kind);
        // Several drafts have no cart.
        create(&shop, &draft(2)).await.expect(cells.kind);
        assert_eq!(shop.facts::<OrderPlaced>().await, [], "{}", cells.kind);
        let unpaid = shop.step(new.id, paid(1)).await;
        assert!(matches!(
            unpaid,
            Err(OrderError::Transition { step: "paid", .. })
        ));
        cells.clock.advance(Duration::from_secs(60));
        let waiting = async || {
            let late = cells.clock.now().plus(Duration::from_secs(1));
            shop.orders
                .waiting(shop.tenant, late, None, 10)
                .await
                .expect(cells.kind)
        };
        assert_eq!(waiting().await, [], "{}", cells.kind);

        new.email = "countess@example.com".to_owned();
        revise(&shop, &new).await.expect(cells.kind);
        let view = shop.view(new.id).await;
        assert_eq!(
            (view.status, view.cart_id),
            (OrderStatus::Draft, None),
            "{}",
            cells.kind
        );
        place(&shop, &new).await.expect(cells.kind);
        let view = shop.view(new.id).await;
        assert_eq!(
            (view.status, view.number),
            (OrderStatus::Pending, number),
            "{}",
            cells.kind
        );
        assert_eq!(view.placed_at, cells.clock.now(), "{}", cells.kind);
        assert_eq!(view.email, "countess@example.com", "{}", cells.kind);
        assert_eq!(waiting().await, [new.id], "{}", cells.kind);
        assert_eq!(shop.facts::<OrderPlaced>().await.len(), 1, "{}", cells.kind);

        for again in [place(&shop, &new).await, revise(&shop, &new).await] {
            assert!(
                matches!(again, Err(OrderError::Transition { .. })),
                "{}",
                cells.kind
            );
        }
        // A declined one is revised as those of carts are.
        shop.revise(&new).await.expect(cells.kind);
        shop.step(new.id, paid(1)).await.expect(cells.kind);
    }
}

#[tokio::test]
async fn a_draft_nobody_wants_goes_silently() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        create(&shop, &draft(1)).await.expect(cells.kind);
        let id = OrderId::from_u128(1);
        let state = shop
            .step(id, canceled("not wanted"))
            .await
            .expect(cells.kind);
        assert_eq!(state.status, OrderStatus::Canceled, "{}", cells.kind);
        assert_eq!(shop.facts::<OrderCanceled>().await, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn the_sweep_goes_on_after_the_last_one_seen() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        for seed in [5, 4, 3, 2, 1] {
            shop.create(&order(seed)).await.expect(cells.kind);
            if seed % 2 == 0 {
                cells.clock.advance(Duration::from_secs(10));
            }
        }
        let late = cells.clock.now().plus(Duration::from_secs(1));
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = shop.orders.waiting(shop.tenant, late, after, 2).await;
            let page = page.expect(cells.kind);
            let Some(last) = page.last() else {
                break;
            };
            after = Some(*last);
            seen.extend(page.into_iter().map(OrderId::as_u128));
        }
        // By time, then by id.
        assert_eq!(seen, [4, 5, 2, 3, 1], "{}", cells.kind);
    }
}
