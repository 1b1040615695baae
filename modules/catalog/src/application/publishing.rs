//! Products that come and go by date: a job at that time moves them. Readers look at the dates
//! themselves, so that a job whose clock is ahead shows nothing early.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::catalog::ProductStatus;
use stoa_kernel::{JobId, ProductId, TenantId, Timestamp};
use stoa_storage::{Cause, ClaimedJob, NewJob, Result, Tx};

use super::App;
use crate::domain::{Standing, status_word};
use crate::infrastructure::products;

const KIND: &str = "catalog.publishing";
/// What it keeps current stays wrong until it is done: it is hardly ever given up.
const ATTEMPTS_MAX: u32 = 1_000;

/// One product, one moment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Turn {
    product: ProductId,
    at: Timestamp,
}

impl App {
    /// Enqueues a job for each moment at which the product turns.
    pub(crate) async fn plan_turns(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<()> {
        for at in standing.turns(now) {
            let id: JobId = self.deps.ids.make(now);
            let job = NewJob {
                id,
                kind: KIND,
                unique_key: Some(format!("{product}:{}", at.micros())),
                payload: serde_json::to_value(Turn { product, at })?,
                run_at: at,
                attempts_max: ATTEMPTS_MAX,
            };
            tx.enqueue(&job, now).await?;
        }
        Ok(())
    }

    /// Lets the product stand as its dates say now; true where `turn`'s moment is still to come.
    async fn turn(self: &Arc<Self>, tenant: TenantId, turn: Turn) -> Result<bool> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            let now = app.deps.now();
            let Some(found) = products::lock_by_id(tx, turn.product).await? else {
                return Ok(false);
            };
            let shown = found.standing.shown(found.set_status, now);
            if shown != found.status {
                let set = (shown != found.set_status).then_some(status_word(found.set_status));
                products::stand(tx, found.id, status_word(shown), set).await?;
                let cause = Cause::system(now);
                app.tell(tx, found.id, &found.handle, &cause).await?;
            }
            let waits = found.set_status == ProductStatus::Active;
            Ok(waits && found.standing.turns(now).any(|at| at == turn.at))
        })
        .await
    }
}

pub(crate) struct PublishingJob(pub(crate) Arc<App>);

#[async_trait]
impl JobHandler for PublishingJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let turn = match serde_json::from_value::<Turn>(job.payload.clone()) {
            Ok(turn) => turn,
            Err(error) => return JobOutcome::Dead(error.to_string()),
        };
        match self.0.turn(job.tenant, turn).await {
            Ok(false) => JobOutcome::Done,
            // This clock is behind the one that leased the job.
            Ok(true) => JobOutcome::Wait(turn.at),
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}
