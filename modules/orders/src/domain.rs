//! What may become of an order: the table of payment steps, and the sums an order must obey.
//! Pure: knows no database and no clock.

use stoa_contracts::orders::{
    FulfilmentStatus, NewOrder, OrderError, OrderStatus, PaymentStatus, PaymentStep,
};
use stoa_kernel::AttemptId;

/// Far above any cart.
pub(crate) const LINES_PER_ORDER_MAX: usize = 500;
/// What is kept of a provider's reason.
const REASON_BYTES_MAX: usize = 500;

/// Everything about an order that a payment step looks at or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing<'r> {
    pub(crate) status: OrderStatus,
    pub(crate) payment: PaymentStatus,
    pub(crate) fulfilment: FulfilmentStatus,
    /// Why the last attempt was declined, or the order canceled.
    pub(crate) reason: Option<&'r str>,
    /// The attempt whose money paid the order.
    pub(crate) paid_by: Option<AttemptId>,
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

/// Where `step` takes an order that stands at `now`; `None` where it is already there.
pub(crate) fn step<'r>(
    now: Standing<'r>,
    step: &'r PaymentStep,
) -> Result<Option<Standing<'r>>, Refused> {
    use OrderStatus::{Canceled, Pending, RequiresAction};
    let refused = |step: &'static str| {
        Err(Refused {
            status: now.status,
            payment: now.payment,
            step,
        })
    };
    let next = match step {
        PaymentStep::NeedsAction if awaits_money(now) => Standing {
            status: RequiresAction,
            ..now
        },
        PaymentStep::NeedsAction => return refused("waiting for the shopper"),

        PaymentStep::ActionTaken if awaits_money(now) => Standing {
            status: Pending,
            ..now
        },
        // The payment was faster than the news that the shopper acted.
        PaymentStep::ActionTaken if was_paid(now.payment) => now,
        PaymentStep::ActionTaken => return refused("released from waiting"),

        PaymentStep::Paid { attempt } if awaits_money(now) => Standing {
            status: Pending,
            payment: PaymentStatus::Paid,
            reason: None,
            paid_by: Some(*attempt),
            ..now
        },
        // Another attempt would be a second charge: refused, so that the caller gives it back.
        PaymentStep::Paid { attempt } if was_paid(now.payment) && now.paid_by == Some(*attempt) => {
            now
        }
        PaymentStep::Paid { .. } => return refused("paid"),

        PaymentStep::Declined { reason } if awaits_money(now) => Standing {
            status: Pending,
            reason: Some(kept(reason)),
            ..now
        },
        PaymentStep::Declined { .. } => return refused("declined"),

        PaymentStep::Canceled { reason } if may_be_canceled(now) => Standing {
            status: Canceled,
            payment: PaymentStatus::Voided,
            fulfilment: FulfilmentStatus::Canceled,
            reason: Some(kept(reason)),
            ..now
        },
        // The first reason stays.
        PaymentStep::Canceled { .. } if now.status == Canceled => now,
        PaymentStep::Canceled { .. } => return refused("canceled"),
    };
    Ok((next != now).then_some(next))
}

/// A declined order may be written anew while nobody is asked to pay the old amounts.
pub(crate) fn check_revisable(now: Standing<'_>) -> Result<(), Refused> {
    if now.status == OrderStatus::Pending && now.payment == PaymentStatus::Pending {
        return Ok(());
    }
    Err(Refused {
        status: now.status,
        payment: now.payment,
        step: "revised",
    })
}

/// What no order may break and no single row can hold: one currency, and lines that add up.
pub(crate) fn check_amounts(order: &NewOrder) -> Result<(), String> {
    if order.lines.is_empty() || order.lines.len() > LINES_PER_ORDER_MAX {
        return Err(format!("{} has {} lines", order.id, order.lines.len()));
    }
    let totals = &order.totals;
    let amounts = [
        totals.subtotal,
        totals.discount,
        totals.shipping,
        totals.tax,
    ];
    let of_lines = order
        .lines
        .iter()
        .flat_map(|line| [line.unit_price, line.subtotal, line.tax, line.total]);
    if amounts
        .into_iter()
        .chain(of_lines)
        .any(|money| money.currency != totals.total.currency)
    {
        return Err(format!("{} is in more than one currency", order.id));
    }
    let lines: i128 = order
        .lines
        .iter()
        .map(|line| i128::from(line.subtotal.amount))
        .sum();
    let total = lines + i128::from(totals.shipping.amount) + i128::from(totals.tax.amount);
    if total != i128::from(totals.total.amount) {
        return Err(format!(
            "the lines of {} do not add up to its total",
            order.id
        ));
    }
    Ok(())
}

fn awaits_money(now: Standing<'_>) -> bool {
    use PaymentStatus::{Authorized, PartiallyPaid, Pending};
    matches!(
        now.status,
        OrderStatus::Pending | OrderStatus::RequiresAction
    ) && matches!(now.payment, Pending | Authorized | PartiallyPaid)
}

/// Part of the money is money: it must go back before the order may be canceled.
fn may_be_canceled(now: Standing<'_>) -> bool {
    awaits_money(now)
        && now.payment != PaymentStatus::PartiallyPaid
        && now.fulfilment == FulfilmentStatus::NotFulfilled
}

fn was_paid(payment: PaymentStatus) -> bool {
    use PaymentStatus::{Paid, PartiallyRefunded, Refunded};
    matches!(payment, Paid | PartiallyRefunded | Refunded)
}

fn kept(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]
}

/// The stored text of a status axis; a CHECK of the table lists the same words.
pub(crate) trait StatusText: Copy + 'static {
    const ALL: &'static [(Self, &'static str)];

    fn text(self) -> &'static str;

    fn read(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == text)
            .map(|(status, _)| *status)
    }
}

macro_rules! status_texts {
    ($($status:ident { $($variant:ident $text:literal)* })*) => {
        $(impl StatusText for $status {
            const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $text)),*];

            fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        })*
    };
}

status_texts! {
    OrderStatus {
        Draft "draft"
        Pending "pending"
        Completed "completed"
        Archived "archived"
        Canceled "canceled"
        RequiresAction "requires_action"
    }
    PaymentStatus {
        Pending "pending"
        Authorized "authorized"
        PartiallyPaid "partially_paid"
        Paid "paid"
        PartiallyRefunded "partially_refunded"
        Refunded "refunded"
        Voided "voided"
        Expired "expired"
    }
    FulfilmentStatus {
        NotFulfilled "not_fulfilled"
        PartiallyFulfilled "partially_fulfilled"
        Fulfilled "fulfilled"
        PartiallyShipped "partially_shipped"
        Shipped "shipped"
        PartiallyDelivered "partially_delivered"
        Delivered "delivered"
        Canceled "canceled"
    }
}

#[cfg(test)]
mod tests;
