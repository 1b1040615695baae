//! The catalog over HTTP: its routes and how its refusals look. Holds no rule and no SQL.

mod bulk;
mod categories;
mod collections;
mod product_body;
mod products;
mod shopper;
mod translations;
mod variants;

use std::sync::Arc;

use axum::response::Response;
use stoa_contracts::catalog::{CatalogError, CollectionView, ProductSummary, ProductView};
use stoa_kernel::Timestamp;
use stoa_rest::{
    Access, Caller, ETag, ErrorCode, ErrorPage, HeaderValue, IfNoneMatch, Json, Method, Operation,
    Page, Permission, Problem, Routes, TraceContext, code, header,
};
use stoa_storage::Cause;

use crate::application::{App, EditError};
use collections::{AdminCollection, CollectionBody, CollectionPatch, CollectionQuery};
use product_body::{AdminProduct, ProductBody, ProductPatch};
use products::{AdminListQuery, AdminProductRow};
use shopper::{CollectedQuery, CurrencyQuery, LocaleQuery, Moved, ProductListQuery};

/// Another product or collection of the shop has the handle.
pub const HANDLE_TAKEN: ErrorCode = ErrorCode::new("handle_taken", 409, "The handle is taken");

/// The rule of a collection asks for the category.
pub const CATEGORY_IN_USE: ErrorCode = ErrorCode::new(
    "category_in_use",
    409,
    "A collection's rule asks for the category",
);

const PAGES: [ErrorPage; 2] = [
    ErrorPage {
        code: &HANDLE_TAKEN,
        markdown: include_str!("../../../docs/errors/handle_taken.md"),
    },
    ErrorPage {
        code: &CATEGORY_IN_USE,
        markdown: include_str!("../../../docs/errors/category_in_use.md"),
    },
];

/// A product of two thousand variants with everything filled in.
pub(crate) const PRODUCT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Always asked again, and shown for this long while that is under way.
pub(crate) const PUBLIC: HeaderValue =
    HeaderValue::from_static("public, max-age=0, stale-while-revalidate=30");
/// On the base host the tenant is a header, so a shared cache must tell by it.
const BY_TENANT: HeaderValue = HeaderValue::from_static("stoa-tenant");
/// How long a client should wait when storage is too busy.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

pub(crate) fn routes(app: Arc<App>) -> Routes {
    let routes = shopper_collections(shopper_products(Routes::new("catalog")));
    let routes = categories::routes(routes);
    let routes = bulk::routes(translations::routes(variants::routes(collection_admin(
        product_admin(routes),
    ))));
    routes.error_pages(&PAGES).with_state(app)
}

fn shopper_products(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    let list = Operation::new("listProducts", "List or search published products")
        .description("Sorted by price, the list holds products that have one in the currency.")
        .query::<ProductListQuery>()
        .returns::<Page<ProductSummary>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let read = Operation::new("readProduct", "Read a published product by its handle")
        .query::<CurrencyQuery>()
        .returns::<ProductView>(200)
        .returns::<Moved>(301)
        .returns_empty(304)
        .returns_problem(&code::NOT_FOUND);
    let (get, anyone) = (Method::GET, Access::Shopper);
    routes
        .route(
            get.clone(),
            "/api/v1/products",
            anyone,
            list,
            shopper::list_products,
        )
        .route(
            get,
            "/api/v1/products/{handle}",
            anyone,
            read,
            shopper::read_product,
        )
        .ready(shopper::ready_product)
}

fn shopper_collections(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    let collections = Operation::new("listCollections", "List collections by title")
        .query::<CollectionQuery>()
        .returns::<Page<CollectionView>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let collection = Operation::new("readCollection", "Read a collection by its handle")
        .query::<LocaleQuery>()
        .returns::<CollectionView>(200)
        .returns_problem(&code::NOT_FOUND);
    let collected = Operation::new(
        "listCollectionProducts",
        "List the products of a collection",
    )
    .description("In the collection's own order where no `sort` is asked for.")
    .query::<CollectedQuery>()
    .returns::<Page<ProductSummary>>(200)
    .returns_problem(&code::INVALID_CURSOR)
    .returns_problem(&code::NOT_FOUND);
    const COLLECTED: &str = "/api/v1/collections/{handle}/products";
    let (get, anyone) = (Method::GET, Access::Shopper);
    routes
        .route(
            get.clone(),
            "/api/v1/collections",
            anyone,
            collections,
            shopper::collections,
        )
        .route(
            get.clone(),
            "/api/v1/collections/{handle}",
            anyone,
            collection,
            shopper::collection,
        )
        .route(
            get,
            COLLECTED,
            anyone,
            collected,
            shopper::collection_products,
        )
}

