//! The merchant's stock routes over HTTP.

use serde_json::{Value, json};
use stoa_kernel::VariantId;

use crate::support::{Shop, everywhere, level, order, units, variant};

const A: VariantId = VariantId::from_u128(1);
const DEFAULT_LOCATION: &str = "loc_00000000000000000000000000";

fn on_hand(units: u32) -> Value {
    json!({ "variant_id": A, "on_hand": units })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_answers_the_level_and_its_etag() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let answer = shop
            .put_level(&[("idempotency-key", "k1")], &on_hand(8))
            .await;
        assert_eq!(answer.status, 200, "{}: {}", cells.kind, answer.json);
        assert_eq!(
            answer.json,
            json!({
                "variant_id": A, "location_id": DEFAULT_LOCATION,
                "on_hand": 8, "reserved": 0, "available": 8, "incoming": 0, "backorder": false,
                "tracked": true, "low_threshold": null,
                "version": 1, "updated_at": "2026-01-01T00:00:00Z",
            })
        );
        assert_eq!(answer.etag(), "\"1\"", "{}", cells.kind);
        let body = json!({
            "variant_id": A, "location_id": DEFAULT_LOCATION, "on_hand": 5, "reason": "damaged"
        });
        let answer = shop.put_level(&[("idempotency-key", "k2")], &body).await;
        assert_eq!(
            (answer.status, answer.etag()),
            (200, "\"2\""),
            "{}",
            cells.kind
        );
        // As it is already: nothing moves.
        let answer = shop.put_level(&[("idempotency-key", "k3")], &body).await;
        assert_eq!(
            (answer.status, answer.etag()),
            (200, "\"2\""),
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.crossings(&cells).await,
            [(A, true, 1)],
            "{}",
            cells.kind
        );
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_counts_once_and_gets_one_answer() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let key = [("idempotency-key", "k1")];
        let first = shop.put_level(&key, &on_hand(8)).await;
        shop.reserve(order(1), &[units(A, 2)])
            .await
            .expect(cells.kind);
        let again = shop.put_level(&key, &on_hand(8)).await;
        assert_eq!(
            (again.status, again.etag()),
            (200, "\"1\""),
            "{}",
            cells.kind
        );
        assert_eq!(again.json, first.json, "{}", cells.kind);
        let reused = shop.put_level(&key, &on_hand(9)).await;
        assert_eq!(
            reused.refusal(),
            (422, "idempotency_key_reused"),
            "{}",
            cells.kind
        );
        let missing = shop.put_level(&[], &on_hand(9)).await;
        assert_eq!(
            missing.refusal(),
            (400, "idempotency_key_missing"),
            "{}",
            cells.kind
        );
        assert_eq!(shop.left(&[A]).await, [Some(6)], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_than_are_reserved_is_refused_with_both_numbers() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 8)]).await;
        shop.reserve(order(1), &[units(A, 5)])
            .await
            .expect(cells.kind);
        let key = [("idempotency-key", "k1")];
        let refused = shop.put_level(&key, &on_hand(4)).await;
        assert_eq!(
            refused.refusal(),
            (409, "stock_below_reserved"),
            "{}",
            cells.kind
        );
        assert_eq!(
            refused.json["detail"],
            "4 on hand would be fewer than the 5 reserved for orders."
        );
        assert_eq!(refused.json["errors"][0]["field"], "on_hand");
        // A refusal does not use the key up.
        let answer = shop.put_level(&key, &on_hand(5)).await;
        assert_eq!(
            (answer.status, &answer.json["available"]),
            (200, &json!(0)),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_if_match_changes_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let put = |key: &'static str, tag: &'static str, units| {
            let shop = shop.clone();
            async move {
                let headers = [("idempotency-key", key), ("if-match", tag)];
                shop.put_level(&headers, &on_hand(units)).await
            }
        };
        let none = put("k1", "*", 3).await;
        assert_eq!(
            none.refusal(),
            (412, "precondition_failed"),
            "{}",
            cells.kind
        );
        shop.stock(&[level(A, 8)]).await;
        let stale = put("k2", "\"7\"", 3).await;
        assert_eq!(
            stale.refusal(),
            (412, "precondition_failed"),
            "{}",
            cells.kind
        );
        assert_eq!(stale.etag(), "\"1\"", "{}", cells.kind);
        assert_eq!(put("k3", "\"1\"", 3).await.status, 200, "{}", cells.kind);
        assert_eq!(put("k4", "\"1\"", 4).await.status, 412, "{}", cells.kind);
        assert_eq!(put("k5", "*", 4).await.status, 200, "{}", cells.kind);
        assert_eq!(shop.left(&[A]).await, [Some(4)], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_twins_of_one_count_get_one_answer() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let twins: Vec<_> = (0..8)
            .map(|_| {
                let shop = shop.clone();
                tokio::spawn(async move {
                    shop.put_level(&[("idempotency-key", "k1")], &on_hand(8))
                        .await
                })
            })
            .collect();
        for twin in twins {
            let answer = twin.await.expect("no panic");
            let shown = (answer.status, &answer.json["version"]);
            assert_eq!(shown, (200, &json!(1)), "{}: {}", cells.kind, answer.json);
        }
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_body_names_its_field_and_a_key_without_the_permission_is_refused() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let key = ("idempotency-key", "k1");
        let cases = [
            (json!({ "variant_id": A, "on_hand": -1 }), "on_hand"),
            (
                json!({ "variant_id": "prod_1", "on_hand": 1 }),
                "variant_id",
            ),
            (
                json!({ "variant_id": A, "on_hand": 1, "reserved": 1 }),
                "reserved",
            ),
            (
                json!({ "variant_id": A, "on_hand": 1, "reason": "x".repeat(256) }),
                "reason",
            ),
            (
                json!({ "variant_id": A, "on_hand": 1, "reason": "lost\0" }),
                "reason",
            ),
            (
                json!({ "variant_id": A, "on_hand": 1, "location_id":
                        "loc_00000000000000000000000001" }),
                "location_id",
            ),
        ];
        for (body, field) in cases {
            let answer = shop.put_level(&[key], &body).await;
            assert_eq!(answer.refusal(), (422, "invalid_request"), "{field}");
            assert_eq!(answer.json["errors"][0]["field"], field);
        }
        let weak = ("authorization", "Bearer sk_none");
        assert_eq!(
            shop.put_level(&[key, weak], &on_hand(1)).await.status,
            403,
            "{}",
            cells.kind
        );
        for list in ["levels", "movements", "locations", "audit"] {
            let path = format!("/api/v1/admin/inventory/{list}");
            assert_eq!(
                shop.send("GET", &path, &[weak], "").await.status,
                403,
                "{list}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_are_listed_a_page_at_a_time() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let levels: Vec<_> = (1..=5).map(|at| level(variant(at), at as u32)).collect();
        shop.stock(&levels).await;
        let mut seen = Vec::new();
        let mut path = "/api/v1/admin/inventory/levels?limit=2".to_owned();
        loop {
            let page = shop.get(&path).await.json;
            let rows = page["data"].as_array().expect("a list").clone();
            seen.extend(
                rows.iter()
                    .map(|row| row["on_hand"].as_i64().expect("a number")),
            );
            let Some(cursor) = page["pagination"]["cursor"].as_str() else {
                break;
            };
            path = format!("/api/v1/admin/inventory/levels?limit=2&cursor={cursor}");
        }
        assert_eq!(seen, [1, 2, 3, 4, 5], "{}", cells.kind);
        let one = shop
            .get(&format!("/api/v1/admin/inventory/levels?variant_id={A}"))
            .await
            .json;
        assert_eq!(one["data"][0]["variant_id"], json!(A), "{}", cells.kind);
        assert_eq!(
            one["pagination"],
            json!({ "has_more": false }),
            "{}",
            cells.kind
        );
        let forged = shop.get("/api/v1/admin/inventory/levels?cursor=AAAA").await;
        assert_eq!(forged.refusal(), (400, "invalid_cursor"), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_tell_a_levels_whole_story_newest_first() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&[level(A, 8)]).await;
        shop.reserve(order(1), &[units(A, 5)])
            .await
            .expect(cells.kind);
        shop.release(order(1)).await;
        let path = format!("/api/v1/admin/inventory/movements?variant_id={A}&limit=2");
        let first = shop.get(&path).await.json;
        let story = |row: &Value| {
            let text = |name: &str| row[name].as_str().map(str::to_owned);
            let number = |name: &str| row[name].as_i64().expect("a number");
            let deltas = (number("on_hand_delta"), number("reserved_delta"));
            (
                number("version"),
                text("kind"),
                deltas,
                text("order_id"),
                text("reason"),
            )
        };
        let buyer = || Some(order(1).to_string());
        let rows: Vec<_> = first["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(story)
            .collect();
        assert_eq!(
            rows,
            [
                (3, Some("release".to_owned()), (0, -5), buyer(), None),
                (2, Some("reserve".to_owned()), (0, 5), buyer(), None),
            ],
            "{}",
            cells.kind
        );
        let cursor = first["pagination"]["cursor"]
            .as_str()
            .expect("a second page");
        let second = shop.get(&format!("{path}&cursor={cursor}")).await.json;
        assert_eq!(
            story(&second["data"][0]),
            (
                1,
                Some("set".to_owned()),
                (8, 0),
                None,
                Some("import".to_owned())
            ),
            "{}",
            cells.kind
        );
        assert_eq!(
            second["pagination"],
            json!({ "has_more": false }),
            "{}",
            cells.kind
        );
    }
}
