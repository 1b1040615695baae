//! Goods that come back, and what is sent in their place.

use serde_json::{Value, json};
use stoa_contracts::orders::{OrderView, PaymentStatus};

use crate::shop::{POT, Shop, path};

/// A paid order whose goods have left.
async fn shipped(shop: &Shop, units: u32) -> OrderView {
    let order = shop.paid(&[(shop.pot, units)]).await;
    let body = json!({ "ship": true });
    shop.post(&path(order.id, "fulfilments"), &body).await;
    order
}

async fn announce(shop: &Shop, order: &OrderView, units: u32, exchange: Value) -> String {
    let line = json!({ "line_id": order.lines[0].id, "quantity": units, "reason": "too small" });
    let body = json!({ "lines": [line], "exchange": exchange });
    let opened = shop.post(&path(order.id, "returns"), &body).await;
    opened["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_comes_back_is_restocked_and_refunded_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shipped(&shop, 3).await;
        let id = announce(&shop, &order, 2, json!([])).await;
        assert_eq!(shop.stock(shop.pot).await, (7, 0), "{kind}");
        let receive = path(order.id, &format!("returns/{id}/receive"));
        // One of two arrived.
        let body = json!({
            "lines": [{ "line_id": order.lines[0].id, "quantity": 1 }],
            "restock": true,
            "refund": true,
        });
        let (status, first) = shop.ask(&receive, &body, "k1").await;
        assert_eq!(status, 200, "{kind}: {first}");
        assert_eq!(first["return"]["state"], "received", "{kind}");
        assert_eq!(first["refund"]["amount"]["amount"], POT, "{kind}");
        assert_eq!(
            shop.ask(&receive, &body, "k1").await,
            (200, first),
            "{kind}"
        );
        let refused = shop.refusal(&receive, &body).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (8, 0), "{kind}");
        shop.settle().await;
        assert_eq!(shop.stock(shop.pot).await, (8, 0), "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(
            (
                view.refunded.amount,
                view.payment_status,
                view.lines[0].returned
            ),
            (POT, PaymentStatus::PartiallyRefunded, 1),
            "{kind}"
        );
        assert_eq!(shop.charges().await[0].2, POT, "{kind}");
    }
}

#[tokio::test]
async fn an_exchange_is_held_once_the_return_is_here_and_then_sent() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shipped(&shop, 1).await;
        let cup = json!([{ "variant_id": shop.cup, "quantity": 2 }]);
        let id = announce(&shop, &order, 1, cup).await;
        assert_eq!(shop.stock(shop.cup).await, (10, 0), "{kind}");
        let early = shop
            .refusal(&path(order.id, "fulfilments"), &json!({}))
            .await;
        assert_eq!(early, (409, "order_state_conflict".to_owned()), "{kind}");
        let receive = path(order.id, &format!("returns/{id}/receive"));
        let both = shop.refusal(&receive, &json!({ "refund": true })).await;
        assert_eq!(both, (422, "invalid_request".to_owned()), "{kind}");
        shop.post(&receive, &json!({ "restock": true })).await;
        assert_eq!(shop.stock(shop.cup).await, (10, 2), "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 0), "{kind}");
        let sent = shop
            .post(&path(order.id, "fulfilments"), &json!({ "ship": true }))
            .await;
        assert_eq!(sent["lines"][0]["quantity"], 2, "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (8, 0), "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(view.totals.total, order.totals.total, "{kind}");
    }
}

#[tokio::test]
async fn an_exchange_that_is_sold_out_leaves_the_return_as_it_was() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shipped(&shop, 1).await;
        let cups = json!([{ "variant_id": shop.cup, "quantity": 11 }]);
        let id = announce(&shop, &order, 1, cups).await;
        let receive = path(order.id, &format!("returns/{id}/receive"));
        let refused = shop.refusal(&receive, &json!({ "restock": true })).await;
        assert_eq!(refused, (409, "out_of_stock".to_owned()), "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (9, 0), "{kind}");
        let call_off = path(order.id, &format!("returns/{id}/cancel"));
        let ended = shop.post(&call_off, &json!({})).await;
        assert_eq!(ended["state"], "canceled", "{kind}");
        let unknown = stoa_kernel::ReturnId::from_u128(5);
        let refuse = path(order.id, &format!("returns/{unknown}/refuse"));
        let refused = shop.refusal(&refuse, &json!({})).await;
        assert_eq!(refused, (404, "return_not_found".to_owned()), "{kind}");
        assert_eq!(shop.order(order.id).await.lines.len(), 1, "{kind}");
    }
}
