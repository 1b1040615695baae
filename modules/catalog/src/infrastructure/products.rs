//! Writing products and their variants, under the product's row lock.

use std::collections::{HashMap, HashSet};

use stoa_contracts::catalog::{ProductInput, ProductKind, ProductStatus, VariantInput};
use stoa_kernel::{ProductId, Timestamp, VariantId};
use stoa_storage::{Error, Result, Row, Stmt, Tx, Value, params};

use super::categories::attributes_of;
use super::extras::{components_of_product, metadata_of, standing_of};
use super::shape::{Shape, shape_columns, shape_of};
use super::stored::{StoredProduct, StoredVariant};
use super::{handles, json};
use crate::domain::{CategoryId, Extras, Standing, VariantExtras, status_of};

/// The row that a change of a product takes first, so that two changes follow one another.
#[derive(Debug, Clone)]
pub(crate) struct LockedProduct {
    pub(crate) id: ProductId,
    pub(crate) handle: String,
    pub(crate) version: i64,
    pub(crate) content_hash: Vec<u8>,
    /// As it stands, and as the merchant set it.
    pub(crate) status: ProductStatus,
    pub(crate) set_status: ProductStatus,
    pub(crate) standing: Standing,
    pub(crate) category: Option<CategoryId>,
    /// Of the shop, as it was when the lock was taken.
    pub(crate) shape: Option<Shape>,
}

macro_rules! lock_where {
    ($which:literal) => {
        concat!(
            "SELECT id, handle, version, content_hash, status, set_status, kind, publish_at, \
             unpublish_at, category_id, ",
            shape_columns!(),
            " FROM catalog_product WHERE tenant_id = :tenant AND ",
            $which,
            " = $1 {lock}"
        )
    };
}

fn locked(row: &Row<'_>) -> Result<LockedProduct> {
    Ok(LockedProduct {
        id: row.get(0)?,
        handle: row.get(1)?,
        version: row.get(2)?,
        content_hash: row.get(3)?,
        status: status_in(row.str(4)?)?,
        set_status: match row.get::<Option<String>>(5)? {
            Some(word) => status_in(&word)?,
            None => status_in(row.str(4)?)?,
        },
        standing: standing_of(row, 6)?,
        category: row.get(9)?,
        shape: shape_of(row, 10)?,
    })
}

fn status_in(word: &str) -> Result<ProductStatus> {
    status_of(word).ok_or_else(|| Error::Json {
        message: format!("`{word}` is no product status"),
    })
}

/// How the product stands, and what was set where that is something else. The caller holds the
/// row's lock.
pub(crate) async fn stand(
    tx: &mut Tx<'_>,
    id: ProductId,
    status: &'static str,
    set: Option<&'static str>,
) -> Result<()> {
    const SQL: &str = "UPDATE catalog_product SET status = $2, set_status = $3 \
                       WHERE tenant_id = :tenant AND id = $1";
    tx.execute(SQL, params![id, status, set]).await.map(|_| ())
}

pub(crate) async fn lock_by_handle(tx: &mut Tx<'_>, handle: &str) -> Result<Option<LockedProduct>> {
    const SQL: &str = lock_where!("handle");
    tx.query_opt(SQL, params![handle], locked).await
}

pub(crate) async fn lock_by_id(tx: &mut Tx<'_>, id: ProductId) -> Result<Option<LockedProduct>> {
    const SQL: &str = lock_where!("id");
    tx.query_opt(SQL, params![id], locked).await
}

