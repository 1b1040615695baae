//! What becomes of attempts while everything works.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use stoa_contracts::ledger::AMOUNT_MAX;
use stoa_contracts::payments::{AttemptState, PaymentError};
use stoa_telemetry::Metrics;

use crate::books::Books;
use crate::shop::{Shop, config};

#[tokio::test]
async fn each_token_ends_as_the_provider_says() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, paid) = shop.opened("tok_success").await;
        let state = shop.payments().drive(shop.tenant, paid).await.expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        let (_, declined) = shop.opened("tok_decline").await;
        let state = shop
            .payments()
            .drive(shop.tenant, declined)
            .await
            .expect(kind);
        let reason = "insufficient_funds".to_owned();
        assert_eq!(state, AttemptState::Declined { reason }, "{kind}");
        let (_, unknown) = shop.opened("tok_of_nobody").await;
        let state = shop
            .payments()
            .drive(shop.tenant, unknown)
            .await
            .expect(kind);
        let reason = "unknown_token".to_owned();
        assert_eq!(state, AttemptState::Declined { reason }, "{kind}");
        let charged = shop.provider.charges(shop.tenant).await;
        assert_eq!(charged, [(order.to_string(), 2500)], "{kind}");
        assert_eq!(shop.settled().await, (1, 3), "{kind}");
        let newest = shop
            .payments()
            .newest_of(shop.tenant, order)
            .await
            .expect(kind)
            .unwrap();
        assert_eq!(
            (newest.id, newest.state),
            (paid, AttemptState::Succeeded),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_slow_payment_is_processing_until_it_is_through() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (_, attempt) = shop.opened("tok_delay").await;
        for _ in 0..2 {
            let state = shop
                .payments()
                .drive(shop.tenant, attempt)
                .await
                .expect(kind);
            assert_eq!(state, AttemptState::Processing, "{kind}");
        }
        assert_eq!(shop.settled().await, (0, 0), "{kind}");
        shop.cells.clock.advance(Duration::from_secs(2));
        let state = shop
            .payments()
            .drive(shop.tenant, attempt)
            .await
            .expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn an_action_of_the_shopper_decides() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        for (form, succeeds) in [("decision=approve", true), ("decision=reject", false)] {
            let (_, attempt) = shop.opened("tok_3ds").await;
            let state = shop
                .payments()
                .drive(shop.tenant, attempt)
                .await
                .expect(kind);
            let AttemptState::RequiresAction { next_action_url } = state else {
                panic!("{kind}: {state:?}");
            };
            shop.provider.decide(&next_action_url, form).await;
            let state = shop
                .payments()
                .drive(shop.tenant, attempt)
                .await
                .expect(kind);
            let reason = "authentication_failed".to_owned();
            let expected = if succeeds {
                AttemptState::Succeeded
            } else {
                AttemptState::Declined { reason }
            };
            assert_eq!(state, expected, "{kind}");
        }
    }
}

#[tokio::test]
async fn twins_that_drive_one_attempt_charge_once() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = shop.opened("tok_success").await;
        let twins = (0..16).map(|_| shop.payments().drive(shop.tenant, attempt));
        for state in join_all(twins).await {
            assert_eq!(state.expect(kind), AttemptState::Succeeded, "{kind}");
        }
        assert_eq!(
            shop.provider.charges(shop.tenant).await,
            [(order.to_string(), 2500)]
        );
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn nothing_to_pay_needs_no_provider() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let without = stoa_payments::start(
            shop.cells.deps.clone(),
            Arc::new(Books),
            config(),
            &Metrics::new(shop.cells.deps.now()),
        );
        let without = without.contract;
        let free = shop.attempt(shop.order(), 0, "tok_success");
        let free = shop.try_open(free).await.expect(kind);
        assert_eq!(
            without.drive(shop.tenant, free).await.expect(kind),
            AttemptState::Succeeded
        );
        let (_, dear) = shop.opened("tok_success").await;
        let error = without.drive(shop.tenant, dear).await.expect_err(kind);
        assert!(matches!(error, PaymentError::UnknownProvider { provider } if provider == "test"));
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn an_order_has_one_live_attempt() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, first) = shop.opened("tok_decline").await;
        let second = shop.attempt(order, 2500, "tok_success");
        let error = shop.try_open(second.clone()).await.expect_err(kind);
        assert!(
            matches!(&error, PaymentError::Storage(error) if error.is_unique_violation()),
            "{kind}: {error}"
        );
        shop.payments().drive(shop.tenant, first).await.expect(kind);
        let second = shop.try_open(second).await.expect(kind);
        shop.payments()
            .drive(shop.tenant, second)
            .await
            .expect(kind);
        let newest = shop
            .payments()
            .newest_of(shop.tenant, order)
            .await
            .expect(kind)
            .unwrap();
        assert_eq!(
            (newest.id, newest.state),
            (second, AttemptState::Succeeded),
            "{kind}"
        );
        // What an edit left to pay is an attempt of its own, and again the only one that is open.
        let third = shop.attempt(order, 500, "tok_success");
        shop.try_open(third).await.expect(kind);
        let fourth = shop.attempt(order, 500, "tok_success");
        shop.try_open(fourth).await.expect_err(kind);
    }
}

