//! Handles that products had before, and variants by the codes on them.

use stoa_kernel::{ProductId, VariantId};
use stoa_storage::{Db, Result, Tx, Value, params};

use super::{IDS_PER_STATEMENT, id_places};

/// Handles that one product may leave behind; the oldest go first.
pub(crate) const FORMER_HANDLES_MAX: i64 = 50;

/// Product, old handle, when.
pub(crate) const KEEP: &str = "INSERT INTO catalog_former_handle (tenant_id, product_id, handle, \
     left_at) VALUES (:tenant, $1, $2, $3) ON CONFLICT (tenant_id, handle) DO UPDATE SET \
     product_id = excluded.product_id, left_at = excluded.left_at";
/// Product, how many to keep.
pub(crate) const FORGET_OLDEST: &str = "DELETE FROM catalog_former_handle \
     WHERE tenant_id = :tenant AND product_id = $1 AND handle NOT IN \
     (SELECT f.handle FROM catalog_former_handle f WHERE f.tenant_id = :tenant \
      AND f.product_id = $1 ORDER BY f.left_at DESC, f.handle LIMIT $2)";
/// A handle that a product has now.
pub(crate) const YIELD: &str =
    "DELETE FROM catalog_former_handle WHERE tenant_id = :tenant AND handle = $1";

/// The handle that the published product of a former handle has now.
pub(crate) async fn moved(db: &Db, handle: &str) -> Result<Option<String>> {
    const SQL: &str = "SELECT p.handle FROM catalog_former_handle f JOIN catalog_product p \
         ON p.tenant_id = :tenant AND p.id = f.product_id AND p.status || '' = 'active' \
         WHERE f.tenant_id = :tenant AND f.handle = $1";
    let found = db.fetch(SQL, params![handle], |row| row.get(0)).await?;
    Ok(found.into_iter().next())
}

/// A variant found by its SKU or barcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundVariant {
    pub(crate) id: VariantId,
    pub(crate) product: ProductId,
    pub(crate) handle: String,
    pub(crate) product_title: String,
    pub(crate) title: String,
    pub(crate) sku: Option<String>,
    pub(crate) barcode: Option<String>,
    pub(crate) in_stock: bool,
}

/// A code to look for.
pub(crate) enum Code<'c> {
    Sku(&'c str),
    /// Spellings of one barcode, at most five.
    Barcode(&'c [String]),
}

macro_rules! variants_where {
    ($condition:literal) => {
        concat!(
            "SELECT v.id, p.id, p.handle, p.title, v.title, v.sku, v.barcode, v.in_stock \
             FROM catalog_variant v \
             JOIN catalog_product p ON p.tenant_id = :tenant AND p.id = v.product_id \
             WHERE v.tenant_id = :tenant AND ",
            $condition,
            " AND v.id > $1 ORDER BY v.id LIMIT $2"
        )
    };
}

/// Variants with the code after `after`, in id order.
pub(crate) async fn variants(
    db: &Db,
    code: &Code<'_>,
    after: VariantId,
    limit: i64,
) -> Result<Vec<FoundVariant>> {
    const BY_SKU: &str = variants_where!("v.sku = $3");
    const BY_BARCODE: &str = variants_where!("v.barcode IN ($3, $4, $5, $6, $7)");
    const SPELLINGS: usize = 5;
    let mut values: Vec<Value<'_>> = vec![after.into(), limit.into()];
    let sql = match code {
        Code::Sku(sku) => {
            values.push((*sku).into());
            BY_SKU
        }
        Code::Barcode(spellings) => {
            let all = spellings.iter().cycle().take(SPELLINGS);
            values.extend(all.map(Value::from));
            BY_BARCODE
        }
    };
    db.fetch(sql, &values, |row| {
        Ok(FoundVariant {
            id: row.get(0)?,
            product: row.get(1)?,
            handle: row.get(2)?,
            product_title: row.get(3)?,
            title: row.get(4)?,
            sku: row.get(5)?,
            barcode: row.get(6)?,
            in_stock: row.get(7)?,
        })
    })
    .await
}

/// The variants that have these SKUs: pairs in SKU, then id order.
pub(crate) async fn of_skus(tx: &mut Tx<'_>, skus: &[String]) -> Result<Vec<(String, VariantId)>> {
    const SQL: &str = concat!(
        "SELECT sku, id FROM catalog_variant WHERE tenant_id = :tenant AND sku IN ",
        id_places!(),
        " ORDER BY sku, id"
    );
    let mut wanted: Vec<&String> = skus.iter().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut found = Vec::new();
    for chunk in wanted.chunks(IDS_PER_STATEMENT) {
        let last = chunk.last().copied().map(Value::from);
        let padding = last
            .into_iter()
            .cycle()
            .take(IDS_PER_STATEMENT - chunk.len());
        let values: Vec<Value<'_>> = chunk
            .iter()
            .copied()
            .map(Value::from)
            .chain(padding)
            .collect();
        let rows = tx.query(SQL, &values, |row| Ok((row.get(0)?, row.get(1)?)));
        found.extend(rows.await?);
    }
    Ok(found)
}
