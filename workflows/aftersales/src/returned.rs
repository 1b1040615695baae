//! Sends money back, and writes in one transaction what that means for the order and its stock. The
//! provider is asked before and outside it; run again, it changes nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::bundles::{LineGoods, demand_of};
use stoa_contracts::inventory::{Demand, ShipError};
use stoa_contracts::orders::{LineUnits, OrderView, RefundRecord};
use stoa_contracts::payments::{RefundError, RefundState, RefundView};
use stoa_kernel::{JobId, OrderId, RefundId, TenantId, Timestamp};
use stoa_storage::{Cause, ClaimedJob, Error, NewJob, Tx};

use crate::answers::in_words;
use crate::domain::{RefundLine, standings};
use crate::errors::CareError;
use crate::infrastructure::{self, Asked, Kept, KeptRefund};
use crate::{Shared, withdraw};

pub(crate) const KIND: &str = "aftersales.refund";
/// Failures of our own; waiting for a provider does not count.
const ATTEMPTS_MAX: u32 = 1_000;
const NOT_ARRIVED: &str = "it did not arrive";
const WAIT_MIN: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(300);
/// The pause grows with the age of what is waited for.
const WAIT_SHARE: u32 = 4;

/// What a job needs to know.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) refund: RefundId,
    pub(crate) order: OrderId,
    pub(crate) since: Timestamp,
}

impl Payload {
    pub(crate) const fn of(row: &KeptRefund) -> Self {
        Self {
            refund: row.id,
            order: row.order,
            since: row.created_at,
        }
    }

    /// One job per refund.
    pub(crate) fn job(self, id: JobId, now: Timestamp) -> Result<NewJob, Error> {
        Ok(NewJob {
            id,
            kind: KIND,
            unique_key: Some(self.refund.to_string()),
            payload: serde_json::to_value(self)?,
            run_at: now,
            attempts_max: ATTEMPTS_MAX,
        })
    }
}

/// How much of a refund the order takes. Its money is gone either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    Whole,
    /// Its lines do not take the units any more: the amount alone.
    Money,
}

impl Shared {
    /// Writes how a refund ended. The order is locked. Run again, it changes nothing.
    pub(crate) async fn refund_ended(
        &self,
        tx: &mut Tx<'_>,
        row: &KeptRefund,
        view: &RefundView,
        record: Record,
        cause: &Cause,
    ) -> Result<(), CareError> {
        let view = &as_reversed(row, view);
        match view.state {
            RefundState::Pending => return Ok(()),
            RefundState::Failed => self.refund_failed(tx, row, view, cause).await?,
            RefundState::Succeeded => self.refund_succeeded(tx, row, view, record, cause).await?,
        }
        self.wake_cancel(tx, row.order, cause).await
    }

    async fn refund_failed(
        &self,
        tx: &mut Tx<'_>,
        row: &KeptRefund,
        view: &RefundView,
        cause: &Cause,
    ) -> Result<(), CareError> {
        let ended = KeptRefund {
            state: Kept::Failed,
            ..row.clone()
        };
        if !infrastructure::end_refund(tx, &ended).await? {
            return Ok(());
        }
        let why = view.failure.as_deref().unwrap_or("no reason given");
        let text = format!("{} did not go back: {why}.", in_words(view.amount));
        tracing::error!(order = %row.order, refund = %row.id, why, "a refund failed");
        let orders = &self.peers.orders;
        Ok(orders
            .tell(tx, row.order, "refund_failed", &text, cause)
            .await?)
    }

    async fn refund_succeeded(
        &self,
        tx: &mut Tx<'_>,
        row: &KeptRefund,
        view: &RefundView,
        record: Record,
        cause: &Cause,
    ) -> Result<(), CareError> {
        // Where only part of it went back, nobody knows for which units.
        let whole = view.failure.is_none() && record == Record::Whole;
        let ended = KeptRefund {
            state: Kept::Done,
            amount: view.amount.amount,
            lines: if whole { row.lines.clone() } else { Vec::new() },
            shipping: if whole { row.shipping } else { 0 },
            ..row.clone()
        };
        if !infrastructure::end_refund(tx, &ended).await? {
            return Ok(());
        }
        let orders = &self.peers.orders;
        let before = orders.view_in(tx, row.order).await?;
        let done = RefundRecord {
            id: row.id,
            amount: view.amount,
            lines: ended.lines.iter().map(RefundLine::units).collect(),
            reason: row.reason.clone(),
        };
        orders.refunded(tx, row.order, &done, cause).await?;
        if let Some(failure) = &view.failure {
            let text = format!("Part of it did not go back: {failure}.");
            orders
                .tell(tx, row.order, "refund_failed", &text, cause)
                .await?;
        }
        self.settle_goods(tx, &before, &ended, cause).await
    }

