//! What becomes of an order after it was placed: packing, returns, refunds, cancelling, edits.
//! Every use case locks the order first. Holds no SQL.

use stoa_contracts::inventory::Allocation;
use stoa_contracts::orders::{
    FulfilmentChanged, FulfilmentState, FulfilmentStep, FulfilmentView, LineUnits, NewFulfilment,
    NewReturn, OrderEdit, OrderEdited, OrderError, OrderRefunded, OrderState, OrderStatus,
    PaymentStatus, RefundRecord, RefundReversal, ReturnChanged, ReturnLine, ReturnState,
    ReturnView,
};
use stoa_kernel::{FulfilmentId, OrderId, ReturnId};
use stoa_storage::{Cause, Error, Tx};

use super::OrderBook;
use super::checks::{
    arrived, check_no_twice, check_tracking, check_units, owed_again, refunded_units,
};
use super::placing::{broken, invalid};
use crate::domain::{
    self, LINES_PER_ORDER_MAX, Leave, Standing, check_edit, check_fulfillable, check_returnable,
};
use crate::infrastructure::{self, KeptFulfilment, Locked, UnitChange};

/// Fulfilments, and returns, of one order.
const PARCELS_MAX: i64 = 200;

impl OrderBook {
    pub(super) async fn pack(
        &self,
        tx: &mut Tx<'_>,
        new: &NewFulfilment,
        leave: Leave,
        cause: &Cause,
    ) -> Result<FulfilmentView, OrderError> {
        let locked = self.locked(tx, new.order).await?;
        if let Some(kept) = KeptFulfilment::read(tx, new.order, new.id).await? {
            return Ok(kept.view);
        }
        check_fulfillable(&locked.standing(), leave)?;
        check_units(&new.lines)?;
        check_tracking(new.tracking.as_ref())?;
        if locked.fulfilments >= PARCELS_MAX {
            return Err(invalid("fulfilments", "an order has at most 200"));
        }
        if !infrastructure::change_units(tx, new.order, UnitChange::Packed, &new.lines).await? {
            return Err(invalid(
                "lines",
                "are not lines of the order with so many units left",
            ));
        }
        infrastructure::insert_fulfilment(tx, new, cause.occurred_at).await?;
        self.settle(tx, &locked, (1, 0), cause).await?;
        let view = FulfilmentView {
            id: new.id,
            state: FulfilmentState::Packed,
            location_id: new.location,
            lines: new.lines.clone(),
            tracking: new.tracking.clone(),
            created_at: cause.occurred_at,
            shipped_at: None,
            delivered_at: None,
        };
        self.announce_fulfilment(tx, &locked, &view, cause).await?;
        Ok(view)
    }

    pub(super) async fn move_on(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        id: FulfilmentId,
        step: &FulfilmentStep,
        cause: &Cause,
    ) -> Result<(FulfilmentView, Vec<Allocation>), OrderError> {
        let locked = self.locked(tx, order).await?;
        let kept = KeptFulfilment::read(tx, order, id).await?;
        let KeptFulfilment { view, taken } = kept.ok_or(OrderError::NotFound)?;
        let next = domain::fulfilment_step(view.state, step)
            .map_err(|step| locked.standing().refuse(step))?;
        let mut moved = FulfilmentView {
            state: next,
            ..view.clone()
        };
        if let FulfilmentStep::Ship {
            tracking: Some(tracking),
        } = step
        {
            check_tracking(Some(tracking))?;
            moved.tracking = Some(tracking.clone());
        }
        if moved == view {
            return Ok((view, Vec::new()));
        }
        let at = cause.occurred_at;
        match next {
            FulfilmentState::Shipped => moved.shipped_at = moved.shipped_at.or(Some(at)),
            FulfilmentState::Delivered => moved.delivered_at = Some(at),
            FulfilmentState::Packed | FulfilmentState::Canceled => {}
        }
        let canceled = next == FulfilmentState::Canceled;
        if canceled
            && !infrastructure::change_units(tx, order, UnitChange::Unpacked, &view.lines).await?
        {
            return Err(invalid(
                "fulfilment",
                "some of its goods are being returned",
            ));
        }
        infrastructure::set_fulfilment(tx, order, &moved).await?;
        self.settle(tx, &locked, (0, 0), cause).await?;
        self.announce_fulfilment(tx, &locked, &moved, cause).await?;
        Ok((moved, if canceled { taken } else { Vec::new() }))
    }

