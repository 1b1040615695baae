//! What may become of an order: one total function per axis and step, and the sums an order must
//! obey. Pure: knows no database and no clock.

mod amounts;
mod goods;
mod text;

use stoa_contracts::orders::{
    FulfilmentStatus, OrderError, OrderStatus, PaymentStatus, PaymentStep,
};
use stoa_kernel::AttemptId;

pub(crate) use amounts::{LINES_PER_ORDER_MAX, check_amounts, check_edit};
pub(crate) use goods::{
    Leave, Progress, check_fulfillable, check_returnable, fulfilment_status, fulfilment_step,
    return_ends, units_owed_again,
};
pub(crate) use text::{StatusText, kept};

/// Part payments of one order.
const PAYMENTS_MAX: usize = 50;

/// Everything about an order that a step looks at or changes. Amounts are in the order's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing<'r> {
    pub(crate) status: OrderStatus,
    pub(crate) payment: PaymentStatus,
    pub(crate) fulfilment: FulfilmentStatus,
    /// Why the last attempt was declined, or the order canceled.
    pub(crate) reason: Option<&'r str>,
    /// The attempt that promised or brought money last.
    pub(crate) attempt: Option<AttemptId>,
    /// The attempts that brought money.
    pub(crate) payers: Vec<AttemptId>,
    /// The total when the rest of it was promised; an edit may have raised it since.
    pub(crate) promised: Option<i64>,
    pub(crate) total: i64,
    /// What gift cards pay; received with the first payment.
    pub(crate) gift_card: i64,
    pub(crate) paid: i64,
    pub(crate) refunded: i64,
    pub(crate) cancel_requested: bool,
}

/// The step does not fit where the order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: OrderStatus,
    pub(crate) payment: PaymentStatus,
    pub(crate) step: &'static str,
}

impl From<Refused> for OrderError {
    fn from(refused: Refused) -> Self {
        let Refused {
            status,
            payment,
            step,
        } = refused;
        Self::Transition {
            status,
            payment,
            step,
        }
    }
}

impl<'r> Standing<'r> {
    pub(crate) fn refuse(&self, step: &'static str) -> Refused {
        Refused {
            status: self.status,
            payment: self.payment,
            step,
        }
    }

    /// `None` where nothing changes.
    fn unless_same(self, now: &Self) -> Option<Self> {
        (self != *now).then_some(self)
    }

    /// An order is completed while all of it is delivered and paid.
    pub(crate) fn settled(self) -> Self {
        let paid = was_paid(self.payment) && !self.owes_the_rest();
        let done = self.fulfilment == FulfilmentStatus::Delivered && paid;
        let status = match self.status {
            OrderStatus::Pending if done => OrderStatus::Completed,
            OrderStatus::Completed if !done => OrderStatus::Pending,
            other => other,
        };
        Self { status, ..self }
    }

    /// Whether all of the money came, whatever went back since.
    pub(crate) fn is_covered(&self) -> bool {
        was_paid(self.payment) && self.paid >= self.total
    }

    /// Whether all of the money is here or promised.
    pub(crate) fn is_secured(&self) -> bool {
        use PaymentStatus::{Authorized, Paid, PartiallyPaid, PartiallyRefunded};
        match self.payment {
            Paid | PartiallyRefunded => !self.owes_the_rest(),
            Authorized | PartiallyPaid => self.promised.is_some_and(|sum| sum >= self.total),
            _ => false,
        }
    }

    /// Part of the money came, part of that went back, and the rest is still to come: the axis
    /// speaks of the refund alone.
    fn owes_the_rest(&self) -> bool {
        self.payment == PaymentStatus::PartiallyRefunded && self.paid < self.total
    }

    /// Where the payment axis stands once money has moved.
    fn with_money(self) -> Self {
        use PaymentStatus::{Paid, PartiallyPaid, PartiallyRefunded, Refunded};
        let payment = match self.refunded {
            0 if self.paid >= self.total => Paid,
            0 => PartiallyPaid,
            back if back == self.paid => Refunded,
            _ => PartiallyRefunded,
        };
        Self { payment, ..self }
    }
}

