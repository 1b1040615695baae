//! Packing, shipping, delivering and unpacking: units and stock after each.

use serde_json::json;
use stoa_contracts::orders::{FulfilmentStatus, OrderStatus, PaymentStatus};

use crate::shop::{Shop, path};

#[tokio::test]
async fn all_that_must_be_sent_is_packed_and_what_is_unpacked_is_held_again() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 2), (shop.sticker, 1)]).await;
        assert_eq!(shop.stock(shop.pot).await, (10, 2), "{kind}");
        let packed = shop.post(&path(order.id, "fulfilments"), &json!({})).await;
        assert_eq!(packed["state"], "packed", "{kind}");
        let lines = packed["lines"].as_array().unwrap();
        assert_eq!(
            (lines.len(), &lines[0]["quantity"]),
            (1, &json!(2)),
            "{kind}"
        );
        assert_eq!(shop.stock(shop.pot).await, (8, 0), "{kind}");
        let id = packed["id"].as_str().unwrap();
        let unpacked = path(order.id, &format!("fulfilments/{id}/cancel"));
        shop.post(&unpacked, &json!({})).await;
        assert_eq!(shop.stock(shop.pot).await, (10, 2), "{kind}");
        // Again, with another key: nothing is put back twice.
        shop.post(&unpacked, &json!({})).await;
        assert_eq!(shop.stock(shop.pot).await, (10, 2), "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(
            view.fulfilment_status,
            FulfilmentStatus::NotFulfilled,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn part_by_part_an_order_leaves_with_its_tracking() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 3)]).await;
        let line = order.lines[0].id;
        let fulfil = path(order.id, "fulfilments");
        let first = json!({
            "lines": [{ "line_id": line, "quantity": 1 }],
            "tracking": { "carrier": "DHL", "number": "1" },
            "ship": true,
        });
        let shipped = shop.post(&fulfil, &first).await;
        assert_eq!(shipped["state"], "shipped", "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (9, 2), "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(
            view.fulfilment_status,
            FulfilmentStatus::PartiallyShipped,
            "{kind}"
        );
        // More than is left takes nothing.
        let too_many = json!({ "lines": [{ "line_id": line, "quantity": 3 }] });
        let refused = shop.refusal(&fulfil, &too_many).await;
        assert_eq!(refused, (422, "invalid_request".to_owned()), "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (9, 2), "{kind}");
        let id = shipped["id"].as_str().unwrap();
        let ship = path(order.id, &format!("fulfilments/{id}/ship"));
        let edited = shop
            .post(&ship, &json!({ "tracking": { "number": "2" } }))
            .await;
        assert_eq!(edited["tracking"]["number"], "2", "{kind}");
        let deliver = path(order.id, &format!("fulfilments/{id}/deliver"));
        shop.post(&deliver, &json!({})).await;
        let rest = shop.post(&fulfil, &json!({ "ship": true })).await;
        assert_eq!(rest["lines"][0]["quantity"], 2, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (7, 0), "{kind}");
        let rest = rest["id"].as_str().unwrap();
        let deliver = path(order.id, &format!("fulfilments/{rest}/deliver"));
        shop.post(&deliver, &json!({})).await;
        let view = shop.order(order.id).await;
        assert_eq!(
            view.fulfilment_status,
            FulfilmentStatus::Delivered,
            "{kind}"
        );
        let refused = shop.refusal(&fulfil, &json!({})).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn a_repeated_request_packs_once_and_another_body_is_refused() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 2)]).await;
        let one = json!({ "lines": [{ "line_id": order.lines[0].id, "quantity": 1 }] });
        let fulfil = path(order.id, "fulfilments");
        let first = shop.ask(&fulfil, &one, "k1").await;
        let again = shop.ask(&fulfil, &one, "k1").await;
        assert_eq!(first, again, "{kind}");
        assert_eq!(first.0, 201, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (9, 1), "{kind}");
        let (status, answer) = shop.ask(&fulfil, &json!({}), "k1").await;
        assert_eq!(
            (status, &answer["code"]),
            (422, &json!("idempotency_key_reused")),
            "{kind}"
        );
        assert_eq!(shop.order(order.id).await.lines[0].fulfilled, 1, "{kind}");
    }
}

#[tokio::test]
async fn goods_do_not_leave_an_order_that_is_not_paid_or_from_where_they_are_not() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.place(&[(shop.pot, 1)], "tok_3ds").await;
        let refused = shop.refusal(&path(order, "fulfilments"), &json!({})).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
        let nowhere = stoa_kernel::LocationId::from_u128(77);
        let paid = shop.paid(&[(shop.pot, 1)]).await;
        let body = json!({ "location_id": nowhere });
        let refused = shop.refusal(&path(paid.id, "fulfilments"), &body).await;
        assert_eq!(refused, (404, "location_not_found".to_owned()), "{kind}");
        let unknown = stoa_kernel::FulfilmentId::from_u128(77);
        let ship = path(paid.id, &format!("fulfilments/{unknown}/ship"));
        let refused = shop.refusal(&ship, &json!({})).await;
        assert_eq!(refused, (404, "fulfilment_not_found".to_owned()), "{kind}");
        let no_order = stoa_kernel::OrderId::from_u128(77);
        let refused = shop
            .refusal(&path(no_order, "fulfilments"), &json!({}))
            .await;
        assert_eq!(refused, (404, "order_not_found".to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn an_order_of_goods_that_need_no_shipping_completes_by_itself() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.sticker, 2)]).await;
        assert_eq!(
            (order.status, order.fulfilment_status),
            (OrderStatus::Completed, FulfilmentStatus::Delivered),
            "{kind}"
        );
        assert_eq!(shop.stock(shop.sticker).await, (8, 0), "{kind}");
        // Heard again, it changes nothing.
        shop.heard.store(0, std::sync::atomic::Ordering::SeqCst);
        shop.settle().await;
        assert_eq!(shop.order(order.id).await, order, "{kind}");
        assert_eq!(order.fulfilments.len(), 1, "{kind}");
        // What is promised is not paid.
        let promised = shop.place(&[(shop.sticker, 1)], "tok_capture_later").await;
        shop.settle().await;
        let view = shop.order(promised).await;
        assert_eq!(view.payment_status, PaymentStatus::Authorized, "{kind}");
        assert_eq!(view.lines[0].fulfilled, 0, "{kind}");
    }
}

#[tokio::test]
async fn goods_that_need_no_shipping_go_with_the_first_parcel_of_their_order() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1), (shop.sticker, 1)]).await;
        assert_eq!(order.fulfilments, [], "{kind}: it can still be edited");
        let parcel = shop.post(&path(order.id, "fulfilments"), &json!({})).await;
        shop.settle().await;
        assert_eq!(shop.stock(shop.sticker).await, (10, 1), "{kind}");
        let id = parcel["id"].as_str().unwrap();
        let move_on = |step: &str| path(order.id, &format!("fulfilments/{id}/{step}"));
        shop.post(&move_on("ship"), &json!({})).await;
        shop.settle().await;
        assert_eq!(shop.stock(shop.sticker).await, (9, 0), "{kind}");
        shop.post(&move_on("deliver"), &json!({})).await;
        shop.settle().await;
        let view = shop.order(order.id).await;
        assert_eq!(view.status, OrderStatus::Completed, "{kind}");
        assert_eq!(view.fulfilments.len(), 2, "{kind}");
    }
}
