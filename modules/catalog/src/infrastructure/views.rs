//! The product page's one statement.

use stoa_contracts::catalog::{ProductKind, ProductView, VariantView};
use stoa_kernel::{Currency, Money};
use stoa_storage::{Db, Result, Row, params};

use super::categories::attributes_of;
use super::extras::standing_of;
use super::json;
use crate::domain::{CategoryId, Standing};

/// A product whose place in the tree is still to be told.
pub(crate) struct FoundView {
    pub(crate) view: ProductView,
    pub(crate) standing: Standing,
    pub(crate) category: Option<CategoryId>,
    /// The version that the tree was at.
    pub(crate) tree: Option<i64>,
}

/// The published product of a handle. The product's own columns come with its first variant only:
/// repeated for each of two thousand they would weigh more than the rest.
pub(crate) async fn product(
    db: &Db,
    handle: &str,
    currency: Currency,
) -> Result<Option<FoundView>> {
    const SQL: &str = "SELECT v.id, v.sku, v.title, v.option_values, v.in_stock, v.image, \
         l.price, l.compare_at, p.id, p.handle, \
         CASE WHEN v.position = 0 THEN p.title END, \
         CASE WHEN v.position = 0 THEN p.description_html END, \
         CASE WHEN v.position = 0 THEN p.vendor END, \
         CASE WHEN v.position = 0 THEN p.product_type END, \
         CASE WHEN v.position = 0 THEN p.tags END, \
         CASE WHEN v.position = 0 THEN p.options END, \
         CASE WHEN v.position = 0 THEN p.media END, \
         CASE WHEN v.position = 0 THEN p.seo END, p.kind, p.publish_at, p.unpublish_at, \
         p.category_id, CASE WHEN v.position = 0 THEN p.attributes END, \
         (SELECT s.tree FROM catalog_shape s WHERE s.tenant_id = :tenant) \
         FROM catalog_product p \
         JOIN catalog_variant v ON v.tenant_id = :tenant AND v.product_id = p.id \
         LEFT JOIN catalog_listing l ON l.tenant_id = :tenant AND l.product_id = p.id \
         AND l.currency = $2 AND l.variant_id = v.id \
         WHERE p.tenant_id = :tenant AND p.handle = $1 AND p.status = 'active' \
         ORDER BY v.position";
    let mut product: Option<FoundView> = None;
    let variants = db
        .fetch(SQL, params![handle, &currency], |row| {
            if product.is_none() {
                let standing = standing_of(row, 18)?;
                let mut view = product_of(row, standing.kind)?;
                view.attributes = attributes_of(row, 22)?;
                product = Some(FoundView {
                    view,
                    standing,
                    category: row.get(21)?,
                    tree: row.get(23)?,
                });
            }
            variant_of(row, currency)
        })
        .await?;
    Ok(product.map(|mut found| {
        found.view.variants = variants;
        found
    }))
}

fn product_of(row: &Row<'_>, kind: ProductKind) -> Result<ProductView> {
    Ok(ProductView {
        id: row.get(8)?,
        handle: row.get(9)?,
        title: row.get(10)?,
        description_html: row.get(11)?,
        vendor: row.get(12)?,
        product_type: row.get(13)?,
        tags: json(row, 14)?,
        options: json(row, 15)?,
        variants: Vec::new(),
        media: json(row, 16)?,
        seo: json(row, 17)?,
        kind,
        categories: Vec::new(),
        attributes: Vec::new(),
    })
}

fn variant_of(row: &Row<'_>, currency: Currency) -> Result<VariantView> {
    let money = |amount: Option<i64>| amount.map(|amount| Money::new(amount, currency));
    let price = money(row.get(6)?);
    Ok(VariantView {
        id: row.get(0)?,
        sku: row.get(1)?,
        title: row.get(2)?,
        option_values: json(row, 3)?,
        price,
        compare_at_price: money(row.get(7)?),
        // What has no price cannot be bought, however much of it there is.
        available: row.get::<bool>(4)? && price.is_some(),
        image: row.get(5)?,
    })
}
