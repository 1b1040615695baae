//! Categories' rows. Which tree they make is decided before.

use std::collections::HashMap;

use stoa_contracts::catalog::Attribute;
use stoa_storage::{Result, Row, Stmt, Tx, Value, params};

use super::json;
use crate::domain::{Category, CategoryId, Tree};

/// The whole tree; it is to be at `version`.
pub(crate) async fn tree(tx: &mut Tx<'_>, version: i64) -> Result<Tree> {
    const ROWS: &str = "SELECT id, handle, title, parent_id, position, attributes, version, \
         created_at, updated_at FROM catalog_category WHERE tenant_id = :tenant";
    const GONE: &str = "SELECT id, parent_id FROM catalog_category_gone WHERE tenant_id = :tenant";
    let rows = tx.query(ROWS, params![], category_of).await?;
    let gone = tx
        .query(GONE, params![], |row| Ok((row.get(0)?, row.get(1)?)))
        .await?;
    Ok(Tree::of(version, rows, HashMap::from_iter(gone)))
}

fn category_of(row: &Row<'_>) -> Result<Category> {
    Ok(Category {
        id: row.get(0)?,
        handle: row.get(1)?,
        title: row.get(2)?,
        parent: row.get(3)?,
        position: row.get(4)?,
        attributes: json(row, 5)?,
        version: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}

pub(crate) async fn insert(tx: &mut Tx<'_>, category: &Category) -> Result<()> {
    const SQL: &str = "INSERT INTO catalog_category (tenant_id, id, handle, title, parent_id, \
         position, attributes, version, created_at, updated_at) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let attributes = serde_json::to_string(&category.attributes)?;
    let values = params![
        category.id,
        &category.handle,
        &category.title,
        category.parent,
        category.position,
        &attributes,
        category.version,
        category.created_at,
        category.updated_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Writes everything but its place among its siblings.
pub(crate) async fn replace(tx: &mut Tx<'_>, category: &Category) -> Result<()> {
    const SQL: &str = "UPDATE catalog_category SET handle = $2, title = $3, parent_id = $4, \
         attributes = $5, version = $6, updated_at = $7 WHERE tenant_id = :tenant AND id = $1";
    let attributes = serde_json::to_string(&category.attributes)?;
    let values = params![
        category.id,
        &category.handle,
        &category.title,
        category.parent,
        &attributes,
        category.version,
        category.updated_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Parent and position of some.
pub(crate) async fn put_places(
    tx: &mut Tx<'_>,
    places: &[(CategoryId, Option<CategoryId>, i64)],
) -> Result<()> {
    const SQL: &str = "UPDATE catalog_category SET parent_id = $2, position = $3 \
                       WHERE tenant_id = :tenant AND id = $1";
    let rows: Vec<[Value<'_>; 3]> = places
        .iter()
        .map(|(id, parent, position)| [(*id).into(), (*parent).into(), (*position).into()])
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// Deletes it; until its products are moved, `heir` stands for it, and for what it stood for.
pub(crate) async fn delete(
    tx: &mut Tx<'_>,
    id: CategoryId,
    heir: Option<CategoryId>,
) -> Result<()> {
    const INHERIT: &str = "UPDATE catalog_category_gone SET parent_id = $2 \
                           WHERE tenant_id = :tenant AND parent_id = $1";
    const GONE: &str = "INSERT INTO catalog_category_gone (tenant_id, id, parent_id) \
                        VALUES (:tenant, $1, $2)";
    const WORDS: &str =
        "DELETE FROM catalog_translation WHERE tenant_id = :tenant AND owner_id = $1";
    const DELETE: &str = "DELETE FROM catalog_category WHERE tenant_id = :tenant AND id = $1";
    let both = params![id, heir];
    let one = params![id];
    let statements = [(INHERIT, both), (GONE, both), (WORDS, one), (DELETE, one)];
    tx.batch(&statements).await.map(|_| ())
}

/// No product names it any more.
pub(crate) async fn forget(tx: &mut Tx<'_>, id: CategoryId) -> Result<()> {
    const SQL: &str = "DELETE FROM catalog_category_gone WHERE tenant_id = :tenant AND id = $1";
    tx.execute(SQL, params![id]).await.map(|_| ())
}

/// What a product tells of itself, as its row has it.
pub(crate) fn attributes_of(row: &Row<'_>, index: usize) -> Result<Vec<Attribute>> {
    match row.str(index)? {
        // What stands in rows from before there were any.
        "{}" => Ok(Vec::new()),
        text => Ok(serde_json::from_str(text)?),
    }
}
