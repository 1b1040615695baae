//! The port to payment providers, and what their answers say. Knows no database and no order.

mod line;
mod stripe;
mod test;

use async_trait::async_trait;
use serde::Deserialize;
use stoa_kernel::{AttemptId, Currency, Money, OrderId, RefundId, TenantId, Timestamp};

pub(crate) use self::line::Line;
pub(crate) use self::stripe::{StripeAccount, StripeClient};
pub use self::test::TestProviderConfig;
pub(crate) use self::test::{Charge, TestProviderClient};

/// What a payment provider can do.
///
/// Only `prepare` may be sent again without asking: it charges nothing. Where a server forgets its
/// keys, a second one leaves an unconfirmed intent behind that nobody will ever confirm: harmless.
/// An intent is confirmed, captured and voided by its own state machine, at most once each, so these
/// are sent again only after [`Provider::query`] found that they never arrived. A refund has no such
/// guard: it is looked for by our id first, and sent again only once it cannot be on its way any more.
#[async_trait]
pub(crate) trait Provider: Send + Sync {
    /// Makes an unconfirmed intent: nothing is charged.
    async fn prepare(&self, request: &Preparation<'_>) -> Result<Intent, ProviderError>;

    /// Charges. What a lost answer meant, only [`Provider::query`] can tell.
    async fn confirm(
        &self,
        intent: &IntentRef<'_>,
        return_url: Option<&str>,
        key: &CallKey,
    ) -> Result<Intent, ProviderError>;

    /// Takes money that was only authorised; what is not taken is released.
    async fn capture(
        &self,
        intent: &IntentRef<'_>,
        amount: i64,
        key: &CallKey,
    ) -> Result<Intent, ProviderError>;

    /// Ends an intent that is not charged, for good.
    async fn void(&self, intent: &IntentRef<'_>, key: &str) -> Result<Intent, ProviderError>;

    /// Gives money back.
    async fn refund(
        &self,
        intent: &IntentRef<'_>,
        refund: RefundId,
        amount: i64,
    ) -> Result<ProviderRefund, ProviderError>;

    /// Every refund of an intent that carries one of our ids.
    async fn refunds(&self, intent: &IntentRef<'_>) -> Result<Vec<ProviderRefund>, ProviderError>;

    async fn query(&self, intent: &IntentRef<'_>) -> Result<Intent, ProviderError>;

    /// Whether a refund sent twice with one key is made once, however late the second comes.
    fn honours_keys(&self) -> bool;

    /// What a signed call of the provider says. `signature` is its header.
    fn verify_webhook(
        &self,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<News, WebhookError>;
}

pub(crate) struct Preparation<'a> {
    pub(crate) account: TenantId,
    pub(crate) order: OrderId,
    pub(crate) attempt: AttemptId,
    pub(crate) amount: Money,
    pub(crate) token: &'a str,
    pub(crate) return_url: Option<&'a str>,
    pub(crate) key: &'a CallKey,
}

/// What a call is sent under again until it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallKey {
    id: String,
    /// Raised by each answer that was a failure: a server that keeps its answers by key would repeat it.
    /// Two calls with different keys do no more than one: an intent goes through each step at most once.
    round: i64,
}

impl CallKey {
    pub(crate) fn new(id: impl std::fmt::Display, round: i64) -> Self {
        let id = id.to_string();
        Self { id, round }
    }

    /// Where all steps of an intent have one name space.
    pub(crate) fn of_step(&self, step: &str) -> String {
        match self.round {
            0 => format!("{}-{step}", self.id),
            round => format!("{}-{step}-{round}", self.id),
        }
    }

    /// Where each step has a name space of its own.
    pub(crate) fn plain(&self) -> String {
        match self.round {
            0 => self.id.clone(),
            round => format!("{}-{round}", self.id),
        }
    }
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
    /// Minor units taken, where the provider says.
    #[serde(default)]
    pub(crate) captured: Option<i64>,
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

/// A refund as its provider lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderRefund {
    /// Our id, from its metadata.
    pub(crate) ours: Option<RefundId>,
    pub(crate) status: RefundStatus,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RefundStatus {
    Pending,
    Succeeded,
    Failed { reason: String },
}

/// What a provider told us, before anything is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    /// The provider's own id of the event, the same at every delivery.
    pub(crate) event: String,
    /// When the provider says it happened.
    pub(crate) at: Timestamp,
    pub(crate) intent: Option<String>,
    pub(crate) refund: Option<RefundId>,
    /// Why that refund does not arrive.
    pub(crate) refund_failed: Option<String>,
    pub(crate) dispute: Option<DisputeNews>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DisputeNews {
    /// The provider's own name for it.
    pub(crate) reference: String,
    pub(crate) amount: i64,
    pub(crate) currency: Option<Currency>,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    /// The provider answered that it did not, and will not, do this.
    #[error("the provider refused: {message} ({code})")]
    Refused { code: String, message: String },
    /// The provider answered that it knows no such intent.
    #[error("the provider does not know this payment")]
    Forgotten,
    /// The provider answered that it failed, and may answer so to the same key ever after. Only a query
    /// can tell what was done.
    #[error("the provider failed: {message}")]
    Failed { message: String },
    /// No answer, or none that says what was done. Only a query can tell.
    #[error("{message}")]
    Unknown { message: String },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error("the signature is missing, wrong, or too old")]
    Signature,
    #[error("the body makes no sense: {message}")]
    Body { message: String },
    #[error("this provider sends no webhooks, or its webhook secret is not set")]
    NoSecret,
}

impl ProviderError {
    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown {
            message: message.into(),
        }
    }
}
