//! What a process holds of a shop in memory: read whole, kept under its mark.

use serde::de::DeserializeOwned;
use stoa_kernel::{PriceListId, PromotionId, Timestamp};
use stoa_storage::{Result, Tx, params};

use crate::domain::{PriceList, Promotion, TaxTable, Zone};

/// The mark that the shop's terms have now; none where it has no settings.
pub(crate) async fn mark(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    const SQL: &str = "SELECT terms_mark FROM pricing_settings WHERE tenant_id = :tenant";
    tx.query_opt(SQL, params![], |row| row.get(0)).await
}

/// Outdates what every process holds of this shop. Locks the settings' row, so that changes of
/// terms follow one another.
pub(crate) async fn touch(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE pricing_settings SET terms_mark = CASE WHEN terms_mark >= $1 \
         THEN terms_mark + 1 ELSE $1 END WHERE tenant_id = :tenant";
    tx.execute(SQL, params![now]).await.map(|_| ())
}

pub(crate) async fn tax_table(tx: &mut Tx<'_>) -> Result<TaxTable> {
    Ok(document(tx, "tax").await?.unwrap_or_default())
}

pub(crate) async fn zones(tx: &mut Tx<'_>) -> Result<Vec<Zone>> {
    Ok(document(tx, "zones").await?.unwrap_or_default())
}

pub(crate) async fn put_tax_table(tx: &mut Tx<'_>, table: &TaxTable) -> Result<()> {
    put(tx, "tax", &serde_json::to_string(table)?).await
}

pub(crate) async fn put_zones(tx: &mut Tx<'_>, zones: &[Zone]) -> Result<()> {
    put(tx, "zones", &serde_json::to_string(zones)?).await
}

async fn document<T: DeserializeOwned + Send>(
    tx: &mut Tx<'_>,
    kind: &'static str,
) -> Result<Option<T>> {
    const SQL: &str = "SELECT body FROM pricing_document WHERE tenant_id = :tenant AND kind = $1";
    tx.query_opt(SQL, params![kind], |row| {
        Ok(serde_json::from_str(row.str(0)?)?)
    })
    .await
}

async fn put(tx: &mut Tx<'_>, kind: &'static str, body: &str) -> Result<()> {
    const SQL: &str = "INSERT INTO pricing_document (tenant_id, kind, body) \
         VALUES (:tenant, $1, $2) ON CONFLICT (tenant_id, kind) DO UPDATE SET body = excluded.body";
    tx.execute(SQL, params![kind, body]).await.map(|_| ())
}

/// Every price list of the shop, by age.
pub(crate) async fn price_lists(tx: &mut Tx<'_>) -> Result<Vec<PriceList>> {
    const SQL: &str = "SELECT id, body FROM pricing_list WHERE tenant_id = :tenant ORDER BY id";
    tx.query(SQL, params![], |row| {
        Ok(PriceList {
            id: row.get::<PriceListId>(0)?,
            terms: serde_json::from_str(row.str(1)?)?,
        })
    })
    .await
}

/// Every promotion of the shop, by age.
pub(crate) async fn promotions(tx: &mut Tx<'_>) -> Result<Vec<Promotion>> {
    const SQL: &str =
        "SELECT id, body FROM pricing_promotion WHERE tenant_id = :tenant ORDER BY id";
    tx.query(SQL, params![], |row| {
        Ok(Promotion {
            id: row.get::<PromotionId>(0)?,
            terms: serde_json::from_str(row.str(1)?)?,
        })
    })
    .await
}
