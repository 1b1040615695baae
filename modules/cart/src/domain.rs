//! What a cart may become. Knows nothing of databases, prices of today, or requests.

mod address;
mod country;

use stoa_contracts::Address;
use stoa_contracts::cart::{CartError, CartStatus};
use stoa_contracts::catalog::VariantSnapshot;
use stoa_kernel::{CartId, Currency, LineId, OrderId, Quantity, VariantId};

pub(crate) use address::{checked_address, checked_email};

pub(crate) const LINES_PER_CART_MAX: usize = 200;

/// A cart as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cart {
    pub(crate) id: CartId,
    pub(crate) status: CartStatus,
    pub(crate) currency: Currency,
    pub(crate) email: Option<String>,
    pub(crate) shipping_address: Option<Address>,
    pub(crate) billing_address: Option<Address>,
    pub(crate) shipping_option_id: Option<String>,
    pub(crate) order: Option<OrderId>,
    pub(crate) version: i64,
    /// In the order in which they were added.
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: LineId,
    pub(crate) variant: VariantId,
    pub(crate) quantity: Quantity,
    pub(crate) place: i64,
    pub(crate) shown: Shown,
}

/// What a line shows of its variant, as it was when the line was last changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) product_handle: String,
    pub(crate) title: String,
    pub(crate) variant_title: String,
    pub(crate) sku: Option<String>,
    pub(crate) image: Option<String>,
    /// Minor units of the cart's currency.
    pub(crate) unit_price: i64,
}

impl Shown {
    pub(crate) fn of(variant: &VariantSnapshot, unit_price: i64) -> Self {
        Self {
            product_handle: variant.handle.clone(),
            title: variant.product_title.clone(),
            variant_title: variant.variant_title.clone(),
            sku: variant.sku.clone(),
            image: variant.image.clone(),
            unit_price,
        }
    }
}

impl Cart {
    /// While it is paid for, and after, a cart stays as it is.
    pub(crate) fn require_open(&self) -> Result<(), CartError> {
        match self.status {
            CartStatus::Open => Ok(()),
            CartStatus::Frozen | CartStatus::Completed => Err(CartError::NotOpen),
        }
    }

    pub(crate) fn line(&self, id: LineId) -> Result<&Line, CartError> {
        self.lines
            .iter()
            .find(|line| line.id == id)
            .ok_or(CartError::LineNotFound)
    }

    /// The line that holds `units` more of `variant`, not yet with what it shows: the one there
    /// is, grown, or a new one named `id` at the end.
    pub(crate) fn grown(
        &self,
        variant: VariantId,
        units: Quantity,
        id: LineId,
    ) -> Result<(LineId, i64, Quantity), CartError> {
        if let Some(line) = self.lines.iter().find(|line| line.variant == variant) {
            let sum = line.quantity.as_i64() + units.as_i64();
            let sum = Quantity::from_i64(sum).map_err(|error| invalid("quantity", error))?;
            return Ok((line.id, line.place, sum));
        }
        if self.lines.len() >= LINES_PER_CART_MAX {
            return Err(CartError::TooManyLines {
                max: LINES_PER_CART_MAX,
            });
        }
        let place = self
            .lines
            .iter()
            .map(|line| line.place + 1)
            .max()
            .unwrap_or(0);
        Ok((id, place, units))
    }
}

/// A refusal of one field.
pub(crate) fn invalid(field: impl Into<String>, reason: impl ToString) -> CartError {
    CartError::Invalid {
        field: field.into(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::QUANTITY_MAX;

    fn cart(lines: u128) -> Cart {
        let line = |number: u128| Line {
            id: LineId::from_u128(number),
            variant: VariantId::from_u128(number),
            quantity: Quantity::ONE,
            place: number as i64,
            shown: Shown {
                product_handle: String::new(),
                title: String::new(),
                variant_title: String::new(),
                sku: None,
                image: None,
                unit_price: 100,
            },
        };
        Cart {
            id: CartId::from_u128(1),
            status: CartStatus::Open,
            currency: Currency::EUR,
            email: None,
            shipping_address: None,
            billing_address: None,
            shipping_option_id: None,
            order: None,
            version: 1,
            lines: (1..=lines).map(line).collect(),
        }
    }

    fn units(count: u32) -> Quantity {
        Quantity::new(count).expect("from 1 up")
    }

    #[test]
    fn a_line_of_the_same_variant_grows_and_another_goes_to_the_end() {
        let (new, first) = (LineId::from_u128(9), LineId::from_u128(1));
        let grown = cart(2)
            .grown(VariantId::from_u128(1), units(4), new)
            .expect("it fits");
        assert_eq!(grown, (first, 1, units(5)));
        let added = cart(2)
            .grown(VariantId::from_u128(7), units(4), new)
            .expect("it fits");
        assert_eq!(added, (new, 3, units(4)));
    }

    #[test]
    fn lines_and_quantities_are_bounded() {
        let new = LineId::from_u128(999);
        let full = cart(LINES_PER_CART_MAX as u128);
        let refused = full.grown(VariantId::from_u128(999), units(1), new);
        assert!(matches!(refused, Err(CartError::TooManyLines { max: 200 })));
        assert!(full.grown(VariantId::from_u128(200), units(1), new).is_ok());
        let refused = cart(1).grown(VariantId::from_u128(1), units(QUANTITY_MAX), new);
        assert!(matches!(refused, Err(CartError::Invalid { field, .. }) if field == "quantity"));
    }

    #[test]
    fn only_an_open_cart_changes() {
        for (status, open) in [
            (CartStatus::Open, true),
            (CartStatus::Frozen, false),
            (CartStatus::Completed, false),
        ] {
            assert_eq!(Cart { status, ..cart(0) }.require_open().is_ok(), open);
        }
    }
}
