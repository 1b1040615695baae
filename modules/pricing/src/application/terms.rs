//! What a process holds of each shop, so that a quote reads one mark instead of many rows. Never
//! used when the mark of the caller's own transaction says otherwise.

use std::sync::Arc;

use stoa_kernel::{Currency, TenantId};
use stoa_storage::{Result, Tx};

use super::App;
use crate::domain::{PriceList, Promotions, Settings, ShippingRate, TaxTable, Zone};
use crate::infrastructure::{self as rows, terms};

/// Shops whose terms one process holds at once.
pub(crate) const SHOPS_HELD_MAX: u64 = 10_000;
/// How often a read is repeated that a change of the terms cut in two.
const READS_MAX: usize = 3;

/// Everything of a shop that its quotes go by, prices and counts aside.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) settings: Settings,
    /// Deliveries for where no zone is.
    pub(crate) everywhere: Vec<ShippingRate>,
    pub(crate) zones: Vec<Zone>,
    pub(crate) tax: TaxTable,
    pub(crate) lists: Vec<PriceList>,
    pub(crate) promotions: Promotions,
}

impl Terms {
    fn first(currency: Currency) -> Self {
        Self {
            settings: Settings::first(currency),
            everywhere: Settings::first_shipping(currency).to_vec(),
            zones: Vec::new(),
            tax: TaxTable::default(),
            lists: Vec::new(),
            promotions: Promotions::default(),
        }
    }

    async fn read(tx: &mut Tx<'_>, currency: Currency) -> Result<Self> {
        let Some(settings) = rows::settings(tx).await? else {
            return Ok(Self::first(currency));
        };
        Ok(Self {
            settings,
            everywhere: rows::shipping(tx).await?,
            zones: terms::zones(tx).await?,
            tax: terms::tax_table(tx).await?,
            lists: terms::price_lists(tx).await?,
            promotions: Promotions::new(terms::promotions(tx).await?),
        })
    }
}

impl App {
    /// The shop's terms as of this transaction; those a new shop starts with where it has none.
    pub(crate) async fn terms(&self, tx: &mut Tx<'_>, currency: Currency) -> Result<Arc<Terms>> {
        let tenant: TenantId = tx.tenant();
        let Some(mut mark) = terms::mark(tx).await? else {
            return Ok(Arc::new(Terms::first(currency)));
        };
        for _ in 0..READS_MAX {
            if let Some(held) = self.held_terms.get(&tenant)
                && held.settings.terms_mark == mark
            {
                return Ok(held);
            }
            let read = Arc::new(Terms::read(tx, currency).await?);
            // Other transactions may commit between these statements: what was read is whole only
            // if the mark stood still.
            let after = terms::mark(tx).await?.unwrap_or(mark);
            if after == mark && read.settings.terms_mark == mark {
                self.held_terms.insert(tenant, Arc::clone(&read));
                return Ok(read);
            }
            mark = after;
        }
        // Terms that change faster than they are read: any moment of them is as good as another.
        Terms::read(tx, currency).await.map(Arc::new)
    }
}
