//! Takes what is held: set aside first, then asked for, then booked. One wish per key.

use stoa_contracts::ledger::Ledger;
use stoa_contracts::payments::{AttemptState, AttemptView, PaymentError, ProviderNews};
use stoa_kernel::{AttemptId, EntryId, EventId, Money, TenantId, Timestamp};
use stoa_storage::{Cause, Db, Tx};

use super::drive::{Outcome, STEPS_PER_DRIVE_MAX, Work, judged};
use super::points::Step;
use super::{Desk, no_attempt, unreachable};
use crate::domain::{Kind, invalid};
use crate::infrastructure::attempts::{self, Attempt, Change};
use crate::infrastructure::captures::{self, Capture, CaptureState};
use crate::provider::{CallKey, IntentStatus, ProviderError};

const KEY_LENGTH_MAX: usize = 512;

/// A wish to take money, with the names of what it leaves behind.
struct Wish {
    attempt: AttemptId,
    amount: Option<Money>,
    key: String,
    id: EntryId,
    settled: EventId,
    news: EventId,
    now: Timestamp,
}

impl Desk {
    pub(super) async fn capture_attempt(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
        amount: Option<Money>,
        key: &str,
    ) -> Result<AttemptView, PaymentError> {
        if key.is_empty() || key.len() > KEY_LENGTH_MAX {
            return Err(invalid("idempotency_key", "is missing or too long"));
        }
        let (db, now) = (self.db(tenant).await?, self.deps.now());
        let wish = Wish {
            attempt,
            amount,
            key: key.to_owned(),
            id: self.deps.ids.make(now),
            settled: self.deps.ids.make(now),
            news: self.deps.ids.make(now),
            now,
        };
        let ledger = self.ledger.clone();
        let opened = db
            .write(async move |tx: &mut Tx<'_>| wish.open(tx, &*ledger).await)
            .await?;
        if opened.capture.state == CaptureState::Pending {
            let seen = self.load(&db, attempt).await?;
            let work = self.work(&db, tenant, &seen).await?;
            self.finish_capture(&db, &work, attempt, opened.fresh)
                .await?;
        }
        let capture = captures::read(&db, attempt, key).await?;
        match capture.map(|capture| capture.state) {
            Some(CaptureState::Succeeded) => Ok(self.load(&db, attempt).await?.view),
            Some(CaptureState::Failed { reason }) => {
                Err(invalid("attempt", &format!("was not captured: {reason}")))
            }
            Some(CaptureState::Pending) | None => Err(PaymentError::Unreachable {
                message: "the capture is still under way".to_owned(),
            }),
        }
    }

    /// Brings a capture that is set aside to its end. `fresh`: this very call has set it aside, so
    /// that nobody can have sent it yet.
    pub(super) async fn finish_capture(
        &self,
        db: &Db,
        work: &Work<'_>,
        attempt: AttemptId,
        mut fresh: bool,
    ) -> Result<(), PaymentError> {
        for _ in 0..STEPS_PER_DRIVE_MAX {
            let seen = self.load(db, attempt).await?;
            let Some(capture) = captures::pending(db, attempt).await? else {
                return Ok(());
            };
            match self.send_capture(work, &seen, &capture, fresh).await? {
                Sent::Answered(change) => return self.keep(db, seen, &change).await,
                Sent::Refused(code) => self.fail_capture(db, attempt, capture, code).await?,
            }
            fresh = false;
        }
        Ok(())
    }

    /// Writes how the attempt ended at its provider, whatever others have written meanwhile: a twin
    /// whose own call was refused may have taken this capture for failed.
    async fn keep(&self, db: &Db, mut seen: Attempt, change: &Change) -> Result<(), PaymentError> {
        let id = seen.view.id;
        for _ in 0..STEPS_PER_DRIVE_MAX {
            if seen.view.state.is_final()
                || self
                    .commit(db, &seen, change, Step::Capture)
                    .await?
                    .is_some()
            {
                return Ok(());
            }
            seen = self.load(db, id).await?;
        }
        Err(PaymentError::Unreachable {
            message: "the payment keeps changing".to_owned(),
        })
    }

    async fn send_capture(
        &self,
        work: &Work<'_>,
        seen: &Attempt,
        capture: &Capture,
        fresh: bool,
    ) -> Result<Sent, PaymentError> {
        let lost = |error: ProviderError| unreachable(seen.view.id, &error);
        if !fresh {
            let known = match work.query(seen).await {
                Err(ProviderError::Forgotten) => {
                    return Ok(Sent::Answered(work.forgotten(seen).await?));
                }
                known => known.map_err(lost)?,
            };
            if known.status != IntentStatus::RequiresCapture {
                return answered(seen, judged(seen, &known, Some(capture.amount))?);
            }
        }
        // An intent lets one capture through, however often it is sent.
        let intent = work.intent_of(seen)?;
        let key = CallKey::new(capture.id, seen.failed_calls);
        let call = work.provider.capture(&intent, capture.amount, &key);
        match self.call(Step::Capture, work.kind, call).await {
            Ok(answer) => answered(seen, judged(seen, &answer, Some(capture.amount))?),
            // A twin of this call may have been let through: ask before believing the no.
            Err(ProviderError::Refused { code, .. }) => {
                let known = work.query(seen).await.map_err(lost)?;
                if known.status == IntentStatus::RequiresCapture {
                    return Ok(Sent::Refused(code));
                }
                answered(seen, judged(seen, &known, Some(capture.amount))?)
            }
            Err(error) => Err(work.lost(seen, &error).await),
        }
    }

    async fn fail_capture(
        &self,
        db: &Db,
        attempt: AttemptId,
        capture: Capture,
        code: String,
    ) -> Result<(), PaymentError> {
        let (now, points) = (self.deps.now(), Step::Capture.points());
        stoa_failpoint::hit(points.before_commit);
        db.write(async move |tx: &mut Tx<'_>| {
            attempts::by_id_locked(tx, attempt).await?;
            if captures::fail(tx, attempt, &capture.key, &code, now).await? {
                attempts::let_go(tx, attempt, capture.amount, now).await?;
            }
            Ok::<_, PaymentError>(())
        })
        .await?;
        stoa_failpoint::hit(points.after_commit);
        Ok(())
    }
}

