//! Orders: what other modules may ask of `orders`, and what it tells.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{
    AttemptId, CartId, Currency, Fact, LineId, Money, OrderId, ProductId, Quantity, TenantId,
    Timestamp, VariantId,
};
use stoa_storage::{Cause, Tx};

use crate::{Address, Totals};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Draft,
    Pending,
    Completed,
    Archived,
    Canceled,
    RequiresAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Pending,
    Authorized,
    PartiallyPaid,
    Paid,
    PartiallyRefunded,
    Refunded,
    Voided,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FulfilmentStatus {
    NotFulfilled,
    PartiallyFulfilled,
    Fulfilled,
    PartiallyShipped,
    Shipped,
    PartiallyDelivered,
    Delivered,
    Canceled,
}

/// Everything an order copies at the moment it is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub id: OrderId,
    pub cart: CartId,
    pub email: String,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option: Option<String>,
    pub lines: Vec<NewOrderLine>,
    pub totals: Totals,
    pub tax_inclusive: bool,
    pub test: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrderLine {
    pub id: LineId,
    pub variant: VariantId,
    pub product: ProductId,
    pub title: String,
    pub variant_title: String,
    pub sku: Option<String>,
    pub image: Option<String>,
    pub quantity: Quantity,
    pub unit_price: Money,
    pub subtotal: Money,
    pub tax: Money,
    pub total: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderView {
    pub id: OrderId,
    /// The human order number, unique per tenant; numbers may have gaps.
    pub number: i64,
    pub status: OrderStatus,
    pub payment_status: PaymentStatus,
    pub fulfilment_status: FulfilmentStatus,
    pub email: String,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option: Option<String>,
    pub currency: Currency,
    pub lines: Vec<OrderLineView>,
    pub totals: Totals,
    pub tax_inclusive: bool,
    /// Whether it was paid in test mode; such orders stay out of reports.
    pub test: bool,
    pub placed_at: Timestamp,
    pub paid_at: Option<Timestamp>,
    pub canceled_at: Option<Timestamp>,
    /// Why the last attempt was declined, or the order canceled.
    pub reason: Option<String>,
    pub cart_id: CartId,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLineView {
    pub id: LineId,
    pub variant_id: VariantId,
    pub product_id: ProductId,
    pub title: String,
    pub variant_title: String,
    pub sku: Option<String>,
    pub image: Option<String>,
    pub quantity: Quantity,
    pub unit_price: Money,
    pub subtotal: Money,
    pub tax: Money,
    pub total: Money,
}

/// Where an order stands, for a decision in the caller's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderState {
    pub id: OrderId,
    pub cart: CartId,
    pub status: OrderStatus,
    pub payment: PaymentStatus,
    pub fulfilment: FulfilmentStatus,
    pub total: Money,
}

/// What may happen to an order's payment; the transition table decides whether it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentStep {
    /// The shopper must do something at the provider.
    NeedsAction,
    /// The shopper did, or need not after all.
    ActionTaken,
    Paid {
        attempt: AttemptId,
    },
    /// The attempt failed for good; the order waits for another.
    Declined {
        reason: String,
    },
    /// Nobody paid in time, or somebody canceled: it will not be paid.
    Canceled {
        reason: String,
    },
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum OrderError {
    #[error("no such order")]
    NotFound,
    #[error("an order that is {status:?}/{payment:?} cannot be {step}")]
    Transition {
        status: OrderStatus,
        payment: PaymentStatus,
        step: &'static str,
    },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[async_trait]
pub trait Orders: Send + Sync + 'static {
    /// Holds order numbers ready for [`Self::create`]. Call it before the transaction; it asks the
    /// database only where few are left. Without it every order waits for the tenant's one row.
    async fn ensure_numbers(&self, tenant: TenantId) -> Result<(), stoa_storage::Error>;

    /// Writes a pending order; returns its number. One order per cart.
    async fn create(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<i64, OrderError>;

    /// Replaces lines, addresses and totals of a declined order that is tried again.
    async fn revise(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), OrderError>;

    /// Locks the order's row and reads where it stands.
    async fn lock(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
    ) -> Result<Option<OrderState>, stoa_storage::Error>;

    /// Applies a step; one that has been applied already changes nothing and is no error.
    async fn step(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        step: &PaymentStep,
        cause: &Cause,
    ) -> Result<OrderState, OrderError>;

    async fn view(&self, tenant: TenantId, order: OrderId) -> Result<OrderView, OrderError>;

    /// The secret that opens the order to whoever placed it.
    fn token(&self, tenant: TenantId, order: OrderId) -> String;

    fn opens(&self, tenant: TenantId, order: OrderId, token: &str) -> bool;

    /// Orders placed before `before` that still wait for payment, oldest first.
    async fn waiting(
        &self,
        tenant: TenantId,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<OrderId>, stoa_storage::Error>;
}

/// An order was placed; it is not paid yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    pub order: OrderId,
    pub number: i64,
    pub total: Money,
    pub lines: Vec<OrderedLine>,
    pub test: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedLine {
    pub product: ProductId,
    pub variant: VariantId,
    pub quantity: Quantity,
    pub total: Money,
}

impl Fact for OrderPlaced {
    const TYPE: &'static str = "orders.placed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// An order was paid in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPaid {
    pub order: OrderId,
    pub number: i64,
    pub attempt: AttemptId,
    pub total: Money,
    pub test: bool,
}

impl Fact for OrderPaid {
    const TYPE: &'static str = "orders.paid";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// An order will not be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCanceled {
    pub order: OrderId,
    pub number: i64,
    pub reason: String,
}

impl Fact for OrderCanceled {
    const TYPE: &'static str = "orders.canceled";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}
