//! Gives money back: set aside in the caller's transaction, sent part by part, booked as it leaves.
//! A refund whose answer was lost is looked for by our id before it is sent again.

use stoa_contracts::ledger::{Ledger, Posting};
use stoa_contracts::payments::{NewRefund, PaymentError, RefundError, RefundState, RefundView};
use stoa_kernel::{AttemptId, Currency, Money, OrderId, RefundId, TenantId, Timestamp};
use stoa_storage::{Cause, Db, Error, Tx};

use super::points::Step;
use super::{Desk, unreachable};
use crate::domain::{Kind, check_reason, split};
use crate::infrastructure::attempts;
use crate::infrastructure::refunds::{self, Part, PartState, Refund};
use crate::provider::{IntentRef, Provider, ProviderError, ProviderRefund, RefundStatus};

/// One part with the refund it belongs to.
pub(super) struct Return<'a> {
    pub(super) refund: RefundId,
    pub(super) order: OrderId,
    pub(super) currency: Currency,
    pub(super) part: &'a Part,
}

impl Desk {
    pub(super) async fn open_refund_in(
        &self,
        tx: &mut Tx<'_>,
        new: &NewRefund,
        cause: &Cause,
    ) -> Result<RefundView, RefundError> {
        let (asked, now) = (new.amount, cause.occurred_at);
        if asked.amount <= 0 {
            return Err(refused("amount", "is above zero"));
        }
        check_reason(new.reason.as_deref()).map_err(to_refund_error)?;
        // The attempts first: whoever else refunds this order waits here.
        let attempts = refunds::refundable(tx, new.order).await?;
        if let Some(known) = refunds::in_tx(tx, new.id).await? {
            return Ok(known.view);
        }
        if attempts
            .iter()
            .any(|(_, currency, _)| *currency != asked.currency)
        {
            return Err(refused("amount.currency", "is not that of the payment"));
        }
        let left: Vec<(AttemptId, i64)> =
            attempts.iter().map(|&(id, _, left)| (id, left)).collect();
        let (parts, rest) = split(asked.amount, &left);
        let given = self.give_back(tx, new, rest, cause).await?;
        let through: i64 = parts.iter().map(|(_, amount)| amount).sum();
        let too_much = RefundError::TooMuch {
            asked: asked.amount,
            left: through + given,
        };
        if given < rest {
            return Err(too_much);
        }
        let at_once = new.store_credit.is_some() || parts.is_empty();
        let state = if at_once {
            RefundState::Succeeded
        } else {
            RefundState::Pending
        };
        refunds::insert(tx, new, given, state, now).await?;
        for &(attempt, amount) in &parts {
            if !refunds::set_aside(tx, attempt, amount, now).await? {
                return Err(too_much);
            }
            let entry = self.deps.ids.make(now);
            let mut part = PartState::Pending;
            if at_once {
                refunds::release(tx, attempt, amount, true, now).await?;
                part = PartState::Succeeded;
            }
            refunds::insert_part(tx, new.id, attempt, entry, amount, &part).await?;
        }
        if let Some(customer) = new.store_credit.filter(|_| through > 0) {
            let credit = Money::new(through, asked.currency);
            self.ledger
                .credit(tx, customer, new.id, credit, cause)
                .await?;
        }
        Ok(RefundView {
            id: new.id,
            order_id: new.order,
            amount: asked,
            state,
            reason: new.reason.clone(),
            failure: None,
            created_at: now,
            memo: new.memo.clone(),
        })
    }

    /// What no attempt paid goes back onto the gift cards that did.
    async fn give_back(
        &self,
        tx: &mut Tx<'_>,
        new: &NewRefund,
        rest: i64,
        cause: &Cause,
    ) -> Result<i64, RefundError> {
        if rest == 0 {
            return Ok(0);
        }
        let rest = Money::new(rest, new.amount.currency);
        let given = self
            .ledger
            .give_back(tx, new.order, new.id, rest, cause)
            .await?;
        Ok(given.amount)
    }

