//! Hears what people should be told of and leaves the writing to jobs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::cart::CartAbandoned;
use stoa_contracts::checkout::{PaymentReturned, SagaStuck};
use stoa_contracts::inventory::StockLow;
use stoa_contracts::orders::{
    FulfilmentChanged, FulfilmentState, OrderCanceled, OrderPaid, OrderPlaced, OrderRefunded,
};
use stoa_contracts::payments::DisputeChanged;
use stoa_kernel::{Envelope, Fact as _, Timestamp};
use stoa_storage::{Error, NewJob, Tx};

use super::task::Task;
use super::{
    ATTEMPTS_MAX, LOW_STOCK_GRACE, LOW_STOCK_QUIET, LOW_STOCK_WINDOW_MICROS, SEND_MAIL, Shared,
};
use crate::infrastructure::{self, LowStock};

/// An order that was placed is looked at after this long: most are paid by then, and their mail is
/// hurried; one to be paid by hand never will be.
const PLACED_PAUSE: Duration = Duration::from_secs(30);

pub(crate) struct Listener {
    shared: Arc<Shared>,
}

impl Listener {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn enqueue(&self, tx: &mut Tx<'_>, task: Task, run_at: Timestamp) -> Result<(), Error> {
        let now = self.shared.deps.now();
        let key = task.key();
        let job = NewJob {
            id: self.shared.deps.ids.make(now),
            kind: SEND_MAIL,
            unique_key: Some(key.clone()),
            payload: serde_json::to_value(&task)?,
            run_at,
            attempts_max: ATTEMPTS_MAX,
        };
        if !tx.enqueue(&job, now).await? && run_at <= now {
            tx.hasten(SEND_MAIL, &key, now).await?;
        }
        Ok(())
    }

    async fn low(&self, tx: &mut Tx<'_>, fact: &StockLow) -> Result<(), Error> {
        let now = self.shared.deps.now();
        let low = LowStock {
            variant: fact.variant,
            available: fact.available,
            threshold: fact.threshold,
        };
        let told_before = now.minus(LOW_STOCK_QUIET);
        if infrastructure::note_low_stock(tx, low, now, told_before).await? {
            let window = now.micros().div_euclid(LOW_STOCK_WINDOW_MICROS);
            let end = Timestamp::from_micros((window + 1).saturating_mul(LOW_STOCK_WINDOW_MICROS));
            let task = Task::StaffLowStock { window };
            self.enqueue(tx, task, end.plus(LOW_STOCK_GRACE)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for Listener {
    /// Its first name, from when it heard of paid orders only: its position is kept under it.
    fn name(&self) -> &'static str {
        "notify.order_confirmation"
    }

    fn subjects(&self) -> Vec<String> {
        vec![
            OrderPlaced::subject(),
            OrderPaid::subject(),
            FulfilmentChanged::subject(),
            OrderRefunded::subject(),
            OrderCanceled::subject(),
            CartAbandoned::subject(),
            PaymentReturned::subject(),
            SagaStuck::subject(),
            DisputeChanged::subject(),
            StockLow::subject(),
        ]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        let now = self.shared.deps.now();
        if let Some(placed) = event.fact::<OrderPlaced>().map_err(Error::from)? {
            let task = Task::OrderConfirmation {
                order: placed.order,
            };
            self.enqueue(tx, task, now.plus(PLACED_PAUSE)).await?;
        } else if let Some(low) = event.fact::<StockLow>().map_err(Error::from)? {
            self.low(tx, &low).await?;
        } else {
            for task in tasks(event)? {
                self.enqueue(tx, task, now).await?;
            }
        }
        Ok(())
    }
}

/// The mails to be written at once.
fn tasks(event: &Envelope) -> Result<Vec<Task>, Error> {
    if let Some(OrderPaid { order, .. }) = event.fact()? {
        return Ok(vec![Task::OrderConfirmation { order }]);
    }
    if let Some(changed) = event.fact::<FulfilmentChanged>()? {
        let shipped = Task::OrderShipped {
            order: changed.order,
            fulfilment: changed.fulfilment,
        };
        let left = changed.state == FulfilmentState::Shipped;
        return Ok(left.then_some(shipped).into_iter().collect());
    }
    if let Some(refund) = event.fact::<OrderRefunded>()? {
        return Ok(vec![Task::OrderRefunded {
            order: refund.order,
            refund: refund.refund,
            amount: refund.amount,
            refunded: refund.refunded,
        }]);
    }
    if let Some(OrderCanceled { order, .. }) = event.fact()? {
        return Ok(vec![Task::OrderCanceled { order }]);
    }
    if let Some(CartAbandoned { cart, .. }) = event.fact()? {
        return Ok(vec![Task::AbandonedCart { cart }]);
    }
    if let Some(fact) = event.fact::<PaymentReturned>()? {
        let (order, refund, amount) = (fact.order, fact.refund, fact.amount);
        let customer = Task::PaymentReturned {
            order,
            refund,
            amount,
            why: fact.why.clone(),
        };
        let staff = Task::StaffPaymentReturned {
            order,
            refund,
            amount,
            why: fact.why,
        };
        return Ok(vec![customer, staff]);
    }
    if let Some(SagaStuck { order, saga, step }) = event.fact()? {
        return Ok(vec![Task::StaffSagaStuck { order, saga, step }]);
    }
    if let Some(fact) = event.fact::<DisputeChanged>()? {
        return Ok(vec![Task::StaffDispute {
            order: fact.order,
            dispute: fact.dispute,
            amount: fact.amount,
            status: fact.status,
        }]);
    }
    Ok(Vec::new())
}
