//! What happened to an order, and where it stands, as its shopper reads it. Decides nothing.

use stoa_contracts::orders::{
    FulfilmentState, FulfilmentStatus, FulfilmentView, OrderStatus, OrderView as Order,
    PaymentStatus, ReturnState, Tracking,
};
use stoa_contracts::payments::{RefundState, RefundView};
use stoa_kernel::Timestamp;

use crate::present::{day, money};
use crate::views::{Link, Moment, Parcel, StatusWord};
use crate::words::{say, tell};

/// The three sides of an order.
pub(super) fn statuses(order: &Order) -> Vec<StatusWord> {
    let word = |label, text: &str| StatusWord {
        label,
        text: say(text),
    };
    let whole = match order.status {
        _ if order.cancel_requested_at.is_some() && order.status != OrderStatus::Canceled => {
            "Being canceled"
        }
        OrderStatus::Draft => "Not placed yet",
        OrderStatus::Pending | OrderStatus::RequiresAction => "Placed",
        OrderStatus::Completed | OrderStatus::Archived => "Complete",
        OrderStatus::Canceled => "Canceled",
    };
    let payment = match order.payment_status {
        PaymentStatus::Pending => "Not paid yet",
        PaymentStatus::Authorized => "Promised, not taken yet",
        PaymentStatus::PartiallyPaid => "Paid in part",
        PaymentStatus::Paid => "Paid",
        PaymentStatus::PartiallyRefunded => "Refunded in part",
        PaymentStatus::Refunded => "Refunded",
        PaymentStatus::Voided => "Nothing was charged",
        PaymentStatus::Expired => "Not paid in time",
    };
    let parcel = match order.fulfilment_status {
        FulfilmentStatus::NotFulfilled => "Not packed yet",
        FulfilmentStatus::PartiallyFulfilled => "Packed in part",
        FulfilmentStatus::Fulfilled => "Packed, leaves soon",
        FulfilmentStatus::PartiallyShipped => "On its way in part",
        FulfilmentStatus::Shipped => "On its way",
        FulfilmentStatus::PartiallyDelivered => "Delivered in part",
        FulfilmentStatus::Delivered => "Delivered",
        FulfilmentStatus::Canceled => "Nothing is sent",
    };
    let mut all = vec![word("Order", whole), word("Payment", payment)];
    if order.lines.iter().any(|line| line.requires_shipping) {
        all.push(word("Delivery", parcel));
    }
    all
}

/// Oldest first.
pub(super) fn moments(order: &Order, refunds: &[RefundView]) -> Vec<Moment> {
    let mut all: Vec<(Timestamp, Moment)> = Vec::new();
    if order.status != OrderStatus::Draft {
        all.push(moment("Order placed", order.placed_at));
    }
    all.extend(order.paid_at.map(|at| moment("Paid", at)));
    let parcels = order.fulfilments.iter();
    for parcel in parcels.filter(|parcel| parcel.state != FulfilmentState::Canceled) {
        all.extend(parcel.shipped_at.map(|at| {
            let (at, mut shipped) = moment("Shipped", at);
            shipped.text = parcel.tracking.as_ref().map(tracking_words);
            shipped.link = tracking_url(parcel).map(|url| Link::new(say("Follow the parcel"), url));
            (at, shipped)
        }));
        all.extend(parcel.delivered_at.map(|at| moment("Delivered", at)));
    }
    for back in &order.returns {
        let words = match back.state {
            ReturnState::Requested => "Return announced",
            ReturnState::Received => "Return arrived",
            ReturnState::Refused => "Return not taken",
            ReturnState::Canceled => continue,
        };
        all.push(moment(words, back.closed_at.unwrap_or(back.created_at)));
    }
    for refund in refunds {
        let (title, text) = match refund.state {
            RefundState::Succeeded => (
                "Refunded",
                tell(
                    "{amount} went back to you.",
                    &[("amount", &money(refund.amount))],
                ),
            ),
            RefundState::Pending => (
                "Refund on its way",
                tell(
                    "{amount} is going back to you.",
                    &[("amount", &money(refund.amount))],
                ),
            ),
            RefundState::Failed => continue,
        };
        let (at, mut told) = moment(title, refund.created_at);
        told.text = Some(text);
        all.push((at, told));
    }
    all.extend(order.canceled_at.map(|at| moment("Canceled", at)));
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, told)| told).collect()
}

fn moment(title: &str, at: Timestamp) -> (Timestamp, Moment) {
    let told = Moment {
        title: say(title),
        at: at.to_string(),
        at_label: day(at),
        text: None,
        link: None,
    };
    (at, told)
}

pub(super) fn parcels(order: &Order) -> Vec<Parcel> {
    let packed = order.fulfilments.iter();
    let packed: Vec<&FulfilmentView> = packed
        .filter(|parcel| parcel.state != FulfilmentState::Canceled)
        .collect();
    let several = packed.len() > 1;
    let parcel = |(at, parcel): (usize, &&FulfilmentView)| Parcel {
        title: match several {
            true => tell("Parcel {number}", &[("number", &(at + 1).to_string())]),
            false => say("Your parcel"),
        },
        state: match parcel.state {
            FulfilmentState::Packed => say("Packed, leaves soon"),
            FulfilmentState::Shipped => on_the("Shipped", parcel.shipped_at),
            FulfilmentState::Delivered => on_the("Delivered", parcel.delivered_at),
            FulfilmentState::Canceled => say("Unpacked"),
        },
        lines: contents(order, parcel),
        tracking: parcel.tracking.as_ref().map(tracking_words),
        tracking_url: tracking_url(parcel),
    };
    packed.iter().enumerate().map(parcel).collect()
}

fn on_the(word: &str, at: Option<Timestamp>) -> String {
    match at {
        None => say(word),
        Some(at) => tell(
            "{what} on {day}",
            &[("what", &say(word)), ("day", &day(at))],
        ),
    }
}

fn contents(order: &Order, parcel: &FulfilmentView) -> Vec<String> {
    let named = parcel.lines.iter().filter_map(|units| {
        let line = order.lines.iter().find(|line| line.id == units.line_id)?;
        Some(format!("{} × {}", units.quantity.get(), line.title))
    });
    named.collect()
}

fn tracking_words(tracking: &Tracking) -> String {
    match &tracking.carrier {
        Some(carrier) => format!("{carrier} {}", tracking.number),
        None => tracking.number.clone(),
    }
}

/// Staff typed it: only an address of the web becomes a link.
fn tracking_url(parcel: &FulfilmentView) -> Option<String> {
    let url = parcel.tracking.as_ref()?.url.as_ref()?;
    let web = url.starts_with("https://") || url.starts_with("http://");
    web.then(|| url.clone())
}
