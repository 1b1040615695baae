//! Lines that change: stock, sums and money after each.

use serde_json::json;
use stoa_contracts::checkout::Purchase;
use stoa_contracts::orders::PaymentStatus;

use crate::shop::{CUP, POT, Shop, path};

#[tokio::test]
async fn dearer_is_paid_by_the_link_before_anything_leaves() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let total = order.totals.total.amount;
        let body = json!({
            "add": [{ "variant_id": shop.cup, "quantity": 2 }],
            "set": [{ "line_id": order.lines[0].id, "quantity": 2 }],
        });
        let (status, first) = shop.ask(&path(order.id, "edits"), &body, "k1").await;
        assert_eq!(status, 200, "{kind}: {first}");
        assert_eq!(
            shop.ask(&path(order.id, "edits"), &body, "k1").await,
            (200, first.clone())
        );
        let more = POT + 2 * CUP;
        assert_eq!(first["payment_link"]["due"]["amount"], more, "{kind}");
        let url = first["payment_link"]["url"].as_str().unwrap();
        let token = shop.peers.orders.token(shop.tenant, order.id);
        assert_eq!(url, format!("/pay/{}?token={token}", order.id), "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(
            (
                view.totals.total.amount,
                view.payment_status,
                view.lines.len()
            ),
            (total + more, PaymentStatus::PartiallyPaid, 2),
            "{kind}"
        );
        assert_eq!(view.lines[0].id, order.lines[0].id, "{kind}");
        assert_eq!(view.totals.shipping, order.totals.shipping, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 2), "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 2), "{kind}");
        let refused = shop
            .refusal(&path(order.id, "fulfilments"), &json!({}))
            .await;
        assert_eq!(refused.0, 409, "{kind}");
        shop.pay_link(order.id, "tok_success").await;
        shop.settle().await;
        let view = shop.order(order.id).await;
        assert_eq!(
            (view.payment_status, view.paid.amount),
            (PaymentStatus::Paid, total + more),
            "{kind}"
        );
        shop.post(&path(order.id, "fulfilments"), &json!({ "ship": true }))
            .await;
        assert_eq!(shop.stock(shop.pot).await, (8, 0), "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (8, 0), "{kind}");
    }
}

#[tokio::test]
async fn cheaper_gives_back_the_difference_and_its_stock() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 3), (shop.sticker, 1)]).await;
        let total = order.totals.total.amount;
        let body = json!({ "set": [{ "line_id": order.lines[0].id, "quantity": 1 }] });
        let answer = shop.post(&path(order.id, "edits"), &body).await;
        assert_eq!(answer["refund"]["amount"]["amount"], 2 * POT, "{kind}");
        assert_eq!(shop.stock(shop.pot).await, (10, 1), "{kind}");
        // Its refund is under way.
        let refused = shop.refusal(&path(order.id, "edits"), &body).await;
        assert_eq!(refused, (409, "payment_under_way".to_owned()), "{kind}");
        shop.settle().await;
        let view = shop.order(order.id).await;
        assert_eq!(
            (view.totals.total.amount, view.refunded.amount),
            (total - 2 * POT, 2 * POT),
            "{kind}"
        );
        assert_eq!(shop.charges().await[0].2, 2 * POT, "{kind}");
        // Once money went back, nothing can be added.
        let more = json!({ "add": [{ "variant_id": shop.cup, "quantity": 1 }] });
        let refused = shop.refusal(&path(order.id, "edits"), &more).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
        // Without its sticker, it is cheaper once more.
        let body = json!({ "set": [{ "line_id": order.lines[1].id, "quantity": 0 }] });
        shop.post(&path(order.id, "edits"), &body).await;
        shop.settle().await;
        let view = shop.order(order.id).await;
        assert_eq!(
            view.paid.amount - view.refunded.amount,
            view.totals.total.amount,
            "{kind}"
        );
        assert_eq!(view.lines.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_discount_stays_with_the_units_that_stay() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        shop.coupon("TENTH", 1).await;
        let cart = shop.cart(&[(shop.pot, 2)], Some("TENTH")).await;
        let request = shop.request(Purchase::Cart(cart), "tok_success", "k1");
        let placed = shop.peers.checkout.place(request).await.expect(kind);
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        assert_eq!(order.lines[0].total.amount, 2 * POT * 9 / 10, "{kind}");
        let body = json!({ "set": [{ "line_id": order.lines[0].id, "quantity": 1 }] });
        let answer = shop.post(&path(order.id, "edits"), &body).await;
        assert_eq!(answer["refund"]["amount"]["amount"], POT * 9 / 10, "{kind}");
        let view = shop.order(order.id).await;
        assert_eq!(view.lines[0].total.amount, POT * 9 / 10, "{kind}");
        let promotion: i64 = view.promotions.iter().map(|each| each.amount.amount).sum();
        let adjusted: i64 = view.lines[0]
            .adjustments
            .iter()
            .map(|a| a.amount.amount)
            .sum();
        assert_eq!((promotion, adjusted), (POT / 10, POT / 10), "{kind}");
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_packed_changes_nothing() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let order = shop.paid(&[(shop.pot, 1)]).await;
        let edits = path(order.id, "edits");
        let many = json!({ "add": [{ "variant_id": shop.cup, "quantity": 11 }] });
        let refused = shop.refusal(&edits, &many).await;
        assert_eq!(refused, (409, "out_of_stock".to_owned()), "{kind}");
        assert_eq!(shop.order(order.id).await, order, "{kind}");
        for odd in [
            json!({}),
            json!({ "set": [{ "line_id": order.lines[0].id, "quantity": 0 }] }),
            json!({ "add": [{ "variant_id": stoa_kernel::VariantId::from_u128(3), "quantity": 1 }] }),
        ] {
            let refused = shop.refusal(&edits, &odd).await;
            assert_eq!(refused, (422, "invalid_request".to_owned()), "{kind}");
        }
        shop.post(&path(order.id, "fulfilments"), &json!({})).await;
        let more = json!({ "add": [{ "variant_id": shop.cup, "quantity": 1 }] });
        let refused = shop.refusal(&edits, &more).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
        assert_eq!(shop.stock(shop.cup).await, (10, 0), "{kind}");
    }
}

