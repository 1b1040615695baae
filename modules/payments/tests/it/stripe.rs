//! Attempts, captures and refunds over Stripe's protocol, at a server that ignores idempotency keys.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use stoa_contracts::payments::{AttemptState, PaymentError, RefundError, RefundState};
use stoa_kernel::{AttemptId, Money};

use crate::fake_stripe::FakeStripe;
use crate::shop::{Line, Shop};

pub(crate) async fn with_stripe(shop: &Shop, base_url: &str, capture: &str) {
    shop.add(json!({
        "id": "stripe", "kind": "stripe", "title": "Card", "base_url": base_url,
        "capture": capture, "public_key": "pk_test_1", "secret_key": "sk_test_1",
        "webhook_secret": "whsec_1",
    }))
    .await;
}

pub(crate) async fn shops(capture: &str) -> Vec<(Shop, FakeStripe)> {
    let mut all = Vec::new();
    for shop in Shop::everywhere().await {
        let fake = FakeStripe::start().await;
        with_stripe(&shop, &fake.base_url, capture).await;
        all.push((shop, fake));
    }
    all
}

pub(crate) async fn drive(shop: &Shop, attempt: AttemptId) -> Result<AttemptState, PaymentError> {
    shop.payments().drive(shop.tenant, attempt).await
}

pub(crate) fn assert_unreachable(outcome: Result<AttemptState, PaymentError>) {
    assert!(
        matches!(outcome, Err(PaymentError::Unreachable { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_card_is_charged_once_and_the_provider_is_told_for_what() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        let (order, attempt, state) = shop.driven("stripe", "pm_card_visa").await;
        assert_eq!(state.expect(kind), AttemptState::Succeeded, "{kind}");
        {
            let book = fake.book();
            let (_, key, fields) = &book.calls[0];
            assert_eq!(key.as_deref(), Some(attempt.to_string().as_str()), "{kind}");
            let field = |name: &str| fields[name].as_str();
            assert_eq!(
                (field("amount"), field("currency")),
                ("2500", "eur"),
                "{kind}"
            );
            assert_eq!(
                (field("confirm"), field("capture_method")),
                ("false", "automatic"),
                "{kind}"
            );
            assert_eq!(field("metadata[attempt]"), attempt.to_string(), "{kind}");
            assert_eq!(field("metadata[order]"), order.to_string(), "{kind}");
            assert_eq!(field("metadata[tenant]"), shop.tenant.to_string(), "{kind}");
            let steps: Vec<&str> = book.calls.iter().map(|(path, ..)| &**path).collect();
            assert_eq!(steps, ["create", "confirm"], "{kind}");
        }
        assert_eq!(shop.view(attempt).await.captured.amount, 2500, "{kind}");
        assert_eq!(
            shop.booked().await,
            [("captured stripe".to_owned(), 2500)],
            "{kind}"
        );
    }
}

#[tokio::test]
async fn declines_and_unknown_methods_end_the_attempt_and_a_token_is_a_card() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        for (token, reason) in [
            ("pm_declined", "insufficient_funds"),
            ("pm_unknown", "resource_missing"),
        ] {
            let (_, _, state) = shop.driven("stripe", token).await;
            let reason = reason.to_owned();
            assert_eq!(
                state.expect(kind),
                AttemptState::Declined { reason },
                "{kind}"
            );
        }
        assert_eq!(fake.charges(), 0, "{kind}");
        let (_, _, state) = shop.driven("stripe", "tok_visa").await;
        assert_eq!(state.expect(kind), AttemptState::Succeeded, "{kind}");
        // A declined intent is voided, so that nothing can ever charge it.
        assert_eq!(fake.book().intents[0].status, "canceled", "{kind}");
    }
}

#[tokio::test]
async fn a_bank_is_visited_and_its_answer_looked_up() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        let mut new = shop.attempt(shop.order(), 2500, "pm_3ds");
        new.provider = "stripe".to_owned();
        new.return_url = Some("https://shop.example/orders/1".to_owned());
        let attempt = shop.try_open(new).await.expect(kind);
        let next_action_url = "https://bank.example/3ds/pi_1".to_owned();
        for _ in 0..2 {
            let state = drive(&shop, attempt).await.expect(kind);
            let next_action_url = next_action_url.clone();
            assert_eq!(
                state,
                AttemptState::RequiresAction { next_action_url },
                "{kind}"
            );
        }
        assert_eq!(
            fake.book().calls[1].2["return_url"],
            "https://shop.example/orders/1",
            "{kind}"
        );
        fake.approve();
        assert_eq!(
            drive(&shop, attempt).await.expect(kind),
            AttemptState::Succeeded,
            "{kind}"
        );
        assert_eq!(fake.charges(), 1, "{kind}");
    }
}

