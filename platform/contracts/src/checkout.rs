//! Checkout: what the storefront may ask of the checkout workflow.

use async_trait::async_trait;
use stoa_kernel::{Actor, OrderId};
use stoa_storage::IdempotencyKey;

use crate::cart::CartKey;
use crate::inventory::Shortage;
use crate::orders::OrderView;
use crate::payments::AttemptView;

/// A shopper's wish to buy a cart.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    pub tenant: stoa_kernel::TenantId,
    /// Whether the tenant may use the test provider; copied into the order.
    pub test_mode: bool,
    pub cart: CartKey,
    pub provider: String,
    pub token: String,
    pub return_url: Option<String>,
    pub idempotency: IdempotencyKey,
    pub actor: Actor,
    pub trace: Option<String>,
}

/// The answer to a checkout: the same however often it is asked.
#[derive(
    Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct Placed {
    pub order_id: OrderId,
    /// Opens the order: send it as `Stoa-Order-Token`.
    pub order_token: String,
    /// Where the outcome appears, as JSON or as server-sent events; carries its own signature.
    pub status_url: String,
}

/// What the status URL shows.
#[derive(
    Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct CheckoutStatus {
    pub order: OrderView,
    pub payment: Option<AttemptView>,
    /// Whether nothing more will happen by itself.
    pub settled: bool,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum CheckoutError {
    #[error("no such cart, or its token is wrong")]
    CartNotFound,
    #[error("the cart is empty")]
    CartEmpty,
    /// Fields of the cart that must be there before it can be paid.
    #[error("the cart is not ready")]
    Incomplete { fields: Vec<(&'static str, String)> },
    #[error("not enough stock")]
    Short { shortages: Vec<Shortage> },
    #[error("something in the cart is no longer for sale")]
    NotForSale {
        variants: Vec<stoa_kernel::VariantId>,
    },
    #[error("{field}: {reason}")]
    Payment { field: String, reason: String },
    #[error("the idempotency key was used with another body")]
    KeyReused,
    #[error("the first request with this idempotency key is not finished")]
    KeyUnfinished,
    #[error("the order was canceled; start a new cart")]
    Canceled,
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[async_trait]
pub trait Checkout: Send + Sync + 'static {
    /// Places the order and returns before it is paid. The same key, or another key for the same
    /// cart while its order is open or paid, returns the same order.
    async fn place(&self, request: PlaceOrder) -> Result<Placed, CheckoutError>;

    async fn status(
        &self,
        tenant: stoa_kernel::TenantId,
        order: OrderId,
    ) -> Result<CheckoutStatus, CheckoutError>;
}
