//! What is written down between two calls of a provider, so that a lost answer changes no outcome.

use std::time::Duration;

use stoa_contracts::checkout::SagaStuck;
use stoa_contracts::payments::{AttemptSettled, AttemptState, PaymentError};
use stoa_kernel::{AttemptId, Currency, Money};

use crate::fake_stripe::FakeStripe;
use crate::shop::{Line, Shop};
use crate::stripe::{assert_unreachable, drive, shops};

const MINUTE: Duration = Duration::from_secs(60);

fn declined(reason: &str) -> AttemptState {
    let reason = reason.to_owned();
    AttemptState::Declined { reason }
}

#[tokio::test]
async fn a_decline_stays_one_when_the_answer_to_its_void_is_lost() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        for line in [Line::CutAfter, Line::CutBefore] {
            fake.cut("/cancel", line);
            let (_, attempt, state) = shop.driven("stripe", "pm_declined").await;
            assert_unreachable(state);
            fake.mend();
            let state = drive(&shop, attempt).await.expect(kind);
            assert_eq!(state, declined("insufficient_funds"), "{kind} {line:?}");
        }
        // At the bank, and by somebody who gives up on it.
        let (_, attempt, _) = shop.driven("stripe", "pm_3ds").await;
        fake.book().intents.last_mut().unwrap().status = "requires_payment_method";
        fake.cut("/cancel", Line::CutAfter);
        assert_unreachable(drive(&shop, attempt).await);
        fake.mend();
        let given_up = shop.payments().give_up(shop.tenant, attempt).await;
        assert_eq!(
            given_up.expect(kind),
            declined("insufficient_funds"),
            "{kind}"
        );
        let statuses: Vec<_> = fake.book().intents.iter().map(|it| it.status).collect();
        assert_eq!(statuses, ["canceled"; 3], "{kind}");
        assert_eq!(shop.settled().await, (0, 3), "{kind}");
    }
}

fn confirm_keys(fake: &FakeStripe) -> Vec<String> {
    let book = fake.book();
    let confirms = book.calls.iter().filter(|(step, ..)| step == "confirm");
    confirms.map(|(_, key, _)| key.clone().unwrap()).collect()
}

#[tokio::test]
async fn a_failure_that_the_provider_keeps_by_key_is_not_asked_for_again() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        fake.book().confirms_failing = 2;
        let (_, attempt, state) = shop.driven("stripe", "pm_card_visa").await;
        assert_unreachable(state);
        assert_unreachable(drive(&shop, attempt).await);
        let state = drive(&shop, attempt).await.expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        let keys = ["confirm", "confirm-1", "confirm-2"].map(|end| format!("{attempt}-{end}"));
        assert_eq!(confirm_keys(&fake), keys, "{kind}");
        assert_eq!(fake.charges(), 1, "{kind}");
        assert_eq!(shop.settled().await, (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn a_failure_after_the_charge_is_looked_up_and_nothing_charged_anew() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        fake.cut("/confirm", Line::CutAfter);
        let (_, attempt, state) = shop.driven("stripe", "pm_card_visa").await;
        assert_unreachable(state);
        let state = drive(&shop, attempt).await.expect(kind);
        assert_eq!(state, AttemptState::Succeeded, "{kind}");
        assert_eq!(
            confirm_keys(&fake),
            [format!("{attempt}-confirm")],
            "{kind}"
        );
        assert_eq!(fake.charges(), 1, "{kind}");
    }
}

async fn ask_each(shop: &Shop, attempt: AttemptId, pause: Duration, times: usize) {
    for _ in 0..times {
        assert_unreachable(drive(shop, attempt).await);
        shop.cells.clock.advance(pause);
    }
}

#[tokio::test]
async fn a_payment_its_provider_forgot_for_an_hour_fails_and_people_are_told() {
    for (shop, fake) in shops("automatic").await {
        let kind = shop.cells.kind;
        let (order, attempt, _) = shop.driven("stripe", "pm_3ds").await;
        let kept = std::mem::take(&mut fake.book().intents);
        // However often it is asked in a while: that counts once.
        ask_each(&shop, attempt, Duration::from_secs(1), 60).await;
        ask_each(&shop, attempt, 5 * MINUTE, 9).await;
        // It was a moment of weakness: all is counted anew.
        fake.book().intents = kept;
        let state = drive(&shop, attempt).await.expect(kind);
        assert!(
            matches!(state, AttemptState::RequiresAction { .. }),
            "{kind}"
        );
        fake.book().intents.clear();
        ask_each(&shop, attempt, 5 * MINUTE, 11).await;
        let state = drive(&shop, attempt).await.expect(kind);
        assert_eq!(state, declined("forgotten_by_provider"), "{kind}");
        let stuck = SagaStuck {
            order,
            saga: "payment".to_owned(),
            step: "forgotten_by_provider".to_owned(),
        };
        assert_eq!(shop.facts::<SagaStuck>().await, [stuck], "{kind}");
        assert_eq!(shop.facts::<AttemptSettled>().await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn more_than_the_books_take_is_refused_before_anything_is_written() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let most = Money::new(stoa_contracts::ledger::AMOUNT_MAX, Currency::EUR);
        shop.payments().check_amount(most).expect(kind);
        let more = Money::new(most.amount + 1, Currency::EUR);
        let refused = |outcome: Result<(), PaymentError>| match outcome {
            Err(PaymentError::Invalid { field, reason }) => (field, reason),
            other => panic!("{kind}: {other:?}"),
        };
        let reason = "is at most 1000000000000 for one payment".to_owned();
        let wanted = ("amount".to_owned(), reason);
        assert_eq!(
            refused(shop.payments().check_amount(more)),
            wanted,
            "{kind}"
        );
        let order = shop.order();
        let attempt = shop.attempt(order, more.amount, "tok_success");
        let opened = shop.try_open(attempt).await.map(|_| ());
        assert_eq!(refused(opened), wanted, "{kind}");
        let newest = shop.payments().newest_of(shop.tenant, order).await;
        assert_eq!(newest.expect(kind), None, "{kind}");
    }
}
