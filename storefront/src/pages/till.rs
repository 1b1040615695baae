//! What the forms of checkout and payment link share: keys, totals, ways to pay. Places nothing.

use stoa_contracts::payments::{PaymentError, PaymentMethod};
use stoa_kernel::Money;

use crate::answer::Trouble;
use crate::shop::Shop;
use crate::views::TotalChange;
use crate::visit::Visit;

const KEY_BYTES: usize = 16;
const KEY_LENGTH_MAX: usize = 255;

impl Shop {
    /// The ways to pay, in the order in which they are shown.
    pub(crate) async fn methods(&self, visit: &Visit) -> Result<Vec<PaymentMethod>, Trouble> {
        let test_mode = visit.tenant.test_mode;
        let methods = self.payments.methods(visit.tenant_id(), test_mode).await;
        methods.map_err(|error| match error {
            PaymentError::Storage(error) => error.into(),
            other => Trouble::broken(&other),
        })
    }
}

/// The total as the hidden field of a page carries it: `5290 EUR`.
pub(crate) fn shown_total(total: Money) -> String {
    format!("{} {}", total.amount, total.currency)
}

/// `None` for clients that are no browser and show no total, and for what is none.
pub(crate) fn parsed_total(text: &str) -> Option<Money> {
    let (amount, currency) = text.trim().split_once(' ')?;
    Some(Money::new(amount.parse().ok()?, currency.parse().ok()?))
}

pub(crate) fn change(before: Money, now: Money) -> TotalChange {
    TotalChange {
        before: crate::present::money(before),
        now: crate::present::money(now),
    }
}

/// The key of the page that was sent, so that a double click is one order.
pub(crate) fn kept_key(sent: &str) -> Result<String, Trouble> {
    let fits = (1..=KEY_LENGTH_MAX).contains(&sent.len());
    if fits && sent.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(sent.to_owned());
    }
    fresh_key()
}

pub(crate) fn fresh_key() -> Result<String, Trouble> {
    let mut bytes = [0_u8; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gave no randomness");
        Trouble::Broken
    })?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::Currency;

    #[test]
    fn a_total_reads_back_and_nonsense_is_none() {
        let total = Money::new(5290, Currency::EUR);
        assert_eq!(parsed_total(&shown_total(total)), Some(total));
        for text in ["", "5290", "x EUR", "5290 EURO"] {
            assert_eq!(parsed_total(text), None, "{text}");
        }
    }
}
