//! SQL of what the catalog's listings show: which lists they go by, and how far a change of that is.

use stoa_kernel::{Currency, PriceListId, VariantId};
use stoa_storage::{Result, Tx, params};

use super::{IDS_PER_STATEMENT, id_values};
use crate::domain::{BasePrice, PriceList};

/// A list, whether listings show its prices, and whether some may still be as they were before that
/// changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FedList {
    pub(crate) list: PriceList,
    pub(crate) shown: bool,
    pub(crate) walking: bool,
}

/// Listings of a list's variants that are being worked out anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) list: PriceListId,
    pub(crate) currency: Currency,
    pub(crate) after: Option<VariantId>,
}

/// Every list of the shop, by age.
pub(crate) async fn lists(tx: &mut Tx<'_>) -> Result<Vec<FedList>> {
    const SQL: &str = "SELECT l.id, l.body, coalesce(f.shown, 0), coalesce(f.walking, 0) \
         FROM pricing_list l LEFT JOIN pricing_list_feed f ON f.tenant_id = :tenant AND f.list_id = l.id \
         WHERE l.tenant_id = :tenant ORDER BY l.id";
    tx.query(SQL, params![], |row| {
        Ok(FedList {
            list: PriceList {
                id: row.get(0)?,
                terms: serde_json::from_str(row.str(1)?)?,
            },
            shown: row.get(2)?,
            walking: row.get(3)?,
        })
    })
    .await
}

/// Sets whether listings show a list; its variants are walked from the first one on.
pub(crate) async fn turn(
    tx: &mut Tx<'_>,
    list: PriceListId,
    currency: Currency,
    shown: bool,
) -> Result<()> {
    const SQL: &str = "INSERT INTO pricing_list_feed (tenant_id, list_id, currency, shown, \
         walking, after_variant) VALUES (:tenant, $1, $2, $3, 1, NULL) \
         ON CONFLICT (tenant_id, list_id) DO UPDATE SET shown = excluded.shown, walking = 1, \
         after_variant = NULL";
    tx.execute(SQL, params![list, &currency, shown])
        .await
        .map(|_| ())
}

pub(crate) async fn next_walk(tx: &mut Tx<'_>) -> Result<Option<Walk>> {
    const SQL: &str = "SELECT list_id, currency, after_variant FROM pricing_list_feed \
         WHERE tenant_id = :tenant AND walking = 1 ORDER BY list_id LIMIT 1";
    tx.query_opt(SQL, params![], |row| {
        Ok(Walk {
            list: row.get(0)?,
            currency: row.get(1)?,
            after: row.get(2)?,
        })
    })
    .await
}

/// Variants with a price in the list, in id order, from the one after `after`.
pub(crate) async fn variants_of(
    tx: &mut Tx<'_>,
    list: PriceListId,
    after: Option<VariantId>,
    limit: i64,
) -> Result<Vec<VariantId>> {
    const SQL: &str = "SELECT DISTINCT variant_id FROM pricing_list_price \
         WHERE tenant_id = :tenant AND list_id = $1 AND variant_id > $2 \
         ORDER BY variant_id LIMIT $3";
    let after = after.unwrap_or(VariantId::from_u128(0));
    tx.query(SQL, params![list, after, limit], |row| row.get(0))
        .await
}

pub(crate) async fn advance(
    tx: &mut Tx<'_>,
    list: PriceListId,
    after: Option<VariantId>,
) -> Result<()> {
    const SQL: &str = "UPDATE pricing_list_feed SET after_variant = $2 \
         WHERE tenant_id = :tenant AND list_id = $1";
    tx.execute(SQL, params![list, after]).await.map(|_| ())
}

pub(crate) async fn finish(tx: &mut Tx<'_>, list: PriceListId) -> Result<()> {
    const SQL: &str = "UPDATE pricing_list_feed SET walking = 0, after_variant = NULL \
         WHERE tenant_id = :tenant AND list_id = $1";
    tx.execute(SQL, params![list]).await.map(|_| ())
}

/// Of a list that is removed and walked.
pub(crate) async fn forget(tx: &mut Tx<'_>, list: PriceListId) -> Result<()> {
    const SQL: &str = "DELETE FROM pricing_list_feed WHERE tenant_id = :tenant AND list_id = $1";
    tx.execute(SQL, params![list]).await.map(|_| ())
}

/// Removes the prices of a removed list, up to those of `last`.
pub(crate) async fn drop_prices(tx: &mut Tx<'_>, list: PriceListId, last: VariantId) -> Result<()> {
    const SQL: &str = "DELETE FROM pricing_list_price \
         WHERE tenant_id = :tenant AND list_id = $1 AND variant_id <= $2";
    tx.execute(SQL, params![list, last]).await.map(|_| ())
}

/// Base prices of the variants that have one in this currency.
pub(crate) async fn base_prices(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
    currency: Currency,
) -> Result<Vec<(VariantId, BasePrice)>> {
    const SQL: &str = "SELECT variant_id, amount, compare_at FROM pricing_price \
         WHERE tenant_id = :tenant AND currency = $33 AND variant_id IN \
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) ORDER BY variant_id";
    let mut found = Vec::with_capacity(variants.len());
    for chunk in variants.chunks(IDS_PER_STATEMENT) {
        let mut values = id_values(chunk);
        values.push((&currency).into());
        let rows = tx.query(SQL, &values, |row| {
            let base = BasePrice {
                amount: row.get(1)?,
                compare_at: row.get(2)?,
            };
            Ok((row.get(0)?, base))
        });
        found.extend(rows.await?);
    }
    Ok(found)
}
