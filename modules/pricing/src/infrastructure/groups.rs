//! SQL of customer groups and who is in them.

use stoa_kernel::{CustomerId, Timestamp};
use stoa_storage::{Db, Result, Row, Stmt, Tx, Value, params};

use crate::domain::{GroupId, GroupTerms};

/// A group as merchants see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupRow {
    pub(crate) id: GroupId,
    pub(crate) terms: GroupTerms,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

fn group_row(row: &Row<'_>) -> Result<GroupRow> {
    Ok(GroupRow {
        id: row.get(0)?,
        terms: GroupTerms {
            handle: row.get(1)?,
            name: row.get(2)?,
        },
        version: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

pub(crate) async fn all(db: &Db) -> Result<Vec<GroupRow>> {
    const SQL: &str = "SELECT id, handle, name, version, created_at, updated_at \
                       FROM pricing_group WHERE tenant_id = :tenant ORDER BY id";
    db.fetch(SQL, params![], group_row).await
}

pub(crate) async fn one(tx: &mut Tx<'_>, id: GroupId) -> Result<Option<GroupRow>> {
    const SQL: &str = "SELECT id, handle, name, version, created_at, updated_at \
                       FROM pricing_group WHERE tenant_id = :tenant AND id = $1";
    tx.query_opt(SQL, params![id], group_row).await
}

pub(crate) async fn lock(tx: &mut Tx<'_>, id: GroupId) -> Result<Option<GroupRow>> {
    const SQL: &str = "SELECT id, handle, name, version, created_at, updated_at \
                       FROM pricing_group WHERE tenant_id = :tenant AND id = $1 {lock}";
    tx.query_opt(SQL, params![id], group_row).await
}

pub(crate) async fn handles(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    const SQL: &str = "SELECT handle FROM pricing_group WHERE tenant_id = :tenant ORDER BY handle";
    tx.query(SQL, params![], |row| row.get(0)).await
}

/// False where another group has the handle; then nothing was written.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: GroupId,
    terms: &GroupTerms,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO pricing_group (tenant_id, id, handle, name, version, \
         created_at, updated_at) VALUES (:tenant, $1, $2, $3, 1, $4, $4) ON CONFLICT DO NOTHING";
    let values = params![id, &terms.handle, &terms.name, now];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// The caller holds the row's lock.
pub(crate) async fn rename(tx: &mut Tx<'_>, id: GroupId, name: &str, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE pricing_group SET name = $2, version = version + 1, updated_at = $3 \
                       WHERE tenant_id = :tenant AND id = $1";
    tx.execute(SQL, params![id, name, now]).await.map(|_| ())
}

/// With its members.
pub(crate) async fn delete(tx: &mut Tx<'_>, id: GroupId) -> Result<()> {
    const STATEMENTS: [&str; 2] = [
        "DELETE FROM pricing_group_member WHERE tenant_id = :tenant AND group_id = $1",
        "DELETE FROM pricing_group WHERE tenant_id = :tenant AND id = $1",
    ];
    let values = [Value::from(id)];
    tx.batch(&STATEMENTS.map(|sql| (sql, values.as_slice())))
        .await
        .map(|_| ())
}

/// Puts customers into a group and takes others out; returns how many rows that changed.
pub(crate) async fn change_members(
    tx: &mut Tx<'_>,
    group: GroupId,
    add: &[CustomerId],
    remove: &[CustomerId],
) -> Result<u64> {
    const ADD: &str = "INSERT INTO pricing_group_member (tenant_id, customer_id, group_id) \
                       VALUES (:tenant, $1, $2) ON CONFLICT DO NOTHING";
    const REMOVE: &str = "DELETE FROM pricing_group_member \
                          WHERE tenant_id = :tenant AND customer_id = $1 AND group_id = $2";
    let values = |id: &CustomerId| -> [Value<'static>; 2] { [(*id).into(), group.into()] };
    let added: Vec<_> = add.iter().map(values).collect();
    let removed: Vec<_> = remove.iter().map(values).collect();
    let statements: Vec<Stmt<'_>> = added
        .iter()
        .map(|row| (ADD, row.as_slice()))
        .chain(removed.iter().map(|row| (REMOVE, row.as_slice())))
        .collect();
    Ok(tx.batch(&statements).await?.iter().sum())
}

/// Members of a group in id order, after a place.
pub(crate) async fn members(
    db: &Db,
    group: GroupId,
    after: Option<CustomerId>,
    limit: i64,
) -> Result<Vec<CustomerId>> {
    const SQL: &str = "SELECT customer_id FROM pricing_group_member WHERE tenant_id = :tenant \
         AND group_id = $1 AND customer_id > $2 ORDER BY customer_id LIMIT $3";
    let after = after.unwrap_or(CustomerId::from_u128(0));
    db.fetch(SQL, params![group, after, limit], |row| row.get(0))
        .await
}

/// Handles of the groups that the customer is in.
pub(crate) async fn of_customer(tx: &mut Tx<'_>, customer: CustomerId) -> Result<Vec<String>> {
    const SQL: &str = "SELECT g.handle FROM pricing_group_member m \
         JOIN pricing_group g ON g.tenant_id = :tenant AND g.id = m.group_id \
         WHERE m.tenant_id = :tenant AND m.customer_id = $1 ORDER BY g.handle";
    tx.query(SQL, params![customer], |row| row.get(0)).await
}
