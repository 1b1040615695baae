//! SQL of price lists and the prices in them.

use stoa_kernel::{PriceListId, Timestamp, VariantId};
use stoa_storage::{Db, Result, Row, Stmt, Tx, Value, params};

use super::{IDS_PER_STATEMENT, id_values};
use crate::domain::{ListPrice, ListTerms};

/// A list as merchants see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListRow {
    pub(crate) id: PriceListId,
    pub(crate) terms: ListTerms,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

fn list_row(row: &Row<'_>) -> Result<ListRow> {
    Ok(ListRow {
        id: row.get(0)?,
        terms: serde_json::from_str(row.str(1)?)?,
        version: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
    })
}

pub(crate) async fn all(db: &Db) -> Result<Vec<ListRow>> {
    const SQL: &str = "SELECT id, body, version, created_at, updated_at FROM pricing_list \
                       WHERE tenant_id = :tenant ORDER BY id";
    db.fetch(SQL, params![], list_row).await
}

pub(crate) async fn one(tx: &mut Tx<'_>, id: PriceListId) -> Result<Option<ListRow>> {
    const SQL: &str = "SELECT id, body, version, created_at, updated_at FROM pricing_list \
                       WHERE tenant_id = :tenant AND id = $1";
    tx.query_opt(SQL, params![id], list_row).await
}

pub(crate) async fn lock(tx: &mut Tx<'_>, id: PriceListId) -> Result<Option<ListRow>> {
    const SQL: &str = "SELECT id, body, version, created_at, updated_at FROM pricing_list \
                       WHERE tenant_id = :tenant AND id = $1 {lock}";
    tx.query_opt(SQL, params![id], list_row).await
}

pub(crate) async fn count(tx: &mut Tx<'_>) -> Result<i64> {
    const SQL: &str = "SELECT count(*) FROM pricing_list WHERE tenant_id = :tenant";
    tx.query_one(SQL, params![], |row| row.get(0)).await
}

pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: PriceListId,
    terms: &ListTerms,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO pricing_list (tenant_id, id, body, version, created_at, \
                       updated_at) VALUES (:tenant, $1, $2, 1, $3, $3)";
    let body = serde_json::to_string(terms)?;
    tx.execute(SQL, params![id, &body, now]).await.map(|_| ())
}

/// The caller holds the row's lock.
pub(crate) async fn replace(
    tx: &mut Tx<'_>,
    id: PriceListId,
    terms: &ListTerms,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE pricing_list SET body = $2, version = version + 1, updated_at = $3 \
                       WHERE tenant_id = :tenant AND id = $1";
    let body = serde_json::to_string(terms)?;
    tx.execute(SQL, params![id, &body, now]).await.map(|_| ())
}

/// Its prices count no more; they go as listings are worked out without them.
pub(crate) async fn delete(tx: &mut Tx<'_>, id: PriceListId) -> Result<()> {
    const SQL: &str = "DELETE FROM pricing_list WHERE tenant_id = :tenant AND id = $1";
    tx.execute(SQL, params![id]).await.map(|_| ())
}

/// Puts prices into a list; those whose amount is `None` go. Returns how many rows that changed.
pub(crate) async fn put_prices(
    tx: &mut Tx<'_>,
    put: &[ListPrice],
    gone: &[ListPrice],
) -> Result<u64> {
    const PUT: &str = "INSERT INTO pricing_list_price (tenant_id, variant_id, list_id, \
         min_quantity, amount) VALUES (:tenant, $1, $2, $3, $4) \
         ON CONFLICT (tenant_id, variant_id, list_id, min_quantity) DO UPDATE \
         SET amount = excluded.amount WHERE pricing_list_price.amount <> excluded.amount";
    const REMOVE: &str = "DELETE FROM pricing_list_price WHERE tenant_id = :tenant \
         AND variant_id = $1 AND list_id = $2 AND min_quantity = $3";
    let key = |price: &ListPrice| -> [Value<'static>; 3] {
        [
            price.variant.into(),
            price.list.into(),
            price.min_quantity.into(),
        ]
    };
    let removed: Vec<[Value<'_>; 3]> = gone.iter().map(key).collect();
    let rows: Vec<[Value<'_>; 4]> = put
        .iter()
        .map(|price| {
            let [variant, list, units] = key(price);
            [variant, list, units, price.amount.into()]
        })
        .collect();
    let puts = rows.iter().map(|row| (PUT, row.as_slice()));
    let statements: Vec<Stmt<'_>> = removed
        .iter()
        .map(|row| (REMOVE, row.as_slice()))
        .chain(puts)
        .collect();
    Ok(tx.batch(&statements).await?.iter().sum())
}

/// Prices of these variants in any list.
pub(crate) async fn prices_of(tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<Vec<ListPrice>> {
    const SQL: &str = "SELECT variant_id, list_id, min_quantity, amount FROM pricing_list_price \
         WHERE tenant_id = :tenant AND variant_id IN \
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) \
         ORDER BY variant_id, list_id, min_quantity";
    let mut ids = variants.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::new();
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        found.extend(tx.query(SQL, &id_values(chunk), list_price).await?);
    }
    Ok(found)
}

/// Prices of one list by (variant, quantity), after a place.
pub(crate) async fn page(
    db: &Db,
    list: PriceListId,
    after: Option<(VariantId, i64)>,
    limit: i64,
) -> Result<Vec<ListPrice>> {
    const SQL: &str = "SELECT variant_id, list_id, min_quantity, amount FROM pricing_list_price \
         WHERE tenant_id = :tenant AND list_id = $1 AND (variant_id, min_quantity) > ($2, $3) \
         ORDER BY variant_id, min_quantity LIMIT $4";
    let (variant, units) = after.unwrap_or((VariantId::from_u128(0), 0));
    db.fetch(SQL, params![list, variant, units, limit], list_price)
        .await
}

fn list_price(row: &Row<'_>) -> Result<ListPrice> {
    Ok(ListPrice {
        variant: row.get(0)?,
        list: row.get(1)?,
        min_quantity: row.get(2)?,
        amount: row.get(3)?,
    })
}
