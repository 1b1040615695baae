//! Stock as shoppers see it, told by events that come late or twice.

use crate::support::{Shop, by, everywhere};

#[tokio::test]
async fn an_older_event_that_comes_late_changes_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "late").await;
        let made = shop.priced("shirt", 1_000).await;
        let small = made.variants[0].0;
        let seen = async || {
            let view = shop.product("shirt").await.expect("published");
            let page = shop.products(&by(Default::default())).await;
            (
                view.variants[0].available,
                view.variants[1].available,
                page.products[0].available,
            )
        };
        assert_eq!(seen().await, (false, false, false), "{}", cells.kind);
        shop.hears(small, true, 3).await;
        assert_eq!(seen().await, (true, false, true), "{}", cells.kind);
        let events = shop.events().await;
        shop.hears(small, false, 2).await;
        shop.hears(small, false, 3).await;
        assert_eq!(seen().await, (true, false, true), "{}", cells.kind);
        // Newer, but no difference to shoppers.
        shop.hears(small, true, 4).await;
        assert_eq!(shop.events().await, events, "{}", cells.kind);
        shop.hears(small, false, 5).await;
        assert_eq!(seen().await, (false, false, false), "{}", cells.kind);
        assert_eq!(shop.events().await, events + 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn stock_that_came_before_the_price_counts_once_there_is_one() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "early").await;
        let made = shop.upsert(&crate::support::shirt("shirt")).await;
        let small = made.variants[0].0;
        shop.hears(small, true, 1).await;
        shop.hears(stoa_kernel::VariantId::from_u128(404), true, 1)
            .await;
        let view = shop.product("shirt").await.expect("published");
        assert!(
            !view.variants[0].available,
            "{}: nothing without a price is",
            cells.kind
        );
        shop.price(small, 500, None).await;
        let view = shop.product("shirt").await.expect("published");
        assert!(view.variants[0].available, "{}", cells.kind);
        assert!(shop.products(&by(Default::default())).await.products[0].available);
    }
}
