//! The port to payment providers, and what their answers say. Knows no database and no order.

mod test;

use async_trait::async_trait;
use serde::Deserialize;
use stoa_kernel::{AttemptId, Money, OrderId, TenantId};

pub use self::test::TestProviderConfig;
pub(crate) use self::test::{Charge, TestProviderClient};

/// What a payment provider can do. Every call may be repeated with its key.
#[async_trait]
pub(crate) trait Provider: Send + Sync {
    /// Makes an unconfirmed intent: nothing is charged.
    async fn prepare(&self, request: &Preparation<'_>) -> Result<Intent, ProviderError>;

    /// Charges. What a lost answer meant, only [`Provider::query`] can tell.
    async fn confirm(&self, intent: &IntentRef<'_>, key: &str) -> Result<Intent, ProviderError>;

    /// Takes money that was only authorised.
    async fn capture(&self, intent: &IntentRef<'_>, key: &str) -> Result<Intent, ProviderError>;

    /// Ends an intent that is not charged, for good.
    async fn void(&self, intent: &IntentRef<'_>, key: &str) -> Result<Intent, ProviderError>;

    /// Gives money back; without an amount, all that is left.
    #[expect(dead_code, reason = "the refund workflow will call it")]
    async fn refund(
        &self,
        intent: &IntentRef<'_>,
        amount: Option<i64>,
        key: &str,
    ) -> Result<(), ProviderError>;

    async fn query(&self, intent: &IntentRef<'_>) -> Result<Intent, ProviderError>;
}

pub(crate) struct Preparation<'a> {
    pub(crate) account: TenantId,
    pub(crate) order: OrderId,
    pub(crate) attempt: AttemptId,
    pub(crate) amount: Money,
    pub(crate) token: &'a str,
    pub(crate) return_url: Option<&'a str>,
    pub(crate) key: &'a str,
}

/// An intent as its provider names it, within the account it belongs to.
pub(crate) struct IntentRef<'a> {
    pub(crate) account: TenantId,
    pub(crate) id: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) status: IntentStatus,
    #[serde(default)]
    pub(crate) decline_code: Option<String>,
    #[serde(default)]
    pub(crate) next_action_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IntentStatus {
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Succeeded,
    Declined,
    Voided,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    /// The provider answered that it did not, and will not, do this.
    #[error("the provider refused: {message} ({code})")]
    Refused { code: String, message: String },
    /// No answer, or none that says what was done. Only a query can tell.
    #[error("{message}")]
    Unknown { message: String },
}

impl ProviderError {
    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown {
            message: message.into(),
        }
    }
}
