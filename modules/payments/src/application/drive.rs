//! Takes attempts to their outcome: ask, commit the answer, ask on. Never sends a confirmation whose
//! fate it could look up instead.

use std::sync::Arc;

use stoa_contracts::checkout::SagaStuck;
use stoa_contracts::ledger::{Ledger, Posting};
use stoa_contracts::payments::{AttemptSettled, AttemptState, PaymentError};
use stoa_kernel::{AttemptId, EntryId, EventId, Money, TenantId, Timestamp};
use stoa_storage::{Cause, Db, Error, Tx};

use super::points::Step;
use super::{Desk, unreachable};
use crate::domain::{Kind, after, invalid};
use crate::infrastructure::attempts::{self, Attempt, Change};
use crate::infrastructure::captures::{self, CaptureState};
use crate::provider::{
    CallKey, Intent, IntentRef, IntentStatus, Preparation, Provider, ProviderError,
};

/// From created to settled takes four; more only where another process drives the same attempt.
pub(super) const STEPS_PER_DRIVE_MAX: usize = 12;

/// The provider's answer to a confirmation that comes after a void.
const VOIDED: &str = "voided";
/// Why a payment was let go of that its provider does not know.
pub(super) const FORGOTTEN: &str = "forgotten_by_provider";

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum AbandonError {
    #[error("the payment is settled")]
    Settled,
    #[error("the provider knows the payment")]
    Known,
    #[error(transparent)]
    Payment(#[from] PaymentError),
}

/// One attempt's provider, ready to be asked.
pub(super) struct Work<'d> {
    pub(super) desk: &'d Desk,
    pub(super) tenant: TenantId,
    pub(super) kind: Kind,
    pub(super) provider: Arc<dyn Provider>,
}

