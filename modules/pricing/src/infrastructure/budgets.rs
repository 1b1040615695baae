//! SQL of the uses of promotions. Every use is taken by a conditional write.

use stoa_kernel::{OrderId, PromotionId, Timestamp};
use stoa_storage::{Result, Row, Tx, Value, params};

/// Budgets that one statement names; a shorter list repeats its last id.
pub(crate) const BUDGETS_PER_STATEMENT: usize = 16;

/// A promotion that counts its uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BudgetRow {
    pub(crate) promotion: PromotionId,
    pub(crate) per_customer_max: Option<i64>,
}

fn budget_row(row: &Row<'_>) -> Result<BudgetRow> {
    Ok(BudgetRow {
        promotion: row.get(0)?,
        per_customer_max: row.get(1)?,
    })
}

/// Fills the places of a statement's `IN (...)`.
fn places(ids: &[PromotionId]) -> Vec<Value<'static>> {
    let last = ids.last().copied().into_iter().cycle();
    ids.iter()
        .copied()
        .chain(last)
        .take(BUDGETS_PER_STATEMENT)
        .map(Value::from)
        .collect()
}

/// Which of these promotions are used up for this buyer, as far as is committed.
pub(crate) async fn used_up(
    tx: &mut Tx<'_>,
    promotions: &[PromotionId],
    buyer: Option<[u8; 32]>,
) -> Result<Vec<PromotionId>> {
    const SQL: &str = "SELECT b.promotion_id FROM pricing_budget b \
         LEFT JOIN pricing_customer_uses c ON c.tenant_id = :tenant \
         AND c.promotion_id = b.promotion_id AND c.customer_key = $17 \
         WHERE b.tenant_id = :tenant AND b.promotion_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, \
         $10, $11, $12, $13, $14, $15, $16) \
         AND (b.uses >= b.uses_max OR c.uses >= b.per_customer_max) ORDER BY b.promotion_id";
    // Nobody's key is all zeros.
    let key = buyer.unwrap_or_default();
    let mut found = Vec::new();
    for chunk in promotions.chunks(BUDGETS_PER_STATEMENT) {
        let mut values = places(chunk);
        values.push((&key).into());
        found.extend(
            tx.query(SQL, &values, |row| row.get::<PromotionId>(0))
                .await?,
        );
    }
    Ok(found)
}

/// Locks the budgets of these promotions, in id order.
pub(crate) async fn lock(tx: &mut Tx<'_>, promotions: &[PromotionId]) -> Result<()> {
    const SQL: &str = "SELECT promotion_id FROM pricing_budget \
         WHERE tenant_id = :tenant AND promotion_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, \
         $10, $11, $12, $13, $14, $15, $16) ORDER BY promotion_id {lock}";
    for chunk in promotions.chunks(BUDGETS_PER_STATEMENT) {
        tx.query(SQL, &places(chunk), |_| Ok(())).await?;
    }
    Ok(())
}

/// Those of these promotions that count their uses, in id order, without locking: most count none.
pub(crate) async fn limited(tx: &mut Tx<'_>, promotions: &[PromotionId]) -> Result<Vec<BudgetRow>> {
    const SQL: &str = "SELECT promotion_id, per_customer_max FROM pricing_budget \
         WHERE tenant_id = :tenant AND promotion_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, \
         $10, $11, $12, $13, $14, $15, $16) \
         AND (uses_max IS NOT NULL OR per_customer_max IS NOT NULL) ORDER BY promotion_id";
    let mut found = Vec::new();
    for chunk in promotions.chunks(BUDGETS_PER_STATEMENT) {
        found.extend(tx.query(SQL, &places(chunk), budget_row).await?);
    }
    Ok(found)
}

/// The uses that an order holds, by promotion, with the buyer they were counted for.
pub(crate) async fn held(
    tx: &mut Tx<'_>,
    order: OrderId,
) -> Result<Vec<(PromotionId, Option<[u8; 32]>)>> {
    const SQL: &str = "SELECT promotion_id, customer_key FROM pricing_use \
                       WHERE tenant_id = :tenant AND order_id = $1 ORDER BY promotion_id";
    tx.query(SQL, params![order], |row| {
        let key: Option<Vec<u8>> = row.get(1)?;
        Ok((row.get(0)?, key.and_then(|key| key.try_into().ok())))
    })
    .await
}

