//! Holding, confirming and giving back stock through the contract.

use stoa_contracts::inventory::{Availability, InitialLevel, ReserveError, Shortage};
use stoa_kernel::VariantId;
use stoa_storage::{Error, Tx, params};

use crate::support::{Shop, everywhere, level, order, units, variant};

const A: VariantId = VariantId::from_u128(1);
const B: VariantId = VariantId::from_u128(2);
const C: VariantId = VariantId::from_u128(3);

fn shortages(outcome: Result<(), ReserveError>) -> Vec<Shortage> {
    match outcome {
        Err(ReserveError::Short { shortages }) => shortages,
        other => panic!("not short: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_holds_the_summed_demand_of_each_variant() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10), level(B, 5)]).await;
        let demand = [units(B, 1), units(A, 2), units(A, 3)];
        shop.reserve(order(1), &demand).await.expect(cells.kind);
        assert_eq!(
            shop.left(&[A, B]).await,
            [Some(5), Some(4)],
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.mismatches().await,
            [] as [serde_json::Value; 0],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortage_names_every_short_variant_and_reserves_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10), level(B, 2)]).await;
        shop.reserve(order(9), &[units(B, 1)])
            .await
            .expect(cells.kind);
        let demand = [units(C, 1), units(A, 10), units(B, 1), units(B, 2)];
        assert_eq!(
            shortages(shop.reserve(order(1), &demand).await),
            [
                Shortage {
                    variant: B,
                    asked: 3,
                    available: 1
                },
                Shortage {
                    variant: C,
                    asked: 1,
                    available: 0
                },
            ],
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.left(&[A, B]).await,
            [Some(10), Some(1)],
            "{}",
            cells.kind
        );
        assert!(
            !shop.confirm(order(1)).await,
            "{}: something was held",
            cells.kind
        );
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_reservation_of_an_order_replaces_its_first() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 3), level(B, 3)]).await;
        shop.reserve(order(1), &[units(A, 3), units(B, 1)])
            .await
            .expect(cells.kind);
        // Its own hold does not stand in its way: all three are still its to take.
        shop.reserve(order(1), &[units(A, 3), units(C, 1)])
            .await
            .expect_err("C has no stock");
        assert_eq!(
            shop.left(&[A, B]).await,
            [Some(0), Some(2)],
            "{}",
            cells.kind
        );
        shop.reserve(order(1), &[units(A, 3)])
            .await
            .expect(cells.kind);
        assert_eq!(
            shop.left(&[A, B]).await,
            [Some(0), Some(3)],
            "{}",
            cells.kind
        );
        shop.reserve(order(1), &[units(B, 2)])
            .await
            .expect(cells.kind);
        assert_eq!(
            shop.left(&[A, B]).await,
            [Some(3), Some(1)],
            "{}",
            cells.kind
        );
        shop.reserve(order(1), &[]).await.expect(cells.kind);
        assert_eq!(
            shop.left(&[A, B]).await,
            [Some(3), Some(3)],
            "{}",
            cells.kind
        );
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_delivery_reserves_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10)]).await;
        for _ in 0..2 {
            shop.reserve(order(1), &[units(A, 4)])
                .await
                .expect(cells.kind);
            assert_eq!(shop.left(&[A]).await, [Some(6)], "{}", cells.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirming_is_idempotent_and_says_when_nothing_was_held() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10)]).await;
        assert!(!shop.confirm(order(1)).await, "{}", cells.kind);
        shop.reserve(order(1), &[units(A, 4)])
            .await
            .expect(cells.kind);
        assert!(shop.confirm(order(1)).await, "{}", cells.kind);
        assert!(shop.confirm(order(1)).await, "{}", cells.kind);
        assert_eq!(
            expiry(&shop).await,
            [("confirmed".to_owned(), None)],
            "{}",
            cells.kind
        );
        assert_eq!(shop.left(&[A]).await, [Some(6)], "{}", cells.kind);
    }
}