fn product_admin(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    const ALL: &str = "/api/v1/admin/products";
    const ONE: &str = "/api/v1/admin/products/{id}";
    let reads = Access::Staff(Permission::ProductsRead);
    let writes = Access::Staff(Permission::ProductsWrite);
    let list = Operation::new(
        "listAdminProducts",
        "List products of every status, newest first",
    )
    .query::<AdminListQuery>()
    .returns::<Page<AdminProductRow>>(200)
    .returns_problem(&code::INVALID_CURSOR);
    let create = Operation::new("createProduct", "Create a product")
        .description("Prices are set with `PUT /api/v1/admin/price-lists/default/prices`.")
        .body::<ProductBody>()
        .returns::<AdminProduct>(201)
        .returns_problem(&HANDLE_TAKEN)
        .body_limit(PRODUCT_BYTES_MAX);
    let read = Operation::new("readAdminProduct", "Read a product with its version")
        .returns::<AdminProduct>(200)
        .returns_problem(&code::NOT_FOUND);
    let replace = Operation::new("replaceProduct", "Replace a product")
        .description(
            "Variants keep their ids by `id`, else by their option values; those left out go.",
        )
        .body::<ProductBody>()
        .returns::<AdminProduct>(200)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&HANDLE_TAKEN)
        .body_limit(PRODUCT_BYTES_MAX);
    let patch = Operation::new("updateProduct", "Change some fields of a product")
        .description("Fields left out stay as they are; `variants` replaces all of them.")
        .body::<ProductPatch>()
        .returns::<AdminProduct>(200)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&HANDLE_TAKEN)
        .body_limit(PRODUCT_BYTES_MAX);
    let delete = Operation::new("deleteProduct", "Delete a product")
        .returns_empty(204)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND);
    routes
        .route(Method::GET, ALL, reads, list, products::list)
        .route(Method::POST, ALL, writes, create, products::create)
        .route(Method::GET, ONE, reads, read, products::read)
        .route(Method::PUT, ONE, writes, replace, products::replace)
        .route(Method::PATCH, ONE, writes, patch, products::update)
        .route(Method::DELETE, ONE, writes, delete, products::delete)
}

fn collection_admin(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    const ALL: &str = "/api/v1/admin/collections";
    const ONE: &str = "/api/v1/admin/collections/{id}";
    let reads = Access::Staff(Permission::CollectionsRead);
    let writes = Access::Staff(Permission::CollectionsWrite);
    let list = Operation::new("listAdminCollections", "List collections by title")
        .query::<CollectionQuery>()
        .returns::<Page<CollectionView>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let create = Operation::new("createCollection", "Create a collection")
        .body::<CollectionBody>()
        .returns::<AdminCollection>(201)
        .returns_problem(&HANDLE_TAKEN);
    let read = Operation::new("readAdminCollection", "Read a collection with its version")
        .returns::<AdminCollection>(200)
        .returns_problem(&code::NOT_FOUND);
    let replace = Operation::new("replaceCollection", "Replace a collection")
        .body::<CollectionBody>()
        .returns::<AdminCollection>(200)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&HANDLE_TAKEN);
    let patch = Operation::new("updateCollection", "Change some fields of a collection")
        .body::<CollectionPatch>()
        .returns::<AdminCollection>(200)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&HANDLE_TAKEN);
    let delete = Operation::new("deleteCollection", "Delete a collection, not its products")
        .returns_empty(204)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND);
    routes
        .route(Method::GET, ALL, reads, list, collections::list)
        .route(Method::POST, ALL, writes, create, collections::create)
        .route(Method::GET, ONE, reads, read, collections::read)
        .route(Method::PUT, ONE, writes, replace, collections::replace)
        .route(Method::PATCH, ONE, writes, patch, collections::update)
        .route(Method::DELETE, ONE, writes, delete, collections::delete)
}

/// Who did it, when, and in which request.
fn cause(caller: &Caller, trace: TraceContext, now: Timestamp) -> Cause {
    Cause {
        trace: Some(trace.trace_id_hex()),
        ..Cause::new(caller.actor(), now)
    }
}

/// JSON that anyone may keep and must ask about again.
fn public_json<T: serde::Serialize>(value: &T, client: &IfNoneMatch) -> Result<Response, Problem> {
    let bytes = bytes::Bytes::from(serde_json::to_vec(value).map_err(Problem::internal)?);
    let tag = ETag::of_bytes(&bytes);
    Ok(public(tag.respond(client, || json_response(bytes))))
}

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn json_response(body: bytes::Bytes) -> Response {
    let mut response = Response::new(axum::body::Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn public(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, PUBLIC);
    headers.insert(header::VARY, BY_TENANT);
    response
}

/// A thing with its version as ETag.
fn versioned<T: serde::Serialize>(
    status: stoa_rest::StatusCode,
    version: i64,
    value: T,
) -> Response {
    use axum::response::IntoResponse as _;
    (status, ETag::of_version(version).header(), Json(value)).into_response()
}

fn storage_problem(error: &stoa_storage::Error) -> Problem {
    match error.is_transient() {
        true => {
            tracing::warn!(%error, "storage is too busy");
            Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, RETRY_AFTER)
        }
        false => Problem::internal(error),
    }
}

fn catalog_problem(error: CatalogError) -> Problem {
    match error {
        CatalogError::Cursor => Problem::new(&code::INVALID_CURSOR)
            .with_detail("Start the list again without a cursor.")
            .with_field("cursor", "does not belong to this list"),
        CatalogError::UnknownCollection { handle } => {
            Problem::not_found(format!("There is no collection `{handle}`."))
        }
        CatalogError::Invalid { field, reason } => invalid(field, reason),
        CatalogError::Storage(error) => storage_problem(&error),
    }
}

fn edit_problem(error: EditError) -> Problem {
    match error {
        EditError::NotFound => Problem::not_found("There is nothing of this id."),
        EditError::Stale { current } => {
            let [(name, value)] = ETag::of_version(current).header();
            Problem::new(&code::PRECONDITION_FAILED)
                .with_header(name, value)
                .with_detail("It changed since you read it. Read it again and repeat the change.")
        }
        EditError::HandleTaken { .. } => Problem::new(&HANDLE_TAKEN)
            .with_field("handle", "is taken")
            .with_detail("Another one of this shop has that handle. Choose another."),
        EditError::CategoryInUse => Problem::new(&CATEGORY_IN_USE)
            .with_detail("The rule of a collection asks for it. Change that rule first."),
        EditError::Flaw(flaw) => invalid(flaw.field, flaw.reason),
        EditError::Storage(error) => storage_problem(&error),
    }
}

fn invalid(field: String, reason: String) -> Problem {
    let detail = format!("`{field}` {reason}.");
    Problem::invalid(field, reason).with_detail(detail)
}