enum Sent {
    Answered(Change),
    Refused(String),
}

/// Only an end of the attempt is an end of its capture.
fn answered(seen: &Attempt, change: Change) -> Result<Sent, PaymentError> {
    match change.state.is_final() {
        true => Ok(Sent::Answered(change)),
        false => {
            let error = ProviderError::unknown("the provider is still working on the capture");
            Err(unreachable(seen.view.id, &error))
        }
    }
}

struct Opened {
    capture: Capture,
    fresh: bool,
}

impl Wish {
    /// Sets the amount aside; what came by hand is booked at once. A known key finds its capture.
    async fn open(&self, tx: &mut Tx<'_>, ledger: &dyn Ledger) -> Result<Opened, PaymentError> {
        let seen = attempts::by_id_locked(tx, self.attempt).await?;
        let seen = seen.ok_or_else(no_attempt)?;
        if let Some(capture) = captures::by_key(tx, self.attempt, &self.key).await? {
            let other = self
                .amount
                .is_some_and(|amount| amount.amount != capture.amount);
            if other {
                let reason = "was used for a capture of another amount";
                return Err(invalid("idempotency_key", reason));
            }
            return Ok(Opened {
                capture,
                fresh: false,
            });
        }
        let amount = self.amount_of(&seen)?;
        let mut capture = Capture {
            key: self.key.clone(),
            id: self.id,
            amount,
            state: CaptureState::Pending,
        };
        if seen.kind == Kind::Manual {
            capture.state = CaptureState::Succeeded;
            self.receive(tx, ledger, seen, amount).await?;
        } else if !attempts::set_aside(tx, self.attempt, amount, self.now).await? {
            return Err(invalid("amount", "is more than is held"));
        }
        captures::insert(tx, self.attempt, &capture, self.now).await?;
        Ok(Opened {
            capture,
            fresh: true,
        })
    }

    fn amount_of(&self, seen: &Attempt) -> Result<i64, PaymentError> {
        if seen.view.state != AttemptState::Authorized {
            return Err(invalid("attempt", "nothing is held for it"));
        }
        if seen.capturing > 0 {
            return Err(invalid("attempt", "another capture of it is under way"));
        }
        let left = seen.view.amount.amount - seen.view.captured.amount;
        let Some(amount) = self.amount else {
            return Ok(left);
        };
        if amount.currency != seen.view.amount.currency {
            return Err(invalid("amount.currency", "is not that of the payment"));
        }
        match (1..=left).contains(&amount.amount) {
            true => Ok(amount.amount),
            false => Err(invalid("amount", &format!("is 1 to {left}, which is left"))),
        }
    }

    /// Takes down money that came by hand; the attempt succeeds once all of it is there.
    async fn receive(
        &self,
        tx: &mut Tx<'_>,
        ledger: &dyn Ledger,
        seen: Attempt,
        amount: i64,
    ) -> Result<(), PaymentError> {
        let captured = seen.view.captured.amount + amount;
        let all = captured == seen.view.amount.amount;
        let state = match all {
            true => AttemptState::Succeeded,
            false => AttemptState::Authorized,
        };
        let change = Change {
            captured: Some(captured),
            ..Change::to(state)
        };
        let order = seen.view.order_id;
        let outcome = Outcome {
            to: seen.clone().changed(&change),
            seen,
            entry: self.id,
            event: self.settled,
            alarm: None,
            now: self.now,
        };
        if !outcome.write(tx, ledger).await? {
            return Err(invalid("attempt", "nothing is held for it"));
        }
        if !all {
            // Nothing is settled, but those who look after the order want to know.
            let news = ProviderNews {
                attempt: self.attempt,
                order,
                refund: None,
            };
            tx.emit(self.news, &Cause::system(self.now), &news).await?;
        }
        Ok(())
    }
}
