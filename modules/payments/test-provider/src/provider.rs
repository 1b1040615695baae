//! The provider itself: one ledger, one journal, and the rule that nothing is told before it is
//! on disk. Never reads the wall clock; time and ids are passed in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use parking_lot::Mutex;
use stoa_kernel::{Clock, IdSource, Timestamp};

use crate::api;
use crate::entry::{ChargeKind, IntentId, IntentKind, RefundId, RefundKind};
use crate::journal::{Journal, OpenError};
use crate::ledger::{Decision, Intent, Ledger, Refusal};
use crate::request::{IntentRequest, Step, Token};

/// What may differ between a shop, a demo and a fault test.
#[derive(Clone)]
pub struct Settings {
    /// The bearer key every `/v1` request must carry.
    pub key: String,
    /// How long a `tok_delay` payment is processing.
    pub delay: Duration,
    /// How long the confirmation of a `tok_timeout_after_charge` payment stays unanswered,
    /// and a refund of a `tok_refund_timeout` payment.
    pub hang: Duration,
    /// Scheme and authority of `next_action_url`; `None` takes the Host of the request.
    pub public_url: Option<String>,
}

impl Settings {
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            delay: Duration::from_millis(1500),
            hang: Duration::from_secs(30),
            public_url: None,
        }
    }
}

/// A provider over one journal file. Cheap to clone; the last clone closes the file.
#[derive(Clone)]
pub struct TestProvider {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    /// Held only to decide and to queue, never across an await.
    book: Mutex<Book>,
    journal: Journal,
}

struct Book {
    ledger: Ledger,
    lines: u64,
    /// Time never runs backwards here, so that the list of charges only grows at its end.
    now: Timestamp,
}

