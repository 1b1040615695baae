//! One change to many prices: which ones, and what becomes of each. Whole numbers only, rounded
//! once; never does IO.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Currency, Id, IdKind};

use super::Flaw;

/// Errors that are kept of one adjustment; the count goes on.
pub(crate) const ADJUSTMENT_ERRORS_MAX: i64 = 250;
const MILLION: i128 = 1_000_000;
/// Eleven times the price.
const RATE_PPM_MAX: i64 = 10_000_000;
const STEP_MAX: i64 = 1_000_000;
const WORD_CHARS_MAX: usize = 255;

pub(crate) enum Adjustment {}
impl IdKind for Adjustment {
    const PREFIX: &'static str = "padj";
}
pub(crate) type AdjustmentId = Id<Adjustment>;

/// What a merchant says of an adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdjustmentTerms {
    /// Only prices in it change.
    pub(crate) currency: Currency,
    pub(crate) change: PriceMove,
    #[serde(default)]
    pub(crate) rounding: Rounding,
    pub(crate) filter: PriceFilter,
}

/// By how much each price moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum PriceMove {
    /// Parts per million of the price: -100000 takes 10 % off. -1000000 to 10000000.
    RatePpm(i64),
    /// Minor units of the currency; below zero takes off.
    Amount(i64),
}

/// What the moved price is rounded to, half up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rounding {
    /// A multiple of so many minor units: 1 to 1000000.
    pub(crate) to: i64,
    /// Taken off the multiple: 1 less than a multiple of 100 ends in 99.
    #[serde(default)]
    pub(crate) less: i64,
}

