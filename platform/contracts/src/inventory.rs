//! Stock: what other modules may ask of `inventory`, and what it tells.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Fact, LocationId, OrderId, Quantity, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, Tx};

use crate::Destination;

/// Units of one variant that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub variant: VariantId,
    pub quantity: Quantity,
}

/// Units of one variant held, or taken, at one location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    pub variant: VariantId,
    pub location: LocationId,
    pub units: i64,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum ShipError {
    /// The order holds fewer units than are to leave; nothing was taken.
    #[error("{asked} of {variant} are to leave, {held} are held")]
    NotHeld {
        variant: VariantId,
        asked: i64,
        held: i64,
    },
    #[error("no such location")]
    UnknownLocation,
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum ReserveError {
    /// Not enough; nothing was reserved. One entry per variant that is short.
    #[error("not enough stock")]
    Short { shortages: Vec<Shortage> },
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    pub variant: VariantId,
    pub asked: i64,
    pub available: i64,
}

/// A level to be set by an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitialLevel {
    pub variant: VariantId,
    pub on_hand: u32,
    /// Whether it may be sold below zero.
    pub backorder: bool,
}

/// A variant's stock at one location, as staff see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLevel {
    pub variant: VariantId,
    pub location: LocationId,
    pub location_name: String,
    pub on_hand: i64,
    pub reserved: i64,
    pub backorder: bool,
}

/// A level that staff count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedLevel {
    pub variant: VariantId,
    /// A location's name; `None` is the shop's first.
    pub location: Option<String>,
    pub on_hand: u32,
    /// `None` keeps what the level has.
    pub backorder: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountOutcome {
    Set,
    /// It was already so: nothing was written, nothing told.
    Unchanged,
    UnknownLocation,
    /// More than that many units are promised to orders.
    BelowReserved {
        reserved: i64,
    },
}

/// What a shopper may know of a variant's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Availability {
    pub variant: VariantId,
    pub available: bool,
    /// Units that can still be reserved; `None` where backorders make it unbounded.
    pub units: Option<i64>,
}

#[async_trait]
pub trait Inventory: Send + Sync + 'static {
    /// Holds stock for the whole demand or for none of it. Demand for one variant is summed first;
    /// rows are taken in id order. A second call for an order that holds stock replaces its hold.
    /// Which locations give is the shop's sourcing rule; `destination` decides what is near.
    /// Variants whose stock is not tracked are held nowhere and never short.
    async fn reserve(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        demand: &[Demand],
        destination: &Destination,
        expires_at: Timestamp,
        cause: &Cause,
    ) -> Result<(), ReserveError>;

    /// Adds to what a paid order holds; permanent at once. All of it or nothing.
    async fn reserve_more(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        demand: &[Demand],
        destination: &Destination,
        cause: &Cause,
    ) -> Result<(), ReserveError>;

    /// What the order holds, in variant and location order.
    async fn held(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
    ) -> Result<Vec<Allocation>, stoa_storage::Error>;

    /// Goods leave: lowers `on_hand` and `reserved` of what the order holds, from `location` alone
    /// where it is named. Answers what was taken where, which [`Self::unship`] puts back.
    async fn ship(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        goods: &[Demand],
        location: Option<LocationId>,
        cause: &Cause,
    ) -> Result<Vec<Allocation>, ShipError>;

    /// Undoes a [`Self::ship`] whose goods never left: they are on hand and held again.
    async fn unship(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        taken: &[Allocation],
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    /// Gives back part of what the order holds, at most all of it; answers how many units were.
    async fn release_units(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        goods: &[Demand],
        cause: &Cause,
    ) -> Result<i64, stoa_storage::Error>;

    /// Goods came back and can be sold again: raises `on_hand`, at the shop's first location where
    /// none is named.
    async fn restock(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        goods: &[Demand],
        location: Option<LocationId>,
        cause: &Cause,
    ) -> Result<(), ShipError>;

    /// Makes the order's holds permanent: they no longer expire. Idempotent. False where nothing
    /// was held (they had been released).
    async fn confirm(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<bool, stoa_storage::Error>;

    /// Gives the order's holds back. Idempotent.
    async fn release(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    /// Sets levels of variants that have none; with `overwrite` of all of them (never below what
    /// is reserved).
    async fn set_initial(
        &self,
        tx: &mut Tx<'_>,
        levels: &[InitialLevel],
        overwrite: bool,
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;

    /// Levels of these variants at all locations, in variant and location order: for exports.
    async fn levels(
        &self,
        tenant: TenantId,
        variants: &[VariantId],
    ) -> Result<Vec<StockLevel>, stoa_storage::Error> {
        let _ = (tenant, variants);
        Ok(Vec::new())
    }

    /// Sets levels as they were counted: one outcome each, in order. What is refused changes
    /// nothing, and none of the others.
    async fn count(
        &self,
        tx: &mut Tx<'_>,
        levels: &[CountedLevel],
        cause: &Cause,
    ) -> Result<Vec<CountOutcome>, stoa_storage::Error> {
        let _ = (tx, levels, cause);
        Ok(Vec::new())
    }

    /// One entry per variant asked for, in that order; a variant without a level is unavailable.
    async fn availability(
        &self,
        tx: &mut Tx<'_>,
        variants: &[VariantId],
    ) -> Result<Vec<Availability>, stoa_storage::Error>;
}

/// A variant became available or stopped being so (its stock crossed zero).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvailabilityChanged {
    pub variant: VariantId,
    pub available: bool,
    /// Rises with every change of this variant's level: an older one arriving late is ignored.
    pub level_version: i64,
}

impl Fact for AvailabilityChanged {
    const TYPE: &'static str = "inventory.availability_changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.variant.to_string()
    }
}

/// What can be promised of a variant, over all locations, fell to or below its threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLow {
    pub variant: VariantId,
    pub available: i64,
    pub threshold: i64,
}

impl Fact for StockLow {
    const TYPE: &'static str = "inventory.low";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.variant.to_string()
    }
}