/// False where the total is used up; then nothing was written.
pub(crate) async fn take(tx: &mut Tx<'_>, promotion: PromotionId) -> Result<bool> {
    const SQL: &str = "UPDATE pricing_budget SET uses = uses + 1 WHERE tenant_id = :tenant \
         AND promotion_id = $1 AND (uses_max IS NULL OR uses < uses_max)";
    Ok(tx.execute(SQL, params![promotion]).await? == 1)
}

/// False where this buyer's uses are spent; then nothing was written.
pub(crate) async fn take_for(
    tx: &mut Tx<'_>,
    promotion: PromotionId,
    buyer: &[u8; 32],
    most: i64,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO pricing_customer_uses (tenant_id, promotion_id, customer_key, \
         uses) VALUES (:tenant, $1, $2, 1) \
         ON CONFLICT (tenant_id, promotion_id, customer_key) DO UPDATE \
         SET uses = pricing_customer_uses.uses + 1 WHERE pricing_customer_uses.uses < $3";
    Ok(tx.execute(SQL, params![promotion, buyer, most]).await? == 1)
}

/// Notes that the order holds a use, `buyer` where it is counted for one; false where it holds one
/// already.
pub(crate) async fn note(
    tx: &mut Tx<'_>,
    order: OrderId,
    promotion: PromotionId,
    buyer: Option<&[u8; 32]>,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO pricing_use (tenant_id, order_id, promotion_id, customer_key, \
                       taken_at) VALUES (:tenant, $1, $2, $3, $4) ON CONFLICT DO NOTHING";
    Ok(tx
        .execute(SQL, params![order, promotion, buyer, now])
        .await?
        == 1)
}

/// Takes a note back whose use was refused.
pub(crate) async fn forget(
    tx: &mut Tx<'_>,
    order: OrderId,
    promotion: PromotionId,
) -> Result<bool> {
    const SQL: &str = "DELETE FROM pricing_use \
         WHERE tenant_id = :tenant AND order_id = $1 AND promotion_id = $2";
    Ok(tx.execute(SQL, params![order, promotion]).await? == 1)
}

/// Gives a use back that the order holds; nothing where it holds none. The caller holds the
/// budget's lock, so that of two only one finds it.
pub(crate) async fn give_back(
    tx: &mut Tx<'_>,
    order: OrderId,
    promotion: PromotionId,
    buyer: Option<[u8; 32]>,
) -> Result<()> {
    if !forget(tx, order, promotion).await? {
        return Ok(());
    }
    return_one(tx, promotion).await?;
    if let Some(buyer) = buyer {
        return_for(tx, promotion, &buyer).await?;
    }
    Ok(())
}

/// Takes a use of a buyer's own count back; the total stays.
pub(crate) async fn return_for(
    tx: &mut Tx<'_>,
    promotion: PromotionId,
    buyer: &[u8; 32],
) -> Result<()> {
    const SQL: &str = "UPDATE pricing_customer_uses SET uses = uses - 1 \
         WHERE tenant_id = :tenant AND promotion_id = $1 AND customer_key = $2 AND uses > 0";
    tx.execute(SQL, params![promotion, buyer]).await.map(|_| ())
}

/// Notes that the use which the order holds is counted for another buyer now.
pub(crate) async fn pass_on(
    tx: &mut Tx<'_>,
    order: OrderId,
    promotion: PromotionId,
    buyer: &[u8; 32],
) -> Result<()> {
    const SQL: &str = "UPDATE pricing_use SET customer_key = $3 \
         WHERE tenant_id = :tenant AND order_id = $1 AND promotion_id = $2";
    let values = params![order, promotion, buyer];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Takes a use of the total back; the buyer's own count stays.
pub(crate) async fn return_one(tx: &mut Tx<'_>, promotion: PromotionId) -> Result<()> {
    const SQL: &str = "UPDATE pricing_budget SET uses = uses - 1 \
         WHERE tenant_id = :tenant AND promotion_id = $1 AND uses > 0";
    tx.execute(SQL, params![promotion]).await.map(|_| ())
}