impl Default for Rounding {
    fn default() -> Self {
        Self { to: 1, less: 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum PriceFilter {
    All,
    /// A collection's handle.
    Collection(String),
    Vendor(String),
    Tag(String),
}

/// Why a price cannot move as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MoveError {
    #[error("the price would be below zero")]
    Negative,
    #[error("the price would not fit in 64 bits")]
    Overflow,
}

impl AdjustmentTerms {
    /// The price after it. Exact until it is rounded, once.
    pub(crate) fn moved(&self, amount: i64) -> Result<i64, MoveError> {
        let millionths = match self.change {
            PriceMove::RatePpm(ppm) => i128::from(amount) * (MILLION + i128::from(ppm)),
            PriceMove::Amount(by) => (i128::from(amount) + i128::from(by)) * MILLION,
        };
        let step = i128::from(self.rounding.to) * MILLION;
        let steps = (millionths * 2 + step).div_euclid(step * 2);
        let rounded = steps * i128::from(self.rounding.to) - i128::from(self.rounding.less);
        match i64::try_from(rounded) {
            Ok(below) if below < 0 => Err(MoveError::Negative),
            Ok(moved) => Ok(moved),
            Err(_) if rounded < 0 => Err(MoveError::Negative),
            Err(_) => Err(MoveError::Overflow),
        }
    }
}

pub(crate) fn check_adjustment(terms: &AdjustmentTerms) -> Result<(), Flaw> {
    if let PriceMove::RatePpm(ppm) = terms.change
        && !(-1_000_000..=RATE_PPM_MAX).contains(&ppm)
    {
        let reason = format!("is -1000000 to {RATE_PPM_MAX} (parts per million)");
        return Err(Flaw::new("change.rate_ppm", reason));
    }
    let rounding = terms.rounding;
    if !(1..=STEP_MAX).contains(&rounding.to) {
        let reason = format!("is 1 to {STEP_MAX}");
        return Err(Flaw::new("rounding.to", reason));
    }
    if !(0..rounding.to).contains(&rounding.less) {
        let reason = "is 0 or more, and below `to`";
        return Err(Flaw::new("rounding.less", reason));
    }
    let (field, word) = match &terms.filter {
        PriceFilter::All => return Ok(()),
        PriceFilter::Collection(handle) => ("filter.collection", handle),
        PriceFilter::Vendor(name) => ("filter.vendor", name),
        PriceFilter::Tag(tag) => ("filter.tag", tag),
    };
    match (1..=WORD_CHARS_MAX).contains(&word.chars().count()) {
        true => Ok(()),
        false => Err(Flaw::new(
            field,
            format!("is 1 to {WORD_CHARS_MAX} characters"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{AdjustmentTerms, MoveError, PriceFilter, PriceMove, Rounding, check_adjustment};
    use proptest::prelude::{prop_assert_eq, proptest};
    use stoa_kernel::Currency;

    fn terms(change: PriceMove, to: i64, less: i64) -> AdjustmentTerms {
        AdjustmentTerms {
            currency: Currency::EUR,
            change,
            rounding: Rounding { to, less },
            filter: PriceFilter::All,
        }
    }

    #[test]
    fn prices_move_half_up_and_are_rounded_once() {
        let moved = |change, to, less, amount| terms(change, to, less).moved(amount);
        let rate = PriceMove::RatePpm;
        // 5 % of 990 is 49.5.
        assert_eq!(moved(rate(50_000), 1, 0, 990), Ok(1_040));
        assert_eq!(moved(rate(-50_000), 1, 0, 990), Ok(941));
        assert_eq!(moved(rate(-50_000), 1, 0, 989), Ok(940));
        // 94.95 is nearer to 90; rounded to cents first it would be 95, and so 100.
        assert_eq!(moved(rate(-50_500), 10, 0, 100), Ok(90));
        assert_eq!(moved(rate(-50_000), 10, 0, 100), Ok(100));
        assert_eq!(moved(rate(100_000), 100, 1, 1_499), Ok(1_599));
        assert_eq!(moved(PriceMove::Amount(-250), 1, 0, 1_000), Ok(750));
        assert_eq!(moved(PriceMove::Amount(25), 50, 5, 1_000), Ok(1_045));
        assert_eq!(moved(rate(-1_000_000), 1, 0, 1_000), Ok(0));
    }

    #[test]
    fn what_cannot_be_a_price_is_an_error() {
        let below = terms(PriceMove::Amount(-1), 1, 0).moved(0);
        assert_eq!(below, Err(MoveError::Negative));
        let nines = terms(PriceMove::RatePpm(0), 100, 1).moved(49);
        assert_eq!(nines, Err(MoveError::Negative));
        let large = terms(PriceMove::RatePpm(10_000_000), 1, 0).moved(i64::MAX);
        assert_eq!(large, Err(MoveError::Overflow));
        let low = terms(PriceMove::Amount(i64::MIN), 1_000_000, 999_999).moved(0);
        assert_eq!(low, Err(MoveError::Negative));
    }

    #[test]
    fn bounds_name_their_field() {
        let field = |change, to, less| {
            let checked = check_adjustment(&terms(change, to, less));
            checked.map_err(|flaw| flaw.field)
        };
        let named = |field: &str| Err(field.to_owned());
        assert_eq!(field(PriceMove::Amount(1), 1, 0), Ok(()));
        let steep = PriceMove::RatePpm(-1_000_001);
        assert_eq!(field(steep, 1, 0), named("change.rate_ppm"));
        assert_eq!(field(PriceMove::Amount(1), 0, 0), named("rounding.to"));
        assert_eq!(field(PriceMove::Amount(1), 5, 5), named("rounding.less"));
    }

    proptest! {
        /// Never further from the exact value than half a step, and up where both are as near.
        #[test]
        fn no_multiple_is_nearer(amount in 0_i64..1_000_000, ppm in -1_000_000_i64..2_000_000, to in 1_i64..1_000) {
            let moved = terms(PriceMove::RatePpm(ppm), to, 0).moved(amount).expect("a price");
            let exact = i128::from(amount) * (1_000_000 + i128::from(ppm));
            let off = i128::from(moved) * 1_000_000 - exact;
            let half = i128::from(to) * 1_000_000;
            prop_assert_eq!(moved % to, 0);
            prop_assert_eq!(-half < off * 2 && off * 2 <= half, true);
        }
    }
}
