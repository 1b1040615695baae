//! What shoppers read. A product that is in memory goes out as the bytes it lies there as.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request};
use axum::response::Response;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::{
    CatalogError, ProductPage, ProductQuery, ProductSort, ProductSummary,
};
use stoa_kernel::{Currency, TenantId};
use stoa_rest::{
    HeaderMap, HeaderValue, IfNoneMatch, Limit, Page, Pagination, Path, PlainRead, Problem, Query,
    RequestContext, State, StatusCode, Tenant, header,
};

use super::collections::{CollectionQuery, page_of};
use super::{catalog_problem, json_response, public, public_json, storage_problem};
use crate::application::{App, ListRequest};
use crate::cache::{CachedProduct, Found};
use crate::infrastructure::lists::{ListFilter, ListOrder};

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CurrencyQuery {
    /// A language tag such as `pt-BR`; what is not said in it is shown as it was written.
    #[serde(default)]
    locale: Option<String>,
    /// The shop's own by default.
    #[serde(default)]
    currency: Option<Currency>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct LocaleQuery {
    /// A language tag such as `pt-BR`; what is not said in it is shown as it was written.
    #[serde(default)]
    locale: Option<String>,
}

impl LocaleQuery {
    pub(super) fn locale(&self) -> Option<&str> {
        self.locale.as_deref()
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ProductListQuery {
    /// A language tag such as `pt-BR`; what is not said in it is shown as it was written.
    #[serde(default)]
    locale: Option<String>,
    /// Words that title or tags must hold, at most 8.
    #[serde(default)]
    q: Option<String>,
    /// A collection's handle; not together with `q`.
    #[serde(default)]
    collection: Option<String>,
    #[serde(default)]
    sort: ProductSort,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
    /// The shop's own by default.
    #[serde(default)]
    currency: Option<Currency>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CollectedQuery {
    /// A language tag such as `pt-BR`; what is not said in it is shown as it was written.
    #[serde(default)]
    pub(super) locale: Option<String>,
    /// The merchant's own order by default.
    #[serde(default)]
    pub(super) sort: Option<ProductSort>,
    #[serde(default)]
    pub(super) limit: Limit,
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// The shop's own by default.
    #[serde(default)]
    pub(super) currency: Option<Currency>,
}

/// A product has another handle now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Moved {
    redirect_to: String,
}

/// Takes the request as it is: extractors would copy what is only looked at here.
pub(crate) async fn read_product(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let (tenant, currency) = tenant_of(&parts)?;
    let (currency, locale) = match parts.uri.query() {
        None => (currency, None),
        Some(_) => {
            let Query(query) = Query::<CurrencyQuery>::from_request_parts(&mut parts, &()).await?;
            (query.currency.unwrap_or(currency), query.locale)
        }
    };
    let path = parts.uri.path();
    let handle = path.rsplit('/').next().unwrap_or(path);
    let unknown = || Problem::not_found("This shop has no such product.");
    let decoded = percent_decode_str(handle).decode_utf8();
    let handle = decoded.map_err(|_| unknown())?;
    let found = app
        .cached_product(tenant, &handle, currency, locale.as_deref())
        .await;
    let product = match found.map_err(|error| storage_problem(&error))? {
        Found::Product(product) => product,
        Found::Moved(handle) => return moved(&handle, parts.uri.query()),
        Found::Nothing => return Err(unknown()),
    };
    Ok(product_response(
        &product,
        product.headers(),
        &parts.headers,
    ))
}

/// What [`read_product`] answers with, where it lies in memory.
pub(crate) fn ready_product(app: &Arc<App>, read: &PlainRead<'_>) -> Option<Response> {
    let path = read.uri.path();
    let handle = path.rsplit('/').next().unwrap_or(path);
    if read.uri.query().is_some() || handle.contains('%') {
        return None;
    }
    let product = app.known_product(read.tenant.id, handle, read.tenant.currency, read.now)?;
    let headers = product.kept_headers().clone();
    Some(product_response(&product, headers, read.headers))
}

fn product_response(product: &CachedProduct, headers: HeaderMap, asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = headers;
    if IfNoneMatch::from_headers(asked).matches(&product.tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
    } else {
        *response.body_mut() = Body::from(product.body.clone());
    }
    response
}

/// What an address spells in another way than a handle does.
const OTHER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-');

/// Where a product went whose handle changed, with the same query.
fn moved(handle: &str, query: Option<&str>) -> Result<Response, Problem> {
    let handle = percent_encode(handle.as_bytes(), OTHER);
    let mut redirect_to = format!("/api/v1/products/{handle}");
    if let Some(query) = query {
        redirect_to.push('?');
        redirect_to.push_str(query);
    }
    let location = HeaderValue::from_str(&redirect_to).map_err(Problem::internal)?;
    let body = serde_json::to_vec(&Moved { redirect_to }).map_err(Problem::internal)?;
    let mut response = public(json_response(body.into()));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn tenant_of(parts: &Parts) -> Result<(TenantId, Currency), Problem> {
    let context = parts.extensions.get::<Arc<RequestContext>>();
    let tenant = context.and_then(|context| context.tenant.as_ref());
    let tenant = tenant.ok_or_else(|| Problem::internal("the route's access has no tenant"))?;
    Ok((tenant.id, tenant.currency))
}

pub(crate) async fn list_products(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Query(query): Query<ProductListQuery>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    let locale = query.locale;
    let query = ProductQuery {
        search: query.q,
        collection: query.collection,
        sort: query.sort,
        currency: query.currency.unwrap_or(tenant.currency),
        limit: query.limit.get(),
        cursor: query.cursor,
    };
    let mut request = ListRequest::of(&query).map_err(catalog_problem)?;
    request.locale = locale;
    page(app.list(tenant.id, &request).await, &client)
}

pub(crate) async fn collection_products(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(handle): Path<String>,
    Query(query): Query<CollectedQuery>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    let request = ListRequest {
        filter: ListFilter::Collection(handle),
        order: query.sort.map_or(ListOrder::Own, |sort| {
            crate::application::order_of(sort, true)
        }),
        currency: query.currency.unwrap_or(tenant.currency),
        limit: query.limit.get(),
        cursor: query.cursor,
        locale: query.locale,
    };
    page(app.list(tenant.id, &request).await, &client)
}

pub(crate) async fn collections(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Query(query): Query<CollectionQuery>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    let locale = query.locale();
    let mut page = page_of(&app, tenant.id, &query).await?;
    app.translate_collections(tenant.id, &mut page.data, locale)
        .await
        .map_err(catalog_problem)?;
    public_json(&page, &client)
}

pub(crate) async fn collection(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(handle): Path<String>,
    Query(query): Query<LocaleQuery>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    use stoa_contracts::catalog::Catalog as _;
    let found = app
        .collection_in(tenant.id, &handle, query.locale.as_deref())
        .await
        .map_err(catalog_problem)?;
    let found = found.ok_or_else(|| Problem::not_found("This shop has no such collection."))?;
    public_json(&found, &client)
}

pub(super) fn page(
    found: Result<ProductPage, CatalogError>,
    client: &IfNoneMatch,
) -> Result<Response, Problem> {
    let found = found.map_err(catalog_problem)?;
    let has_more = found.next_cursor.is_some();
    let pagination = Pagination {
        cursor: found.next_cursor,
        has_more,
    };
    public_json(
        &Page::<ProductSummary> {
            data: found.products,
            pagination,
        },
        client,
    )
}