#[tokio::test]
async fn twins_that_confirm_leave_the_shopper_at_the_bank() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        fake.cut("/confirm", Line::CutBefore);
        let (_, attempt, state) = shop.driven("stripe", "pm_3ds").await;
        assert_unreachable(state);
        fake.mend();
        let twins = (0..8).map(|_| drive(&shop, attempt));
        for state in join_all(twins).await {
            let state = state.expect(kind);
            let at_the_bank = matches!(state, AttemptState::RequiresAction { .. });
            assert!(at_the_bank, "{kind}: {state:?}");
        }
        assert_eq!(fake.book().intents[0].status, "requires_action", "{kind}");
    }
}

#[tokio::test]
async fn lost_answers_never_make_a_second_charge() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        for (path, line, intents) in [
            ("/confirm", Line::CutAfter, 1),
            ("/confirm", Line::CutBefore, 1),
            // A second prepare leaves an intent behind that nobody confirms.
            ("/payment_intents", Line::CutAfter, 2),
            ("/payment_intents", Line::CutBefore, 1),
        ] {
            fake.cut(path, line);
            let before = fake.counts();
            let (_, attempt, state) = shop.driven("stripe", "pm_card_visa").await;
            assert_unreachable(state);
            fake.mend();
            let twins = (0..6).map(|_| drive(&shop, attempt));
            for state in join_all(twins).await {
                assert_eq!(state.expect(kind), AttemptState::Succeeded, "{kind} {path}");
            }
            let after = fake.counts();
            assert_eq!(after.1 - before.1, 1, "{kind} {path} {line:?}");
            assert!(after.0 - before.0 >= intents, "{kind} {path} {line:?}");
            let charged: Vec<u32> = fake
                .book()
                .intents
                .iter()
                .map(|intent| intent.charges)
                .collect();
            assert!(
                charged.iter().all(|&charges| charges <= 1),
                "{kind}: {charged:?}"
            );
        }
        assert_eq!(shop.settled().await, (4, 4), "{kind}");
    }
}

#[tokio::test]
async fn money_held_at_a_card_is_captured_in_part_and_only_once() {
    for (shop, fake) in shops("manual").await {
        let kind = shop.cells.kind;
        let (_, attempt, state) = shop.driven("stripe", "pm_card_visa").await;
        assert_eq!(state.expect(kind), AttemptState::Authorized, "{kind}");
        fake.cut("/capture", Line::CutAfter);
        let path = format!("/api/v1/admin/payments/{attempt}/capture");
        let part = json!({ "amount": { "amount": 2000, "currency": "EUR" } });
        let (status, lost) = shop.post(&path, part.clone()).await;
        assert_eq!(
            (status, &lost["code"]),
            (502, &json!("provider_unreachable")),
            "{kind}"
        );
        fake.mend();
        let rival = shop.post(&path, json!({})).await;
        assert_eq!(rival.0, 409, "{kind}: another capture is under way");
        assert_eq!(
            drive(&shop, attempt).await.expect(kind),
            AttemptState::Succeeded,
            "{kind}"
        );
        let seen = shop.view(attempt).await;
        assert_eq!(seen.captured.amount, 2000, "{kind}");
        assert_eq!(
            shop.booked().await,
            [("captured stripe".to_owned(), 2000)],
            "{kind}"
        );
        let steps = fake
            .book()
            .calls
            .iter()
            .filter(|(path, ..)| path == "capture")
            .count();
        assert_eq!(steps, 1, "{kind}");
    }
}

#[tokio::test]
async fn a_refund_that_may_be_on_its_way_is_not_sent_again_before_its_time() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        let (order, attempt, _) = shop.driven("stripe", "pm_card_visa").await;
        let refund = shop.open_refund(shop.refund(order, 500)).await.expect(kind);
        fake.cut("/refunds", Line::CutBefore);
        let lost = shop.payments().drive_refund(shop.tenant, refund.id).await;
        assert!(
            matches!(lost, Err(RefundError::Unreachable { .. })),
            "{kind}: {lost:?}"
        );
        fake.mend();
        for _ in 0..3 {
            let view = shop
                .payments()
                .drive_refund(shop.tenant, refund.id)
                .await
                .expect(kind);
            assert_eq!(view.state, RefundState::Pending, "{kind}");
        }
        assert_eq!(fake.book().refunds.len(), 0, "{kind}");
        shop.cells.clock.advance(Duration::from_secs(61));
        let view = shop
            .payments()
            .drive_refund(shop.tenant, refund.id)
            .await
            .expect(kind);
        assert_eq!(view.state, RefundState::Succeeded, "{kind}");
        // Made, and the answer lost: found on the second page, whatever the time.
        let refund = shop.open_refund(shop.refund(order, 600)).await.expect(kind);
        fake.cut("/refunds", Line::CutAfter);
        let lost = shop.payments().drive_refund(shop.tenant, refund.id).await;
        assert!(
            matches!(lost, Err(RefundError::Unreachable { .. })),
            "{kind}: {lost:?}"
        );
        fake.mend();
        shop.cells.clock.advance(Duration::from_secs(61));
        let view = shop
            .payments()
            .drive_refund(shop.tenant, refund.id)
            .await
            .expect(kind);
        assert_eq!(view.state, RefundState::Succeeded, "{kind}");
        let made: Vec<i64> = fake
            .book()
            .refunds
            .iter()
            .map(|(_, amount, _)| *amount)
            .collect();
        assert_eq!(made, [500, 600], "{kind}");
        assert_eq!(shop.view(attempt).await.refunded.amount, 1100, "{kind}");
    }
}

