//! Product JSON that lies finished in the database, so that a page that is not in memory costs one
//! short look-up: emptied with every change, filled again by a job when the shop is at rest. What
//! is not there, or is outdated, is worked out at the read.
//!
//! Nothing outdated is ever kept. A row is made while the product's lock is held, so every change
//! from then on finds it and counts its stamp on, in its own transaction. Who fills a row read its
//! stamp before the product, and writes only where it still is so. What is said of categories
//! stands for one version of the tree, which readers compare.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use moka::sync::Cache;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_kernel::{Currency, JobId, ProductId, TenantId, Timestamp};
use stoa_storage::{ClaimedJob, Committed, Db, Error, NewJob, Result, Tx};

use super::App;
use crate::infrastructure::IDS_PER_STATEMENT;
use crate::infrastructure::answers::{self, Fill, ToFill};

const KIND: &str = "catalog.answers";
/// What it keeps quick stays slow until it is done: it is hardly ever given up.
const ATTEMPTS_MAX: u32 = 1_000;
/// Changes of this long share a job.
const ROUND: Duration = Duration::from_secs(10);
/// It begins so long after its round, and looks again so long after it found a rush.
const RESTS_FOR: Duration = Duration::from_secs(5);
/// A job looks a last time so long after its round. By then every transaction is over that left
/// its change to it: one that began in the round and committed the job lasted 60 s at most, one
/// that found that job planned began 10 s later at most, and lasted no longer.
const SETTLES_AFTER: Duration = Duration::from_secs(150);
/// A rush holds it up for so long at most: as long as an import of some ten million rows.
const HELD_UP_MAX: Duration = Duration::from_secs(30 * 60);
/// More changed products in one second are a rush: somebody imports.
const RUSH: u32 = 64;
const RUSH_LASTS: Duration = Duration::from_secs(3);
/// Well within a lease.
const RUNS_FOR: Duration = Duration::from_secs(15);
/// Products younger than this may still be uncommitted, and are looked for again.
const YOUNG: Duration = Duration::from_secs(120);
/// A product whose id is older than this when it is made is not left to be found: with the
/// longest transaction, 60 s, it might no longer be young.
const DATED_BACK: Duration = Duration::from_secs(30);
/// Rows of one transaction.
const ROWS_PER_SLICE: i64 = 64;
/// Products looked at for missing rows with one statement.
const PRODUCTS_PER_LOOK: i64 = 512;
const SHOPS_MAX: u64 = 10_000;

/// What this process knows of jobs that are planned, and of how busy the cell is.
pub(crate) struct Answering {
    planned: Cache<TenantId, Timestamp>,
    second: AtomicI64,
    changes: AtomicU32,
    /// When there was a rush last, in microseconds.
    rushed: AtomicI64,
    /// Shops whose answers are being filled: two jobs at once would work the same rows out.
    working: Mutex<HashSet<TenantId>>,
}

/// The shop is worked for until this goes.
struct Working<'a> {
    answering: &'a Answering,
    tenant: TenantId,
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.answering.working.lock().remove(&self.tenant);
    }
}

impl Answering {
    pub(crate) fn new() -> Self {
        Self {
            planned: Cache::new(SHOPS_MAX),
            second: AtomicI64::new(0),
            changes: AtomicU32::new(0),
            rushed: AtomicI64::new(i64::MIN),
            working: Mutex::default(),
        }
    }

    /// `None` while another job works for the shop.
    fn begin(&self, tenant: TenantId) -> Option<Working<'_>> {
        let begun = self.working.lock().insert(tenant);
        begun.then(|| Working {
            answering: self,
            tenant,
        })
    }

    /// What a transaction of this process left behind; `changes` products are among it.
    pub(crate) fn on_commit(&self, committed: &[Committed], changes: u32, now: Timestamp) {
        for each in committed {
            if let Committed::Job { tenant, kind: KIND } = each {
                self.planned.insert(*tenant, now);
            }
        }
        self.on_changes(changes, now);
    }

    /// So many products changed, in this process or in another.
    pub(crate) fn on_changes(&self, changes: u32, now: Timestamp) {
        const MICROS: i64 = 1_000_000;
        if changes == 0 {
            return;
        }
        let second = now.micros() / MICROS;
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.changes.store(0, Ordering::Relaxed);
        }
        let before = self.changes.fetch_add(changes, Ordering::Relaxed);
        if before.saturating_add(changes) > RUSH {
            self.rushed.store(now.micros(), Ordering::Relaxed);
        }
    }

    fn in_rush(&self, now: Timestamp) -> bool {
        let rushed = self.rushed.load(Ordering::Relaxed);
        rushed != i64::MIN && now.since(Timestamp::from_micros(rushed)) < RUSH_LASTS
    }

    fn is_planned(&self, tenant: TenantId, now: Timestamp) -> bool {
        let planned = self.planned.get(&tenant);
        planned.is_some_and(|at| Round::number(at) == Round::number(now))
    }
}