impl Desk {
    pub(super) async fn drive_attempt(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<AttemptState, PaymentError> {
        let db = self.db(tenant).await?;
        let mut seen = self.load(&db, attempt).await?;
        if waits_for_people(&seen) {
            return Ok(seen.view.state);
        }
        if seen.view.amount.amount == 0 {
            return self.settle_nothing(&db, seen).await;
        }
        let work = self.work(&db, tenant, &seen).await?;
        // True right after this call itself has marked the attempt: nobody else sent that
        // confirmation, so there is nothing to look up.
        let mut may_confirm = false;
        for _ in 0..STEPS_PER_DRIVE_MAX {
            if seen.view.state.is_final() {
                break;
            }
            if seen.capturing > 0 {
                self.finish_capture(&db, &work, attempt, false).await?;
                return Ok(self.load(&db, attempt).await?.view.state);
            }
            let (step, change) = work.step(&seen, may_confirm).await?;
            if change.says_nothing(&seen) {
                break;
            }
            let Some(next) = self.commit(&db, &seen, &change, step).await? else {
                may_confirm = false;
                seen = self.load(&db, attempt).await?;
                continue;
            };
            let refused = change.refusal.is_some();
            may_confirm = change.state == AttemptState::Confirming && !refused;
            seen = next;
            if is_waiting(&seen.view.state) && !refused {
                break;
            }
        }
        Ok(seen.view.state)
    }

    pub(super) async fn give_up_attempt(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<AttemptState, PaymentError> {
        let db = self.db(tenant).await?;
        for _ in 0..STEPS_PER_DRIVE_MAX {
            let seen = self.load(&db, attempt).await?;
            let change = match &seen.view.state {
                state if state.is_final() => return Ok(seen.view.state),
                // Some of it came by hand already: that is given back by a refund.
                _ if seen.view.captured.amount > 0 => return Ok(seen.view.state),
                // Whatever was prepared was never confirmed, and now never will be.
                AttemptState::Created => Change::to(AttemptState::Voided),
                AttemptState::Authorized if seen.kind == Kind::Manual => {
                    Change::to(AttemptState::Voided)
                }
                _ => {
                    let work = self.work(&db, tenant, &seen).await?;
                    if seen.capturing > 0 {
                        // A capture under way decides: money may be taken at this moment.
                        self.finish_capture(&db, &work, attempt, false).await?;
                        continue;
                    }
                    work.void(&seen).await?
                }
            };
            let done = change.state == seen.view.state
                || self
                    .commit(&db, &seen, &change, Step::Void)
                    .await?
                    .is_some();
            if done {
                return Ok(change.state);
            }
        }
        Ok(self.load(&db, attempt).await?.view.state)
    }

    /// Lets go of an attempt whose provider says, asked once more, that it knows no such payment.
    pub(crate) async fn abandon(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> Result<(), AbandonError> {
        let db = self.db(tenant).await.map_err(PaymentError::from)?;
        for _ in 0..STEPS_PER_DRIVE_MAX {
            let seen = self.load(&db, attempt).await?;
            if seen.view.state.is_final() {
                return Err(AbandonError::Settled);
            }
            if seen.kind == Kind::Manual || seen.view.amount.amount == 0 {
                return Err(AbandonError::Known);
            }
            if seen.intent.is_some() {
                let work = self.work(&db, tenant, &seen).await?;
                match work.query(&seen).await {
                    Err(ProviderError::Forgotten) => {}
                    Ok(_) => return Err(AbandonError::Known),
                    Err(error) => return Err(unreachable(attempt, &error).into()),
                }
            }
            let reason = FORGOTTEN.to_owned();
            let change = Change::to(AttemptState::Declined { reason });
            if self
                .commit(&db, &seen, &change, Step::Query)
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(PaymentError::Unreachable {
            message: "the payment keeps changing".to_owned(),
        }
        .into())
    }

    /// Nothing to charge: nobody needs to be asked.
    async fn settle_nothing(&self, db: &Db, seen: Attempt) -> Result<AttemptState, PaymentError> {
        let change = Change::to(AttemptState::Succeeded);
        let id = seen.view.id;
        match self.commit(db, &seen, &change, Step::Mark).await? {
            Some(next) => Ok(next.view.state),
            None => Ok(self.load(db, id).await?.view.state),
        }
    }

    pub(super) async fn work(
        &self,
        db: &Db,
        tenant: TenantId,
        seen: &Attempt,
    ) -> Result<Work<'_>, PaymentError> {
        Ok(Work {
            desk: self,
            tenant,
            kind: seen.kind,
            provider: self.provider(db, seen.kind, &seen.view.provider).await?,
        })
    }

    /// The attempt as it reads now; `None` where somebody else was faster: read again, decide anew.
    pub(super) async fn commit(
        &self,
        db: &Db,
        seen: &Attempt,
        change: &Change,
        step: Step,
    ) -> Result<Option<Attempt>, PaymentError> {
        let points = step.points();
        let now = self.deps.now();
        let outcome = Outcome {
            seen: seen.clone(),
            to: seen.clone().changed(change),
            // One attempt is taken through its provider once: its own id names the entry.
            entry: EntryId::from_u128(seen.view.id.as_u128()),
            event: self.deps.ids.make(now),
            alarm: change.alarm.then(|| self.deps.ids.make(now)),
            now,
        };
        let (to, ledger) = (outcome.to.clone(), self.ledger.clone());
        stoa_failpoint::hit(points.before_commit);
        let done = db
            .write(async move |tx: &mut Tx<'_>| outcome.write(tx, &*ledger).await)
            .await?;
        stoa_failpoint::hit(points.after_commit);
        Ok(done.then_some(to))
    }
}

/// A change about to be written, with the names of what it leaves behind.
pub(super) struct Outcome {
    pub(super) seen: Attempt,
    pub(super) to: Attempt,
    pub(super) entry: EntryId,
    pub(super) event: EventId,
    /// Names what people are told, where they must be.
    pub(super) alarm: Option<EventId>,
    pub(super) now: Timestamp,
}

impl Outcome {
    /// False where the attempt is no longer as seen. What was taken is booked, and the last change
    /// tells the world, in the same transaction.
    pub(super) async fn write(&self, tx: &mut Tx<'_>, ledger: &dyn Ledger) -> Result<bool, Error> {
        let (seen, to) = (&self.seen, &self.to);
        if !attempts::advance(tx, seen, to, self.now).await? {
            return Ok(false);
        }
        let (id, cause) = (seen.view.id, Cause::system(self.now));
        let succeeded = to.view.state == AttemptState::Succeeded;
        if seen.capturing > 0 && to.capturing == 0 {
            let state = match succeeded {
                true => CaptureState::Succeeded,
                false => CaptureState::Failed {
                    reason: "the payment ended without it".to_owned(),
                },
            };
            captures::settle(tx, id, &state, self.now).await?;
        }
        let taken = to.view.captured.amount - seen.view.captured.amount;
        if taken > 0 {
            let posting = Posting::Captured {
                provider: seen.view.provider.clone(),
                attempt: id,
            };
            let taken = Money::new(taken, seen.view.amount.currency);
            let order = seen.view.order_id;
            ledger
                .post(tx, self.entry, order, &posting, taken, &cause)
                .await?;
        }
        if to.view.state.is_final() {
            let amount = if succeeded {
                to.view.captured
            } else {
                to.view.amount
            };
            let settled = AttemptSettled {
                attempt: id,
                order: seen.view.order_id,
                amount,
                succeeded,
            };
            tx.emit(self.event, &cause, &settled).await?;
        }
        if let Some(alarm) = self.alarm {
            let stuck = SagaStuck {
                order: seen.view.order_id,
                saga: "payment".to_owned(),
                step: FORGOTTEN.to_owned(),
            };
            tx.emit(alarm, &cause, &stuck).await?;
        }
        Ok(true)
    }
}

impl Work<'_> {
    /// The next thing to be done about an attempt that is not settled.
    async fn step(
        &self,
        seen: &Attempt,
        may_confirm: bool,
    ) -> Result<(Step, Change), PaymentError> {
        Ok(match &seen.view.state {
            AttemptState::Created => (Step::Prepare, self.prepare(seen).await?),
            AttemptState::Prepared => (Step::Mark, Change::to(AttemptState::Confirming)),
            _ if seen.refusal.is_some() => (Step::Void, self.void(seen).await?),
            AttemptState::Confirming if may_confirm => (Step::Confirm, self.confirm(seen).await?),
            _ => (Step::Query, self.ask(seen).await?),
        })
    }

    async fn prepare(&self, seen: &Attempt) -> Result<Change, PaymentError> {
        let key = CallKey::new(seen.view.id, seen.failed_calls);
        let request = Preparation {
            account: self.tenant,
            order: seen.view.order_id,
            attempt: seen.view.id,
            amount: seen.view.amount,
            token: &seen.token,
            return_url: seen.return_url.as_deref(),
            key: &key,
        };
        let call = self.provider.prepare(&request);
        match self.desk.call(Step::Prepare, self.kind, call).await {
            Ok(intent) => Ok(Change {
                intent: Some(intent.id),
                ..Change::to(AttemptState::Prepared)
            }),
            Err(ProviderError::Refused { code, .. }) => {
                Ok(Change::to(AttemptState::Declined { reason: code }))
            }
            Err(error) => Err(self.lost(seen, &error).await),
        }
    }

    async fn confirm(&self, seen: &Attempt) -> Result<Change, PaymentError> {
        // The key is another one after a failure; what became of that one was asked since.
        let key = CallKey::new(seen.view.id, seen.failed_calls);
        let intent = self.intent_of(seen)?;
        let call = self
            .provider
            .confirm(&intent, seen.return_url.as_deref(), &key);
        match self.desk.call(Step::Confirm, self.kind, call).await {
            Ok(answer) => judged(seen, &answer, None),
            Err(ProviderError::Refused { code, .. }) if code == VOIDED => {
                Ok(Change::to(seen.voided()))
            }
            Err(ProviderError::Refused { code, .. }) => self.believe(seen, code).await,
            Err(error) => Err(self.lost(seen, &error).await),
        }
    }

    /// A confirmation was refused. A twin of it may have been let through: only where the intent
    /// still stands outside, and is voided, is a no a no. It is written down first: the answer to the
    /// void may be lost, and a voided intent tells no more why.
    async fn believe(&self, seen: &Attempt, code: String) -> Result<Change, PaymentError> {
        let known = self.query(seen).await;
        let known = known.map_err(|error| unreachable(seen.view.id, &error))?;
        let refused = matches!(
            known.status,
            IntentStatus::RequiresConfirmation | IntentStatus::Declined
        );
        if !refused {
            return judged(seen, &known, None);
        }
        Ok(Change::refused(seen, code))
    }

    /// Looks up what became of an attempt that was, or may have been, confirmed.
    async fn ask(&self, seen: &Attempt) -> Result<Change, PaymentError> {
        let answer = match self.query(seen).await {
            Err(ProviderError::Forgotten) => return self.forgotten(seen).await,
            answer => answer.map_err(|error| unreachable(seen.view.id, &error))?,
        };
        if answer.status == IntentStatus::RequiresConfirmation {
            // The confirmation never arrived, or failed; an intent takes one at most.
            return self.confirm(seen).await;
        }
        // The shopper comes back from the bank with what it takes to try another card on the same
        // intent, past us: a decline that was looked up is an end only once the intent is voided.
        let change = judged(seen, &answer, None)?;
        Ok(match change.state {
            AttemptState::Declined { reason } => Change::refused(seen, reason),
            _ => change,
        })
    }

    pub(super) async fn void(&self, seen: &Attempt) -> Result<Change, PaymentError> {
        // A key of its own each time: a void may be sent as often as we like, and a server that keeps
        // what it answered would repeat a refusal of a moment ago for a day.
        let fresh: EventId = self.desk.deps.ids.make(self.desk.deps.now());
        let (intent, key) = (self.intent_of(seen)?, format!("{}-{fresh}", seen.view.id));
        let call = self.provider.void(&intent, &key);
        let answer = match self.desk.call(Step::Void, self.kind, call).await {
            // It is charged, declined, voided before, or being worked on: ask which.
            Err(ProviderError::Refused { .. }) => self.query(seen).await,
            other => other,
        };
        match answer {
            Ok(answer) => judged(seen, &answer, None),
            Err(ProviderError::Forgotten) => self.forgotten(seen).await,
            Err(error) => Err(unreachable(seen.view.id, &error)),
        }
    }

    pub(super) async fn query(&self, seen: &Attempt) -> Result<Intent, ProviderError> {
        let Ok(intent) = self.intent_of(seen) else {
            return Err(ProviderError::unknown("the provider has not named it"));
        };
        let call = self.provider.query(&intent);
        let answer = self.desk.call(Step::Query, self.kind, call).await?;
        if seen.forgotten > 0 {
            self.known_again(seen).await?;
        }
        Ok(answer)
    }

    pub(super) fn intent_of<'a>(&self, seen: &'a Attempt) -> Result<IntentRef<'a>, PaymentError> {
        match seen.intent.as_deref() {
            Some(id) => Ok(IntentRef {
                account: self.tenant,
                id,
            }),
            None => Err(invalid("intent", "the provider has not named one")),
        }
    }
}

/// What an answer makes of the attempt; `asked` was to be taken, where the provider does not say
/// what it took.
pub(super) fn judged(
    seen: &Attempt,
    answer: &Intent,
    asked: Option<i64>,
) -> Result<Change, PaymentError> {
    let state = match after(answer).map_err(|error| unreachable(seen.view.id, &error))? {
        AttemptState::Voided => seen.voided(),
        state => state,
    };
    let captured = match state {
        AttemptState::Succeeded => answer.captured.or(asked),
        _ => None,
    };
    Ok(Change {
        captured,
        ..Change::to(state)
    })
}

/// Nothing that we do brings it on.
fn waits_for_people(seen: &Attempt) -> bool {
    let by_hand = seen.kind == Kind::Manual && seen.view.state == AttemptState::Authorized;
    seen.view.state.is_final() || by_hand
}

const fn is_waiting(state: &AttemptState) -> bool {
    matches!(
        state,
        AttemptState::Processing | AttemptState::RequiresAction { .. } | AttemptState::Authorized
    )
}
