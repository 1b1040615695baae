//! The whole transition tables, spelled out, and the sums.

mod amounts;
mod goods;
mod tables;

use stoa_kernel::{Currency, Money};

use super::*;

/// The attempt that paid where an order is paid, and one that comes too late.
const FIRST: AttemptId = AttemptId::from_u128(1);
const SECOND: AttemptId = AttemptId::from_u128(2);

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

fn paid_step(attempt: AttemptId, amount: i64) -> PaymentStep {
    PaymentStep::Paid {
        attempt,
        amount: eur(amount),
    }
}

fn declined_step() -> PaymentStep {
    PaymentStep::Declined {
        reason: "no funds".to_owned(),
    }
}

fn canceled_step() -> PaymentStep {
    PaymentStep::Canceled {
        reason: "too late".to_owned(),
    }
}

/// An order of 100 whose amounts fit its payment status.
fn standing(status: OrderStatus, payment: PaymentStatus) -> Standing<'static> {
    use PaymentStatus::{Authorized, Paid, PartiallyPaid, PartiallyRefunded, Refunded};
    let (paid, refunded) = match payment {
        PartiallyPaid => (40, 0),
        Paid => (100, 0),
        PartiallyRefunded => (100, 30),
        Refunded => (100, 100),
        _ => (0, 0),
    };
    let attempt = (paid > 0 || payment == Authorized).then_some(FIRST);
    Standing {
        status,
        payment,
        fulfilment: FulfilmentStatus::NotFulfilled,
        reason: None,
        attempt,
        payers: attempt.into_iter().filter(|_| paid > 0).collect(),
        promised: (payment == Authorized).then_some(100),
        total: 100,
        gift_card: 0,
        paid,
        refunded,
        cancel_requested: false,
    }
}

fn pending() -> Standing<'static> {
    standing(OrderStatus::Pending, PaymentStatus::Pending)
}

/// Every status under every payment status.
fn standings() -> impl Iterator<Item = Standing<'static>> {
    OrderStatus::ALL.iter().flat_map(|(status, _)| {
        let payments = PaymentStatus::ALL.iter();
        payments.map(|(payment, _)| standing(*status, *payment))
    })
}

/// 40 of 100 came, and 10 of those went back.
fn partly_paid_and_refunded() -> Standing<'static> {
    Standing {
        paid: 40,
        refunded: 10,
        ..standing(OrderStatus::Pending, PaymentStatus::PartiallyRefunded)
    }
}

#[test]
fn a_refund_of_a_part_payment_lets_no_goods_leave() {
    let part = partly_paid_and_refunded();
    assert!(check_fulfillable(&part, Leave::Secured).is_err());
    let rest = paid_step(SECOND, 60);
    let rest = step(&part, &rest).expect("it fits").expect("it is new");
    assert_eq!(rest.payment, PaymentStatus::PartiallyRefunded);
    assert_eq!(check_fulfillable(&rest, Leave::Secured), Ok(()));
}

#[test]
fn what_an_edit_added_to_a_promised_order_keeps_its_goods_here() {
    let promise = PaymentStep::Authorized { attempt: FIRST };
    let promised = step(&pending(), &promise).expect("it fits").expect("new");
    assert_eq!(check_fulfillable(&promised, Leave::Secured), Ok(()));
    let dearer = edited(&promised, 120).expect("it fits");
    assert!(check_fulfillable(&dearer, Leave::Secured).is_err());
    assert_eq!(check_fulfillable(&dearer, Leave::OnTrust), Ok(()));
    // The same promise, told again, is no larger.
    assert_eq!(step(&dearer, &promise), Ok(None));
    let taken = paid_step(FIRST, 100);
    let taken = step(&dearer, &taken).expect("it fits").expect("new");
    assert_eq!(taken.payment, PaymentStatus::PartiallyPaid);
    assert!(check_fulfillable(&taken, Leave::Secured).is_err());
    let rest = PaymentStep::Authorized { attempt: SECOND };
    let rest = step(&taken, &rest).expect("it fits").expect("new");
    assert_eq!(check_fulfillable(&rest, Leave::Secured), Ok(()));
    let declined = declined_step();
    let broken = step(&rest, &declined).expect("it fits").expect("new");
    assert!(check_fulfillable(&broken, Leave::Secured).is_err());
    let cheaper = edited(&promised, 80).expect("it fits");
    assert_eq!(check_fulfillable(&cheaper, Leave::Secured), Ok(()));
}

