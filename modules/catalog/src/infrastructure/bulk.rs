//! Bulk operations: what was asked, how far it is, and which products refused.

use stoa_contracts::catalog::ProductStatus;
use stoa_kernel::{Actor, ProductId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Tx, params};

use super::json;
use crate::domain::{BULK_ERRORS_MAX, BulkCandidate, BulkId, BulkRequest, status_of};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BulkRow {
    pub(crate) id: BulkId,
    pub(crate) request: BulkRequest,
    pub(crate) state: String,
    pub(crate) place: i64,
    pub(crate) after: Option<ProductId>,
    pub(crate) seen: i64,
    pub(crate) changed: i64,
    pub(crate) failed: i64,
    pub(crate) actor: Actor,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: BulkId,
    request: &BulkRequest,
    actor: &Actor,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO catalog_bulk (tenant_id, id, request, state, place, seen, \
         changed, failed, actor, created_at, updated_at) \
         VALUES (:tenant, $1, $2, 'running', 0, 0, 0, 0, $3, $4, $4)";
    let request = serde_json::to_string(request)?;
    let actor = serde_json::to_string(actor)?;
    tx.execute(SQL, params![id, &request, &actor, now])
        .await
        .map(|_| ())
}

pub(crate) async fn lock(tx: &mut Tx<'_>, id: BulkId) -> Result<Option<BulkRow>> {
    const SQL: &str = "SELECT id, request, state, place, after_id, seen, changed, failed, actor, \
         created_at, updated_at FROM catalog_bulk WHERE tenant_id = :tenant AND id = $1 {lock}";
    tx.query_opt(SQL, params![id], row_of).await
}

pub(crate) async fn read(db: &Db, id: BulkId) -> Result<Option<BulkRow>> {
    const SQL: &str = "SELECT id, request, state, place, after_id, seen, changed, failed, actor, \
         created_at, updated_at FROM catalog_bulk WHERE tenant_id = :tenant AND id = $1";
    Ok(db.fetch(SQL, params![id], row_of).await?.into_iter().next())
}

fn row_of(row: &Row<'_>) -> Result<BulkRow> {
    Ok(BulkRow {
        id: row.get(0)?,
        request: json(row, 1)?,
        state: row.get(2)?,
        place: row.get(3)?,
        after: row.get(4)?,
        seen: row.get(5)?,
        changed: row.get(6)?,
        failed: row.get(7)?,
        actor: json(row, 8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}

/// Keeps how far it is; the caller holds the row's lock.
pub(crate) async fn save(tx: &mut Tx<'_>, bulk: &BulkRow, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE catalog_bulk SET state = $2, place = $3, after_id = $4, seen = $5, \
         changed = $6, failed = $7, updated_at = $8 WHERE tenant_id = :tenant AND id = $1";
    let values = params![
        bulk.id,
        &bulk.state,
        bulk.place,
        bulk.after,
        bulk.seen,
        bulk.changed,
        bulk.failed,
        now
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

pub(crate) async fn refuse(
    tx: &mut Tx<'_>,
    bulk: BulkId,
    product: ProductId,
    message: &str,
) -> Result<()> {
    const SQL: &str = "INSERT INTO catalog_bulk_error (tenant_id, bulk_id, product_id, message) \
         VALUES (:tenant, $1, $2, $3) ON CONFLICT DO NOTHING";
    tx.execute(SQL, params![bulk, product, message])
        .await
        .map(|_| ())
}

pub(crate) async fn refusals(db: &Db, bulk: BulkId) -> Result<Vec<(ProductId, String)>> {
    const SQL: &str = "SELECT product_id, message FROM catalog_bulk_error \
         WHERE tenant_id = :tenant AND bulk_id = $1 ORDER BY product_id LIMIT $2";
    db.fetch(SQL, params![bulk, BULK_ERRORS_MAX], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .await
}

/// Products after `after`, in id order, as a filter looks at them.
pub(crate) async fn candidates(
    tx: &mut Tx<'_>,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<BulkCandidate>> {
    const SQL: &str = "SELECT id, coalesce(set_status, status), vendor, product_type, tags \
         FROM catalog_product WHERE tenant_id = :tenant AND id > $1 ORDER BY id LIMIT $2";
    let after = after.unwrap_or(ProductId::from_u128(0));
    tx.query(SQL, params![after, limit], |row| {
        let word = row.str(1)?;
        let status: Option<ProductStatus> = status_of(word);
        Ok(BulkCandidate {
            id: row.get(0)?,
            status: status.ok_or_else(|| Error::Json {
                message: format!("`{word}` is no product status"),
            })?,
            vendor: row.get(2)?,
            product_type: row.get(3)?,
            tags: json(row, 4)?,
        })
    })
    .await
}
