//! Stock that goes from one place to another. Serves no order.

use stoa_kernel::{LocationId, TransferId, VariantId, kind};
use stoa_storage::{Cause, Tx};

use super::shelves::{Shelves, Why};
use super::{StockError, Stockroom};
use crate::domain::{
    Delta, LevelKey, MovementKind, Receipt, Transfer, TransferLine, TransferStatus,
};
use crate::infrastructure as store;

/// A transfer to be written down; each variant stands once in `lines`.
#[derive(Debug, Clone)]
pub(crate) struct NewTransfer {
    pub(crate) origin: LocationId,
    pub(crate) destination: LocationId,
    pub(crate) lines: Receipt,
    pub(crate) note: Option<String>,
}

/// What happens to the units at one end.
type Moves = (MovementKind, fn(i64) -> Delta);

/// What a step moves, at the origin and at the destination.
struct Step<'s> {
    units: &'s Receipt,
    at_origin: Option<Moves>,
    at_destination: Option<Moves>,
}

impl Stockroom {
    pub(super) async fn draft_transfer(
        &self,
        tx: &mut Tx<'_>,
        new: &NewTransfer,
        cause: &Cause,
    ) -> Result<Transfer, StockError> {
        // In id order, as every transaction locks them.
        let mut ends = [
            (new.origin, "origin_id"),
            (new.destination, "destination_id"),
        ];
        ends.sort_unstable();
        for (location, field) in ends {
            if store::locked_place(tx, location).await?.is_none() {
                return Err(StockError::UnknownLocation { field });
            }
        }
        let at = cause.occurred_at;
        let line = |(&variant, &units): (&VariantId, &i64)| TransferLine {
            variant,
            units,
            received: 0,
        };
        let transfer = Transfer {
            id: self.deps.ids.make::<kind::Transfer>(at),
            origin: new.origin,
            destination: new.destination,
            status: TransferStatus::Draft,
            note: new.note.clone(),
            version: 1,
            created_at: at,
            updated_at: at,
            lines: new.lines.iter().map(line).collect(),
        };
        store::insert_transfer(tx, &transfer).await?;
        Ok(transfer)
    }

    /// What leaves is no longer on hand here, and on its way there.
    pub(super) async fn send_transfer(
        &self,
        tx: &mut Tx<'_>,
        id: TransferId,
        cause: &Cause,
    ) -> Result<Transfer, StockError> {
        let mut transfer = found(tx, id).await?;
        let leaves = transfer.send()?;
        let step = Step {
            units: &leaves,
            at_origin: Some((MovementKind::TransferOut, |units| Delta::on_hand(-units))),
            at_destination: Some((MovementKind::TransferDue, Delta::incoming)),
        };
        self.step(tx, transfer, &step, cause).await
    }

    pub(super) async fn receive_transfer(
        &self,
        tx: &mut Tx<'_>,
        id: TransferId,
        arrives: Option<Receipt>,
        cause: &Cause,
    ) -> Result<Transfer, StockError> {
        let mut transfer = found(tx, id).await?;
        let arrives = transfer.receive(arrives)?;
        let step = Step {
            units: &arrives,
            at_origin: None,
            at_destination: Some((MovementKind::TransferIn, |units| Delta {
                on_hand: units,
                incoming: -units,
                reserved: 0,
            })),
        };
        self.step(tx, transfer, &step, cause).await
    }

    pub(super) async fn cancel_transfer(
        &self,
        tx: &mut Tx<'_>,
        id: TransferId,
        cause: &Cause,
    ) -> Result<Transfer, StockError> {
        let mut transfer = found(tx, id).await?;
        let back = transfer.cancel()?;
        let step = Step {
            units: &back,
            at_origin: Some((MovementKind::TransferBack, Delta::on_hand)),
            at_destination: Some((MovementKind::TransferVoid, |units| Delta::incoming(-units))),
        };
        self.step(tx, transfer, &step, cause).await
    }

    async fn step(
        &self,
        tx: &mut Tx<'_>,
        mut transfer: Transfer,
        step: &Step<'_>,
        cause: &Cause,
    ) -> Result<Transfer, StockError> {
        transfer.version += 1;
        transfer.updated_at = cause.occurred_at;
        store::store_transfer(tx, &transfer).await?;
        if step.units.is_empty() {
            return Ok(transfer);
        }
        let ends = [
            (transfer.origin, step.at_origin),
            (transfer.destination, step.at_destination),
        ];
        let keys: Vec<LevelKey> = step
            .units
            .keys()
            .flat_map(|&variant| ends.map(|(place, _)| (variant, place)))
            .collect();
        let mut shelves = Shelves::open(tx, keys, cause.occurred_at).await?;
        for (&variant, &units) in step.units {
            for (place, moved) in ends {
                let Some((kind, delta)) = moved else { continue };
                let key = (variant, place);
                let delta = delta(units);
                may_leave(&shelves, key, delta)?;
                shelves.shift(key, kind, delta, Why::transfer(transfer.id))?;
            }
        }
        self.settle(tx, shelves, cause).await?;
        Ok(transfer)
    }
}

async fn found(tx: &mut Tx<'_>, id: TransferId) -> Result<Transfer, StockError> {
    let transfer = store::locked_transfer(tx, id).await?;
    transfer.ok_or(StockError::TransferNotFound { id })
}

/// What is promised to orders stays.
fn may_leave(shelves: &Shelves, key: LevelKey, delta: Delta) -> Result<(), StockError> {
    if delta.on_hand >= 0 {
        return Ok(());
    }
    let Some(level) = shelves.level(key) else {
        return Ok(());
    };
    match level.stock.adjust(delta.on_hand) {
        Ok(_) => Ok(()),
        Err(_) => Err(StockError::NotOnShelf {
            variant: key.0,
            asked: -delta.on_hand,
            available: match level.stock.backorder {
                true => level.stock.on_hand,
                false => level.stock.available(),
            },
        }),
    }
}