/// The first change of a round.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Round {
    began: Timestamp,
}

impl Round {
    fn number(now: Timestamp) -> i64 {
        now.micros() / ROUND.as_micros() as i64
    }

    fn ends_at(self) -> Timestamp {
        let ends = (Self::number(self.began) + 1).saturating_mul(ROUND.as_micros() as i64);
        Timestamp::from_micros(ends)
    }

    fn settles_at(self) -> Timestamp {
        self.ends_at().plus(SETTLES_AFTER)
    }
}

/// How far a run came.
#[derive(Debug, PartialEq, Eq)]
enum Run {
    /// Somebody imports: later.
    HeldUp,
    /// It ran for long enough under its lease, and goes on under another.
    More,
    Done,
}

impl App {
    /// Empties the answers of products that changed, and leaves filling them to the job. The
    /// caller holds the products' locks.
    pub(crate) async fn outdate_answers(
        &self,
        tx: &mut Tx<'_>,
        products: &[ProductId],
    ) -> Result<()> {
        if products.is_empty() {
            return Ok(());
        }
        answers::outdate(tx, products).await?;
        self.plan_answers(tx).await
    }

    /// As [`Self::outdate_answers`], of a product that this transaction makes: there is nothing to
    /// empty, and the job finds it by its id.
    pub(crate) async fn expect_answer(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        made_at: Timestamp,
    ) -> Result<()> {
        // Its id is of a time that the job may have looked at already.
        if self.deps.now().since(made_at) > DATED_BACK {
            answers::add(tx, &[product]).await?;
        }
        self.plan_answers(tx).await
    }

    /// Has the job look for products without an answer. Costs nothing while one is planned.
    pub(crate) async fn plan_answers(&self, tx: &mut Tx<'_>) -> Result<()> {
        let now = self.deps.now();
        if self.answering.is_planned(tx.tenant(), now) {
            return Ok(());
        }
        let id: JobId = self.deps.ids.make(now);
        let round = Round { began: now };
        let job = NewJob {
            id,
            kind: KIND,
            unique_key: Some(Round::number(now).to_string()),
            payload: serde_json::to_value(round)?,
            run_at: round.ends_at().plus(RESTS_FOR),
            attempts_max: ATTEMPTS_MAX,
        };
        tx.enqueue_unasked(&job, now).await
    }

    /// Fills all answers that are due, as long as nobody imports.
    async fn fill_answers(self: &Arc<Self>, tenant: TenantId, round: Round) -> Result<Run> {
        let currency = self.deps.storage.tenant(tenant).await?.currency;
        let db = self.deps.storage.db(tenant).await?;
        let nobody = ProductId::from_u128(0);
        let known = answers::known(&db).await?.unwrap_or(nobody);
        let (mut after, mut looked) = (nobody, known);
        // The first product that has no row although it was looked for.
        let mut missed: Option<ProductId> = None;
        let mut tree_done = false;
        let began = self.deps.now();
        let run = loop {
            if self.is_held_up(round) {
                break Run::HeldUp;
            }
            if self.deps.now().since(began) > RUNS_FOR {
                break Run::More;
            }
            let rows = answers::due(&db, after, ROWS_PER_SLICE).await?;
            if let Some(last) = rows.last() {
                after = last.product;
                self.fill_slice(&db, currency, rows).await?;
                continue;
            }
            if !tree_done {
                let rows = answers::of_old_tree(&db, ROWS_PER_SLICE).await?;
                // Where none could be filled, they changed meanwhile, and are due.
                tree_done = rows.is_empty() || self.fill_slice(&db, currency, rows).await? == 0;
                continue;
            }
            let products = answers::products_after(&db, looked, PRODUCTS_PER_LOOK).await?;
            let Some((last, _)) = products.last() else {
                break Run::Done;
            };
            looked = *last;
            let new: Vec<ProductId> = products
                .iter()
                .filter(|(_, has_row)| !has_row)
                .map(|(id, _)| *id)
                .collect();
            if let Some(first) = self.add_rows(&db, new).await? {
                missed = missed.or(Some(first));
            }
            after = nobody;
        };
        self.keep_known(&db, known, looked, missed).await?;
        Ok(run)
    }

