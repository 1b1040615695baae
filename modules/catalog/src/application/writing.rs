//! Writes inside the caller's transaction: whole products from an import, prices from pricing.

use std::collections::{HashMap, HashSet};

use stoa_contracts::catalog::{
    CatalogError, ListingPrice, ProductChanged, ProductExtras, ProductInput, ProductKind,
    UpsertOutcome, Upserted,
};
use stoa_kernel::{Currency, ProductId, VariantId};
use stoa_storage::{Cause, Error, Result, Tx};

use super::bundling::{check_named, remade};
use super::{App, EditError};
use crate::domain::{CategoryId, Extras, Flaw, Standing, check_extras, check_product};
use crate::infrastructure::products::{self, LockedProduct, VariantChanges};
use crate::infrastructure::shape::Shape;
use crate::infrastructure::stored::StoredProduct;
use crate::infrastructure::{extras, listings};

/// Times a handle may vanish and come back under us.
const TRIES_MAX: u32 = 3;

impl App {
    pub(crate) async fn upsert(
        &self,
        tx: &mut Tx<'_>,
        input: &ProductInput,
        cause: &Cause,
    ) -> Result<Upserted, CatalogError> {
        check_product(input)?;
        check_said(input)?;
        let mut stored = StoredProduct::of(input)?;
        for _ in 0..TRIES_MAX {
            let Some(found) = products::lock_by_handle(tx, &input.handle).await? else {
                match self.create_said(tx, &mut stored, cause).await? {
                    Some(created) => return Ok(created),
                    // Somebody else created it this moment: it is an update now.
                    None => continue,
                }
            };
            if input.gift_card && found.standing.kind == ProductKind::Bundle {
                return Err(Flaw::new("gift_card", "a bundle is no gift card").into());
            }
            return self.upsert_found(tx, &found, &mut stored, cause).await;
        }
        Err(Error::Contention {
            attempts: TRIES_MAX,
        }
        .into())
    }

    /// Replaces a product whose row lock the caller holds, where it is not so already.
    async fn upsert_found(
        &self,
        tx: &mut Tx<'_>,
        found: &LockedProduct,
        stored: &mut StoredProduct<'_>,
        cause: &Cause,
    ) -> Result<Upserted, CatalogError> {
        let said = self.said_of(tx, found, stored.input).await?;
        let standing = said
            .as_ref()
            .map_or(&found.standing, |said| &said.0.standing);
        stored.stand(standing, cause.occurred_at);
        let known = products::variant_keys(tx, found.id).await?;
        let changes = self.match_variants(known, stored, &[], cause)?;
        let remade = remade(tx, stored.input, found.id, &changes.kept).await?;
        let mut outcome = UpsertOutcome::Unchanged;
        if found.content_hash != stored.content_hash || said.is_some() || remade.is_some() {
            outcome = UpsertOutcome::Updated;
            self.replace_in(tx, found, stored, &changes, cause).await?;
            if let Some(made) = &remade {
                self.make_of(tx, (found.id, found.shape), made).await?;
            }
            let mut regroups = found.shape.is_some_and(|shape| shape.rules > 0);
            if let Some((extras, category)) = &said {
                extras::write_product(tx, found.id, extras, *category).await?;
                self.plan_turns(tx, found.id, &extras.standing, cause.occurred_at)
                    .await?;
                regroups |= *category != found.category;
            }
            if regroups {
                self.regroup(tx, found.shape, &[found.id]).await?;
            }
        }
        Ok(Upserted {
            product: found.id,
            outcome,
            variants: changes.kept,
        })
    }

    /// What the input says beside its content, and the category it names, where that is not so
    /// already.
    async fn said_of(
        &self,
        tx: &mut Tx<'_>,
        found: &LockedProduct,
        input: &ProductInput,
    ) -> Result<Option<(Extras, Option<CategoryId>)>, CatalogError> {
        let Some(said) = &input.extras else {
            return Ok(None);
        };
        let is = extras::of_product(tx, found.id, found.standing).await?;
        let mut wanted = extras_of(said);
        let is_one = found.standing.kind == ProductKind::Bundle;
        if !is_one && wanted.standing.kind == ProductKind::Bundle {
            return Err(Flaw::new("kind", "is not `bundle` of a product that is none").into());
        }
        if is_one {
            wanted.standing.kind = ProductKind::Bundle;
        }
        if wanted.standing.kind == ProductKind::Digital {
            wanted.files.clone_from(&is.files);
        }
        if wanted == is {
            return Ok(None);
        }
        let was = Some((&is, found.category));
        let category = self.category_for(tx, found.shape, &wanted, was).await;
        Ok(Some((wanted, category.map_err(plain)?)))
    }

