//! What a cart may become. Knows nothing of databases, prices of today, or requests.

mod address;
mod country;
mod idle;
mod merge;
mod wish;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::Address;
use stoa_contracts::cart::{CartError, CartStatus};
use stoa_contracts::catalog::VariantSnapshot;
use stoa_kernel::{CartId, Currency, CustomerId, LineId, OrderId, Quantity, Timestamp, VariantId};

pub(crate) use address::{checked_address, checked_email};
pub(crate) use idle::{IdleRules, Step};
pub(crate) use merge::{Merged, merged};
pub(crate) use wish::{checked_coupons, checked_note};

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
    /// As the shopper typed them.
    pub(crate) coupons: Vec<String>,
    pub(crate) note: Option<String>,
    pub(crate) customer: Option<CustomerId>,
    /// What found no room when a guest's cart joined this one, until it is seen.
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) order: Option<OrderId>,
    pub(crate) version: i64,
    pub(crate) updated_at: Timestamp,
    /// When it was told that the cart had been left behind.
    pub(crate) abandoned_at: Option<Timestamp>,
    /// When the sweep looks at it next.
    pub(crate) look_at: Option<Timestamp>,
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) variant: VariantId,
    pub(crate) title: String,
    pub(crate) units: i64,
}

/// What a line shows of its variant, as it was when the line was last changed. Empty only in a new
/// line, before it is priced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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

/// A cart in a list, as staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct CartSummary {
    pub(crate) id: CartId,
    pub(crate) status: CartStatus,
    pub(crate) currency: Currency,
    pub(crate) email: Option<String>,
    pub(crate) customer_id: Option<CustomerId>,
    pub(crate) lines: i64,
    /// The order made of it, once there is one.
    pub(crate) order_id: Option<OrderId>,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
    /// When it was told that the cart had been left behind.
    pub(crate) abandoned_at: Option<Timestamp>,
}

impl Cart {
    /// While it is paid for, and after, a cart stays as it is.
    pub(crate) fn require_open(&self) -> Result<(), CartError> {
        match self.status {
            CartStatus::Open => Ok(()),
            CartStatus::Frozen | CartStatus::Completed => Err(CartError::NotOpen),
        }
    }

    /// Where the line stands among the lines.
    pub(crate) fn position(&self, id: LineId) -> Result<usize, CartError> {
        self.lines
            .iter()
            .position(|line| line.id == id)
            .ok_or(CartError::LineNotFound)
    }

    /// Adds `units` of `variant` to its line, or as a line named `id` at the end that shows
    /// nothing yet; answers where that line stands.
    pub(crate) fn grow(
        &mut self,
        variant: VariantId,
        units: Quantity,
        id: LineId,
    ) -> Result<usize, CartError> {
        let known = self.lines.iter().position(|line| line.variant == variant);
        if let Some(at) = known {
            let line = &mut self.lines[at];
            let sum = line.quantity.as_i64() + units.as_i64();
            line.quantity = Quantity::from_i64(sum).map_err(|error| invalid("quantity", error))?;
            return Ok(at);
        }
        if self.lines.len() >= LINES_PER_CART_MAX {
            return Err(CartError::TooManyLines {
                max: LINES_PER_CART_MAX,
            });
        }
        let last = self.lines.iter().map(|line| line.place).max();
        self.lines.push(Line {
            id,
            variant,
            quantity: units,
            place: last.map_or(0, |place| place + 1),
            shown: Shown::default(),
        });
        Ok(self.lines.len() - 1)
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
pub(crate) mod tests {
    use super::*;
    use stoa_kernel::QUANTITY_MAX;

    pub(crate) fn address(country: &str) -> Address {
        Address {
            name: "Jo Doe".to_owned(),
            line1: "1 Agora".to_owned(),
            city: "Athens".to_owned(),
            postal_code: "105 55".to_owned(),
            country: country.to_owned(),
            ..Address::default()
        }
    }

    /// An open cart touched at 0, its lines and their variants named from 1 up.
    pub(crate) fn cart(lines: u128) -> Cart {
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
            coupons: Vec::new(),
            note: None,
            customer: None,
            left_out: Vec::new(),
            order: None,
            version: 1,
            updated_at: Timestamp::from_micros(0),
            abandoned_at: None,
            look_at: None,
            lines: (1..=lines).map(line).collect(),
        }
    }

    fn units(count: u32) -> Quantity {
        Quantity::new(count).expect("from 1 up")
    }

    #[test]
    fn a_line_of_the_same_variant_grows_and_another_goes_to_the_end() {
        let (new, first) = (LineId::from_u128(9), LineId::from_u128(1));
        let mut growing = cart(2);
        let at = growing.grow(VariantId::from_u128(1), units(4), new);
        assert_eq!(at.expect("it fits"), 0);
        let line = &growing.lines[0];
        assert_eq!((line.id, line.place, line.quantity), (first, 1, units(5)));
        assert_eq!(line.shown.unit_price, 100, "nothing is accepted yet");
        let at = growing.grow(VariantId::from_u128(7), units(4), new);
        assert_eq!(at.expect("it fits"), 2);
        let line = &growing.lines[2];
        assert_eq!((line.id, line.place, line.quantity), (new, 3, units(4)));
    }

    #[test]
    fn lines_and_quantities_are_bounded() {
        let new = LineId::from_u128(999);
        let mut full = cart(LINES_PER_CART_MAX as u128);
        let refused = full.grow(VariantId::from_u128(999), units(1), new);
        assert!(matches!(refused, Err(CartError::TooManyLines { max: 200 })));
        assert!(full.grow(VariantId::from_u128(200), units(1), new).is_ok());
        let refused = cart(1).grow(VariantId::from_u128(1), units(QUANTITY_MAX), new);
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
