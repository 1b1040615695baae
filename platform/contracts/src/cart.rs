//! Carts: what other modules may ask of `cart`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{CartId, Currency, LineId, Money, OrderId, Quantity, TenantId, VariantId};
use stoa_storage::Tx;

use crate::pricing::ShippingOption;
use crate::{Address, Totals};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CartStatus {
    Open,
    /// A payment attempt is open: nothing can be changed.
    Frozen,
    /// It became a paid order.
    Completed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartView {
    pub id: CartId,
    pub status: CartStatus,
    pub currency: Currency,
    pub lines: Vec<CartLineView>,
    pub email: Option<String>,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option_id: Option<String>,
    pub totals: Totals,
    /// Whether unit prices include tax.
    pub tax_inclusive: bool,
    /// The order made of it, once there is one.
    pub order_id: Option<OrderId>,
    /// Rises with every change; the ETag.
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartLineView {
    pub id: LineId,
    pub variant_id: VariantId,
    pub product_handle: String,
    pub title: String,
    pub variant_title: String,
    pub sku: Option<String>,
    pub image: Option<String>,
    pub quantity: Quantity,
    pub unit_price: Money,
    pub total: Money,
    /// Whether this quantity could be reserved now.
    pub available: bool,
}

/// A cart and the secret that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartKey {
    pub id: CartId,
    pub token: String,
}

/// Fields to set; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CartUpdate {
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub shipping_address: Option<Address>,
    #[serde(default)]
    pub billing_address: Option<Address>,
    #[serde(default)]
    pub shipping_option_id: Option<String>,
    /// Promotion codes; no shop has promotions yet, so any code is answered as unknown.
    #[serde(default)]
    pub coupons: Option<Vec<String>>,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum CartError {
    #[error("no such cart, or its token is wrong")]
    NotFound,
    #[error("no such line")]
    LineNotFound,
    #[error("the cart is being paid for, or has been")]
    NotOpen,
    #[error("{variant} is not for sale")]
    NotForSale { variant: VariantId },
    #[error("only {available} of {variant} can be had")]
    Short {
        variant: VariantId,
        asked: i64,
        available: i64,
    },
    #[error("a cart holds at most {max} lines")]
    TooManyLines { max: usize },
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

/// What checkout needs of a cart, read under its row lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutCart {
    pub id: CartId,
    pub status: CartStatus,
    pub currency: Currency,
    pub email: Option<String>,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option_id: Option<String>,
    pub lines: Vec<(LineId, VariantId, Quantity)>,
    pub order: Option<OrderId>,
}

#[async_trait]
pub trait Carts: Send + Sync + 'static {
    async fn create(&self, tenant: TenantId, currency: Currency) -> Result<CartKey, CartError>;

    async fn view(&self, tenant: TenantId, key: &CartKey) -> Result<CartView, CartError>;

    /// Adds units; a line of the same variant grows.
    async fn add_line(
        &self,
        tenant: TenantId,
        key: &CartKey,
        variant: VariantId,
        quantity: Quantity,
    ) -> Result<CartView, CartError>;

    async fn set_quantity(
        &self,
        tenant: TenantId,
        key: &CartKey,
        line: LineId,
        quantity: Quantity,
    ) -> Result<CartView, CartError>;

    async fn remove_line(
        &self,
        tenant: TenantId,
        key: &CartKey,
        line: LineId,
    ) -> Result<CartView, CartError>;

    async fn update(
        &self,
        tenant: TenantId,
        key: &CartKey,
        update: CartUpdate,
    ) -> Result<CartView, CartError>;

    async fn shipping_options(
        &self,
        tenant: TenantId,
        key: &CartKey,
    ) -> Result<Vec<ShippingOption>, CartError>;

    /// Whether `token` opens `cart`; no database is asked.
    fn opens(&self, tenant: TenantId, key: &CartKey) -> bool;

    /// Locks the cart's row and reads it.
    async fn lock(
        &self,
        tx: &mut Tx<'_>,
        cart: CartId,
    ) -> Result<Option<CheckoutCart>, stoa_storage::Error>;

    /// Ties the cart to its order and refuses changes until thawed.
    async fn freeze(
        &self,
        tx: &mut Tx<'_>,
        cart: CartId,
        order: OrderId,
    ) -> Result<(), stoa_storage::Error>;

    /// Opens the cart again after a definite decline; it keeps its order.
    async fn thaw(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<(), stoa_storage::Error>;

    async fn complete(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<(), stoa_storage::Error>;
}
