//! Payments: what other modules may ask of `payments`, and what it tells.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{AttemptId, Fact, Money, OrderId, TenantId, Timestamp};
use stoa_storage::{Cause, Tx};

/// One attempt to pay an order, from intent to outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    pub id: AttemptId,
    pub order: OrderId,
    pub amount: Money,
    /// `test`.
    pub provider: String,
    /// What the provider gave the shopper for their card; never a card number.
    pub token: String,
    /// Where the shopper comes back to after 3-D Secure.
    pub return_url: Option<String>,
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
    Succeeded,
    Declined {
        reason: String,
    },
    /// The intent was voided before any charge.
    Voided,
}

impl AttemptState {
    /// Whether nothing can change it any more.
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
    pub created_at: Timestamp,
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
    fn check(&self, provider: &str, token: &str, test_mode: bool) -> Result<(), PaymentError>;

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