#[tokio::test]
async fn nothing_is_charged_that_the_books_would_refuse() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let order = shop.order();
        let over = shop.attempt(order, AMOUNT_MAX + 1, "tok_success");
        let error = shop.try_open(over).await.expect_err(kind);
        assert!(
            matches!(&error, PaymentError::Invalid { field, .. } if field == "amount"),
            "{kind}: {error}"
        );
        let most = shop.attempt(order, AMOUNT_MAX, "tok_success");
        shop.try_open(most).await.expect(kind);
    }
}

#[tokio::test]
async fn debug_shows_neither_token_nor_return_address() {
    let shops = Shop::everywhere().await;
    let mut new = shops[0].attempt(shops[0].order(), 2500, "tok_secret");
    new.return_url = Some("https://shop.example/orders/secret".to_owned());
    let shown = format!("{new:?}");
    assert!(shown.contains(&new.id.to_string()), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn giving_up_voids_what_is_not_charged() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (_, untouched) = shop.opened("tok_success").await;
        let (_, waiting) = shop.opened("tok_3ds").await;
        shop.payments()
            .drive(shop.tenant, waiting)
            .await
            .expect(kind);
        for attempt in [untouched, waiting] {
            for _ in 0..2 {
                let state = shop
                    .payments()
                    .give_up(shop.tenant, attempt)
                    .await
                    .expect(kind);
                assert_eq!(state, AttemptState::Voided, "{kind}");
            }
            let state = shop
                .payments()
                .drive(shop.tenant, attempt)
                .await
                .expect(kind);
            assert_eq!(state, AttemptState::Voided, "{kind}");
        }
        assert_eq!(shop.provider.charges(shop.tenant).await, [], "{kind}");
        assert_eq!(shop.settled().await, (0, 2), "{kind}");
    }
}

#[tokio::test]
async fn giving_up_too_late_tells_of_the_charge() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (_, slow) = shop.opened("tok_delay").await;
        shop.payments().drive(shop.tenant, slow).await.expect(kind);
        let state = shop
            .payments()
            .give_up(shop.tenant, slow)
            .await
            .expect(kind);
        assert_eq!(state, AttemptState::Processing, "{kind}");
        shop.cells.clock.advance(Duration::from_secs(2));
        let state = shop
            .payments()
            .give_up(shop.tenant, slow)
            .await
            .expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn providers_and_tokens_are_checked_before_anything_is_written() {
    let shop = Shop::everywhere().await.remove(0);
    let check = async |provider: &str, token: &str, test_mode: bool| {
        shop.payments()
            .check(shop.tenant, provider, token, test_mode)
            .await
            .map_err(|error| error.to_string())
    };
    assert_eq!(check("test", "tok_success", true).await, Ok(()));
    assert_eq!(
        check("stripe", "tok_success", true).await,
        Err("no payment provider `stripe`".to_owned())
    );
    assert_eq!(
        check("test", "tok_success", false).await,
        Err("the test provider is for shops in test mode".to_owned())
    );
    let card =
        "payment.token: looks like a card number; send the token that the provider gave for it";
    assert_eq!(
        check("test", "4242424242424242", true).await,
        Err(card.to_owned())
    );
}
