//! From "an order was paid" to one mail in the mailbox. Holds no SQL and no wording.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_bus::{Consumer, HandlerError, JobHandler, JobOutcome};
use stoa_contracts::Deps;
use stoa_contracts::notify::{Mail, Mailbox};
use stoa_contracts::orders::{OrderError, OrderPaid, Orders};
use stoa_kernel::{Envelope, Fact as _, JobId, OrderId, TenantId, Timestamp};
use stoa_storage::{ClaimedJob, Error, NewJob, Tx};

use crate::domain::Letters;
use crate::infrastructure;

const SEND_MAIL: &str = "notify.send_mail";
const ATTEMPTS_MAX: u32 = 10;
/// Mails are kept this long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Old mails removed with each new one: more than one, so that a backlog shrinks.
const REMOVED_AT_ONCE_MAX: i64 = 20;
/// Mails given out at once, however many are asked for.
const LISTED_MAX: u32 = 250;

/// What a job carries: an id, never a name or an address.
#[derive(Debug, Serialize, Deserialize)]
struct SendConfirmation {
    order: OrderId,
}

/// A mail in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct MailSummary {
    pub(crate) id: JobId,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) sent_at: Timestamp,
}

/// The last mail seen: when it was sent, in microseconds, and its id.
pub(crate) type MailPosition = (i64, JobId);

/// Hears that an order was paid and leaves the writing to a job.
pub(crate) struct OrderConfirmation {
    deps: Deps,
}

impl OrderConfirmation {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps }
    }
}

#[async_trait]
impl Consumer for OrderConfirmation {
    fn name(&self) -> &'static str {
        "notify.order_confirmation"
    }

    fn subjects(&self) -> Vec<String> {
        vec![OrderPaid::subject()]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        let Some(paid) = event.fact::<OrderPaid>().map_err(Error::from)? else {
            return Ok(());
        };
        let now = self.deps.now();
        let job = NewJob {
            id: self.deps.ids.make(now),
            kind: SEND_MAIL,
            unique_key: Some(paid.order.to_string()),
            payload: serde_json::to_value(SendConfirmation { order: paid.order })
                .map_err(Error::from)?,
            run_at: now,
            attempts_max: ATTEMPTS_MAX,
        };
        tx.enqueue(&job, now).await?;
        Ok(())
    }
}

/// Writes the letter and puts it into the mailbox.
pub(crate) struct MailSender {
    deps: Deps,
    orders: Arc<dyn Orders>,
    letters: Letters,
}

impl MailSender {
    pub(crate) fn new(deps: Deps, orders: Arc<dyn Orders>) -> Self {
        Self {
            deps,
            orders,
            letters: Letters::new(),
        }
    }

    async fn send(&self, tenant: TenantId, id: JobId, order: OrderId) -> Result<(), SendError> {
        let view = self.orders.view(tenant, order).await?;
        let shop = self.deps.storage.tenant(tenant).await?.name;
        let token = self.orders.token(tenant, order);
        let letter = self.letters.order_confirmation(&shop, &view, &token)?;
        let dedupe_key = format!("order_confirmation:{order}");
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if infrastructure::insert(tx, id, &dedupe_key, &letter, now).await? {
                infrastructure::remove_old(tx, now.minus(KEPT), REMOVED_AT_ONCE_MAX).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
        Ok(())
    }
}

/// Why a mail was not sent. Says nothing that the letter would say.
enum SendError {
    /// Trying again gives the same.
    Never(String),
    Later(Error),
}

impl From<Error> for SendError {
    fn from(error: Error) -> Self {
        Self::Later(error)
    }
}
impl From<OrderError> for SendError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Storage(error) => Self::Later(error),
            OrderError::NotFound | OrderError::Transition { .. } | OrderError::Invalid { .. } => {
                Self::Never(error.to_string())
            }
        }
    }
}
impl From<minijinja::Error> for SendError {
    fn from(error: minijinja::Error) -> Self {
        // Its long form shows the values of the letter.
        Self::Never(format!("the template failed: {}", error.kind()))
    }
}

#[async_trait]
impl JobHandler for MailSender {
    fn kind(&self) -> &'static str {
        SEND_MAIL
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let Ok(SendConfirmation { order }) = SendConfirmation::deserialize(&job.payload) else {
            return JobOutcome::Dead("the payload names no order".to_owned());
        };
        match self.send(job.tenant, job.id, order).await {
            Ok(()) => {
                tracing::debug!(tenant = %job.tenant, %order, "order confirmation sent");
                JobOutcome::Done
            }
            Err(SendError::Never(reason)) => JobOutcome::Dead(reason),
            Err(SendError::Later(error)) => JobOutcome::Failed(error.to_string()),
        }
    }
}

/// The mailbox kept in the tenant's own cell.
pub(crate) struct LocalMailbox {
    deps: Deps,
}

impl LocalMailbox {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps }
    }

    pub(crate) async fn summaries(
        &self,
        tenant: TenantId,
        position: Option<MailPosition>,
        limit: i64,
    ) -> Result<Vec<MailSummary>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::summaries(&db, position, limit).await
    }
}

#[async_trait]
impl Mailbox for LocalMailbox {
    async fn list(&self, tenant: TenantId, limit: u32) -> Result<Vec<Mail>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::list(&db, limit.min(LISTED_MAX)).await
    }

    async fn read(&self, tenant: TenantId, id: JobId) -> Result<Option<Mail>, Error> {
        let db = self.deps.storage.db(tenant).await?;
        infrastructure::read(&db, id).await
    }
}
