//! The stored words of statuses, and text cut to what is kept. Pure.

use stoa_contracts::orders::{
    FulfilmentState, FulfilmentStatus, OrderStatus, PaymentStatus, ReturnState,
};

/// What is kept of a reason or a line of the timeline.
const KEPT_BYTES_MAX: usize = 500;

pub(crate) fn kept(text: &str) -> &str {
    &text[..text.floor_char_boundary(KEPT_BYTES_MAX)]
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
    FulfilmentState {
        Packed "packed"
        Shipped "shipped"
        Delivered "delivered"
        Canceled "canceled"
    }
    ReturnState {
        Requested "requested"
        Received "received"
        Refused "refused"
        Canceled "canceled"
    }
}
