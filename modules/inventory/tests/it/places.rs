//! The merchant's locations over HTTP.

use serde_json::{Value, json};
use stoa_kernel::VariantId;

use crate::support::{Shop, everywhere, level};

const A: VariantId = VariantId::from_u128(1);
const LIST: &str = "/api/v1/admin/locations";
const DEFAULT: &str = "/api/v1/admin/locations/loc_00000000000000000000000000";

fn names(list: &Value) -> Vec<&str> {
    let rows = list["data"].as_array().expect("a list").iter();
    rows.map(|row| row["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_location_is_there_stays_and_is_the_first() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let list = shop.get(LIST).await.json;
        assert_eq!(names(&list), ["Default"], "{}", cells.kind);
        assert_eq!(list["data"][0]["default"], true);
        shop.add_place(json!({ "name": "Later", "priority": 2 }))
            .await;
        shop.add_place(json!({ "name": "Earlier", "priority": 1 }))
            .await;
        let change = json!({ "name": "Main street", "priority": 9, "country": "de" });
        let answer = shop.send("PATCH", DEFAULT, &[], &change.to_string()).await;
        assert_eq!((answer.status, answer.etag()), (200, "\"2\""));
        assert_eq!(answer.json["country"], "DE");
        let list = shop.get(LIST).await.json;
        assert_eq!(names(&list), ["Main street", "Earlier", "Later"]);
        let old = shop.get("/api/v1/admin/inventory/locations").await.json;
        assert_eq!(old, list, "{}", cells.kind);
        let refused = shop.send("DELETE", DEFAULT, &[], "").await;
        assert_eq!(refused.refusal(), (409, "location_in_use"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_holds_something_cannot_be_removed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let (full, empty) = (
            shop.add_place(json!({ "name": "Full" })).await,
            shop.add_place(json!({ "name": "Empty" })).await,
        );
        shop.put_on(A, full, 1).await;
        let remove = async |id| {
            let path = format!("{LIST}/{id}");
            shop.send("DELETE", &path, &[], "").await
        };
        assert_eq!(remove(full).await.refusal(), (409, "location_in_use"));
        assert_eq!(remove(empty).await.status, 204, "{}", cells.kind);
        let gone = remove(empty).await;
        assert_eq!(gone.refusal(), (404, "location_not_found"));
        let body = json!({ "variant_id": A, "location_id": empty, "on_hand": 1 });
        let refused = shop.put_level(&[("idempotency-key", "gone")], &body).await;
        assert_eq!(refused.refusal(), (422, "invalid_request"));
        assert_eq!(refused.json["errors"][0]["field"], "location_id");
        assert_eq!(names(&shop.get(LIST).await.json), ["Default", "Full"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_opens_one_location_and_a_stale_change_is_refused() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let body = json!({ "name": "North", "region": "BE", "postal_code": "10115" });
        let first = shop.post(LIST, "k1", &body).await;
        let again = shop.post(LIST, "k1", &body).await;
        assert_eq!((first.status, again.status), (201, 201), "{}", cells.kind);
        assert_eq!(first.json, again.json, "{}", cells.kind);
        assert_eq!(names(&shop.get(LIST).await.json), ["Default", "North"]);
        let path = format!("{LIST}/{}", first.json["id"].as_str().expect("an id"));
        let patch = async |tag: &str, body: Value| {
            let headers = [("if-match", tag)];
            shop.send("PATCH", &path, &headers, &body.to_string()).await
        };
        let stale = patch("\"7\"", json!({ "active": false })).await;
        assert_eq!(stale.refusal(), (412, "precondition_failed"));
        let moved = patch("\"1\"", json!({ "region": null })).await;
        assert_eq!(moved.json["region"], Value::Null, "{}", cells.kind);
        assert_eq!(moved.json["postal_code"], "10115", "{}", cells.kind);
        for (body, field) in [
            (json!({ "name": " " }), "name"),
            (json!({ "country": "GER" }), "country"),
            (json!({ "priority": -1 }), "priority"),
            (json!({ "stock": 1 }), "stock"),
        ] {
            let refused = patch("*", body).await;
            assert_eq!(refused.status, 422, "{field}");
            assert_eq!(refused.json["errors"][0]["field"], field);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn locations_and_transfers_are_a_tenants_own() {
    for cells in everywhere().await {
        let one = Shop::open(&cells, "one").await;
        let two = Shop::open(&cells, "two").await;
        let far = one.add_place(json!({ "name": "Far" })).await;
        one.put_on(A, far, 5).await;
        two.stock(&[level(A, 1)]).await;
        assert_eq!(names(&two.get(LIST).await.json), ["Default"]);
        assert_eq!(two.left(&[A]).await, [Some(1)], "{}", cells.kind);
        let path = format!("{LIST}/{far}");
        assert_eq!(two.get(&path).await.refusal(), (404, "location_not_found"));
        let gone = two.send("DELETE", &path, &[], "").await;
        assert_eq!(gone.refusal(), (404, "location_not_found"));
        assert_eq!(one.left(&[A]).await, [Some(5)], "{}", cells.kind);
    }
}
