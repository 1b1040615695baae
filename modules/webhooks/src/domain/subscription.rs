//! Which facts an endpoint hears. Knows their names, not what they say.

use std::fmt;

use stoa_contracts::cart::CartAbandoned;
use stoa_contracts::catalog::ProductChanged;
use stoa_contracts::checkout::{PaymentReturned, SagaStuck};
use stoa_contracts::inventory::{AvailabilityChanged, StockLow};
use stoa_contracts::ledger::GiftCardChanged;
use stoa_contracts::orders::{
    FulfilmentChanged, OrderCanceled, OrderEdited, OrderPaid, OrderPlaced, OrderRefunded,
    ReturnChanged,
};
use stoa_contracts::payments::{AttemptSettled, DisputeChanged, ProviderNews};
use stoa_kernel::Fact as _;

const PATTERNS_MAX: usize = 50;

/// What a test sends; every endpoint hears it when asked to.
pub(crate) const TEST_SUBJECT: &str = "webhooks.test.v1";

/// Every fact that may leave the house. They hold ids and sums, never a name or an address.
pub(crate) fn public_subjects() -> [String; 17] {
    [
        CartAbandoned::subject(),
        ProductChanged::subject(),
        PaymentReturned::subject(),
        SagaStuck::subject(),
        AvailabilityChanged::subject(),
        StockLow::subject(),
        GiftCardChanged::subject(),
        OrderCanceled::subject(),
        OrderEdited::subject(),
        FulfilmentChanged::subject(),
        OrderPaid::subject(),
        OrderPlaced::subject(),
        OrderRefunded::subject(),
        ReturnChanged::subject(),
        AttemptSettled::subject(),
        DisputeChanged::subject(),
        ProviderNews::subject(),
    ]
}

/// At least one pattern: `*`, `orders.*`, or a subject such as `orders.paid.v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription(Vec<String>);

impl Subscription {
    /// `Err` is the place of the pattern at fault and what is wrong with it.
    pub(crate) fn new(patterns: Vec<String>) -> Result<Self, (usize, String)> {
        if patterns.is_empty() {
            return Err((0, "name at least one, or `*` for all".to_owned()));
        }
        if patterns.len() > PATTERNS_MAX {
            return Err((PATTERNS_MAX, format!("name at most {PATTERNS_MAX}")));
        }
        let subjects = public_subjects();
        for (index, pattern) in patterns.iter().enumerate() {
            if !subjects.iter().any(|subject| covers(pattern, subject)) {
                let known = subjects.join(", ");
                return Err((index, format!("matches no event; there are {known}")));
            }
        }
        Ok(Self(patterns))
    }

    /// As it was stored.
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.split(' ').map(str::to_owned).collect())
    }

    pub(crate) fn patterns(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn hears(&self, subject: &str) -> bool {
        self.0.iter().any(|pattern| covers(pattern, subject))
    }
}

/// Patterns hold no spaces: those that do match no subject.
impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

fn covers(pattern: &str, subject: &str) -> bool {
    if pattern == "*" || pattern == subject {
        return true;
    }
    let rest = pattern
        .strip_suffix(".*")
        .and_then(|prefix| subject.strip_prefix(prefix));
    !pattern.starts_with('.') && rest.is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(patterns: &[&str]) -> Result<Subscription, (usize, String)> {
        Subscription::new(patterns.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn a_pattern_hears_its_subject_its_prefix_or_everything() {
        let all = of(&["*"]).expect("all");
        assert!(public_subjects().iter().all(|subject| all.hears(subject)));
        let orders = of(&["orders.*", "inventory.low.v1"]).expect("two");
        for (subject, heard) in [
            ("orders.paid.v1", true),
            ("orders.return_changed.v1", true),
            ("inventory.low.v1", true),
            ("inventory.availability_changed.v1", false),
            ("ordersx.paid.v1", false),
            ("orders", false),
        ] {
            assert_eq!(orders.hears(subject), heard, "{subject}");
        }
        assert!(
            of(&["orders.paid.*"])
                .expect("any version")
                .hears("orders.paid.v1")
        );
        assert_eq!(Subscription::from_stored(&orders.to_string()), orders);
    }

    #[test]
    fn a_pattern_that_hears_nothing_is_refused() {
        for bad in [
            "",
            " ",
            "order.*",
            "orders.paid",
            "orders.*.v1",
            ".*",
            "* orders.*",
        ] {
            let error = of(&["*", bad]).expect_err(bad);
            assert_eq!(error.0, 1, "{bad}");
            assert!(error.1.starts_with("matches no event"), "{bad}");
        }
        assert_eq!(of(&[]).map_err(|error| error.0), Err(0));
        assert_eq!(of(&["*"; 51]).map_err(|error| error.0), Err(50));
    }
}
