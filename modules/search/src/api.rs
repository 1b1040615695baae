//! The routes of search: what shoppers ask, and how staff steer it.

mod shopper;
mod staff;

use std::sync::Arc;

use axum::response::Response;
use serde::Serialize;
use stoa_contracts::catalog::{Catalog, CatalogError};
use stoa_contracts::search::SearchError;
use stoa_rest::{
    Access, ETag, ErrorCode, ErrorPage, HeaderValue, IfNoneMatch, Method, Operation, Permission,
    Problem, Routes, code, header,
};

use crate::application::{Answers, Steering};

pub const SEARCH_BUILDING: ErrorCode =
    ErrorCode::new("search_building", 503, "The search index is being built");

const PAGES: [ErrorPage; 1] = [ErrorPage {
    code: &SEARCH_BUILDING,
    markdown: include_str!("../../../docs/errors/search_building.md"),
}];

const PUBLIC: HeaderValue =
    HeaderValue::from_static("public, max-age=0, stale-while-revalidate=30");
/// On the base host the tenant is a header, so a shared cache must tell by it.
const BY_TENANT: HeaderValue = HeaderValue::from_static("stoa-tenant");
/// How long a client should wait for an index.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

pub(crate) struct Api {
    pub(crate) answers: Arc<Answers>,
    pub(crate) steering: Steering,
    pub(crate) catalog: Arc<dyn Catalog>,
}

pub(crate) fn routes(
    answers: Arc<Answers>,
    steering: Steering,
    catalog: Arc<dyn Catalog>,
) -> Routes {
    let api = Arc::new(Api {
        answers,
        steering,
        catalog,
    });
    staff_routes(shopper_routes(Routes::new("search")))
        .error_pages(&PAGES)
        .with_state(api)
}

fn shopper_routes(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let find = Operation::new("searchProducts", "Find products, with facets")
        .description(
            "Besides the parameters below, `filter.NAME=VALUE` narrows by a facet: `filter.vendor`, \
             `filter.type`, `filter.tag`, `filter.collection`, `filter.category`, \
             `filter.available`, `filter.option.NAME`, `filter.attribute.NAME`. Repeated, any of the \
             values will do; other facets must fit as well. `filter.price=MIN..MAX` bounds the \
             lowest price in minor units, both ends included, either left out.",
        )
        .query::<shopper::SearchParams>()
        .returns::<shopper::SearchAnswer>(200)
        .returns_problem(&code::INVALID_CURSOR)
        .returns_problem(&SEARCH_BUILDING);
    let suggest = Operation::new("suggestSearch", "What a shopper may be about to type")
        .query::<shopper::SuggestParams>()
        .returns::<shopper::SuggestAnswer>(200)
        .returns_problem(&SEARCH_BUILDING);
    routes
        .route(
            Method::GET,
            "/api/v1/search",
            Access::Shopper,
            find,
            shopper::find,
        )
        .route(
            Method::GET,
            "/api/v1/search/suggest",
            Access::Shopper,
            suggest,
            shopper::suggest,
        )
}

fn staff_routes(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    const STATUS: &str = "/api/v1/admin/search";
    const REBUILD: &str = "/api/v1/admin/search/rebuild";
    const SYNONYMS: &str = "/api/v1/admin/search/synonyms";
    const PINS: &str = "/api/v1/admin/search/pins";
    const SETTINGS: &str = "/api/v1/admin/search/settings";
    let reads = Access::Staff(Permission::ProductsRead);
    let writes = Access::Staff(Permission::ProductsWrite);
    let status = Operation::new("readSearchStatus", "How the search index stands")
        .description("Of the process that answers: each keeps an index of its own.")
        .returns::<staff::SearchStatus>(200);
    let rebuild = Operation::new("rebuildSearch", "Build the search index anew")
        .description("The old one answers meanwhile. In the process that answers.")
        .returns_empty(202);
    let synonyms = Operation::new("readSearchSynonyms", "Words of one meaning")
        .returns::<staff::Synonyms>(200);
    let set_synonyms = Operation::new("replaceSearchSynonyms", "Replace all synonyms")
        .body::<staff::Synonyms>()
        .returns::<staff::Synonyms>(200);
    let pins = Operation::new(
        "readSearchPins",
        "What queries and collections put first and hide",
    )
    .returns::<staff::AllPins>(200);
    let set_pins = Operation::new(
        "replaceSearchPins",
        "Replace the pins of a query or collection",
    )
    .description("Without pins and hidden products it has none any more.")
    .body::<staff::PinsBody>()
    .returns_empty(204);
    let settings = Operation::new("readSearchSettings", "The language of the shop's texts")
        .returns::<staff::Settings>(200);
    let set_settings = Operation::new("replaceSearchSettings", "Set the language of the texts")
        .description("Another language has the index built anew.")
        .body::<staff::Settings>()
        .returns::<staff::Settings>(200);
    routes
        .route(Method::GET, STATUS, reads, status, staff::status)
        .route(Method::POST, REBUILD, writes, rebuild, staff::rebuild)
        .route(Method::GET, SYNONYMS, reads, synonyms, staff::synonyms)
        .route(
            Method::PUT,
            SYNONYMS,
            writes,
            set_synonyms,
            staff::set_synonyms,
        )
        .route(Method::GET, PINS, reads, pins, staff::pins)
        .route(Method::PUT, PINS, writes, set_pins, staff::set_pins)
        .route(Method::GET, SETTINGS, reads, settings, staff::settings)
        .route(
            Method::PUT,
            SETTINGS,
            writes,
            set_settings,
            staff::set_settings,
        )
}

/// JSON that anyone may keep and must ask about again.
fn public_json<T: Serialize>(value: &T, client: &IfNoneMatch) -> Result<Response, Problem> {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let bytes = serde_json::to_vec(value).map_err(Problem::internal)?;
    let tag = ETag::of_bytes(&bytes);
    let mut response = tag.respond(client, || {
        let mut response = Response::new(axum::body::Body::from(bytes));
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        response
    });
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, PUBLIC);
    headers.insert(header::VARY, BY_TENANT);
    Ok(response)
}

fn problem(error: SearchError) -> Problem {
    match error {
        SearchError::Cursor => Problem::new(&code::INVALID_CURSOR)
            .with_detail("Start the list again without a cursor.")
            .with_field("cursor", "does not belong to this list"),
        SearchError::Invalid { field, reason } => {
            let detail = format!("`{field}` {reason}.");
            Problem::invalid(field, reason).with_detail(detail)
        }
        SearchError::Building | SearchError::Index { .. } => {
            Problem::new(&SEARCH_BUILDING).with_header(header::RETRY_AFTER, RETRY_AFTER)
        }
        SearchError::Busy => {
            Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, RETRY_AFTER)
        }
        SearchError::Catalog(error) => catalog_problem(error),
        SearchError::Storage(error) => storage_problem(&error),
    }
}

fn catalog_problem(error: CatalogError) -> Problem {
    match error {
        CatalogError::Storage(error) => storage_problem(&error),
        other => Problem::internal(other),
    }
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
