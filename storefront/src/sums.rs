//! How an amount comes about, line by line, in words. Adds nothing up: its parts arrive summed.

use stoa_kernel::Money;

use crate::present::money;
use crate::views::{TotalRow, Totals};
use crate::words::say;

const PPM_PER_PERCENT: i64 = 10_000;

/// The parts of an amount, before they are words. All are positive.
#[derive(Debug, Clone)]
pub struct Sums {
    pub subtotal: Money,
    /// What was taken off, each with its reason.
    pub discounts: Vec<(String, Money)>,
    /// `None` until an address or an option is known.
    pub shipping: Option<Money>,
    /// By rate.
    pub taxes: Vec<(String, Money)>,
    pub total: Money,
    /// Prices carry their tax already.
    pub tax_included: bool,
}

pub fn totals(sums: &Sums) -> Totals {
    let shipping = match sums.shipping {
        None => say("At checkout"),
        Some(fee) if fee.amount == 0 => say("Free"),
        Some(fee) => money(fee),
    };
    let discounts = sums.discounts.iter().filter(|(_, off)| off.amount != 0);
    Totals {
        subtotal: money(sums.subtotal),
        discounts: discounts.map(|(label, off)| minus(label, *off)).collect(),
        shipping_note: sums
            .shipping
            .is_none()
            .then(|| say("Depends on where it goes")),
        shipping,
        taxes: sums
            .taxes
            .iter()
            .map(|(label, tax)| plus(label, *tax))
            .collect(),
        tax_included: sums.tax_included,
        total: money(sums.total),
        settled: Vec::new(),
        due: None,
    }
}

impl Totals {
    /// After gift cards, payments and refunds; `due` where it is not the total.
    pub(crate) fn settle(mut self, rows: &[(&str, Money)], due: Option<Money>) -> Self {
        let some = rows.iter().filter(|(_, amount)| amount.amount != 0);
        self.settled = some
            .map(|(label, amount)| minus(&say(label), *amount))
            .collect();
        self.due = due.map(money);
        self
    }
}

fn plus(label: &str, amount: Money) -> TotalRow {
    TotalRow {
        label: label.to_owned(),
        amount: money(amount),
    }
}

/// A row that takes `amount` off.
pub(crate) fn minus(label: &str, amount: Money) -> TotalRow {
    plus(
        label,
        Money::new(-amount.amount.saturating_abs(), amount.currency),
    )
}

/// `VAT 20%`, `VAT 7.7%`.
pub(crate) fn rate_label(name: &str, ppm: i64) -> String {
    let (whole, rest) = (ppm / PPM_PER_PERCENT, ppm % PPM_PER_PERCENT);
    if rest == 0 {
        return format!("{name} {whole}%");
    }
    let digits = format!("{rest:04}");
    format!("{name} {whole}.{}%", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::Currency;

    fn eur(cents: i64) -> Money {
        Money::new(cents, Currency::EUR)
    }

    #[test]
    fn totals_say_what_is_not_known_yet() {
        let sums = Sums {
            subtotal: eur(5000),
            discounts: vec![
                ("Tea week (TEA)".to_owned(), eur(500)),
                ("Nothing".to_owned(), eur(0)),
            ],
            shipping: None,
            taxes: vec![("VAT 19%".to_owned(), eur(718))],
            total: eur(4500),
            tax_included: true,
        };
        let shown = totals(&sums);
        assert_eq!(shown.shipping, "At checkout");
        assert_eq!(
            shown.discounts,
            [TotalRow {
                label: "Tea week (TEA)".to_owned(),
                amount: "−€5.00".to_owned()
            }]
        );
        assert_eq!(shown.taxes[0].amount, "€7.18");
        let free = Sums {
            shipping: Some(eur(0)),
            ..sums
        };
        let paid = totals(&free).settle(&[("Gift card", eur(1500))], Some(eur(3000)));
        assert_eq!(paid.shipping, "Free");
        assert_eq!(paid.settled[0].amount, "−€15.00");
        assert_eq!(paid.due.as_deref(), Some("€30.00"));
    }

    #[test]
    fn rates_are_written_without_idle_zeros() {
        assert_eq!(rate_label("VAT", 200_000), "VAT 20%");
        assert_eq!(rate_label("MWST", 77_000), "MWST 7.7%");
        assert_eq!(rate_label("Tax", 88_750), "Tax 8.875%");
        assert_eq!(rate_label("Tax", 500), "Tax 0.05%");
    }
}
