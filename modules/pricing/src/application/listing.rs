//! Price lists as merchants make, fill and remove them; one transaction each.

use std::sync::Arc;

use stoa_kernel::{Currency, PriceListId, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, IdempotencyKey, Result, Tx};

use super::App;
use super::grouping::check_groups;
use super::setting::{EditError, Seen, check_version, claim};
use crate::domain::{Flaw, ListPrice, ListTerms, PriceList, check_list, check_list_prices};
use crate::infrastructure::feed::{self, FedList};
use crate::infrastructure::lists::{self, ListRow};
use crate::infrastructure::{self as rows, terms};

const LISTS_MAX: i64 = 50;
const CREATED: u16 = 201;
const OK: u16 = 200;

/// A list to make, once per key.
#[derive(Debug, Clone)]
pub(crate) struct NewList {
    pub(crate) terms: ListTerms,
    pub(crate) key: IdempotencyKey,
    pub(crate) now: Timestamp,
    /// Makes the answer; kept for later uses of the key.
    pub(crate) answer: fn(ListRow) -> String,
}

/// Prices to set in a list or to take out of it, once per key.
#[derive(Debug, Clone)]
pub(crate) struct ListPricesChange {
    pub(crate) list: PriceListId,
    /// With the currency that the merchant said.
    pub(crate) put: Vec<(ListPrice, Currency)>,
    pub(crate) gone: Vec<ListPrice>,
    pub(crate) key: IdempotencyKey,
    pub(crate) cause: Cause,
    /// Makes the answer of how many prices changed.
    pub(crate) answer: fn(usize) -> String,
}