/// Where `step` takes an order that stands at `now`; `None` where it is already there. `amount`
/// of a payment is not negative and in the order's currency.
pub(crate) fn step<'r>(
    now: &Standing<'r>,
    step: &'r PaymentStep,
) -> Result<Option<Standing<'r>>, Refused> {
    use OrderStatus::{Pending, RequiresAction};
    let next = match step {
        PaymentStep::NeedsAction if awaits_money(now) => Standing {
            status: RequiresAction,
            ..now.clone()
        },
        PaymentStep::NeedsAction => return Err(now.refuse("waiting for the shopper")),

        PaymentStep::ActionTaken if awaits_money(now) => Standing {
            status: Pending,
            ..now.clone()
        },
        // The payment was faster than the news that the shopper acted.
        PaymentStep::ActionTaken if was_paid(now.payment) => now.clone(),
        PaymentStep::ActionTaken => return Err(now.refuse("released from waiting")),

        PaymentStep::Authorized { attempt } => authorized(now, *attempt)?,
        PaymentStep::Paid { attempt, amount } => paid(now, *attempt, amount.amount)?,

        PaymentStep::Declined { reason } if awaits_money(now) => declined(now, kept(reason)),
        PaymentStep::Declined { .. } => return Err(now.refuse("declined")),

        PaymentStep::Canceled { reason } => canceled(now, kept(reason))?,
    };
    Ok(next.unless_same(now))
}

fn authorized<'r>(now: &Standing<'r>, attempt: AttemptId) -> Result<Standing<'r>, Refused> {
    // News that came late: the attempt has paid already.
    if now.payers.contains(&attempt) {
        return Ok(now.clone());
    }
    let promised = |payment| Standing {
        status: OrderStatus::Pending,
        payment,
        reason: if now.cancel_requested {
            now.reason
        } else {
            None
        },
        attempt: Some(attempt),
        // Told again after an edit, it promises no more than before.
        promised: match now.attempt == Some(attempt) {
            true => now.promised.or(Some(now.total)),
            false => Some(now.total),
        },
        ..now.clone()
    };
    match now.payment {
        _ if !awaits_money(now) => Err(now.refuse("authorized")),
        // Two promises for one order: refused, so that the caller lets go of the second.
        PaymentStatus::Authorized if now.attempt != Some(attempt) => Err(now.refuse("authorized")),
        // What is promised is the rest; the axis says that part of the money is here.
        PaymentStatus::PartiallyPaid | PaymentStatus::PartiallyRefunded => {
            Ok(promised(now.payment))
        }
        _ => Ok(promised(PaymentStatus::Authorized)),
    }
}

fn paid<'r>(now: &Standing<'r>, attempt: AttemptId, amount: i64) -> Result<Standing<'r>, Refused> {
    if now.payers.contains(&attempt) {
        return Ok(now.clone());
    }
    // Another attempt after the last would be a second charge: refused, so that the caller gives
    // it back.
    if !awaits_money(now) || now.payers.len() >= PAYMENTS_MAX {
        return Err(now.refuse("paid"));
    }
    let gift_card = if now.payers.is_empty() {
        now.gift_card
    } else {
        0
    };
    let received = now
        .paid
        .checked_add(gift_card)
        .and_then(|paid| paid.checked_add(amount))
        .ok_or_else(|| now.refuse("paid"))?;
    let mut payers = now.payers.clone();
    payers.push(attempt);
    let next = Standing {
        status: OrderStatus::Pending,
        reason: if now.cancel_requested {
            now.reason
        } else {
            None
        },
        attempt: Some(attempt),
        payers,
        promised: None,
        paid: received,
        ..now.clone()
    };
    Ok(next.with_money().settled())
}

/// A promise that failed is none.
fn declined<'r>(now: &Standing<'r>, reason: &'r str) -> Standing<'r> {
    let payment = match now.payment {
        PaymentStatus::Authorized => PaymentStatus::Pending,
        other => other,
    };
    let attempt = match payment {
        PaymentStatus::Pending => None,
        _ => now.attempt,
    };
    Standing {
        status: OrderStatus::Pending,
        payment,
        reason: Some(reason),
        attempt,
        promised: None,
        ..now.clone()
    }
}

/// Money that is here must go back before the order may be canceled.
fn canceled<'r>(now: &Standing<'r>, reason: &'r str) -> Result<Standing<'r>, Refused> {
    use OrderStatus::{Canceled, Draft, Pending, RequiresAction};
    use PaymentStatus::{Expired, Refunded, Voided};
    // The first reason stays.
    if now.status == Canceled {
        return Ok(now.clone());
    }
    let open = matches!(now.status, Draft | Pending | RequiresAction);
    let nothing_left = now.paid == now.refunded;
    if !open || !nothing_left || now.fulfilment != FulfilmentStatus::NotFulfilled {
        return Err(now.refuse("canceled"));
    }
    let payment = match now.payment {
        Refunded => Refunded,
        Expired => Expired,
        _ => Voided,
    };
    Ok(Standing {
        status: Canceled,
        payment,
        fulfilment: FulfilmentStatus::Canceled,
        reason: Some(reason),
        ..now.clone()
    })
}

