//! The keys' rows in the control database. All of tenancy's SQL.

use stoa_kernel::{ApiKeyId, TenantId, Timestamp};
use stoa_rest::PermissionSet;
use stoa_storage::{ControlDb, Error, Result, Row, Tx, params};

use crate::domain::KeyKind;

/// A key as stored: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) id: ApiKeyId,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) kind: KeyKind,
    pub(crate) name: String,
    pub(crate) permissions: PermissionSet,
    pub(crate) created_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}

fn key_row(row: &Row<'_>) -> Result<KeyRow> {
    let kind = row.str(2)?;
    let unknown = |what: &str| Error::Json {
        message: format!("`{what}` in tenancy_key"),
    };
    Ok(KeyRow {
        id: row.get(0)?,
        tenant: row.get(1)?,
        kind: KeyKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(|| unknown(kind))?,
        name: row.get(3)?,
        permissions: row.str(4)?.parse().map_err(|_| unknown("permissions"))?,
        created_at: row.get(5)?,
        revoked_at: row.get(6)?,
    })
}

pub(crate) async fn insert(control: &ControlDb, key: KeyRow, hash: [u8; 32]) -> Result<()> {
    const SQL: &str = "INSERT INTO tenancy_key (id, hash, tenant_id, kind, name, permissions, \
                       created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let permissions = key.permissions.to_string();
    control
        .write(async move |tx: &mut Tx<'_>| {
            let values = params![
                key.id,
                &hash,
                key.tenant,
                key.kind.as_str(),
                &key.name,
                &permissions,
                key.created_at
            ];
            tx.execute(SQL, values).await.map(|_| ())
        })
        .await
}

pub(crate) async fn find(control: &ControlDb, hash: [u8; 32]) -> Result<Option<KeyRow>> {
    const SQL: &str = "SELECT id, tenant_id, kind, name, permissions, created_at, revoked_at \
                       FROM tenancy_key WHERE hash = $1";
    control
        .read(async move |tx: &mut Tx<'_>| tx.query_opt(SQL, params![&hash], key_row).await)
        .await
}

/// The tenant's keys, oldest first; the operator's for `None`.
pub(crate) async fn list(control: &ControlDb, tenant: Option<TenantId>) -> Result<Vec<KeyRow>> {
    const OF_TENANT: &str = "SELECT id, tenant_id, kind, name, permissions, created_at, revoked_at \
                             FROM tenancy_key WHERE tenant_id = $1 ORDER BY id LIMIT 1000";
    const OF_OPERATOR: &str = "SELECT id, tenant_id, kind, name, permissions, created_at, revoked_at \
         FROM tenancy_key WHERE tenant_id IS NULL ORDER BY id LIMIT 1000";
    control
        .read(async move |tx: &mut Tx<'_>| match tenant {
            Some(tenant) => tx.query(OF_TENANT, params![tenant], key_row).await,
            None => tx.query(OF_OPERATOR, params![], key_row).await,
        })
        .await
}

/// False where the tenant has no such key. One that is revoked already stays so.
pub(crate) async fn revoke(
    control: &ControlDb,
    tenant: TenantId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE tenancy_key SET revoked_at = coalesce(revoked_at, $3) \
                       WHERE tenant_id = $1 AND id = $2";
    control
        .write(async move |tx: &mut Tx<'_>| {
            tx.execute(SQL, params![tenant, id, now])
                .await
                .map(|changed| changed == 1)
        })
        .await
}
