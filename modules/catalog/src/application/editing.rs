//! What merchants do to products, one transaction each, guarded by the version they saw.

use std::sync::Arc;

use stoa_contracts::catalog::ProductInput;
use stoa_kernel::{ProductId, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, Error, Result, Tx};

use super::App;
use crate::domain::{DESCRIPTION_BYTES_MAX, Flaw, check_product};
use crate::infrastructure::lists::{self, AdminRow};
use crate::infrastructure::products::{self, WholeProduct};
use crate::infrastructure::stored::StoredProduct;

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum EditError {
    #[error("there is no such thing")]
    NotFound,
    #[error("it is at version {current}")]
    Stale { current: i64 },
    #[error("the handle `{handle}` is taken")]
    HandleTaken { handle: String },
    #[error(transparent)]
    Flaw(#[from] Flaw),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// A product on its way in, with the ids of variants that are to stay themselves.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) input: ProductInput,
    /// One per variant of the input.
    pub(crate) ids: Vec<Option<VariantId>>,
}

impl App {
    pub(crate) async fn create_product(
        self: &Arc<Self>,
        tenant: TenantId,
        input: ProductInput,
        cause: Cause,
    ) -> Result<WholeProduct, EditError> {
        check_product(&input)?;
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let stored = StoredProduct::of(&input)?;
            match app.create_in(tx, &stored, &cause).await? {
                Some(created) => whole(tx, created.product).await,
                None => Err(EditError::HandleTaken {
                    handle: input.handle.clone(),
                }),
            }
        })
        .await
    }

    /// Applies `change` to the product as it is; nothing is written where it stays the same.
    pub(crate) async fn edit_product(
        self: &Arc<Self>,
        tenant: TenantId,
        id: ProductId,
        seen: Option<i64>,
        cause: Cause,
        change: impl Fn(Draft) -> Result<Draft, Flaw> + Send + Sync + 'static,
    ) -> Result<WholeProduct, EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = products::lock_by_id(tx, id)
                .await?
                .ok_or(EditError::NotFound)?;
            check_version(seen, found.version)?;
            let now = whole(tx, id).await?;
            let ids: Vec<VariantId> = now.variants.iter().map(|(id, _)| *id).collect();
            let named = ids.iter().copied().map(Some).collect();
            let before = now.input.clone();
            let draft = change(Draft {
                input: now.input,
                ids: named,
            })?;
            check_product(&draft.input)?;
            let handle = &draft.input.handle;
            if *handle != found.handle && products::handle_is_taken(tx, handle, id).await? {
                return Err(EditError::HandleTaken {
                    handle: handle.clone(),
                });
            }
            let stored = StoredProduct::of(&draft.input)?;
            let known = products::variant_keys(tx, id).await?;
            let mut changes = app.match_variants(known, &stored, &draft.ids, &cause)?;
            // Equal content may still be other variants: two ids may have changed places.
            let same_variants = changes
                .kept
                .iter()
                .map(|(id, _)| *id)
                .eq(ids.iter().copied());
            if stored.content_hash != *found.content_hash || !same_variants {
                let was = ids.iter().zip(&before.variants);
                let is = changes.kept.iter().zip(&draft.input.variants);
                let same = was
                    .zip(is)
                    .filter(|((was_id, was), ((id, _), is))| *was_id == id && was == is);
                changes.same = same.map(|((id, _), _)| *id).collect();
                app.replace_in(tx, &found, &stored, &changes, &cause)
                    .await?;
            }
            whole(tx, id).await
        })
        .await
        .map_err(lost_handle)
    }

    pub(crate) async fn delete_product(
        self: &Arc<Self>,
        tenant: TenantId,
        id: ProductId,
        seen: Option<i64>,
        cause: Cause,
    ) -> Result<(), EditError> {
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let found = products::lock_by_id(tx, id)
                .await?
                .ok_or(EditError::NotFound)?;
            check_version(seen, found.version)?;
            products::delete(tx, id).await?;
            Ok(app.tell(tx, id, &found.handle, &cause).await?)
        })
        .await
    }

    pub(crate) async fn whole_product(
        &self,
        tenant: TenantId,
        id: ProductId,
    ) -> Result<WholeProduct, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| whole(tx, id).await)
            .await
    }

    pub(crate) async fn admin_products(
        &self,
        tenant: TenantId,
        after: Option<(Timestamp, ProductId)>,
        limit: i64,
    ) -> Result<Vec<AdminRow>, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        Ok(lists::admin_products(&db, after, limit).await?)
    }

    /// HTML as it may be shown; refuses what is too long before it is parsed.
    pub(crate) fn clean_html(&self, html: &str) -> Result<String, EditError> {
        if html.len() > DESCRIPTION_BYTES_MAX {
            let reason = format!("is at most {DESCRIPTION_BYTES_MAX} bytes");
            return Err(Flaw::new("description_html", reason).into());
        }
        Ok((self.sanitise)(html))
    }
}

/// `seen` is `None` where the client takes whatever version there is.
pub(crate) fn check_version(seen: Option<i64>, current: i64) -> Result<(), EditError> {
    match seen {
        Some(version) if version != current => Err(EditError::Stale { current }),
        _ => Ok(()),
    }
}

/// The unique key decides between two who take one handle at the same time.
pub(crate) fn lost_handle(error: EditError) -> EditError {
    match error {
        EditError::Storage(error) if error.is_unique_violation() => EditError::HandleTaken {
            handle: String::new(),
        },
        other => other,
    }
}

async fn whole(tx: &mut Tx<'_>, id: ProductId) -> Result<WholeProduct, EditError> {
    products::whole(tx, id).await?.ok_or(EditError::NotFound)
}
