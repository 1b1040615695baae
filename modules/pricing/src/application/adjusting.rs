//! Price adjustments: a job goes through the base prices in short transactions, each of which keeps
//! how far it is, so that a price moves once however often the job is run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::catalog::{CatalogError, ProductRecord};
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, JobId, Money, ProductId, TenantId, VariantId};
use stoa_storage::{Cause, ClaimedJob, Error, IdempotencyKey, NewJob, Result, Tx};

use super::App;
use super::setting::{EditError, claim};
use crate::domain::{
    ADJUSTMENT_ERRORS_MAX, AdjustmentId, AdjustmentTerms, PriceFilter, check_adjustment,
};
use crate::infrastructure::adjustments::{self, AdjustmentRow};
use crate::infrastructure::{self as rows, feed};

const KIND: &str = "pricing.adjustment";
const ATTEMPTS_MAX: u32 = 20;
/// Prices that one transaction looks at.
const PRICES_PER_SLICE: usize = 100;
/// Slices after which a run lets other jobs have their turn.
const SLICES_PER_RUN: usize = 100;
const ACCEPTED: u16 = 202;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Payload {
    adjustment: AdjustmentId,
}

/// An adjustment to begin, once per key.
#[derive(Debug, Clone)]
pub(crate) struct NewAdjustment {
    pub(crate) terms: AdjustmentTerms,
    pub(crate) key: IdempotencyKey,
    pub(crate) cause: Cause,
    /// Makes the answer; kept for later uses of the key.
    pub(crate) answer: fn(AdjustmentId) -> String,
}

/// What the next slice is about, as it was read.
struct Page {
    row: AdjustmentRow,
    /// Whose turn it is, and the products of those that the shop still has.
    variants: Vec<VariantId>,
    products: HashMap<VariantId, ProductId>,
    /// Products in the collection that is asked for.
    collected: HashSet<ProductId>,
}

