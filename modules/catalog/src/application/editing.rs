//! What merchants do to products, one transaction each, guarded by the version they saw.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stoa_contracts::catalog::{ProductInput, ProductKind, VariantInput};
use stoa_kernel::{ProductId, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, Error, Result, Tx};

use super::App;
use crate::domain::{
    CategoryId, DESCRIPTION_BYTES_MAX, Extras, Flaw, VariantExtras, check_allowed, check_extras,
    check_product,
};
use crate::infrastructure::extras;
use crate::infrastructure::lists::{self, AdminRow};
use crate::infrastructure::products::{self, LockedProduct, WholeProduct};
use crate::infrastructure::shape::Shape;
use crate::infrastructure::stored::StoredProduct;

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum EditError {
    #[error("there is no such thing")]
    NotFound,
    #[error("it is at version {current}")]
    Stale { current: i64 },
    #[error("the rule of a collection asks for the category")]
    CategoryInUse,
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
    pub(crate) extras: Extras,
}

/// Where extras are put.
struct PutExtras<'p> {
    product: ProductId,
    category: Option<CategoryId>,
    shape: Option<Shape>,
    variants: &'p [VariantId],
    /// The variants' as they are.
    before: &'p HashMap<VariantId, VariantExtras>,
}

pub(super) fn check_draft(draft: &Draft, kind_now: Option<ProductKind>) -> Result<(), Flaw> {
    check_product(&draft.input)?;
    check_extras(&draft.extras)?;
    let kind = draft.extras.standing.kind;
    // Its stock marks are its components': they cannot become its own again.
    let turned = |now| (now == ProductKind::Bundle) != (kind == ProductKind::Bundle);
    if kind_now.is_some_and(turned) {
        return Err(Flaw::new(
            "kind",
            "a bundle stays one, and nothing else becomes one",
        ));
    }
    Ok(())
}

/// Option values as the variants' rows hold them.
fn stored_keys(input: &ProductInput) -> Result<Vec<String>> {
    let key = |variant: &VariantInput| Ok(serde_json::to_string(&variant.option_values)?);
    input.variants.iter().map(key).collect()
}