/// The shape of the shop; `None` where the handle belongs to another product already, and then
/// nothing was written.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    id: ProductId,
    product: &StoredProduct<'_>,
    variants: &[VariantId],
    now: Timestamp,
) -> Result<Option<Option<Shape>>> {
    const SQL: &str = concat!(
        "INSERT INTO catalog_product (tenant_id, id, handle, status, created_at, \
         updated_at, version, gift_card, content_hash, title, title_lower, vendor, image, \
         search_text, product_type, tags, options, seo, media, description_html, set_status, kind) \
         VALUES (:tenant, $1, $2, $3, $4, $4, 1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
         $15, $16, $17, $18, $19) ON CONFLICT (tenant_id, handle) DO NOTHING RETURNING ",
        shape_columns!()
    );
    let values = product_values(id, product, now);
    let made = tx.query_opt(SQL, &values, |row| shape_of(row, 0)).await?;
    let Some(shape) = made else {
        return Ok(None);
    };
    let rows: Vec<_> = product
        .variants
        .iter()
        .zip(variants)
        .map(|(variant, variant_id)| variant_values(*variant_id, id, variant))
        .collect();
    let handle = [Value::from(&product.input.handle)];
    let mut statements: Vec<Stmt<'_>> = vec![(handles::YIELD, &handle)];
    statements.extend(rows.iter().map(|row| (INSERT_VARIANT, row.as_slice())));
    tx.batch(&statements).await?;
    Ok(Some(shape))
}

/// What becomes of the variants of a product that is replaced.
pub(crate) struct VariantChanges {
    /// One per variant of the input: its id, and whether it is new.
    pub(crate) kept: Vec<(VariantId, bool)>,
    pub(crate) removed: Vec<VariantId>,
    /// Those of `kept` whose rows are already as they are to be.
    pub(crate) same: HashSet<VariantId>,
}

/// Replaces the product's row and variants; the caller holds the row's lock.
pub(crate) async fn replace(
    tx: &mut Tx<'_>,
    found: &LockedProduct,
    product: &StoredProduct<'_>,
    changes: &VariantChanges,
    now: Timestamp,
) -> Result<()> {
    let id = found.id;
    const UPDATE: &str = "UPDATE catalog_product SET handle = $2, status = $3, updated_at = $4, \
         version = version + 1, gift_card = $5, content_hash = $6, title = $7, title_lower = $8, \
         vendor = $9, image = $10, search_text = $11, product_type = $12, tags = $13, \
         options = $14, seo = $15, media = $16, description_html = $17, set_status = $18, \
         kind = $19 \
         WHERE tenant_id = :tenant AND id = $1";
    const UPDATE_VARIANT: &str = "UPDATE catalog_variant SET position = $3, title = $4, \
         option_values = $5, sku = $6, barcode = $7, grams = $8, requires_shipping = $9, \
         taxable = $10, image = $11 WHERE tenant_id = :tenant AND id = $1 AND product_id = $2";
    const RETITLE: &str = "UPDATE catalog_member SET title_lower = $2 \
                           WHERE tenant_id = :tenant AND product_id = $1 AND title_lower <> $2";
    const REMOVE_VARIANT: &str =
        "DELETE FROM catalog_variant WHERE tenant_id = :tenant AND id = $1";
    const REMOVE_PARTS: &str =
        "DELETE FROM catalog_component WHERE tenant_id = :tenant AND variant_id = $1";
    const REMOVE_LISTINGS: &str =
        "DELETE FROM catalog_listing WHERE tenant_id = :tenant AND variant_id = $1";
    let row = product_values(id, product, now);
    let gone: Vec<_> = changes
        .removed
        .iter()
        .map(|variant| [Value::from(*variant)])
        .collect();
    let rows: Vec<_> = product
        .variants
        .iter()
        .zip(&changes.kept)
        .filter(|(_, (variant_id, _))| !changes.same.contains(variant_id))
        .map(|(variant, (variant_id, is_new))| (variant_values(*variant_id, id, variant), *is_new))
        .collect();
    let mut statements: Vec<Stmt<'_>> = vec![(UPDATE, row.as_slice())];
    for variant in &gone {
        statements.push((REMOVE_PARTS, variant.as_slice()));
        statements.push((REMOVE_LISTINGS, variant.as_slice()));
        statements.push((REMOVE_VARIANT, variant.as_slice()));
    }
    for (values, is_new) in &rows {
        let sql = if *is_new {
            INSERT_VARIANT
        } else {
            UPDATE_VARIANT
        };
        statements.push((sql, values.as_slice()));
    }
    let titled = params![id, &product.title_lower];
    if found.shape.is_some() {
        statements.push((RETITLE, titled));
    }
    let former = params![id, &found.handle, now];
    let handle = [Value::from(&product.input.handle)];
    let oldest = params![id, handles::FORMER_HANDLES_MAX];
    if found.handle != product.input.handle {
        statements.push((handles::KEEP, former));
        statements.push((handles::YIELD, &handle));
        statements.push((handles::FORGET_OLDEST, oldest));
    }
    tx.batch(&statements).await.map(|_| ())
}

