//! Follows stock: marks variants in or out of it as inventory tells. Never reads a level.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::inventory::AvailabilityChanged;
use stoa_kernel::{Actor, Envelope, Fact as _};
use stoa_storage::{Cause, Tx};

use super::App;
use crate::infrastructure::extras;
use crate::infrastructure::listings::{self, Marked};

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
        let fact = event.fact::<AvailabilityChanged>();
        let fact = fact.map_err(|error| HandlerError::Failed(error.to_string()))?;
        let Some(fact) = fact else { return Ok(()) };
        // Bundles with it are locked at once: two such events wait, and never for each other.
        let mut variants = extras::bundles_with(tx, &[fact.variant]).await?;
        variants.push(fact.variant);
        let products = listings::lock_products_of(tx, &variants).await?;
        // Stock of a variant that the catalog does not know, or no longer.
        if products.products.is_empty() {
            return Ok(());
        }
        let marked =
            listings::mark_stock(tx, fact.variant, fact.available, fact.level_version).await?;
        if marked != Marked::Crossed {
            return Ok(());
        }
        let cause = Cause {
            actor: Actor::System,
            occurred_at: self.0.deps.now(),
            causation: Some(event.id),
            trace: event.trace.clone(),
        };
        let own = listings::lock_products_of(tx, &[fact.variant]).await?;
        self.0.renew_cards(tx, own.shape, &own.ids()).await?;
        self.0.tell_all(tx, &own.products, &cause).await?;
        // Asked again: a bundle may have been made of it before its mark was moved.
        Ok(self
            .0
            .follow_components(tx, &[fact.variant], &cause)
            .await?)
    }
}