impl TestProvider {
    /// Replays the journal at `path`, creating it where there is none.
    pub fn open(
        path: &Path,
        settings: Settings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, OpenError> {
        let (journal, ledger) = Journal::open(path)?;
        let book = Mutex::new(Book {
            now: ledger.latest(),
            ledger,
            lines: 0,
        });
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                clock,
                ids,
                book,
                journal,
            }),
        })
    }

    /// All routes, for `serve` or for a router of the caller's.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Reads the ledger, and answers once all that was read is on disk.
    pub(crate) async fn read<T>(
        &self,
        read: impl FnOnce(&Ledger, Timestamp) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let (answer, lines) = {
            let mut book = self.inner.book.lock();
            let now = self.tick(&mut book);
            (read(&book.ledger, now), book.lines)
        };
        self.inner.journal.wait(lines).await?;
        answer
    }

    pub(crate) async fn create<T>(
        &self,
        request: IntentRequest,
        show: impl FnOnce(&Intent, Timestamp) -> T,
    ) -> Result<T, Refusal> {
        let (answer, lines) = {
            let mut book = self.inner.book.lock();
            let now = self.tick(&mut book);
            let decision = book
                .ledger
                .create(request, self.id::<IntentKind>(now), now)?;
            self.carry_out(&mut book, decision, now, show)?
        };
        self.inner.journal.wait(lines).await?;
        Ok(answer)
    }

    /// The flag is true where this very call charged a payment whose caller is to be left waiting.
    pub(crate) async fn confirm<T>(
        &self,
        id: IntentId,
        account: Option<&str>,
        key: String,
        show: impl FnOnce(&Intent, Timestamp) -> T,
    ) -> Result<(T, bool), Refusal> {
        let (answer, hangs, lines) = {
            let mut book = self.inner.book.lock();
            let now = self.tick(&mut book);
            let intent = book.ledger.intent(id, account)?;
            let timeout = intent.request.token == Token::TimeoutAfterCharge;
            let delayed_to = now.plus(self.inner.settings.delay);
            let charge = self.id::<ChargeKind>(now);
            let decision = book.ledger.confirm(intent, key, charge, now, delayed_to)?;
            let hangs = timeout && matches!(decision, Decision::Write(_));
            let (answer, lines) = self.carry_out(&mut book, decision, now, show)?;
            (answer, hangs, lines)
        };
        self.inner.journal.wait(lines).await?;
        Ok((answer, hangs))
    }

    pub(crate) async fn decide_action<T>(
        &self,
        id: IntentId,
        approved: bool,
        show: impl FnOnce(&Intent, Timestamp) -> T,
    ) -> Result<T, Refusal> {
        self.step(id, None, show, |provider, ledger, intent, now| {
            ledger.decide_action(intent, approved, provider.id::<ChargeKind>(now), now)
        })
        .await
    }

    pub(crate) async fn capture<T>(
        &self,
        id: IntentId,
        account: Option<&str>,
        step: Step,
        show: impl FnOnce(&Intent, Timestamp) -> T,
    ) -> Result<T, Refusal> {
        self.step(id, account, show, |provider, ledger, intent, now| {
            ledger.capture(intent, step, provider.id::<ChargeKind>(now), now)
        })
        .await
    }

    pub(crate) async fn void<T>(
        &self,
        id: IntentId,
        account: Option<&str>,
        step: Step,
        show: impl FnOnce(&Intent, Timestamp) -> T,
    ) -> Result<T, Refusal> {
        self.step(id, account, show, |_, ledger, intent, now| {
            ledger.void(intent, &step, now)
        })
        .await
    }

    /// The flag is true where this very call made a refund whose caller is to be left waiting.
    pub(crate) async fn refund<T>(
        &self,
        id: IntentId,
        account: Option<&str>,
        step: Step,
        show: impl FnOnce(&Intent, RefundId) -> T,
    ) -> Result<(T, bool), Refusal> {
        let (answer, hangs, lines) = {
            let mut book = self.inner.book.lock();
            let now = self.tick(&mut book);
            let intent = book.ledger.intent(id, account)?;
            let timeout = intent.request.token == Token::RefundTimeout;
            let fresh = self.id::<RefundKind>(now);
            let (decision, refund) = book.ledger.refund(intent, step, fresh, now)?;
            let hangs = timeout && matches!(decision, Decision::Write(_));
            let (answer, lines) =
                self.carry_out(&mut book, decision, now, |intent, _| show(intent, refund))?;
            (answer, hangs, lines)
        };
        self.inner.journal.wait(lines).await?;
        Ok((answer, hangs))
    }

    async fn step<T>(
        &self,
        id: IntentId,
        account: Option<&str>,
        show: impl FnOnce(&Intent, Timestamp) -> T,
        decide: impl FnOnce(&Self, &Ledger, &Intent, Timestamp) -> Result<Decision, Refusal>,
    ) -> Result<T, Refusal> {
        let (answer, lines) = {
            let mut book = self.inner.book.lock();
            let now = self.tick(&mut book);
            let intent = book.ledger.intent(id, account)?;
            let decision = decide(self, &book.ledger, intent, now)?;
            self.carry_out(&mut book, decision, now, show)?
        };
        self.inner.journal.wait(lines).await?;
        Ok(answer)
    }

    /// Queues and applies the decision. All of it happens before the first await of a request, so
    /// a caller that hangs up cannot leave a payment half decided.
    fn carry_out<T>(
        &self,
        book: &mut Book,
        decision: Decision,
        now: Timestamp,
        show: impl FnOnce(&Intent, Timestamp) -> T,
    ) -> Result<(T, u64), Refusal> {
        let id = match decision {
            Decision::Stands(id) => id,
            Decision::Write(entry) => {
                let id = entry.intent().ok_or(Refusal::JournalFailed)?;
                self.inner.journal.append(&entry)?;
                book.lines += 1;
                book.ledger
                    .apply(entry)
                    .map_err(|_| Refusal::JournalFailed)?;
                id
            }
        };
        Ok((show(book.ledger.intent(id, None)?, now), book.lines))
    }

    fn tick(&self, book: &mut Book) -> Timestamp {
        book.now = book.now.max(self.inner.clock.now());
        book.now
    }

    fn id<K: stoa_kernel::IdKind>(&self, now: Timestamp) -> stoa_kernel::Id<K> {
        self.inner.ids.make(now)
    }
}
