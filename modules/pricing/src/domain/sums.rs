//! Sums and rounding of whole numbers.

use stoa_contracts::pricing::QuoteError;

/// `numerator / denominator`, both of a sum of money that is not negative.
pub(crate) fn round_half_up(numerator: i128, denominator: i128) -> i128 {
    (2 * numerator + denominator).div_euclid(2 * denominator)
}

/// Adds without overflow on the way; only the end must fit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum(i128);

impl Sum {
    pub(crate) fn add(&mut self, amount: i64) {
        self.0 += i128::from(amount);
    }
    pub(crate) fn get(self) -> Result<i64, QuoteError> {
        i64::try_from(self.0).map_err(|_| QuoteError::Overflow)
    }
}

impl FromIterator<i64> for Sum {
    fn from_iter<I: IntoIterator<Item = i64>>(amounts: I) -> Self {
        Self(amounts.into_iter().map(i128::from).sum())
    }
}