impl App {
    /// Returns the answer's JSON, the same for every use of the key.
    pub(crate) async fn start_adjustment(
        self: &Arc<Self>,
        tenant: TenantId,
        currency: Currency,
        new: NewAdjustment,
    ) -> Result<String, EditError> {
        check_adjustment(&new.terms)?;
        self.ensure(tenant, currency).await?;
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let now = new.cause.occurred_at;
            if let Some(answer) = claim(tx, &new.key, now).await? {
                return Ok(answer);
            }
            let id: AdjustmentId = app.deps.ids.make(now);
            adjustments::insert(tx, id, &new.terms, &new.cause.actor, now).await?;
            let job_id: JobId = app.deps.ids.make(now);
            let job = NewJob {
                id: job_id,
                kind: KIND,
                unique_key: Some(id.to_string()),
                payload: serde_json::to_value(Payload { adjustment: id }).map_err(Error::from)?,
                run_at: now,
                attempts_max: ATTEMPTS_MAX,
            };
            tx.enqueue_unasked(&job, now).await?;
            let answer = (new.answer)(id);
            tx.store_response(&new.key, ACCEPTED, &answer).await?;
            Ok(answer)
        })
        .await
    }

    /// How far it is, and at most 250 prices that could not move.
    pub(crate) async fn adjustment(
        &self,
        tenant: TenantId,
        id: AdjustmentId,
    ) -> Result<(AdjustmentRow, Vec<(VariantId, String)>), EditError> {
        let db = self.deps.storage.db(tenant).await?;
        let found = db
            .read(async move |tx: &mut Tx<'_>| adjustments::one(tx, id).await)
            .await?;
        let found: AdjustmentRow = found.ok_or(EditError::Missing)?;
        Ok((found, adjustments::refusals(&db, id).await?))
    }

    /// Stops it where it is; what moved already stays moved.
    pub(crate) async fn cancel_adjustment(
        &self,
        tenant: TenantId,
        id: AdjustmentId,
    ) -> Result<(), EditError> {
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = adjustments::lock(tx, id).await?;
            let mut found = found.ok_or(EditError::Missing)?;
            if found.state == "running" {
                found.state = "cancelled".to_owned();
                adjustments::save(tx, &found, now).await?;
            }
            Ok(())
        })
        .await
    }

    /// One transaction's worth; true where there is more to do.
    async fn adjust(
        self: &Arc<Self>,
        tenant: TenantId,
        id: AdjustmentId,
    ) -> Result<bool, CatalogError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        let page = db.read(async move |tx: &mut Tx<'_>| app.next_prices(tx, id).await);
        let Some(page) = page.await? else {
            return Ok(false);
        };
        let chosen = self.chosen(tenant, &page).await?;
        let app = Arc::clone(self);
        db.write_bulk(async move |tx: &mut Tx<'_>| app.move_prices(tx, &page, &chosen).await)
            .await
            .map_err(CatalogError::from)
    }

    async fn next_prices(&self, tx: &mut Tx<'_>, id: AdjustmentId) -> Result<Option<Page>> {
        let found = adjustments::one(tx, id).await?;
        let Some(row) = found.filter(|row| row.state == "running") else {
            return Ok(None);
        };
        let variants = match row.until {
            Some(until) => {
                let limit = PRICES_PER_SLICE as i64;
                adjustments::priced(tx, row.terms.currency, row.after, until, limit).await?
            }
            None => Vec::new(),
        };
        let snapshots = self.catalog.variants(tx, &variants).await?;
        let products: HashMap<VariantId, ProductId> = snapshots
            .iter()
            .map(|snapshot| (snapshot.variant, snapshot.product))
            .collect();
        let mut collected = HashSet::new();
        if let PriceFilter::Collection(wanted) = &row.terms.filter {
            let mut asked: Vec<ProductId> = products.values().copied().collect();
            asked.sort_unstable();
            asked.dedup();
            let held = self.catalog.collections_of(tx, &asked).await?;
            let held = held.into_iter().filter(|(_, handle)| handle == wanted);
            collected.extend(held.map(|(product, _)| product));
        }
        Ok(Some(Page {
            row,
            variants,
            products,
            collected,
        }))
    }

    /// Those of a page that the filter means, in id order.
    async fn chosen(&self, tenant: TenantId, page: &Page) -> Result<Vec<VariantId>, CatalogError> {
        let mut meant = HashMap::<ProductId, bool>::new();
        let mut chosen = Vec::new();
        for variant in &page.variants {
            let Some(product) = page.products.get(variant) else {
                continue;
            };
            let is_meant = match (&page.row.terms.filter, meant.get(product)) {
                (_, Some(known)) => *known,
                (PriceFilter::All, _) => true,
                (PriceFilter::Collection(_), _) => page.collected.contains(product),
                (PriceFilter::Vendor(_) | PriceFilter::Tag(_), _) => {
                    let record = self.record(tenant, *product).await?;
                    record.is_some_and(|record| is_of(&record, &page.row.terms.filter))
                }
            };
            meant.insert(*product, is_meant);
            if is_meant {
                chosen.push(*variant);
            }
        }
        Ok(chosen)
    }

    async fn record(
        &self,
        tenant: TenantId,
        product: ProductId,
    ) -> Result<Option<ProductRecord>, CatalogError> {
        let before = product.as_u128().checked_sub(1).map(ProductId::from_u128);
        let found = self.catalog.records_after(tenant, before, 1).await?;
        Ok(found.into_iter().find(|record| record.id == product))
    }

    /// Moves the chosen prices and the adjustment's place behind their page, both or neither.
    async fn move_prices(
        &self,
        tx: &mut Tx<'_>,
        page: &Page,
        chosen: &[VariantId],
    ) -> Result<bool> {
        // Before the adjustment's row, as whoever sets prices takes it first.
        rows::lock_settings(tx).await?;
        let found = adjustments::lock(tx, page.row.id).await?;
        let Some(mut row) = found.filter(|row| row.state == "running") else {
            return Ok(false);
        };
        if row.after != page.row.after {
            // Another worker went on from the same place.
            return Ok(true);
        }
        let now = self.deps.now();
        let currency = row.terms.currency;
        let mut prices = Vec::with_capacity(chosen.len());
        for (variant, base) in feed::base_prices(tx, chosen, currency).await? {
            row.seen += 1;
            match row.terms.moved(base.amount) {
                Ok(amount) => prices.push(NewPrice {
                    variant,
                    price: Money::new(amount, currency),
                    compare_at: base.compare_at.map(|former| Money::new(former, currency)),
                }),
                Err(error) => {
                    row.failed += 1;
                    if row.failed <= ADJUSTMENT_ERRORS_MAX {
                        adjustments::refuse(tx, row.id, variant, &error.to_string()).await?;
                    }
                }
            }
        }
        if !prices.is_empty() {
            let cause = Cause::new(row.actor.clone(), now);
            row.changed += self.put_prices(tx, &prices, &cause).await? as i64;
        }
        let is_end = page.variants.len() < PRICES_PER_SLICE;
        row.after = page.variants.last().copied().or(row.after);
        if is_end {
            row.state = "done".to_owned();
        }
        adjustments::save(tx, &row, now).await?;
        Ok(!is_end)
    }
}

fn is_of(record: &ProductRecord, filter: &PriceFilter) -> bool {
    match filter {
        PriceFilter::Vendor(name) => record.input.vendor.as_ref() == Some(name),
        PriceFilter::Tag(tag) => record.input.tags.contains(tag),
        PriceFilter::All | PriceFilter::Collection(_) => true,
    }
}

pub(crate) struct AdjustmentJob(pub(crate) Arc<App>);

#[async_trait]
impl JobHandler for AdjustmentJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let payload = match serde_json::from_value::<Payload>(job.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return JobOutcome::Dead(error.to_string()),
        };
        for _ in 0..SLICES_PER_RUN {
            match self.0.adjust(job.tenant, payload.adjustment).await {
                Ok(true) => {}
                Ok(false) => return JobOutcome::Done,
                Err(error) => return JobOutcome::Failed(error.to_string()),
            }
        }
        JobOutcome::Wait(self.0.deps.now())
    }
}
