//! Products as merchants wrote them, page by page: what exports read. Reads only.

use std::collections::HashMap;

use stoa_contracts::catalog::{ProductExtras, ProductKind, ProductRecord, VariantInput};
use stoa_kernel::{ProductId, VariantId};
use stoa_storage::{Result, Tx, params};

use super::extras;
use super::products::{WholeProduct, variant_of, whole_columns, whole_of};
use super::{IDS_PER_STATEMENT, id_places, id_values};

/// Products of every status after `after`, in id order.
pub(crate) async fn after(
    tx: &mut Tx<'_>,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<ProductRecord>> {
    const PRODUCTS: &str = concat!(whole_columns!(), "AND p.id > $1 ORDER BY p.id LIMIT $2");
    const VARIANTS: &str = concat!(
        "SELECT option_values, sku, barcode, grams, requires_shipping, taxable, image, id, \
         product_id FROM catalog_variant WHERE tenant_id = :tenant AND product_id IN ",
        id_places!(),
        " ORDER BY product_id, position, id"
    );
    let after = after.unwrap_or(ProductId::from_u128(0));
    let found = tx.query(PRODUCTS, params![after, limit], whole_of).await?;
    let mut records: Vec<ProductRecord> = found.into_iter().map(record_of).collect();
    for chunk in records.chunks_mut(IDS_PER_STATEMENT) {
        let ids: Vec<[u8; 16]> = chunk.iter().map(|each| each.id.to_bytes()).collect();
        let mut places: HashMap<ProductId, &mut ProductRecord> =
            chunk.iter_mut().map(|each| (each.id, each)).collect();
        tx.query(VARIANTS, &id_values(&ids), |row| {
            let (variant, id): (VariantInput, VariantId) = (variant_of(row)?, row.get(7)?);
            if let Some(record) = places.get_mut(&row.get(8)?) {
                record.input.variants.push(variant);
                record.variants.push(id);
            }
            Ok(())
        })
        .await?;
    }
    name_components(tx, &mut records).await?;
    Ok(records)
}

/// A bundle of which a part is gone tells none: made of the others it would be another.
async fn name_components(tx: &mut Tx<'_>, records: &mut [ProductRecord]) -> Result<()> {
    let is_bundle = |record: &&mut ProductRecord| {
        let extras = record.input.extras.as_ref();
        extras.is_some_and(|extras| extras.kind == ProductKind::Bundle)
    };
    let mut bundles: Vec<&mut ProductRecord> = records.iter_mut().filter(is_bundle).collect();
    let ids = bundles.iter().flat_map(|record| &record.variants);
    let ids: Vec<VariantId> = ids.copied().collect();
    let mut named = extras::named_components(tx, &ids).await?;
    for record in &mut bundles {
        let variants = record.variants.iter();
        let parts: Option<Vec<_>> = variants
            .map(|id| named.remove(id)?.into_iter().collect())
            .collect();
        if let (Some(parts), Some(extras)) = (parts, &mut record.input.extras) {
            extras.components = parts;
        }
    }
    Ok(())
}

fn record_of(product: WholeProduct) -> ProductRecord {
    let (mut input, extras) = (product.input, product.extras);
    input.extras = Some(Box::new(ProductExtras {
        kind: extras.standing.kind,
        category: extras.category,
        attributes: extras.attributes,
        publish_at: extras.standing.publish_at,
        unpublish_at: extras.standing.unpublish_at,
        metadata: extras.metadata,
        components: Vec::new(),
    }));
    ProductRecord {
        id: product.id,
        input,
        variants: Vec::new(),
    }
}
