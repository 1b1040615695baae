//! Payments: what other modules may ask of `payments`, and what it tells.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{
    AttemptId, CustomerId, DisputeId, Fact, Money, OrderId, RefundId, TenantId, Timestamp,
};
use stoa_storage::{Cause, Tx};

use crate::ledger::AMOUNT_MAX;

/// One attempt to pay an order, from intent to outcome. `Debug` shows neither its token nor where the
/// shopper comes back to.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAttempt {
    pub id: AttemptId,
    pub order: OrderId,
    pub amount: Money,
    /// `test`, `stripe`, or the id of a manual method of the shop.
    pub provider: String,
    /// What the provider gave the shopper for their card; never a card number. Empty for manual
    /// methods.
    pub token: String,
    /// Where the shopper comes back to after 3-D Secure.
    pub return_url: Option<String>,
}

impl fmt::Debug for NewAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAttempt")
            .field("id", &self.id)
            .field("order", &self.order)
            .field("amount", &self.amount)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum AttemptState {
    /// Written with the order; the provider knows nothing yet.
    Created,
    /// The provider holds an unconfirmed intent: nothing is charged.
    Prepared,
    /// Confirmation was sent; only a query can tell what became of it.
    Confirming,
    /// The provider is working on it.
    Processing,
    RequiresAction {
        next_action_url: String,
    },
    /// The money is held for us, or promised by hand, and not taken yet.
    Authorized,
    Succeeded,
    Declined {
        reason: String,
    },
    /// The intent was voided before any charge.
    Voided,
}

impl AttemptState {
    /// Whether nothing can change it any more. [`Self::Authorized`] waits for people, not for us.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Declined { .. } | Self::Voided)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptView {
    pub id: AttemptId,
    pub order_id: OrderId,
    pub amount: Money,
    pub provider: String,
    #[serde(flatten)]
    pub state: AttemptState,
    /// Taken so far; at most `amount`.
    pub captured: Money,
    /// Gone back, or on its way back; at most `captured`.
    pub refunded: Money,
    pub created_at: Timestamp,
}

/// A way to pay, as a shopper chooses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentMethod {
    /// What a checkout names as `payment.provider`.
    pub id: String,
    pub kind: PaymentMethodKind,
    pub title: String,
    /// Shown when chosen; for manual methods how to pay.
    pub instructions: Option<String>,
    /// The provider's public key, for its script in the browser.
    pub public_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethodKind {
    Test,
    Stripe,
    /// Bank transfer, cash on delivery: staff say when the money came.
    Manual,
}