    pub(super) async fn announce_return(
        &self,
        tx: &mut Tx<'_>,
        new: &NewReturn,
        cause: &Cause,
    ) -> Result<ReturnView, OrderError> {
        let locked = self.locked(tx, new.order).await?;
        let all = infrastructure::returns(tx, new.order).await?;
        if let Some(known) = all.into_iter().find(|known| known.id == new.id) {
            return Ok(known);
        }
        check_returnable(&locked.standing())?;
        if locked.returns >= PARCELS_MAX {
            return Err(invalid("returns", "an order has at most 200"));
        }
        let units: Vec<LineUnits> = new.lines.iter().map(|(units, _)| *units).collect();
        check_units(&units)?;
        let announced = UnitChange::ReturnAnnounced;
        if !infrastructure::change_units(tx, new.order, announced, &units).await? {
            return Err(invalid(
                "lines",
                "are not lines of the order with so many units to return",
            ));
        }
        self.add_exchange(tx, new, &locked).await?;
        let exchange = new.exchange.iter().map(|line| LineUnits {
            line_id: line.id,
            quantity: line.quantity,
        });
        let lines = new.lines.iter().map(|(units, reason)| ReturnLine {
            line_id: units.line_id,
            quantity: units.quantity,
            reason: reason.as_deref().map(|text| domain::kept(text).to_owned()),
            received: 0,
        });
        let view = ReturnView {
            id: new.id,
            state: ReturnState::Requested,
            lines: lines.collect(),
            exchange: exchange.collect(),
            created_at: cause.occurred_at,
            closed_at: None,
        };
        infrastructure::insert_return(tx, new.order, &view).await?;
        self.settle(tx, &locked, (0, 1), cause).await?;
        self.announce_return_state(tx, &locked, &view, cause)
            .await?;
        Ok(view)
    }

    async fn add_exchange(
        &self,
        tx: &mut Tx<'_>,
        new: &NewReturn,
        locked: &Locked,
    ) -> Result<(), OrderError> {
        if new.exchange.is_empty() {
            return Ok(());
        }
        let currency = locked.state.total.currency;
        let foreign = |line: &&stoa_contracts::orders::NewOrderLine| {
            [
                line.unit_price,
                line.subtotal,
                line.discount,
                line.tax,
                line.total,
            ]
            .iter()
            .any(|money| money.currency != currency)
        };
        if new.exchange.iter().find(foreign).is_some() {
            return Err(invalid("exchange", "is not in the order's currency"));
        }
        let kept = infrastructure::lines_of(tx, new.order).await?;
        if kept.len() + new.exchange.len() > LINES_PER_ORDER_MAX {
            return Err(invalid("exchange", "the order has too many lines"));
        }
        let first = kept.last().map_or(0, |last| last.position + 1);
        Ok(infrastructure::insert_exchange(tx, new.order, new.id, &new.exchange, first).await?)
    }

