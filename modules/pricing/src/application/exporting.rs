//! Prices as files take them out.

use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{TenantId, VariantId};
use stoa_storage::Result;

use super::App;
use crate::infrastructure::exporting;

impl App {
    /// Base prices of these variants in all currencies, in variant and currency order.
    pub(super) async fn base_prices(
        &self,
        tenant: TenantId,
        variants: &[VariantId],
    ) -> Result<Vec<NewPrice>> {
        let db = self.deps.storage.db(tenant).await?;
        exporting::base_prices(&db, variants).await
    }
}
