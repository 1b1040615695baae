//! The contract that other modules hold, carried out by [`Stockroom`]. Decides nothing itself.

use std::collections::BTreeMap;

use async_trait::async_trait;
use stoa_contracts::Destination;
use stoa_contracts::inventory::{
    Allocation, Availability, CountOutcome, CountedLevel, Demand, InitialLevel, Inventory,
    ReserveError, ShipError, StockLevel,
};
use stoa_kernel::{LocationId, OrderId, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, Error, Tx};

use super::Stockroom;
use super::reserving::Request;
use super::shelves::{of_variant, rule_over, standing};
use crate::domain::{self, Level, LevelKey, Place, Rule};
use crate::infrastructure as store;

#[async_trait]
impl Inventory for Stockroom {
    async fn reserve(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        demand: &[Demand],
        destination: &Destination,
        expires_at: Timestamp,
        cause: &Cause,
    ) -> Result<(), ReserveError> {
        let request = Request {
            order,
            wanted: domain::sum_demand(demand),
            destination,
            expires_at: Some(expires_at),
        };
        self.reserve_in(tx, &request, expires_at, cause).await
    }

    async fn reserve_more(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        demand: &[Demand],
        destination: &Destination,
        cause: &Cause,
    ) -> Result<(), ReserveError> {
        let request = Request {
            order,
            wanted: domain::sum_demand(demand),
            destination,
            expires_at: None,
        };
        self.reserve_more_in(tx, &request, cause).await
    }

    async fn held(&self, tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<Allocation>, Error> {
        let held = store::held(tx, order).await?.into_iter();
        let allocation = |hold: store::Hold| Allocation {
            variant: hold.variant,
            location: hold.location,
            units: hold.units,
        };
        Ok(held.map(allocation).collect())
    }

    async fn ship(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        goods: &[Demand],
        location: Option<LocationId>,
        cause: &Cause,
    ) -> Result<Vec<Allocation>, ShipError> {
        let asked = domain::sum_demand(goods);
        self.ship_in(tx, order, &asked, location, cause).await
    }

    async fn unship(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        taken: &[Allocation],
        cause: &Cause,
    ) -> Result<(), Error> {
        self.unship_in(tx, order, taken, cause).await
    }

    async fn release_units(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        goods: &[Demand],
        cause: &Cause,
    ) -> Result<i64, Error> {
        let asked = domain::sum_demand(goods);
        self.release_units_in(tx, order, &asked, cause).await
    }

    async fn restock(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        goods: &[Demand],
        location: Option<LocationId>,
        cause: &Cause,
    ) -> Result<(), ShipError> {
        let goods = domain::sum_demand(goods);
        self.restock_in(tx, order, &goods, location, cause).await
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
        self.release_in(tx, order, cause).await
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

    async fn levels(
        &self,
        tenant: TenantId,
        variants: &[VariantId],
    ) -> Result<Vec<StockLevel>, Error> {
        self.sheet(tenant, variants).await
    }

    async fn count(
        &self,
        tx: &mut Tx<'_>,
        levels: &[CountedLevel],
        cause: &Cause,
    ) -> Result<Vec<CountOutcome>, Error> {
        self.count_sheet(tx, levels, cause).await
    }

    async fn availability(
        &self,
        tx: &mut Tx<'_>,
        variants: &[VariantId],
    ) -> Result<Vec<Availability>, Error> {
        let found = store::levels(tx, variants).await?;
        let rule = rule_over(tx, &found).await?;
        let levels: BTreeMap<LevelKey, Level> = found
            .levels
            .into_iter()
            .map(|level| (level.key(), level))
            .collect();
        let of = |&variant: &VariantId| Availability {
            variant,
            available: standing(&levels, variant, &rule).sellable,
            units: units(&levels, variant, &rule),
        };
        Ok(variants.iter().map(of).collect())
    }
}

/// Units that one order can still get; `None` where there is no end to them.
fn units(levels: &BTreeMap<LevelKey, Level>, variant: VariantId, rule: &Rule) -> Option<i64> {
    if !super::shelves::is_tracked(levels, variant) {
        return None;
    }
    let giving = of_variant(levels, variant)
        .filter(|level| rule.place(level.location).is_some_and(Place::gives));
    if giving.clone().any(|level| level.stock.backorder) {
        return None;
    }
    let at_each = giving.map(|level| level.stock.available());
    Some(match rule.split {
        true => at_each.sum(),
        false => at_each.max().unwrap_or(0),
    })
}