impl App {
    pub(crate) async fn price_lists(&self, tenant: TenantId) -> Result<Vec<ListRow>, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        Ok(lists::all(&db).await?)
    }

    pub(crate) async fn price_list(
        &self,
        tenant: TenantId,
        id: PriceListId,
    ) -> Result<ListRow, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| lists::one(tx, id).await?.ok_or(EditError::Missing))
            .await
    }

    /// Returns the answer's JSON, the same for every use of the key.
    pub(crate) async fn create_list(
        self: &Arc<Self>,
        tenant: TenantId,
        currency: Currency,
        new: NewList,
    ) -> Result<String, EditError> {
        check_list(&new.terms)?;
        self.ensure(tenant, currency).await?;
        let id: PriceListId = self.deps.ids.make(new.now);
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if let Some(answer) = claim(tx, &new.key, new.now).await? {
                return Ok(answer);
            }
            terms::touch(tx, new.now).await?;
            check_groups(tx, &new.terms).await?;
            if lists::count(tx).await? >= LISTS_MAX {
                let reason = format!("a shop has at most {LISTS_MAX} price lists");
                return Err(Flaw::new("name", reason).into());
            }
            lists::insert(tx, id, &new.terms, new.now).await?;
            app.adopt(tx, None, id, &new.terms, new.now).await?;
            let made = lists::one(tx, id).await?.ok_or(EditError::Missing)?;
            let answer = (new.answer)(made);
            tx.store_response(&new.key, CREATED, &answer).await?;
            Ok(answer)
        })
        .await
    }

    /// The currency of a list stays: its prices are in it.
    pub(crate) async fn replace_list(
        self: &Arc<Self>,
        tenant: TenantId,
        id: PriceListId,
        seen: Seen,
        changed: ListTerms,
    ) -> Result<ListRow, EditError> {
        check_list(&changed)?;
        let now = self.deps.now();
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            terms::touch(tx, now).await?;
            let found = lists::lock(tx, id).await?.ok_or(EditError::Missing)?;
            check_version(seen, found.version)?;
            check_groups(tx, &changed).await?;
            if found.terms.currency != changed.currency {
                let reason = "cannot change: the prices of the list are in it";
                return Err(Flaw::new("currency", reason).into());
            }
            lists::replace(tx, id, &changed, now).await?;
            app.adopt(tx, Some(&found.terms), id, &changed, now).await?;
            lists::one(tx, id).await?.ok_or(EditError::Missing)
        })
        .await
    }

    /// Its prices go in slices, as listings are worked out without them.
    pub(crate) async fn delete_list(
        self: &Arc<Self>,
        tenant: TenantId,
        id: PriceListId,
        seen: Seen,
    ) -> Result<(), EditError> {
        let now = self.deps.now();
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            terms::touch(tx, now).await?;
            let found = lists::lock(tx, id).await?.ok_or(EditError::Missing)?;
            check_version(seen, found.version)?;
            lists::delete(tx, id).await?;
            feed::turn(tx, id, found.terms.currency, false).await?;
            app.follow(tx, now).await?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn list_prices(
        &self,
        tenant: TenantId,
        list: PriceListId,
        after: Option<(VariantId, i64)>,
        limit: i64,
    ) -> Result<(ListTerms, Vec<ListPrice>), EditError> {
        let terms = self.price_list(tenant, list).await?.terms;
        let db = self.deps.storage.db(tenant).await?;
        Ok((terms, lists::page(&db, list, after, limit).await?))
    }

    /// Returns the answer's JSON, the same for every use of the key.
    pub(crate) async fn change_list_prices(
        self: &Arc<Self>,
        tenant: TenantId,
        change: ListPricesChange,
    ) -> Result<String, EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if let Some(answer) = claim(tx, &change.key, change.cause.occurred_at).await? {
                return Ok(answer);
            }
            rows::lock_settings(tx).await?;
            let list = lists::lock(tx, change.list)
                .await?
                .ok_or(EditError::Missing)?;
            check_list_prices(&change.put, list.terms.currency)?;
            let asked: Vec<VariantId> = change.put.iter().map(|(price, _)| price.variant).collect();
            app.check_known(tx, &asked).await?;
            // Rows in one order everywhere: two such transactions wait, and never for each other.
            let mut put: Vec<ListPrice> = change.put.iter().map(|(price, _)| *price).collect();
            put.sort_by_key(|price| (price.variant, price.min_quantity));
            let changed = lists::put_prices(tx, &put, &change.gone).await?;
            let touched = put.iter().chain(&change.gone).map(|price| price.variant);
            let touched: Vec<_> = touched.map(|id| (id, list.terms.currency)).collect();
            app.show_of(tx, change.list, &touched, &change.cause)
                .await?;
            let answer = (change.answer)(usize::try_from(changed).unwrap_or(usize::MAX));
            tx.store_response(&change.key, OK, &answer).await?;
            Ok(answer)
        })
        .await
    }

    /// Lets listings follow what a list is now; the caller has touched the terms.
    async fn adopt(
        &self,
        tx: &mut Tx<'_>,
        before: Option<&ListTerms>,
        id: PriceListId,
        terms: &ListTerms,
        now: Timestamp,
    ) -> Result<()> {
        let list = PriceList {
            id,
            terms: terms.clone(),
        };
        self.plan_turns(tx, &list, now).await?;
        let lists = feed::lists(tx).await?;
        let shown = lists.iter().any(|each| each.list.id == id && each.shown);
        let counts = before.is_some_and(|before| !before.counts_like(terms));
        if shown && counts {
            feed::turn(tx, id, terms.currency, list.shows(now)).await?;
        }
        self.follow(tx, now).await
    }

    /// Lets listings follow prices of a list, where they show it or did until a moment ago: a walk
    /// that is still to come does not find a price that is removed now.
    async fn show_of(
        &self,
        tx: &mut Tx<'_>,
        list: PriceListId,
        touched: &[(VariantId, Currency)],
        cause: &Cause,
    ) -> Result<()> {
        let lists = feed::lists(tx).await?;
        self.mend(tx, &lists).await?;
        let is_it = |each: &FedList| each.list.id == list && (each.shown || each.walking);
        match lists.iter().any(is_it) {
            true => self.show(tx, touched, &lists, cause).await,
            false => Ok(()),
        }
    }
}
