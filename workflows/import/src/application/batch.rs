//! A few products landed in one transaction, together with the run's position: each lands once.

use std::sync::Arc;

use stoa_contracts::catalog::{CatalogError, UpsertOutcome};
use stoa_contracts::inventory::InitialLevel;
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::ImportId;
use stoa_storage::{Cause, Db, Error, Tx};

use super::{ISSUES_PER_IMPORT_MAX, Peers};
use crate::domain::{Landing, join_parts};
use crate::infrastructure::{self as store, Gain};
use crate::inventory::CountRow;
use crate::shopify::{ProductDraft, RowIssue, Severity};

/// One group of rows, and what is to be done with it.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) ordinal: i64,
    pub(super) rows: i64,
    pub(super) handle: Option<String>,
    pub(super) line: u64,
    pub(super) work: Work,
    pub(super) issues: Vec<RowIssue>,
    pub(super) issues_dropped: u64,
}

#[derive(Clone)]
pub(super) enum Work {
    /// Nothing lands; the issues say why.
    Reject,
    Land(Box<Landing>),
    /// More of this product comes later in the file.
    Hold(Box<ProductDraft>),
    /// The last of a product whose earlier parts are held.
    Join(Box<ProductDraft>),
    /// A level of stock.
    Count(Box<CountRow>),
}