#[tokio::test]
async fn an_order_at_the_provider_is_not_edited_and_one_that_was_declined_is() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let open = shop.place(&[(shop.pot, 1)], "tok_3ds").await;
        let more = json!({ "add": [{ "variant_id": shop.cup, "quantity": 1 }] });
        let refused = shop.refusal(&path(open, "edits"), &more).await;
        assert_eq!(refused, (409, "payment_under_way".to_owned()), "{kind}");
        let order = shop.place(&[(shop.pot, 1)], "tok_decline").await;
        for _ in 0..4 {
            shop.work().await;
        }
        let before = shop.order(order).await;
        let answer = shop.post(&path(order, "edits"), &more).await;
        let due = before.totals.total.amount + CUP;
        assert_eq!(answer["payment_link"]["due"]["amount"], due, "{kind}");
        assert_eq!(
            shop.stock(shop.cup).await,
            (10, 0),
            "{kind}: it holds nothing yet"
        );
        shop.pay_link(order, "tok_success").await;
        assert_eq!(shop.stock(shop.cup).await, (10, 1), "{kind}");
    }
}

#[tokio::test]
async fn a_promised_order_made_dearer_stays_until_the_rest_is_paid_or_staff_insist() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        let more = json!({ "add": [{ "variant_id": shop.cup, "quantity": 1 }] });
        let mut promised = Vec::new();
        for _ in 0..2 {
            let order = shop.place(&[(shop.pot, 1)], "tok_capture_later").await;
            shop.settle().await;
            shop.post(&path(order, "edits"), &more).await;
            let view = shop.order(order).await;
            assert_eq!(view.payment_status, PaymentStatus::Authorized, "{kind}");
            let refused = shop.refusal(&path(order, "fulfilments"), &json!({})).await;
            assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
            promised.push(order);
        }
        assert_eq!(shop.stock(shop.cup).await, (10, 2), "{kind}");
        let forced = json!({ "force": true });
        shop.post(&path(promised[0], "fulfilments"), &forced).await;
        assert_eq!(shop.stock(shop.cup).await, (9, 1), "{kind}");
        let payments = &shop.peers.payments;
        let attempt = payments.newest_of(shop.tenant, promised[1]).await;
        let attempt = attempt.expect(kind).unwrap();
        let taken = payments.capture(shop.tenant, attempt.id, None, "c1").await;
        taken.expect(kind);
        shop.settle().await;
        let refused = shop
            .refusal(&path(promised[1], "fulfilments"), &json!({}))
            .await;
        assert_eq!(refused.0, 409, "{kind}");
        // The rest promised is as good as paid.
        shop.pay_link(promised[1], "tok_capture_later").await;
        shop.settle().await;
        shop.post(&path(promised[1], "fulfilments"), &json!({}))
            .await;
        assert_eq!(shop.stock(shop.cup).await, (8, 0), "{kind}");
        // Not even staff send what nobody has paid or promised anything of.
        let unpaid = shop.place(&[(shop.pot, 1)], "tok_3ds").await;
        let refused = shop.refusal(&path(unpaid, "fulfilments"), &forced).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn an_order_that_goes_elsewhere_is_taxed_and_delivered_anew() {
    for shop in Shop::everywhere().await {
        let kind = shop.kind;
        shop.coupon("TENTH", 2).await;
        let cart = shop.cart(&[(shop.pot, 2)], Some("TENTH")).await;
        let request = shop.request(Purchase::Cart(cart), "tok_success", "k1");
        let placed = shop.peers.checkout.place(request).await.expect(kind);
        shop.settle().await;
        let order = shop.order(placed.order_id).await;
        let edits = path(order.id, "edits");
        let elsewhere = json!({ "shipping_address": {
            "name": "Grace Hopper", "line1": "1 rue de Rivoli", "line2": null,
            "city": "Paris", "region": null, "postal_code": "75001", "country": "FR",
        } });
        shop.post(&edits, &elsewhere).await;
        let view = shop.order(order.id).await;
        let address = view.shipping_address.clone().unwrap();
        assert_eq!(
            (address.city.as_str(), view.lines.len()),
            ("Paris", 1),
            "{kind}"
        );
        // The same rates there: the same sums, by another way.
        assert_eq!(view.totals, order.totals, "{kind}");
        assert_eq!(view.lines, order.lines, "{kind}");
        assert_eq!(view.payment_status, PaymentStatus::Paid, "{kind}");
        let taxes: i64 = view.taxes.iter().map(|line| line.amount.amount).sum();
        assert_eq!(taxes, view.totals.tax.amount, "{kind}");
        let odd = json!({ "shipping_address": {
            "name": "", "line1": "1", "city": "Paris", "postal_code": "1", "country": "FR",
        } });
        let refused = shop.refusal(&edits, &odd).await;
        assert_eq!(refused, (422, "invalid_request".to_owned()), "{kind}");
        // What has left goes nowhere else.
        let parcel = json!({ "ship": true });
        shop.post(&path(order.id, "fulfilments"), &parcel).await;
        let back = json!({ "shipping_address": order.shipping_address });
        let refused = shop.refusal(&edits, &back).await;
        assert_eq!(refused, (409, "order_state_conflict".to_owned()), "{kind}");
    }
}
