//! SQL of the messages: what was written to whom, and what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::notify::Mail;
use stoa_kernel::{JobId, Timestamp};
use stoa_storage::{Db, Result, Row, Tx, Value, params};

use crate::application::{MailPosition, MailSummary};
use crate::domain::Letter;

/// Where a message is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Not sent yet; tried again at `next_attempt_at`.
    Queued,
    Sent,
    /// It will not be sent.
    Failed,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "queued" => Self::Queued,
            "sent" => Self::Sent,
            _ => Self::Failed,
        }
    }
}

/// How a message leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Via {
    /// It stays here, to be looked at: no mail server is set up.
    Mailbox,
    Smtp,
}

impl Via {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::Smtp => "smtp",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "smtp" => Self::Smtp,
            _ => Self::Mailbox,
        }
    }
}

/// A message to be kept before it is sent.
pub(crate) struct NewMessage {
    pub(crate) id: JobId,
    pub(crate) kind: &'static str,
    pub(crate) dedupe_key: String,
    pub(crate) locale: String,
    pub(crate) to: String,
    pub(crate) letter: Letter,
    pub(crate) message_id: String,
    pub(crate) via: Via,
}

/// A message as it is sent.
pub(crate) struct Message {
    pub(crate) id: JobId,
    pub(crate) state: State,
    pub(crate) to: String,
    pub(crate) letter: Letter,
    pub(crate) message_id: String,
    pub(crate) attempts: u32,
    pub(crate) queued_at: Timestamp,
    pub(crate) next_attempt_at: Option<Timestamp>,
}

