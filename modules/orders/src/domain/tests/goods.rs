//! The fulfilment axis, and the steps of fulfilments and returns, over everything there is.

use stoa_contracts::orders::{FulfilmentState, FulfilmentStep, ReturnState};

use super::*;

#[test]
fn the_axis_follows_the_units() {
    use FulfilmentStatus::{
        Delivered, Fulfilled, NotFulfilled, PartiallyDelivered, PartiallyFulfilled,
        PartiallyShipped, Shipped,
    };
    let axis = |wanted, packed, shipped, delivered| {
        fulfilment_status(Progress {
            wanted,
            packed,
            shipped,
            delivered,
        })
    };
    let expected = [
        ((0, 0, 0), NotFulfilled),
        ((1, 0, 0), PartiallyFulfilled),
        ((1, 1, 0), PartiallyShipped),
        ((1, 1, 1), PartiallyDelivered),
        ((2, 0, 0), Fulfilled),
        ((2, 1, 0), PartiallyShipped),
        ((2, 1, 1), PartiallyDelivered),
        ((2, 2, 0), Shipped),
        ((2, 2, 1), PartiallyDelivered),
        ((2, 2, 2), Delivered),
    ];
    for ((packed, shipped, delivered), status) in expected {
        assert_eq!(axis(2, packed, shipped, delivered), status);
    }
    // All of it was refunded before anything left.
    assert_eq!(axis(0, 0, 0, 0), NotFulfilled);
}

#[test]
fn every_step_of_a_fulfilment_is_as_the_table_says() {
    use FulfilmentState::{Canceled, Delivered, Packed, Shipped};
    let ship = FulfilmentStep::Ship { tracking: None };
    let table = [
        (Packed, [Ok(Shipped), Ok(Delivered), Ok(Canceled)]),
        (Shipped, [Ok(Shipped), Ok(Delivered), Err("unpacked")]),
        (Delivered, [Err("shipped"), Ok(Delivered), Err("unpacked")]),
        (Canceled, [Err("shipped"), Err("delivered"), Ok(Canceled)]),
    ];
    for (now, expected) in table {
        let steps = [&ship, &FulfilmentStep::Deliver, &FulfilmentStep::Cancel];
        assert_eq!(steps.map(|step| fulfilment_step(now, step)), expected);
    }
}

#[test]
fn a_return_ends_once() {
    use ReturnState::{Canceled, Received, Refused, Requested};
    for (now, _) in ReturnState::ALL.iter().copied() {
        for (end, _) in ReturnState::ALL.iter().copied() {
            let expected = match (now, end) {
                (Requested, Received | Refused | Canceled) => Ok(true),
                (now, end) if now == end && end != Requested => Ok(false),
                _ => Err("returned"),
            };
            assert_eq!(return_ends(now, end), expected, "{now:?} {end:?}");
        }
    }
}

#[test]
fn money_that_came_back_owes_its_units_again_but_for_those_given_up() {
    use crate::domain::units_owed_again;
    // Quantity, fulfilled, returned, refunded.
    assert_eq!(units_owed_again(2, (3, 3, 0, 2)), 2, "all had left");
    assert_eq!(units_owed_again(2, (3, 3, 2, 2)), 2, "all came back");
    assert_eq!(units_owed_again(2, (3, 0, 0, 2)), 0, "none had left");
    assert_eq!(units_owed_again(3, (3, 2, 0, 3)), 2, "one had not left");
    assert_eq!(units_owed_again(1, (3, 3, 0, 0)), 0, "never below none");
}

#[test]
fn a_refund_that_did_not_arrive_leaves_the_axis_where_its_money_is() {
    use OrderStatus::{Canceled, Completed, Pending};
    use PaymentStatus::{Paid, PartiallyPaid, PartiallyRefunded, Refunded};
    let after = |now: &Standing<'_>, amount| {
        let next = refund_reversed(now, amount);
        (next.status, next.payment, next.refunded)
    };
    let whole = standing(Pending, Refunded);
    assert_eq!(after(&whole, 100), (Pending, Paid, 0));
    assert_eq!(after(&whole, 40), (Pending, PartiallyRefunded, 60));
    let part = standing(Completed, PartiallyRefunded);
    let delivered = Standing {
        fulfilment: FulfilmentStatus::Delivered,
        ..part.clone()
    };
    assert_eq!(after(&delivered, 30), (Completed, Paid, 0));
    // Never more than went back.
    assert_eq!(after(&delivered, 31), (Completed, Paid, 0));
    let in_part = Standing {
        paid: 40,
        refunded: 40,
        ..standing(Pending, Refunded)
    };
    assert_eq!(after(&in_part, 40), (Pending, PartiallyPaid, 0));
    let canceled = standing(Canceled, Refunded);
    assert_eq!(after(&canceled, 100), (Canceled, PartiallyRefunded, 0));
}
