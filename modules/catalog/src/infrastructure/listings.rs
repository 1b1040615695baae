//! Listing prices, stock marks, the per-product cards made of both, and variant snapshots.

use std::collections::BTreeMap;

use stoa_contracts::catalog::{ListingPrice, ProductKind, VariantSnapshot};
use stoa_contracts::inventory::AvailabilityChanged;
use stoa_kernel::{Currency, ProductId, Timestamp, VariantId};
use stoa_storage::{Result, Stmt, Tx, Value};

use super::extras::standing_of;
use super::shape::{Shape, shape_columns, shape_of};
use super::{IDS_PER_STATEMENT, id_places, id_values};

/// Snapshots of the variants that exist, in id order.
pub(crate) async fn snapshots(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
    now: Timestamp,
) -> Result<Vec<VariantSnapshot>> {
    const SQL: &str = concat!(
        "SELECT v.id, p.id, p.handle, p.title, v.title, v.sku, \
         coalesce(v.image, p.image), v.image IS NULL, p.status, v.requires_shipping, v.taxable, \
         v.grams, p.product_type, p.kind, p.publish_at, p.unpublish_at FROM catalog_variant v \
         JOIN catalog_product p ON p.tenant_id = :tenant AND p.id = v.product_id \
         WHERE v.tenant_id = :tenant AND v.id IN ",
        id_places!(),
        " ORDER BY v.id"
    );
    let mut found = Vec::with_capacity(variants.len());
    for ids in sorted(variants).chunks(IDS_PER_STATEMENT) {
        let rows = tx
            .query(SQL, &id_values(ids), |row| {
                let image: Option<String> = row.get(6)?;
                let image = match (image, row.get::<bool>(7)?) {
                    // The product's picture is kept as a link with its description.
                    (Some(link), true) => Some(url_of(&link)?),
                    (image, _) => image,
                };
                let standing = standing_of(row, 13)?;
                let shipped =
                    !matches!(standing.kind, ProductKind::Digital | ProductKind::GiftCard);
                Ok(VariantSnapshot {
                    variant: row.get(0)?,
                    product: row.get(1)?,
                    handle: row.get(2)?,
                    product_title: row.get(3)?,
                    variant_title: row.get(4)?,
                    sku: row.get(5)?,
                    image,
                    active: row.str(8)? == "active" && standing.is_open(now),
                    requires_shipping: shipped && row.get::<bool>(9)?,
                    taxable: row.get(10)?,
                    grams: row.get(11)?,
                    product_type: row.get(12)?,
                    bundle: standing.kind == ProductKind::Bundle,
                })
            })
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

fn url_of(link: &str) -> Result<String> {
    let link: stoa_contracts::catalog::MediaLink = serde_json::from_str(link)?;
    Ok(link.url)
}

/// The products of some variants, locked.
#[derive(Debug, Default)]
pub(crate) struct LockedProducts {
    /// (id, handle) each, in id order.
    pub(crate) products: Vec<(ProductId, String)>,
    pub(crate) shape: Option<Shape>,
}

impl LockedProducts {
    pub(crate) fn ids(&self) -> Vec<ProductId> {
        self.products.iter().map(|(id, _)| *id).collect()
    }
}

/// Which products these variants are of. A statement of its own: with it inside of the one that
/// locks, a database that knows nothing of its tables yet looks through all of them.
macro_rules! products_of {
    () => {
        concat!(
            "SELECT v.product_id FROM catalog_variant v WHERE v.tenant_id = :tenant AND v.id IN ",
            id_places!()
        )
    };
}

macro_rules! lock_products {
    () => {
        concat!(
            "SELECT p.id, p.handle, ",
            shape_columns!(),
            " FROM catalog_product p WHERE p.tenant_id = :tenant AND p.id IN ",
            id_places!(),
            " ORDER BY p.id {lock}"
        )
    };
}

/// Locks the products of these variants, in id order.
pub(crate) async fn lock_products_of(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
) -> Result<LockedProducts> {
    const PRODUCTS_OF: &str = products_of!();
    const LOCK_PRODUCTS: &str = lock_products!();
    let mut products: Vec<[u8; 16]> = Vec::new();
    for ids in sorted(variants).chunks(IDS_PER_STATEMENT) {
        let rows = tx
            .query(PRODUCTS_OF, &id_values(ids), |row| row.get::<ProductId>(0))
            .await?;
        products.extend(rows.into_iter().map(ProductId::to_bytes));
    }
    products.sort_unstable();
    products.dedup();
    let mut found = LockedProducts::default();
    for ids in products.chunks(IDS_PER_STATEMENT) {
        let shape = &mut found.shape;
        let rows = tx
            .query(LOCK_PRODUCTS, &id_values(ids), |row| {
                *shape = shape_of(row, 2)?;
                Ok((row.get(0)?, row.get(1)?))
            })
            .await?;
        found.products.extend(rows);
    }
    Ok(found)
}

/// Puts the prices of variants that exist; returns how many differed from what was there.
pub(crate) async fn put_prices(tx: &mut Tx<'_>, prices: &[ListingPrice]) -> Result<u64> {
    const SQL: &str = "INSERT INTO catalog_listing (tenant_id, variant_id, currency, product_id, \
         price, compare_at) SELECT v.tenant_id, v.id, CAST($2 AS TEXT), v.product_id, \
         CAST($3 AS BIGINT), CAST($4 AS BIGINT) FROM catalog_variant v \
         WHERE v.tenant_id = :tenant AND v.id = $1 \
         ON CONFLICT (tenant_id, variant_id, currency) DO UPDATE SET price = excluded.price, \
         compare_at = excluded.compare_at WHERE catalog_listing.tenant_id = :tenant \
         AND (catalog_listing.price <> excluded.price \
         OR catalog_listing.compare_at IS DISTINCT FROM excluded.compare_at)";
    let rows: Vec<[Value<'_>; 4]> = prices
        .iter()
        .map(|each| {
            [
                each.variant.into(),
                (&each.price.currency).into(),
                each.price.amount.into(),
                each.compare_at.map(|money| money.amount).into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    Ok(tx.batch(&statements).await?.iter().sum())
}

/// Removes listing prices; returns how many there were.
pub(crate) async fn remove_prices(tx: &mut Tx<'_>, gone: &[(VariantId, Currency)]) -> Result<u64> {
    const SQL: &str = "DELETE FROM catalog_listing WHERE tenant_id = :tenant \
                       AND variant_id = $1 AND currency = $2";
    let rows: Vec<[Value<'_>; 2]> = gone
        .iter()
        .map(|(variant, currency)| [(*variant).into(), currency.into()])
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    Ok(tx.batch(&statements).await?.iter().sum())
}

/// Works out the cards of products anew from their listings and stock; the caller holds the
/// products' locks, so no other change is missed.
pub(crate) async fn renew_cards(tx: &mut Tx<'_>, products: &[ProductId]) -> Result<()> {
    const DROP: &str = "DELETE FROM catalog_card WHERE tenant_id = :tenant AND product_id = $1 \
         AND NOT EXISTS (SELECT 1 FROM catalog_listing l WHERE l.tenant_id = :tenant \
         AND l.product_id = catalog_card.product_id AND l.currency = catalog_card.currency)";
    const PUT: &str = "INSERT INTO catalog_card (tenant_id, product_id, currency, price_min, \
         price_max, compare_at, in_stock) \
         SELECT l.tenant_id, l.product_id, l.currency, min(l.price), max(l.price), \
         (SELECT c.compare_at FROM catalog_listing c WHERE c.tenant_id = :tenant \
          AND c.product_id = l.product_id AND c.currency = l.currency \
          ORDER BY c.price, c.variant_id LIMIT 1), max(v.in_stock) \
         FROM catalog_listing l \
         JOIN catalog_variant v ON v.tenant_id = :tenant AND v.id = l.variant_id \
         WHERE l.tenant_id = :tenant AND l.product_id = $1 \
         GROUP BY l.tenant_id, l.product_id, l.currency \
         ON CONFLICT (tenant_id, product_id, currency) DO UPDATE SET \
         price_min = excluded.price_min, price_max = excluded.price_max, \
         compare_at = excluded.compare_at, in_stock = excluded.in_stock";
    let rows: Vec<[Value<'_>; 1]> = products.iter().map(|id| [Value::from(*id)]).collect();
    let statements: Vec<Stmt<'_>> = rows
        .iter()
        .flat_map(|row| [(DROP, row.as_slice()), (PUT, row.as_slice())])
        .collect();
    tx.batch(&statements).await.map(|_| ())
}

/// Marks variants in or out of stock, each unless a newer level of it is known. The caller holds
/// the products' locks. Answers those for which shoppers see a difference, in id order.
pub(crate) async fn mark_stock(
    tx: &mut Tx<'_>,
    levels: &[AvailabilityChanged],
) -> Result<Vec<VariantId>> {
    // A bundle's own level says nothing: it has what its components have.
    const READ: &str = concat!(
        "SELECT id, in_stock, level_version FROM catalog_variant \
         WHERE tenant_id = :tenant AND NOT EXISTS (SELECT 1 \
         FROM catalog_component c WHERE c.tenant_id = :tenant \
         AND c.variant_id = catalog_variant.id) AND id IN ",
        id_places!()
    );
    const MARK: &str = "UPDATE catalog_variant SET in_stock = $2, level_version = $3 \
                        WHERE tenant_id = :tenant AND id = $1 AND level_version < $3";
    let mut told: BTreeMap<VariantId, &AvailabilityChanged> =
        levels.iter().map(|level| (level.variant, level)).collect();
    let variants: Vec<VariantId> = told.keys().copied().collect();
    let mut before: BTreeMap<VariantId, (bool, i64)> = BTreeMap::new();
    for ids in sorted(&variants).chunks(IDS_PER_STATEMENT) {
        let rows = tx
            .query(READ, &id_values(ids), |row| {
                Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
            })
            .await?;
        before.extend(rows);
    }
    told.retain(|variant, level| {
        let known = before.get(variant);
        known.is_some_and(|(_, version)| *version < level.level_version)
    });
    let rows: Vec<[Value<'_>; 3]> = told
        .values()
        .map(|level| {
            [
                level.variant.into(),
                level.available.into(),
                level.level_version.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (MARK, row.as_slice())).collect();
    tx.batch(&statements).await?;
    told.retain(|variant, level| before[variant].0 != level.available);
    Ok(told.into_keys().collect())
}

fn sorted(variants: &[VariantId]) -> Vec<[u8; 16]> {
    let mut ids: Vec<[u8; 16]> = variants.iter().map(|id| id.to_bytes()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn locking_the_products_of_variants_looks_up_an_index_each_time() {
        const PLANS: [&str; 2] = [
            concat!("EXPLAIN QUERY PLAN ", products_of!()),
            concat!("EXPLAIN QUERY PLAN ", lock_products!()),
        ];
        let values = id_values(&[[1; 16], [2; 16]]);
        for cells in stoa_testkit::everywhere(&[crate::MIGRATIONS]).await {
            if !cells.kind.starts_with("sqlite") {
                continue;
            }
            let db = cells.db(cells.tenant("locks").await).await;
            for plan in PLANS {
                let steps = db.fetch(plan, &values, |row| row.get::<String>(3)).await;
                for step in steps.expect("a plan") {
                    let shape = step.starts_with("SCALAR SUBQUERY");
                    assert!(step.starts_with("SEARCH") || shape, "{step}");
                }
            }
        }
    }
}
