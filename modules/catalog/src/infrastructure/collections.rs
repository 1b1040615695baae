//! Collections and the products arranged in them.

use stoa_contracts::catalog::{CollectionInput, CollectionView};
use stoa_kernel::{CollectionId, ProductId, Timestamp};
use stoa_storage::{Db, Result, Row, Tx, Value, params};

use super::members::{self, unknown_word};
use super::{IDS_PER_STATEMENT, id_places, id_values, json_opt, shape};
use crate::domain::{CollectionDraft, CollectionSort};

/// The row that a change of a collection takes first.
#[derive(Debug, Clone)]
pub(crate) struct LockedCollection {
    pub(crate) id: CollectionId,
    pub(crate) version: i64,
    pub(crate) handle: String,
    pub(crate) has_rule: bool,
}

pub(crate) async fn lock_by_handle(
    tx: &mut Tx<'_>,
    handle: &str,
) -> Result<Option<LockedCollection>> {
    const SQL: &str = "SELECT id, version, handle, CASE WHEN rule IS NULL THEN 0 ELSE 1 END FROM catalog_collection \
                       WHERE tenant_id = :tenant AND handle = $1 {lock}";
    tx.query_opt(SQL, params![handle], locked).await
}

pub(crate) async fn lock_by_id(
    tx: &mut Tx<'_>,
    id: CollectionId,
) -> Result<Option<LockedCollection>> {
    const SQL: &str = "SELECT id, version, handle, CASE WHEN rule IS NULL THEN 0 ELSE 1 END FROM catalog_collection \
                       WHERE tenant_id = :tenant AND id = $1 {lock}";
    tx.query_opt(SQL, params![id], locked).await
}

fn locked(row: &Row<'_>) -> Result<LockedCollection> {
    Ok(LockedCollection {
        id: row.get(0)?,
        version: row.get(1)?,
        handle: row.get(2)?,
        has_rule: row.get(3)?,
    })
}

/// False where the handle belongs to another collection already; then nothing was written.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: CollectionId,
    draft: &CollectionDraft,
    products: &[ProductId],
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO catalog_collection (tenant_id, id, handle, title, title_lower, \
         description_html, image, sort, rule, version, created_at, updated_at) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, $8, $9, 1, $7, $7) \
         ON CONFLICT (tenant_id, handle) DO NOTHING";
    let columns = Columns::of(draft)?;
    if tx.execute(SQL, &columns.values(id, draft, now)).await? == 0 {
        return Ok(false);
    }
    shape::ensure(tx).await?;
    if !products.is_empty() {
        fill(tx, id, products).await?;
    }
    Ok(true)
}

/// Replaces the collection's row and the products put into it by hand; the caller holds the row's
/// lock.
pub(crate) async fn replace(
    tx: &mut Tx<'_>,
    id: CollectionId,
    draft: &CollectionDraft,
    products: &[ProductId],
    now: Timestamp,
) -> Result<()> {
    const UPDATE: &str = "UPDATE catalog_collection SET handle = $2, title = $3, \
         title_lower = $4, description_html = $5, image = $6, sort = $8, rule = $9, \
         version = version + 1, updated_at = $7 WHERE tenant_id = :tenant AND id = $1";
    let columns = Columns::of(draft)?;
    tx.execute(UPDATE, &columns.values(id, draft, now)).await?;
    match draft.rule {
        Some(_) => Ok(()),
        None => fill(tx, id, products).await,
    }
}

/// The columns that follow from the others.
struct Columns {
    title_lower: String,
    image: Option<String>,
    rule: Option<String>,
}

impl Columns {
    fn of(draft: &CollectionDraft) -> Result<Self> {
        let image = draft.input.image.as_ref();
        let rule = draft.rule.as_ref();
        Ok(Self {
            title_lower: draft.input.title.to_lowercase(),
            image: image.map(serde_json::to_string).transpose()?,
            rule: rule.map(serde_json::to_string).transpose()?,
        })
    }

    fn values<'v>(
        &'v self,
        id: CollectionId,
        draft: &'v CollectionDraft,
        now: Timestamp,
    ) -> [Value<'v>; 9] {
        [
            id.into(),
            (&draft.input.handle).into(),
            (&draft.input.title).into(),
            (&self.title_lower).into(),
            (&draft.input.description_html).into(),
            (&self.image).into(),
            now.into(),
            draft.sort.word().into(),
            (&self.rule).into(),
        ]
    }
}

/// Deletes its row. What it held by hand goes with it; what it held by rule is left to a job.
pub(crate) async fn delete(tx: &mut Tx<'_>, id: CollectionId, has_rule: bool) -> Result<()> {
    const STATEMENTS: [&str; 4] = [
        "DELETE FROM catalog_translation WHERE tenant_id = :tenant AND owner_id = $1",
        "DELETE FROM catalog_member_price WHERE tenant_id = :tenant AND group_id = $1",
        "DELETE FROM catalog_member WHERE tenant_id = :tenant AND group_id = $1",
        "DELETE FROM catalog_collection WHERE tenant_id = :tenant AND id = $1",
    ];
    let values = [Value::from(id)];
    let [words, prices, members, own] = STATEMENTS.map(|sql| (sql, values.as_slice()));
    let statements = match has_rule {
        true => vec![words, own],
        false => vec![words, prices, members, own],
    };
    tx.batch(&statements).await.map(|_| ())
}

/// Collections that have a rule.
pub(crate) async fn count_rules(tx: &mut Tx<'_>) -> Result<i64> {
    const SQL: &str = "SELECT count(*) FROM catalog_collection \
                       WHERE tenant_id = :tenant AND rule IS NOT NULL";
    tx.query_one(SQL, params![], |row| row.get(0)).await
}

