//! Stock that goes from one location to another.

use serde_json::{Value, json};
use stoa_kernel::{LocationId, VariantId};

use crate::support::{Answer, Shop, everywhere, level, order, units};

const A: VariantId = VariantId::from_u128(1);
const B: VariantId = VariantId::from_u128(2);
const LIST: &str = "/api/v1/admin/inventory/transfers";
const HERE: LocationId = LocationId::from_u128(0);

async fn draft(shop: &Shop, there: LocationId, lines: Value) -> String {
    let body = json!({ "origin_id": HERE, "destination_id": there, "lines": lines });
    let answer = shop.post(LIST, "draft", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert_eq!(answer.json["status"], "draft");
    answer.json["id"].as_str().expect("an id").to_owned()
}

async fn step(shop: &Shop, id: &str, step: &str, key: &str, body: Value) -> Answer {
    shop.post(&format!("{LIST}/{id}/{step}"), key, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn units_are_on_their_way_until_they_arrive() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let there = shop.add_place(json!({ "name": "There" })).await;
        shop.stock(&[level(A, 10), level(B, 3)]).await;
        let lines = json!([
            { "variant_id": A, "units": 6 }, { "variant_id": B, "units": 3 }
        ]);
        let id = draft(&shop, there, lines).await;
        assert_eq!(shop.shelves(A).await, [(10, 0, 0)], "a draft moves nothing");
        let early = step(&shop, &id, "receive", "r0", json!({})).await;
        assert_eq!(early.refusal(), (409, "transfer_not_open"));
        for _ in 0..2 {
            let sent = step(&shop, &id, "send", "s1", json!({})).await;
            assert_eq!(
                (sent.status, &sent.json["status"]),
                (200, &json!("in_transit"))
            );
            assert_eq!(shop.shelves(A).await, [(4, 0, 0), (0, 0, 6)]);
        }
        assert_eq!(shop.left(&[A, B]).await, [Some(4), Some(0)]);
        let body = json!({ "lines": [{ "variant_id": A, "units": 4 }] });
        let part = step(&shop, &id, "receive", "r1", body.clone()).await;
        assert_eq!(part.json["status"], "in_transit", "{}", cells.kind);
        assert_eq!(shop.shelves(A).await, [(4, 0, 0), (4, 0, 2)]);
        let more = step(&shop, &id, "receive", "r2", body).await;
        assert_eq!(more.refusal(), (422, "invalid_request"), "two are due");
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
        let rest = step(&shop, &id, "receive", "r3", json!({})).await;
        assert_eq!(rest.json["status"], "done", "{}", cells.kind);
        assert_eq!(rest.json["lines"][0]["received"], 6, "{}", cells.kind);
        assert_eq!(shop.shelves(A).await, [(4, 0, 0), (6, 0, 0)]);
        assert_eq!(shop.shelves(B).await, [(0, 0, 0), (3, 0, 0)]);
        let late = step(&shop, &id, "cancel", "c1", json!({})).await;
        assert_eq!(late.refusal(), (409, "transfer_not_open"));
        assert_eq!(
            shop.crossings(&cells).await,
            [(A, true, 1), (B, true, 1), (B, false, 3), (B, true, 4)],
            "{}",
            cells.kind
        );
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_transfer_goes_back_but_for_what_arrived() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let there = shop.add_place(json!({ "name": "There" })).await;
        shop.stock(&[level(A, 10)]).await;
        let lines = json!([{ "variant_id": A, "units": 6 }]);
        let id = draft(&shop, there, lines).await;
        step(&shop, &id, "send", "s1", json!({})).await;
        let body = json!({ "lines": [{ "variant_id": A, "units": 1 }] });
        step(&shop, &id, "receive", "r1", body).await;
        let back = step(&shop, &id, "cancel", "c1", json!({})).await;
        assert_eq!(back.json["status"], "canceled", "{}", cells.kind);
        assert_eq!(shop.shelves(A).await, [(9, 0, 0), (1, 0, 0)]);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
        let path = format!("/api/v1/admin/inventory/movements?variant_id={A}");
        let story = shop.get(&path).await.json;
        let kinds = story["data"].as_array().expect("a list").iter();
        let kinds: Vec<_> = kinds
            .map(|row| (&row["kind"], &row["transfer_id"]))
            .collect();
        let (id, none) = (json!(id), Value::Null);
        let (back, out, set) = (json!("transfer_back"), json!("transfer_out"), json!("set"));
        assert_eq!(kinds, [(&back, &id), (&out, &id), (&set, &none)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_promised_to_orders_is_not_sent_away() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let there = shop.add_place(json!({ "name": "There" })).await;
        shop.stock(&[level(A, 10)]).await;
        shop.reserve(order(1), &[units(A, 5)])
            .await
            .expect(cells.kind);
        let lines = json!([{ "variant_id": A, "units": 3 }, { "variant_id": A, "units": 3 }]);
        let id = draft(&shop, there, lines).await;
        let refused = step(&shop, &id, "send", "s1", json!({})).await;
        assert_eq!(refused.refusal(), (409, "stock_not_on_shelf"));
        assert_eq!(
            refused.json["detail"],
            format!("6 of {A} are to leave, 5 can.")
        );
        shop.release(order(1)).await;
        // A refusal does not use the key up.
        let sent = step(&shop, &id, "send", "s1", json!({})).await;
        assert_eq!(sent.status, 200, "{}", cells.kind);
        let missing = step(
            &shop,
            "trf_00000000000000000000000001",
            "send",
            "s2",
            json!({}),
        )
        .await;
        assert_eq!(missing.refusal(), (404, "transfer_not_found"));
        let read = shop.get(&format!("{LIST}/{id}")).await.json;
        assert_eq!(
            read["lines"],
            json!([{ "variant_id": A, "units": 6, "received": 0 }])
        );
        let list = shop.get(&format!("{LIST}?status=in_transit")).await.json;
        assert_eq!(list["data"][0]["id"], id.as_str(), "{}", cells.kind);
        let list = shop.get(&format!("{LIST}?status=done")).await.json;
        assert_eq!(list["data"], json!([]), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_names_two_locations_of_the_shop_and_some_units() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let there = shop.add_place(json!({ "name": "There" })).await;
        let line = json!([{ "variant_id": A, "units": 1 }]);
        let unknown = LocationId::from_u128(9);
        let cases = [
            (HERE, HERE, line.clone(), "destination_id"),
            (HERE, unknown, line.clone(), "destination_id"),
            (unknown, there, line, "origin_id"),
            (HERE, there, json!([]), "lines"),
            (
                HERE,
                there,
                json!([{ "variant_id": A, "units": 0 }]),
                "lines[0].units",
            ),
        ];
        for (origin, destination, lines, field) in cases {
            let body = json!({
                "origin_id": origin, "destination_id": destination, "lines": lines
            });
            let refused = shop.post(LIST, "k1", &body).await;
            assert_eq!(refused.status, 422, "{field}");
            assert_eq!(refused.json["errors"][0]["field"], field);
        }
    }
}
