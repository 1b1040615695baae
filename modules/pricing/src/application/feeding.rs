//! What the catalog's listings show of prices: what a cart with one unit and no customer is
//! charged. They go by the lists that are marked as shown, and a job moves those marks at the
//! moments where a schedule starts or ends, so that every listing follows from what is stored and
//! no clock is asked twice.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::catalog::ListingPrice;
use stoa_kernel::{Currency, JobId, Money, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, ClaimedJob, NewJob, Result, Tx};

use super::App;
use crate::domain::{BasePrice, ListPrices, PriceList};
use crate::infrastructure::feed::{self, FedList};
use crate::infrastructure::{self as rows, lists};

const KIND: &str = "pricing.listings";
/// A listing that is wrong stays wrong until the job is done: it is hardly ever given up.
const ATTEMPTS_MAX: u32 = 1_000;
/// Variants whose listings one transaction works out.
const VARIANTS_PER_SLICE: usize = 100;
/// Slices after which a run lets other jobs have their turn.
const SLICES_PER_RUN: usize = 100;

/// When the job is for; `None` where a change asks for it at once.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Turn {
    at: Option<Timestamp>,
}

/// Listing prices to be told, and variants that have none any more.
#[derive(Debug, Default)]
struct Shown {
    put: Vec<ListingPrice>,
    gone: Vec<(VariantId, Currency)>,
}

impl App {
    /// Lets the listings of these variants follow their prices of now. The caller holds the
    /// settings' lock, so that changes of prices and of lists follow one another.
    pub(super) async fn show(
        &self,
        tx: &mut Tx<'_>,
        changed: &[(VariantId, Currency)],
        lists: &[FedList],
        cause: &Cause,
    ) -> Result<()> {
        let mut by_currency = HashMap::<Currency, Vec<VariantId>>::new();
        for (variant, currency) in changed {
            by_currency.entry(*currency).or_default().push(*variant);
        }
        let mut shown = Shown::default();
        for (currency, mut variants) in by_currency {
            variants.sort_unstable();
            variants.dedup();
            work_out(tx, currency, &variants, lists, &mut shown).await?;
        }
        if !shown.put.is_empty() {
            let told = self.catalog.put_listing_prices(tx, &shown.put, cause);
            told.await?;
        }
        if !shown.gone.is_empty() {
            let told = self.catalog.remove_listing_prices(tx, &shown.gone, cause);
            told.await?;
        }
        Ok(())
    }

    /// Where a schedule has started or ended and no job has been there yet, asks for one.
    pub(super) async fn mend(&self, tx: &mut Tx<'_>, lists: &[FedList]) -> Result<()> {
        let now = self.deps.now();
        match lists.iter().any(|each| each.shown != each.list.shows(now)) {
            true => self.plan(tx, Some("late".to_owned()), None, now).await,
            false => Ok(()),
        }
    }

    /// Enqueues a job for each moment at which the list's schedule starts or ends.
    pub(super) async fn plan_turns(
        &self,
        tx: &mut Tx<'_>,
        list: &PriceList,
        now: Timestamp,
    ) -> Result<()> {
        for at in list.turns(now) {
            let key = format!("{}:{}", list.id, at.micros());
            self.plan(tx, Some(key), Some(at), now).await?;
        }
        Ok(())
    }

    /// The listings of a list whose terms changed: the first slice at once, a job for the others.
    pub(super) async fn follow(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
        match self.slice(tx, now).await? {
            true => self.plan(tx, None, None, now).await,
            false => Ok(()),
        }
    }

    async fn plan(
        &self,
        tx: &mut Tx<'_>,
        unique_key: Option<String>,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        let id: JobId = self.deps.ids.make(now);
        let job = NewJob {
            id,
            kind: KIND,
            unique_key,
            payload: serde_json::to_value(Turn { at })?,
            run_at: at.unwrap_or(now),
            attempts_max: ATTEMPTS_MAX,
        };
        tx.enqueue_unasked(&job, now).await
    }

    /// Marks lists as shown or not, as they hold now, and works out the next listings that this or
    /// an earlier change left; true where there are more.
    async fn slice(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<bool> {
        rows::lock_settings(tx).await?;
        let mut lists = feed::lists(tx).await?;
        for each in &mut lists {
            let (list, shows) = (&each.list, each.list.shows(now));
            if each.shown != shows {
                feed::turn(tx, list.id, list.terms.currency, shows).await?;
                each.shown = shows;
            }
        }
        let Some(walk) = feed::next_walk(tx).await? else {
            return Ok(false);
        };
        let limit = VARIANTS_PER_SLICE as i64;
        let variants = feed::variants_of(tx, walk.list, walk.after, limit).await?;
        let changed: Vec<_> = variants.iter().map(|id| (*id, walk.currency)).collect();
        self.show(tx, &changed, &lists, &Cause::system(now)).await?;
        let is_removed = lists.iter().all(|each| each.list.id != walk.list);
        if let Some(last) = variants.last().filter(|_| is_removed) {
            feed::drop_prices(tx, walk.list, *last).await?;
        }
        if variants.len() == VARIANTS_PER_SLICE {
            feed::advance(tx, walk.list, variants.last().copied()).await?;
            return Ok(true);
        }
        match is_removed {
            true => feed::forget(tx, walk.list).await?,
            false => feed::finish(tx, walk.list).await?,
        }
        Ok(feed::next_walk(tx).await?.is_some())
    }

    async fn feed(self: &Arc<Self>, tenant: TenantId) -> Result<bool> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write_bulk(async move |tx: &mut Tx<'_>| app.slice(tx, app.deps.now()).await)
            .await
    }
}

/// Notes what listings show of these variants, which are in id order.
async fn work_out(
    tx: &mut Tx<'_>,
    currency: Currency,
    variants: &[VariantId],
    lists: &[FedList],
    shown: &mut Shown,
) -> Result<()> {
    let base: HashMap<VariantId, BasePrice> = feed::base_prices(tx, variants, currency)
        .await?
        .into_iter()
        .collect();
    let going: Vec<&PriceList> = lists
        .iter()
        .filter(|each| each.shown && each.list.terms.currency == currency)
        .map(|each| &each.list)
        .collect();
    let found = match going.is_empty() {
        true => Vec::new(),
        false => lists::prices_of(tx, variants).await?,
    };
    let from_lists = ListPrices::of(&going, &found);
    for variant in variants {
        match from_lists.listed(*variant, base.get(variant).copied()) {
            Some(listed) => shown.put.push(ListingPrice {
                variant: *variant,
                price: Money::new(listed.amount, currency),
                compare_at: listed.compare_at.map(|former| Money::new(former, currency)),
            }),
            None => shown.gone.push((*variant, currency)),
        }
    }
    Ok(())
}

pub(crate) struct ListingJob(pub(crate) Arc<App>);

#[async_trait]
impl JobHandler for ListingJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let turn = match serde_json::from_value::<Turn>(job.payload.clone()) {
            Ok(turn) => turn,
            Err(error) => return JobOutcome::Dead(error.to_string()),
        };
        for _ in 0..SLICES_PER_RUN {
            match self.0.feed(job.tenant).await {
                Ok(true) => {}
                Ok(false) => {
                    return match turn.at {
                        // This clock is behind the one that leased the job.
                        Some(at) if self.0.deps.now() < at => JobOutcome::Wait(at),
                        _ => JobOutcome::Done,
                    };
                }
                Err(error) => return JobOutcome::Failed(error.to_string()),
            }
        }
        JobOutcome::Wait(self.0.deps.now())
    }
}