impl App {
    pub(crate) async fn create_product(
        self: &Arc<Self>,
        tenant: TenantId,
        draft: Draft,
        cause: Cause,
    ) -> Result<WholeProduct, EditError> {
        check_draft(&draft, None)?;
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let mut stored = StoredProduct::of(&draft.input)?;
            stored.stand(&draft.extras.standing, cause.occurred_at);
            let Some((created, shape)) = app.create_in(tx, &stored, &cause).await? else {
                return Err(EditError::HandleTaken {
                    handle: draft.input.handle.clone(),
                });
            };
            let category = app.category_for(tx, shape, &draft.extras, None).await?;
            let ids: Vec<VariantId> = created.variants.iter().map(|(id, _)| *id).collect();
            let put = PutExtras {
                product: created.product,
                category,
                shape,
                variants: &ids,
                before: &HashMap::new(),
            };
            app.put_extras(tx, &put, &draft.extras, &cause).await?;
            app.regroup(tx, shape, &[created.product]).await?;
            app.follow_new_pictures(tx, created.product, &draft, &cause)
                .await?;
            whole(tx, created.product).await
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
            let mut draft = change(Draft {
                input: now.input.clone(),
                ids: ids.into_iter().map(Some).collect(),
                extras: now.extras.clone(),
            })?;
            check_draft(&draft, Some(now.extras.standing.kind))?;
            app.own_new_pictures(tx, id, &now.input, &mut draft.input)
                .await?;
            let handle = &draft.input.handle;
            if *handle != found.handle && products::handle_is_taken(tx, handle, id).await? {
                return Err(EditError::HandleTaken {
                    handle: handle.clone(),
                });
            }
            app.put_draft(tx, &found, &now, &draft, &cause).await?;
            whole(tx, id).await
        })
        .await
        .map_err(lost_handle)
    }

    /// Writes what differs from `now`, under the product's lock.
    pub(crate) async fn put_draft(
        &self,
        tx: &mut Tx<'_>,
        found: &LockedProduct,
        now: &WholeProduct,
        draft: &Draft,
        cause: &Cause,
    ) -> Result<(), EditError> {
        let mut stored = StoredProduct::of(&draft.input)?;
        stored.stand(&draft.extras.standing, cause.occurred_at);
        let was = Some((&now.extras, found.category));
        let category = self
            .category_for(tx, found.shape, &draft.extras, was)
            .await?;
        let ids: Vec<VariantId> = now.variants.iter().map(|(id, _)| *id).collect();
        let keys = stored_keys(&now.input)?;
        let known = ids.iter().copied().zip(keys).collect();
        let mut changes = self.match_variants(known, &stored, &draft.ids, cause)?;
        let kept: Vec<VariantId> = changes.kept.iter().map(|(id, _)| *id).collect();
        // Equal content may still be other variants: two ids may have changed places.
        if stored.content_hash == *found.content_hash && kept == ids && draft.extras == now.extras {
            return Ok(());
        }
        let was = ids.iter().zip(&now.input.variants);
        let is = kept.iter().zip(&draft.input.variants);
        let same = was.zip(is).filter(|(was, is)| was == is);
        changes.same = same.map(|((id, _), _)| *id).collect();
        self.replace_in(tx, found, &stored, &changes, cause).await?;
        if draft.extras != now.extras || kept != ids {
            let before = ids.into_iter().zip(now.extras.variants.iter().cloned());
            let put = PutExtras {
                product: found.id,
                category,
                shape: found.shape,
                variants: &kept,
                before: &before.collect(),
            };
            self.put_extras(tx, &put, &draft.extras, cause).await?;
        }
        self.regroup(tx, found.shape, &[found.id]).await?;
        self.hold_pictures(tx, found.id, &draft.input, cause)
            .await?;
        self.hold_files(tx, found.id, &draft.extras.files, cause)
            .await?;
        Ok(())
    }

    /// The category that extras name, where it and the attributes fit together. What is as it was
    /// is not looked at again: the category may have become stricter since.
    pub(crate) async fn category_for(
        &self,
        tx: &mut Tx<'_>,
        shape: Option<Shape>,
        extras: &Extras,
        was: Option<(&Extras, Option<CategoryId>)>,
    ) -> Result<Option<CategoryId>, EditError> {
        if let Some((was, category)) = was
            && was.category == extras.category
            && was.attributes == extras.attributes
        {
            return Ok(category);
        }
        let Some(handle) = &extras.category else {
            return Ok(None);
        };
        let version = shape.map(|shape| shape.tree).unwrap_or_default();
        let tree = self.tree_in(tx, version).await?;
        let found = tree.by_handle(handle);
        let found = found.ok_or_else(|| Flaw::new("category", "is the handle of no category"))?;
        check_allowed(&extras.attributes, &tree.path(Some(found.id)))?;
        Ok(Some(found.id))
    }

    /// Writes a product's extras and plans its turns; the caller holds the product's lock.
    async fn put_extras(
        &self,
        tx: &mut Tx<'_>,
        put: &PutExtras<'_>,
        extras: &Extras,
        cause: &Cause,
    ) -> Result<(), EditError> {
        if *extras == Extras::plain(put.variants.len()) && put.before.is_empty() {
            return Ok(());
        }
        let parts = extras.variants.iter().flat_map(|each| &each.components);
        let parts: HashSet<VariantId> = parts.map(|(id, _)| *id).collect();
        let asked: Vec<VariantId> = parts.iter().copied().collect();
        let known: HashSet<VariantId> = extras::lock_components(tx, &asked)
            .await?
            .into_iter()
            .collect();
        if let Some(unknown) = asked.iter().find(|id| !known.contains(id)) {
            let reason = format!("`{unknown}` is no variant that a bundle can hold");
            return Err(Flaw::new("variants", reason).into());
        }
        let (variants, before) = (put.variants, put.before);
        extras::write(tx, put.product, extras, put.category, variants, before).await?;
        if extras.standing.kind == ProductKind::Bundle {
            extras::renew_bundles(tx, variants).await?;
            self.renew_cards(tx, put.shape, &[put.product]).await?;
        }
        Ok(self
            .plan_turns(tx, put.product, &extras.standing, cause.occurred_at)
            .await?)
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
            Ok(app.delete_in(tx, &found, &cause).await?)
        })
        .await
    }

    /// Deletes a product whose row lock the caller holds.
    pub(crate) async fn delete_in(
        &self,
        tx: &mut Tx<'_>,
        found: &LockedProduct,
        cause: &Cause,
    ) -> Result<()> {
        let variants = products::variant_keys(tx, found.id).await?;
        let variants: Vec<VariantId> = variants.into_iter().map(|(id, _)| id).collect();
        products::delete(tx, found.id).await?;
        self.drop_pictures(tx, found.id, cause).await?;
        self.follow_components(tx, &variants, cause).await?;
        self.tell(tx, found.id, &found.handle, cause).await
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