#[test]
fn nothing_is_sent_on_trust_of_which_nothing_is_paid_or_promised() {
    assert!(check_fulfillable(&pending(), Leave::OnTrust).is_err());
    let asked = Standing {
        cancel_requested: true,
        ..standing(OrderStatus::Pending, PaymentStatus::Authorized)
    };
    assert!(check_fulfillable(&asked, Leave::OnTrust).is_err());
}

#[test]
fn an_order_that_is_owed_money_is_not_completed_by_a_refund() {
    let delivered = Standing {
        fulfilment: FulfilmentStatus::Delivered,
        ..partly_paid_and_refunded()
    };
    assert_eq!(delivered.clone().settled().status, OrderStatus::Pending);
    let rest = paid_step(SECOND, 60);
    let rest = step(&delivered, &rest)
        .expect("it fits")
        .expect("it is new");
    assert_eq!(rest.status, OrderStatus::Completed);
}

#[test]
fn an_order_whose_goods_left_is_not_written_anew() {
    assert_eq!(check_revisable(&pending()), Ok(()));
    for (fulfilment, _) in FulfilmentStatus::ALL.iter().copied() {
        let now = Standing {
            fulfilment,
            ..pending()
        };
        let untouched = fulfilment == FulfilmentStatus::NotFulfilled;
        assert_eq!(check_revisable(&now).is_ok(), untouched, "{fulfilment:?}");
    }
}

#[test]
fn a_step_taken_again_is_already_so() {
    let steps = [
        PaymentStep::NeedsAction,
        PaymentStep::ActionTaken,
        PaymentStep::Authorized { attempt: SECOND },
        paid_step(SECOND, 60),
        paid_step(SECOND, 10),
        declined_step(),
        canceled_step(),
    ];
    for now in standings() {
        for one in &steps {
            if let Ok(Some(next)) = step(&now, one) {
                assert_eq!(step(&next, one), Ok(None), "{now:?} {one:?}");
            }
        }
    }
}

#[test]
fn fulfilment_matters_to_cancelling_and_completing_only() {
    let steps = [
        PaymentStep::NeedsAction,
        PaymentStep::ActionTaken,
        PaymentStep::Authorized { attempt: FIRST },
        paid_step(FIRST, 100),
        declined_step(),
        canceled_step(),
    ];
    for (fulfilment, _) in FulfilmentStatus::ALL.iter().copied() {
        let now = Standing {
            fulfilment,
            ..pending()
        };
        for one in &steps {
            let next = step(&now, one);
            let unfulfilled = step(&pending(), one).expect("it fits");
            let alike = unfulfilled.map(|next| Standing { fulfilment, ..next });
            match (one, fulfilment) {
                (PaymentStep::Canceled { .. }, FulfilmentStatus::NotFulfilled) => {
                    let next = next.expect("it fits").expect("it is new");
                    assert_eq!(next.fulfilment, FulfilmentStatus::Canceled);
                }
                (PaymentStep::Canceled { .. }, _) => {
                    assert_eq!(next.expect_err("goods left").step, "canceled");
                }
                (PaymentStep::Paid { .. }, FulfilmentStatus::Delivered) => {
                    let next = next.expect("it fits").expect("it is new");
                    assert_eq!(next.status, OrderStatus::Completed);
                }
                _ => assert_eq!(next, Ok(alike)),
            }
        }
    }
}

#[test]
fn parts_add_up_to_a_paid_order() {
    let card = Standing {
        gift_card: 25,
        ..pending()
    };
    let part = paid_step(FIRST, 30);
    let part = step(&card, &part).expect("it fits").expect("it is new");
    assert_eq!(
        (part.payment, part.paid),
        (PaymentStatus::PartiallyPaid, 55)
    );
    let rest = paid_step(SECOND, 45);
    let whole = step(&part, &rest).expect("it fits").expect("it is new");
    assert_eq!((whole.payment, whole.paid), (PaymentStatus::Paid, 100));
    assert_eq!(whole.payers, [FIRST, SECOND]);
    // Neither of the two pays twice, and a third has nothing to pay.
    assert_eq!(step(&whole, &paid_step(FIRST, 30)), Ok(None));
    assert_eq!(step(&whole, &rest), Ok(None));
    let third = paid_step(AttemptId::from_u128(3), 1);
    assert_eq!(
        step(&whole, &third).expect_err("nothing is owed").step,
        "paid"
    );
}

