//! What exports and indexes read of many products: pages in id order. Holds no SQL.

use stoa_contracts::catalog::{CatalogError, ProductDocument, ProductRecord};
use stoa_kernel::{ProductId, TenantId};
use stoa_storage::{Result, Tx};

use super::App;
use crate::domain::{Tree, arranged};
use crate::infrastructure::documents::{self, BareDocument};
use crate::infrastructure::{records, shape};

impl App {
    pub(crate) async fn records_page(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: i64,
    ) -> Result<Vec<ProductRecord>, CatalogError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| Ok(records::after(tx, after, limit).await?))
            .await
    }

    pub(crate) async fn documents_page(
        &self,
        tenant: TenantId,
        after: Option<ProductId>,
        limit: i64,
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        let (db, memory) = (self.deps.storage.db(tenant).await?, self.memory.clone());
        db.read(async move |tx: &mut Tx<'_>| {
            let found = documents::after(tx, after, limit).await?;
            let shape = shape::read(tx).await?;
            let version = shape.map(|shape| shape.tree).unwrap_or_default();
            let tree = memory.tree_in(tx, version).await?;
            Ok(found.into_iter().map(|one| placed(one, &tree)).collect())
        })
        .await
    }

    pub(crate) async fn documents_of(
        &self,
        tenant: TenantId,
        ids: &[ProductId],
    ) -> Result<Vec<ProductDocument>, CatalogError> {
        let (db, memory, ids) = (
            self.deps.storage.db(tenant).await?,
            self.memory.clone(),
            ids.to_vec(),
        );
        db.read(async move |tx: &mut Tx<'_>| {
            let found = documents::of(tx, &ids).await?;
            let shape = shape::read(tx).await?;
            let version = shape.map(|shape| shape.tree).unwrap_or_default();
            let tree = memory.tree_in(tx, version).await?;
            Ok(found.into_iter().map(|one| placed(one, &tree)).collect())
        })
        .await
    }
}

/// With the way to its category, and its attributes in that category's order.
fn placed(bare: BareDocument, tree: &Tree) -> ProductDocument {
    let path = tree.path(bare.category);
    let attributes = arranged(bare.attributes, &path).into_iter();
    ProductDocument {
        attributes: attributes.map(|each| (each.name, each.value)).collect(),
        categories: path.iter().map(|each| each.handle.clone()).collect(),
        ..bare.document
    }
}
