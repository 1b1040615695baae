//! SQL of prices on their way out. Read-only.

use stoa_contracts::pricing::NewPrice;
use stoa_kernel::VariantId;
use stoa_storage::{Db, Result};

use super::{IDS_PER_STATEMENT, id_values, price_row};

/// Prices of these variants, in variant and currency order.
pub(crate) async fn base_prices(db: &Db, variants: &[VariantId]) -> Result<Vec<NewPrice>> {
    const SQL: &str = "SELECT variant_id, currency, amount, compare_at, updated_at \
         FROM pricing_price WHERE tenant_id = :tenant AND variant_id IN \
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) \
         ORDER BY variant_id, currency";
    let mut ids = variants.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        let rows = db.fetch(SQL, &id_values(chunk), price_row).await?;
        found.extend(rows.into_iter().map(|row| row.price));
    }
    Ok(found)
}
