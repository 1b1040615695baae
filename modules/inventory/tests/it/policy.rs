//! Backorders, untracked stock, low stock, adjustments and counts, as merchants set them.

use serde_json::{Value, json};
use stoa_contracts::inventory::Availability;
use stoa_kernel::{LocationId, VariantId};

use crate::support::{Shop, everywhere, level, order, plain, units};

const A: VariantId = VariantId::from_u128(1);
const B: VariantId = VariantId::from_u128(2);
const ADJUST: &str = "/api/v1/admin/inventory/adjustments";
const COUNT: &str = "/api/v1/admin/inventory/counts";

async fn put(shop: &Shop, key: &str, body: Value) -> Value {
    let answer = shop.put_level(&[("idempotency-key", key)], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_switches_backorders_on_and_off() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let body = json!({ "variant_id": A, "on_hand": 1, "backorder": true });
        let level = put(&shop, "k1", body).await;
        assert_eq!(level["backorder"], true, "{}", cells.kind);
        shop.reserve(order(1), &[units(A, 3)])
            .await
            .expect(cells.kind);
        // Left out, it stays.
        let level = put(&shop, "k2", json!({ "variant_id": A, "on_hand": 2 })).await;
        assert_eq!(
            (&level["backorder"], &level["on_hand"]),
            (&json!(true), &json!(2))
        );
        let off = json!({ "variant_id": A, "on_hand": 2, "backorder": false });
        let refused = shop.put_level(&[("idempotency-key", "k3")], &off).await;
        assert_eq!(refused.refusal(), (409, "stock_below_reserved"));
        let off = json!({ "variant_id": A, "on_hand": 3, "backorder": false });
        put(&shop, "k4", off).await;
        assert_eq!(shop.left(&[A]).await, [Some(0)], "{}", cells.kind);
        assert_eq!(
            shop.crossings(&cells).await,
            [(A, true, 1), (A, false, 4)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tracked_is_held_nowhere_and_never_short() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(B, 2)]).await;
        let body = json!({ "variant_id": A, "on_hand": 0, "tracked": false });
        let level = put(&shop, "k1", body).await;
        assert_eq!(level["tracked"], false, "{}", cells.kind);
        let free = Availability {
            variant: A,
            available: true,
            units: None,
        };
        assert_eq!(shop.availability(&[A]).await, [free], "{}", cells.kind);
        shop.reserve(order(1), &[units(A, 9)])
            .await
            .expect(cells.kind);
        assert_eq!(shop.held(order(1)).await, [], "{}", cells.kind);
        let both = [units(A, 9), units(B, 2)];
        shop.reserve(order(2), &both).await.expect(cells.kind);
        assert_eq!(shop.held(order(2)).await, [(2, 0, 2)], "{}", cells.kind);
        shop.reserve(order(3), &both).await.expect_err("B is gone");
        let sent = shop.ship(order(2), &both, None).await.expect(cells.kind);
        assert_eq!(plain(&sent), [(2, 0, 2)], "{}", cells.kind);
        shop.restock(order(2), &both, None).await.expect(cells.kind);
        assert_eq!(shop.shelves(A).await, [(0, 0, 0)], "{}", cells.kind);
        assert_eq!(shop.shelves(B).await, [(2, 0, 0)], "{}", cells.kind);
        let body = json!({ "variant_id": A, "on_hand": 0, "tracked": true });
        put(&shop, "k2", body).await;
        shop.reserve(order(4), &[units(A, 1)])
            .await
            .expect_err("none is there");
        let told = shop.crossings(&cells).await;
        let of_a: Vec<_> = told.into_iter().filter(|row| row.0 == A).collect();
        assert_eq!(of_a, [(A, true, 1), (A, false, 2)], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn low_stock_is_told_once_and_again_after_it_rose() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let far = shop.add_place(json!({ "name": "Far" })).await;
        shop.put_on(A, far, 3).await;
        let body = json!({ "variant_id": A, "location_id": far, "on_hand": 3, "low_threshold": 2 });
        let level = put(&shop, "k1", body).await;
        assert_eq!(level["low_threshold"], 2, "{}", cells.kind);
        shop.reserve(order(1), &[units(A, 1)])
            .await
            .expect(cells.kind);
        shop.reserve(order(2), &[units(A, 1)])
            .await
            .expect(cells.kind);
        assert_eq!(shop.lows(&cells).await, [(A, 2, 2)], "{}", cells.kind);
        shop.release(order(1)).await;
        assert_eq!(shop.lows(&cells).await, [(A, 2, 2)], "not above yet");
        shop.release(order(2)).await;
        shop.reserve(order(3), &[units(A, 3)])
            .await
            .expect(cells.kind);
        assert_eq!(shop.lows(&cells).await, [(A, 2, 2), (A, 0, 2)]);
        // No threshold, nothing to tell.
        let body =
            json!({ "variant_id": A, "location_id": far, "on_hand": 9, "low_threshold": null });
        put(&shop, "k2", body).await;
        shop.reserve(order(4), &[units(A, 6)])
            .await
            .expect(cells.kind);
        assert_eq!(shop.lows(&cells).await.len(), 2, "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn low_stock_is_told_in_a_shop_with_one_place_too() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let body = json!({ "variant_id": A, "on_hand": 5, "low_threshold": 4 });
        put(&shop, "k1", body).await;
        for buyer in 1..=3 {
            shop.reserve(order(buyer), &[units(A, 1)])
                .await
                .expect(cells.kind);
        }
        assert_eq!(shop.lows(&cells).await, [(A, 4, 4)], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adjustments_keep_their_reason_and_leave_what_is_promised() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let adjust = async |key: &str, delta: i32, reason: &str| {
            let body = json!({
                "variant_id": A, "delta": delta, "reason": reason, "note": "pallet 7"
            });
            shop.post(ADJUST, key, &body).await
        };
        for _ in 0..2 {
            let received = adjust("k1", 8, "received").await;
            assert_eq!((received.status, received.etag()), (200, "\"1\""));
            assert_eq!(received.json["on_hand"], 8, "{}", cells.kind);
        }
        shop.reserve(order(1), &[units(A, 5)])
            .await
            .expect(cells.kind);
        let refused = adjust("k2", -4, "lost").await;
        assert_eq!(refused.refusal(), (409, "stock_below_reserved"));
        assert_eq!(adjust("k3", -3, "damaged").await.json["available"], 0);
        for (delta, reason, field) in [(0, "lost", "delta"), (1, "because", "reason")] {
            let refused = adjust("k4", delta, reason).await;
            assert_eq!(refused.status, 422, "{field}");
            assert_eq!(refused.json["errors"][0]["field"], field);
        }
        let path = format!("/api/v1/admin/inventory/movements?variant_id={A}");
        let newest = shop.get(&path).await.json["data"][0].clone();
        let told = (&newest["kind"], &newest["reason"], &newest["note"]);
        assert_eq!(
            told,
            (&json!("adjust"), &json!("damaged"), &json!("pallet 7"))
        );
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_reports_what_differed_and_is_whole_or_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let far = shop.add_place(json!({ "name": "Far" })).await;
        shop.put_on(A, far, 4).await;
        shop.put_on(B, far, 4).await;
        let count = async |key: &str, a: u32, b: u32| {
            let lines = json!([
                { "variant_id": B, "counted": b }, { "variant_id": A, "counted": a }
            ]);
            let body = json!({ "location_id": far, "lines": lines, "note": "year's end" });
            shop.post(COUNT, key, &body).await
        };
        let counted = count("k1", 7, 4).await;
        assert_eq!(counted.status, 200, "{}: {}", cells.kind, counted.json);
        assert_eq!(counted.json["differing"], 1, "{}", cells.kind);
        let differences = counted.json["lines"].as_array().expect("a list").iter();
        let differences: Vec<_> = differences.map(|line| &line["difference"]).collect();
        assert_eq!(differences, [&json!(0), &json!(3)], "{}", cells.kind);
        shop.reserve(order(1), &[units(A, 6)])
            .await
            .expect(cells.kind);
        let refused = count("k2", 5, 1).await;
        assert_eq!(refused.refusal(), (409, "stock_below_reserved"));
        assert_eq!(refused.json["errors"][0]["field"], "lines[1].counted");
        assert_eq!(shop.shelves(B).await, [(0, 0, 0), (4, 0, 0)]);
        let twice = json!({ "lines": [
            { "variant_id": A, "counted": 1 }, { "variant_id": A, "counted": 1 }
        ] });
        assert_eq!(shop.post(COUNT, "k3", &twice).await.status, 422);
        let nowhere = LocationId::from_u128(9);
        let lost = json!({
            "location_id": nowhere, "lines": [{ "variant_id": A, "counted": 1 }]
        });
        assert_eq!(shop.post(COUNT, "k4", &lost).await.status, 422);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}
