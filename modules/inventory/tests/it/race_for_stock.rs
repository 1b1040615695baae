//! Many buyers at once. Nothing is sold twice, on any database.

use stoa_contracts::inventory::{Demand, ReserveError};
use stoa_kernel::VariantId;

use crate::support::{Shop, everywhere, level, order, units, variant};

const BUYERS: u128 = 1_000;

/// How many of a thousand buyers, each in a transaction of its own, got what they asked for.
async fn sold(shop: &Shop, demand: fn(u128) -> Vec<Demand>) -> usize {
    let buyers: Vec<_> = (1..=BUYERS)
        .map(|number| {
            let shop = shop.clone();
            tokio::spawn(async move { shop.reserve(order(number), &demand(number)).await })
        })
        .collect();
    let mut sold = 0;
    for buyer in buyers {
        match buyer.await.expect("no panic") {
            Ok(()) => sold += 1,
            Err(ReserveError::Short { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    sold
}

const MUG: VariantId = VariantId::from_u128(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_buyers_of_ten_units_get_ten() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        shop.stock(&[level(MUG, 10)]).await;
        assert_eq!(
            sold(&shop, |_| vec![units(MUG, 1)]).await,
            10,
            "{}",
            cells.kind
        );
        assert_eq!(shop.left(&[MUG]).await, [Some(0)], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
        assert_eq!(
            shop.crossings(&cells).await,
            [(MUG, true, 1), (MUG, false, 11)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lines_of_one_variant_count_together() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        shop.stock(&[level(MUG, 21)]).await;
        let demand = |_| vec![units(MUG, 1), units(MUG, 1)];
        assert_eq!(sold(&shop, demand).await, 10, "{}", cells.kind);
        assert_eq!(shop.left(&[MUG]).await, [Some(1)], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn baskets_in_any_order_neither_deadlock_nor_oversell() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        shop.stock(&[
            level(variant(1), 50),
            level(variant(2), 10),
            level(variant(3), 50),
        ])
        .await;
        let demand = |number: u128| {
            let mut lines = vec![
                units(variant(1), 1),
                units(variant(2), 1),
                units(variant(3), 1),
            ];
            lines.rotate_left((number % 3) as usize);
            lines
        };
        assert_eq!(sold(&shop, demand).await, 10, "{}", cells.kind);
        let left = shop.left(&[variant(1), variant(2), variant(3)]).await;
        assert_eq!(left, [Some(40), Some(0), Some(40)], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

/// A shop with five of the ten units in each of two places.
async fn two_places(shop: &Shop) {
    let far = serde_json::json!({ "name": "Far", "priority": 1 });
    let far = shop.add_place(far).await;
    shop.stock(&[level(MUG, 5)]).await;
    shop.put_on(MUG, far, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_units_in_two_places_are_sold_to_ten() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        two_places(&shop).await;
        let demand = |_| vec![units(MUG, 1)];
        assert_eq!(sold(&shop, demand).await, 10, "{}", cells.kind);
        assert_eq!(shop.shelves(MUG).await, [(5, 5, 0), (5, 5, 0)]);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
        // One version for each of the two counts and ten sales, over both places.
        assert_eq!(
            shop.crossings(&cells).await,
            [(MUG, true, 1), (MUG, false, 12)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_three_share_ten_units_in_two_places() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        two_places(&shop).await;
        // Two lines of one variant; the second order is split, the third as well.
        let demand = |_| vec![units(MUG, 1), units(MUG, 2)];
        assert_eq!(sold(&shop, demand).await, 3, "{}", cells.kind);
        assert_eq!(shop.left(&[MUG]).await, [Some(1)], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_meet_a_second_place_that_opens_meanwhile() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "race").await;
        shop.stock(&[level(MUG, 5)]).await;
        let opening = tokio::spawn({
            let shop = shop.clone();
            async move {
                let far = shop.add_place(serde_json::json!({ "name": "Far" })).await;
                shop.put_on(MUG, far, 5).await;
            }
        });
        let early = sold(&shop, |_| vec![units(MUG, 1)]).await;
        opening.await.expect("no panic");
        assert!((5..=10).contains(&early), "{}: {early}", cells.kind);
        // Whoever came too early asks again: nothing is refused while it is there.
        let late = sold(&shop, |_| vec![units(MUG, 1)]).await;
        assert_eq!(late, 10, "{}: those who hold keep it", cells.kind);
        assert_eq!(shop.left(&[MUG]).await, [Some(0)], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
        let told = shop.crossings(&cells).await;
        assert_eq!(told.last().map(|row| row.1), Some(false), "{}", cells.kind);
        assert!(
            told.is_sorted_by(|a, b| a.2 < b.2),
            "{}: {told:?}",
            cells.kind
        );
    }
}
