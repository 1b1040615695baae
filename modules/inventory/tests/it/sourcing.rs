//! Which location gives to which order.

use serde_json::json;
use stoa_contracts::Destination;
use stoa_contracts::inventory::{ReserveError, Shortage};
use stoa_kernel::VariantId;

use crate::support::{Shop, everywhere, level, order, units};

const A: VariantId = VariantId::from_u128(1);
const B: VariantId = VariantId::from_u128(2);

fn to(country: &str, postal_code: &str) -> Destination {
    Destination {
        country: Some(country.to_owned()),
        region: None,
        postal_code: Some(postal_code.to_owned()),
    }
}

async fn source(shop: &Shop, preference: &str, split: bool) {
    let body = json!({ "preference": preference, "split": split }).to_string();
    let path = "/api/v1/admin/inventory/sourcing";
    let answer = shop.send("PUT", path, &[], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(answer.json["preference"], preference);
    assert_eq!(shop.get(path).await.json, answer.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_location_gives_where_the_shop_says_so() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let place = |name: &str, country: &str, postal_code: &str| {
            shop.add_place(json!({
                "name": name, "country": country, "postal_code": postal_code, "priority": 5
            }))
        };
        let munich = place("Munich", "de", "80331").await;
        let paris = place("Paris", "FR", "75001").await;
        shop.stock(&[level(A, 9)]).await;
        shop.put_on(A, munich, 9).await;
        shop.put_on(A, paris, 9).await;
        let buy = async |number, destination| {
            let one = [units(A, 1)];
            let bought = shop.reserve_for(order(number), &one, destination).await;
            bought.expect(cells.kind);
            shop.held(order(number)).await[0].1
        };
        assert_eq!(buy(1, to("DE", "80995")).await, 0, "{}", cells.kind);
        source(&shop, "nearest", true).await;
        assert_eq!(buy(2, to("DE", "80995")).await, munich.as_u128());
        assert_eq!(buy(3, to("FR", "33000")).await, paris.as_u128());
        assert_eq!(buy(4, to("JP", "1000001")).await, 0, "by priority");
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_shop_that_splits_sells_what_lies_in_two_places() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let far = shop
            .add_place(json!({ "name": "Far", "priority": 1 }))
            .await;
        shop.stock(&[level(A, 3), level(B, 1)]).await;
        shop.put_on(A, far, 4).await;
        source(&shop, "priority", false).await;
        assert_eq!(shop.left(&[A]).await, [Some(4)], "one place has four");
        let refused = shop.reserve(order(1), &[units(A, 5)]).await;
        let Err(ReserveError::Short { shortages }) = refused else {
            panic!("{}: {refused:?}", cells.kind)
        };
        assert_eq!(
            shortages,
            [Shortage {
                variant: A,
                asked: 5,
                available: 3
            }],
            "the first of two that lack as much"
        );
        let both = [units(A, 4), units(B, 1)];
        shop.reserve(order(1), &both)
            .await
            .expect_err("no place has both");
        source(&shop, "priority", true).await;
        assert_eq!(shop.left(&[A]).await, [Some(7)], "{}", cells.kind);
        shop.reserve(order(1), &both).await.expect(cells.kind);
        let far = far.as_u128();
        assert_eq!(
            shop.held(order(1)).await,
            [(1, 0, 3), (1, far, 1), (2, 0, 1)]
        );
        // Its own hold does not stand in its way.
        shop.reserve(order(1), &[units(A, 7)])
            .await
            .expect(cells.kind);
        assert_eq!(shop.held(order(1)).await, [(1, 0, 3), (1, far, 4)]);
        shop.release(order(1)).await;
        assert_eq!(shop.shelves(A).await, [(3, 0, 0), (4, 0, 0)]);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_is_sold_out_when_its_last_place_is() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 1)]).await;
        let far = shop
            .add_place(json!({ "name": "Far", "priority": 1 }))
            .await;
        shop.put_on(A, far, 1).await;
        shop.reserve(order(1), &[units(A, 1)])
            .await
            .expect(cells.kind);
        assert_eq!(shop.crossings(&cells).await, [(A, true, 1)]);
        shop.reserve(order(2), &[units(A, 1)])
            .await
            .expect(cells.kind);
        shop.release(order(1)).await;
        // One version per change, over both places.
        assert_eq!(
            shop.crossings(&cells).await,
            [(A, true, 1), (A, false, 4), (A, true, 5)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_location_takes_its_stock_off_the_shop_and_tells_so() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 0), level(B, 1)]).await;
        let far = shop.add_place(json!({ "name": "Far" })).await;
        shop.put_on(A, far, 5).await;
        shop.put_on(B, far, 5).await;
        let path = format!("/api/v1/admin/locations/{far}");
        let set = async |body: serde_json::Value| {
            let answer = shop.send("PATCH", &path, &[], &body.to_string()).await;
            assert_eq!(answer.status, 200, "{}", answer.json);
        };
        let before = shop.crossings(&cells).await;
        assert_eq!(before, [(B, true, 1), (A, true, 2)], "{}", cells.kind);
        set(json!({ "ships": false })).await;
        assert_eq!(shop.left(&[A, B]).await, [Some(0), Some(1)]);
        shop.reserve(order(1), &[units(A, 1)])
            .await
            .expect_err("nobody sends it");
        assert_eq!(shop.run_jobs(&cells).await, 1, "{}", cells.kind);
        let told = shop.crossings(&cells).await.split_off(2);
        assert_eq!(told, [(A, false, 3), (B, true, 3)], "{}", cells.kind);
        set(json!({ "ships": true, "name": "Farther" })).await;
        assert_eq!(shop.run_jobs(&cells).await, 1, "{}", cells.kind);
        let told = shop.crossings(&cells).await.split_off(4);
        assert_eq!(told, [(A, true, 4), (B, true, 4)], "{}", cells.kind);
        set(json!({ "name": "Far" })).await;
        assert_eq!(shop.run_jobs(&cells).await, 0, "a name changes no stock");
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_lines_from_several_places_are_reserved_with_seventeen_statements() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let variants = [1, 2, 3].map(VariantId::from_u128);
        shop.stock(&variants.map(|variant| level(variant, 10)))
            .await;
        shop.add_place(json!({ "name": "Far" })).await;
        let demand = variants.map(|variant| units(variant, 1));
        let before = cells.storage().stats().read().statements;
        shop.reserve(order(1), &demand).await.expect(cells.kind);
        let after = cells.storage().stats().read().statements;
        // Three tried in vain, holds, levels, lock, levels again, rule; three of each to write.
        assert_eq!(after - before, 17, "{}", cells.kind);
    }
}
