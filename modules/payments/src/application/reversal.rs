//! Money that moves after a payment and its refunds were done: refunds that do not arrive, and what
//! cardholders take back and lose again. Taken down as told: there is nothing of ours to look at.

use stoa_contracts::ledger::{Ledger, Posting};
use stoa_contracts::payments::RefundReversed;
use stoa_kernel::{EntryId, EventId, Money, RefundId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

use super::refund::{Return, finish};
use crate::infrastructure::attempts::{self, Attempt};
use crate::infrastructure::news::Dispute;
use crate::infrastructure::refunds::{self, Part, PartState, Refund};

/// The one state of a dispute in which its money is gone.
const LOST: &str = "lost";

/// What is booked of such news, with the names that it gets.
pub(super) struct Reversal {
    pub(super) entry: EntryId,
    pub(super) event: EventId,
    pub(super) now: Timestamp,
}

impl Reversal {
    /// A provider says that a refund failed. The attempt's row is locked. One that had succeeded is
    /// taken back, once; one whose success is not known yet has failed.
    pub(super) async fn of_refund(
        &self,
        tx: &mut Tx<'_>,
        ledger: &dyn Ledger,
        attempt: &Attempt,
        refund: RefundId,
        reason: &str,
    ) -> Result<(), Error> {
        let Some(whole) = refunds::in_tx(tx, refund).await? else {
            return Ok(());
        };
        // What was never sent to a provider, such as store credit, is none of its business.
        let Some(part) = refunds::sent_part(tx, refund, attempt.view.id).await? else {
            return Ok(());
        };
        if part.state.is_open() {
            let back = Return {
                refund,
                order: attempt.view.order_id,
                currency: attempt.view.amount.currency,
                part: &part,
            };
            let reason = reason.to_owned();
            let failed = PartState::Failed { reason };
            return back.resolve(tx, ledger, &failed, self.now).await;
        }
        if !refunds::reverse(tx, refund, &part, reason, self.now).await? {
            return Ok(());
        }
        self.book(tx, ledger, attempt, &whole, &part, reason).await
    }

    async fn book(
        &self,
        tx: &mut Tx<'_>,
        ledger: &dyn Ledger,
        attempt: &Attempt,
        whole: &Refund,
        part: &Part,
        reason: &str,
    ) -> Result<(), Error> {
        let (cause, refund) = (Cause::system(self.now), whole.view.id);
        let (order, currency) = (attempt.view.order_id, attempt.view.amount.currency);
        let posting = Posting::RefundReversed {
            provider: part.provider.clone(),
            refund,
        };
        let amount = Money::new(part.amount, currency);
        ledger
            .post(tx, self.entry, order, &posting, amount, &cause)
            .await?;
        finish(tx, whole, self.now).await?;
        let parts = refunds::outcome(tx, refund).await?;
        let went = parts
            .iter()
            .filter(|(state, _)| !matches!(state, PartState::Failed { .. }));
        let left = whole.given_back + went.map(|(_, amount)| amount).sum::<i64>();
        tracing::error!(%order, %refund, reason, "a refund that had succeeded did not arrive");
        let reversed = RefundReversed {
            refund,
            attempt: attempt.view.id,
            order,
            amount,
            left: Money::new(left, currency),
            reason: reason.to_owned(),
        };
        tx.emit(self.event, &cause, &reversed).await
    }

    /// Brings books and attempt to where the dispute stands now. Both rows are locked; true where the
    /// dispute's own sums changed.
    pub(super) async fn of_dispute(
        &self,
        tx: &mut Tx<'_>,
        ledger: &dyn Ledger,
        attempt: &Attempt,
        dispute: &mut Dispute,
    ) -> Result<bool, Error> {
        let is_lost = dispute.status == LOST && dispute.amount.amount > 0;
        if is_lost == (dispute.booked > 0) {
            return Ok(false);
        }
        let (provider, attempt_id) = (dispute.provider.clone(), dispute.attempt_id);
        let (posting, amount, lowers) = if is_lost {
            dispute.booked = dispute.amount.amount;
            // In another currency nobody knows how much of ours it was: nothing goes back unseen.
            dispute.lowered = match dispute.amount.currency == attempt.view.amount.currency {
                true => dispute.booked,
                false => attempt.view.captured.amount,
            };
            let posting = Posting::DisputeLost {
                provider,
                attempt: attempt_id,
            };
            (posting, dispute.booked, dispute.lowered)
        } else {
            let posting = Posting::DisputeWon {
                provider,
                attempt: attempt_id,
            };
            let (booked, lowered) = (dispute.booked, dispute.lowered);
            (dispute.booked, dispute.lowered) = (0, 0);
            (posting, booked, -lowered)
        };
        let (order, cause) = (dispute.order_id, Cause::system(self.now));
        let amount = Money::new(amount, dispute.amount.currency);
        ledger
            .post(tx, self.entry, order, &posting, amount, &cause)
            .await?;
        attempts::dispute(tx, attempt_id, lowers, self.now).await?;
        Ok(true)
    }
}
