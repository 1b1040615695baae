//! Units and money of an order's lines once it was placed. Pure: knows no database and no clock.

mod edit;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use stoa_contracts::orders::{LineUnits, OrderLineView, OrderView, ReturnState};
use stoa_kernel::{LineId, Quantity};

pub(crate) use edit::{EditLine, Edited, Pricing, edited};

/// Units of a line whose money goes back, and how much that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundLine {
    pub(crate) line_id: LineId,
    pub(crate) quantity: Quantity,
    pub(crate) amount: i64,
}

impl RefundLine {
    pub(crate) const fn units(&self) -> LineUnits {
        LineUnits {
            line_id: self.line_id,
            quantity: self.quantity,
        }
    }
}

/// What is kept of a refund, as far as sums go.
pub(crate) trait Given {
    /// `None` where it failed.
    fn lines(&self) -> Option<&[RefundLine]>;
    fn shipping(&self) -> i64;
    fn is_pending(&self) -> bool;
}

/// A line as far as units and money go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineStanding {
    pub(crate) id: LineId,
    pub(crate) requires_shipping: bool,
    pub(crate) quantity: i64,
    pub(crate) fulfilled: i64,
    pub(crate) returned: i64,
    /// Units whose money went back.
    pub(crate) refunded: i64,
    /// Units whose money is on its way back.
    pub(crate) pending: i64,
    pub(crate) total: i64,
    /// What went back for it, or is on its way.
    pub(crate) given: i64,
}

impl LineStanding {
    fn of(line: &OrderLineView, refunds: &[impl Given]) -> Self {
        let (mut pending, mut given) = (0, 0);
        for refund in refunds {
            let own = refund.lines().unwrap_or_default().iter();
            for part in own.filter(|part| part.line_id == line.id) {
                given += part.amount;
                if refund.is_pending() {
                    pending += part.quantity.as_i64();
                }
            }
        }
        Self {
            id: line.id,
            requires_shipping: line.requires_shipping,
            quantity: line.quantity.as_i64(),
            fulfilled: line.fulfilled,
            returned: line.returned,
            refunded: line.refunded,
            pending,
            total: line.total.amount,
            given,
        }
    }

    /// Units that never left and never will, once money of `refunded` units went back.
    fn withdrawn(&self, refunded: i64) -> i64 {
        (refunded - self.returned).clamp(0, (self.quantity - self.fulfilled).max(0))
    }

    /// Units that are still to be sent.
    pub(crate) fn unsent(&self) -> i64 {
        self.quantity - self.fulfilled - self.withdrawn(self.refunded + self.pending)
    }

    /// Units whose money has not gone back.
    pub(crate) const fn refundable(&self) -> i64 {
        self.quantity - self.refunded - self.pending
    }

    /// What goes back for `units` more. All units of a line, however taken, sum to its total.
    pub(crate) fn share(&self, units: i64) -> i64 {
        let after = self.refunded + self.pending + units;
        (first_parts(self.total, self.quantity, after) - self.given).max(0)
    }

    /// Of `units` whose money is back now: how many never left, and how many had.
    pub(crate) fn kept_and_gone(&self, units: i64) -> (i64, i64) {
        let kept = self.withdrawn(self.refunded + units) - self.withdrawn(self.refunded);
        (kept, units - kept)
    }

    /// Whether unpacking `units` would make units ours again whose money has gone back.
    pub(crate) fn is_withdrawn_with(&self, units: i64) -> bool {
        let refunded = self.refunded + self.pending;
        let unpacked = Self {
            fulfilled: self.fulfilled - units,
            ..*self
        };
        unpacked.withdrawn(refunded) > self.withdrawn(refunded)
    }
}

/// The sum of the first `count` of `parts` parts of `total`, by largest remainder: earlier parts are
/// never smaller than later ones.
pub(crate) fn first_parts(total: i64, parts: i64, count: i64) -> i64 {
    if parts <= 0 {
        return 0;
    }
    let count = count.clamp(0, parts);
    (total / parts) * count + (total % parts).min(count)
}

pub(crate) fn standings(view: &OrderView, refunds: &[impl Given]) -> Vec<LineStanding> {
    view.lines
        .iter()
        .map(|line| LineStanding::of(line, refunds))
        .collect()
}

/// What is left of the delivery's price: what the lines do not explain.
pub(crate) fn delivery_left(view: &OrderView, refunds: &[impl Given]) -> i64 {
    let exchanged = exchange_lines(view, |_| true);
    let lines = view.lines.iter();
    let goods: i64 = lines
        .filter(|line| !exchanged.contains(&line.id))
        .map(|line| line.total.amount)
        .sum();
    let given: i64 = refunds.iter().map(Given::shipping).sum();
    (view.totals.total.amount - goods - given).max(0)
}

/// Lines that are sent in exchange of returns in these states.
pub(crate) fn exchange_lines(
    view: &OrderView,
    of: impl Fn(ReturnState) -> bool,
) -> BTreeSet<LineId> {
    let returns = view.returns.iter().filter(|each| of(each.state));
    returns
        .flat_map(|each| each.exchange.iter().map(|line| line.line_id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: i64, total: i64) -> LineStanding {
        LineStanding {
            id: LineId::from_u128(1),
            requires_shipping: true,
            quantity,
            fulfilled: 0,
            returned: 0,
            refunded: 0,
            pending: 0,
            total,
            given: 0,
        }
    }

    #[test]
    fn units_one_by_one_sum_to_the_line() {
        for (quantity, total) in [(3, 100), (3, 101), (7, 3), (1, 999), (4, 0), (6, 1_000_001)] {
            let mut now = line(quantity, total);
            let mut parts = Vec::new();
            for _ in 0..quantity {
                let part = now.share(1);
                parts.push(part);
                now.refunded += 1;
                now.given += part;
            }
            assert_eq!(parts.iter().sum::<i64>(), total, "{quantity} of {total}");
            let spread = parts.iter().max().unwrap() - parts.iter().min().unwrap();
            assert!(spread <= 1, "{parts:?}");
        }
    }

    #[test]
    fn a_refund_that_failed_in_between_costs_no_cent() {
        // The first of three was on its way and failed; the second had taken its own share.
        let now = LineStanding {
            refunded: 1,
            given: 33,
            ..line(3, 100)
        };
        assert_eq!(now.share(1), 34);
        assert_eq!(now.share(2), 67);
    }

    #[test]
    fn units_that_never_left_are_withdrawn_first() {
        let now = LineStanding {
            fulfilled: 2,
            ..line(3, 300)
        };
        assert_eq!(now.kept_and_gone(3), (1, 2));
        let came_back = LineStanding { returned: 2, ..now };
        assert_eq!(came_back.kept_and_gone(2), (0, 2));
        assert_eq!(came_back.unsent(), 1);
        let pending = LineStanding { pending: 1, ..now };
        assert_eq!((pending.unsent(), pending.refundable()), (0, 2));
    }

    #[test]
    fn a_parcel_whose_goods_were_refunded_stays_packed() {
        let sent = LineStanding {
            fulfilled: 1,
            refunded: 1,
            ..line(1, 100)
        };
        assert!(sent.is_withdrawn_with(1));
        let whole = LineStanding {
            fulfilled: 1,
            ..line(1, 100)
        };
        assert!(!whole.is_withdrawn_with(1));
    }
}
