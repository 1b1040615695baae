//! Product JSON that lies finished in the database. Holds only what the job made; says nothing of
//! a product whose row is empty.

use bytes::Bytes;
use stoa_kernel::{Currency, ProductId};
use stoa_storage::{Db, Result, Row, Stmt, Tx, Value, params};

use super::{IDS_PER_STATEMENT, id_places, id_values};
use crate::domain::Dates;

/// An answer as it lies there.
pub(crate) struct StoredAnswer {
    pub(crate) product: ProductId,
    pub(crate) dates: Dates,
    pub(crate) tag: String,
    pub(crate) body: Bytes,
}

/// A row that is to be filled, as it was before its product is read.
#[derive(Debug, Clone)]
pub(crate) struct ToFill {
    pub(crate) product: ProductId,
    pub(crate) stamp: i64,
    /// `None` where the product is gone.
    pub(crate) handle: Option<String>,
}

/// What becomes of a row.
pub(crate) enum Fill {
    Answer {
        handle: String,
        tree: Option<i64>,
        dates: Dates,
        tag: String,
        body: Bytes,
    },
    /// There is nothing that shoppers may read.
    Nothing,
    Gone,
}

/// The answer of a handle, where there is one that is of the tree as it is.
pub(crate) async fn find(
    db: &Db,
    handle: &str,
    currency: Currency,
) -> Result<Option<StoredAnswer>> {
    const SQL: &str = "SELECT a.product_id, a.publish_at, a.unpublish_at, a.tag, a.body \
         FROM catalog_answer a WHERE a.tenant_id = :tenant AND a.handle = $1 \
         AND a.currency = $2 AND (a.tree IS NULL OR a.tree = \
         (SELECT s.tree FROM catalog_shape s WHERE s.tenant_id = :tenant))";
    let found = db
        .fetch(SQL, params![handle, &currency], |row| {
            Ok(StoredAnswer {
                product: row.get(0)?,
                dates: Dates {
                    publish_at: row.get(1)?,
                    unpublish_at: row.get(2)?,
                },
                tag: row.get(3)?,
                body: row.get::<Vec<u8>>(4)?.into(),
            })
        })
        .await?;
    Ok(found.into_iter().next())
}

macro_rules! outdate {
    ($which:expr) => {
        concat!(
            "UPDATE catalog_answer SET stamp = stamp + 1, due = 1, currency = NULL, tree = NULL, \
             publish_at = NULL, unpublish_at = NULL, handle = NULL, tag = NULL, body = NULL \
             WHERE tenant_id = :tenant AND product_id ",
            $which
        )
    };
}

/// Empties the rows of products that changed. One without a row needs none: the row is made under
/// the product's lock, which the caller holds.
pub(crate) async fn outdate(tx: &mut Tx<'_>, products: &[ProductId]) -> Result<()> {
    const ONE: &str = outdate!("= $1");
    const MANY: &str = outdate!(concat!("IN ", id_places!()));
    if let [product] = products {
        return tx.defer(&[(ONE, params![*product])]).await;
    }
    let mut ids: Vec<[u8; 16]> = products.iter().map(|id| id.to_bytes()).collect();
    ids.sort_unstable();
    ids.dedup();
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        tx.defer(&[(MANY, &id_values(chunk))]).await?;
    }
    Ok(())
}

/// Rows that are due, in id order.
pub(crate) async fn due(db: &Db, after: ProductId, limit: i64) -> Result<Vec<ToFill>> {
    const SQL: &str = "SELECT a.product_id, a.stamp, p.handle FROM catalog_answer a \
         LEFT JOIN catalog_product p ON p.tenant_id = :tenant AND p.id = a.product_id \
         WHERE a.tenant_id = :tenant AND a.due = 1 AND a.product_id > $1 \
         ORDER BY a.product_id LIMIT $2";
    db.fetch(SQL, params![after, limit], to_fill).await
}

/// Answers of a tree that is no more.
pub(crate) async fn of_old_tree(db: &Db, limit: i64) -> Result<Vec<ToFill>> {
    const SQL: &str = "SELECT a.product_id, a.stamp, p.handle FROM catalog_answer a \
         LEFT JOIN catalog_product p ON p.tenant_id = :tenant AND p.id = a.product_id \
         WHERE a.tenant_id = :tenant AND a.tree < \
         (SELECT s.tree FROM catalog_shape s WHERE s.tenant_id = :tenant) \
         ORDER BY a.tree LIMIT $1";
    db.fetch(SQL, params![limit], to_fill).await
}

fn to_fill(row: &Row<'_>) -> Result<ToFill> {
    Ok(ToFill {
        product: row.get(0)?,
        stamp: row.get(1)?,
        handle: row.get(2)?,
    })
}