/// A declined order may be written anew while nobody is asked to pay the old amounts. Not once goods
/// left on a promise that was broken since: its lines say what did.
pub(crate) fn check_revisable(now: &Standing<'_>) -> Result<(), Refused> {
    let waits = now.status == OrderStatus::Pending && now.payment == PaymentStatus::Pending;
    let untouched = now.fulfilment == FulfilmentStatus::NotFulfilled;
    match waits && untouched && !now.cancel_requested {
        true => Ok(()),
        false => Err(now.refuse("revised")),
    }
}

pub(crate) fn check_draft(now: &Standing<'_>, step: &'static str) -> Result<(), Refused> {
    match now.status {
        OrderStatus::Draft => Ok(()),
        _ => Err(now.refuse(step)),
    }
}

/// Where an order stands once `amount` of its money went back.
pub(crate) fn refund<'r>(now: &Standing<'r>, amount: i64) -> Result<Standing<'r>, Refused> {
    let left = now.paid - now.refunded;
    if amount <= 0 || amount > left || now.status == OrderStatus::Draft {
        return Err(now.refuse("refunded"));
    }
    let next = Standing {
        refunded: now.refunded + amount,
        ..now.clone()
    };
    Ok(next.with_money().settled())
}

/// Where an order stands once `amount` of what went back is here again. A canceled order is never
/// `paid`, for nothing is owed for it but its money: however little of that went back, it did in part.
pub(crate) fn refund_reversed<'r>(now: &Standing<'r>, amount: i64) -> Standing<'r> {
    let next = Standing {
        refunded: (now.refunded - amount).max(0),
        ..now.clone()
    };
    match next.status {
        OrderStatus::Canceled => Standing {
            payment: PaymentStatus::PartiallyRefunded,
            ..next
        },
        _ => next.with_money().settled(),
    }
}

/// `None` where it was asked for already.
pub(crate) fn request_cancel<'r>(
    now: &Standing<'r>,
    reason: &'r str,
) -> Result<Option<Standing<'r>>, Refused> {
    use OrderStatus::{Canceled, Pending, RequiresAction};
    if now.status == Canceled || now.cancel_requested {
        return Ok(None);
    }
    let open = matches!(now.status, Pending | RequiresAction);
    if !open || now.fulfilment != FulfilmentStatus::NotFulfilled {
        return Err(now.refuse("canceled"));
    }
    Ok(Some(Standing {
        cancel_requested: true,
        reason: Some(kept(reason)),
        ..now.clone()
    }))
}

/// Where an order stands once its total is another. Nobody may be at the provider with the old one.
pub(crate) fn edited<'r>(now: &Standing<'r>, total: i64) -> Result<Standing<'r>, Refused> {
    use PaymentStatus::{Authorized, Paid, PartiallyPaid, PartiallyRefunded, Pending};
    let fits = now.status == OrderStatus::Pending
        && now.fulfilment == FulfilmentStatus::NotFulfilled
        && !now.cancel_requested;
    let next = Standing {
        total,
        ..now.clone()
    };
    match now.payment {
        Pending | Authorized if fits => Ok(next),
        Paid | PartiallyPaid | PartiallyRefunded if fits => Ok(next.with_money()),
        _ => Err(now.refuse("edited")),
    }
}

/// Staff put a completed order away, or take it out again. `None` where it is there already.
pub(crate) fn archive<'r>(now: &Standing<'r>, away: bool) -> Result<Option<Standing<'r>>, Refused> {
    let (from, to, step) = match away {
        true => (OrderStatus::Completed, OrderStatus::Archived, "archived"),
        false => (OrderStatus::Archived, OrderStatus::Completed, "unarchived"),
    };
    match now.status {
        status if status == to => Ok(None),
        status if status == from => {
            let next = Standing {
                status: to,
                ..now.clone()
            };
            Ok(Some(next.settled()))
        }
        _ => Err(now.refuse(step)),
    }
}

/// Nobody owes for a draft, nor for an order that was canceled.
pub(crate) fn check_invoiceable(now: &Standing<'_>) -> Result<(), Refused> {
    match now.status {
        OrderStatus::Draft | OrderStatus::Canceled => Err(now.refuse("invoiced")),
        _ => Ok(()),
    }
}

fn awaits_money(now: &Standing<'_>) -> bool {
    use PaymentStatus::{Authorized, PartiallyPaid, PartiallyRefunded, Pending};
    let open = matches!(
        now.status,
        OrderStatus::Pending | OrderStatus::RequiresAction
    );
    match now.payment {
        Pending | Authorized | PartiallyPaid => open,
        // Not all of it had come when some of it went back, or an edit made the order dearer.
        PartiallyRefunded => open && now.owes_the_rest(),
        _ => false,
    }
}

pub(crate) fn was_paid(payment: PaymentStatus) -> bool {
    use PaymentStatus::{Paid, PartiallyRefunded, Refunded};
    matches!(payment, Paid | PartiallyRefunded | Refunded)
}

#[cfg(test)]
mod tests;
