//! Goods leave: packed from what the order holds, shipped, delivered, or unpacked again. Moves no
//! money.

use stoa_contracts::orders::{
    FulfilmentStep, FulfilmentView, LineUnits, NewFulfilment, OrderError, OrderState, ReturnState,
};
use stoa_kernel::{FulfilmentId, OrderId, Quantity};
use stoa_storage::{Cause, Tx};

use crate::domain::{LineStanding, exchange_lines, standings};
use crate::errors::{CareError, invalid, stands};
use crate::returned::goods_of;
use crate::wish::{FulfilWish, LINES_MAX, check_count};
use crate::{Shared, infrastructure};

impl Shared {
    pub(crate) async fn fulfil(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        wish: &FulfilWish,
        cause: &Cause,
    ) -> Result<FulfilmentView, CareError> {
        let state = self.lock(tx, order).await?;
        check_may_leave(&state, wish.force)?;
        let view = self.peers.orders.view_in(tx, order).await?;
        let refunds = infrastructure::refunds_of(tx, order).await?;
        let mut lines = standings(&view, &refunds);
        // What is sent in exchange waits for what comes back.
        let waiting = exchange_lines(&view, |state| state == ReturnState::Requested);
        lines.retain(|line| !waiting.contains(&line.id));
        let units = match &wish.lines {
            Some(asked) => chosen(&lines, asked)?,
            None => all_left(&lines),
        };
        if units.is_empty() {
            return Err(CareError::Refused("Nothing is left to be sent."));
        }
        let goods = goods_of(&view, &units);
        let taken = self
            .peers
            .inventory
            .ship(tx, order, &goods, wish.location_id, cause)
            .await?;
        let new = NewFulfilment {
            id: self.deps.ids.make(cause.occurred_at),
            order,
            location: wish.location_id,
            lines: units,
            taken,
            tracking: wish.tracking.clone(),
        };
        let orders = &self.peers.orders;
        let packed = match wish.force && !state.may_leave {
            true => orders.fulfil_on_trust(tx, &new, cause).await?,
            false => orders.fulfil(tx, &new, cause).await?,
        };
        if !wish.ship {
            return Ok(packed);
        }
        let left = FulfilmentStep::Ship { tracking: None };
        let (shipped, _) = orders
            .step_fulfilment(tx, order, new.id, &left, cause)
            .await?;
        Ok(shipped)
    }

    pub(crate) async fn move_parcel(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        fulfilment: FulfilmentId,
        step: &FulfilmentStep,
        cause: &Cause,
    ) -> Result<FulfilmentView, CareError> {
        self.lock(tx, order).await?;
        if *step == FulfilmentStep::Cancel {
            self.check_unpackable(tx, order, fulfilment).await?;
        }
        let moved = self
            .peers
            .orders
            .step_fulfilment(tx, order, fulfilment, step, cause)
            .await;
        let (view, taken) = moved.map_err(|error| match error {
            OrderError::NotFound => CareError::FulfilmentNotFound,
            error => error.into(),
        })?;
        if !taken.is_empty() {
            let inventory = &self.peers.inventory;
            inventory.unship(tx, order, &taken, cause).await?;
        }
        Ok(view)
    }

    /// Unpacked goods are held for the order again: not those it has its money back for.
    async fn check_unpackable(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        fulfilment: FulfilmentId,
    ) -> Result<(), CareError> {
        let view = self.peers.orders.view_in(tx, order).await?;
        let refunds = infrastructure::refunds_of(tx, order).await?;
        let lines = standings(&view, &refunds);
        let parcel = view.fulfilments.iter().find(|each| each.id == fulfilment);
        let packed = parcel.map_or(&[][..], |parcel| &parcel.lines);
        let is_withdrawn = |units: &LineUnits| {
            let line = lines.iter().find(|line| line.id == units.line_id);
            line.is_some_and(|line| line.is_withdrawn_with(units.quantity.as_i64()))
        };
        match packed.iter().any(is_withdrawn) {
            true => Err(CareError::Refused(
                "Some of its goods were refunded since they were packed.",
            )),
            false => Ok(()),
        }
    }
}

/// As orders decide it; asked first, so that the answer does not speak of stock. Of an order that is
/// sent on trust they decide alone.
fn check_may_leave(state: &OrderState, force: bool) -> Result<(), CareError> {
    match state.may_leave || force {
        true => Ok(()),
        false => Err(stands(state, "fulfilled")),
    }
}

fn all_left(lines: &[LineStanding]) -> Vec<LineUnits> {
    let sent = lines.iter().filter(|line| line.requires_shipping);
    sent.filter_map(|line| {
        let quantity = Quantity::from_i64(line.unsent()).ok()?;
        Some(LineUnits {
            line_id: line.id,
            quantity,
        })
    })
    .collect()
}

fn chosen(lines: &[LineStanding], asked: &[LineUnits]) -> Result<Vec<LineUnits>, CareError> {
    check_count("lines", asked.len(), LINES_MAX)?;
    for (index, units) in asked.iter().enumerate() {
        let line = lines.iter().find(|line| line.id == units.line_id);
        let left = line.map_or(0, LineStanding::unsent);
        if units.quantity.as_i64() > left {
            let field = format!("lines[{index}].quantity");
            return Err(invalid(field, format!("{left} are left to be sent")));
        }
    }
    Ok(asked.to_vec())
}
