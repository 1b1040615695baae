//! What staff see of carts, and how a shop with a sign-in of its own gives one to a customer.

use serde_json::{Value, json};
use stoa_kernel::CustomerId;

use crate::support::{CUP, MUG, Shop, everywhere};

const JO: CustomerId = CustomerId::from_u128(50);

#[tokio::test(flavor = "multi_thread")]
async fn staff_list_carts_newest_first_page_by_page() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let mut ids: Vec<String> = Vec::new();
        for _ in 0..5 {
            cells.clock.advance(std::time::Duration::from_secs(1));
            ids.insert(0, shop.cart().await.id);
        }
        let newest = shop.staff("GET", "/api/v1/admin/carts?limit=1", None).await;
        let cart = &newest.json["data"][0];
        assert_eq!(
            (&cart["id"], &cart["status"], &cart["lines"], &cart["email"]),
            (&json!(ids[0]), &json!("open"), &json!(0), &Value::Null)
        );
        assert_eq!(cart.get("token"), None, "{}", cells.kind);
        let mut listed: Vec<String> = Vec::new();
        let mut cursor = String::new();
        for page in 0..3 {
            let path = format!("/api/v1/admin/carts?limit=2{cursor}");
            let answer = shop.staff("GET", &path, None).await;
            assert_eq!(answer.status, 200, "{}: {}", cells.kind, answer.json);
            let data = answer.json["data"].as_array().expect("a list");
            let id = |cart: &Value| cart["id"].as_str().expect("an id").to_owned();
            listed.extend(data.iter().map(id));
            let pagination = &answer.json["pagination"];
            assert_eq!(pagination["has_more"], json!(page < 2), "{}", cells.kind);
            cursor = format!("&cursor={}", pagination["cursor"].as_str().unwrap_or(""));
        }
        assert_eq!(listed, ids, "{}", cells.kind);
        let forged = shop.staff("GET", "/api/v1/admin/carts?cursor=AAAA", None);
        assert_eq!(forged.await.refusal(), (400, "invalid_cursor"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_routes_are_closed_to_shoppers_whatever_token_they_hold() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        let cart = format!("/api/v1/admin/carts/{}", shopper.id);
        let assignment = json!({ "customer_id": JO });
        for (method, path, body) in [
            ("GET", "/api/v1/admin/carts".to_owned(), None),
            ("GET", cart.clone(), None),
            ("POST", format!("{cart}/assign"), Some(&assignment)),
        ] {
            let refused = shop.send(method, &path, Some(&shopper.token), body).await;
            assert_eq!(refused.refusal(), (401, "unauthorized"), "{method} {path}");
        }
        assert_eq!(shopper.view().await["customer_id"], Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_a_cart_and_give_it_to_the_customer_who_signed_in() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let own = shop.cart().await;
        own.add(MUG, 1).await;
        let assign = |id: &str| format!("/api/v1/admin/carts/{id}/assign");
        let body = json!({ "customer_id": JO });
        let given = shop.staff("POST", &assign(&own.id), Some(&body)).await;
        assert_eq!(given.status, 200, "{}: {}", cells.kind, given.json);
        assert_eq!(given.json["token"], own.token, "{}", cells.kind);
        let path = format!("/api/v1/admin/carts/{}", own.id);
        let seen = shop.staff("GET", &path, None).await;
        assert_eq!(seen.json, own.view().await, "{}", cells.kind);
        let guest = shop.cart().await;
        guest.add(CUP, 2).await;
        let stale = [("authorization", "Bearer staff"), ("if-match", "\"1\"")];
        let refused = shop
            .send_with("POST", &assign(&guest.id), &stale, Some(&body))
            .await;
        assert_eq!(refused.refusal(), (412, "precondition_failed"));
        assert_eq!(refused.headers["etag"], "\"2\"", "{}", cells.kind);
        for _ in 0..2 {
            let joined = shop.staff("POST", &assign(&guest.id), Some(&body)).await;
            assert_eq!(joined.status, 200, "{}: {}", cells.kind, joined.json);
            assert_eq!(joined.json["id"], own.id, "{}", cells.kind);
            assert_eq!(joined.json["token"], own.token, "{}", cells.kind);
            assert_eq!(joined.json["lines"].as_array().map(Vec::len), Some(2));
            assert_eq!(joined.headers["etag"], "\"4\"", "{}", cells.kind);
        }
        for unknown in ["cart_00000000000000000000000009", "nonsense"] {
            let path = format!("/api/v1/admin/carts/{unknown}");
            let refused = shop.staff("GET", &path, None).await;
            assert_eq!(refused.refusal(), (404, "cart_not_found"));
        }
        let nobody = json!({ "customer_id": CustomerId::from_u128(60) });
        let path = assign("cart_00000000000000000000000009");
        let refused = shop.staff("POST", &path, Some(&nobody)).await;
        assert_eq!(refused.refusal(), (404, "cart_not_found"), "{}", cells.kind);
        let other = shop.staff("POST", &assign(&own.id), Some(&nobody)).await;
        assert_eq!(other.refusal(), (422, "invalid_request"), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_dismiss_what_found_no_room_and_accept_nothing_else() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&cells, MUG, 1_000_000).await;
        let (own, guest) = (shop.cart().await, shop.cart().await);
        own.add(MUG, 999_999).await;
        guest.add(MUG, 3).await;
        shop.sign_in(&own, JO).await;
        shop.shelf.price(MUG, Some(1300));
        shop.sign_in(&guest, JO).await;
        let kinds = |cart: &Value| -> Vec<String> {
            let notices = cart["notices"].as_array().expect("a list").iter();
            notices
                .map(|notice| notice["kind"].as_str().expect("a word").to_owned())
                .collect()
        };
        let before = own.view().await;
        assert_eq!(
            kinds(&before),
            ["price_changed", "not_merged"],
            "{}",
            cells.kind
        );
        let path = format!("/api/v1/admin/carts/{}/notices/dismiss", own.id);
        let shopper = shop.send("POST", &path, Some(&own.token), None).await;
        assert_eq!(shopper.refusal(), (401, "unauthorized"), "{}", cells.kind);
        let dismissed = shop.staff("POST", &path, None).await;
        assert_eq!(dismissed.status, 200, "{}: {}", cells.kind, dismissed.json);
        assert_eq!(kinds(&dismissed.json), ["price_changed"], "{}", cells.kind);
        let after = own.view().await;
        assert_eq!(after, dismissed.json, "{}", cells.kind);
        let next = before["version"].as_i64().expect("a number") + 1;
        assert_eq!(after["version"], next, "{}", cells.kind);
        // Again: nothing is left to be dismissed.
        let again = shop.staff("POST", &path, None).await;
        assert_eq!(again.json, after, "{}", cells.kind);
    }
}
