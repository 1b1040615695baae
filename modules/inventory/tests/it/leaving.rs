//! Goods that leave, turn out not to have left, are given back and come back.

use stoa_contracts::inventory::{InitialLevel, ReserveError, ShipError};
use stoa_kernel::{LocationId, VariantId};

use crate::support::{Shop, everywhere, level, order, plain, units};

const A: VariantId = VariantId::from_u128(1);
const B: VariantId = VariantId::from_u128(2);
const NOWHERE: LocationId = LocationId::from_u128(77);

#[tokio::test(flavor = "multi_thread")]
async fn shipping_takes_goods_and_unshipping_puts_them_back_as_they_were() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10), level(B, 5)]).await;
        let bought = [units(A, 4), units(B, 2)];
        shop.reserve(order(1), &bought).await.expect(cells.kind);
        shop.confirm(order(1)).await;
        let goods = [units(A, 1), units(B, 2), units(A, 2)];
        let taken = shop.ship(order(1), &goods, None).await.expect(cells.kind);
        assert_eq!(plain(&taken), [(1, 0, 3), (2, 0, 2)], "{}", cells.kind);
        assert_eq!(shop.held(order(1)).await, [(1, 0, 1)], "{}", cells.kind);
        assert_eq!(shop.shelves(A).await, [(7, 1, 0)], "{}", cells.kind);
        assert_eq!(shop.shelves(B).await, [(3, 0, 0)], "{}", cells.kind);
        // What can be had does not change when goods leave that were promised.
        assert_eq!(shop.left(&[A, B]).await, [Some(6), Some(3)]);
        shop.unship(order(1), &taken).await;
        assert_eq!(shop.held(order(1)).await, [(1, 0, 4), (2, 0, 2)]);
        assert_eq!(shop.shelves(A).await, [(10, 4, 0)], "{}", cells.kind);
        assert!(shop.confirm(order(1)).await, "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_is_held_never_leaves() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 10), level(B, 5)]).await;
        let bought = [units(A, 4), units(B, 1)];
        shop.reserve(order(1), &bought).await.expect(cells.kind);
        let refused = shop.ship(order(1), &[units(B, 1), units(A, 5)], None).await;
        assert!(
            matches!(
                refused,
                Err(ShipError::NotHeld {
                    variant,
                    asked: 5,
                    held: 4
                }) if variant == A
            ),
            "{}: {refused:?}",
            cells.kind
        );
        assert_eq!(shop.shelves(B).await, [(5, 1, 0)], "{}", cells.kind);
        let elsewhere = shop.ship(order(1), &[units(A, 1)], Some(NOWHERE)).await;
        assert!(matches!(elsewhere, Err(ShipError::UnknownLocation)));
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_from_one_place_takes_nothing_from_another() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let far = shop
            .add_place(serde_json::json!({ "name": "Far", "priority": 1 }))
            .await;
        shop.stock(&[level(A, 2)]).await;
        shop.put_on(A, far, 5).await;
        shop.reserve(order(1), &[units(A, 6)])
            .await
            .expect(cells.kind);
        let held = shop.held(order(1)).await;
        assert_eq!(held, [(1, 0, 2), (1, far.as_u128(), 4)], "{}", cells.kind);
        let refused = shop.ship(order(1), &[units(A, 5)], Some(far)).await;
        assert!(matches!(refused, Err(ShipError::NotHeld { held: 4, .. })));
        let taken = shop.ship(order(1), &[units(A, 3)], Some(far)).await;
        let taken = taken.expect(cells.kind);
        assert_eq!(plain(&taken), [(1, far.as_u128(), 3)], "{}", cells.kind);
        // The rest wherever it is.
        let taken = shop.ship(order(1), &[units(A, 3)], None).await;
        let taken = taken.expect(cells.kind);
        assert_eq!(plain(&taken), [(1, 0, 2), (1, far.as_u128(), 1)]);
        assert_eq!(shop.held(order(1)).await, [], "{}", cells.kind);
        assert_eq!(shop.shelves(A).await, [(0, 0, 0), (1, 0, 0)]);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backorder_that_is_sent_was_there_after_all() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[InitialLevel {
            variant: A,
            on_hand: 1,
            backorder: true,
        }])
        .await;
        shop.reserve(order(1), &[units(A, 4)])
            .await
            .expect(cells.kind);
        let taken = shop.ship(order(1), &[units(A, 3)], None).await;
        let taken = taken.expect(cells.kind);
        assert_eq!(shop.shelves(A).await, [(0, 1, 0)], "{}", cells.kind);
        shop.unship(order(1), &taken).await;
        assert_eq!(shop.shelves(A).await, [(3, 4, 0)], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_given_back_at_most_all_and_from_the_last_place_first() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let far = shop
            .add_place(serde_json::json!({ "name": "Far", "priority": 1 }))
            .await;
        shop.stock(&[level(A, 2), level(B, 5)]).await;
        shop.put_on(A, far, 5).await;
        let bought = [units(A, 4), units(B, 1)];
        shop.reserve(order(1), &bought).await.expect(cells.kind);
        // B lies at the default place alone, so the order is split.
        assert_eq!(
            shop.held(order(1)).await,
            [(1, 0, 2), (1, far.as_u128(), 2), (2, 0, 1)]
        );
        assert_eq!(shop.release_units(order(1), &[units(A, 3)]).await, 3);
        assert_eq!(shop.held(order(1)).await, [(1, 0, 1), (2, 0, 1)]);
        let rest = [units(A, 9), units(B, 9)];
        assert_eq!(shop.release_units(order(1), &rest).await, 2);
        assert_eq!(shop.release_units(order(1), &rest).await, 0);
        assert_eq!(shop.left(&[A, B]).await, [Some(7), Some(5)]);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_lies_where_it_is_put() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let far = shop.add_place(serde_json::json!({ "name": "Far" })).await;
        shop.stock(&[level(A, 1)]).await;
        let goods = [units(A, 2), units(B, 1)];
        let put = |place| shop.restock(order(1), &goods, place);
        put(None).await.expect(cells.kind);
        put(Some(far)).await.expect(cells.kind);
        let refused = put(Some(NOWHERE)).await;
        assert!(matches!(refused, Err(ShipError::UnknownLocation)));
        assert_eq!(shop.shelves(A).await, [(3, 0, 0), (2, 0, 0)]);
        assert_eq!(shop.shelves(B).await, [(1, 0, 0), (1, 0, 0)]);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_given_more_for_good_or_nothing_at_all() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 5), level(B, 1)]).await;
        shop.reserve(order(1), &[units(A, 2)])
            .await
            .expect(cells.kind);
        shop.confirm(order(1)).await;
        let more = [units(A, 2), units(B, 1)];
        shop.reserve_more(order(1), &more).await.expect(cells.kind);
        assert_eq!(shop.held(order(1)).await, [(1, 0, 4), (2, 0, 1)]);
        let short = shop.reserve_more(order(1), &more).await;
        let Err(ReserveError::Short { shortages }) = short else {
            panic!("{}: {short:?}", cells.kind)
        };
        let lacks: Vec<_> = shortages
            .iter()
            .map(|it| (it.asked, it.available))
            .collect();
        assert_eq!(lacks, [(2, 1), (1, 0)], "{}", cells.kind);
        assert_eq!(shop.held(order(1)).await, [(1, 0, 4), (2, 0, 1)]);
        shop.release(order(1)).await;
        assert_eq!(shop.left(&[A, B]).await, [Some(5), Some(1)]);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}
