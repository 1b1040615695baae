//! SQL of promotions and their codes.

use stoa_kernel::{PromotionId, Timestamp};
use stoa_storage::{Db, Result, Row, Stmt, Tx, Value, params};

use crate::domain::{Budget, PromotionTerms, code_key};

/// A promotion as merchants see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromotionRow {
    pub(crate) id: PromotionId,
    pub(crate) terms: PromotionTerms,
    /// Counted while it has a budget.
    pub(crate) uses: i64,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

fn promotion_row(row: &Row<'_>) -> Result<PromotionRow> {
    Ok(PromotionRow {
        id: row.get(0)?,
        terms: serde_json::from_str(row.str(1)?)?,
        version: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        uses: row.get(5)?,
    })
}

pub(crate) async fn page(
    db: &Db,
    after: Option<PromotionId>,
    limit: i64,
) -> Result<Vec<PromotionRow>> {
    const SQL: &str = "SELECT p.id, p.body, p.version, p.created_at, p.updated_at, b.uses \
         FROM pricing_promotion p \
         JOIN pricing_budget b ON b.tenant_id = :tenant AND b.promotion_id = p.id \
         WHERE p.tenant_id = :tenant AND p.id > $1 ORDER BY p.id LIMIT $2";
    let after = after.unwrap_or(PromotionId::from_u128(0));
    db.fetch(SQL, params![after, limit], promotion_row).await
}

pub(crate) async fn one(tx: &mut Tx<'_>, id: PromotionId) -> Result<Option<PromotionRow>> {
    const SQL: &str = "SELECT p.id, p.body, p.version, p.created_at, p.updated_at, b.uses \
         FROM pricing_promotion p \
         JOIN pricing_budget b ON b.tenant_id = :tenant AND b.promotion_id = p.id \
         WHERE p.tenant_id = :tenant AND p.id = $1";
    tx.query_opt(SQL, params![id], promotion_row).await
}

/// The promotion, with its budget locked: no use is taken or given back meanwhile.
pub(crate) async fn lock(tx: &mut Tx<'_>, id: PromotionId) -> Result<Option<PromotionRow>> {
    const BUDGET: &str = "SELECT uses FROM pricing_budget \
                          WHERE tenant_id = :tenant AND promotion_id = $1 {lock}";
    let locked = tx
        .query_opt(BUDGET, params![id], |row| row.get::<i64>(0))
        .await?;
    match locked {
        Some(_) => one(tx, id).await,
        None => Ok(None),
    }
}

pub(crate) async fn count(tx: &mut Tx<'_>) -> Result<i64> {
    const SQL: &str = "SELECT count(*) FROM pricing_promotion WHERE tenant_id = :tenant";
    tx.query_one(SQL, params![], |row| row.get(0)).await
}

pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: PromotionId,
    terms: &PromotionTerms,
    now: Timestamp,
) -> Result<()> {
    const PROMOTION: &str = "INSERT INTO pricing_promotion (tenant_id, id, body, version, \
         created_at, updated_at) VALUES (:tenant, $1, $2, 1, $3, $3)";
    const BUDGET: &str = "INSERT INTO pricing_budget (tenant_id, promotion_id, uses, uses_max, \
         per_customer_max) VALUES (:tenant, $1, 0, $2, $3)";
    let body = serde_json::to_string(terms)?;
    let Budget {
        uses_max,
        per_customer_max,
    } = terms.budget;
    tx.batch(&[
        (PROMOTION, params![id, &body, now]),
        (BUDGET, params![id, uses_max, per_customer_max]),
    ])
    .await
    .map(|_| ())
}

/// The caller holds the budget's lock, and knows that the uses taken fit the new limit.
pub(crate) async fn replace(
    tx: &mut Tx<'_>,
    id: PromotionId,
    terms: &PromotionTerms,
    now: Timestamp,
) -> Result<()> {
    const PROMOTION: &str = "UPDATE pricing_promotion SET body = $2, version = version + 1, \
         updated_at = $3 WHERE tenant_id = :tenant AND id = $1";
    const BUDGET: &str = "UPDATE pricing_budget SET uses_max = $2, per_customer_max = $3 \
         WHERE tenant_id = :tenant AND promotion_id = $1";
    let body = serde_json::to_string(terms)?;
    let Budget {
        uses_max,
        per_customer_max,
    } = terms.budget;
    tx.batch(&[
        (PROMOTION, params![id, &body, now]),
        (BUDGET, params![id, uses_max, per_customer_max]),
    ])
    .await
    .map(|_| ())
}

/// Gives the promotion these codes and no others; the index of one that another promotion has.
pub(crate) async fn put_codes(
    tx: &mut Tx<'_>,
    id: PromotionId,
    codes: &[String],
) -> Result<Option<usize>> {
    const EMPTY: &str = "DELETE FROM pricing_promotion_code \
                         WHERE tenant_id = :tenant AND promotion_id = $1";
    const PUT: &str = "INSERT INTO pricing_promotion_code (tenant_id, code, promotion_id) \
                       VALUES (:tenant, $1, $2) ON CONFLICT DO NOTHING";
    let owner = [Value::from(id)];
    let mut keys: Vec<(String, usize)> = codes.iter().map(|code| code_key(code)).zip(0..).collect();
    keys.sort_unstable();
    let rows: Vec<[Value<'_>; 2]> = keys
        .iter()
        .map(|(key, _)| [key.into(), id.into()])
        .collect();
    let puts = rows.iter().map(|row| (PUT, row.as_slice()));
    let statements: Vec<Stmt<'_>> = std::iter::once((EMPTY, owner.as_slice()))
        .chain(puts)
        .collect();
    let changed = tx.batch(&statements).await?;
    let taken = changed.iter().skip(1).position(|rows| *rows == 0);
    Ok(taken.map(|at| keys[at].1))
}

pub(crate) async fn delete(tx: &mut Tx<'_>, id: PromotionId) -> Result<()> {
    const STATEMENTS: [&str; 4] = [
        "DELETE FROM pricing_promotion_code WHERE tenant_id = :tenant AND promotion_id = $1",
        "DELETE FROM pricing_customer_uses WHERE tenant_id = :tenant AND promotion_id = $1",
        "DELETE FROM pricing_budget WHERE tenant_id = :tenant AND promotion_id = $1",
        "DELETE FROM pricing_promotion WHERE tenant_id = :tenant AND id = $1",
    ];
    let values = [Value::from(id)];
    tx.batch(&STATEMENTS.map(|sql| (sql, values.as_slice())))
        .await
        .map(|_| ())
}