/// Whether another collection has the handle.
pub(crate) async fn handle_is_taken(
    tx: &mut Tx<'_>,
    handle: &str,
    besides: CollectionId,
) -> Result<bool> {
    const SQL: &str =
        "SELECT id FROM catalog_collection WHERE tenant_id = :tenant AND handle = $1 AND id <> $2";
    let other = tx
        .query_opt(SQL, params![handle, besides], |row| {
            row.get::<CollectionId>(0)
        })
        .await?;
    Ok(other.is_some())
}

pub(crate) async fn count(tx: &mut Tx<'_>) -> Result<i64> {
    const SQL: &str = "SELECT count(*) FROM catalog_collection WHERE tenant_id = :tenant";
    tx.query_one(SQL, params![], |row| row.get(0)).await
}

/// The product of each handle, or the first handle that names none.
pub(crate) async fn products_of(
    tx: &mut Tx<'_>,
    handles: &[String],
) -> Result<Result<Vec<ProductId>, usize>> {
    const SQL: &str = "SELECT id FROM catalog_product WHERE tenant_id = :tenant AND handle = $1";
    let mut products = Vec::with_capacity(handles.len());
    for (index, handle) in handles.iter().enumerate() {
        match tx.query_opt(SQL, params![handle], |row| row.get(0)).await? {
            Some(id) => products.push(id),
            None => return Ok(Err(index)),
        }
    }
    Ok(Ok(products))
}

/// Handles of the collection's products, in order.
pub(crate) async fn product_handles(tx: &mut Tx<'_>, id: CollectionId) -> Result<Vec<String>> {
    const SQL: &str = "SELECT p.handle FROM catalog_member m \
         JOIN catalog_product p ON p.tenant_id = :tenant AND p.id = m.product_id \
         WHERE m.tenant_id = :tenant AND m.group_id = $1 ORDER BY m.position, m.product_id";
    tx.query(SQL, params![id], |row| row.get(0)).await
}

/// Pairs of product and handle of a collection that holds it, in that order.
pub(crate) async fn holding(
    tx: &mut Tx<'_>,
    products: &[ProductId],
) -> Result<Vec<(ProductId, String)>> {
    const SQL: &str = concat!(
        "SELECT m.product_id, c.handle FROM catalog_member m \
         JOIN catalog_collection c ON c.tenant_id = :tenant AND c.id = m.group_id \
         WHERE m.tenant_id = :tenant AND m.product_id IN ",
        id_places!(),
        " ORDER BY m.product_id, c.handle"
    );
    let mut ids: Vec<[u8; 16]> = products.iter().map(|id| id.to_bytes()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::new();
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        let rows = tx
            .query(SQL, &id_values(chunk), |row| Ok((row.get(0)?, row.get(1)?)))
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Collections by title, after (title in small letters, id).
pub(crate) async fn list(
    db: &Db,
    after: Option<(&str, CollectionId)>,
    limit: i64,
) -> Result<Vec<CollectionView>> {
    const SQL: &str = "SELECT id, handle, title, description_html, image FROM catalog_collection \
         WHERE tenant_id = :tenant AND (title_lower, id) > ($1, $2) \
         ORDER BY title_lower, id LIMIT $3";
    let (title, id) = after.unwrap_or(("", CollectionId::from_u128(0)));
    db.fetch(SQL, params![title, id, limit], view_of).await
}

pub(crate) async fn by_handle(db: &Db, handle: &str) -> Result<Option<CollectionView>> {
    const SQL: &str = "SELECT id, handle, title, description_html, image FROM catalog_collection \
                       WHERE tenant_id = :tenant AND handle = $1";
    Ok(db
        .fetch(SQL, params![handle], view_of)
        .await?
        .into_iter()
        .next())
}

/// A collection as merchants see it.
#[derive(Debug, Clone)]
pub(crate) struct WholeCollection {
    pub(crate) id: CollectionId,
    /// Its rule as rows hold it.
    pub(crate) draft: CollectionDraft,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

pub(crate) async fn whole(tx: &mut Tx<'_>, id: CollectionId) -> Result<Option<WholeCollection>> {
    const SQL: &str = "SELECT handle, title, description_html, image, version, created_at, \
         updated_at, sort, rule FROM catalog_collection WHERE tenant_id = :tenant AND id = $1";
    let found = tx
        .query_opt(SQL, params![id], |row| {
            Ok(WholeCollection {
                id,
                draft: CollectionDraft {
                    input: CollectionInput {
                        handle: row.get(0)?,
                        title: row.get(1)?,
                        description_html: row.get(2)?,
                        image: json_opt(row, 3)?,
                        products: Vec::new(),
                    },
                    sort: CollectionSort::of(row.str(7)?)
                        .ok_or_else(|| unknown_word("sort", "order of a collection"))?,
                    rule: json_opt(row, 8)?,
                },
                version: row.get(4)?,
                created_at: row.get(5)?,
                updated_at: row.get(6)?,
            })
        })
        .await?;
    let Some(mut collection) = found else {
        return Ok(None);
    };
    if collection.draft.rule.is_none() {
        collection.draft.input.products = product_handles(tx, id).await?;
    }
    Ok(Some(collection))
}

fn view_of(row: &Row<'_>) -> Result<CollectionView> {
    Ok(CollectionView {
        id: row.get(0)?,
        handle: row.get(1)?,
        title: row.get(2)?,
        description_html: row.get(3)?,
        image: json_opt(row, 4)?,
    })
}

async fn fill(tx: &mut Tx<'_>, id: CollectionId, products: &[ProductId]) -> Result<()> {
    // Their prices stand still until this is committed.
    members::lock(tx, products).await?;
    members::arrange(tx, id.to_bytes(), products).await
}
