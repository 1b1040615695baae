//! Published products as search sees them, and the cards of named ones. Reads only.
//!
//! Documents go by the status alone and not by the dates: who reads them with a clock behind the
//! one that published would take a product for gone and never be told of it again. Cards look at
//! the dates, and so does every page.

use std::collections::HashMap;

use stoa_contracts::catalog::{Attribute, ProductAddress, ProductDocument, ProductSummary};
use stoa_kernel::{Currency, Money, ProductId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Tx, Value, params};

use super::categories::attributes_of;
use super::lists::{open, summary_of};
use super::translations;
use super::{IDS_PER_STATEMENT, id_places, id_values, json};
use crate::domain::{CategoryId, plain_text};

/// What of a description is searched.
pub(crate) const DESCRIPTION_CHARS_MAX: usize = 8_000;

macro_rules! document {
    ($which:expr) => {
        concat!(
            "SELECT p.id, p.handle, p.title, p.description_html, p.vendor, p.product_type, \
             p.tags, p.options, p.created_at, p.category_id, p.attributes FROM catalog_product p \
             WHERE p.tenant_id = :tenant AND p.status || '' = 'active' AND p.id ",
            $which
        )
    };
}

/// Published products after `after`, in id order.
pub(crate) async fn after(
    tx: &mut Tx<'_>,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<BareDocument>> {
    const SQL: &str = document!("> $1 ORDER BY p.id LIMIT $2");
    let after = after.unwrap_or(ProductId::from_u128(0));
    let mut found = tx.query(SQL, params![after, limit], bare).await?;
    fill(tx, &mut found).await?;
    Ok(found)
}

/// The published ones of these products, in id order.
pub(crate) async fn of(tx: &mut Tx<'_>, products: &[ProductId]) -> Result<Vec<BareDocument>> {
    const SQL: &str = document!(concat!("IN ", id_places!(), " ORDER BY p.id"));
    let mut ids: Vec<[u8; 16]> = products.iter().map(|id| id.to_bytes()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        found.extend(tx.query(SQL, &id_values(chunk), bare).await?);
    }
    fill(tx, &mut found).await?;
    Ok(found)
}