    /// As [`Self::create_in`], with what the input says beside its content.
    async fn create_said(
        &self,
        tx: &mut Tx<'_>,
        stored: &mut StoredProduct<'_>,
        cause: &Cause,
    ) -> Result<Option<Upserted>, CatalogError> {
        let said = stored.input.extras.as_deref().map(extras_of);
        if let Some(said) = &said {
            stored.stand(&said.standing, cause.occurred_at);
        }
        let Some((created, shape)) = self.create_in(tx, stored, cause).await? else {
            return Ok(None);
        };
        let product = created.product;
        if let Some(made) = remade(tx, stored.input, product, &created.variants).await? {
            self.make_of(tx, (product, shape), &made).await?;
        }
        let mut regroups = shape.is_some_and(|shape| shape.rules > 0);
        if let Some(said) = said.filter(|said| *said != Extras::default()) {
            let category = self.category_for(tx, shape, &said, None).await;
            let category = category.map_err(plain)?;
            extras::write_product(tx, product, &said, category).await?;
            self.plan_turns(tx, product, &said.standing, cause.occurred_at)
                .await?;
            regroups |= category.is_some();
        }
        if regroups {
            self.regroup(tx, shape, &[product]).await?;
        }
        Ok(Some(created))
    }

    /// What was made, and the shop's shape; `None` where the handle is taken, and then nothing was
    /// written.
    pub(crate) async fn create_in(
        &self,
        tx: &mut Tx<'_>,
        stored: &StoredProduct<'_>,
        cause: &Cause,
    ) -> Result<Option<(Upserted, Option<Shape>)>> {
        let now = cause.occurred_at;
        let product: ProductId = self.deps.ids.make(now);
        let variants: Vec<VariantId> = stored
            .variants
            .iter()
            .map(|_| self.deps.ids.make(now))
            .collect();
        let made = products::insert(tx, product, stored, &variants, now).await?;
        let Some(shape) = made else {
            return Ok(None);
        };
        self.expect_answer(tx, product, now).await?;
        self.announce(tx, product, &stored.input.handle, cause)
            .await?;
        let variants = variants.into_iter().map(|id| (id, true)).collect();
        let created = Upserted {
            product,
            outcome: UpsertOutcome::Created,
            variants,
        };
        Ok(Some((created, shape)))
    }

    /// Replaces a product whose row lock the caller holds.
    pub(crate) async fn replace_in(
        &self,
        tx: &mut Tx<'_>,
        found: &LockedProduct,
        stored: &StoredProduct<'_>,
        changes: &VariantChanges,
        cause: &Cause,
    ) -> Result<()> {
        products::replace(tx, found, stored, changes, cause.occurred_at).await?;
        if !changes.removed.is_empty() {
            self.renew_cards(tx, found.shape, &[found.id]).await?;
            self.follow_components(tx, &changes.removed, cause).await?;
        }
        self.tell(tx, found.id, &stored.input.handle, cause).await
    }

    /// Which variants stay what they are: those whose id the input names, then those with the
    /// same option values. All others of the product go.
    pub(crate) fn match_variants(
        &self,
        known: Vec<(VariantId, String)>,
        stored: &StoredProduct<'_>,
        named: &[Option<VariantId>],
        cause: &Cause,
    ) -> Result<VariantChanges, Flaw> {
        let mut left: HashMap<VariantId, String> = known.into_iter().collect();
        for (index, id) in named
            .iter()
            .enumerate()
            .filter_map(|(i, id)| Some((i, (*id)?)))
        {
            if left.remove(&id).is_none() {
                let reason = "is no variant of this product, or is named twice";
                return Err(Flaw::new(format!("variants[{index}].id"), reason));
            }
        }
        let mut by_values: HashMap<String, VariantId> =
            left.into_iter().map(|(id, values)| (values, id)).collect();
        let kept = stored
            .variants
            .iter()
            .enumerate()
            .map(
                |(index, variant)| match named.get(index).copied().flatten() {
                    Some(id) => (id, false),
                    None => match by_values.remove(&variant.option_values) {
                        Some(id) => (id, false),
                        None => (self.deps.ids.make(cause.occurred_at), true),
                    },
                },
            )
            .collect();
        let mut removed: Vec<VariantId> = by_values.into_values().collect();
        removed.sort_unstable();
        Ok(VariantChanges {
            kept,
            removed,
            same: HashSet::new(),
        })
    }