#[test]
fn a_gift_card_alone_pays_with_an_attempt_of_nothing() {
    let card = Standing {
        gift_card: 100,
        ..pending()
    };
    let nothing = paid_step(FIRST, 0);
    let next = step(&card, &nothing).expect("it fits").expect("new");
    assert_eq!((next.payment, next.paid), (PaymentStatus::Paid, 100));
}

#[test]
fn payments_of_one_order_are_bounded() {
    let mut now = Standing {
        total: 1_000,
        ..pending()
    };
    let coins: Vec<PaymentStep> = (0..PAYMENTS_MAX as u128)
        .map(|attempt| paid_step(AttemptId::from_u128(attempt), 1))
        .collect();
    for coin in &coins {
        now = step(&now, coin).expect("it fits").expect("it is new");
    }
    let more = paid_step(AttemptId::from_u128(99), 1);
    assert_eq!(step(&now, &more).expect_err("too many").step, "paid");
    let overflow = paid_step(SECOND, i64::MAX);
    let rich = Standing {
        paid: 1,
        ..pending()
    };
    assert_eq!(step(&rich, &overflow).expect_err("too much").step, "paid");
}

#[test]
fn reasons_are_kept_until_the_money_comes() {
    let declined = declined_step();
    let waiting = step(&pending(), &declined)
        .expect("it fits")
        .expect("a reason is new");
    let expected = Standing {
        reason: Some("no funds"),
        ..pending()
    };
    assert_eq!(waiting, expected);
    let all = paid_step(SECOND, 100);
    let paid = step(&waiting, &all).expect("it fits").expect("it is new");
    assert_eq!((paid.reason, paid.attempt), (None, Some(SECOND)));

    // Whoever asked to cancel is told of money that came after.
    let asked = request_cancel(&waiting, "changed my mind")
        .expect("it fits")
        .expect("it is new");
    let paid = step(&asked, &all).expect("it fits").expect("it is new");
    assert_eq!(
        (paid.reason, paid.cancel_requested),
        (Some("changed my mind"), true)
    );

    let other = canceled_step();
    let canceled = Standing {
        reason: Some("first"),
        status: OrderStatus::Canceled,
        ..pending()
    };
    assert_eq!(step(&canceled, &other), Ok(None));
}

#[test]
fn a_promise_is_one_attempts_and_ends_with_it() {
    let promise = PaymentStep::Authorized { attempt: FIRST };
    let promised = step(&pending(), &promise)
        .expect("it fits")
        .expect("it is new");
    assert_eq!(
        (promised.payment, promised.attempt, promised.paid),
        (PaymentStatus::Authorized, Some(FIRST), 0)
    );
    let second = PaymentStep::Authorized { attempt: SECOND };
    let refused = step(&promised, &second);
    assert_eq!(refused.expect_err("one is enough").step, "authorized");
    let declined = declined_step();
    let open = step(&promised, &declined).expect("it fits").expect("new");
    assert_eq!((open.payment, open.attempt), (PaymentStatus::Pending, None));
    assert!(step(&open, &second).is_ok());
    let taken = paid_step(FIRST, 100);
    let taken = step(&promised, &taken).expect("it fits").expect("new");
    assert_eq!(step(&taken, &promise), Ok(None));
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let long = PaymentStep::Declined {
        reason: "ä".repeat(400),
    };
    let next = step(&pending(), &long).expect("it fits").expect("new");
    assert_eq!(next.reason, Some("ä".repeat(250).as_str()));
    assert_eq!(step(&next, &long), Ok(None));
}

