//! What is left to be done after a change of the tree or of a rule, and how far it is.

use stoa_kernel::{CollectionId, ProductId, Timestamp};
use stoa_storage::{Result, Row, Stmt, Tx, Value, params};

use super::members::{GroupId, unknown_word};
use crate::domain::CategoryId;

/// Why members are to be worked out anew, and so of which products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Those in the category itself: it has another path, or is gone.
    Category,
    /// All, for a collection's rule.
    Rule,
    /// Those of a collection that is gone.
    Purge,
}

impl Reason {
    const fn word(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Rule => "rule",
            Self::Purge => "purge",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) owner: GroupId,
    pub(crate) reason: Reason,
    pub(crate) pass: i64,
    pub(crate) after: ProductId,
    pub(crate) began_at: Timestamp,
    pub(crate) due_at: Timestamp,
    pub(crate) seen: i64,
    pub(crate) changed: i64,
}

/// Begins anew for each of these, however far it was.
pub(crate) async fn begin(
    tx: &mut Tx<'_>,
    owners: &[GroupId],
    reason: Reason,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO catalog_regroup (tenant_id, owner_id, reason, pass, after_id, \
         began_at, due_at, seen, changed) VALUES (:tenant, $1, $2, 1, $3, $4, $4, 0, 0) \
         ON CONFLICT (tenant_id, owner_id) DO UPDATE SET reason = excluded.reason, pass = 1, \
         after_id = excluded.after_id, began_at = excluded.began_at, due_at = excluded.due_at, \
         seen = 0, changed = 0";
    let mut owners = owners.to_vec();
    owners.sort_unstable();
    let first = ProductId::from_u128(0);
    let rows: Vec<[Value<'_>; 4]> = owners
        .iter()
        .map(|owner| {
            [
                Value::Id(*owner),
                reason.word().into(),
                first.into(),
                now.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// What is due first, its row locked.
pub(crate) async fn next(tx: &mut Tx<'_>) -> Result<Option<Work>> {
    const SQL: &str = "SELECT owner_id, reason, pass, after_id, began_at, due_at, seen, changed \
         FROM catalog_regroup WHERE tenant_id = :tenant ORDER BY due_at, owner_id LIMIT 1 {lock}";
    tx.query_opt(SQL, params![], work_of).await
}

pub(crate) async fn read(tx: &mut Tx<'_>, owner: GroupId) -> Result<Option<Work>> {
    const SQL: &str = "SELECT owner_id, reason, pass, after_id, began_at, due_at, seen, changed \
         FROM catalog_regroup WHERE tenant_id = :tenant AND owner_id = $1";
    tx.query_opt(SQL, &[Value::Id(owner)], work_of).await
}

fn work_of(row: &Row<'_>) -> Result<Work> {
    let word = row.str(1)?;
    let reason = [Reason::Category, Reason::Rule, Reason::Purge]
        .into_iter()
        .find(|reason| reason.word() == word);
    Ok(Work {
        owner: row.get::<CollectionId>(0)?.to_bytes(),
        reason: reason.ok_or_else(|| unknown_word(word, "reason to regroup"))?,
        pass: row.get(2)?,
        after: row.get(3)?,
        began_at: row.get(4)?,
        due_at: row.get(5)?,
        seen: row.get(6)?,
        changed: row.get(7)?,
    })
}

pub(crate) async fn save(tx: &mut Tx<'_>, work: &Work) -> Result<()> {
    const SQL: &str = "UPDATE catalog_regroup SET pass = $2, after_id = $3, due_at = $4, \
         seen = $5, changed = $6 WHERE tenant_id = :tenant AND owner_id = $1";
    let values = [
        Value::Id(work.owner),
        work.pass.into(),
        work.after.into(),
        work.due_at.into(),
        work.seen.into(),
        work.changed.into(),
    ];
    tx.execute(SQL, &values).await.map(|_| ())
}

pub(crate) async fn end(tx: &mut Tx<'_>, owner: GroupId) -> Result<()> {
    const SQL: &str = "DELETE FROM catalog_regroup WHERE tenant_id = :tenant AND owner_id = $1";
    tx.execute(SQL, &[Value::Id(owner)]).await.map(|_| ())
}

/// The next products of a piece of work, locked, in id order.
pub(crate) async fn products(
    tx: &mut Tx<'_>,
    work: &Work,
    limit: i64,
) -> Result<Vec<(ProductId, String)>> {
    const ALL: &str = "SELECT p.id, p.handle FROM catalog_product p \
         WHERE p.tenant_id = :tenant AND p.id > $1 ORDER BY p.id LIMIT $2 {lock}";
    const OF_CATEGORY: &str = "SELECT p.id, p.handle FROM catalog_product p \
         WHERE p.tenant_id = :tenant AND p.category_id = $3 AND p.id > $1 \
         ORDER BY p.id LIMIT $2 {lock}";
    const MEMBERS: &str = "SELECT product_id FROM catalog_member \
         WHERE tenant_id = :tenant AND group_id = $3 AND product_id > $1 \
         ORDER BY product_id LIMIT $2";
    let values = [work.after.into(), limit.into(), Value::Id(work.owner)];
    match work.reason {
        Reason::Rule => {
            tx.query(ALL, &values[..2], |row| Ok((row.get(0)?, row.get(1)?)))
                .await
        }
        Reason::Category => {
            tx.query(OF_CATEGORY, &values, |row| Ok((row.get(0)?, row.get(1)?)))
                .await
        }
        Reason::Purge => {
            let ids = tx.query(MEMBERS, &values, |row| row.get(0)).await?;
            super::members::lock(tx, &ids).await
        }
    }
}

/// Takes products out of a group that is gone.
pub(crate) async fn purge(tx: &mut Tx<'_>, group: GroupId, products: &[ProductId]) -> Result<()> {
    const MEMBER: &str = "DELETE FROM catalog_member WHERE tenant_id = :tenant \
                          AND group_id = $1 AND product_id = $2";
    const PRICE: &str = "DELETE FROM catalog_member_price WHERE tenant_id = :tenant \
                         AND group_id = $1 AND product_id = $2";
    let rows: Vec<[Value<'_>; 2]> = products
        .iter()
        .map(|id| [Value::Id(group), (*id).into()])
        .collect();
    let statements: Vec<Stmt<'_>> = rows
        .iter()
        .flat_map(|row| [(MEMBER, row.as_slice()), (PRICE, row.as_slice())])
        .collect();
    tx.batch(&statements).await.map(|_| ())
}

/// Puts products into the category that stands for a gone one.
pub(crate) async fn rehome(
    tx: &mut Tx<'_>,
    products: &[ProductId],
    category: Option<CategoryId>,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE catalog_product SET category_id = $2, version = version + 1, \
                       updated_at = $3 WHERE tenant_id = :tenant AND id = $1";
    let rows: Vec<[Value<'_>; 3]> = products
        .iter()
        .map(|id| [(*id).into(), category.into(), now.into()])
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}