pub(crate) async fn delete(tx: &mut Tx<'_>, id: ProductId) -> Result<()> {
    const STATEMENTS: [&str; 9] = [
        "DELETE FROM catalog_translation WHERE tenant_id = :tenant AND owner_id = $1",
        "DELETE FROM catalog_component WHERE tenant_id = :tenant AND product_id = $1",
        "DELETE FROM catalog_former_handle WHERE tenant_id = :tenant AND product_id = $1",
        "DELETE FROM catalog_member WHERE tenant_id = :tenant AND product_id = $1",
        "DELETE FROM catalog_member_price WHERE tenant_id = :tenant AND product_id = $1",
        "DELETE FROM catalog_card WHERE tenant_id = :tenant AND product_id = $1",
        "DELETE FROM catalog_listing WHERE tenant_id = :tenant AND product_id = $1",
        "DELETE FROM catalog_variant WHERE tenant_id = :tenant AND product_id = $1",
        "DELETE FROM catalog_product WHERE tenant_id = :tenant AND id = $1",
    ];
    let values = [Value::from(id)];
    let statements = STATEMENTS.map(|sql| (sql, values.as_slice()));
    tx.batch(&statements).await.map(|_| ())
}

/// Whether another product has the handle.
pub(crate) async fn handle_is_taken(
    tx: &mut Tx<'_>,
    handle: &str,
    besides: ProductId,
) -> Result<bool> {
    const SQL: &str =
        "SELECT id FROM catalog_product WHERE tenant_id = :tenant AND handle = $1 AND id <> $2";
    let other = tx
        .query_opt(SQL, params![handle, besides], |row| row.get::<ProductId>(0))
        .await?;
    Ok(other.is_some())
}

/// The product's variants and their option values as JSON, in order.
pub(crate) async fn variant_keys(
    tx: &mut Tx<'_>,
    product: ProductId,
) -> Result<Vec<(VariantId, String)>> {
    const SQL: &str = "SELECT id, option_values FROM catalog_variant \
                       WHERE tenant_id = :tenant AND product_id = $1 ORDER BY position, id";
    tx.query(SQL, params![product], |row| Ok((row.get(0)?, row.get(1)?)))
        .await
}