/// Fills rows whose product did not change since their stamp was read; returns how many. One that
/// somebody is about to empty is left alone, so that this waits for nobody.
pub(crate) async fn fill(
    tx: &mut Tx<'_>,
    currency: Currency,
    rows: &[(ToFill, Fill)],
) -> Result<u64> {
    const FREE: &str = concat!(
        "SELECT product_id FROM catalog_answer WHERE tenant_id = :tenant AND product_id IN ",
        id_places!(),
        " ORDER BY product_id {skip_locked}"
    );
    const FILL: &str = "UPDATE catalog_answer SET due = NULL, currency = $3, tree = $4, \
         publish_at = $5, unpublish_at = $6, handle = $7, tag = $8, body = $9 \
         WHERE tenant_id = :tenant AND product_id = $1 AND stamp = $2";
    const EMPTY: &str = "UPDATE catalog_answer SET due = NULL, currency = NULL, tree = NULL, \
         publish_at = NULL, unpublish_at = NULL, handle = NULL, tag = NULL, body = NULL \
         WHERE tenant_id = :tenant AND product_id = $1 AND stamp = $2";
    const FORGET: &str =
        "DELETE FROM catalog_answer WHERE tenant_id = :tenant AND product_id = $1 AND stamp = $2";
    let mut filled = 0;
    for chunk in rows.chunks(IDS_PER_STATEMENT) {
        let ids: Vec<[u8; 16]> = chunk
            .iter()
            .map(|(row, _)| row.product.to_bytes())
            .collect();
        let free: Vec<ProductId> = tx.query(FREE, &id_values(&ids), |row| row.get(0)).await?;
        let values: Vec<(&'static str, Vec<Value<'_>>)> = chunk
            .iter()
            .filter(|(row, _)| free.contains(&row.product))
            .map(|(row, fill)| {
                let mut values = vec![row.product.into(), row.stamp.into()];
                let sql = match fill {
                    Fill::Answer {
                        handle,
                        tree,
                        dates,
                        tag,
                        body,
                    } => {
                        values.extend([
                            (&currency).into(),
                            (*tree).into(),
                            dates.publish_at.into(),
                            dates.unpublish_at.into(),
                            handle.into(),
                            tag.into(),
                            Value::Bytes(body),
                        ]);
                        FILL
                    }
                    Fill::Nothing => EMPTY,
                    Fill::Gone => FORGET,
                };
                (sql, values)
            })
            .collect();
        let statements: Vec<Stmt<'_>> = values
            .iter()
            .map(|(sql, values)| (*sql, values.as_slice()))
            .collect();
        filled += tx.batch(&statements).await?.iter().sum::<u64>();
    }
    Ok(filled)
}

/// Up to which product all have a row.
pub(crate) async fn known(db: &Db) -> Result<Option<ProductId>> {
    const SQL: &str = "SELECT product_id FROM catalog_answer_known WHERE tenant_id = :tenant";
    let found = db.fetch(SQL, params![], |row| row.get(0)).await?;
    Ok(found.into_iter().next())
}

pub(crate) async fn know(tx: &mut Tx<'_>, product: ProductId) -> Result<()> {
    const SQL: &str = "INSERT INTO catalog_answer_known (tenant_id, product_id) \
         VALUES (:tenant, $1) ON CONFLICT (tenant_id) DO UPDATE SET product_id = excluded.product_id";
    tx.execute(SQL, params![product]).await.map(|_| ())
}

/// Products in id order, and whether each has a row.
pub(crate) async fn products_after(
    db: &Db,
    after: ProductId,
    limit: i64,
) -> Result<Vec<(ProductId, bool)>> {
    const SQL: &str = "SELECT p.id, a.product_id FROM catalog_product p \
         LEFT JOIN catalog_answer a ON a.tenant_id = :tenant AND a.product_id = p.id \
         WHERE p.tenant_id = :tenant AND p.id > $1 ORDER BY p.id LIMIT $2";
    db.fetch(SQL, params![after, limit], |row| {
        Ok((row.get(0)?, row.get::<Option<ProductId>>(1)?.is_some()))
    })
    .await
}

/// Makes rows for up to 32 products, each under the product's lock; returns how many. A product
/// that somebody is changing gets none: the change would not see it.
pub(crate) async fn add(tx: &mut Tx<'_>, products: &[ProductId]) -> Result<u64> {
    const SQL: &str = concat!(
        "INSERT INTO catalog_answer (tenant_id, product_id, stamp, due) \
         SELECT :tenant, p.id, 1, 1 FROM catalog_product p \
         WHERE p.tenant_id = :tenant AND p.id IN ",
        id_places!(),
        " ORDER BY p.id {skip_locked} ON CONFLICT (tenant_id, product_id) DO NOTHING"
    );
    let ids: Vec<[u8; 16]> = products.iter().map(|id| id.to_bytes()).collect();
    tx.execute(SQL, &id_values(&ids)).await
}
