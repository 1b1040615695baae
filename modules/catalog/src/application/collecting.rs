//! Collections: made by imports and merchants, listed for shoppers.

use std::collections::HashSet;
use std::sync::Arc;

use stoa_contracts::catalog::{CatalogError, CollectionChanged, CollectionInput, CollectionView};
use stoa_kernel::{CollectionId, TenantId};
use stoa_storage::{Cause, Error, Result, Tx};

use super::editing::lost_handle;
use super::{App, EditError, check_version};
use crate::domain::{COLLECTIONS_MAX, CollectionDraft, CollectionSort, Flaw, RULE_COLLECTIONS_MAX};
use crate::infrastructure::collections::{self, WholeCollection};
use crate::infrastructure::regroup::{self, Reason, Work};
use crate::infrastructure::shape;

/// Times a handle may vanish and come back under us.
const TRIES_MAX: u32 = 3;

/// A collection as merchants see it.
pub(crate) struct FoundCollection {
    /// With handles in its rule.
    pub(crate) whole: WholeCollection,
    /// What its rule still has to look at, and how far that is.
    pub(crate) filling: Option<Work>,
}

impl App {
    pub(crate) async fn upsert_collection_row(
        &self,
        tx: &mut Tx<'_>,
        input: &CollectionInput,
        cause: &Cause,
    ) -> Result<(), CatalogError> {
        let plain = |error: EditError| match error {
            EditError::Flaw(flaw) => flaw.into(),
            EditError::Storage(error) => CatalogError::Storage(error),
            other => Flaw::new("handle", other.to_string()).into(),
        };
        let mut draft = CollectionDraft {
            input: input.clone(),
            sort: CollectionSort::Manual,
            rule: None,
        };
        draft.check()?;
        let now = cause.occurred_at;
        for _ in 0..TRIES_MAX {
            if let Some(found) = collections::lock_by_handle(tx, &input.handle).await? {
                if found.has_rule {
                    return Err(Flaw::new("handle", "is that of a collection by rule").into());
                }
                let known = collections::whole(tx, found.id).await?;
                let before = known.map(|known| known.draft);
                if before.as_ref().is_some_and(|before| before.input == *input) {
                    return Ok(());
                }
                let products = products_of(tx, input).await.map_err(plain)?;
                draft.sort = before.as_ref().map(|known| known.sort).unwrap_or_default();
                collections::replace(tx, found.id, &draft, &products, now).await?;
                let before = before.map(|before| before.input.products);
                let before = before.unwrap_or_default();
                self.tell_members(tx, &before, &input.products, cause)
                    .await?;
                self.tell_collection(tx, found.id, &input.handle, cause)
                    .await?;
                self.hold_of_collection(tx, found.id, Some(input), cause)
                    .await?;
                return Ok(());
            }
            if self
                .create_collection_in(tx, &draft, cause)
                .await
                .map_err(plain)?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(Error::Contention {
            attempts: TRIES_MAX,
        }
        .into())
    }

    pub(crate) async fn create_collection(
        self: &Arc<Self>,
        tenant: TenantId,
        draft: CollectionDraft,
        cause: Cause,
    ) -> Result<FoundCollection, EditError> {
        draft.check()?;
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            match app.create_collection_in(tx, &draft, &cause).await? {
                Some(id) => app.found_collection(tx, id).await,
                None => Err(EditError::HandleTaken {
                    handle: draft.input.handle.clone(),
                }),
            }
        })
        .await
    }

    pub(crate) async fn edit_collection(
        self: &Arc<Self>,
        tenant: TenantId,
        id: CollectionId,
        seen: Option<i64>,
        cause: Cause,
        change: impl Fn(CollectionDraft) -> CollectionDraft + Send + Sync + 'static,
    ) -> Result<FoundCollection, EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = collections::lock_by_id(tx, id)
                .await?
                .ok_or(EditError::NotFound)?;
            check_version(seen, found.version)?;
            let known = app.found_collection(tx, id).await?;
            let before = known.whole.draft.clone();
            let draft = change(before.clone());
            if draft == before {
                return Ok(known);
            }
            draft.check()?;
            if draft.rule.is_some() != found.has_rule {
                let reason = "is kept by a collection that has one, and by no other";
                return Err(Flaw::new("rule", reason).into());
            }
            let handle = &draft.input.handle;
            if *handle != found.handle && collections::handle_is_taken(tx, handle, id).await? {
                return Err(EditError::HandleTaken {
                    handle: handle.clone(),
                });
            }
            app.put_collection(tx, id, &before, &draft, &cause).await?;
            app.found_collection(tx, id).await
        })
        .await
        .map_err(lost_handle)
    }

    /// Writes what is new of a collection whose lock the caller holds.
    async fn put_collection(
        &self,
        tx: &mut Tx<'_>,
        id: CollectionId,
        before: &CollectionDraft,
        draft: &CollectionDraft,
        cause: &Cause,
    ) -> Result<(), EditError> {
        let products = products_of(tx, &draft.input).await?;
        let stored = self.stored(tx, draft).await?;
        collections::replace(tx, id, &stored, &products, cause.occurred_at).await?;
        if draft.rule != before.rule {
            self.rules_changed(tx, id, Reason::Rule, cause).await?;
        }
        self.tell_members(tx, &before.input.products, &draft.input.products, cause)
            .await?;
        self.tell_collection(tx, id, &draft.input.handle, cause)
            .await?;
        self.hold_of_collection(tx, id, Some(&draft.input), cause)
            .await?;
        Ok(())
    }

    pub(crate) async fn delete_collection(
        self: &Arc<Self>,
        tenant: TenantId,
        id: CollectionId,
        seen: Option<i64>,
        cause: Cause,
    ) -> Result<(), EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = collections::lock_by_id(tx, id)
                .await?
                .ok_or(EditError::NotFound)?;
            check_version(seen, found.version)?;
            let known = collections::whole(tx, id).await?;
            let before = known.ok_or(EditError::NotFound)?.draft.input;
            collections::delete(tx, id, found.has_rule).await?;
            if found.has_rule {
                app.rules_changed(tx, id, Reason::Purge, &cause).await?;
            }
            app.tell_members(tx, &before.products, &[], &cause).await?;
            app.hold_of_collection(tx, id, None, &cause).await?;
            Ok(app.tell_collection(tx, id, &before.handle, &cause).await?)
        })
        .await
    }

    /// Makes a new version of the shop's rules and leaves the products to the job.
    async fn rules_changed(
        &self,
        tx: &mut Tx<'_>,
        id: CollectionId,
        reason: Reason,
        cause: &Cause,
    ) -> Result<(), EditError> {
        let mut shape = shape::lock(tx).await?;
        if collections::count_rules(tx).await? > RULE_COLLECTIONS_MAX as i64 {
            let reason = format!("is one of at most {RULE_COLLECTIONS_MAX}");
            return Err(Flaw::new("rule", reason).into());
        }
        shape.rules = self.next_version(shape.rules, cause.occurred_at);
        shape::save(tx, shape).await?;
        let stamp = format!("rules:{}", shape.rules);
        Ok(self
            .plan_regroup(tx, &[id.to_bytes()], reason, &stamp, cause.occurred_at)
            .await?)
    }

    /// With ids in its rule. Takes the shape's lock where it has one: no category that it names
    /// goes before this is committed.
    async fn stored(
        &self,
        tx: &mut Tx<'_>,
        draft: &CollectionDraft,
    ) -> Result<CollectionDraft, EditError> {
        let mut draft = draft.clone();
        if let Some(rule) = draft.rule {
            let shape = shape::lock(tx).await?;
            let tree = self.tree_in(tx, shape.tree).await?;
            draft.rule = Some(rule.stored(&tree)?);
        }
        Ok(draft)
    }

    pub(crate) async fn whole_collection(
        self: &Arc<Self>,
        tenant: TenantId,
        id: CollectionId,
    ) -> Result<FoundCollection, EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| app.found_collection(tx, id).await)
            .await
    }

    async fn found_collection(
        &self,
        tx: &mut Tx<'_>,
        id: CollectionId,
    ) -> Result<FoundCollection, EditError> {
        let found = collections::whole(tx, id).await?;
        let mut whole = found.ok_or(EditError::NotFound)?;
        let mut filling = None;
        if let Some(rule) = whole.draft.rule {
            let shape = shape::read(tx).await?;
            let version = shape.map(|shape| shape.tree).unwrap_or_default();
            let tree = self.tree_in(tx, version).await?;
            whole.draft.rule = Some(rule.shown(&tree));
            // The second pass looks after what was under way; the collection is whole by then.
            let work = regroup::read(tx, id.to_bytes()).await?;
            filling = work.filter(|work| work.pass == 1);
        }
        Ok(FoundCollection { whole, filling })
    }

    pub(crate) async fn list_collections(
        &self,
        tenant: TenantId,
        after: Option<(&str, CollectionId)>,
        limit: i64,
    ) -> Result<Vec<CollectionView>> {
        let db = self.deps.storage.db(tenant).await?;
        collections::list(&db, after, limit).await
    }

    /// `None` where the handle is taken; then nothing was written.
    async fn create_collection_in(
        &self,
        tx: &mut Tx<'_>,
        draft: &CollectionDraft,
        cause: &Cause,
    ) -> Result<Option<CollectionId>, EditError> {
        if collections::count(tx).await? >= COLLECTIONS_MAX as i64 {
            let reason = format!("a shop has at most {COLLECTIONS_MAX} collections");
            return Err(Flaw::new("handle", reason).into());
        }
        let input = &draft.input;
        let products = products_of(tx, input).await?;
        let stored = self.stored(tx, draft).await?;
        let id: CollectionId = self.deps.ids.make(cause.occurred_at);
        let created = collections::insert(tx, id, &stored, &products, cause.occurred_at).await?;
        if !created {
            return Ok(None);
        }
        if draft.rule.is_some() {
            self.rules_changed(tx, id, Reason::Rule, cause).await?;
        }
        self.tell_members(tx, &[], &input.products, cause).await?;
        self.tell_collection(tx, id, &input.handle, cause).await?;
        self.hold_of_collection(tx, id, Some(input), cause).await?;
        Ok(Some(id))
    }

    /// Publishes that a collection changed; pages follow it.
    pub(crate) async fn tell_collection(
        &self,
        tx: &mut Tx<'_>,
        collection: CollectionId,
        handle: &str,
        cause: &Cause,
    ) -> Result<()> {
        let fact = CollectionChanged {
            collection,
            handle: handle.to_owned(),
        };
        tx.emit(self.deps.ids.make(cause.occurred_at), cause, &fact)
            .await
    }

    /// Publishes that products came into or went out of a collection: search finds them by it.
    async fn tell_members(
        &self,
        tx: &mut Tx<'_>,
        before: &[String],
        after: &[String],
        cause: &Cause,
    ) -> Result<()> {
        let (was, is): (HashSet<_>, HashSet<_>) = (before.iter().collect(), after.iter().collect());
        let moved: Vec<String> = was
            .symmetric_difference(&is)
            .map(|&one| one.clone())
            .collect();
        if let Ok(ids) = collections::products_of(tx, &moved).await? {
            for (id, handle) in ids.into_iter().zip(&moved) {
                self.announce(tx, id, handle, cause).await?;
            }
        }
        Ok(())
    }
}

async fn products_of(
    tx: &mut Tx<'_>,
    input: &CollectionInput,
) -> Result<Vec<stoa_kernel::ProductId>, EditError> {
    collections::products_of(tx, &input.products)
        .await?
        .map_err(|index| {
            Flaw::new(format!("products[{index}]"), "is the handle of no product").into()
        })
}
