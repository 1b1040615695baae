//! What providers tell by signed calls: heard once, taken as a hint to look, never as an outcome.
//! Disputes are taken down as told, for there is nothing of ours to look at.

use stoa_contracts::ledger::Ledger;
use stoa_contracts::payments::{DisputeChanged, PaymentError, ProviderNews};
use stoa_kernel::{DisputeId, EntryId, EventId, Money, TenantId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

use super::Desk;
use super::reversal::Reversal;
use crate::domain::ProviderKind;
use crate::infrastructure::attempts::{self, Attempt};
use crate::infrastructure::news::{self as heard, Dispute};
use crate::infrastructure::providers as stored;
use crate::provider::{DisputeNews, News, Provider as _, WebhookError};

const TEXT_BYTES_MAX: usize = 255;
/// A dispute in such a state is open no more, whatever comes late.
const DISPUTE_ENDS: [&str; 3] = ["won", "lost", "warning_closed"];

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NewsError {
    #[error("there is no such provider")]
    NotFound,
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// This process cannot open the secret that the signature is checked with.
    #[error("{message}")]
    Elsewhere { message: String },
    #[error(transparent)]
    Storage(#[from] Error),
}

/// News about to be taken down, with the names of what they leave behind.
struct Told {
    provider: String,
    news: News,
    dispute: DisputeId,
    event: EventId,
    entry: EntryId,
    reversed: EventId,
    now: Timestamp,
}

impl Desk {
    /// Answers once it is committed; nobody is asked before that.
    pub(crate) async fn hear(
        &self,
        tenant: TenantId,
        provider: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<(), NewsError> {
        let (db, now) = (self.db(tenant).await?, self.deps.now());
        let found = stored::by_id(&db, provider).await?;
        let found = found.filter(|found| found.draft.kind == ProviderKind::Stripe);
        let found = found.ok_or(NewsError::NotFound)?;
        let client = self.stripe(&found).map_err(|error| match error {
            PaymentError::Storage(error) => NewsError::Storage(error),
            error => NewsError::Elsewhere {
                message: error.to_string(),
            },
        })?;
        let news = client.verify_webhook(signature, body, now)?;
        check_size(&news)?;
        let told = Told {
            provider: provider.to_owned(),
            news,
            dispute: self.deps.ids.make(now),
            event: self.deps.ids.make(now),
            entry: self.deps.ids.make(now),
            reversed: self.deps.ids.make(now),
            now,
        };
        let ledger = self.ledger.clone();
        db.write(async move |tx: &mut Tx<'_>| told.take_down(tx, &*ledger).await)
            .await?;
        Ok(())
    }
}

fn check_size(news: &News) -> Result<(), WebhookError> {
    let reference = news
        .dispute
        .as_ref()
        .map(|dispute| dispute.reference.as_str());
    let status = news.dispute.as_ref().map(|dispute| dispute.status.as_str());
    let texts = [
        Some(news.event.as_str()),
        news.intent.as_deref(),
        reference,
        status,
    ];
    let fits = |text: &str| {
        !text.is_empty()
            && text.len() <= TEXT_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_graphic())
    };
    match texts.into_iter().flatten().all(fits) {
        true => Ok(()),
        false => Err(WebhookError::Body {
            message: "an id in it is no id".to_owned(),
        }),
    }
}

impl Told {
    async fn take_down(&self, tx: &mut Tx<'_>, ledger: &dyn Ledger) -> Result<(), Error> {
        // The same event again, or one that a twin of this call took down.
        if !heard::hear(tx, &self.provider, &self.news.event, self.now).await? {
            return Ok(());
        }
        let Some(intent) = &self.news.intent else {
            return Ok(());
        };
        // Others may use the same account, and an intent may be news before its id is committed.
        let Some(attempt) = attempts::by_intent(tx, &self.provider, intent).await? else {
            return Ok(());
        };
        if self.news.dispute.is_some() || self.news.refund_failed.is_some() {
            // Money moves: the attempt's row comes before all that hangs on it.
            attempts::by_id_locked(tx, attempt.view.id).await?;
        }
        match &self.news.dispute {
            Some(dispute) => self.disputed(tx, ledger, &attempt, dispute).await,
            None => {
                if let (Some(refund), Some(why)) = (self.news.refund, &self.news.refund_failed) {
                    let reversal = self.reversal();
                    reversal
                        .of_refund(tx, ledger, &attempt, refund, why)
                        .await?;
                }
                let hint = ProviderNews {
                    attempt: attempt.view.id,
                    order: attempt.view.order_id,
                    refund: self.news.refund,
                };
                tx.emit(self.event, &Cause::system(self.now), &hint).await
            }
        }
    }

    async fn disputed(
        &self,
        tx: &mut Tx<'_>,
        ledger: &dyn Ledger,
        attempt: &Attempt,
        news: &DisputeNews,
    ) -> Result<(), Error> {
        let currency = news.currency.unwrap_or(attempt.view.amount.currency);
        let told = Dispute {
            id: self.dispute,
            attempt_id: attempt.view.id,
            order_id: attempt.view.order_id,
            provider: self.provider.clone(),
            amount: Money::new(news.amount.max(0), currency),
            status: news.status.clone(),
            reason: news.reason.clone(),
            created_at: self.now,
            updated_at: self.now,
            told_at: self.news.at,
            booked: 0,
            lowered: 0,
        };
        let mut dispute = told.clone();
        if !heard::insert(tx, &told, &news.reference).await? {
            let Some(known) = heard::known(tx, &self.provider, &news.reference).await? else {
                return Ok(());
            };
            if !is_newer(&known, &told) {
                return Ok(());
            }
            let nothing_new = known.status == told.status;
            dispute = Dispute {
                id: known.id,
                created_at: known.created_at,
                booked: known.booked,
                lowered: known.lowered,
                // Its currency was written with it.
                amount: Money::new(told.amount.amount, known.amount.currency),
                ..told
            };
            if nothing_new {
                // What is older than this is old from now on.
                dispute.amount = known.amount;
                return heard::update(tx, &dispute).await;
            }
            heard::update(tx, &dispute).await?;
        }
        let reversal = self.reversal();
        if reversal
            .of_dispute(tx, ledger, attempt, &mut dispute)
            .await?
        {
            heard::update(tx, &dispute).await?;
        }
        let changed = DisputeChanged {
            dispute: dispute.id,
            attempt: dispute.attempt_id,
            order: dispute.order_id,
            amount: dispute.amount,
            status: dispute.status.clone(),
        };
        tx.emit(self.event, &Cause::system(self.now), &changed)
            .await
    }

    const fn reversal(&self) -> Reversal {
        Reversal {
            entry: self.entry,
            event: self.reversed,
            now: self.now,
        }
    }
}

/// News come in any order. What has ended is not open again, but another end may be newer.
fn is_newer(known: &Dispute, told: &Dispute) -> bool {
    let is_end = |dispute: &Dispute| DISPUTE_ENDS.contains(&dispute.status.as_str());
    match (is_end(known), is_end(told)) {
        (true, false) => false,
        (false, true) => told.told_at >= known.told_at,
        (true, true) => told.told_at > known.told_at,
        (false, false) => told.told_at >= known.told_at,
    }
}
