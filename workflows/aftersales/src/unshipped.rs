//! Goods that need no shipping are delivered by themselves once they are paid, so that an order of them
//! alone is completed by nobody. Hears of payments and parcels; moves no money.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::inventory::ShipError;
use stoa_contracts::orders::{
    FulfilmentChanged, FulfilmentState, FulfilmentStep, LineUnits, NewFulfilment, OrderPaid,
    OrderRestPaid, OrderView, PaymentStatus, ReturnState,
};
use stoa_kernel::{Envelope, Fact as _, FulfilmentId, OrderId, Quantity};
use stoa_storage::{Cause, Error, Tx};

use crate::Shared;
use crate::domain::{exchange_lines, standings};
use crate::errors::CareError;
use crate::infrastructure;
use crate::returned::goods_of;

pub(crate) struct Unshipped(pub(crate) Arc<Shared>);

#[async_trait]
impl Consumer for Unshipped {
    fn name(&self) -> &'static str {
        "aftersales.unshipped"
    }

    fn subjects(&self) -> Vec<String> {
        vec![
            OrderPaid::subject(),
            OrderRestPaid::subject(),
            FulfilmentChanged::subject(),
        ]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        let Some(order) = order_of(event)? else {
            return Ok(());
        };
        // One parcel per event at most, however often it is heard.
        let id = FulfilmentId::from_u128(event.id.as_u128());
        match self.0.deliver_unshipped(tx, order, id).await {
            Ok(()) | Err(CareError::OrderNotFound) => Ok(()),
            Err(CareError::Storage(error)) => Err(error.into()),
            Err(error) => Err(HandlerError::Failed(error.to_string())),
        }
    }
}

fn order_of(event: &Envelope) -> Result<Option<OrderId>, Error> {
    if let Some(paid) = event.fact::<OrderPaid>()? {
        return Ok(Some(paid.order));
    }
    if let Some(paid) = event.fact::<OrderRestPaid>()? {
        return Ok(Some(paid.order));
    }
    let moved = event.fact::<FulfilmentChanged>()?;
    let left = moved.filter(|moved| has_left(moved.state));
    Ok(left.map(|moved| moved.order))
}

const fn has_left(state: FulfilmentState) -> bool {
    matches!(state, FulfilmentState::Shipped | FulfilmentState::Delivered)
}

/// An order with parcels can be changed and canceled until one left: until then all of it waits.
fn is_time(view: &OrderView) -> bool {
    let ships = view.lines.iter().any(|line| line.requires_shipping);
    !ships || view.fulfilments.iter().any(|parcel| has_left(parcel.state))
}

impl Shared {
    async fn deliver_unshipped(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        id: FulfilmentId,
    ) -> Result<(), CareError> {
        let orders = &self.peers.orders;
        // Most orders hold nothing of the kind: those are not locked.
        let seen = orders.view_in(tx, order).await?;
        if seen.lines.iter().all(|line| line.requires_shipping) {
            return Ok(());
        }
        let state = self.lock(tx, order).await?;
        let paid = matches!(
            state.payment,
            PaymentStatus::Paid | PaymentStatus::PartiallyRefunded
        );
        if !paid || !state.may_leave {
            return Ok(());
        }
        let view = orders.view_in(tx, order).await?;
        if !is_time(&view) {
            return Ok(());
        }
        let refunds = infrastructure::refunds_of(tx, order).await?;
        let mut lines = standings(&view, &refunds);
        let waiting = exchange_lines(&view, |state| state == ReturnState::Requested);
        lines.retain(|line| !line.requires_shipping && !waiting.contains(&line.id));
        let units: Vec<LineUnits> = lines
            .iter()
            .filter_map(|line| {
                let quantity = Quantity::from_i64(line.unsent()).ok()?;
                Some(LineUnits {
                    line_id: line.id,
                    quantity,
                })
            })
            .collect();
        if units.is_empty() {
            return Ok(());
        }
        let (goods, cause) = (goods_of(&view, &units), Cause::system(self.deps.now()));
        let inventory = &self.peers.inventory;
        let taken = match inventory.ship(tx, order, &goods, None, &cause).await {
            Ok(taken) => taken,
            // Nothing was taken; staff see what is held and name the lines themselves.
            Err(error @ (ShipError::NotHeld { .. } | ShipError::UnknownLocation)) => {
                tracing::error!(%order, %error, "goods without shipping are not delivered");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let parcel = NewFulfilment {
            id,
            order,
            location: None,
            lines: units,
            taken,
            tracking: None,
        };
        orders.fulfil(tx, &parcel, &cause).await?;
        orders
            .step_fulfilment(tx, order, id, &FulfilmentStep::Deliver, &cause)
            .await?;
        Ok(())
    }
}
