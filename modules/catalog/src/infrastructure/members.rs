//! Which groups hold a product: rows of collections and categories, and the prices that their
//! lists are sorted by. The caller holds the locks of the products.

use std::collections::HashMap;

use stoa_kernel::{CollectionId, ProductId};
use stoa_storage::{Db, Error, Result, Stmt, Tx, Value, params};

use super::{IDS_PER_STATEMENT, id_places, id_values, json};
use crate::domain::{CardFacts, CategoryId, Facts, Rule, Rules};

/// A collection's id, or a category's.
pub(crate) type GroupId = [u8; 16];

/// A row of a product and a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) product: ProductId,
    pub(crate) group: GroupId,
    pub(crate) by_hand: bool,
}

/// The rules of all collections that have one.
pub(crate) async fn rules(tx: &mut Tx<'_>, version: i64) -> Result<Rules> {
    const SQL: &str = "SELECT id, rule FROM catalog_collection \
                       WHERE tenant_id = :tenant AND rule IS NOT NULL ORDER BY id";
    let all = tx
        .query(SQL, params![], |row| {
            Ok((row.get::<CollectionId>(0)?, json::<Rule>(row, 1)?))
        })
        .await?;
    Ok(Rules { version, all })
}

/// Locks products in id order; answers those that exist, with their handles.
pub(crate) async fn lock(
    tx: &mut Tx<'_>,
    products: &[ProductId],
) -> Result<Vec<(ProductId, String)>> {
    const SQL: &str = concat!(
        "SELECT p.id, p.handle FROM catalog_product p WHERE p.tenant_id = :tenant AND p.id IN ",
        id_places!(),
        " ORDER BY p.id {lock}"
    );
    let mut ids: Vec<[u8; 16]> = products.iter().map(|id| id.to_bytes()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        let rows = tx
            .query(SQL, &id_values(chunk), |row| Ok((row.get(0)?, row.get(1)?)))
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// The groups that hold at most 32 products.
pub(crate) async fn of(tx: &mut Tx<'_>, products: &[ProductId]) -> Result<Vec<Member>> {
    const SQL: &str = concat!(
        "SELECT product_id, group_id, by_hand FROM catalog_member \
         WHERE tenant_id = :tenant AND product_id IN ",
        id_places!(),
        " ORDER BY product_id, group_id"
    );
    let ids: Vec<[u8; 16]> = products.iter().map(|id| id.to_bytes()).collect();
    tx.query(SQL, &id_values(&ids), |row| {
        Ok(Member {
            product: row.get(0)?,
            group: row.get::<CollectionId>(1)?.to_bytes(),
            by_hand: row.get(2)?,
        })
    })
    .await
}

/// What rules look at, of at most 32 products.
pub(crate) async fn facts(tx: &mut Tx<'_>, products: &[ProductId]) -> Result<Vec<Facts>> {
    const SQL: &str = concat!(
        "SELECT p.id, p.title_lower, p.vendor, p.product_type, p.tags, p.created_at, \
         p.category_id, c.currency, c.price_min, c.compare_at, c.in_stock FROM catalog_product p \
         LEFT JOIN catalog_card c ON c.tenant_id = :tenant AND c.product_id = p.id \
         WHERE p.tenant_id = :tenant AND p.id IN ",
        id_places!(),
        " ORDER BY p.id, c.currency"
    );
    let ids: Vec<[u8; 16]> = products.iter().map(|id| id.to_bytes()).collect();
    let mut found: Vec<Facts> = Vec::with_capacity(products.len());
    tx.query(SQL, &id_values(&ids), |row| {
        let id: ProductId = row.get(0)?;
        if found.last().is_none_or(|last| last.id != id) {
            found.push(Facts {
                id,
                title_lower: row.get(1)?,
                vendor: row.get(2)?,
                product_type: row.get(3)?,
                tags: json(row, 4)?,
                created_at: row.get(5)?,
                category: row.get::<Option<CategoryId>>(6)?,
                cards: Vec::new(),
            });
        }
        if let (Some(currency), Some(last)) = (row.get(7)?, found.last_mut()) {
            last.cards.push(CardFacts {
                currency,
                price_min: row.get(8)?,
                compare_at: row.get::<Option<i64>>(9)?.is_some(),
                in_stock: row.get(10)?,
            });
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// Takes products out of groups, puts them into others, and lets the prices of these products'
/// rows follow their cards.
pub(crate) async fn change(
    tx: &mut Tx<'_>,
    out: &[(ProductId, GroupId)],
    into: &[(ProductId, GroupId)],
    priced: &[ProductId],
) -> Result<()> {
    const OUT: &str = "DELETE FROM catalog_member WHERE tenant_id = :tenant \
                       AND product_id = $1 AND group_id = $2";
    const INTO: &str = "INSERT INTO catalog_member (tenant_id, product_id, group_id, by_hand, \
         position, created_at, title_lower) VALUES (:tenant, $1, $2, 0, 0, \
         (SELECT p.created_at FROM catalog_product p WHERE p.tenant_id = :tenant AND p.id = $1), \
         (SELECT p.title_lower FROM catalog_product p WHERE p.tenant_id = :tenant AND p.id = $1)) \
         ON CONFLICT (tenant_id, group_id, product_id) DO NOTHING";
    const UNPRICE: &str = "DELETE FROM catalog_member_price WHERE tenant_id = :tenant \
         AND product_id = $1 AND NOT EXISTS (SELECT 1 FROM catalog_member m \
         JOIN catalog_card c ON c.tenant_id = :tenant AND c.product_id = m.product_id \
         WHERE m.tenant_id = :tenant AND m.group_id = catalog_member_price.group_id \
         AND m.product_id = catalog_member_price.product_id \
         AND c.currency = catalog_member_price.currency)";
    const PRICE: &str = "INSERT INTO catalog_member_price (tenant_id, product_id, group_id, \
         currency, price_min) SELECT m.tenant_id, m.product_id, m.group_id, c.currency, \
         c.price_min FROM catalog_member m \
         JOIN catalog_card c ON c.tenant_id = :tenant AND c.product_id = m.product_id \
         WHERE m.tenant_id = :tenant AND m.product_id = $1 \
         ON CONFLICT (tenant_id, product_id, group_id, currency) DO UPDATE SET \
         price_min = excluded.price_min WHERE catalog_member_price.tenant_id = :tenant \
         AND catalog_member_price.price_min <> excluded.price_min";
    let row = |(product, group): &(ProductId, GroupId)| [(*product).into(), Value::Id(*group)];
    let out: Vec<[Value<'_>; 2]> = out.iter().map(row).collect();
    let into: Vec<[Value<'_>; 2]> = into.iter().map(row).collect();
    let priced: Vec<[Value<'_>; 1]> = priced.iter().map(|id| [(*id).into()]).collect();
    let mut statements: Vec<Stmt<'_>> = Vec::new();
    statements.extend(out.iter().map(|row| (OUT, row.as_slice())));
    statements.extend(into.iter().map(|row| (INTO, row.as_slice())));
    for row in &priced {
        statements.extend([(UNPRICE, row.as_slice()), (PRICE, row.as_slice())]);
    }
    tx.batch(&statements).await.map(|_| ())
}

/// Fills a group by hand, in this order, in place of what it held. The products are locked.
pub(crate) async fn arrange(tx: &mut Tx<'_>, group: GroupId, products: &[ProductId]) -> Result<()> {
    const EMPTY: &str = "DELETE FROM catalog_member WHERE tenant_id = :tenant AND group_id = $1";
    const PUT: &str = "INSERT INTO catalog_member (tenant_id, group_id, product_id, position, \
         by_hand, created_at, title_lower) VALUES (:tenant, $1, $2, $3, 1, \
         (SELECT p.created_at FROM catalog_product p WHERE p.tenant_id = :tenant AND p.id = $2), \
         (SELECT p.title_lower FROM catalog_product p WHERE p.tenant_id = :tenant AND p.id = $2))";
    const UNPRICE: &str = "DELETE FROM catalog_member_price WHERE tenant_id = :tenant \
         AND group_id = $1 AND NOT EXISTS (SELECT 1 FROM catalog_member m \
         WHERE m.tenant_id = :tenant AND m.group_id = catalog_member_price.group_id \
         AND m.product_id = catalog_member_price.product_id)";
    const PRICE: &str = "INSERT INTO catalog_member_price (tenant_id, product_id, group_id, \
         currency, price_min) SELECT m.tenant_id, m.product_id, m.group_id, c.currency, \
         c.price_min FROM catalog_member m \
         JOIN catalog_card c ON c.tenant_id = :tenant AND c.product_id = m.product_id \
         WHERE m.tenant_id = :tenant AND m.group_id = $1 \
         ON CONFLICT (tenant_id, product_id, group_id, currency) DO UPDATE SET \
         price_min = excluded.price_min WHERE catalog_member_price.tenant_id = :tenant \
         AND catalog_member_price.price_min <> excluded.price_min";
    let group = [Value::Id(group)];
    let rows: Vec<[Value<'_>; 3]> = products
        .iter()
        .enumerate()
        .map(|(place, id)| [group[0], (*id).into(), (place as i64).into()])
        .collect();
    let mut statements: Vec<Stmt<'_>> = vec![(EMPTY, &group)];
    statements.extend(rows.iter().map(|row| (PUT, row.as_slice())));
    statements.extend([(UNPRICE, group.as_slice()), (PRICE, group.as_slice())]);
    tx.batch(&statements).await.map(|_| ())
}

/// How the collection of a handle is ordered by itself; `None` where there is none.
pub(crate) async fn sort_of(db: &Db, handle: &str) -> Result<Option<String>> {
    const SQL: &str =
        "SELECT sort FROM catalog_collection WHERE tenant_id = :tenant AND handle = $1";
    let found = db.fetch(SQL, params![handle], |row| row.get(0)).await?;
    Ok(found.into_iter().next())
}

/// Rows by product, for those that have any.
pub(crate) fn by_product(rows: Vec<Member>) -> HashMap<ProductId, Vec<Member>> {
    let mut found: HashMap<ProductId, Vec<Member>> = HashMap::new();
    for row in rows {
        found.entry(row.product).or_default().push(row);
    }
    found
}

/// A word of a row that no version of the catalog wrote.
pub(crate) fn unknown_word(word: &str, what: &str) -> Error {
    Error::Json {
        message: format!("`{word}` is no {what}"),
    }
}
