//! `/docs`, the page of each error code, and the OpenAPI document, all made when the first of them is
//! asked for: most processes never are, and the making takes megabytes.
//! Nothing is fetched from elsewhere: no script at all, one style sheet of ours.

mod markdown;
mod page;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method};

use crate::access::Access;
use crate::code::{self, ErrorCode};
use crate::etag::{ETag, IfNoneMatch};
use crate::extract::Path;
use crate::openapi::openapi;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::routes::{RouteInfo, Routes};

const STYLE: &str = include_str!("docs/style.css");
const HTML: &str = "text/html; charset=utf-8";
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What the documentation says of the whole API.
#[derive(Debug, Clone)]
pub struct ApiInfo {
    pub title: String,
    pub version: String,
    pub description: String,
}

/// The page of one error code: `docs/errors/<code>.md`, taken in at compile time.
#[derive(Debug, Clone, Copy)]
pub struct ErrorPage {
    pub code: &'static ErrorCode,
    pub markdown: &'static str,
}

/// A document that never changes while the process runs.
struct Document {
    content_type: &'static str,
    bytes: Bytes,
    tag: ETag,
}

impl Document {
    fn new(content_type: &'static str, text: impl Into<Bytes>) -> Self {
        let bytes = text.into();
        let tag = ETag::of_bytes(&bytes);
        Self {
            content_type,
            bytes,
            tag,
        }
    }

    fn respond(&self, client: &IfNoneMatch) -> Response {
        let mut response = self
            .tag
            .respond(client, || self.bytes.clone().into_response());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

struct Documents {
    openapi: Document,
    reference: Document,
    style: Document,
    error_index: Document,
    errors: BTreeMap<&'static str, Document>,
}

type Make = Box<dyn FnOnce() -> Documents + Send>;
/// Made by the first who asks; others wait for him.
type Lazily = LazyLock<Documents, Make>;

/// The documentation of `routes` and of itself.
pub(crate) fn docs_routes(info: &ApiInfo, routes: &Routes<()>) -> Routes<()> {
    let own = declared();
    let all: Vec<RouteInfo> = routes.list().iter().chain(own.list()).cloned().collect();
    let mut pages: Vec<(ErrorCode, &'static str)> = code::PAGES.to_vec();
    pages.extend(
        routes
            .pages()
            .iter()
            .map(|page| (*page.code, page.markdown)),
    );
    pages.sort_by_key(|(code, _)| (code.status, code.code));
    let info = info.clone();
    let make: Make = Box::new(move || documents(&info, &all, &pages));
    own.with_state(Arc::new(LazyLock::new(make)))
}

fn documents(
    info: &ApiInfo,
    routes: &[RouteInfo],
    pages: &[(ErrorCode, &'static str)],
) -> Documents {
    let document = openapi(info, routes);
    let reference = page::reference(info, &document);
    let json = serde_json::to_vec(&document).expect("a JSON value always serialises");
    let error = |(code, text): &(ErrorCode, &'static str)| {
        (code.code, Document::new(HTML, page::error(code, text)))
    };
    Documents {
        openapi: Document::new("application/json", json),
        reference: Document::new(HTML, reference),
        style: Document::new("text/css; charset=utf-8", STYLE),
        error_index: Document::new(HTML, page::error_index(pages)),
        errors: pages.iter().map(error).collect(),
    }
}

type Docs = State<Arc<Lazily>>;

fn declared() -> Routes<Arc<Lazily>> {
    let get = |path, id, summary, media_type| {
        let operation = Operation::new(id, summary).returns_type(200, media_type);
        (Method::GET, path, Access::Public, operation)
    };
    let mut routes = Routes::new("docs");
    let (method, path, access, operation) = get(
        "/api/v1/openapi.json",
        "readOpenApi",
        "This API as OpenAPI 3.1",
        "application/json",
    );
    routes = routes.route(
        method,
        path,
        access,
        operation,
        async |docs: Docs, client: IfNoneMatch| docs.openapi.respond(&client),
    );
    let (method, path, access, operation) =
        get("/docs", "readDocs", "This API as a page", "text/html");
    routes = routes.route(
        method,
        path,
        access,
        operation,
        async |docs: Docs, client: IfNoneMatch| docs.reference.respond(&client),
    );
    let (method, path, access, operation) = get(
        "/docs/style.css",
        "readDocsStyle",
        "The look of the documentation",
        "text/css",
    );
    routes = routes.route(
        method,
        path,
        access,
        operation,
        async |docs: Docs, client: IfNoneMatch| docs.style.respond(&client),
    );
    let (method, path, access, operation) = get(
        "/docs/errors",
        "listErrorCodes",
        "Every error code",
        "text/html",
    );
    routes = routes.route(
        method,
        path,
        access,
        operation,
        async |docs: Docs, client: IfNoneMatch| docs.error_index.respond(&client),
    );
    let (method, path, access, operation) = get(
        "/docs/errors/{code}",
        "readErrorCode",
        "What an error code means",
        "text/html",
    );
    routes.route(method, path, access, operation, error_page)
}

async fn error_page(
    docs: Docs,
    Path(code): Path<String>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    match docs.errors.get(code.as_str()) {
        Some(document) => Ok(document.respond(&client)),
        None => Err(Problem::not_found("There is no error code of that name.")),
    }
}
