//! Follows stock: marks variants in or out of it as inventory tells. Never reads a level.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::inventory::AvailabilityChanged;
use stoa_kernel::{Actor, Envelope, Fact as _, VariantId};
use stoa_storage::{Cause, Tx};

use super::App;
use crate::infrastructure::{extras, listings};

pub(crate) struct StockConsumer(pub(crate) Arc<App>);

#[async_trait]
impl Consumer for StockConsumer {
    fn name(&self) -> &'static str {
        "catalog.stock"
    }

    fn subjects(&self) -> Vec<String> {
        vec![AvailabilityChanged::subject()]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        self.handle_all(tx, &[event]).await
    }

    /// An import tells of every variant it makes: those of one product are marked together, and
    /// its card is worked out and told once.
    async fn handle_all(&self, tx: &mut Tx<'_>, events: &[&Envelope]) -> Result<(), HandlerError> {
        let Some((last, levels)) = newest(events)? else {
            return Ok(());
        };
        let told: Vec<VariantId> = levels.iter().map(|level| level.variant).collect();
        // Bundles with them are locked at once: two such transactions wait, and never for each
        // other.
        let mut variants = extras::bundles_with(tx, &told).await?;
        variants.extend(&told);
        let products = listings::lock_products_of(tx, &variants).await?;
        // Stock of variants that the catalog does not know, or no longer.
        if products.products.is_empty() {
            return Ok(());
        }
        let crossed = listings::mark_stock(tx, &levels).await?;
        if crossed.is_empty() {
            return Ok(());
        }
        let cause = Cause {
            actor: Actor::System,
            occurred_at: self.0.deps.now(),
            causation: Some(last.id),
            trace: last.trace.clone(),
        };
        let own = listings::lock_products_of(tx, &crossed).await?;
        self.0.renew_cards(tx, own.shape, &own.ids()).await?;
        self.0.tell_all(tx, &own.products, &cause).await?;
        // Asked again: a bundle may have been made of them before their marks were moved.
        Ok(self.0.follow_components(tx, &crossed, &cause).await?)
    }
}

/// The last of these events, and the newest level that they tell of each variant, in id order.
fn newest<'e>(
    events: &[&'e Envelope],
) -> Result<Option<(&'e Envelope, Vec<AvailabilityChanged>)>, HandlerError> {
    let (mut last, mut levels) = (None, BTreeMap::<VariantId, AvailabilityChanged>::new());
    for event in events {
        let fact = event.fact::<AvailabilityChanged>();
        let fact = fact.map_err(|error| HandlerError::Failed(error.to_string()))?;
        let Some(fact) = fact else { continue };
        last = Some(*event);
        let known = levels.get(&fact.variant);
        if known.is_none_or(|known| known.level_version < fact.level_version) {
            levels.insert(fact.variant, fact);
        }
    }
    Ok(last.map(|last| (last, levels.into_values().collect())))
}