async fn expiry(shop: &Shop) -> Vec<(String, Option<i64>)> {
    const SQL: &str = "SELECT state, expires_at FROM inventory_hold WHERE tenant_id = :tenant";
    let rows = shop
        .db
        .fetch(SQL, params![], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.await.expect("a read")
}

#[tokio::test(flavor = "multi_thread")]
async fn releasing_gives_back_once_what_was_held_or_confirmed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10), level(B, 10)]).await;
        shop.reserve(order(1), &[units(A, 4), units(B, 1)])
            .await
            .expect(cells.kind);
        shop.reserve(order(2), &[units(A, 2)])
            .await
            .expect(cells.kind);
        assert_eq!(expiry(&shop).await.len(), 3, "{}", cells.kind);
        shop.confirm(order(1)).await;
        for _ in 0..2 {
            shop.release(order(1)).await;
            assert_eq!(
                shop.left(&[A, B]).await,
                [Some(8), Some(10)],
                "{}",
                cells.kind
            );
        }
        assert!(!shop.confirm(order(1)).await, "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backorders_have_no_end_and_are_told_apart() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[
            InitialLevel {
                variant: A,
                on_hand: 1,
                backorder: true,
            },
            level(B, 0),
        ])
        .await;
        shop.reserve(order(1), &[units(A, 1_000)])
            .await
            .expect(cells.kind);
        assert_eq!(
            shop.availability(&[B, C, A]).await,
            [
                Availability {
                    variant: B,
                    available: false,
                    units: Some(0)
                },
                Availability {
                    variant: C,
                    available: false,
                    units: Some(0)
                },
                Availability {
                    variant: A,
                    available: true,
                    units: None
                },
            ],
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.crossings(&cells).await,
            [(A, true, 1)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_crossings_of_zero_are_published_and_a_replaced_hold_is_one_change() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 2), level(B, 0)]).await;
        shop.reserve(order(1), &[units(A, 1)])
            .await
            .expect(cells.kind);
        shop.reserve(order(2), &[units(A, 1)])
            .await
            .expect(cells.kind);
        shop.reserve(order(3), &[units(A, 1)])
            .await
            .expect_err("sold out");
        // Released and taken again in one transaction: still sold out, so nothing to tell.
        shop.reserve(order(2), &[units(A, 1)])
            .await
            .expect(cells.kind);
        shop.release(order(1)).await;
        shop.release(order(2)).await;
        shop.release(order(2)).await;
        assert_eq!(
            shop.crossings(&cells).await,
            [(A, true, 1), (A, false, 3), (A, true, 6)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_never_see_each_others_stock() {
    for cells in everywhere().await {
        let (one, two) = (
            Shop::open(&cells, "one").await,
            Shop::open(&cells, "two").await,
        );
        one.stock(&[level(A, 7)]).await;
        assert_eq!(two.left(&[A]).await, [Some(0)], "{}", cells.kind);
        two.stock(&[level(A, 1)]).await;
        one.reserve(order(1), &[units(A, 5)])
            .await
            .expect(cells.kind);
        two.release(order(1)).await;
        assert!(!two.confirm(order(1)).await, "{}", cells.kind);
        assert_eq!(one.left(&[A]).await, [Some(2)], "{}", cells.kind);
        assert_eq!(two.left(&[A]).await, [Some(1)], "{}", cells.kind);
        let levels = two.get("/api/v1/admin/inventory/levels").await;
        assert_eq!(
            levels.json["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
        assert_eq!(levels.json["data"][0]["on_hand"], 1, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_lines_are_reserved_with_ten_statements() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let levels: Vec<InitialLevel> = (1..=3).map(|at| level(variant(at), 10)).collect();
        shop.stock(&levels).await;
        let demand: Vec<_> = (1..=3).map(|at| units(variant(at), 1)).collect();
        let before = cells.storage().stats().read().statements;
        shop.reserve(order(1), &demand).await.expect(cells.kind);
        let after = cells.storage().stats().read().statements;
        // Three levels raised, one read, three holds, three movements.
        assert_eq!(after - before, 10, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_to_promise_more_than_there_is() {
    const OVERSELL: &str = "UPDATE inventory_level SET reserved = on_hand + 1 \
                            WHERE tenant_id = :tenant AND variant_id = $1";
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 1)]).await;
        let refused = shop
            .db
            .write(async |tx: &mut Tx<'_>| tx.execute(OVERSELL, params![A]).await)
            .await;
        assert!(
            matches!(refused, Err(Error::Constraint { .. })),
            "{}",
            cells.kind
        );
    }
}
