//! Goods on their way out and back: the fulfilment axis, and the steps of fulfilments and returns.
//! Pure.

use stoa_contracts::orders::{
    FulfilmentState, FulfilmentStatus, FulfilmentStep, OrderStatus, PaymentStatus, ReturnState,
};

use super::{Refused, Standing};

/// Units of an order, over all its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Units to be delivered: those ordered, less those refunded before they were packed.
    pub(crate) wanted: i64,
    /// Units in fulfilments that were not canceled.
    pub(crate) packed: i64,
    /// Of those, units that left.
    pub(crate) shipped: i64,
    /// Of those, units that arrived.
    pub(crate) delivered: i64,
}

/// Of `units` of a line whose money came back to the shop: how many are not refunded any more. Units
/// that were given up because of their refund stay so: nobody holds them for the order.
pub(crate) fn units_owed_again(
    units: i64,
    (quantity, fulfilled, returned, refunded): (i64, i64, i64, i64),
) -> i64 {
    let withdrawn = (refunded - returned).clamp(0, (quantity - fulfilled).max(0));
    let least = match withdrawn {
        0 => 0,
        given_up => returned + given_up,
    };
    units.min(refunded - least).max(0)
}

/// Where the fulfilment axis stands; never `Canceled`, which only cancelling the order brings.
pub(crate) fn fulfilment_status(progress: Progress) -> FulfilmentStatus {
    use FulfilmentStatus::{
        Delivered, Fulfilled, NotFulfilled, PartiallyDelivered, PartiallyFulfilled,
        PartiallyShipped, Shipped,
    };
    let Progress {
        wanted,
        packed,
        shipped,
        delivered,
    } = progress;
    match progress {
        _ if packed == 0 => NotFulfilled,
        _ if delivered >= wanted => Delivered,
        _ if delivered > 0 => PartiallyDelivered,
        _ if shipped >= wanted => Shipped,
        _ if shipped > 0 => PartiallyShipped,
        _ if packed >= wanted => Fulfilled,
        _ => PartiallyFulfilled,
    }
}

/// Whose word goods leave on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Secured,
    /// Staff send an order of which only part is paid or promised.
    OnTrust,
}

/// Goods leave only an open order whose money is here or promised.
pub(crate) fn check_fulfillable(now: &Standing<'_>, leave: Leave) -> Result<(), Refused> {
    use PaymentStatus::{Authorized, PartiallyPaid, PartiallyRefunded};
    let in_part = matches!(now.payment, Authorized | PartiallyPaid | PartiallyRefunded);
    let covered = now.is_secured() || (leave == Leave::OnTrust && in_part);
    match now.status {
        OrderStatus::Pending if covered && !now.cancel_requested => Ok(()),
        _ => Err(now.refuse("fulfilled")),
    }
}

/// Goods come back only from an order that was placed and not canceled.
pub(crate) fn check_returnable(now: &Standing<'_>) -> Result<(), Refused> {
    match now.status {
        OrderStatus::Pending | OrderStatus::Completed | OrderStatus::Archived => Ok(()),
        OrderStatus::Draft | OrderStatus::Canceled | OrderStatus::RequiresAction => {
            Err(now.refuse("returned"))
        }
    }
}

/// The state that `step` leads to; the same one where it changes nothing or only tracking. `Err`
/// names what was refused.
pub(crate) fn fulfilment_step(
    now: FulfilmentState,
    step: &FulfilmentStep,
) -> Result<FulfilmentState, &'static str> {
    use FulfilmentState::{Canceled, Delivered, Packed, Shipped};
    match (now, step) {
        (Packed | Shipped, FulfilmentStep::Ship { .. }) => Ok(Shipped),
        (Delivered | Canceled, FulfilmentStep::Ship { .. }) => Err("shipped"),
        // What is fetched at the counter never shipped.
        (Packed | Shipped | Delivered, FulfilmentStep::Deliver) => Ok(Delivered),
        (Canceled, FulfilmentStep::Deliver) => Err("delivered"),
        (Packed | Canceled, FulfilmentStep::Cancel) => Ok(Canceled),
        (Shipped | Delivered, FulfilmentStep::Cancel) => Err("unpacked"),
    }
}

/// Whether a return in `now` ends as `end` now; `Ok(false)` where it has already. `Err` names what
/// was refused.
pub(crate) fn return_ends(now: ReturnState, end: ReturnState) -> Result<bool, &'static str> {
    use ReturnState::{Canceled, Received, Refused, Requested};
    match (now, end) {
        (_, Requested) => Err("returned"),
        (Requested, Received | Refused | Canceled) => Ok(true),
        (Received, Received) | (Refused, Refused) | (Canceled, Canceled) => Ok(false),
        (Received | Refused | Canceled, Received | Refused | Canceled) => Err("returned"),
    }
}
