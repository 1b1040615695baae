//! Checkout: what the storefront may ask of the checkout workflow.

use async_trait::async_trait;
use stoa_kernel::{Actor, Fact, Money, OrderId};
use stoa_storage::IdempotencyKey;

use crate::cart::CartKey;
use crate::inventory::Shortage;
use crate::orders::OrderView;
use crate::payments::AttemptView;

/// What is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purchase {
    Cart(CartKey),
    /// An order that staff drafted, or that an edit made dearer, by its payment link.
    Order {
        id: OrderId,
        token: String,
    },
}

/// A shopper's wish to buy.
#[derive(Clone)]
pub struct PlaceOrder {
    pub tenant: stoa_kernel::TenantId,
    /// Whether the tenant may use the test provider; copied into the order.
    pub test_mode: bool,
    pub purchase: Purchase,
    /// What the shopper was shown; another total by now is refused, and nothing is written.
    pub expected_total: Option<Money>,
    /// Codes of gift cards to pay with before the provider is asked. Secrets.
    pub gift_cards: Vec<String>,
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
    #[error("the total is {}, not {}", now.amount, expected.amount)]
    TotalChanged { expected: Money, now: Money },
    /// A code of the cart does not apply, or its last use went to somebody else.
    #[error("the coupon `{code}` cannot be used")]
    Coupon {
        code: String,
        reason: crate::pricing::CouponRefusal,
    },
    #[error("gift card {position}: {reason}")]
    GiftCard { position: usize, reason: String },
    /// The order does not take this payment where it stands: its goods left, or somebody changes it.
    #[error("{reason}")]
    OrderStands { reason: String },
    /// Declined too often: the order can be paid no more.
    #[error("payment was tried {max} times")]
    TooManyAttempts { max: u32 },
    /// Many want the same: try again with the same key after a pause; the place in line is kept.
    #[error("{position} shoppers are ahead in line")]
    InLine {
        /// From 1.
        position: u32,
        retry_after_seconds: u32,
    },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

/// One step of the saga of an order, beside its undo.
#[derive(
    Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct JournalEntry {
    /// `checkout`, `refund`, `cancel`.
    pub saga: String,
    pub step: String,
    /// What takes it back; `None` where nothing need.
    pub undo: Option<String>,
    /// `done`, `waiting`, `undone`, `failed`.
    pub outcome: String,
    pub detail: Option<String>,
    pub at: stoa_kernel::Timestamp,
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

    /// What was done for an order so far, oldest first.
    async fn journal(
        &self,
        tenant: stoa_kernel::TenantId,
        order: OrderId,
    ) -> Result<Vec<JournalEntry>, CheckoutError>;
}

/// Money came for an order that cannot take it: its stock went to others, it was canceled, or it was
/// paid twice. The money is on its way back; people should know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PaymentReturned {
    pub order: OrderId,
    pub attempt: stoa_kernel::AttemptId,
    pub refund: stoa_kernel::RefundId,
    pub amount: Money,
    /// `out_of_stock`, `canceled`, `paid_twice`.
    pub why: String,
}

impl Fact for PaymentReturned {
    const TYPE: &'static str = "checkout.payment_returned";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// A saga has not moved for longer than it ever should. Told once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SagaStuck {
    pub order: OrderId,
    pub saga: String,
    pub step: String,
}

impl Fact for SagaStuck {
    const TYPE: &'static str = "checkout.saga_stuck";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}
