//! What a change of the tree or of a rule leaves to be done: a job goes through the products in
//! short transactions and works out anew which groups hold each of them.
//!
//! It goes through them twice. A product that was being made, or being put into a category, while
//! the change was committed is not to be seen the first time; a while later it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{JobHandler, JobOutcome};
use stoa_kernel::{JobId, ProductId, TenantId, Timestamp};
use stoa_storage::{Cause, ClaimedJob, NewJob, Result, Tx};

use super::App;
use crate::domain::CategoryId;
use crate::infrastructure::members::GroupId;
use crate::infrastructure::regroup::{self, Reason, Work};
use crate::infrastructure::{categories, shape};

const KIND: &str = "catalog.regroup";
/// What it keeps current stays wrong until it is done: it is hardly ever given up.
const ATTEMPTS_MAX: u32 = 1_000;
/// Longer than a transaction may take.
const SECOND_PASS_AFTER: Duration = Duration::from_secs(60);
/// Products of one transaction.
const PRODUCTS_PER_SLICE: i64 = 64;

/// What a slice left.
enum Left {
    More,
    Later(Timestamp),
    Nothing,
}

impl App {
    /// Leaves it to the job to work out the members of these groups anew. `stamp` tells one change
    /// from the next: a job that is about to end must not swallow it.
    pub(crate) async fn plan_regroup(
        &self,
        tx: &mut Tx<'_>,
        owners: &[GroupId],
        reason: Reason,
        stamp: &str,
        now: Timestamp,
    ) -> Result<()> {
        if owners.is_empty() {
            return Ok(());
        }
        regroup::begin(tx, owners, reason, now).await?;
        let id: JobId = self.deps.ids.make(now);
        let job = NewJob {
            id,
            kind: KIND,
            unique_key: Some(stamp.to_owned()),
            payload: serde_json::Value::Null,
            run_at: now,
            attempts_max: ATTEMPTS_MAX,
        };
        tx.enqueue(&job, now).await.map(|_| ())
    }

    async fn regroup_slice(self: &Arc<Self>, tenant: TenantId) -> Result<Left> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            let now = app.deps.now();
            let Some(mut work) = regroup::next(tx).await? else {
                return Ok(Left::Nothing);
            };
            if work.due_at > now {
                return Ok(Left::Later(work.due_at));
            }
            let products = regroup::products(tx, &work, PRODUCTS_PER_SLICE).await?;
            let told = app.regroup_these(tx, &work, &products, now).await?;
            work.seen += products.len() as i64;
            work.changed += told as i64;
            match products.last() {
                Some((last, _)) if products.len() as i64 == PRODUCTS_PER_SLICE => {
                    work.after = *last;
                    regroup::save(tx, &work).await?;
                }
                _ if work.pass == 1 => {
                    turn_to_second_pass(&mut work);
                    regroup::save(tx, &work).await?;
                }
                _ => {
                    if work.reason == Reason::Category {
                        categories::forget(tx, category_of(work.owner)).await?;
                    }
                    regroup::end(tx, work.owner).await?;
                }
            }
            Ok(Left::More)
        })
        .await
    }

    /// Returns how many of them were told as changed.
    async fn regroup_these(
        &self,
        tx: &mut Tx<'_>,
        work: &Work,
        products: &[(ProductId, String)],
        now: Timestamp,
    ) -> Result<usize> {
        let ids: Vec<ProductId> = products.iter().map(|(id, _)| *id).collect();
        // Read under the products' locks.
        let shape = shape::read(tx).await?;
        let tree = self
            .tree_in(tx, shape.map(|shape| shape.tree).unwrap_or_default())
            .await?;
        // Who reads them sees other words, or another place, even where no row of theirs changes.
        let mut all = work.pass == 1 && work.reason == Reason::Category;
        match work.reason {
            Reason::Purge => {
                regroup::purge(tx, work.owner, &ids).await?;
                all = true;
            }
            Reason::Category => {
                if let Some(heir) = tree.heir(category_of(work.owner)) {
                    regroup::rehome(tx, &ids, heir, now).await?;
                    all = true;
                }
            }
            Reason::Rule => {}
        }
        let changed = self.regroup(tx, shape, &ids).await?;
        let told: Vec<(ProductId, String)> = products
            .iter()
            .filter(|(id, _)| all || changed.contains(id))
            .cloned()
            .collect();
        self.tell_all(tx, &told, &Cause::system(now)).await?;
        Ok(told.len())
    }
}

fn turn_to_second_pass(work: &mut Work) {
    work.pass = 2;
    work.due_at = work.began_at.plus(SECOND_PASS_AFTER);
    let margin = u64::try_from(SECOND_PASS_AFTER.as_millis()).unwrap_or(u64::MAX);
    let began = u64::try_from(work.began_at.micros() / 1_000).unwrap_or_default();
    work.after = match work.reason {
        // Ids begin with their time: those made before were there to be seen.
        Reason::Rule => ProductId::from_parts(began.saturating_sub(margin), 0),
        Reason::Category | Reason::Purge => ProductId::from_u128(0),
    };
}

fn category_of(owner: GroupId) -> CategoryId {
    CategoryId::from_u128(u128::from_be_bytes(owner))
}

pub(crate) struct RegroupJob(pub(crate) Arc<App>);

#[async_trait]
impl JobHandler for RegroupJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        loop {
            match self.0.regroup_slice(job.tenant).await {
                Ok(Left::More) => {}
                Ok(Left::Later(at)) => return JobOutcome::Wait(at),
                Ok(Left::Nothing) => return JobOutcome::Done,
                Err(error) => return JobOutcome::Failed(error.to_string()),
            }
        }
    }
}
