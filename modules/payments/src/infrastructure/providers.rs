//! SQL of the shops' own providers. Secrets go in and out sealed.

use stoa_kernel::Timestamp;
use stoa_storage::{Db, Result, Row, Tx, params};

use super::strange;
use crate::domain::{Capture, Kind, ProviderDraft, ProviderKind};

const INSERT: &str = "INSERT INTO payments_provider (tenant_id, id, kind, title, base_url, \
     public_key, capture, instructions, position, active, secret_key, webhook_secret, created_at, \
     updated_at, version) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, \
     1) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE payments_provider SET title = $3, base_url = $4, public_key = $5, \
     capture = $6, instructions = $7, position = $8, active = $9, \
     secret_key = coalesce($10, secret_key), webhook_secret = coalesce($11, webhook_secret), \
     updated_at = $12, version = version + 1 WHERE tenant_id = :tenant AND id = $1 AND version = $2";
const DELETE: &str = "DELETE FROM payments_provider WHERE tenant_id = :tenant AND id = $1";
const USED: &str =
    "SELECT 1 FROM payments_attempt WHERE tenant_id = :tenant AND provider = $1 LIMIT 1";
const ALL: &str = "SELECT id, kind, title, base_url, public_key, capture, instructions, position, \
     active, secret_key, webhook_secret, created_at, updated_at, version FROM payments_provider \
     WHERE tenant_id = :tenant ORDER BY position, id LIMIT $1";
const BY_ID: &str = "SELECT id, kind, title, base_url, public_key, capture, instructions, position, \
     active, secret_key, webhook_secret, created_at, updated_at, version FROM payments_provider \
     WHERE tenant_id = :tenant AND id = $1";
const BY_ID_LOCKED: &str = "SELECT id, kind, title, base_url, public_key, capture, instructions, \
     position, active, secret_key, webhook_secret, created_at, updated_at, version \
     FROM payments_provider WHERE tenant_id = :tenant AND id = $1 {lock}";
const KIND: &str = "SELECT kind FROM payments_provider WHERE tenant_id = :tenant AND id = $1";
const COUNT: &str = "SELECT count(*) FROM payments_provider WHERE tenant_id = :tenant";

/// Ways to pay that one shop may have.
pub(crate) const PROVIDERS_MAX: i64 = 50;

/// A provider as it is kept.
#[derive(Clone)]
pub(crate) struct StoredProvider {
    pub(crate) draft: ProviderDraft,
    pub(crate) sealed_key: Option<Vec<u8>>,
    pub(crate) sealed_webhook_secret: Option<Vec<u8>>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) version: i64,
}

/// New secrets, sealed; `None` keeps what there is.
#[derive(Clone, Default)]
pub(crate) struct SealedSecrets {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) webhook: Option<Vec<u8>>,
}

/// False where the shop has one of that id.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    draft: &ProviderDraft,
    secrets: &SealedSecrets,
    now: Timestamp,
) -> Result<bool> {
    let values = params![
        &draft.id,
        draft.kind.of_attempt().as_str(),
        &draft.title,
        &draft.base_url,
        &draft.public_key,
        capture_word(draft.capture),
        &draft.instructions,
        draft.position,
        draft.active,
        secrets.key.as_deref(),
        secrets.webhook.as_deref(),
        now
    ];
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// False where it changed since `version`.
pub(crate) async fn update(
    tx: &mut Tx<'_>,
    draft: &ProviderDraft,
    secrets: &SealedSecrets,
    version: i64,
    now: Timestamp,
) -> Result<bool> {
    let values = params![
        &draft.id,
        version,
        &draft.title,
        &draft.base_url,
        &draft.public_key,
        capture_word(draft.capture),
        &draft.instructions,
        draft.position,
        draft.active,
        secrets.key.as_deref(),
        secrets.webhook.as_deref(),
        now
    ];
    Ok(tx.execute(UPDATE, values).await? == 1)
}

pub(crate) async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    Ok(tx.execute(DELETE, params![id]).await? == 1)
}

/// Whether any payment was ever tried through it.
pub(crate) async fn is_used(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    let found = tx.query_opt(USED, params![id], |_| Ok(())).await?;
    Ok(found.is_some())
}

pub(crate) async fn count(tx: &mut Tx<'_>) -> Result<i64> {
    tx.query_one(COUNT, params![], |row| row.get(0)).await
}

/// In the order in which they are shown.
pub(crate) async fn all(db: &Db) -> Result<Vec<StoredProvider>> {
    db.fetch(ALL, params![PROVIDERS_MAX], stored).await
}

pub(crate) async fn by_id(db: &Db, id: &str) -> Result<Option<StoredProvider>> {
    Ok(db.fetch(BY_ID, params![id], stored).await?.pop())
}

pub(crate) async fn by_id_locked(tx: &mut Tx<'_>, id: &str) -> Result<Option<StoredProvider>> {
    tx.query_opt(BY_ID_LOCKED, params![id], stored).await
}

/// Through what an attempt at this provider is paid.
pub(crate) async fn kind_of(tx: &mut Tx<'_>, id: &str) -> Result<Option<Kind>> {
    tx.query_opt(KIND, params![id], |row| Ok(kind(row, 0)?.of_attempt()))
        .await
}

const fn capture_word(capture: Capture) -> &'static str {
    match capture {
        Capture::Automatic => "automatic",
        Capture::Manual => "manual",
    }
}

fn kind(row: &Row<'_>, index: usize) -> Result<ProviderKind> {
    match row.str(index)? {
        "stripe" => Ok(ProviderKind::Stripe),
        "manual" => Ok(ProviderKind::Manual),
        other => Err(strange(index, "a kind of provider", other)),
    }
}

fn stored(row: &Row<'_>) -> Result<StoredProvider> {
    Ok(StoredProvider {
        draft: ProviderDraft {
            id: row.get(0)?,
            kind: kind(row, 1)?,
            title: row.get(2)?,
            base_url: row.get(3)?,
            public_key: row.get(4)?,
            capture: match row.str(5)? {
                "automatic" => Capture::Automatic,
                "manual" => Capture::Manual,
                other => return Err(strange(5, "a capture mode", other)),
            },
            instructions: row.get(6)?,
            position: row.get(7)?,
            active: row.get(8)?,
        },
        sealed_key: row.get(9)?,
        sealed_webhook_secret: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
        version: row.get(13)?,
    })
}