#[tokio::test]
async fn a_refund_the_provider_works_on_is_waited_for() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        let (order, attempt, _) = shop.driven("stripe", "pm_card_visa").await;
        fake.book().refund_status = Some("pending");
        let refund = shop.open_refund(shop.refund(order, 500)).await.expect(kind);
        for _ in 0..2 {
            let view = shop
                .payments()
                .drive_refund(shop.tenant, refund.id)
                .await
                .expect(kind);
            assert_eq!(view.state, RefundState::Pending, "{kind}");
            shop.cells.clock.advance(Duration::from_secs(3600));
        }
        fake.book().refund_status = Some("failed");
        let view = shop
            .payments()
            .drive_refund(shop.tenant, refund.id)
            .await
            .expect(kind);
        assert_eq!(view.state, RefundState::Failed, "{kind}");
        assert_eq!(shop.view(attempt).await.refunded.amount, 0, "{kind}");
        assert_eq!(fake.book().refunds.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn only_a_payment_its_provider_does_not_know_is_abandoned() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        let (_, attempt, _) = shop.driven("stripe", "pm_3ds").await;
        let path = format!("/api/v1/admin/payments/{attempt}/abandon");
        let (status, known) = shop.post(&path, json!({})).await;
        assert_eq!(
            (status, &known["code"]),
            (409, &json!("payment_conflict")),
            "{kind}"
        );
        fake.cut("/pi_1", Line::CutBefore);
        assert_eq!(shop.post(&path, json!({})).await.0, 502, "{kind}");
        fake.mend();
        fake.book().intents.clear();
        assert_unreachable(drive(&shop, attempt).await);
        let (status, view) = shop.post(&path, json!({})).await;
        assert_eq!(
            (status, &view["state"]),
            (200, &json!("declined")),
            "{kind}"
        );
        assert_eq!(view["reason"], "forgotten_by_provider", "{kind}");
        assert_eq!(shop.post(&path, json!({})).await.0, 409, "{kind}");
        assert_eq!(shop.settled().await, (0, 1), "{kind}");
    }
}

#[tokio::test]
async fn a_decline_at_the_bank_is_an_end_for_everybody() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        let (_, attempt, _) = shop.driven("stripe", "pm_3ds").await;
        fake.book().intents[0].status = "requires_payment_method";
        let reason = "insufficient_funds".to_owned();
        let state = drive(&shop, attempt).await.expect(kind);
        assert_eq!(state, AttemptState::Declined { reason }, "{kind}");
        // Whoever holds the intent's secret cannot pay it with another card behind our back.
        assert_eq!(fake.book().intents[0].status, "canceled", "{kind}");
    }
}

#[tokio::test]
async fn a_void_refused_once_is_not_refused_for_ever() {
    for (shop, fake) in shops("manual").await {
        let kind = shop.cells.kind;
        let (_, attempt, _) = shop.driven("stripe", "pm_3ds").await;
        fake.book().kept = Some(Vec::new());
        fake.book().intents[0].status = "processing";
        let give_up = || shop.payments().give_up(shop.tenant, attempt);
        assert_eq!(give_up().await.expect(kind), AttemptState::Processing);
        fake.book().intents[0].status = "requires_capture";
        assert_eq!(give_up().await.expect(kind), AttemptState::Voided, "{kind}");
        assert_eq!(fake.book().intents[0].status, "canceled", "{kind}");
    }
}

#[tokio::test]
async fn nothing_is_charged_in_a_currency_that_is_counted_otherwise() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        for currency in ["ISK", "MGA", "UGX"] {
            let mut new = shop.attempt(shop.order(), 2500, "pm_card_visa");
            new.provider = "stripe".to_owned();
            new.amount = Money::new(2500, currency.parse().unwrap());
            let attempt = shop.try_open(new).await.expect(kind);
            let reason = "currency_not_supported".to_owned();
            let state = drive(&shop, attempt).await.expect(kind);
            assert_eq!(state, AttemptState::Declined { reason }, "{kind}");
        }
        assert_eq!(fake.book().calls.len(), 0, "{kind}");
    }
}
