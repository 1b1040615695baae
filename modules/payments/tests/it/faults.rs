//! What becomes of attempts while calls or their answers are lost.

use futures_util::future::join_all;
use stoa_contracts::payments::{AttemptState, PaymentError};

use crate::shop::{Line, Shop};

async fn unreachable(shop: &Shop, attempt: stoa_kernel::AttemptId) {
    let error = shop
        .payments()
        .drive(shop.tenant, attempt)
        .await
        .expect_err(shop.cells.kind);
    assert!(
        matches!(error, PaymentError::Unreachable { .. }),
        "{}: {error}",
        shop.cells.kind
    );
}

#[tokio::test]
async fn a_charge_without_an_answer_is_found_and_not_repeated() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = shop.opened("tok_timeout_after_charge").await;
        unreachable(&shop, attempt).await;
        let seen = shop
            .payments()
            .newest_of(shop.tenant, order)
            .await
            .expect(kind)
            .unwrap();
        assert_eq!(seen.state, AttemptState::Confirming, "{kind}");
        let state = shop
            .payments()
            .drive(shop.tenant, attempt)
            .await
            .expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        assert_eq!(shop.provider.confirms(), 1, "{kind}");
        assert_eq!(
            shop.provider.charges(shop.tenant).await,
            [(order.to_string(), 2500)]
        );
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn a_lost_preparation_is_sent_again_and_makes_one_intent() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = shop.opened("tok_success").await;
        for line in [Line::CutBefore, Line::CutAfter, Line::CutAfter] {
            shop.provider.line(line);
            unreachable(&shop, attempt).await;
        }
        shop.provider.line(Line::Whole);
        let state = shop
            .payments()
            .drive(shop.tenant, attempt)
            .await
            .expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        assert_eq!(shop.provider.prepares(), 3, "{kind}");
        let path = format!("/v1/intents?account={}&order_id={order}", shop.tenant);
        let intents = shop.provider.get(&path).await;
        assert_eq!(intents["data"].as_array().unwrap().len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_confirmation_that_never_arrived_is_sent_after_asking() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = shop.opened("tok_success").await;
        // The intent is prepared and the confirmation lost, as by a crash right before it.
        shop.provider.line(Line::CutAfter);
        unreachable(&shop, attempt).await;
        shop.provider.line(Line::Whole);
        shop.provider.cut_confirmations(Line::CutBefore);
        unreachable(&shop, attempt).await;
        unreachable(&shop, attempt).await;
        let seen = shop
            .payments()
            .newest_of(shop.tenant, order)
            .await
            .expect(kind)
            .unwrap();
        assert_eq!(seen.state, AttemptState::Confirming, "{kind}");
        assert_eq!(shop.provider.charges(shop.tenant).await, [], "{kind}");
        shop.provider.cut_confirmations(Line::Whole);
        let state = shop
            .payments()
            .drive(shop.tenant, attempt)
            .await
            .expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        assert_eq!(
            shop.provider.charges(shop.tenant).await,
            [(order.to_string(), 2500)]
        );
    }
}

#[tokio::test]
async fn twins_over_a_broken_line_charge_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = shop.opened("tok_success").await;
        shop.provider.cut_confirmations(Line::CutAfter);
        let twins = (0..8).map(|_| shop.payments().drive(shop.tenant, attempt));
        for outcome in join_all(twins).await {
            let fine = matches!(
                &outcome,
                Ok(AttemptState::Succeeded) | Err(PaymentError::Unreachable { .. })
            );
            assert!(fine, "{kind}: {outcome:?}");
        }
        shop.provider.cut_confirmations(Line::Whole);
        let state = shop
            .payments()
            .drive(shop.tenant, attempt)
            .await
            .expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        assert_eq!(
            shop.provider.charges(shop.tenant).await,
            [(order.to_string(), 2500)]
        );
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn giving_up_on_an_unreachable_provider_leaves_the_attempt() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = shop.opened("tok_timeout_after_charge").await;
        unreachable(&shop, attempt).await;
        shop.provider.line(Line::CutBefore);
        let error = shop
            .payments()
            .give_up(shop.tenant, attempt)
            .await
            .expect_err(kind);
        assert!(
            matches!(error, PaymentError::Unreachable { .. }),
            "{kind}: {error}"
        );
        let seen = shop
            .payments()
            .newest_of(shop.tenant, order)
            .await
            .expect(kind)
            .unwrap();
        assert_eq!(seen.state, AttemptState::Confirming, "{kind}");
        shop.provider.line(Line::Whole);
        let state = shop
            .payments()
            .give_up(shop.tenant, attempt)
            .await
            .expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
    }
}
