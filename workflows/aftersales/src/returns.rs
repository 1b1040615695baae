//! Goods come back: announced, received, refused or called off; what is sent in exchange is held
//! once they are here. Decides on refunds by `refund`'s rules.

use stoa_contracts::inventory::Demand;
use stoa_contracts::orders::{
    LineUnits, NewReturn, OrderError, OrderView, ReturnState, ReturnView,
};
use stoa_kernel::{OrderId, ReturnId};
use stoa_storage::{Cause, Tx};

use crate::Shared;
use crate::answers::{ReceiveAnswer, RefundAnswer};
use crate::errors::{CareError, invalid};
use crate::infrastructure::{self, Purpose};
use crate::quotes::{checked_prices, destination, request_of, wanted_line};
use crate::refund::{Plan, credit_of, priced_units};
use crate::returned::goods_of;
use crate::wish::{LINES_MAX, ReceiveWish, ReturnWish, check_count, optional_text};

impl Shared {
    pub(crate) async fn open_return(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        wish: &ReturnWish,
        cause: &Cause,
    ) -> Result<ReturnView, CareError> {
        check_count("lines", wish.lines.len(), LINES_MAX)?;
        check_count("exchange", wish.exchange.len(), LINES_MAX)?;
        let mut lines = Vec::with_capacity(wish.lines.len());
        for (index, units) in wish.lines.iter().enumerate() {
            let field = format!("lines[{index}].reason");
            let reason = optional_text(&field, units.reason.as_ref())?;
            let units = LineUnits {
                line_id: units.line_id,
                quantity: units.quantity,
            };
            lines.push((units, reason));
        }
        self.lock(tx, order).await?;
        let view = self.peers.orders.view_in(tx, order).await?;
        let exchange = self.exchange(tx, &view, wish).await?;
        let new = NewReturn {
            id: self.deps.ids.make(cause.occurred_at),
            order,
            lines,
            exchange,
        };
        Ok(self.peers.orders.open_return(tx, &new, cause).await?)
    }

    async fn exchange(
        &self,
        tx: &mut Tx<'_>,
        view: &OrderView,
        wish: &ReturnWish,
    ) -> Result<Vec<stoa_contracts::orders::NewOrderLine>, CareError> {
        if wish.exchange.is_empty() {
            return Ok(Vec::new());
        }
        checked_prices("exchange", &wish.exchange, view.currency)?;
        let wares = self.wares(tx, "exchange", &wish.exchange).await?;
        let lines = wish.exchange.iter();
        let lines = lines.map(|line| wanted_line(&wares[&line.variant_id], line));
        let mut request = request_of(view, lines.collect());
        self.agree(tx, &mut request).await?;
        let quote = self.quote(tx, &request).await?;
        let priced = wish.exchange.iter().zip(&quote.lines);
        Ok(priced
            .map(|(line, priced)| self.new_line(&wares[&line.variant_id], line.quantity, priced))
            .collect())
    }

    pub(crate) async fn receive(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        id: ReturnId,
        wish: &ReceiveWish,
        cause: &Cause,
    ) -> Result<ReceiveAnswer, CareError> {
        self.lock(tx, order).await?;
        let view = self.peers.orders.view_in(tx, order).await?;
        let known = view.returns.iter().find(|each| each.id == id);
        let known = known.ok_or(CareError::ReturnNotFound)?;
        if known.state != ReturnState::Requested {
            return Err(CareError::Refused("The return has ended already."));
        }
        if wish.refund && !known.exchange.is_empty() {
            let reason = "something else is sent in its place; refund an amount instead";
            return Err(invalid("refund", reason));
        }
        let came = match &wish.lines {
            Some(lines) => lines.clone(),
            None => announced(known),
        };
        check_count("lines", came.len(), LINES_MAX)?;
        let received = ReturnState::Received;
        let orders = &self.peers.orders;
        let returned = orders
            .close_return(tx, order, id, received, &came, cause)
            .await?;
        let refund = match wish.refund && !came.is_empty() {
            true => Some(self.refund_of(tx, order, &came, wish, cause).await?),
            false => None,
        };
        // Stock comes last: its rows are what orders share.
        let goods = goods_of(&view, &came);
        if wish.restock && !goods.is_empty() {
            let inventory = &self.peers.inventory;
            inventory
                .restock(tx, order, &goods, wish.location_id, cause)
                .await?;
        }
        self.hold_exchange(tx, &view, known, cause).await?;
        Ok(ReceiveAnswer { returned, refund })
    }

    /// The price of what arrived; putting it back on the shelf is the return's own business.
    async fn refund_of(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        came: &[LineUnits],
        wish: &ReceiveWish,
        cause: &Cause,
    ) -> Result<RefundAnswer, CareError> {
        let state = self.lock(tx, order).await?;
        let view = self.peers.orders.view_in(tx, order).await?;
        let kept = infrastructure::refunds_of(tx, order).await?;
        let lines = priced_units(&view, &kept, came)?;
        let amount = lines.iter().map(|line| line.amount).sum();
        if amount <= 0 {
            return Err(invalid("refund", "what arrived cost nothing"));
        }
        let plan = Plan {
            lines,
            credit: credit_of(&view, wish.to_store_credit)?,
            ..Plan::of_amount(amount, None, Purpose::Return)
        };
        self.open_refund(tx, &state, &kept, plan, cause).await
    }

    async fn hold_exchange(
        &self,
        tx: &mut Tx<'_>,
        view: &OrderView,
        known: &ReturnView,
        cause: &Cause,
    ) -> Result<(), CareError> {
        let goods: Vec<Demand> = goods_of(view, &known.exchange);
        if goods.is_empty() {
            return Ok(());
        }
        let to = destination(view.shipping_address.as_ref());
        let inventory = &self.peers.inventory;
        Ok(inventory
            .reserve_more(tx, view.id, &goods, &to, cause)
            .await?)
    }

    pub(crate) async fn drop_return(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        id: ReturnId,
        state: ReturnState,
        cause: &Cause,
    ) -> Result<ReturnView, CareError> {
        self.lock(tx, order).await?;
        let orders = &self.peers.orders;
        let closed = orders.close_return(tx, order, id, state, &[], cause).await;
        closed.map_err(|error| match error {
            OrderError::NotFound => CareError::ReturnNotFound,
            error => error.into(),
        })
    }
}

fn announced(known: &ReturnView) -> Vec<LineUnits> {
    let lines = known.lines.iter();
    lines
        .map(|line| LineUnits {
            line_id: line.line_id,
            quantity: line.quantity,
        })
        .collect()
}
