//! What an outcome does to stock, promotions, gift cards, the cart and the journal. Decides nothing
//! but where stock is to be had.

use stoa_contracts::Destination;
use stoa_contracts::bundles::{LineGoods, demand_of};
use stoa_contracts::inventory::ReserveError;
use stoa_contracts::orders::PaymentStep;
use stoa_kernel::Money;
use stoa_storage::Tx;

use super::{FinalizeError, Outcome, Stock};
use crate::journal::{Note, Parts, Step};
use crate::{PAYMENT_TIME_MAX, infrastructure};

impl Outcome<'_> {
    /// Gives back whatever was set aside for the order: promotions, gift cards, then stock.
    pub(crate) async fn give_up_claims(&self, tx: &mut Tx<'_>) -> Result<Parts, FinalizeError> {
        let (id, cause) = (self.order.id, self.cause);
        let peers = &self.shared.peers;
        peers.ledger.release(tx, id, cause).await?;
        peers.pricing.unredeem(tx, id, cause).await?;
        peers.inventory.release(tx, id, cause).await?;
        Ok(Parts {
            stock: true,
            promotions: true,
            gift_cards: self.gift_cards_pay(),
        })
    }

    /// Whether gift cards pay part of the first payment: the attempt asks for less than the total.
    fn gift_cards_pay(&self) -> bool {
        self.attempt.amount.amount < self.order.total.amount
    }

    pub(super) async fn spend_gift_cards(&self, tx: &mut Tx<'_>) -> Result<bool, FinalizeError> {
        if !self.gift_cards_pay() {
            return Ok(false);
        }
        let (id, currency) = (self.order.id, self.order.total.currency);
        let ledger = &self.shared.peers.ledger;
        let spent: Money = ledger.spend(tx, id, currency, self.cause).await?;
        Ok(spent.amount > 0)
    }

    pub(super) async fn complete_cart(&self, tx: &mut Tx<'_>) -> Result<(), FinalizeError> {
        if let Some(cart) = self.order.cart {
            self.shared.peers.carts.complete(tx, cart).await?;
        }
        Ok(())
    }

    /// Whether others have the stock. Touches nothing but the order's own holds, so that gift cards
    /// can still be locked after it.
    pub(super) async fn stock_is_gone(&self, tx: &mut Tx<'_>) -> Result<bool, FinalizeError> {
        if self.stock == Stock::ToBeHad {
            return Ok(false);
        }
        let inventory = &self.shared.peers.inventory;
        Ok(!inventory.confirm(tx, self.order.id, self.cause).await?)
    }

    /// Makes the order's stock its own for good, taking it again where the hold was gone; an error
    /// where it went to others.
    pub(super) async fn secure_stock(&self, tx: &mut Tx<'_>) -> Result<(), FinalizeError> {
        let (id, cause) = (self.order.id, self.cause);
        let inventory = &self.shared.peers.inventory;
        if inventory.confirm(tx, id, cause).await? || self.stock == Stock::Gone {
            return Ok(());
        }
        let view = self.shared.peers.orders.view_in(tx, id).await?;
        let lines = view.lines.iter();
        let lines: Vec<LineGoods<'_>> = lines
            .map(|line| line.goods(line.quantity.as_i64()))
            .collect();
        let address = view.shipping_address.as_ref();
        let destination = address.map(Destination::from).unwrap_or_default();
        let until = cause.occurred_at.plus(PAYMENT_TIME_MAX);
        let reserved = inventory
            .reserve(tx, id, &demand_of(&lines), &destination, until, cause)
            .await;
        reserved.map_err(|error| match error {
            ReserveError::Short { shortages } => FinalizeError::Short { shortages },
            ReserveError::Storage(error) => error.into(),
        })?;
        // Goods whose stock nobody counts are held nowhere.
        inventory.confirm(tx, id, cause).await?;
        Ok(())
    }

    pub(crate) async fn step(
        &self,
        tx: &mut Tx<'_>,
        step: &PaymentStep,
    ) -> Result<(), FinalizeError> {
        let orders = &self.shared.peers.orders;
        orders.step(tx, self.order.id, step, self.cause).await?;
        Ok(())
    }

    pub(crate) async fn tell(
        &self,
        tx: &mut Tx<'_>,
        kind: &'static str,
        text: &str,
    ) -> Result<(), FinalizeError> {
        let orders = &self.shared.peers.orders;
        Ok(orders
            .tell(tx, self.order.id, kind, text, self.cause)
            .await?)
    }

    pub(super) async fn tell_stuck(
        &self,
        tx: &mut Tx<'_>,
        step: &str,
    ) -> Result<(), FinalizeError> {
        self.shared
            .emit_stuck(tx, self.order.id, "checkout", step, self.cause)
            .await?;
        Ok(())
    }

    /// False where the journal has it already.
    pub(crate) async fn note(
        &self,
        tx: &mut Tx<'_>,
        step: Step,
        parts: Parts,
        detail: Option<String>,
    ) -> Result<bool, FinalizeError> {
        let note = Note {
            order: self.order.id,
            attempt: self.attempt.id,
            step,
            parts,
            open: step == Step::Returning,
            detail,
            at: self.cause.occurred_at,
        };
        Ok(infrastructure::write(tx, &note).await?)
    }
}
