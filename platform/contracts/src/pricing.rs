//! Prices, tax and shipping: what other modules may ask of `pricing`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Currency, Money, Quantity, TenantId, VariantId};
use stoa_storage::{Cause, Tx};

use crate::Totals;

/// The price of a variant in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewPrice {
    pub variant: VariantId,
    pub price: Money,
    /// A former price, shown struck through; above `price`.
    pub compare_at: Option<Money>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteRequest {
    pub currency: Currency,
    pub lines: Vec<QuoteLine>,
    /// ISO 3166-1 alpha-2; `None` while the shopper has not said.
    pub country: Option<String>,
    /// The shipping option chosen; `None` prices the cart without shipping.
    pub shipping_option: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuoteLine {
    pub variant: VariantId,
    pub quantity: Quantity,
    pub requires_shipping: bool,
    pub taxable: bool,
}

/// The one calculation that cart, checkout and order share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// In the order of the request.
    pub lines: Vec<QuotedLine>,
    pub totals: Totals,
    /// The option chosen, if one was.
    pub shipping: Option<ShippingOption>,
    /// Whether the unit prices shown to shoppers include tax.
    pub tax_inclusive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotedLine {
    pub variant: VariantId,
    pub quantity: Quantity,
    /// As listed: gross where prices include tax, else net.
    pub unit_price: Money,
    /// Net of tax and discount.
    pub subtotal: Money,
    pub tax: Money,
    /// `subtotal + tax`.
    pub total: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShippingOption {
    pub id: String,
    pub name: String,
    /// As shown: gross where prices include tax, else net.
    pub price: Money,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum QuoteError {
    #[error("{variant} has no price in {currency}")]
    NoPrice {
        variant: VariantId,
        currency: Currency,
    },
    #[error("no shipping option `{id}`")]
    UnknownShippingOption { id: String },
    #[error("the total does not fit in 64 bits")]
    Overflow,
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[async_trait]
pub trait Pricing: Send + Sync + 'static {
    /// Sets prices and feeds catalog's listings in the same transaction. Unchanged ones write
    /// nothing.
    async fn set_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[NewPrice],
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    async fn quote(&self, tx: &mut Tx<'_>, request: &QuoteRequest) -> Result<Quote, QuoteError>;

    /// Options for these lines; empty where nothing needs shipping.
    async fn shipping_options(
        &self,
        tx: &mut Tx<'_>,
        request: &QuoteRequest,
    ) -> Result<Vec<ShippingOption>, QuoteError>;

    /// Gives a new tenant its first tax and shipping settings; keeps those it has.
    async fn ensure_settings(
        &self,
        tenant: TenantId,
        currency: Currency,
    ) -> Result<(), stoa_storage::Error>;
}
