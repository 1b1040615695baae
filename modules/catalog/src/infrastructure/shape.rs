//! The versions of a shop's tree and rules: what memory is checked against, and the lock that
//! changes of either take.

use stoa_storage::{Result, Row, Tx, params};

/// At which versions the tree and the rules of a shop are that has groups of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) tree: i64,
    pub(crate) rules: i64,
}

/// Low bits of a version, drawn anew for each: a transaction that is undone, or run again, may
/// have left what it read under its version in memory, and no other is to be taken for it.
const DRAWN_BITS: u32 = 20;

/// The version after this one.
pub(crate) fn next_version(version: i64, drawn: u128) -> i64 {
    let drawn = i64::try_from(drawn & ((1 << DRAWN_BITS) - 1)).unwrap_or_default();
    (((version >> DRAWN_BITS) + 1) << DRAWN_BITS) | drawn
}

/// Two columns for a statement that takes a product's lock: what is read under that lock is never
/// behind a change whose job has passed the product.
macro_rules! shape_columns {
    () => {
        "(SELECT s.tree FROM catalog_shape s WHERE s.tenant_id = :tenant), \
         (SELECT s.rules FROM catalog_shape s WHERE s.tenant_id = :tenant)"
    };
}
pub(crate) use shape_columns;

/// Those two columns, from `index` on; `None` where the shop has no groups at all.
pub(crate) fn shape_of(row: &Row<'_>, index: usize) -> Result<Option<Shape>> {
    let (tree, rules): (Option<i64>, Option<i64>) = (row.get(index)?, row.get(index + 1)?);
    Ok(tree.zip(rules).map(|(tree, rules)| Shape { tree, rules }))
}

pub(crate) async fn read(tx: &mut Tx<'_>) -> Result<Option<Shape>> {
    const SQL: &str = "SELECT tree, rules FROM catalog_shape WHERE tenant_id = :tenant";
    let found = tx.query_opt(SQL, params![], |row| shape_of(row, 0)).await?;
    Ok(found.flatten())
}

/// From now on the shop has groups.
pub(crate) async fn ensure(tx: &mut Tx<'_>) -> Result<()> {
    const SQL: &str = "INSERT INTO catalog_shape (tenant_id, tree, rules) VALUES (:tenant, 0, 0) \
                       ON CONFLICT (tenant_id) DO NOTHING";
    tx.execute(SQL, params![]).await.map(|_| ())
}

/// Takes the lock: changes of the tree, and of rules, come one after the other.
pub(crate) async fn lock(tx: &mut Tx<'_>) -> Result<Shape> {
    const SQL: &str = "SELECT tree, rules FROM catalog_shape WHERE tenant_id = :tenant {lock}";
    ensure(tx).await?;
    tx.query_one(SQL, params![], |row| {
        Ok(Shape {
            tree: row.get(0)?,
            rules: row.get(1)?,
        })
    })
    .await
}

pub(crate) async fn save(tx: &mut Tx<'_>, shape: Shape) -> Result<()> {
    const SQL: &str = "UPDATE catalog_shape SET tree = $1, rules = $2 WHERE tenant_id = :tenant";
    tx.execute(SQL, params![shape.tree, shape.rules])
        .await
        .map(|_| ())
}
