//! What staff may ask to be done to an order, as the bodies of requests say it. Decides nothing.

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::Address;
use stoa_contracts::orders::{LineUnits, Tracking};
use stoa_kernel::{CustomerId, LineId, LocationId, Money, Quantity, VariantId};
use stoa_telemetry::mask_text;

use crate::errors::{CareError, invalid};

/// Lines named in one request, and lines of an order.
pub(crate) const LINES_MAX: usize = 500;
pub(crate) const COUPONS_MAX: usize = 10;
const TEXT_BYTES_MAX: usize = 1_000;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FulfilWish {
    /// Left out: all that is left and must be sent.
    #[serde(default)]
    pub(crate) lines: Option<Vec<LineUnits>>,
    /// Takes the goods from here alone; left out, from wherever they are held.
    #[serde(default)]
    pub(crate) location_id: Option<LocationId>,
    #[serde(default)]
    pub(crate) tracking: Option<Tracking>,
    /// Whether it leaves at once; else it is packed.
    #[serde(default)]
    pub(crate) ship: bool,
    /// Sends an order of which only part is paid or promised, on trust.
    #[serde(default)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShipWish {
    /// Replaces what was there; of a parcel that has left it changes nothing else.
    #[serde(default)]
    pub(crate) tracking: Option<Tracking>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoWish {}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelWish {
    /// At most 1,000 bytes; the shopper may see it.
    pub(crate) reason: String,
    /// Whether the goods can be sold again; else they leave the stock.
    #[serde(default = "yes")]
    pub(crate) restock: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundWish {
    /// An amount alone; or else name lines, the delivery, or both.
    #[serde(default)]
    pub(crate) amount: Option<Money>,
    /// Units whose price goes back.
    #[serde(default)]
    pub(crate) lines: Vec<LineUnits>,
    /// Whether what is left of the delivery's price goes back.
    #[serde(default)]
    pub(crate) shipping: bool,
    /// Whether units that had left came back and can be sold again. Units that never left always
    /// can.
    #[serde(default)]
    pub(crate) restock: bool,
    /// Where they are put; left out, at the shop's first location.
    #[serde(default)]
    pub(crate) location_id: Option<LocationId>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// As store credit of the order's customer, instead of the way the money came.
    #[serde(default)]
    pub(crate) to_store_credit: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReturnWish {
    pub(crate) lines: Vec<ReturnUnits>,
    /// What is sent in their place, once they are back. The order's sums stay as they are.
    #[serde(default)]
    pub(crate) exchange: Vec<WantedLine>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReturnUnits {
    pub(crate) line_id: LineId,
    pub(crate) quantity: Quantity,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedLine {
    pub(crate) variant_id: VariantId,
    pub(crate) quantity: Quantity,
    /// Agreed by staff, as listed; left out, the shop's price.
    #[serde(default)]
    pub(crate) unit_price: Option<Money>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiveWish {
    /// What arrived; left out, all that was announced.
    #[serde(default)]
    pub(crate) lines: Option<Vec<LineUnits>>,
    /// Whether it can be sold again.
    #[serde(default)]
    pub(crate) restock: bool,
    #[serde(default)]
    pub(crate) location_id: Option<LocationId>,
    /// Whether the price of what arrived goes back. Not of an exchange.
    #[serde(default)]
    pub(crate) refund: bool,
    #[serde(default)]
    pub(crate) to_store_credit: bool,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditWish {
    /// New lines.
    #[serde(default)]
    pub(crate) add: Vec<WantedLine>,
    /// New quantities of lines there are; 0 takes a line out.
    #[serde(default)]
    pub(crate) set: Vec<SetLine>,
    /// Where it goes instead; taxes and the delivery are priced anew for there.
    #[serde(default)]
    pub(crate) shipping_address: Option<Address>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetLine {
    pub(crate) line_id: LineId,
    pub(crate) quantity: u32,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftWish {
    pub(crate) lines: Vec<WantedLine>,
    #[serde(default)]
    pub(crate) customer_id: Option<CustomerId>,
    pub(crate) email: String,
    #[serde(default)]
    pub(crate) shipping_address: Option<Address>,
    #[serde(default)]
    pub(crate) billing_address: Option<Address>,
    #[serde(default)]
    pub(crate) shipping_option_id: Option<String>,
    /// For lines without an agreed price.
    #[serde(default)]
    pub(crate) coupons: Vec<String>,
    /// The shopper sees it.
    #[serde(default)]
    pub(crate) note: Option<String>,
    /// Of the prices; left out, the shop's own.
    #[serde(default)]
    pub(crate) currency: Option<stoa_kernel::Currency>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteWish {
    pub(crate) payment: ManualPayment,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManualPayment {
    /// A way to pay by hand, as `GET /api/v1/payment-methods` lists it.
    pub(crate) provider: String,
}

/// Trimmed text that is kept; people do paste cards into the wrong field.
pub(crate) fn kept_text(field: &str, text: &str) -> Result<Option<String>, CareError> {
    let text = text.trim();
    if text.len() > TEXT_BYTES_MAX {
        let reason = format!("is longer than {TEXT_BYTES_MAX} bytes");
        return Err(invalid(field, reason));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(invalid(field, "must not hold control characters"));
    }
    // The log's rule masks addresses of mail too, which are no secret here.
    let plain = text.replace('@', " ");
    if mask_text(&plain) != plain.as_str() {
        return Err(invalid(field, "must not hold a card number"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

pub(crate) fn optional_text(
    field: &str,
    text: Option<&String>,
) -> Result<Option<String>, CareError> {
    match text {
        Some(text) => kept_text(field, text),
        None => Ok(None),
    }
}

pub(crate) fn check_count(field: &str, count: usize, max: usize) -> Result<(), CareError> {
    match count > max {
        true => Err(invalid(field, format!("holds at most {max}"))),
        false => Ok(()),
    }
}