    pub(super) async fn drive_refund_of(
        &self,
        tenant: TenantId,
        id: RefundId,
    ) -> Result<RefundView, RefundError> {
        let db = self.db(tenant).await?;
        let view = find(&db, id).await?.view;
        if view.state != RefundState::Pending {
            return Ok(view);
        }
        let mut trouble = None;
        for part in refunds::parts(&db, id).await? {
            let back = Return {
                refund: id,
                order: view.order_id,
                currency: view.amount.currency,
                part: &part,
            };
            // One provider's trouble must not keep the others' parts waiting.
            if part.state.is_open()
                && let Err(error) = self.drive_part(&db, tenant, &back).await
            {
                trouble = Some(error);
            }
        }
        let view = find(&db, id).await?.view;
        match trouble {
            Some(error) if view.state == RefundState::Pending => Err(error),
            _ => Ok(view),
        }
    }

    async fn drive_part(
        &self,
        db: &Db,
        tenant: TenantId,
        back: &Return<'_>,
    ) -> Result<(), RefundError> {
        let part = back.part;
        if part.kind == Kind::Manual {
            // Staff hand it back; that they were told to is all there is to know.
            return self.resolve(db, back, PartState::Succeeded).await;
        }
        let provider = self.provider(db, part.kind, &part.provider).await;
        let provider = provider.map_err(to_refund_error)?;
        let Some(intent) = part.intent.as_deref() else {
            return Err(refused("attempt", "the provider has not named an intent"));
        };
        let intent = IntentRef {
            account: tenant,
            id: intent,
        };
        if let PartState::Sent { at } = part.state {
            if let Some(known) = self.look(&*provider, &intent, back).await? {
                return self.note(db, back, known.status).await;
            }
            // The one that was sent may still be on its way to a server that forgets its keys.
            let on_its_way = self.deps.now() < at.plus(self.resend_after);
            if on_its_way && !provider.honours_keys() {
                return Ok(());
            }
        }
        let marked = self.deps.now();
        if !self.mark_sent(db, back, marked).await? {
            return Ok(());
        }
        // The mark may have waited long for its commit. By the time that others may send it again,
        // what is sent now must have arrived: too late, it is left to the next look.
        if self.deps.now() >= marked.plus(self.resend_after / 2) {
            return Ok(());
        }
        let call = provider.refund(&intent, back.refund, part.amount);
        match self.call(Step::Refund, part.kind, call).await {
            Ok(made) => self.note(db, back, made.status).await,
            Err(ProviderError::Refused { code, .. }) => {
                let known = self.look(&*provider, &intent, back).await?;
                let status =
                    known.map_or(RefundStatus::Failed { reason: code }, |known| known.status);
                self.note(db, back, status).await
            }
            Err(error) => Err(to_refund_error(unreachable(part.attempt, &error))),
        }
    }

    /// The refund as the provider has it, found by our id.
    async fn look(
        &self,
        provider: &dyn Provider,
        intent: &IntentRef<'_>,
        back: &Return<'_>,
    ) -> Result<Option<ProviderRefund>, RefundError> {
        let call = provider.refunds(intent);
        let listed = self.call(Step::Query, back.part.kind, call).await;
        let listed =
            listed.map_err(|error| to_refund_error(unreachable(back.part.attempt, &error)))?;
        Ok(listed
            .into_iter()
            .find(|refund| refund.ours == Some(back.refund)))
    }

    async fn note(
        &self,
        db: &Db,
        back: &Return<'_>,
        status: RefundStatus,
    ) -> Result<(), RefundError> {
        match status {
            // Looked for again by our id.
            RefundStatus::Pending => Ok(()),
            RefundStatus::Succeeded => self.resolve(db, back, PartState::Succeeded).await,
            RefundStatus::Failed { reason } => {
                self.resolve(db, back, PartState::Failed { reason }).await
            }
        }
    }

