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

#[tokio::test]
async fn levels_that_come_together_are_marked_together_and_tell_of_each_product_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "together").await;
        let mut told = Vec::new();
        for number in 0..20 {
            let made = shop.priced(&format!("shirt-{number}"), 1_000).await;
            told.extend(made.variants.iter().map(|(variant, _)| (*variant, true, 3)));
        }
        let variants = told.len();
        // Twice in one transaction, in any order: the newest counts. One that nobody knows is none.
        told.push((told[0].0, false, 2));
        told.insert(0, (told[1].0, false, 1));
        told.push((stoa_kernel::VariantId::from_u128(404), true, 3));
        let (events, statements) = (shop.events().await, shop.statements());
        shop.hears_all(&told).await;
        let statements = shop.statements() - statements;
        assert_eq!(shop.events().await, events + 20, "{}", cells.kind);
        // One to mark each, two for each card, one to tell of each product, and a few to look.
        let most = (variants + 3 * 20 + 30) as u64;
        assert!(statements <= most, "{}: {statements}", cells.kind);
        for number in 0..20 {
            let view = shop.product(&format!("shirt-{number}")).await;
            let view = view.expect("published");
            assert!(view.variants.iter().all(|variant| variant.available));
        }
        // Again: nothing is new.
        let events = shop.events().await;
        shop.hears_all(&told).await;
        assert_eq!(shop.events().await, events, "{}", cells.kind);
    }
}
