//! Writes a mail once and sends it until the mail server has taken or refused it. Every attempt is
//! claimed before the server is asked and settled after, each in a transaction of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{JobHandler, JobOutcome};
use stoa_kernel::{JobId, TenantId, Timestamp};
use stoa_storage::{ClaimedJob, Db, Error, NewJob, Tx};

use super::bulkhead::Bulkhead;
use super::gather::{Facts, GatherError, Gathered, LOW_STOCK_TOLD_MAX};
use super::task::Task;
use super::{ATTEMPTS_MAX, SEND_MAIL, Shared};
use crate::domain::{TRIES_MAX, next_try};
use crate::infrastructure::{
    self, Answer, Claim, Fate, LowStock, Message, NewMessage, Outgoing, Relay, State, Via,
};

/// Beyond the time of a send, until another run may take an attempt for lost.
const CLAIM_SPARE: Duration = Duration::from_secs(60);
/// Until a send is tried again that found no room.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(500);
/// Until it is looked whether there is a mail server again.
const NO_SERVER_PAUSE: Duration = Duration::from_secs(600);
/// Before the rest is told of where one mail cannot hold all that runs low.
const REST_PAUSE: Duration = Duration::from_secs(60);
/// Of mails that stay here.
const LOCAL_DOMAIN: &str = "localhost";

pub(crate) struct MailSender {
    shared: Arc<Shared>,
    bulkhead: Bulkhead,
}

/// Why a mail was not sent. Says nothing that the mail would say.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Gather(#[from] GatherError),
    #[error(transparent)]
    Storage(#[from] Error),
    /// Another run has told of a variant meanwhile.
    #[error("another run was faster")]
    Overtaken,
}

