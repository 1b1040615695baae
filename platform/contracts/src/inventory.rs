//! Stock: what other modules may ask of `inventory`, and what it tells.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Fact, OrderId, Quantity, Timestamp, VariantId};
use stoa_storage::{Cause, Tx};

/// Units of one variant that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub variant: VariantId,
    pub quantity: Quantity,
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
    async fn reserve(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        demand: &[Demand],
        expires_at: Timestamp,
        cause: &Cause,
    ) -> Result<(), ReserveError>;

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