    fn is_held_up(&self, round: Round) -> bool {
        let now = self.deps.now();
        now < round.began.plus(HELD_UP_MAX) && self.answering.in_rush(now)
    }

    /// Works the answers out, and keeps those whose products did not change meanwhile; returns how
    /// many.
    async fn fill_slice(
        self: &Arc<Self>,
        db: &Db,
        currency: Currency,
        rows: Vec<ToFill>,
    ) -> Result<u64> {
        let mut filled = Vec::with_capacity(rows.len());
        for row in rows {
            let fill = self.fill_of(db, currency, &row).await?;
            filled.push((row, fill));
        }
        filled.sort_unstable_by_key(|(row, _)| row.product);
        db.write_bulk(async move |tx: &mut Tx<'_>| answers::fill(tx, currency, &filled).await)
            .await
    }

    async fn fill_of(&self, db: &Db, currency: Currency, row: &ToFill) -> Result<Fill> {
        let Some(handle) = &row.handle else {
            return Ok(Fill::Gone);
        };
        let made = match self.worked_out(db, handle, currency, None).await {
            Ok(made) => made,
            // Reads fail for it too; the others are not to wait for it.
            Err(error @ Error::Json { .. }) => {
                tracing::error!(%error, product = %row.product, "no answer can be made");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(match made {
            Some(made) if made.product.id == row.product => Fill::Answer {
                handle: handle.clone(),
                tree: made.tree,
                dates: made.product.dates,
                tag: made.product.tag.text().to_owned(),
                body: made.product.body,
            },
            _ => Fill::Nothing,
        })
    }

    /// Makes rows for these products; answers the first that got none.
    async fn add_rows(
        self: &Arc<Self>,
        db: &Db,
        products: Vec<ProductId>,
    ) -> Result<Option<ProductId>> {
        if products.is_empty() {
            return Ok(None);
        }
        db.write_bulk(async move |tx: &mut Tx<'_>| {
            let mut missed = None;
            for chunk in products.chunks(IDS_PER_STATEMENT) {
                let added = answers::add(tx, chunk).await?;
                if added < chunk.len() as u64 {
                    missed = missed.or(chunk.first().copied());
                }
            }
            Ok(missed)
        })
        .await
    }

    /// Keeps up to which product all have rows.
    async fn keep_known(
        &self,
        db: &Db,
        known: ProductId,
        looked: ProductId,
        missed: Option<ProductId>,
    ) -> Result<()> {
        let young = ProductId::from_parts(self.deps.now().minus(YOUNG).unix_ms(), 0);
        let before = |id: ProductId| ProductId::from_u128(id.as_u128().saturating_sub(1));
        let now_known = looked
            .min(young)
            .min(missed.map_or(looked, before))
            .max(known);
        if now_known == known {
            return Ok(());
        }
        db.write_bulk(async move |tx: &mut Tx<'_>| answers::know(tx, now_known).await)
            .await
    }
}

pub(crate) struct AnswerJob(pub(crate) Arc<App>);

#[async_trait]
impl JobHandler for AnswerJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let round = match serde_json::from_value::<Round>(job.payload.clone()) {
            Ok(round) => round,
            Err(error) => return JobOutcome::Dead(error.to_string()),
        };
        let began = self.0.deps.now();
        let Some(_working) = self.0.answering.begin(job.tenant) else {
            return JobOutcome::Wait(began.plus(RESTS_FOR));
        };
        match self.0.fill_answers(job.tenant, round).await {
            Ok(Run::HeldUp) => JobOutcome::Wait(self.0.deps.now().plus(RESTS_FOR)),
            Ok(Run::More) => JobOutcome::Wait(self.0.deps.now()),
            Ok(Run::Done) if began < round.settles_at() => JobOutcome::Wait(round.settles_at()),
            Ok(Run::Done) => JobOutcome::Done,
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
