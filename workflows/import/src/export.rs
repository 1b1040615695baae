//! The shop as files: everything that an import reads, page by page, in memory bounded by a page.
//! Never changes anything.

mod inventory;
mod products;
mod sheet;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::catalog::{CatalogError, ProductKind, ProductRecord};
use stoa_kernel::{ProductId, TenantId};
use stoa_storage::Error;

use crate::application::Peers;

use self::products::ProductSheet;

/// Products of one piece: with two thousand variants each they still fit.
const PAGE: u32 = 50;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Storage(#[from] Error),
    #[error("a written product cannot be read back: {reason}")]
    Unreadable { reason: String },
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    Products,
    Inventory,
}

/// A file being written, piece by piece. Products that change meanwhile are in it as they were or
/// as they are.
pub struct Export {
    peers: Arc<Peers>,
    tenant: TenantId,
    what: What,
    after: Option<ProductId>,
    turn: Turn,
    /// The header, until it is handed out.
    header: Option<String>,
    ended: bool,
}

enum What {
    Products(Box<ProductSheet>),
    Inventory,
}

/// Bundles come behind all products, so that an import finds what they are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Products { bundles_follow: bool },
    Bundles,
}

impl Turn {
    /// Leaves out what has its turn later, or had it.
    fn pick(&mut self, records: &mut Vec<ProductRecord>) {
        let is_bundle = |record: &ProductRecord| {
            let extras = record.input.extras.as_ref();
            extras.is_some_and(|extras| extras.kind == ProductKind::Bundle)
        };
        match self {
            Self::Bundles => records.retain(is_bundle),
            Self::Products { bundles_follow } => {
                *bundles_follow |= records.iter().any(is_bundle);
                records.retain(|record| !is_bundle(record));
            }
        }
    }
}

impl Export {
    pub(crate) async fn open(
        deps: &Deps,
        peers: &Arc<Peers>,
        tenant: TenantId,
        kind: ExportKind,
    ) -> Result<Self, ExportError> {
        let what = match kind {
            ExportKind::Inventory => What::Inventory,
            ExportKind::Products => {
                let own = deps.storage.tenant(tenant).await?.currency;
                let mut others = peers.pricing.currencies(tenant).await?;
                others.retain(|currency| *currency != own);
                What::Products(Box::new(ProductSheet::new(own, others)))
            }
        };
        let header = match &what {
            What::Products(sheet) => sheet.header(),
            What::Inventory => inventory::header(),
        };
        Ok(Self {
            peers: Arc::clone(peers),
            tenant,
            what,
            after: None,
            turn: Turn::Products {
                bundles_follow: false,
            },
            header: Some(header),
            ended: false,
        })
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<String>, ExportError> {
        while !self.ended {
            let records = self.records().await?;
            if !records.is_empty() {
                let mut piece = self.header.take().unwrap_or_default();
                piece += &self.page(&records).await?;
                return Ok(Some(piece));
            }
        }
        Ok(self.header.take())
    }

    /// Those of the next page whose turn it is.
    async fn records(&mut self) -> Result<Vec<ProductRecord>, ExportError> {
        let catalog = &self.peers.catalog;
        let mut records = catalog.records_after(self.tenant, self.after, PAGE).await?;
        let page_ends = records.len() < PAGE as usize;
        self.after = records.last().map(|record| record.id);
        if matches!(self.what, What::Products(_)) {
            self.turn.pick(&mut records);
        }
        match self.turn {
            Turn::Products {
                bundles_follow: true,
            } if page_ends => (self.turn, self.after) = (Turn::Bundles, None),
            _ => self.ended = page_ends,
        }
        Ok(records)
    }

    async fn page(&self, records: &[ProductRecord]) -> Result<String, ExportError> {
        let variants: Vec<_> = records
            .iter()
            .flat_map(|record| record.variants.iter().copied())
            .collect();
        let levels = self.peers.inventory.levels(self.tenant, &variants).await?;
        match &self.what {
            What::Inventory => Ok(inventory::page(records, levels)),
            What::Products(sheet) => {
                let prices = self.peers.pricing.prices(self.tenant, &variants).await?;
                sheet.page(records, prices, levels).await
            }
        }
    }
}