    /// True where this call alone may send it now.
    async fn mark_sent(
        &self,
        db: &Db,
        back: &Return<'_>,
        now: Timestamp,
    ) -> Result<bool, RefundError> {
        let (refund, part) = (back.refund, back.part.clone());
        let points = Step::Mark.points();
        stoa_failpoint::hit(points.before_commit);
        let mine = db
            .write(async move |tx: &mut Tx<'_>| refunds::mark_sent(tx, refund, &part, now).await)
            .await?;
        stoa_failpoint::hit(points.after_commit);
        Ok(mine)
    }

    async fn resolve(
        &self,
        db: &Db,
        back: &Return<'_>,
        state: PartState,
    ) -> Result<(), RefundError> {
        let (refund, order, currency) = (back.refund, back.order, back.currency);
        let (part, now, ledger) = (back.part.clone(), self.deps.now(), self.ledger.clone());
        let points = Step::Refund.points();
        stoa_failpoint::hit(points.before_commit);
        db.write(async move |tx: &mut Tx<'_>| {
            let back = Return {
                refund,
                order,
                currency,
                part: &part,
            };
            back.resolve(tx, &*ledger, &state, now).await
        })
        .await?;
        stoa_failpoint::hit(points.after_commit);
        Ok(())
    }
}

impl Return<'_> {
    /// What was set aside has gone and is booked, or is free again. The last part ends the refund.
    pub(super) async fn resolve(
        &self,
        tx: &mut Tx<'_>,
        ledger: &dyn Ledger,
        state: &PartState,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (refund, part) = (self.refund, self.part);
        attempts::by_id_locked(tx, part.attempt).await?;
        let Some(whole) = refunds::in_tx(tx, refund).await? else {
            return Ok(());
        };
        if !refunds::resolve(tx, refund, part.attempt, state).await? {
            return Ok(());
        }
        let gone = *state == PartState::Succeeded;
        refunds::release(tx, part.attempt, part.amount, gone, now).await?;
        if gone {
            let posting = Posting::Refunded {
                provider: part.provider.clone(),
                refund,
            };
            let (amount, cause) = (Money::new(part.amount, self.currency), Cause::system(now));
            ledger
                .post(tx, part.entry, self.order, &posting, amount, &cause)
                .await?;
        }
        finish(tx, &whole, now).await
    }
}

/// Ends a refund none of whose parts is open. Where some of it was refused, its amount becomes what
/// did go back, and `failure` tells of the rest. One that has ended ends so again when a part of it was
/// reversed.
pub(super) async fn finish(tx: &mut Tx<'_>, whole: &Refund, now: Timestamp) -> Result<(), Error> {
    let parts = refunds::outcome(tx, whole.view.id).await?;
    if parts.iter().any(|(state, _)| state.is_open()) {
        return Ok(());
    }
    let mut back = whole.given_back;
    let mut failures = Vec::new();
    for (state, amount) in parts {
        match state {
            PartState::Failed { reason } => failures.push(format!("{amount}: {reason}")),
            _ => back += amount,
        }
    }
    let failure = (!failures.is_empty()).then(|| failures.join("; "));
    let (state, amount) = match back {
        0 => (RefundState::Failed, whole.view.amount.amount),
        back => (RefundState::Succeeded, back),
    };
    refunds::finish(tx, whole.view.id, state, amount, failure.as_deref(), now).await
}

async fn find(db: &Db, refund: RefundId) -> Result<Refund, RefundError> {
    let found = refunds::by_id(db, refund).await?;
    found.ok_or(RefundError::NotFound)
}

fn refused(field: &str, reason: &str) -> RefundError {
    RefundError::Invalid {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}

fn to_refund_error(error: PaymentError) -> RefundError {
    match error {
        PaymentError::Unreachable { message } => RefundError::Unreachable { message },
        PaymentError::Invalid { field, reason } => RefundError::Invalid { field, reason },
        PaymentError::Storage(error) => RefundError::Storage(error),
        error @ (PaymentError::UnknownProvider { .. } | PaymentError::TestOnly) => {
            RefundError::Unreachable {
                message: error.to_string(),
            }
        }
    }
}