impl MailSender {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            bulkhead: Bulkhead::default(),
        }
    }

    async fn work(
        &self,
        tenant: TenantId,
        id: JobId,
        task: &Task,
    ) -> Result<JobOutcome, SendError> {
        let db = self.shared.db(tenant).await?;
        let key = match task {
            // Of one window there may be two jobs; each has its own variants to tell of.
            Task::StaffLowStock { .. } => format!("{}:{id}", task.kind().as_str()),
            other => other.key(),
        };
        let known = infrastructure::by_key(&db, &key).await?;
        let message = match known {
            Some(message) => message,
            None => match self.compose(&db, id, task, &key).await? {
                Some(outcome) => return Ok(outcome),
                None => match infrastructure::by_key(&db, &key).await? {
                    Some(message) => message,
                    // Written and purged within this run.
                    None => return Ok(JobOutcome::Done),
                },
            },
        };
        self.dispatch(&db, task, &message).await
    }

    /// Keeps the mail, ready to be sent; what is to be done instead where there is none.
    async fn compose(
        &self,
        db: &Db,
        id: JobId,
        task: &Task,
        key: &str,
    ) -> Result<Option<JobOutcome>, SendError> {
        let sender = self.shared.sender(db).await?;
        let facts = match self.shared.gather(db, &sender, task).await? {
            Gathered::Facts(facts) => *facts,
            Gathered::Nothing => return Ok(Some(JobOutcome::Done)),
            Gathered::Later(at) => return Ok(Some(JobOutcome::Wait(at))),
        };
        let Facts {
            to,
            view,
            low_stock,
        } = facts;
        let locale = &sender.settings.locale;
        let written = self.shared.write(db, task.kind(), locale, &view).await?;
        let Some(letter) = written else {
            let reason = "the built-in template failed".to_owned();
            return Ok(Some(JobOutcome::Dead(reason)));
        };
        let relay = self.shared.relay.as_ref();
        let domain = relay.map_or(LOCAL_DOMAIN, |relay| relay.smtp().domain());
        let new = NewMessage {
            id,
            kind: task.kind().as_str(),
            dedupe_key: key.to_owned(),
            locale: locale.clone(),
            to,
            letter,
            message_id: format!("<{id}@{domain}>"),
            via: relay.map_or(Via::Mailbox, |_| Via::Smtp),
        };
        self.keep(db, new, low_stock).await?;
        Ok(None)
    }

    async fn keep(
        &self,
        db: &Db,
        new: NewMessage,
        low_stock: Vec<LowStock>,
    ) -> Result<(), SendError> {
        let now = self.shared.deps.now();
        let rest = match low_stock.len() as i64 >= LOW_STOCK_TOLD_MAX {
            true => Some(self.rest(now)?),
            false => None,
        };
        db.write(async move |tx: &mut Tx<'_>| {
            if !infrastructure::insert(tx, &new, now).await? {
                return Ok(());
            }
            for low in &low_stock {
                if !infrastructure::take_low_stock(tx, low.variant, now).await? {
                    return Err(SendError::Overtaken);
                }
            }
            if let Some(job) = &rest {
                tx.enqueue(job, now).await?;
            }
            Ok(())
        })
        .await
    }

    /// Tells of what one mail had no room for.
    fn rest(&self, now: Timestamp) -> Result<NewJob, Error> {
        let task = Task::StaffLowStock {
            window: now.micros(),
        };
        Ok(NewJob {
            id: self.shared.deps.ids.make(now),
            kind: SEND_MAIL,
            unique_key: Some(task.key()),
            payload: serde_json::to_value(&task)?,
            run_at: now.plus(REST_PAUSE),
            attempts_max: ATTEMPTS_MAX,
        })
    }

    async fn dispatch(
        &self,
        db: &Db,
        task: &Task,
        message: &Message,
    ) -> Result<JobOutcome, SendError> {
        let (State::Queued, Some(due)) = (message.state, message.next_attempt_at) else {
            return Ok(JobOutcome::Done);
        };
        let now = self.shared.deps.now();
        if due > now {
            return Ok(JobOutcome::Wait(due));
        }
        let Some(relay) = &self.shared.relay else {
            return Ok(JobOutcome::Wait(now.plus(NO_SERVER_PAUSE)));
        };
        if message.attempts >= TRIES_MAX {
            let answer = "the last attempt's answer was lost".to_owned();
            self.settle(db, message.id, message.attempts, Fate::Failed, answer)
                .await?;
            return Ok(JobOutcome::Done);
        }
        if let Task::AbandonedCart { cart } = task
            && !self.shared.still_left(db, *cart).await?
        {
            let answer = "not sent: the cart was bought or emptied meanwhile".to_owned();
            self.settle(db, message.id, message.attempts, Fate::Failed, answer)
                .await?;
            return Ok(JobOutcome::Done);
        }
        let Some(_room) = self.bulkhead.enter(db.tenant()) else {
            return Ok(JobOutcome::Wait(now.plus(NO_ROOM_PAUSE)));
        };
        let claim = Claim {
            id: message.id,
            attempts: message.attempts,
            now,
            until: now.plus(relay.smtp().time_max + CLAIM_SPARE),
        };
        let until = claim.until;
        let mine = db
            .write(async move |tx: &mut Tx<'_>| infrastructure::claim(tx, &claim).await)
            .await?;
        match mine {
            true => self.send(db, relay, message).await,
            // Another run is at it: see later what came of it.
            false => Ok(JobOutcome::Wait(until)),
        }
    }

    async fn send(
        &self,
        db: &Db,
        relay: &Relay,
        message: &Message,
    ) -> Result<JobOutcome, SendError> {
        let sender = self.shared.sender(db).await?;
        stoa_failpoint::hit("notify.send.before_smtp");
        let answer = relay
            .send(&Outgoing {
                from_name: sender.name(),
                reply_to: sender.settings.reply_to.as_deref(),
                to: &message.to,
                letter: &message.letter,
                message_id: &message.message_id,
                at: message.queued_at,
            })
            .await;
        // Dying here sends it once more, with the same Message-ID.
        stoa_failpoint::hit("notify.send.before_record");
        let attempts = message.attempts + 1;
        let now = self.shared.deps.now();
        let pause = next_try(attempts, self.shared.deps.ids.next_u128());
        let (fate, text) = match (answer, pause) {
            (Answer::Accepted(text), _) => (Fate::Sent, text),
            (Answer::Refused(text), _) => (Fate::Failed, text),
            (Answer::Later(text), Some(pause)) => (Fate::Again(now.plus(pause)), text),
            (Answer::Later(text), None) => (Fate::Failed, text),
        };
        let (outcome, word) = match &fate {
            Fate::Sent => (JobOutcome::Done, "sent"),
            Fate::Failed => (JobOutcome::Done, "failed"),
            Fate::Again(at) => (JobOutcome::Wait(*at), "put off"),
        };
        // Without the server's words: they may name the recipient.
        match fate {
            Fate::Sent => {
                tracing::debug!(tenant = %db.tenant(), mail = %message.id, attempts, "mail sent");
            }
            Fate::Failed | Fate::Again(_) => {
                tracing::warn!(tenant = %db.tenant(), mail = %message.id, attempts, "mail {word}");
            }
        }
        self.settle(db, message.id, attempts, fate, text).await?;
        Ok(outcome)
    }

    async fn settle(
        &self,
        db: &Db,
        id: JobId,
        attempts: u32,
        fate: Fate,
        answer: String,
    ) -> Result<(), Error> {
        let now = self.shared.deps.now();
        db.write(async move |tx: &mut Tx<'_>| {
            infrastructure::settle(tx, id, attempts, &fate, &answer, now)
                .await
                .map(drop)
        })
        .await
    }
}

#[async_trait]
impl JobHandler for MailSender {
    fn kind(&self) -> &'static str {
        SEND_MAIL
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let Some(task) = Task::read(&job.payload) else {
            return JobOutcome::Dead("the payload names no mail".to_owned());
        };
        match self.work(job.tenant, job.id, &task).await {
            Ok(outcome) => outcome,
            Err(SendError::Gather(GatherError::Never(reason))) => JobOutcome::Dead(reason),
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}
