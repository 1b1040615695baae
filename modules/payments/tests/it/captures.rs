//! Money that is held and taken later: once, whatever is lost on the way.

use std::time::Duration;

use futures_util::future::join_all;
use stoa_contracts::payments::{AttemptState, PaymentError};
use stoa_kernel::{AttemptId, Currency, Money};

use crate::shop::{Line, Shop};
use crate::stripe;

async fn held(shop: &Shop) -> AttemptId {
    let (_, attempt) = shop.opened("tok_capture_later").await;
    let state = shop.payments().drive(shop.tenant, attempt).await;
    assert_eq!(state.expect(shop.cells.kind), AttemptState::Authorized);
    attempt
}

async fn taken(shop: &Shop) -> Vec<i64> {
    let charges = shop.provider.charges(shop.tenant).await;
    charges.into_iter().map(|(_, amount)| amount).collect()
}

#[tokio::test]
async fn one_key_captures_once_however_often_it_is_sent() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let attempt = held(&shop).await;
        let amount = Some(Money::new(900, Currency::EUR));
        let twins = (0..8).map(|_| shop.payments().capture(shop.tenant, attempt, amount, "k"));
        let mut answered = 0;
        for outcome in join_all(twins).await {
            match outcome {
                Ok(view) => {
                    answered += 1;
                    assert_eq!(view.captured.amount, 900, "{kind}");
                }
                Err(error) => assert!(
                    matches!(error, PaymentError::Unreachable { .. }),
                    "{kind}: {error}"
                ),
            }
        }
        assert!(answered > 0, "{kind}");
        let again = shop
            .payments()
            .capture(shop.tenant, attempt, None, "k")
            .await;
        assert_eq!(again.expect(kind).state, AttemptState::Succeeded, "{kind}");
        assert_eq!(taken(&shop).await, [900], "{kind}");
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
        assert_eq!(
            shop.booked().await,
            [("captured test".to_owned(), 900)],
            "{kind}"
        );
    }
}

#[tokio::test]
async fn captures_with_different_keys_never_take_more_than_is_held() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let attempt = held(&shop).await;
        let keys: Vec<String> = (0..10).map(|index| format!("k{index}")).collect();
        let amount = Some(Money::new(2000, Currency::EUR));
        let rivals = keys
            .iter()
            .map(|key| shop.payments().capture(shop.tenant, attempt, amount, key));
        let won = join_all(rivals)
            .await
            .into_iter()
            .filter(Result::is_ok)
            .count();
        assert_eq!(won, 1, "{kind}");
        assert_eq!(taken(&shop).await, [2000], "{kind}");
        assert_eq!(shop.view(attempt).await.captured.amount, 2000, "{kind}");
    }
}

#[tokio::test]
async fn a_capture_without_an_answer_is_found_by_asking() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        for line in [Line::CutBefore, Line::CutAfter] {
            let attempt = held(&shop).await;
            shop.provider.line(line);
            let lost = shop
                .payments()
                .capture(shop.tenant, attempt, None, "k")
                .await;
            let lost = lost.expect_err(kind);
            assert!(
                matches!(lost, PaymentError::Unreachable { .. }),
                "{kind}: {lost}"
            );
            assert_eq!(shop.view(attempt).await.captured.amount, 0, "{kind}");
            shop.provider.line(Line::Whole);
            // Nobody asks again: the round that looks after such captures does.
            shop.cells.clock.advance(Duration::from_secs(120));
            let storage = shop.cells.storage();
            let cell = storage.tenant(shop.tenant).await.unwrap().cell;
            for round in &shop.module.recurring {
                round.run(cell, shop.cells.deps.now()).await.expect(kind);
            }
            let seen = shop.view(attempt).await;
            assert_eq!(
                (seen.state, seen.captured.amount),
                (AttemptState::Succeeded, 2500),
                "{kind}"
            );
        }
        assert_eq!(taken(&shop).await, [2500, 2500], "{kind}");
        assert_eq!(shop.settled().await, (2, 2), "{kind}");
    }
}

#[tokio::test]
async fn what_is_held_is_given_up_or_taken_never_both() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let attempt = held(&shop).await;
        let capture = shop.payments().capture(shop.tenant, attempt, None, "k");
        let give_up = shop.payments().give_up(shop.tenant, attempt);
        let (captured, state) = futures_util::future::join(capture, give_up).await;
        let settled = shop
            .payments()
            .drive(shop.tenant, attempt)
            .await
            .expect(kind);
        let taken = taken(&shop).await;
        match settled {
            AttemptState::Succeeded => assert_eq!(taken, [2500], "{kind}: {state:?}"),
            AttemptState::Voided => {
                assert_eq!(taken, [] as [i64; 0], "{kind}: {state:?}");
                assert!(captured.is_err(), "{kind}");
            }
            other => panic!("{kind}: {other:?}"),
        }
        assert_eq!(shop.settled().await.1, 1, "{kind}");
    }
}

async fn look_after_captures(shop: &Shop) {
    let storage = shop.cells.storage();
    let cell = storage.tenant(shop.tenant).await.unwrap().cell;
    let mut rounds = shop.module.recurring.iter();
    let round = rounds.find(|round| round.name() == "payments.captures");
    let round = round.unwrap().run(cell, shop.cells.deps.now()).await;
    round.expect(shop.cells.kind);
}

/// As many as one round looks after.
const BROKEN: usize = 100;

#[tokio::test]
async fn captures_that_cannot_be_asked_about_starve_no_others() {
    for (shop, fake) in stripe::shops("manual").await {
        let kind = shop.cells.kind;
        fake.cut("/capture", Line::CutBefore);
        let mut all = Vec::new();
        for _ in 0..=BROKEN {
            let (_, attempt, state) = shop.driven("stripe", "pm_card_visa").await;
            assert_eq!(state.expect(kind), AttemptState::Authorized, "{kind}");
            let lost = shop.payments().capture(shop.tenant, attempt, None, "k");
            lost.await.expect_err(kind);
            shop.cells.clock.advance(Duration::from_millis(1));
            all.push(attempt);
        }
        fake.mend();
        let broken = (1..=BROKEN).map(|number| format!("pi_{number}"));
        fake.book().broken = broken.collect();
        let last = all[BROKEN];
        for _ in 0..2 {
            shop.cells.clock.advance(Duration::from_secs(61));
            look_after_captures(&shop).await;
        }
        assert_eq!(shop.view(last).await.captured.amount, 2500, "{kind}");
        // The others are asked about again, less and less often.
        fake.book().broken.clear();
        shop.cells.clock.advance(Duration::from_secs(3600));
        look_after_captures(&shop).await;
        let received: i64 = fake.book().intents.iter().map(|it| it.received).sum();
        assert_eq!(received, 2500 * (BROKEN as i64 + 1), "{kind}");
    }
}