    pub(super) async fn end_return(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        id: ReturnId,
        (state, received): (ReturnState, &[LineUnits]),
        cause: &Cause,
    ) -> Result<ReturnView, OrderError> {
        let locked = self.locked(tx, order).await?;
        let all = infrastructure::returns(tx, order).await?;
        let known = all.into_iter().find(|known| known.id == id);
        let known = known.ok_or(OrderError::NotFound)?;
        let ends = domain::return_ends(known.state, state)
            .map_err(|step| locked.standing().refuse(step))?;
        if !ends {
            return Ok(known);
        }
        let mut ended = ReturnView {
            state,
            closed_at: Some(cause.occurred_at),
            ..known
        };
        let announced: Vec<LineUnits> = ended
            .lines
            .iter()
            .map(|line| LineUnits {
                line_id: line.line_id,
                quantity: line.quantity,
            })
            .collect();
        let dropped = UnitChange::ReturnDropped;
        let mut fits = infrastructure::change_units(tx, order, dropped, &announced).await?;
        match state {
            ReturnState::Received => {
                let came = arrived(&mut ended.lines, received)?;
                let back = UnitChange::CameBack;
                fits &= infrastructure::change_units(tx, order, back, &came).await?;
            }
            ReturnState::Requested | ReturnState::Refused | ReturnState::Canceled => {
                if !received.is_empty() {
                    return Err(invalid(
                        "received",
                        "nothing arrives with a return that is off",
                    ));
                }
                let gone = infrastructure::remove_exchange(tx, order, id).await?;
                if usize::try_from(gone) != Ok(ended.exchange.len()) {
                    return Err(invalid("exchange", "is packed already"));
                }
                ended.exchange.clear();
            }
        }
        if !fits {
            return Err(invalid("lines", "are not as they were announced"));
        }
        infrastructure::set_return(tx, order, &ended).await?;
        self.settle(tx, &locked, (0, 0), cause).await?;
        self.announce_return_state(tx, &locked, &ended, cause)
            .await?;
        Ok(ended)
    }

    pub(super) async fn record_refund(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        refund: &RefundRecord,
        cause: &Cause,
    ) -> Result<OrderState, OrderError> {
        let locked = self.locked(tx, order).await?;
        if refund.amount.currency != locked.state.total.currency {
            return Err(invalid("amount", "is not in the order's currency"));
        }
        check_no_twice(&refund.lines)?;
        if infrastructure::is_refunded(tx, order, refund.id).await? {
            return Ok(locked.state);
        }
        let now = locked.standing();
        let mut next = domain::refund(&now, refund.amount.amount)?;
        let units = UnitChange::Refunded;
        if !infrastructure::change_units(tx, order, units, &refund.lines).await? {
            return Err(invalid(
                "lines",
                "are not lines of the order with so many units to refund",
            ));
        }
        infrastructure::insert_refund(tx, order, refund, cause.occurred_at).await?;
        if !refund.lines.is_empty() {
            next.fulfilment = domain::fulfilment_status(infrastructure::progress(tx, order).await?);
            next = next.settled();
        }
        infrastructure::update_standing(tx, order, &next, cause.occurred_at).await?;
        let state = locked.stepped(&next);
        let fact = OrderRefunded {
            order,
            number: locked.number,
            refund: refund.id,
            amount: refund.amount,
            refunded: state.refunded,
            test: locked.test,
        };
        self.emit(tx, cause, &fact).await?;
        let amount = format!("{} {}", refund.amount.to_decimal(), refund.amount.currency);
        let text = match &refund.reason {
            Some(reason) => format!("{amount}: {reason}"),
            None => amount,
        };
        self.note(tx, order, "refunded", &text, cause).await?;
        Ok(state)
    }

    pub(super) async fn take_refund_back(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        reversal: &RefundReversal,
        cause: &Cause,
    ) -> Result<Option<OrderState>, OrderError> {
        let locked = self.locked(tx, order).await?;
        let kept = infrastructure::refund_kept(tx, order, reversal.id).await?;
        let Some((went, lines)) = kept.filter(|(went, _)| *went > reversal.left.amount) else {
            return Ok(None);
        };
        let left = reversal.left.amount.max(0);
        let next = domain::refund_reversed(&locked.standing(), went - left);
        let all = infrastructure::lines_of(tx, order).await?;
        let owed = owed_again(&all, &lines);
        if !owed.is_empty() {
            let change = UnitChange::OwedAgain;
            infrastructure::change_units(tx, order, change, &owed).await?;
        }
        infrastructure::reverse_refund(tx, order, reversal.id, left).await?;
        infrastructure::update_standing(tx, order, &next, cause.occurred_at).await?;
        Ok(Some(locked.stepped(&next)))
    }

    pub(super) async fn ask_cancel(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        reason: &str,
        cause: &Cause,
    ) -> Result<OrderState, OrderError> {
        let locked = self.locked(tx, order).await?;
        let now = locked.standing();
        let Some(next) = domain::request_cancel(&now, reason)? else {
            return Ok(locked.state);
        };
        infrastructure::update_standing(tx, order, &next, cause.occurred_at).await?;
        self.note(tx, order, "cancel_requested", reason, cause)
            .await?;
        Ok(locked.stepped(&next))
    }

