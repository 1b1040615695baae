//! The contract that other modules hold, carried out by [`Stockroom`]. Decides nothing itself.

use async_trait::async_trait;
use stoa_contracts::inventory::{Availability, Demand, InitialLevel, Inventory, ReserveError};
use stoa_kernel::{OrderId, Timestamp, VariantId};
use stoa_storage::{Cause, Error, Tx};

use super::Stockroom;
use crate::domain;
use crate::infrastructure as store;

#[async_trait]
impl Inventory for Stockroom {
    async fn reserve(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        demand: &[Demand],
        expires_at: Timestamp,
        cause: &Cause,
    ) -> Result<(), ReserveError> {
        let wanted = domain::sum_demand(demand);
        self.reserve_in(tx, order, &wanted, expires_at, cause).await
    }

    async fn confirm(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        _cause: &Cause,
    ) -> Result<bool, Error> {
        Ok(store::confirm(tx, order).await? > 0)
    }

    async fn release(&self, tx: &mut Tx<'_>, order: OrderId, cause: &Cause) -> Result<(), Error> {
        let changed = self.give_back(tx, order, cause).await?;
        self.tell(tx, &changed, cause).await
    }

    async fn set_initial(
        &self,
        tx: &mut Tx<'_>,
        levels: &[InitialLevel],
        overwrite: bool,
        cause: &Cause,
    ) -> Result<(), Error> {
        self.set_initial_in(tx, levels, overwrite, cause).await
    }

    async fn availability(
        &self,
        tx: &mut Tx<'_>,
        variants: &[VariantId],
    ) -> Result<Vec<Availability>, Error> {
        let levels = store::levels(tx, variants).await?;
        let of = |&variant: &VariantId| {
            let place = levels.binary_search_by_key(&variant, |level| level.variant);
            let stock = place.map_or(domain::Stock::NONE, |at| levels[at].stock);
            let units = (!stock.backorder).then(|| stock.available());
            Availability {
                variant,
                available: stock.is_available(),
                units,
            }
        };
        Ok(variants.iter().map(of).collect())
    }
}