/// Keeps a message, unless one with its key is kept already. One for the mailbox is sent by that.
pub(crate) async fn insert(tx: &mut Tx<'_>, new: &NewMessage, at: Timestamp) -> Result<bool> {
    const SQL: &str = "INSERT INTO notify_message (tenant_id, id, kind, dedupe_key, locale, \
         recipient, subject, text, html, message_id, via, state, attempts, answer, queued_at, \
         next_attempt_at, sent_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
         $12, NULL, $13, $14, $15) ON CONFLICT DO NOTHING";
    let kept_here = new.via == Via::Mailbox;
    let state = match kept_here {
        true => State::Sent,
        false => State::Queued,
    };
    let values = params![
        new.id,
        new.kind,
        &new.dedupe_key,
        &new.locale,
        &new.to,
        &new.letter.subject,
        &new.letter.text,
        &new.letter.html,
        &new.message_id,
        new.via.as_str(),
        state.as_str(),
        i64::from(kept_here),
        at,
        Some(at).filter(|_| !kept_here),
        Some(at).filter(|_| kept_here)
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

pub(crate) async fn by_key(db: &Db, dedupe_key: &str) -> Result<Option<Message>> {
    const SQL: &str = "SELECT id, state, recipient, subject, text, html, message_id, attempts, \
         queued_at, next_attempt_at FROM notify_message \
         WHERE tenant_id = :tenant AND dedupe_key = $1";
    let values = params![dedupe_key];
    let found = db.fetch(SQL, values, |row| {
        Ok(Message {
            id: row.get(0)?,
            state: State::of(row.str(1)?),
            to: row.get(2)?,
            letter: Letter {
                subject: row.get(3)?,
                text: row.get(4)?,
                html: row.get(5)?,
            },
            message_id: row.get(6)?,
            attempts: row.get(7)?,
            queued_at: row.get(8)?,
            next_attempt_at: row.get(9)?,
        })
    });
    Ok(found.await?.into_iter().next())
}

/// Whose the next attempt is.
pub(crate) struct Claim {
    pub(crate) id: JobId,
    /// Attempts before this one.
    pub(crate) attempts: u32,
    pub(crate) now: Timestamp,
    /// Nobody else tries before then.
    pub(crate) until: Timestamp,
}

/// True for the one run that may send now.
pub(crate) async fn claim(tx: &mut Tx<'_>, claim: &Claim) -> Result<bool> {
    const SQL: &str = "UPDATE notify_message SET attempts = attempts + 1, next_attempt_at = $4 \
         WHERE tenant_id = :tenant AND id = $1 AND state = 'queued' AND attempts = $2 \
         AND next_attempt_at <= $3";
    let values = params![claim.id, claim.attempts, claim.now, claim.until];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// What follows from an attempt.
pub(crate) enum Fate {
    Sent,
    Failed,
    Again(Timestamp),
}

/// Writes what came of an attempt, unless a later one has begun.
pub(crate) async fn settle(
    tx: &mut Tx<'_>,
    id: JobId,
    attempts: u32,
    fate: &Fate,
    answer: &str,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE notify_message SET state = $3, answer = $4, next_attempt_at = $5, \
         sent_at = $6 WHERE tenant_id = :tenant AND id = $1 AND state = 'queued' AND attempts = $2";
    let (state, next, sent) = match fate {
        Fate::Sent => (State::Sent, None, Some(now)),
        Fate::Failed => (State::Failed, None, None),
        Fate::Again(at) => (State::Queued, Some(*at), None),
    };
    let values = params![id, attempts, state.as_str(), answer, next, sent];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// A message as staff see it in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Notification")]
pub(crate) struct Logged {
    pub(crate) id: JobId,
    /// What it is about, such as `order_confirmation`.
    pub(crate) kind: String,
    pub(crate) locale: String,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) via: Via,
    pub(crate) state: State,
    pub(crate) attempts: u32,
    /// What the mail server said last, or why there was no answer.
    pub(crate) answer: Option<String>,
    /// The same at every attempt: two mails with it are one.
    pub(crate) message_id: String,
    pub(crate) queued_at: Timestamp,
    pub(crate) next_attempt_at: Option<Timestamp>,
    pub(crate) sent_at: Option<Timestamp>,
}

pub(crate) struct LogFilter {
    pub(crate) state: Option<State>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) before: Option<MailPosition>,
    pub(crate) limit: i64,
}

/// Newest first.
pub(crate) async fn log(db: &Db, filter: &LogFilter) -> Result<Vec<Logged>> {
    const SQL: &str = "SELECT id, kind, locale, recipient, subject, via, state, attempts, answer, \
         message_id, queued_at, next_attempt_at, sent_at FROM notify_message \
         WHERE tenant_id = :tenant AND (queued_at, id) < ($1, $2) AND ($3 = '' OR state = $3) \
         AND ($4 = '' OR kind = $4) ORDER BY queued_at DESC, id DESC LIMIT $5";
    let (queued_at, id) = filter.before.unwrap_or(END);
    let state = filter.state.map_or("", State::as_str);
    let kind = filter.kind.unwrap_or_default();
    let values = params![queued_at, id, state, kind, filter.limit];
    db.fetch(SQL, values, |row| {
        Ok(Logged {
            id: row.get(0)?,
            kind: row.get(1)?,
            locale: row.get(2)?,
            to: row.get(3)?,
            subject: row.get(4)?,
            via: Via::of(row.str(5)?),
            state: State::of(row.str(6)?),
            attempts: row.get(7)?,
            answer: row.get(8)?,
            message_id: row.get(9)?,
            queued_at: row.get(10)?,
            next_attempt_at: row.get(11)?,
            sent_at: row.get(12)?,
        })
    })
    .await
}

/// Above every position.
const END: MailPosition = (i64::MAX, JobId::from_u128(u128::MAX));

/// Of the mailbox: newest first, those after `position`.
pub(crate) async fn summaries(
    db: &Db,
    position: Option<MailPosition>,
    limit: i64,
) -> Result<Vec<MailSummary>> {
    const SQL: &str = "SELECT id, recipient, subject, queued_at FROM notify_message \
         WHERE tenant_id = :tenant AND via = 'mailbox' AND (queued_at, id) < ($1, $2) \
         ORDER BY queued_at DESC, id DESC LIMIT $3";
    let (queued_at, id) = position.unwrap_or(END);
    db.fetch(SQL, params![queued_at, id, limit], |row| {
        Ok(MailSummary {
            id: row.get(0)?,
            to: row.get(1)?,
            subject: row.get(2)?,
            sent_at: row.get(3)?,
        })
    })
    .await
}

/// Of the mailbox: newest first, whole.
pub(crate) async fn list(db: &Db, limit: u32) -> Result<Vec<Mail>> {
    const SQL: &str = "SELECT id, recipient, subject, text, html, queued_at FROM notify_message \
         WHERE tenant_id = :tenant AND via = 'mailbox' ORDER BY queued_at DESC, id DESC LIMIT $1";
    db.fetch(SQL, params![limit], mail_of).await
}

pub(crate) async fn read(db: &Db, id: JobId) -> Result<Option<Mail>> {
    const SQL: &str = "SELECT id, recipient, subject, text, html, queued_at FROM notify_message \
         WHERE tenant_id = :tenant AND id = $1 AND via = 'mailbox'";
    let found = db.fetch(SQL, params![id], mail_of).await?;
    Ok(found.into_iter().next())
}

fn mail_of(row: &Row<'_>) -> Result<Mail> {
    Ok(Mail {
        id: row.get(0)?,
        to: row.get(1)?,
        subject: row.get(2)?,
        text: row.get(3)?,
        html: row.get(4)?,
        sent_at: row.get(5)?,
    })
}

/// Removes at most `limit` messages written before `before`, oldest first; answers how many went.
pub(crate) async fn purge(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    const SQL: &str = "DELETE FROM notify_message WHERE tenant_id = :tenant AND id IN \
         (SELECT id FROM notify_message WHERE tenant_id = :tenant AND queued_at < $1 \
         ORDER BY queued_at, id LIMIT $2)";
    let values: &[Value<'_>] = params![before, limit];
    tx.execute(SQL, values).await
}