    /// Units that never left are nobody's any more; those that came back are sold again, if asked.
    async fn settle_goods(
        &self,
        tx: &mut Tx<'_>,
        before: &OrderView,
        refund: &KeptRefund,
        cause: &Cause,
    ) -> Result<(), CareError> {
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        // Only what is back already counts: others may still be on their way.
        let lines = standings(before, &[] as &[KeptRefund]);
        for part in &refund.lines {
            let standing = lines.iter().find(|line| line.id == part.line_id);
            let line = before.lines.iter().find(|line| line.id == part.line_id);
            let (Some(standing), Some(line)) = (standing, line) else {
                continue;
            };
            let (stayed, left) = standing.kept_and_gone(part.quantity.as_i64());
            kept.push(line.goods(stayed));
            gone.extend(refund.restock.then(|| line.goods(left)));
        }
        let (kept, gone) = (demand_of(&kept), demand_of(&gone));
        let inventory = &self.peers.inventory;
        if !kept.is_empty() {
            inventory
                .release_units(tx, refund.order, &kept, cause)
                .await?;
        }
        if gone.is_empty() {
            return Ok(());
        }
        let at = refund.location;
        let restocked = inventory.restock(tx, refund.order, &gone, at, cause).await;
        match restocked {
            // It was closed meanwhile; nothing has been written.
            Err(ShipError::UnknownLocation) if at.is_some() => Ok(inventory
                .restock(tx, refund.order, &gone, None, cause)
                .await?),
            other => Ok(other?),
        }
    }

    /// An order that waits for its money to be canceled is looked at now.
    pub(crate) async fn wake_cancel(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<(), CareError> {
        let asked = infrastructure::cancel(tx, order).await?;
        let Some(asked) = asked.filter(|asked| asked.state == Asked::Requested) else {
            return Ok(());
        };
        let now = cause.occurred_at;
        let payload = withdraw::Payload {
            order,
            since: asked.requested_at,
        };
        let job = payload.job(self.deps.ids.make(now), now)?;
        if !tx.enqueue(&job, now).await? {
            tx.hasten(withdraw::KIND, &order.to_string(), now).await?;
        }
        Ok(())
    }
}

/// What became of a refund, where news of its reversal was faster than the answer that it had gone.
fn as_reversed(row: &KeptRefund, view: &RefundView) -> RefundView {
    let known = row.reversed_left.filter(|left| *left < view.amount.amount);
    let mut view = view.clone();
    if let (Some(left), RefundState::Succeeded) = (known, view.state) {
        view.failure = Some(view.failure.unwrap_or_else(|| NOT_ARRIVED.to_owned()));
        match left {
            0 => view.state = RefundState::Failed,
            left => view.amount.amount = left,
        }
    }
    view
}

pub(crate) struct DriveRefund(pub(crate) Arc<Shared>);

impl DriveRefund {
    /// False where the provider has not made up its mind.
    async fn drive(&self, tenant: TenantId, job: Payload) -> Result<bool, CareError> {
        stoa_failpoint::hit("aftersales.refund.before_provider");
        let driven = self.0.peers.payments.drive_refund(tenant, job.refund).await;
        stoa_failpoint::hit("aftersales.refund.after_provider");
        let view = match driven {
            Ok(view) => view,
            Err(RefundError::Unreachable { message }) => {
                tracing::warn!(refund = %job.refund, message, "money is not back yet");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        if view.state == RefundState::Pending {
            return Ok(false);
        }
        match self.write(tenant, job, view.clone(), Record::Whole).await {
            Err(error @ (CareError::Invalid { .. } | CareError::Stands { .. })) => {
                tracing::error!(
                    order = %job.order, refund = %job.refund, %error,
                    "an order does not take the lines of a refund whose money is back"
                );
                self.write(tenant, job, view, Record::Money).await?;
            }
            other => other?,
        }
        Ok(true)
    }

    async fn write(
        &self,
        tenant: TenantId,
        job: Payload,
        view: RefundView,
        record: Record,
    ) -> Result<(), CareError> {
        let (shared, cause) = (self.0.clone(), Cause::system(self.0.deps.now()));
        let db = shared.deps.storage.db(tenant).await?;
        let written = db
            .write(async move |tx: &mut Tx<'_>| {
                shared.lock(tx, job.order).await?;
                let row = infrastructure::refund(tx, job.refund).await?;
                if let Some(row) = row.filter(|row| row.state == Kept::Pending) {
                    shared.refund_ended(tx, &row, &view, record, &cause).await?;
                }
                stoa_failpoint::hit("aftersales.refunded.before_commit");
                Ok::<_, CareError>(())
            })
            .await;
        stoa_failpoint::hit("aftersales.refunded.after_commit");
        written
    }
}

#[async_trait]
impl JobHandler for DriveRefund {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let payload: Payload = match serde_json::from_value(job.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return JobOutcome::Dead(format!("the payload does not parse: {error}")),
        };
        match self.drive(job.tenant, payload).await {
            Ok(true) => JobOutcome::Done,
            Ok(false) => JobOutcome::Wait(next_look(self.0.deps.now(), payload.since)),
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}

/// When something that has waited since `since` is looked at again.
pub(crate) fn next_look(now: Timestamp, since: Timestamp) -> Timestamp {
    now.plus((now.since(since) / WAIT_SHARE).clamp(WAIT_MIN, WAIT_MAX))
}

/// What units of the order's lines are on the shelves.
pub(crate) fn goods_of(view: &OrderView, units: &[LineUnits]) -> Vec<Demand> {
    let goods = units.iter().filter_map(|units| {
        let line = view.lines.iter().find(|line| line.id == units.line_id)?;
        Some(line.goods(units.quantity.as_i64()))
    });
    demand_of(&goods.collect::<Vec<LineGoods<'_>>>())
}