/// Products that follow each other, to land in one transaction.
#[derive(Clone)]
pub(super) struct Batch {
    pub(super) import: ImportId,
    pub(super) set_stock: bool,
    /// Where the run stands before it.
    pub(super) position: i64,
    pub(super) items: Vec<Item>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LandError {
    /// The run is elsewhere or over: another worker has moved it on.
    #[error("another worker has taken the import over")]
    Overtaken,
    /// The item at `index` cannot be kept.
    #[error("item {index}: {reason}")]
    Refused { index: usize, reason: String },
    /// One item or another cannot be kept; the database does not say which.
    #[error("{reason}")]
    SomeRefused { reason: String },
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Batch {
    pub(super) fn next_position(&self) -> i64 {
        self.items
            .last()
            .map_or(self.position, |item| item.ordinal + 1)
    }

    /// Lands the batch; items that a module refuses are reported and the others land. Returns
    /// where the run stands after it.
    pub(super) async fn land(
        self,
        db: &Db,
        peers: &Arc<Peers>,
        cause: &Cause,
    ) -> Result<i64, LandError> {
        let next = self.next_position();
        let mut waiting = vec![self];
        while let Some(batch) = waiting.pop() {
            let Some((batch, reason)) = batch.land_or_refuse(db, peers, cause).await? else {
                continue;
            };
            if batch.items.len() == 1 {
                let mut alone = batch;
                alone.items[0].refuse(&reason);
                waiting.push(alone);
            } else {
                // One by one, the culprit is found; last in, first out.
                waiting.extend(batch.one_by_one().into_iter().rev());
            }
        }
        Ok(next)
    }

    fn one_by_one(self) -> Vec<Self> {
        let mut position = self.position;
        let alone = |item: Item| {
            let at = std::mem::replace(&mut position, item.ordinal + 1);
            Self {
                import: self.import,
                set_stock: self.set_stock,
                position: at,
                items: vec![item],
            }
        };
        self.items.into_iter().map(alone).collect()
    }

    /// Gives the batch back where one item or another is refused and nobody says which.
    async fn land_or_refuse(
        mut self,
        db: &Db,
        peers: &Arc<Peers>,
        cause: &Cause,
    ) -> Result<Option<(Self, String)>, LandError> {
        loop {
            let batch = Arc::new(self);
            let (ours, peers, cause) = (Arc::clone(&batch), Arc::clone(peers), cause.clone());
            let landed = db
                .write_bulk(async move |tx: &mut Tx<'_>| {
                    Landed::new(&ours).land(tx, &peers, &cause).await
                })
                .await;
            match landed {
                Ok(()) => return Ok(None),
                // Nothing of it was kept, so the rest may land without the one refused.
                Err(LandError::Refused { index, reason }) => {
                    self = Arc::unwrap_or_clone(batch);
                    self.items[index].refuse(&reason);
                }
                Err(LandError::SomeRefused { reason }) => {
                    return Ok(Some((Arc::unwrap_or_clone(batch), reason)));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Item {
    fn refuse(&mut self, reason: &str) {
        self.work = Work::Reject;
        self.issues.push(RowIssue {
            line: self.line,
            column: None,
            value_excerpt: self.handle.clone().unwrap_or_default(),
            reason: reason.to_owned(),
            severity: Severity::Error,
        });
    }
}

/// What one transaction has done so far.
pub(super) struct Landed<'b> {
    pub(super) batch: &'b Batch,
    pub(super) gain: Gain,
    pub(super) issues: Vec<RowIssue>,
    prices: Vec<NewPrice>,
    levels: Vec<InitialLevel>,
}

impl<'b> Landed<'b> {
    fn new(batch: &'b Batch) -> Self {
        Self {
            batch,
            gain: Gain::default(),
            issues: Vec::new(),
            prices: Vec::new(),
            levels: Vec::new(),
        }
    }

    async fn land(
        mut self,
        tx: &mut Tx<'_>,
        peers: &Peers,
        cause: &Cause,
    ) -> Result<(), LandError> {
        let batch = self.batch;
        let kept = store::lock_at(tx, batch.import, batch.position).await?;
        let issues_kept = kept.ok_or(LandError::Overtaken)?;
        for (index, item) in batch.items.iter().enumerate() {
            self.item(tx, peers, cause, index, item).await?;
        }
        self.counts(tx, peers, cause).await?;
        // In id order, so that two writers of the same rows wait for one another.
        self.prices
            .sort_unstable_by_key(|each| (each.variant, each.price.currency));
        self.levels.sort_unstable_by_key(|level| level.variant);
        if !self.prices.is_empty() {
            let set = peers.pricing.set_prices(tx, &self.prices, cause).await;
            set.map_err(some_refused)?;
        }
        if !self.levels.is_empty() {
            let inventory = &peers.inventory;
            let set = inventory.set_initial(tx, &self.levels, batch.set_stock, cause);
            set.await.map_err(some_refused)?;
        }
        let room = (ISSUES_PER_IMPORT_MAX - issues_kept).max(0);
        let found = self.issues.len();
        self.issues
            .truncate(usize::try_from(room).unwrap_or_default());
        self.gain.issues_dropped += (found - self.issues.len()) as i64;
        self.gain.issues_kept = self.issues.len() as i64;
        if !self.issues.is_empty() {
            store::insert_issues(tx, batch.import, issues_kept + 1, &self.issues).await?;
        }
        let (next, now) = (batch.next_position(), cause.occurred_at);
        store::advance(tx, batch.import, next, &self.gain, now).await?;
        Ok(())
    }

    async fn item(
        &mut self,
        tx: &mut Tx<'_>,
        peers: &Peers,
        cause: &Cause,
        index: usize,
        item: &Item,
    ) -> Result<(), LandError> {
        self.gain.rows += item.rows;
        self.gain.issues_dropped += i64::try_from(item.issues_dropped).unwrap_or(i64::MAX);
        self.issues.extend_from_slice(&item.issues);
        match &item.work {
            // A row that belongs to no product rejects none.
            Work::Reject => self.gain.products.rejected += i64::from(item.handle.is_some()),
            Work::Hold(draft) => {
                store::hold_part(tx, self.batch.import, item.ordinal, draft).await?;
            }
            // All rows of the batch at once, when it is gone through.
            Work::Count(_) => {}
            Work::Land(landing) => self.product(tx, peers, cause, index, landing).await?,
            Work::Join(last) => {
                let held = store::take_parts(tx, self.batch.import, &last.handle).await?;
                let last = ProductDraft::clone(last);
                let joined = join_parts(held.into_iter().chain([last]));
                let refused = || LandError::Refused {
                    index,
                    reason: "continues a product whose first rows are not there".to_owned(),
                };
                let (draft, issues) = joined.ok_or_else(refused)?;
                self.gain.products.rejected += issues.len() as i64;
                self.issues.extend(issues);
                let landing = Landing::of(draft).ok_or_else(refused)?;
                self.product(tx, peers, cause, index, &landing).await?;
            }
        }
        Ok(())
    }

    async fn product(
        &mut self,
        tx: &mut Tx<'_>,
        peers: &Peers,
        cause: &Cause,
        index: usize,
        landing: &Landing,
    ) -> Result<(), LandError> {
        let upserted = peers
            .catalog
            .upsert_product(tx, &landing.input, cause)
            .await;
        let upserted = upserted.map_err(|error| match error {
            CatalogError::Storage(Error::Constraint { message, .. }) => LandError::Refused {
                index,
                reason: refusal(&message),
            },
            CatalogError::Storage(error) => LandError::Storage(error),
            other => LandError::Refused {
                index,
                reason: other.to_string(),
            },
        })?;
        let count = match upserted.outcome {
            UpsertOutcome::Created => &mut self.gain.products.created,
            UpsertOutcome::Updated => &mut self.gain.products.updated,
            UpsertOutcome::Unchanged => &mut self.gain.products.unchanged,
        };
        *count += 1;
        for (offer, (variant, is_new)) in landing.offers.iter().zip(upserted.variants) {
            let own = offer.price.map(|price| (price, offer.compare_at));
            let prices = own.into_iter().chain(offer.prices.iter().copied());
            self.prices
                .extend(prices.map(|(price, compare_at)| NewPrice {
                    variant,
                    price,
                    compare_at,
                }));
            // Where the file says nothing, a new variant starts with none and an old one keeps its.
            let told = self.batch.set_stock && offer.quantity.is_some();
            if is_new || told {
                self.levels.push(InitialLevel {
                    variant,
                    on_hand: offer.quantity.unwrap_or_default(),
                    backorder: offer.backorder,
                });
            }
        }
        Ok(())
    }
}

pub(super) fn some_refused(error: Error) -> LandError {
    match error {
        Error::Constraint { message, .. } => LandError::SomeRefused {
            reason: refusal(&message),
        },
        other => LandError::Storage(other),
    }
}

fn refusal(message: &str) -> String {
    tracing::warn!(message, "a product breaks a rule of the database");
    "breaks a rule of the shop's database".to_owned()
}
