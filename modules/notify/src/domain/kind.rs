//! The kinds of mail there are. Their names are stored and stand in routes: they never change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($name:ident $text:literal)*) => {
        /// What a mail is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Kind {
            $($name,)*
        }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

kinds! {
    OrderConfirmation "order_confirmation"
    OrderShipped "order_shipped"
    OrderRefunded "order_refunded"
    OrderCanceled "order_canceled"
    PaymentReturned "payment_returned"
    AbandonedCart "abandoned_cart"
    StaffPaymentReturned "staff_payment_returned"
    StaffSagaStuck "staff_saga_stuck"
    StaffDispute "staff_dispute"
    StaffLowStock "staff_low_stock"
}

impl Kind {
    pub(crate) fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}
