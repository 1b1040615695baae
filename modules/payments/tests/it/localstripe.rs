//! The same against `localstripe`, where `STOA_TEST_LOCALSTRIPE` says that one runs: somebody else's
//! reading of the protocol. It ignores idempotency keys, refuses `return_url`, and names no amounts
//! received.

use serde_json::Value;
use stoa_contracts::payments::{AttemptState, NewAttempt, RefundState};

use crate::shop::Shop;
use crate::stripe::with_stripe;

#[expect(
    clippy::disallowed_methods,
    reason = "tests read where their servers are"
)]
fn server() -> Option<String> {
    std::env::var("STOA_TEST_LOCALSTRIPE")
        .ok()
        .filter(|url| !url.is_empty())
}

#[tokio::test]
async fn charges_captures_refunds_and_declines() {
    let Some(server) = server() else {
        return;
    };
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        with_stripe(&shop, &server, "automatic").await;
        let order = shop.order();
        let new = NewAttempt {
            provider: "stripe".to_owned(),
            return_url: Some("https://shop.example/orders/1".to_owned()),
            ..shop.attempt(order, 2500, "pm_card_visa")
        };
        let attempt = shop.try_open(new).await.expect(kind);
        let state = shop.payments().drive(shop.tenant, attempt).await;
        assert_eq!(state.expect(kind), AttemptState::Succeeded, "{kind}");
        assert_eq!(shop.view(attempt).await.captured.amount, 2500, "{kind}");

        for amount in [700, 800] {
            let refund = shop
                .open_refund(shop.refund(order, amount))
                .await
                .expect(kind);
            let view = shop
                .payments()
                .drive_refund(shop.tenant, refund.id)
                .await
                .expect(kind);
            assert_eq!(view.state, RefundState::Succeeded, "{kind}");
        }
        assert_eq!(shop.view(attempt).await.refunded.amount, 1500, "{kind}");
        shop.open_refund(shop.refund(order, 1001))
            .await
            .expect_err(kind);

        let (_, _, state) = shop.driven("stripe", "pm_card_chargeCustomerFail").await;
        let state = state.expect(kind);
        assert!(
            matches!(state, AttemptState::Declined { .. }),
            "{kind}: {state:?}"
        );

        let (_, list) = shop.get("/api/v1/admin/payments/providers/stripe").await;
        assert_eq!(list["base_url"], Value::from(server.clone()), "{kind}");
    }
}

#[tokio::test]
async fn holds_and_captures_in_part_or_lets_go() {
    let Some(server) = server() else {
        return;
    };
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        with_stripe(&shop, &server, "manual").await;
        let (_, attempt, state) = shop.driven("stripe", "pm_card_visa").await;
        assert_eq!(state.expect(kind), AttemptState::Authorized, "{kind}");
        let path = format!("/api/v1/admin/payments/{attempt}/capture");
        let part = serde_json::json!({ "amount": { "amount": 2000, "currency": "EUR" } });
        let (status, view) = shop.post(&path, part).await;
        assert_eq!(
            (status, &view["state"]),
            (200, &Value::from("succeeded")),
            "{kind}: {view}"
        );
        assert_eq!(view["captured"]["amount"], 2000, "{kind}");

        let (_, held, _) = shop.driven("stripe", "pm_card_visa").await;
        let state = shop.payments().give_up(shop.tenant, held).await;
        assert_eq!(state.expect(kind), AttemptState::Voided, "{kind}");
    }
}
