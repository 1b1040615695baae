//! Money in i64 minor units of an ISO 4217 currency. No floats, no conversion between currencies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// An amount in minor units (cents for EUR, yen for JPY, fils for KWD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Money {
    /// Minor units of the currency.
    pub amount: i64,
    pub currency: Currency,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("`{text}` is not an ISO 4217 currency code such as EUR")]
    Currency { text: String },
    #[error("`{text}` is not a decimal amount such as 19.99")]
    Decimal { text: String },
    #[error("`{text}` has more than the {exponent} decimals of {currency}")]
    Decimals {
        text: String,
        currency: Currency,
        exponent: u32,
    },
    #[error("{left} and {right} cannot be added: other currencies")]
    Mixed { left: Currency, right: Currency },
    #[error("the amount does not fit in 64 bits")]
    Overflow,
}

impl Currency {
    pub const EUR: Self = Self(*b"EUR");
    pub const USD: Self = Self(*b"USD");

    pub fn as_str(&self) -> &str {
        // The constructor admits ASCII letters only.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Decimal places of the minor unit (ISO 4217 table A.1).
    pub const fn exponent(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

impl Money {
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed {
                left: self.currency,
                right: other.currency,
            });
        }
        let amount = self
            .amount
            .checked_add(other.amount)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self::new(amount, self.currency))
    }

    pub fn times(self, units: i64) -> Result<Self, MoneyError> {
        let amount = self.amount.checked_mul(units).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(amount, self.currency))
    }

    /// Reads `19.99`; refuses more decimals than the currency has, unless they are zeros.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let bad = || MoneyError::Decimal {
            text: text.to_owned(),
        };
        let trimmed = text.trim();
        let (negative, digits) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(bad());
        }
        let exponent = currency.exponent();
        let kept = fraction.trim_end_matches('0');
        if kept.len() > exponent as usize {
            return Err(MoneyError::Decimals {
                text: text.to_owned(),
                currency,
                exponent,
            });
        }
        let scaled = format!("{whole}{kept:0<width$}", width = exponent as usize);
        let amount: i64 = scaled.parse().map_err(|_| MoneyError::Overflow)?;
        Ok(Self::new(if negative { -amount } else { amount }, currency))
    }

    /// `19.99`, with the currency's decimals and no symbol.
    pub fn to_decimal(self) -> String {
        let exponent = self.currency.exponent();
        let scale = 10_u64.pow(exponent);
        let (sign, magnitude) = (
            if self.amount < 0 { "-" } else { "" },
            self.amount.unsigned_abs(),
        );
        let (whole, fraction) = (magnitude / scale, magnitude % scale);
        match exponent {
            0 => format!("{sign}{whole}"),
            _ => format!(
                "{sign}{whole}.{fraction:0width$}",
                width = exponent as usize
            ),
        }
    }
}

/// Splits `total` over `weights` so that the parts sum to it exactly (largest remainder; ties go
/// to the earlier part). All parts are zero where the weights are.
pub fn allocate(total: i64, weights: &[u64]) -> Vec<i64> {
    let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let magnitude = u128::from(total.unsigned_abs());
    let mut parts: Vec<i64> = Vec::with_capacity(weights.len());
    let mut remainders: Vec<(u128, usize)> = Vec::with_capacity(weights.len());
    for (index, &weight) in weights.iter().enumerate() {
        let exact = magnitude * u128::from(weight);
        parts.push((exact / sum) as i64);
        remainders.push((exact % sum, index));
    }
    let given: u128 = parts.iter().map(|&part| part as u128).sum();
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for &(_, index) in remainders.iter().take((magnitude - given) as usize) {
        parts[index] += 1;
    }
    if total < 0 {
        parts.iter_mut().for_each(|part| *part = -*part);
    }
    parts
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(MoneyError::Currency {
                text: text.to_owned(),
            }),
        }
    }
}
impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl schemars::JsonSchema for Currency {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("a currency code")
    }

    #[test]
    fn decimals_follow_the_currency() {
        let cases = [
            ("19.99", "EUR", 1999),
            ("19.9", "EUR", 1990),
            ("5", "JPY", 5),
            ("5.00", "JPY", 5),
        ];
        for (text, code, amount) in cases {
            assert_eq!(
                Money::parse_decimal(text, currency(code)).map(|m| m.amount),
                Ok(amount)
            );
        }
        assert_eq!(
            Money::parse_decimal("1.234", currency("KWD")).map(|m| m.amount),
            Ok(1234)
        );
        assert!(matches!(
            Money::parse_decimal("0.5", currency("JPY")),
            Err(MoneyError::Decimals { exponent: 0, .. })
        ));
        for text in ["", ".", "1,50", "1e3", "--1", "abc"] {
            assert!(matches!(
                Money::parse_decimal(text, Currency::EUR),
                Err(MoneyError::Decimal { .. })
            ));
        }
        assert_eq!(
            Money::parse_decimal("99999999999999999999", Currency::EUR),
            Err(MoneyError::Overflow)
        );
    }

    #[test]
    fn text_form_keeps_the_sign_below_one() {
        assert_eq!(Money::new(-5, Currency::EUR).to_decimal(), "-0.05");
        assert_eq!(Money::new(1234, currency("KWD")).to_decimal(), "1.234");
        assert_eq!(Money::new(7, currency("JPY")).to_decimal(), "7");
    }

    #[test]
    fn currencies_do_not_mix() {
        let sum = Money::new(1, Currency::EUR).plus(Money::new(1, Currency::USD));
        assert_eq!(
            sum,
            Err(MoneyError::Mixed {
                left: Currency::EUR,
                right: Currency::USD
            })
        );
    }

    #[test]
    fn allocation_gives_the_odd_cent_to_the_largest_remainder() {
        assert_eq!(allocate(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(allocate(-5, &[3, 1]), [-4, -1]);
        assert_eq!(allocate(7, &[0, 0]), [0, 0]);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_total(total in -1_000_000_000_i64..1_000_000_000, weights in prop::collection::vec(0_u64..1_000_000, 1..40)) {
            let parts = allocate(total, &weights);
            let expected = if weights.iter().all(|&w| w == 0) { 0 } else { total };
            prop_assert_eq!(parts.iter().sum::<i64>(), expected);
        }

        #[test]
        fn decimal_text_round_trips(amount in -1_000_000_000_000_i64..1_000_000_000_000, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let money = Money::new(amount, currency(code));
            prop_assert_eq!(Money::parse_decimal(&money.to_decimal(), money.currency), Ok(money));
        }
    }
}
