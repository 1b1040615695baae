//! The routes that hand files out, piece by piece.

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use stoa_contracts::catalog::CatalogError;
use stoa_kernel::TenantId;
use stoa_rest::{
    Access, HeaderValue, Method, Operation, Permission, Problem, Routes, State, Tenant, header,
};

use super::{Api, failure};
use crate::export::{Export, ExportError, ExportKind};

pub(super) fn routes() -> Routes<Api> {
    Routes::new("import")
        .route(
            Method::GET,
            "/api/v1/admin/exports/products",
            Access::Staff(Permission::ProductsRead),
            Operation::new("exportProducts", "All products as CSV")
                .description(
                    "Shopify's classic product CSV with columns of our own behind, in the order of \
                     their ids. An import of the same file into the same shop changes nothing. \
                     Cells that a spreadsheet would take for a formula begin with an apostrophe. \
                     The answer breaks off where something fails: only a whole one is a whole file.",
                )
                .returns_type(200, "text/csv"),
            products,
        )
        .route(
            Method::GET,
            "/api/v1/admin/exports/inventory",
            Access::Staff(Permission::InventoryRead),
            Operation::new("exportInventory", "All stock levels as CSV")
                .description(
                    "One line for each variant and location, as an import with `kind=inventory` \
                     reads them.",
                )
                .returns_type(200, "text/csv"),
            inventory,
        )
}

async fn products(State(api): State<Api>, Tenant(tenant): Tenant) -> Result<Response, Problem> {
    file(&api, tenant.id, ExportKind::Products, "products.csv").await
}

async fn inventory(State(api): State<Api>, Tenant(tenant): Tenant) -> Result<Response, Problem> {
    file(&api, tenant.id, ExportKind::Inventory, "inventory.csv").await
}

/// The first piece is made before the answer begins: what fails at once is told as a problem.
async fn file(
    api: &Api,
    tenant: TenantId,
    kind: ExportKind,
    name: &str,
) -> Result<Response, Problem> {
    let opened = api.importer.export(tenant, kind).await;
    let mut export = opened.map_err(refusal)?;
    let first = export.next().await.map_err(refusal)?;
    let rest = stream::try_unfold((first, export), |(next, mut export): (_, Export)| async {
        let piece = match next {
            Some(piece) => Some(piece),
            None => export.next().await?,
        };
        Ok::<_, ExportError>(piece.map(|piece: String| (Bytes::from(piece), (None, export))))
    });
    let mut response = Response::new(Body::from_stream(rest));
    let headers = response.headers_mut();
    let csv = HeaderValue::from_static("text/csv; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, csv);
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

fn refusal(error: ExportError) -> Problem {
    match error {
        ExportError::Storage(error) | ExportError::Catalog(CatalogError::Storage(error)) => {
            failure(error)
        }
        other => Problem::internal(other),
    }
}
