//! Prices, tax and shipping: what other modules may ask of `pricing`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{
    Currency, CustomerId, Money, OrderId, ProductId, PromotionId, Quantity, TenantId, VariantId,
};
use stoa_storage::{Cause, Tx};

use crate::{Destination, Totals};

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
    pub destination: Destination,
    /// The shipping option chosen; `None` prices the cart without shipping.
    pub shipping_option: Option<String>,
    /// Codes as the shopper typed them; those that do not apply are told apart in the quote.
    pub coupons: Vec<String>,
    /// Who buys: budgets per customer and tax exemptions go by it. Never stored as it is.
    pub email: Option<String>,
    pub customer: Option<CustomerId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteLine {
    pub variant: VariantId,
    pub product: ProductId,
    pub quantity: Quantity,
    pub requires_shipping: bool,
    pub taxable: bool,
    pub grams: i64,
    pub product_type: Option<String>,
    /// A price agreed by staff (draft orders, exchanges), as listed; `None` takes the shop's.
    pub unit_price: Option<Money>,
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
    /// Promotions that changed something, in the order in which they were applied.
    pub promotions: Vec<AppliedPromotion>,
    /// Codes that changed nothing, and why.
    pub refused_coupons: Vec<RefusedCoupon>,
    /// The tax by rate; sums to `totals.tax`.
    pub taxes: Vec<TaxLine>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    pub variant: VariantId,
    pub quantity: Quantity,
    /// As listed: gross where prices include tax, else net.
    pub unit_price: Money,
    /// Net of tax, before discount.
    pub subtotal: Money,
    /// Net of tax, taken off `subtotal`; the sum over the lines and delivery is the total discount.
    pub discount: Money,
    /// On what is left after the discount.
    pub tax: Money,
    /// `subtotal - discount + tax`.
    pub total: Money,
    /// What each promotion took off this line, as listed (gross where prices include tax).
    pub adjustments: Vec<Adjustment>,
}

/// What one promotion took off one line or the delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Adjustment {
    pub promotion_id: PromotionId,
    pub title: String,
    /// As listed: gross where prices include tax, else net.
    pub amount: Money,
}

/// What one promotion took off the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppliedPromotion {
    pub promotion_id: PromotionId,
    /// The code that brought it; `None` for an automatic one.
    pub code: Option<String>,
    pub title: String,
    /// As listed: gross where prices include tax, else net.
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedCoupon {
    pub code: String,
    pub reason: CouponRefusal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CouponRefusal {
    Unknown,
    NotYetValid,
    Expired,
    /// Its uses are spent, in all or by this customer.
    UsedUp,
    /// The cart does not meet its conditions: goods, value or currency.
    DoesNotApply,
    /// Another promotion excludes it.
    NotCombinable,
}

/// The tax of one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaxLine {
    pub name: String,
    /// Parts per million: 200,000 is 20 %.
    pub rate_ppm: i64,
    pub amount: Money,
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

#[derive(Debug, Clone, thiserror::Error)]
pub enum RedeemError {
    /// Somebody else took the last use; nothing was taken.
    #[error("the promotion `{title}` is used up")]
    UsedUp { title: String, code: Option<String> },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

/// Who uses promotions for which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redemption<'a> {
    pub order: OrderId,
    pub promotions: &'a [AppliedPromotion],
    pub email: Option<&'a str>,
    pub customer: Option<CustomerId>,
}

#[async_trait]
pub trait Pricing: Send + Sync + 'static {
    /// Takes one use of each promotion that has a budget, in id order: all or none. An order that
    /// holds uses already has them replaced. Promotions without a budget write nothing.
    async fn redeem(
        &self,
        tx: &mut Tx<'_>,
        redemption: Redemption<'_>,
        cause: &Cause,
    ) -> Result<(), RedeemError>;

    /// Gives the order's uses back. Idempotent.
    async fn unredeem(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    /// Asks the shop's tax provider, where it has one, for the rates of a destination and keeps
    /// them, so that quotes inside transactions need ask nobody. Never inside a transaction; does
    /// nothing where the shop uses its own table or the rates kept are fresh.
    async fn prepare_tax(
        &self,
        tenant: TenantId,
        destination: &Destination,
    ) -> Result<(), stoa_storage::Error>;

    /// Sets prices and feeds catalog's listings in the same transaction. Unchanged ones write
    /// nothing.
    async fn set_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[NewPrice],
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    /// Base prices of these variants in all currencies, in variant and currency order.
    async fn prices(
        &self,
        tenant: TenantId,
        variants: &[VariantId],
    ) -> Result<Vec<NewPrice>, stoa_storage::Error> {
        let _ = (tenant, variants);
        Ok(Vec::new())
    }

    /// The currencies that the shop sells in, its own first. Answered from memory where it can be.
    async fn currencies(&self, tenant: TenantId) -> Result<Vec<Currency>, stoa_storage::Error> {
        let _ = tenant;
        Ok(Vec::new())
    }

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
