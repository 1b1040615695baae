//! Collections: made by imports and merchants, listed for shoppers.

use std::collections::HashSet;
use std::sync::Arc;

use stoa_contracts::catalog::{CatalogError, CollectionChanged, CollectionInput, CollectionView};
use stoa_kernel::{CollectionId, TenantId};
use stoa_storage::{Cause, Error, Result, Tx};

use super::editing::lost_handle;
use super::{App, EditError, check_version};
use crate::domain::{COLLECTIONS_MAX, Flaw, check_collection};
use crate::infrastructure::collections::{self, WholeCollection};

/// Times a handle may vanish and come back under us.
const TRIES_MAX: u32 = 3;

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
        check_collection(input)?;
        let now = cause.occurred_at;
        for _ in 0..TRIES_MAX {
            if let Some(found) = collections::lock_by_handle(tx, &input.handle).await? {
                let known = collections::whole(tx, found.id).await?;
                let before = known.map(|known| known.input);
                if before.as_ref() == Some(input) {
                    return Ok(());
                }
                let products = products_of(tx, input).await.map_err(plain)?;
                collections::replace(tx, found.id, input, &products, now).await?;
                let before = before.map(|before| before.products).unwrap_or_default();
                self.tell_members(tx, &before, &input.products, cause)
                    .await?;
                self.tell_collection(tx, found.id, &input.handle, cause)
                    .await?;
                return Ok(());
            }
            if self
                .create_collection_in(tx, input, cause)
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
        input: CollectionInput,
        cause: Cause,
    ) -> Result<WholeCollection, EditError> {
        check_collection(&input)?;
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            match app.create_collection_in(tx, &input, &cause).await? {
                Some(id) => whole(tx, id).await,
                None => Err(EditError::HandleTaken {
                    handle: input.handle.clone(),
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
        change: impl Fn(CollectionInput) -> CollectionInput + Send + Sync + 'static,
    ) -> Result<WholeCollection, EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = collections::lock_by_id(tx, id)
                .await?
                .ok_or(EditError::NotFound)?;
            check_version(seen, found.version)?;
            let before = whole(tx, id).await?;
            let input = change(before.input.clone());
            if input == before.input {
                return Ok(before);
            }
            check_collection(&input)?;
            let renamed = input.handle != before.input.handle;
            if renamed && collections::handle_is_taken(tx, &input.handle, id).await? {
                return Err(EditError::HandleTaken {
                    handle: input.handle,
                });
            }
            let products = products_of(tx, &input).await?;
            collections::replace(tx, id, &input, &products, cause.occurred_at).await?;
            app.tell_members(tx, &before.input.products, &input.products, &cause)
                .await?;
            app.tell_collection(tx, id, &input.handle, &cause).await?;
            whole(tx, id).await
        })
        .await
        .map_err(lost_handle)
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
            let before = whole(tx, id).await?.input;
            collections::delete(tx, id).await?;
            app.tell_members(tx, &before.products, &[], &cause).await?;
            Ok(app.tell_collection(tx, id, &before.handle, &cause).await?)
        })
        .await
    }

    pub(crate) async fn whole_collection(
        &self,
        tenant: TenantId,
        id: CollectionId,
    ) -> Result<WholeCollection, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| whole(tx, id).await)
            .await
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
        input: &CollectionInput,
        cause: &Cause,
    ) -> Result<Option<CollectionId>, EditError> {
        if collections::count(tx).await? >= COLLECTIONS_MAX as i64 {
            let reason = format!("a shop has at most {COLLECTIONS_MAX} collections");
            return Err(Flaw::new("handle", reason).into());
        }
        let products = products_of(tx, input).await?;
        let id: CollectionId = self.deps.ids.make(cause.occurred_at);
        let created = collections::insert(tx, id, input, &products, cause.occurred_at).await?;
        if !created {
            return Ok(None);
        }
        self.tell_members(tx, &[], &input.products, cause).await?;
        self.tell_collection(tx, id, &input.handle, cause).await?;
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
                self.tell(tx, id, handle, cause).await?;
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

async fn whole(tx: &mut Tx<'_>, id: CollectionId) -> Result<WholeCollection, EditError> {
    collections::whole(tx, id).await?.ok_or(EditError::NotFound)
}