    pub(crate) async fn put_prices(
        &self,
        tx: &mut Tx<'_>,
        prices: &[ListingPrice],
        cause: &Cause,
    ) -> Result<()> {
        let mut prices = prices.to_vec();
        // Rows in one order everywhere: two such transactions wait, and never for each other.
        prices.sort_by_key(|each| (each.variant, each.price.currency));
        let variants: Vec<VariantId> = prices.iter().map(|each| each.variant).collect();
        let found = listings::lock_products_of(tx, &variants).await?;
        if listings::put_prices(tx, &prices).await? == 0 {
            return Ok(());
        }
        self.renew_cards(tx, found.shape, &found.ids()).await?;
        self.tell_all(tx, &found.products, cause).await
    }

    pub(crate) async fn remove_prices(
        &self,
        tx: &mut Tx<'_>,
        gone: &[(VariantId, Currency)],
        cause: &Cause,
    ) -> Result<()> {
        let mut gone = gone.to_vec();
        gone.sort_unstable();
        let variants: Vec<VariantId> = gone.iter().map(|(variant, _)| *variant).collect();
        let found = listings::lock_products_of(tx, &variants).await?;
        if listings::remove_prices(tx, &gone).await? == 0 {
            return Ok(());
        }
        self.renew_cards(tx, found.shape, &found.ids()).await?;
        self.tell_all(tx, &found.products, cause).await
    }

    /// Lets the bundles that hold any of these variants follow their stock.
    pub(crate) async fn follow_components(
        &self,
        tx: &mut Tx<'_>,
        components: &[VariantId],
        cause: &Cause,
    ) -> Result<()> {
        let bundles = extras::bundles_with(tx, components).await?;
        if bundles.is_empty() {
            return Ok(());
        }
        let found = listings::lock_products_of(tx, &bundles).await?;
        extras::renew_bundles(tx, &bundles).await?;
        self.renew_cards(tx, found.shape, &found.ids()).await?;
        self.tell_all(tx, &found.products, cause).await
    }

    /// Publishes that a product changed, whose row lock the caller holds: its stored answer and
    /// the caches of every process follow.
    pub(crate) async fn tell(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        handle: &str,
        cause: &Cause,
    ) -> Result<()> {
        self.outdate_answers(tx, &[product]).await?;
        self.announce(tx, product, handle, cause).await
    }

    /// Publishes the fact alone: for what the product's own JSON does not show.
    pub(crate) async fn announce(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        handle: &str,
        cause: &Cause,
    ) -> Result<()> {
        let fact = ProductChanged {
            product,
            handle: handle.to_owned(),
        };
        tx.emit(self.deps.ids.make(cause.occurred_at), cause, &fact)
            .await
    }
}

/// What an input says of its product beside the content, as it is kept.
fn extras_of(said: &ProductExtras) -> Extras {
    Extras {
        standing: Standing {
            kind: said.kind,
            publish_at: said.publish_at,
            unpublish_at: said.unpublish_at,
        },
        category: said.category.clone(),
        attributes: said.attributes.clone(),
        files: Vec::new(),
        metadata: said.metadata.clone(),
        variants: Vec::new(),
    }
}

/// Bounds of what an input says beside its content.
fn check_said(input: &ProductInput) -> Result<(), Flaw> {
    let Some(said) = &input.extras else {
        return Ok(());
    };
    if (said.kind == ProductKind::GiftCard) != input.gift_card {
        return Err(Flaw::new("kind", "and `gift_card` say different things"));
    }
    check_named(said, input.variants.len())?;
    check_extras(&extras_of(said))
}

pub(super) fn plain(error: EditError) -> CatalogError {
    match error {
        EditError::Flaw(flaw) => flaw.into(),
        EditError::Storage(error) => CatalogError::Storage(error),
        other => Flaw::new("category", other.to_string()).into(),
    }
}