/// A wish to give money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    pub id: RefundId,
    pub order: OrderId,
    pub amount: Money,
    pub reason: Option<String>,
    /// Into store credit of this customer instead of the way it came.
    pub store_credit: Option<CustomerId>,
    /// What the caller wants to know again when it is done; opaque here.
    pub memo: serde_json::Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Its amount is set aside; the provider may or may not know.
    Pending,
    Succeeded,
    /// The provider refused; what was set aside is free again.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundView {
    pub id: RefundId,
    pub order_id: OrderId,
    pub amount: Money,
    pub state: RefundState,
    pub reason: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    pub created_at: Timestamp,
    #[serde(skip)]
    pub memo: serde_json::Value,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum RefundError {
    /// More than is left of what was captured; nothing was set aside.
    #[error("{asked} is more than the {left} that can still go back")]
    TooMuch { asked: i64, left: i64 },
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error("no such refund")]
    NotFound,
    #[error("the payment provider did not answer: {message}")]
    Unreachable { message: String },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum PaymentError {
    #[error("no payment provider `{provider}`")]
    UnknownProvider { provider: String },
    #[error("the test provider is for shops in test mode")]
    TestOnly,
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    /// The provider did not answer; what it did is unknown until it is asked again.
    #[error("the payment provider did not answer: {message}")]
    Unreachable { message: String },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[async_trait]
pub trait Payments: Send + Sync + 'static {
    /// Refuses a provider or token before anything is written.
    async fn check(
        &self,
        tenant: TenantId,
        provider: &str,
        token: &str,
        test_mode: bool,
    ) -> Result<(), PaymentError>;

    /// Refuses what no provider is asked for, before anything is written: more than the books take.
    fn check_amount(&self, amount: Money) -> Result<(), PaymentError> {
        let refused = |reason: String| {
            let field = "amount".to_owned();
            Err(PaymentError::Invalid { field, reason })
        };
        match amount.amount {
            ..0 => refused("is below zero".to_owned()),
            0..=AMOUNT_MAX => Ok(()),
            _ => refused(format!("is at most {AMOUNT_MAX} for one payment")),
        }
    }

    /// The ways to pay in this shop, in the order in which they are shown.
    async fn methods(
        &self,
        tenant: TenantId,
        test_mode: bool,
    ) -> Result<Vec<PaymentMethod>, PaymentError>;

    /// Writes the attempt in the transaction that writes the order.
    async fn open(
        &self,
        tx: &mut Tx<'_>,
        attempt: &NewAttempt,
        cause: &Cause,
    ) -> Result<(), PaymentError>;

    /// The order's newest attempt, its row locked.
    async fn newest(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
    ) -> Result<Option<AttemptView>, stoa_storage::Error>;

    /// As [`Self::newest`], for pages.
    async fn newest_of(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Option<AttemptView>, stoa_storage::Error>;

    /// Takes an attempt as far as the provider lets it go now: prepare, confirm, or ask. Never
    /// inside a transaction; every answer is committed before the next call. Safe to repeat, and
    /// to run twice at once.
    async fn drive(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<AttemptState, PaymentError>;

    /// All attempts of an order, oldest first.
    async fn attempts_of(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Vec<AttemptView>, stoa_storage::Error>;

    /// Takes money that is authorised: `amount` of it, or all. What is taken is set aside by a
    /// conditional write before the provider is called. Safe to repeat with the same key.
    async fn capture(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
        amount: Option<Money>,
        key: &str,
    ) -> Result<AttemptView, PaymentError>;

    /// Sets the amount aside, so that no second refund can have it: over the order's attempts,
    /// newest first, then its gift cards. Never calls a provider. A second call with the same id
    /// changes nothing.
    async fn open_refund(
        &self,
        tx: &mut Tx<'_>,
        refund: &NewRefund,
        cause: &Cause,
    ) -> Result<RefundView, RefundError>;

    /// Takes a refund as far as the provider lets it go now; one whose answer was lost is looked
    /// for at the provider by our id before it is sent again. Never inside a transaction.
    async fn drive_refund(
        &self,
        tenant: TenantId,
        refund: RefundId,
    ) -> Result<RefundView, RefundError>;

    async fn refunds_of(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Vec<RefundView>, stoa_storage::Error>;

    /// Voids an intent that is not charged; the state says if the charge was faster.
    async fn give_up(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<AttemptState, PaymentError>;
}

/// An attempt reached its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptSettled {
    pub attempt: AttemptId,
    pub order: OrderId,
    pub amount: Money,
    pub succeeded: bool,
}

impl Fact for AttemptSettled {
    const TYPE: &'static str = "payments.attempt_settled";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// A provider told us something of an attempt: look at it now. The news itself is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderNews {
    pub attempt: AttemptId,
    pub order: OrderId,
    pub refund: Option<RefundId>,
}

impl Fact for ProviderNews {
    const TYPE: &'static str = "payments.provider_news";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// A cardholder disputes a charge, or a dispute ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeChanged {
    pub dispute: DisputeId,
    pub attempt: AttemptId,
    pub order: OrderId,
    pub amount: Money,
    /// The provider's word: `needs_response`, `won`, `lost` and so on.
    pub status: String,
}

impl Fact for DisputeChanged {
    const TYPE: &'static str = "payments.dispute_changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// A refund that had succeeded did not arrive: its money is ours again, and can go back anew. Told once
/// for each attempt that it went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundReversed {
    pub refund: RefundId,
    pub attempt: AttemptId,
    pub order: OrderId,
    /// What came back to us.
    pub amount: Money,
    /// What of the refund did go back.
    pub left: Money,
    /// The provider's word for why.
    pub reason: String,
}

impl Fact for RefundReversed {
    const TYPE: &'static str = "payments.refund_reversed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}