/// Where published products after `after` are found, in id order.
pub(crate) async fn addresses(
    db: &Db,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<ProductAddress>> {
    const SQL: &str = "SELECT id, handle FROM catalog_product WHERE tenant_id = :tenant \
                       AND status || '' = 'active' AND id > $1 ORDER BY id LIMIT $2";
    let after = after.unwrap_or(ProductId::from_u128(0));
    db.fetch(SQL, params![after, limit], |row| {
        Ok(ProductAddress {
            id: row.get(0)?,
            handle: row.get(1)?,
        })
    })
    .await
}

/// A document whose place in the tree is still to be told.
pub(crate) struct BareDocument {
    pub(crate) document: ProductDocument,
    pub(crate) category: Option<CategoryId>,
    pub(crate) attributes: Vec<Attribute>,
}

fn bare(row: &Row<'_>) -> Result<BareDocument> {
    let document = ProductDocument {
        id: row.get(0)?,
        handle: row.get(1)?,
        title: row.get(2)?,
        description: plain_text(row.str(3)?, DESCRIPTION_CHARS_MAX),
        vendor: row.get(4)?,
        product_type: row.get(5)?,
        tags: json(row, 6)?,
        options: json(row, 7)?,
        attributes: Vec::new(),
        skus: Vec::new(),
        barcodes: Vec::new(),
        collections: Vec::new(),
        categories: Vec::new(),
        prices: Vec::new(),
        available: false,
        created_at: row.get(8)?,
        translations: Vec::new(),
    };
    Ok(BareDocument {
        document,
        category: row.get(9)?,
        attributes: attributes_of(row, 10)?,
    })
}

/// What lies in other tables, a few statements for many products.
async fn fill(tx: &mut Tx<'_>, documents: &mut [BareDocument]) -> Result<()> {
    const VARIANTS: &str = concat!(
        "SELECT product_id, sku, barcode FROM catalog_variant WHERE tenant_id = :tenant \
         AND product_id IN ",
        id_places!(),
        " AND (sku IS NOT NULL OR barcode IS NOT NULL) ORDER BY product_id, position"
    );
    const CARDS: &str = concat!(
        "SELECT product_id, currency, price_min, price_max, in_stock FROM catalog_card \
         WHERE tenant_id = :tenant AND product_id IN ",
        id_places!(),
        " ORDER BY product_id, currency"
    );
    const COLLECTIONS: &str = concat!(
        "SELECT m.product_id, k.handle FROM catalog_member m \
         JOIN catalog_collection k ON k.tenant_id = :tenant AND k.id = m.group_id \
         WHERE m.tenant_id = :tenant AND m.product_id IN ",
        id_places!(),
        " ORDER BY m.product_id, k.handle"
    );
    for chunk in documents.chunks_mut(IDS_PER_STATEMENT) {
        let chunk = chunk.iter_mut().map(|each| &mut each.document);
        let mut places: HashMap<ProductId, &mut ProductDocument> =
            chunk.map(|each| (each.id, each)).collect();
        let mut ids: Vec<[u8; 16]> = places.keys().map(|id| id.to_bytes()).collect();
        ids.sort_unstable();
        let values = id_values(&ids);
        tx.query(VARIANTS, &values, |row| {
            if let Some(document) = places.get_mut(&row.get(0)?) {
                document.skus.extend(row.get::<Option<String>>(1)?);
                document.barcodes.extend(row.get::<Option<String>>(2)?);
            }
            Ok(())
        })
        .await?;
        tx.query(CARDS, &values, |row| {
            if let Some(document) = places.get_mut(&row.get(0)?) {
                let currency: Currency = row.get(1)?;
                let money = |index| Ok::<_, Error>(Money::new(row.get(index)?, currency));
                document.prices.push((money(2)?, money(3)?));
                document.available |= row.get::<bool>(4)?;
            }
            Ok(())
        })
        .await?;
        tx.query(COLLECTIONS, &values, |row| {
            if let Some(document) = places.get_mut(&row.get(0)?) {
                document.collections.push(row.get(1)?);
            }
            Ok(())
        })
        .await?;
        for (owner, mut words) in translations::documents(tx, &ids, DESCRIPTION_CHARS_MAX).await? {
            if let Some(document) =
                places.get_mut(&ProductId::from_u128(u128::from_be_bytes(owner)))
            {
                if words.title.is_empty() {
                    words.title.clone_from(&document.title);
                }
                document.translations.push(words);
            }
        }
    }
    Ok(())
}

/// Places of the statement below, so that a page of cards is one statement.
const CARDS_PER_STATEMENT: usize = 64;

/// Cards of the published ones of these products, in the order asked.
pub(crate) async fn cards(
    db: &Db,
    products: &[ProductId],
    currency: Currency,
    now: Timestamp,
) -> Result<Vec<ProductSummary>> {
    // Joined to nothing, so that the status is no index's: SQLite would walk all active products.
    const SQL: &str = concat!(
        "SELECT p.id, p.handle, p.title, p.vendor, p.image, c.price_min, \
         c.price_max, c.compare_at, c.in_stock FROM catalog_product p \
         LEFT JOIN catalog_card c ON c.tenant_id = :tenant AND c.product_id = p.id \
         AND c.currency || '' = $1 WHERE p.tenant_id = :tenant AND p.status || '' = 'active' AND p.id IN ($2, \
         $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
         $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, \
         $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, \
         $56, $57, $58, $59, $60, $61, $62, $63, $64, $65)",
        open!("$66")
    );
    let mut found: HashMap<ProductId, ProductSummary> = HashMap::with_capacity(products.len());
    for chunk in products.chunks(CARDS_PER_STATEMENT) {
        let last = chunk.last().copied().unwrap_or(ProductId::from_u128(0));
        let padding = std::iter::repeat_n(last, CARDS_PER_STATEMENT - chunk.len());
        let ids = chunk.iter().copied().chain(padding).map(Value::from);
        let values: Vec<Value<'_>> = std::iter::once((&currency).into())
            .chain(ids)
            .chain([now.into()])
            .collect();
        let rows = db
            .fetch(SQL, &values, |row| summary_of(row, currency))
            .await?;
        found.extend(rows.into_iter().map(|card| (card.id, card)));
    }
    Ok(products.iter().filter_map(|id| found.remove(id)).collect())
}
