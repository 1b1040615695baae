//! Histories whose verdict is plain to see.

use stoa_linear::{
    Key, KeyCall, KeyReply, Operation, Stock, StockCall, StockReply, Verdict, Version, VersionCall,
    VersionReply, judge,
};

fn answered<C, R>(called: u64, at: u64, call: C, reply: R) -> Operation<C, R> {
    Operation {
        called,
        call,
        answered: Some((at, reply)),
    }
}

fn unanswered<C, R>(called: u64, call: C) -> Operation<C, R> {
    Operation {
        called,
        call,
        answered: None,
    }
}

fn holds(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Linearizable(_))
}

#[test]
fn overlapping_reservations_may_have_happened_in_either_order() {
    let history = [
        answered(0, 9, StockCall::Reserve(1), StockReply::Short),
        answered(1, 8, StockCall::Reserve(1), StockReply::Done),
    ];
    assert_eq!(
        judge(&Stock { on_hand: 1 }, &history),
        Verdict::Linearizable(vec![1, 0])
    );
}

#[test]
fn one_unit_sold_twice_is_impossible() {
    let history = [
        answered(0, 9, StockCall::Reserve(1), StockReply::Done),
        answered(1, 8, StockCall::Reserve(1), StockReply::Done),
    ];
    let verdict = judge(&Stock { on_hand: 1 }, &history);
    let expected = Verdict::Impossible {
        explained: vec![1],
        stuck: vec![0],
    };
    assert_eq!(verdict, expected);
}

#[test]
fn a_refusal_while_a_unit_was_free_is_impossible() {
    let history = [
        answered(0, 1, StockCall::Reserve(1), StockReply::Done),
        answered(2, 3, StockCall::Release(1), StockReply::Done),
        answered(4, 5, StockCall::Reserve(1), StockReply::Short),
    ];
    assert!(!holds(&judge(&Stock { on_hand: 1 }, &history)));
}

#[test]
fn an_operation_without_an_answer_may_have_happened_or_not() {
    let lost = unanswered(0, StockCall::Reserve(1));
    for reply in [StockReply::Done, StockReply::Short] {
        let history = [lost.clone(), answered(5, 6, StockCall::Reserve(1), reply)];
        assert!(holds(&judge(&Stock { on_hand: 1 }, &history)), "{reply:?}");
    }
    // But it cannot have happened before it was called.
    let history = [
        answered(0, 1, StockCall::Reserve(1), StockReply::Short),
        unanswered(2, StockCall::Reserve(1)),
    ];
    assert!(!holds(&judge(&Stock { on_hand: 1 }, &history)));
}

#[test]
fn a_lost_update_is_impossible() {
    let change =
        |called, at, reply| answered(called, at, VersionCall::Change { if_match: 1 }, reply);
    let both = [
        change(0, 5, VersionReply::At(2)),
        change(1, 6, VersionReply::At(2)),
    ];
    assert!(!holds(&judge(&Version { first: 1 }, &both)));
    let one = [
        change(0, 5, VersionReply::At(2)),
        change(1, 6, VersionReply::Stale),
        answered(7, 8, VersionCall::Read, VersionReply::At(2)),
    ];
    assert!(holds(&judge(&Version { first: 1 }, &one)));
}

#[test]
fn a_key_has_one_result_and_one_body() {
    let call = |body, called, at, reply: KeyReply| answered(called, at, KeyCall { body }, reply);
    let made = |id: &str| KeyReply::Made(id.to_owned());
    let fine = [
        unanswered(0, KeyCall { body: 1 }),
        call(1, 2, 3, made("a")),
        call(2, 4, 5, KeyReply::Reused),
        call(1, 6, 7, made("a")),
    ];
    assert!(holds(&judge(&Key, &fine)));
    let twice = [call(1, 0, 1, made("a")), call(1, 2, 3, made("b"))];
    assert!(!holds(&judge(&Key, &twice)));
}

#[test]
fn a_long_history_of_many_shoppers_is_judged() {
    // 40 at a time on one item: without the cache this would not end.
    let mut history = Vec::new();
    for round in 0..25_u64 {
        for shopper in 0..40_u64 {
            let reply = if round < 10 {
                StockReply::Done
            } else {
                StockReply::Short
            };
            let called = round * 100 + shopper;
            history.push(answered(
                called,
                round * 100 + 90,
                StockCall::Reserve(1),
                reply,
            ));
        }
    }
    assert!(holds(&judge(&Stock { on_hand: 400 }, &history)));
    assert!(!holds(&judge(&Stock { on_hand: 401 }, &history)));
}