    pub(super) async fn write_edit(
        &self,
        tx: &mut Tx<'_>,
        edit: &OrderEdit,
        cause: &Cause,
    ) -> Result<OrderState, OrderError> {
        check_edit(edit).map_err(broken)?;
        let locked = self.locked(tx, edit.order).await?;
        if edit.totals.total.currency != locked.state.total.currency {
            return Err(invalid("totals", "are not in the order's currency"));
        }
        let now = locked.standing();
        let next = domain::edited(&now, edit.totals.total.amount)?;
        let kept = infrastructure::lines_of(tx, edit.order).await?;
        let refunded = refunded_units(&kept, edit)?;
        let at = cause.occurred_at;
        infrastructure::rewrite_edited(tx, edit, &refunded, at).await?;
        infrastructure::update_standing(tx, edit.order, &next, at).await?;
        let state = locked.stepped(&next);
        let fact = OrderEdited {
            order: edit.order,
            number: locked.number,
            total: state.total,
        };
        self.emit(tx, cause, &fact).await?;
        self.note(tx, edit.order, "edited", &edit.summary, cause)
            .await?;
        // What was paid so far may be all of it now.
        let now_paid = state.payment == PaymentStatus::Paid && now.payment != PaymentStatus::Paid;
        if let (true, Some(attempt)) = (now_paid, next.attempt) {
            self.announce_paid(tx, &locked, &state, attempt, cause)
                .await?;
        }
        Ok(state)
    }

    /// Writes where the goods lead the order, and that it changed.
    async fn settle(
        &self,
        tx: &mut Tx<'_>,
        locked: &Locked,
        added: (i64, i64),
        cause: &Cause,
    ) -> Result<(), OrderError> {
        let order = locked.state.id;
        let fulfilment = domain::fulfilment_status(infrastructure::progress(tx, order).await?);
        let now = locked.standing();
        // What is to be sent once more is not put away.
        let reopened = now.status == OrderStatus::Archived && fulfilment != now.fulfilment;
        let next = Standing {
            status: match reopened {
                true => OrderStatus::Pending,
                false => now.status,
            },
            fulfilment,
            ..now
        }
        .settled();
        let (axes, at) = ((next.status, next.fulfilment), cause.occurred_at);
        Ok(infrastructure::update_fulfilment(tx, order, axes, added, at).await?)
    }

    async fn announce_fulfilment(
        &self,
        tx: &mut Tx<'_>,
        locked: &Locked,
        fulfilment: &FulfilmentView,
        cause: &Cause,
    ) -> Result<(), Error> {
        let fact = FulfilmentChanged {
            order: locked.state.id,
            number: locked.number,
            fulfilment: fulfilment.id,
            state: fulfilment.state,
        };
        self.emit(tx, cause, &fact).await?;
        let kind = match fulfilment.state {
            FulfilmentState::Packed => "packed",
            FulfilmentState::Shipped => "shipped",
            FulfilmentState::Delivered => "delivered",
            FulfilmentState::Canceled => "unpacked",
        };
        let tracking = fulfilment.tracking.as_ref();
        let text = tracking.map_or(String::new(), |tracking| match &tracking.carrier {
            Some(carrier) => format!("{carrier} {}", tracking.number),
            None => tracking.number.clone(),
        });
        self.note(tx, locked.state.id, kind, &text, cause).await
    }

    async fn announce_return_state(
        &self,
        tx: &mut Tx<'_>,
        locked: &Locked,
        view: &ReturnView,
        cause: &Cause,
    ) -> Result<(), Error> {
        let fact = ReturnChanged {
            order: locked.state.id,
            number: locked.number,
            id: view.id,
            state: view.state,
        };
        self.emit(tx, cause, &fact).await?;
        let kind = match view.state {
            ReturnState::Requested => "return_requested",
            ReturnState::Received => "return_received",
            ReturnState::Refused => "return_refused",
            ReturnState::Canceled => "return_canceled",
        };
        self.note(tx, locked.state.id, kind, "", cause).await
    }
}
