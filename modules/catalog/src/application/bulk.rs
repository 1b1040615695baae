//! Bulk operations: a job goes through the products in short transactions, each of which keeps how
//! far it is, so that a product is changed once however often the job is run.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_kernel::{JobId, ProductId, TenantId};
use stoa_storage::{Cause, ClaimedJob, Error, NewJob, Result, Tx};

use super::{App, Draft, EditError};
use crate::domain::{BULK_ERRORS_MAX, BulkAction, BulkId, BulkRequest, Flaw, check_bulk};
use crate::infrastructure::bulk::{self, BulkRow};
use crate::infrastructure::{products, shape};

const KIND: &str = "catalog.bulk";
const ATTEMPTS_MAX: u32 = 20;
/// Products changed in one transaction.
const CHANGES_PER_SLICE: usize = 5;
/// Products that a filter looks at in one transaction.
const LOOKS_PER_SLICE: i64 = 200;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Payload {
    bulk: BulkId,
}

impl App {
    pub(crate) async fn start_bulk(
        self: &Arc<Self>,
        tenant: TenantId,
        request: BulkRequest,
        cause: Cause,
    ) -> Result<BulkId, EditError> {
        check_bulk(&request)?;
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if let BulkAction::SetCategory {
                category: Some(handle),
            } = &request.action
            {
                let shape = shape::read(tx).await?;
                let version = shape.map(|shape| shape.tree).unwrap_or_default();
                if app.tree_in(tx, version).await?.by_handle(handle).is_none() {
                    return Err(Flaw::new("action.category", "is the handle of no category").into());
                }
            }
            let now = cause.occurred_at;
            let id: BulkId = app.deps.ids.make(now);
            bulk::insert(tx, id, &request, &cause.actor, now).await?;
            let job_id: JobId = app.deps.ids.make(now);
            let job = NewJob {
                id: job_id,
                kind: KIND,
                unique_key: Some(id.to_string()),
                payload: serde_json::to_value(Payload { bulk: id }).map_err(Error::from)?,
                run_at: now,
                attempts_max: ATTEMPTS_MAX,
            };
            tx.enqueue(&job, now).await?;
            Ok(id)
        })
        .await
    }

    /// Stops it where it is; what is changed already stays changed.
    pub(crate) async fn cancel_bulk(
        &self,
        tenant: TenantId,
        id: BulkId,
    ) -> Result<BulkRow, EditError> {
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let mut found = bulk::lock(tx, id).await?.ok_or(EditError::NotFound)?;
            if found.state == "running" {
                found.state = "cancelled".to_owned();
                bulk::save(tx, &found, now).await?;
            }
            Ok(found)
        })
        .await
    }

    pub(crate) async fn bulk_progress(
        &self,
        tenant: TenantId,
        id: BulkId,
    ) -> Result<(BulkRow, Vec<(ProductId, String)>), EditError> {
        let db = self.deps.storage.db(tenant).await?;
        let found = bulk::read(&db, id).await?.ok_or(EditError::NotFound)?;
        Ok((found, bulk::refusals(&db, id).await?))
    }

    /// One transaction's worth; true where there is more to do.
    async fn bulk_slice(self: &Arc<Self>, tenant: TenantId, id: BulkId) -> Result<bool, EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            let Some(mut found) = bulk::lock(tx, id).await? else {
                return Ok(false);
            };
            if found.state != "running" {
                return Ok(false);
            }
            let now = app.deps.now();
            let cause = Cause::new(found.actor.clone(), now);
            let (products, is_end) = next(tx, &mut found).await?;
            for product in products {
                found.seen += 1;
                match app.bulk_one(tx, &found, product, &cause).await {
                    Ok(true) => found.changed += 1,
                    Ok(false) => {}
                    Err(EditError::Storage(error)) => return Err(error.into()),
                    Err(refused) => {
                        found.failed += 1;
                        if found.failed <= BULK_ERRORS_MAX {
                            bulk::refuse(tx, id, product, &refused.to_string()).await?;
                        }
                    }
                }
            }
            if is_end {
                found.state = "done".to_owned();
            }
            bulk::save(tx, &found, now).await?;
            Ok(!is_end)
        })
        .await
    }

    /// True where the product was changed. What it refuses it refuses before it writes.
    async fn bulk_one(
        &self,
        tx: &mut Tx<'_>,
        bulk: &BulkRow,
        id: ProductId,
        cause: &Cause,
    ) -> Result<bool, EditError> {
        let found = products::lock_by_id(tx, id)
            .await?
            .ok_or(EditError::NotFound)?;
        let now = products::whole(tx, id).await?.ok_or(EditError::NotFound)?;
        let action = &bulk.request.action;
        let Some((input, extras)) = action.apply(now.input.clone(), now.extras.clone()) else {
            self.delete_in(tx, &found, cause).await?;
            return Ok(true);
        };
        if input == now.input && extras == now.extras {
            return Ok(false);
        }
        let draft = Draft {
            input,
            ids: now.variants.iter().map(|(id, _)| Some(*id)).collect(),
            extras,
        };
        super::editing::check_draft(&draft, Some(now.extras.standing.kind))?;
        self.put_draft(tx, &found, &now, &draft, cause).await?;
        Ok(true)
    }
}

/// The next products of a bulk operation, whose place moves behind them, and whether these are the
/// last.
async fn next(tx: &mut Tx<'_>, found: &mut BulkRow) -> Result<(Vec<ProductId>, bool)> {
    let Some(filter) = &found.request.filter else {
        let begun = usize::try_from(found.place).unwrap_or(usize::MAX);
        let left = found.request.ids.get(begun..).unwrap_or_default();
        let some: Vec<ProductId> = left.iter().copied().take(CHANGES_PER_SLICE).collect();
        found.place += some.len() as i64;
        return Ok((some.clone(), some.len() == left.len()));
    };
    let rows = bulk::candidates(tx, found.after, LOOKS_PER_SLICE).await?;
    let mut is_end = (rows.len() as i64) < LOOKS_PER_SLICE;
    let mut some = Vec::new();
    for row in rows {
        if some.len() == CHANGES_PER_SLICE {
            is_end = false;
            break;
        }
        found.after = Some(row.id);
        if filter.holds(&row) {
            some.push(row.id);
        }
    }
    Ok((some, is_end))
}

pub(crate) struct BulkJob(pub(crate) Arc<App>);

#[async_trait]
impl JobHandler for BulkJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let payload = match serde_json::from_value::<Payload>(job.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return JobOutcome::Dead(error.to_string()),
        };
        loop {
            match self.0.bulk_slice(job.tenant, payload.bulk).await {
                Ok(true) => {}
                Ok(false) => return JobOutcome::Done,
                Err(error) => return JobOutcome::Failed(error.to_string()),
            }
        }
    }
}
