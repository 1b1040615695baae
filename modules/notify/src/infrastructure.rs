//! All SQL of the mailbox. Decides nothing.

use stoa_contracts::notify::Mail;
use stoa_kernel::{JobId, Timestamp};
use stoa_storage::{Db, Result, Row, Tx, params};

use crate::application::{MailPosition, MailSummary};
use crate::domain::Letter;

/// Keeps a letter, unless one with its key is kept already.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: JobId,
    dedupe_key: &str,
    letter: &Letter,
    at: Timestamp,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO notify_mail (tenant_id, id, dedupe_key, recipient, subject, \
         text, html, sent_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let values = params![
        id,
        dedupe_key,
        &letter.to,
        &letter.subject,
        &letter.text,
        &letter.html,
        at
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Removes at most `limit` mails sent before `before`, oldest first.
pub(crate) async fn remove_old(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    const SQL: &str = "DELETE FROM notify_mail WHERE tenant_id = :tenant AND id IN \
         (SELECT id FROM notify_mail WHERE tenant_id = :tenant AND sent_at < $1 \
         ORDER BY sent_at, id LIMIT $2)";
    tx.execute(SQL, params![before, limit]).await
}

/// Newest first, those after `position`.
pub(crate) async fn summaries(
    db: &Db,
    position: Option<MailPosition>,
    limit: i64,
) -> Result<Vec<MailSummary>> {
    const SQL: &str = "SELECT id, recipient, subject, sent_at FROM notify_mail \
         WHERE tenant_id = :tenant AND (sent_at, id) < ($1, $2) \
         ORDER BY sent_at DESC, id DESC LIMIT $3";
    let (sent_at, id) = position.unwrap_or((i64::MAX, JobId::from_u128(u128::MAX)));
    db.fetch(SQL, params![sent_at, id, limit], |row| {
        Ok(MailSummary {
            id: row.get(0)?,
            to: row.get(1)?,
            subject: row.get(2)?,
            sent_at: row.get(3)?,
        })
    })
    .await
}

/// Newest first, whole.
pub(crate) async fn list(db: &Db, limit: u32) -> Result<Vec<Mail>> {
    const SQL: &str = "SELECT id, recipient, subject, text, html, sent_at FROM notify_mail \
         WHERE tenant_id = :tenant ORDER BY sent_at DESC, id DESC LIMIT $1";
    db.fetch(SQL, params![limit], mail_of).await
}

pub(crate) async fn read(db: &Db, id: JobId) -> Result<Option<Mail>> {
    const SQL: &str = "SELECT id, recipient, subject, text, html, sent_at FROM notify_mail \
         WHERE tenant_id = :tenant AND id = $1";
    Ok(db
        .fetch(SQL, params![id], mail_of)
        .await?
        .into_iter()
        .next())
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
