//! SQL of price adjustments: what was asked, how far it is, and which prices could not move.

use stoa_kernel::{Actor, Currency, Timestamp, VariantId};
use stoa_storage::{Db, Result, Row, Tx, params};

use crate::domain::{ADJUSTMENT_ERRORS_MAX, AdjustmentId, AdjustmentTerms};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AdjustmentRow {
    pub(crate) id: AdjustmentId,
    pub(crate) terms: AdjustmentTerms,
    pub(crate) state: String,
    pub(crate) after: Option<VariantId>,
    pub(crate) until: Option<VariantId>,
    pub(crate) seen: i64,
    pub(crate) changed: i64,
    pub(crate) failed: i64,
    pub(crate) actor: Actor,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

fn row_of(row: &Row<'_>) -> Result<AdjustmentRow> {
    Ok(AdjustmentRow {
        id: row.get(0)?,
        terms: serde_json::from_str(row.str(1)?)?,
        state: row.get(2)?,
        after: row.get(3)?,
        until: row.get(4)?,
        seen: row.get(5)?,
        changed: row.get(6)?,
        failed: row.get(7)?,
        actor: serde_json::from_str(row.str(8)?)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}

/// Begins one, over the prices that there are now.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: AdjustmentId,
    terms: &AdjustmentTerms,
    actor: &Actor,
    now: Timestamp,
) -> Result<()> {
    const LAST: &str = "SELECT variant_id FROM pricing_price WHERE tenant_id = :tenant \
                        ORDER BY variant_id DESC LIMIT 1";
    const SQL: &str = "INSERT INTO pricing_adjustment (tenant_id, id, terms, state, \
         until_variant, seen, changed, failed, actor, created_at, updated_at) \
         VALUES (:tenant, $1, $2, 'running', $3, 0, 0, 0, $4, $5, $5)";
    let until = tx
        .query_opt(LAST, params![], |row| row.get::<VariantId>(0))
        .await?;
    let terms = serde_json::to_string(terms)?;
    let actor = serde_json::to_string(actor)?;
    tx.execute(SQL, params![id, &terms, until, &actor, now])
        .await
        .map(|_| ())
}

pub(crate) async fn one(tx: &mut Tx<'_>, id: AdjustmentId) -> Result<Option<AdjustmentRow>> {
    const SQL: &str = "SELECT id, terms, state, after_variant, until_variant, seen, changed, \
         failed, actor, created_at, updated_at FROM pricing_adjustment \
         WHERE tenant_id = :tenant AND id = $1";
    tx.query_opt(SQL, params![id], row_of).await
}

pub(crate) async fn lock(tx: &mut Tx<'_>, id: AdjustmentId) -> Result<Option<AdjustmentRow>> {
    const SQL: &str = "SELECT id, terms, state, after_variant, until_variant, seen, changed, \
         failed, actor, created_at, updated_at FROM pricing_adjustment \
         WHERE tenant_id = :tenant AND id = $1 {lock}";
    tx.query_opt(SQL, params![id], row_of).await
}

/// Keeps how far it is; the caller holds the row's lock.
pub(crate) async fn save(tx: &mut Tx<'_>, row: &AdjustmentRow, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE pricing_adjustment SET state = $2, after_variant = $3, seen = $4, \
         changed = $5, failed = $6, updated_at = $7 WHERE tenant_id = :tenant AND id = $1";
    let values = params![
        row.id,
        &row.state,
        row.after,
        row.seen,
        row.changed,
        row.failed,
        now
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

pub(crate) async fn refuse(
    tx: &mut Tx<'_>,
    id: AdjustmentId,
    variant: VariantId,
    message: &str,
) -> Result<()> {
    const SQL: &str = "INSERT INTO pricing_adjustment_error (tenant_id, adjustment_id, \
         variant_id, message) VALUES (:tenant, $1, $2, $3) ON CONFLICT DO NOTHING";
    tx.execute(SQL, params![id, variant, message])
        .await
        .map(|_| ())
}

pub(crate) async fn refusals(db: &Db, id: AdjustmentId) -> Result<Vec<(VariantId, String)>> {
    const SQL: &str = "SELECT variant_id, message FROM pricing_adjustment_error \
         WHERE tenant_id = :tenant AND adjustment_id = $1 ORDER BY variant_id LIMIT $2";
    db.fetch(SQL, params![id, ADJUSTMENT_ERRORS_MAX], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .await
}

/// Variants with a base price in the currency, in id order, between two.
pub(crate) async fn priced(
    tx: &mut Tx<'_>,
    currency: Currency,
    after: Option<VariantId>,
    until: VariantId,
    limit: i64,
) -> Result<Vec<VariantId>> {
    const SQL: &str = "SELECT variant_id FROM pricing_price WHERE tenant_id = :tenant \
         AND currency = $1 AND variant_id > $2 AND variant_id <= $3 ORDER BY variant_id LIMIT $4";
    let after = after.unwrap_or(VariantId::from_u128(0));
    tx.query(SQL, params![&currency, after, until, limit], |row| {
        row.get(0)
    })
    .await
}
