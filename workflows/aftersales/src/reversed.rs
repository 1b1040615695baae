//! Hears that a refund which had gone through did not arrive: the order has the money again, and staff
//! send it another way. Moves no money and no goods.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::orders::RefundReversal;
use stoa_contracts::payments::RefundReversed;
use stoa_kernel::{Envelope, Fact as _};
use stoa_storage::{Cause, Error, Tx};

use crate::Shared;
use crate::answers::in_words;
use crate::errors::CareError;
use crate::infrastructure::{self, Kept, KeptRefund};

pub(crate) struct Reversals(pub(crate) Arc<Shared>);

#[async_trait]
impl Consumer for Reversals {
    fn name(&self) -> &'static str {
        "aftersales.reversed"
    }

    fn subjects(&self) -> Vec<String> {
        vec![RefundReversed::subject()]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        let Some(fact) = event.fact::<RefundReversed>().map_err(Error::from)? else {
            return Ok(());
        };
        let cause = Cause::system(self.0.deps.now());
        match self.0.refund_reversed(tx, &fact, &cause).await {
            // An order of another shop's books; payments have told staff.
            Ok(()) | Err(CareError::OrderNotFound) => Ok(()),
            Err(CareError::Storage(error)) => Err(error.into()),
            Err(error) => Err(HandlerError::Failed(error.to_string())),
        }
    }
}

impl Shared {
    async fn refund_reversed(
        &self,
        tx: &mut Tx<'_>,
        fact: &RefundReversed,
        cause: &Cause,
    ) -> Result<(), CareError> {
        let order = fact.order;
        self.lock(tx, order).await?;
        let left = fact.left.amount.max(0);
        let row = infrastructure::refund(tx, fact.refund).await?;
        let is_news = match row {
            // The order has not heard that it went: it will hear how much did.
            Some(row) if row.state == Kept::Pending => {
                infrastructure::expect_less(tx, row.id, left).await?
            }
            Some(row) => {
                infrastructure::reverse_refund(tx, &reversed(row, left)).await?;
                let reversal = RefundReversal {
                    id: fact.refund,
                    left: fact.left,
                };
                let orders = &self.peers.orders;
                let state = orders.refund_reversed(tx, order, &reversal, cause).await?;
                state.is_some()
            }
            // Checkout sent it back: the order never took the money.
            None => true,
        };
        if !is_news {
            return Ok(());
        }
        let text = format!(
            "{} that went back did not arrive: {}. It is the shop's again; send it another way.",
            in_words(fact.amount),
            fact.reason
        );
        tracing::error!(%order, refund = %fact.refund, reason = %fact.reason, "a refund was reversed");
        let orders = &self.peers.orders;
        orders
            .tell(tx, order, "refund_reversed", &text, cause)
            .await?;
        let kind = format!("refund_reversed {}", fact.refund);
        self.emit_stuck(tx, order, &kind, cause).await?;
        self.wake_cancel(tx, order, cause).await
    }
}

/// One of which nothing is left failed after all; of one in part nobody knows which units it was for.
fn reversed(row: KeptRefund, left: i64) -> KeptRefund {
    let (state, amount) = match left {
        0 => (Kept::Failed, row.amount),
        left => (Kept::Done, left.min(row.amount)),
    };
    KeptRefund {
        state,
        amount,
        lines: Vec::new(),
        shipping: 0,
        ..row
    }
}