#[test]
fn refunds_end_at_what_was_paid() {
    let paid = standing(OrderStatus::Pending, PaymentStatus::Paid);
    let part = refund(&paid, 30).expect("it fits");
    assert_eq!(
        (part.payment, part.refunded),
        (PaymentStatus::PartiallyRefunded, 30)
    );
    assert_eq!(refund(&part, 71).expect_err("too much").step, "refunded");
    for nothing in [0, -1] {
        assert_eq!(
            refund(&part, nothing).expect_err("no refund").step,
            "refunded"
        );
    }
    let whole = refund(&part, 70).expect("it fits");
    assert_eq!(whole.payment, PaymentStatus::Refunded);
    // Then, and not before, it may be canceled; that it was refunded stays.
    let cancel = canceled_step();
    assert_eq!(
        step(&part, &cancel).expect_err("money is here").step,
        "canceled"
    );
    let canceled = step(&whole, &cancel).expect("it fits").expect("new");
    assert_eq!(
        (canceled.status, canceled.payment),
        (OrderStatus::Canceled, PaymentStatus::Refunded)
    );
}

#[test]
fn an_edit_shows_what_is_owed() {
    let paid = standing(OrderStatus::Pending, PaymentStatus::Paid);
    let more = edited(&paid, 120).expect("it fits");
    assert_eq!(more.payment, PaymentStatus::PartiallyPaid);
    let rest = paid_step(SECOND, 20);
    let whole = step(&more, &rest).expect("it fits").expect("new");
    assert_eq!((whole.payment, whole.paid), (PaymentStatus::Paid, 120));
    let less = edited(&paid, 70).expect("it fits");
    assert_eq!((less.payment, less.paid), (PaymentStatus::Paid, 100));
    let part = standing(OrderStatus::Pending, PaymentStatus::PartiallyPaid);
    let enough = edited(&part, 40).expect("it fits");
    assert_eq!(enough.payment, PaymentStatus::Paid);
    for (fulfilment, _) in FulfilmentStatus::ALL.iter().copied() {
        let now = Standing {
            fulfilment,
            ..paid.clone()
        };
        let untouched = fulfilment == FulfilmentStatus::NotFulfilled;
        assert_eq!(edited(&now, 70).is_ok(), untouched, "{fulfilment:?}");
    }
}

#[test]
fn what_is_still_owed_can_be_paid_after_a_refund() {
    let part = standing(OrderStatus::Pending, PaymentStatus::PartiallyPaid);
    let back = refund(&part, 10).expect("it fits");
    assert_eq!(back.payment, PaymentStatus::PartiallyRefunded);
    assert!(!back.is_covered());
    let rest = paid_step(SECOND, 60);
    let whole = step(&back, &rest).expect("it fits").expect("new");
    assert_eq!(
        (whole.payment, whole.paid, whole.refunded),
        (PaymentStatus::PartiallyRefunded, 100, 10)
    );
    assert!(whole.is_covered());
    // What was given back for good is not owed.
    let third = paid_step(AttemptId::from_u128(3), 10);
    assert_eq!(step(&whole, &third).expect_err("no").step, "paid");
}

#[test]
fn an_order_being_canceled_is_not_touched() {
    let asked = |payment| Standing {
        cancel_requested: true,
        ..standing(OrderStatus::Pending, payment)
    };
    let waiting = asked(PaymentStatus::Pending);
    assert_eq!(check_revisable(&waiting).expect_err("no").step, "revised");
    let paid = asked(PaymentStatus::Paid);
    assert_eq!(edited(&paid, 70).expect_err("no").step, "edited");
    assert_eq!(
        check_fulfillable(&paid, Leave::Secured)
            .expect_err("no")
            .step,
        "fulfilled"
    );
    assert_eq!(request_cancel(&paid, "again"), Ok(None));
    assert!(refund(&paid, 100).is_ok());
}

#[test]
fn every_text_reads_back() {
    fn check<S: StatusText + PartialEq + std::fmt::Debug>() {
        for (status, text) in S::ALL {
            assert_eq!((status.text(), S::read(text)), (*text, Some(*status)));
        }
        assert_eq!(S::read("paid "), None);
    }
    check::<OrderStatus>();
    check::<PaymentStatus>();
    check::<FulfilmentStatus>();
    check::<stoa_contracts::orders::FulfilmentState>();
    check::<stoa_contracts::orders::ReturnState>();
}
