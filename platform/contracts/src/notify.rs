//! Messages to people: what other modules may ask of `notify`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{JobId, TenantId, Timestamp};

/// A message in the local mailbox. Personal data: shown to staff only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mail {
    pub id: JobId,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub sent_at: Timestamp,
}

#[async_trait]
pub trait Mailbox: Send + Sync + 'static {
    /// Newest first, at most `limit`.
    async fn list(&self, tenant: TenantId, limit: u32) -> Result<Vec<Mail>, stoa_storage::Error>;

    async fn read(&self, tenant: TenantId, id: JobId) -> Result<Option<Mail>, stoa_storage::Error>;
}
