//! Money that comes by hand: promised at once, taken down by staff.

use serde_json::json;
use stoa_contracts::payments::{AttemptState, PaymentMethodKind, ProviderNews, RefundState};

use crate::shop::Shop;

pub(crate) async fn with_bank(shop: &Shop) {
    let instructions = "Pay to IBAN DE02 1203 0000 0000 2020 51, mail pay@shop.example";
    shop.add(json!({
        "id": "bank", "kind": "manual", "title": "Bank transfer", "instructions": instructions,
    }))
    .await;
}

#[tokio::test]
async fn money_by_hand_is_promised_at_once_and_taken_down_in_parts() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        with_bank(&shop).await;
        let methods = shop
            .payments()
            .methods(shop.tenant, true)
            .await
            .expect(kind);
        let kinds: Vec<_> = methods
            .iter()
            .map(|method| (&*method.id, method.kind))
            .collect();
        let expected = [
            ("test", PaymentMethodKind::Test),
            ("bank", PaymentMethodKind::Manual),
        ];
        assert_eq!(kinds, expected, "{kind}");
        let (_, attempt, state) = shop.driven("bank", "").await;
        assert_eq!(state.expect(kind), AttemptState::Authorized, "{kind}");

        let path = format!("/api/v1/admin/payments/{attempt}/capture");
        let part = json!({ "amount": { "amount": 1000, "currency": "EUR" } });
        let headers = [("idempotency-key", "first")];
        for _ in 0..2 {
            let (status, view) = shop.send("POST", &path, &headers, part.to_string()).await;
            assert_eq!(
                (status, &view["state"]),
                (200, &json!("authorized")),
                "{kind}"
            );
            assert_eq!(
                view["captured"]["amount"], 1000,
                "{kind}: a key counts once"
            );
        }
        assert_eq!(shop.facts::<ProviderNews>().await.len(), 1, "{kind}");
        let other = json!({ "amount": { "amount": 999, "currency": "EUR" } });
        let (status, view) = shop.send("POST", &path, &headers, other.to_string()).await;
        assert_eq!(
            (status, &view["code"]),
            (422, &json!("idempotency_key_reused")),
            "{kind}"
        );
        let much = json!({ "amount": { "amount": 1501, "currency": "EUR" } });
        assert_eq!(shop.post(&path, much).await.0, 422, "{kind}");
        let dollars = json!({ "amount": { "amount": 1, "currency": "USD" } });
        assert_eq!(shop.post(&path, dollars).await.0, 422, "{kind}");

        let (status, view) = shop.post(&path, json!({})).await;
        assert_eq!(
            (status, &view["state"]),
            (200, &json!("succeeded")),
            "{kind}"
        );
        let (status, view) = shop.post(&path, json!({})).await;
        assert_eq!(
            (status, &view["code"]),
            (409, &json!("payment_conflict")),
            "{kind}"
        );
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
        let mut booked = shop.booked().await;
        booked.sort();
        let captured = |amount| ("captured bank".to_owned(), amount);
        assert_eq!(booked, [captured(1000), captured(1500)], "{kind}");
    }
}

#[tokio::test]
async fn what_came_by_hand_goes_back_by_hand() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        with_bank(&shop).await;
        let (order, attempt, _) = shop.driven("bank", "").await;
        let path = format!("/api/v1/admin/payments/{attempt}/capture");
        assert_eq!(shop.post(&path, json!({})).await.0, 200, "{kind}");
        let opened = shop.open_refund(shop.refund(order, 600)).await.expect(kind);
        assert_eq!(opened.state, RefundState::Pending, "{kind}");
        let done = shop.payments().drive_refund(shop.tenant, opened.id).await;
        assert_eq!(done.expect(kind).state, RefundState::Succeeded, "{kind}");
        assert_eq!(shop.view(attempt).await.refunded.amount, 600, "{kind}");
        let booked = shop.booked().await;
        assert!(
            booked.contains(&("refunded bank".to_owned(), 600)),
            "{kind}: {booked:?}"
        );
    }
}

#[tokio::test]
async fn a_promise_is_let_go_of_until_money_came() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        with_bank(&shop).await;
        let (_, promised, _) = shop.driven("bank", "").await;
        let state = shop.payments().give_up(shop.tenant, promised).await;
        assert_eq!(state.expect(kind), AttemptState::Voided, "{kind}");
        let (_, begun, _) = shop.driven("bank", "").await;
        let path = format!("/api/v1/admin/payments/{begun}/capture");
        let part = json!({ "amount": { "amount": 1, "currency": "EUR" } });
        assert_eq!(shop.post(&path, part).await.0, 200, "{kind}");
        let state = shop.payments().give_up(shop.tenant, begun).await;
        assert_eq!(state.expect(kind), AttemptState::Authorized, "{kind}");
        let none = format!("/api/v1/admin/payments/{}/capture", shop.order());
        assert_eq!(shop.post(&none, json!({})).await.0, 404, "{kind}");
    }
}
