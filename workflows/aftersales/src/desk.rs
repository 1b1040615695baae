//! Does one thing to one order, once per idempotency key, in one transaction. Asks no provider.

use std::sync::Arc;

use serde_json::Value;
use stoa_contracts::Destination;
use stoa_contracts::orders::{FulfilmentStep, OrderState, ReturnState};
use stoa_kernel::{Currency, FulfilmentId, OrderId, ReturnId, TenantId};
use stoa_storage::{Cause, Claim, IdempotencyKey, Tx};

use crate::Shared;
use crate::errors::CareError;
use crate::wish::{
    CancelWish, DraftWish, EditWish, FulfilWish, ReceiveWish, RefundWish, ReturnWish,
};

/// What staff want done.
pub(crate) enum Action {
    Fulfil(OrderId, FulfilWish),
    Parcel(OrderId, FulfilmentId, FulfilmentStep),
    Cancel(OrderId, CancelWish),
    Refund(OrderId, RefundWish),
    OpenReturn(OrderId, ReturnWish),
    Receive(OrderId, ReturnId, ReceiveWish),
    DropReturn(OrderId, ReturnId, ReturnState),
    Edit(OrderId, EditWish),
    Draft(Drafting),
    Redraft(OrderId, Drafting),
}

/// A draft as it is to be written.
pub(crate) struct Drafting {
    pub(crate) wish: DraftWish,
    pub(crate) currency: Currency,
    pub(crate) test: bool,
}

/// Where a crash test may stop the process.
struct Points {
    before_commit: &'static str,
    after_commit: &'static str,
}

macro_rules! points {
    ($name:literal) => {
        Points {
            before_commit: concat!("aftersales.", $name, ".before_commit"),
            after_commit: concat!("aftersales.", $name, ".after_commit"),
        }
    };
}

impl Action {
    const fn status(&self) -> u16 {
        match self {
            Self::Fulfil(..) | Self::OpenReturn(..) | Self::Draft(..) => 201,
            Self::Cancel(..) | Self::Refund(..) => 202,
            Self::Parcel(..)
            | Self::Receive(..)
            | Self::DropReturn(..)
            | Self::Edit(..)
            | Self::Redraft(..) => 200,
        }
    }

    const fn points(&self) -> Points {
        match self {
            Self::Fulfil(..) => points!("fulfil"),
            Self::Parcel(..) => points!("parcel"),
            Self::Cancel(..) => points!("cancel"),
            Self::Refund(..) => points!("refund"),
            Self::OpenReturn(..) | Self::Receive(..) | Self::DropReturn(..) => points!("return"),
            Self::Edit(..) => points!("edit"),
            Self::Draft(..) | Self::Redraft(..) => points!("draft"),
        }
    }
}

impl Shared {
    /// The answer and its status; that of the first time, where the key was used before.
    pub(crate) async fn once(
        self: &Arc<Self>,
        tenant: TenantId,
        key: IdempotencyKey,
        action: Action,
        cause: Cause,
    ) -> Result<(u16, Value), CareError> {
        if let Action::Edit(_, wish) = &action
            && let Some(address) = &wish.shipping_address
        {
            // Has its taxes ready: no provider is asked inside a transaction.
            let to = Destination::from(address);
            self.peers.pricing.prepare_tax(tenant, &to).await?;
        }
        let (shared, points) = (self.clone(), action.points());
        let Points {
            before_commit,
            after_commit,
        } = points;
        let db = self.deps.storage.db(tenant).await?;
        let written = db
            .write(async move |tx: &mut Tx<'_>| {
                match tx.claim_key(&key, cause.occurred_at).await? {
                    Claim::Fresh => {}
                    Claim::Stored { status, response } => {
                        return Ok((status, serde_json::from_str(&response)?));
                    }
                    Claim::Reused => return Err(CareError::KeyReused),
                    Claim::Unfinished => return Err(CareError::KeyUnfinished),
                }
                let answer = Box::pin(shared.act(tx, &action, &cause)).await?;
                let status = action.status();
                tx.store_response(&key, status, &answer.to_string()).await?;
                stoa_failpoint::hit(before_commit);
                Ok((status, answer))
            })
            .await;
        stoa_failpoint::hit(after_commit);
        written
    }

    async fn act(
        &self,
        tx: &mut Tx<'_>,
        action: &Action,
        cause: &Cause,
    ) -> Result<Value, CareError> {
        Ok(match action {
            Action::Fulfil(order, wish) => {
                serde_json::to_value(self.fulfil(tx, *order, wish, cause).await?)?
            }
            Action::Parcel(order, id, step) => {
                serde_json::to_value(self.move_parcel(tx, *order, *id, step, cause).await?)?
            }
            Action::Cancel(order, wish) => {
                serde_json::to_value(self.ask_cancel(tx, *order, wish, cause).await?)?
            }
            Action::Refund(order, wish) => {
                serde_json::to_value(self.refund(tx, *order, wish, cause).await?)?
            }
            Action::OpenReturn(order, wish) => {
                serde_json::to_value(self.open_return(tx, *order, wish, cause).await?)?
            }
            Action::Receive(order, id, wish) => {
                serde_json::to_value(self.receive(tx, *order, *id, wish, cause).await?)?
            }
            Action::DropReturn(order, id, state) => {
                serde_json::to_value(self.drop_return(tx, *order, *id, *state, cause).await?)?
            }
            Action::Edit(order, wish) => {
                serde_json::to_value(self.edit(tx, *order, wish, cause).await?)?
            }
            Action::Draft(draft) => {
                serde_json::to_value(self.write_draft(tx, None, draft, cause).await?)?
            }
            Action::Redraft(order, draft) => {
                serde_json::to_value(self.write_draft(tx, Some(*order), draft, cause).await?)?
            }
        })
    }

    /// Everything begins with the order's lock: whoever comes second sees what the first did.
    pub(crate) async fn lock(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
    ) -> Result<OrderState, CareError> {
        let state = self.peers.orders.lock(tx, order).await?;
        state.ok_or(CareError::OrderNotFound)
    }
}