/// A product as merchants see it.
#[derive(Debug, Clone)]
pub(crate) struct WholeProduct {
    pub(crate) id: ProductId,
    pub(crate) input: ProductInput,
    /// One per variant of the input: its id, and whether it is in stock.
    pub(crate) variants: Vec<(VariantId, bool)>,
    pub(crate) extras: Extras,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A product's own columns as [`whole_of`] reads them. A category that is gone counts as the one
/// which stands for it.
macro_rules! whole_columns {
    () => {
        "SELECT p.id, p.handle, p.title, p.description_html, p.vendor, p.product_type, p.tags, \
         coalesce(p.set_status, p.status), p.options, p.media, p.seo, p.gift_card, p.version, \
         p.created_at, p.updated_at, p.kind, p.publish_at, p.unpublish_at, p.files, p.metadata, \
         p.attributes, coalesce((SELECT k.handle FROM catalog_category k \
         WHERE k.tenant_id = :tenant AND k.id = p.category_id), (SELECT k.handle \
         FROM catalog_category_gone g JOIN catalog_category k ON k.tenant_id = :tenant \
         AND k.id = g.parent_id WHERE g.tenant_id = :tenant AND g.id = p.category_id)) \
         FROM catalog_product p WHERE p.tenant_id = :tenant "
    };
}
pub(crate) use whole_columns;

pub(crate) async fn whole(tx: &mut Tx<'_>, id: ProductId) -> Result<Option<WholeProduct>> {
    const PRODUCT: &str = concat!(whole_columns!(), "AND p.id = $1");
    const VARIANTS: &str = "SELECT option_values, sku, barcode, grams, requires_shipping, \
         taxable, image, id, in_stock, metadata FROM catalog_variant \
         WHERE tenant_id = :tenant AND product_id = $1 ORDER BY position, id";
    let found = tx.query_opt(PRODUCT, params![id], whole_of).await?;
    let Some(mut product) = found else {
        return Ok(None);
    };
    let variants = tx
        .query(VARIANTS, params![id], |row| {
            let variant = variant_of(row)?;
            let extras = VariantExtras {
                metadata: metadata_of(row, 9)?,
                components: Vec::new(),
            };
            Ok(((row.get(7)?, row.get(8)?), variant, extras))
        })
        .await?;
    let mut components = match product.extras.standing.kind {
        ProductKind::Bundle => components_of_product(tx, id).await?,
        _ => HashMap::new(),
    };
    for (known, variant, mut extras) in variants {
        extras.components = components.remove(&known.0).unwrap_or_default();
        product.variants.push(known);
        product.input.variants.push(variant);
        product.extras.variants.push(extras);
    }
    Ok(Some(product))
}

/// A variant as the merchant wrote it, from the row's first seven columns.
pub(crate) fn variant_of(row: &Row<'_>) -> Result<VariantInput> {
    Ok(VariantInput {
        option_values: json(row, 0)?,
        sku: row.get(1)?,
        barcode: row.get(2)?,
        grams: row.get(3)?,
        requires_shipping: row.get(4)?,
        taxable: row.get(5)?,
        image: row.get(6)?,
    })
}

/// A product without its variants.
pub(crate) fn whole_of(row: &Row<'_>) -> Result<WholeProduct> {
    Ok(WholeProduct {
        id: row.get(0)?,
        input: ProductInput {
            handle: row.get(1)?,
            title: row.get(2)?,
            description_html: row.get(3)?,
            vendor: row.get(4)?,
            product_type: row.get(5)?,
            tags: json(row, 6)?,
            status: status_in(row.str(7)?)?,
            options: json(row, 8)?,
            variants: Vec::new(),
            media: json(row, 9)?,
            seo: json(row, 10)?,
            gift_card: row.get(11)?,
            extras: None,
        },
        variants: Vec::new(),
        extras: Extras {
            standing: standing_of(row, 15)?,
            category: row.get(21)?,
            attributes: attributes_of(row, 20)?,
            files: json(row, 18)?,
            metadata: metadata_of(row, 19)?,
            variants: Vec::new(),
        },
        version: row.get(12)?,
        created_at: row.get(13)?,
        updated_at: row.get(14)?,
    })
}

const INSERT_VARIANT: &str = "INSERT INTO catalog_variant (tenant_id, id, product_id, position, \
     title, option_values, sku, barcode, grams, requires_shipping, taxable, image) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

fn product_values<'v>(
    id: ProductId,
    product: &'v StoredProduct<'_>,
    now: Timestamp,
) -> [Value<'v>; 19] {
    let input = product.input;
    [
        id.into(),
        (&input.handle).into(),
        product.status.into(),
        now.into(),
        input.gift_card.into(),
        (&product.content_hash).into(),
        (&input.title).into(),
        (&product.title_lower).into(),
        (&input.vendor).into(),
        (&product.image).into(),
        (&product.search_text).into(),
        (&input.product_type).into(),
        (&product.tags).into(),
        (&product.options).into(),
        (&product.seo).into(),
        (&product.media).into(),
        (&input.description_html).into(),
        product.set_status.into(),
        product.kind.into(),
    ]
}

fn variant_values<'v>(
    id: VariantId,
    product: ProductId,
    variant: &'v StoredVariant<'_>,
) -> [Value<'v>; 11] {
    let input = variant.input;
    [
        id.into(),
        product.into(),
        variant.position.into(),
        (&variant.title).into(),
        (&variant.option_values).into(),
        (&input.sku).into(),
        (&input.barcode).into(),
        input.grams.into(),
        input.requires_shipping.into(),
        input.taxable.into(),
        (&input.image).into(),
    ]
}
