//! Writes inside the caller's transaction: whole products from an import, prices from pricing.

use std::collections::{HashMap, HashSet};

use stoa_contracts::catalog::{
    CatalogError, ListingPrice, ProductChanged, ProductInput, ProductKind, UpsertOutcome, Upserted,
};
use stoa_kernel::{ProductId, VariantId};
use stoa_storage::{Cause, Error, Result, Tx};

use super::App;
use crate::domain::{Flaw, check_product};
use crate::infrastructure::products::{self, LockedProduct, VariantChanges};
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
        let mut stored = StoredProduct::of(input)?;
        for _ in 0..TRIES_MAX {
            let Some(found) = products::lock_by_handle(tx, &input.handle).await? else {
                match self.create_in(tx, &stored, cause).await? {
                    Some(created) => return Ok(created),
                    // Somebody else created it this moment: it is an update now.
                    None => continue,
                }
            };
            if input.gift_card && found.standing.kind == ProductKind::Bundle {
                return Err(Flaw::new("gift_card", "a bundle is no gift card").into());
            }
            stored.stand(&found.standing, cause.occurred_at);
            let known = products::variant_keys(tx, found.id).await?;
            let changes = self.match_variants(known, &stored, &[], cause)?;
            if found.content_hash == stored.content_hash {
                let (product, outcome) = (found.id, UpsertOutcome::Unchanged);
                return Ok(Upserted {
                    product,
                    outcome,
                    variants: changes.kept,
                });
            }
            self.replace_in(tx, &found, &stored, &changes, cause)
                .await?;
            let (product, outcome) = (found.id, UpsertOutcome::Updated);
            return Ok(Upserted {
                product,
                outcome,
                variants: changes.kept,
            });
        }
        Err(Error::Contention {
            attempts: TRIES_MAX,
        }
        .into())
    }

    /// `None` where the handle is taken; then nothing was written.
    pub(crate) async fn create_in(
        &self,
        tx: &mut Tx<'_>,
        stored: &StoredProduct<'_>,
        cause: &Cause,
    ) -> Result<Option<Upserted>> {
        let now = cause.occurred_at;
        let product: ProductId = self.deps.ids.make(now);
        let variants: Vec<VariantId> = stored
            .variants
            .iter()
            .map(|_| self.deps.ids.make(now))
            .collect();
        if !products::insert(tx, product, stored, &variants, now).await? {
            return Ok(None);
        }
        self.tell(tx, product, &stored.input.handle, cause).await?;
        let variants = variants.into_iter().map(|id| (id, true)).collect();
        Ok(Some(Upserted {
            product,
            outcome: UpsertOutcome::Created,
            variants,
        }))
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
            listings::renew_cards(tx, &[found.id]).await?;
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
        let products = listings::lock_products_of(tx, &variants).await?;
        if listings::put_prices(tx, &prices).await? == 0 {
            return Ok(());
        }
        let ids: Vec<ProductId> = products.iter().map(|(id, _)| *id).collect();
        listings::renew_cards(tx, &ids).await?;
        for (id, handle) in &products {
            self.tell(tx, *id, handle, cause).await?;
        }
        Ok(())
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
        let products = listings::lock_products_of(tx, &bundles).await?;
        extras::renew_bundles(tx, &bundles).await?;
        let ids: Vec<ProductId> = products.iter().map(|(id, _)| *id).collect();
        listings::renew_cards(tx, &ids).await?;
        for (id, handle) in &products {
            self.tell(tx, *id, handle, cause).await?;
        }
        Ok(())
    }

    /// Publishes that a product changed; caches of every process follow it.
    pub(crate) async fn tell(
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
