//! A count of units somebody asks for: at least one, bounded. Zero is not a quantity.

use serde::{Deserialize, Serialize};

/// Far above any real order line, far below any overflow when summed.
pub const QUANTITY_MAX: u32 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Quantity(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is a whole number from 1 to {QUANTITY_MAX}, not {asked}")]
pub struct QuantityError {
    pub asked: i64,
}

impl Quantity {
    pub const ONE: Self = Self(1);

    pub fn new(units: u32) -> Result<Self, QuantityError> {
        match units {
            1..=QUANTITY_MAX => Ok(Self(units)),
            _ => Err(QuantityError {
                asked: i64::from(units),
            }),
        }
    }
    pub fn from_i64(units: i64) -> Result<Self, QuantityError> {
        u32::try_from(units)
            .map_err(|_| QuantityError { asked: units })
            .and_then(Self::new)
    }
    pub const fn get(self) -> u32 {
        self.0
    }
    pub const fn as_i64(self) -> i64 {
        self.0 as i64
    }
}

impl TryFrom<u32> for Quantity {
    type Error = QuantityError;
    fn try_from(units: u32) -> Result<Self, QuantityError> {
        Self::new(units)
    }
}
impl From<Quantity> for u32 {
    fn from(quantity: Quantity) -> u32 {
        quantity.0
    }
}
impl schemars::JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": QUANTITY_MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_negative_and_absurd_counts_do_not_construct() {
        assert_eq!(Quantity::new(0), Err(QuantityError { asked: 0 }));
        assert_eq!(Quantity::from_i64(-3), Err(QuantityError { asked: -3 }));
        assert_eq!(
            Quantity::from_i64(1_000_001),
            Err(QuantityError { asked: 1_000_001 })
        );
        assert_eq!(Quantity::from_i64(3).map(Quantity::get), Ok(3));
    }
}
