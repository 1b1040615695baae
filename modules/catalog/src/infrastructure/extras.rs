//! Kinds, dates, files, metadata and components of products, and the stock marks of bundles, which
//! follow from their components'.

use std::collections::HashMap;

use stoa_contracts::catalog::{Component, DigitalFile, NamedComponent, ProductKind};
use stoa_kernel::{ProductId, VariantId};
use stoa_storage::{Error, Result, Row, Stmt, Tx, Value, params};

use super::categories::attributes_of;
use super::{IDS_PER_STATEMENT, id_places, id_values, json};
use crate::domain::{CategoryId, Extras, Metadata, Standing, VariantExtras, kind_of};

/// Kind, `publish_at` and `unpublish_at`, from `index` on.
pub(crate) fn standing_of(row: &Row<'_>, index: usize) -> Result<Standing> {
    let word = row.str(index)?;
    let kind = kind_of(word).ok_or_else(|| Error::Json {
        message: format!("`{word}` is no product kind"),
    })?;
    Ok(Standing {
        kind,
        publish_at: row.get(index + 1)?,
        unpublish_at: row.get(index + 2)?,
    })
}

/// Puts what is not in the product's own columns yet; the caller holds the product's lock.
/// `before` are the extras of variants as they are.
pub(crate) async fn write(
    tx: &mut Tx<'_>,
    product: ProductId,
    extras: &Extras,
    category: Option<CategoryId>,
    variants: &[VariantId],
    before: &HashMap<VariantId, VariantExtras>,
) -> Result<()> {
    const VARIANT: &str =
        "UPDATE catalog_variant SET metadata = $2 WHERE tenant_id = :tenant AND id = $1";
    write_product(tx, product, extras, category).await?;
    let none = VariantExtras::default();
    let mut texts = Vec::new();
    for (variant, is) in variants.iter().zip(&extras.variants) {
        let was = before.get(variant).unwrap_or(&none);
        if was.metadata != is.metadata {
            texts.push((*variant, serde_json::to_string(&is.metadata)?));
        }
    }
    let texts: Vec<[Value<'_>; 2]> = texts
        .iter()
        .map(|(variant, text)| [(*variant).into(), text.into()])
        .collect();
    let statements: Vec<Stmt<'_>> = texts.iter().map(|row| (VARIANT, row.as_slice())).collect();
    tx.batch(&statements).await?;
    if extras.standing.kind == ProductKind::Bundle {
        write_components(tx, product, variants, &extras.variants).await?;
    }
    Ok(())
}

/// Puts what the variants of a bundle are made of; the caller holds the product's lock.
pub(crate) async fn write_components(
    tx: &mut Tx<'_>,
    product: ProductId,
    variants: &[VariantId],
    made: &[VariantExtras],
) -> Result<()> {
    const EMPTY: &str =
        "DELETE FROM catalog_component WHERE tenant_id = :tenant AND product_id = $1";
    const COMPONENT: &str = "INSERT INTO catalog_component (tenant_id, product_id, variant_id, \
         component_id, position, quantity) VALUES (:tenant, $1, $2, $3, $4, $5)";
    let mut parts: Vec<[Value<'_>; 5]> = Vec::new();
    for (variant, is) in variants.iter().zip(made) {
        for (position, (component, quantity)) in is.components.iter().enumerate() {
            let place = (position as i64).into();
            parts.push([
                product.into(),
                (*variant).into(),
                (*component).into(),
                place,
                (*quantity).into(),
            ]);
        }
    }
    let id = [Value::from(product)];
    let mut statements: Vec<Stmt<'_>> = vec![(EMPTY, &id)];
    statements.extend(parts.iter().map(|row| (COMPONENT, row.as_slice())));
    tx.batch(&statements).await.map(|_| ())
}

/// The product's own of its extras.
pub(crate) async fn write_product(
    tx: &mut Tx<'_>,
    product: ProductId,
    extras: &Extras,
    category: Option<CategoryId>,
) -> Result<()> {
    const SQL: &str = "UPDATE catalog_product SET publish_at = $2, unpublish_at = $3, \
         files = $4, metadata = $5, category_id = $6, attributes = $7 \
         WHERE tenant_id = :tenant AND id = $1";
    let files = serde_json::to_string(&extras.files)?;
    let metadata = serde_json::to_string(&extras.metadata)?;
    let attributes = serde_json::to_string(&extras.attributes)?;
    let standing = &extras.standing;
    let row = params![
        product,
        standing.publish_at,
        standing.unpublish_at,
        &files,
        &metadata,
        category,
        &attributes
    ];
    tx.execute(SQL, row).await.map(|_| ())
}

/// A product's extras without those of its variants.
pub(crate) async fn of_product(
    tx: &mut Tx<'_>,
    product: ProductId,
    standing: Standing,
) -> Result<Extras> {
    const SQL: &str = "SELECT p.files, p.metadata, p.attributes, \
         coalesce((SELECT k.handle FROM catalog_category k \
         WHERE k.tenant_id = :tenant AND k.id = p.category_id), (SELECT k.handle \
         FROM catalog_category_gone g JOIN catalog_category k ON k.tenant_id = :tenant \
         AND k.id = g.parent_id WHERE g.tenant_id = :tenant AND g.id = p.category_id)) \
         FROM catalog_product p WHERE p.tenant_id = :tenant AND p.id = $1";
    tx.query_one(SQL, params![product], |row| {
        Ok(Extras {
            standing,
            category: row.get(3)?,
            attributes: attributes_of(row, 2)?,
            files: json(row, 0)?,
            metadata: metadata_of(row, 1)?,
            variants: Vec::new(),
        })
    })
    .await
}

/// The variants' extras, one per row of the product's variants; `metadata` comes with those rows.
pub(crate) async fn components_of_product(
    tx: &mut Tx<'_>,
    product: ProductId,
) -> Result<HashMap<VariantId, Vec<(VariantId, u32)>>> {
    const SQL: &str = "SELECT variant_id, component_id, quantity FROM catalog_component \
         WHERE tenant_id = :tenant AND product_id = $1 ORDER BY variant_id, position";
    let rows = tx
        .query(SQL, params![product], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
        })
        .await?;
    let mut found: HashMap<VariantId, Vec<(VariantId, u32)>> = HashMap::new();
    for (variant, part) in rows {
        found.entry(variant).or_default().push(part);
    }
    Ok(found)
}

/// By bundle's variant, in their order; `None` for a part that is gone.
pub(crate) async fn named_components(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
) -> Result<HashMap<VariantId, Vec<Option<NamedComponent>>>> {
    const SQL: &str = concat!(
        "SELECT c.variant_id, c.quantity, p.handle, v.option_values FROM catalog_component c \
         LEFT JOIN catalog_variant v ON v.tenant_id = :tenant AND v.id = c.component_id \
         LEFT JOIN catalog_product p ON p.tenant_id = :tenant AND p.id = v.product_id \
         WHERE c.tenant_id = :tenant AND c.variant_id IN ",
        id_places!(),
        " ORDER BY c.variant_id, c.position"
    );
    let rows = per_variant(tx, variants, SQL, |row| {
        let bundle: VariantId = row.get(0)?;
        let Some(handle) = row.get::<Option<String>>(2)? else {
            return Ok((bundle, None));
        };
        let part = NamedComponent {
            handle,
            options: json(row, 3)?,
            quantity: row.get(1)?,
        };
        Ok((bundle, Some(part)))
    })
    .await?;
    let mut found: HashMap<VariantId, Vec<Option<NamedComponent>>> = HashMap::new();
    for (bundle, part) in rows {
        found.entry(bundle).or_default().push(part);
    }
    Ok(found)
}

/// The variant of that name.
pub(crate) async fn component_named(
    tx: &mut Tx<'_>,
    named: &NamedComponent,
) -> Result<Option<VariantId>> {
    const SQL: &str = "SELECT v.id FROM catalog_product p JOIN catalog_variant v \
         ON v.tenant_id = :tenant AND v.product_id = p.id AND v.option_values = $2 \
         WHERE p.tenant_id = :tenant AND p.handle = $1";
    let values = serde_json::to_string(&named.options)?;
    tx.query_opt(SQL, params![&named.handle, &values], |row| row.get(0))
        .await
}

/// Locks the rows of components, so that their stock marks stand until the bundle's follows.
/// Answers those that exist and are of no bundle themselves.
pub(crate) async fn lock_components(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
) -> Result<Vec<VariantId>> {
    const SQL: &str = concat!(
        "SELECT v.id, (SELECT p.kind FROM catalog_product p WHERE p.tenant_id = :tenant \
         AND p.id = v.product_id) FROM catalog_variant v \
         WHERE v.tenant_id = :tenant AND v.id IN ",
        id_places!(),
        " ORDER BY v.id {lock}"
    );
    let mut ids: Vec<[u8; 16]> = variants.iter().map(|id| id.to_bytes()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::new();
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        let rows = tx
            .query(SQL, &id_values(chunk), |row| {
                Ok((row.get::<VariantId>(0)?, row.str(1)? != "bundle"))
            })
            .await?;
        found.extend(
            rows.into_iter()
                .filter(|(_, plain)| *plain)
                .map(|(id, _)| id),
        );
    }
    Ok(found)
}

/// The variants of bundles that hold any of these.
pub(crate) async fn bundles_with(
    tx: &mut Tx<'_>,
    components: &[VariantId],
) -> Result<Vec<VariantId>> {
    const SQL: &str = concat!(
        "SELECT DISTINCT variant_id FROM catalog_component \
         WHERE tenant_id = :tenant AND component_id IN ",
        id_places!(),
        " ORDER BY variant_id"
    );
    let ids: Vec<[u8; 16]> = components.iter().map(|id| id.to_bytes()).collect();
    let mut found: Vec<VariantId> = Vec::new();
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        found.extend(
            tx.query(SQL, &id_values(chunk), |row| row.get::<VariantId>(0))
                .await?,
        );
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Marks variants of bundles as in stock where all their components are.
pub(crate) async fn renew_bundles(tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<()> {
    const SQL: &str = "UPDATE catalog_variant SET in_stock = CASE WHEN EXISTS (SELECT 1 \
         FROM catalog_component c LEFT JOIN catalog_variant v ON v.tenant_id = :tenant \
         AND v.id = c.component_id WHERE c.tenant_id = :tenant \
         AND c.variant_id = catalog_variant.id AND coalesce(v.in_stock, 0) = 0) \
         THEN 0 ELSE 1 END WHERE tenant_id = :tenant AND id = $1";
    let rows: Vec<[Value<'_>; 1]> = variants.iter().map(|id| [Value::from(*id)]).collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// What those of these variants that are bundles are made of.
pub(crate) async fn components(tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<Vec<Component>> {
    const SQL: &str = concat!(
        "SELECT variant_id, component_id, quantity FROM catalog_component \
         WHERE tenant_id = :tenant AND variant_id IN ",
        id_places!(),
        " ORDER BY variant_id, position"
    );
    per_variant(tx, variants, SQL, |row| {
        Ok(Component {
            bundle: row.get(0)?,
            variant: row.get(1)?,
            quantity: row.get(2)?,
        })
    })
    .await
}

/// The files of those of these variants that are digital goods.
pub(crate) async fn files(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
) -> Result<Vec<(VariantId, Vec<DigitalFile>)>> {
    const SQL: &str = concat!(
        "SELECT v.id, p.files FROM catalog_variant v JOIN catalog_product p \
         ON p.tenant_id = :tenant AND p.id = v.product_id AND p.kind = 'digital' \
         WHERE v.tenant_id = :tenant AND v.id IN ",
        id_places!(),
        " ORDER BY v.id"
    );
    per_variant(tx, variants, SQL, |row| Ok((row.get(0)?, json(row, 1)?))).await
}

async fn per_variant<T: Send>(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
    sql: &'static str,
    map: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    let mut ids: Vec<[u8; 16]> = variants.iter().map(|id| id.to_bytes()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::new();
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        found.extend(tx.query(sql, &id_values(chunk), &map).await?);
    }
    Ok(found)
}

/// Metadata as a row holds it.
pub(crate) fn metadata_of(row: &Row<'_>, index: usize) -> Result<Metadata> {
    json(row, index)
}
