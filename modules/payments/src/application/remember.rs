//! What is kept of calls that brought no outcome: failures that a provider may repeat by key, and
//! answers that it knows no such payment. Calls nobody.

use std::time::Duration;

use stoa_contracts::payments::{AttemptState, PaymentError};
use stoa_storage::Tx;

use super::drive::{FORGOTTEN, Work};
use super::unreachable;
use crate::infrastructure::attempts::{self, Attempt, Change};
use crate::provider::ProviderError;

/// However often it is asked meanwhile, not to be known counts once.
const FORGOTTEN_EVERY: Duration = Duration::from_secs(5 * 60);
/// Not known for the better part of an hour, and not known once in it: it will not be known again.
const FORGOTTEN_MAX: i64 = 12;

impl Work<'_> {
    /// What a call without a clear answer leaves behind; the next one has another key after a failure,
    /// and is made only after the intent was asked for.
    pub(super) async fn lost(&self, seen: &Attempt, error: &ProviderError) -> PaymentError {
        if matches!(error, ProviderError::Failed { .. })
            && let Err(broken) = self.count_failure(seen).await
        {
            return broken;
        }
        unreachable(seen.view.id, error)
    }

    async fn count_failure(&self, seen: &Attempt) -> Result<(), PaymentError> {
        let (db, seen) = (self.desk.db(self.tenant).await?, seen.clone());
        db.write(async move |tx: &mut Tx<'_>| attempts::count_failure(tx, &seen).await)
            .await?;
        Ok(())
    }

    /// The provider says that it knows no such payment. It may be wrong for a while: a key was set up
    /// wrongly, a server came back without its newest data. One that says so for long is believed, lest
    /// the order hold its goods for ever; people are told, for money may have moved all the same.
    pub(super) async fn forgotten(&self, seen: &Attempt) -> Result<Change, PaymentError> {
        let now = self.desk.deps.now();
        let again = |at: stoa_kernel::Timestamp| now >= at.plus(FORGOTTEN_EVERY);
        let mut count = seen.forgotten;
        if seen.forgotten_at.is_none_or(again) {
            let (db, seen) = (self.desk.db(self.tenant).await?, seen.clone());
            db.write(async move |tx: &mut Tx<'_>| attempts::count_forgotten(tx, &seen, now).await)
                .await?;
            count += 1;
        }
        let (attempt, order) = (seen.view.id, seen.view.order_id);
        if count < FORGOTTEN_MAX {
            return Err(unreachable(attempt, &ProviderError::Forgotten));
        }
        tracing::error!(%attempt, %order, "a payment is given up that its provider does not know");
        let reason = FORGOTTEN.to_owned();
        Ok(Change {
            alarm: true,
            ..Change::to(AttemptState::Declined { reason })
        })
    }

    pub(super) async fn known_again(&self, seen: &Attempt) -> Result<(), ProviderError> {
        let broken = |error: stoa_storage::Error| ProviderError::unknown(error.to_string());
        let db = self.desk.db(self.tenant).await.map_err(broken)?;
        let attempt = seen.view.id;
        db.write(async move |tx: &mut Tx<'_>| attempts::known_again(tx, attempt).await)
            .await
            .map_err(broken)
    }
}
