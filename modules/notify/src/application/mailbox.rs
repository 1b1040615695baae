//! The mailbox kept in the tenant's own cell: mail that no server took away.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use stoa_contracts::notify::{Mail, Mailbox};
use stoa_kernel::{JobId, TenantId, Timestamp};
use stoa_storage::Error;

use super::Shared;
use crate::infrastructure;

/// Mails given out at once, however many are asked for.
const LISTED_MAX: u32 = 250;

/// A mail in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct MailSummary {
    pub(crate) id: JobId,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) sent_at: Timestamp,
}

/// The last mail seen: when it was written, in microseconds, and its id.
pub(crate) type MailPosition = (i64, JobId);

pub(crate) struct LocalMailbox {
    shared: Arc<Shared>,
}

impl LocalMailbox {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) async fn summaries(
        &self,
        tenant: TenantId,
        position: Option<MailPosition>,
        limit: i64,
    ) -> Result<Vec<MailSummary>, Error> {
        let db = self.shared.db(tenant).await?;
        infrastructure::summaries(&db, position, limit).await
    }
}

#[async_trait]
impl Mailbox for LocalMailbox {
    async fn list(&self, tenant: TenantId, limit: u32) -> Result<Vec<Mail>, Error> {
        let db = self.shared.db(tenant).await?;
        infrastructure::list(&db, limit.min(LISTED_MAX)).await
    }

    async fn read(&self, tenant: TenantId, id: JobId) -> Result<Option<Mail>, Error> {
        let db = self.shared.db(tenant).await?;
        infrastructure::read(&db, id).await
    }
}
