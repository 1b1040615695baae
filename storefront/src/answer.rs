//! Turns pages and failures into responses, each with its headers. Never shows the inside of a failure.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use stoa_contracts::cart::CartError;
use stoa_contracts::catalog::{CatalogError, CollectionView};
use stoa_contracts::checkout::CheckoutError;
use stoa_contracts::orders::OrderError;
use stoa_rest::{ETag, HeaderName, HeaderValue, IfNoneMatch, StatusCode, header};

use crate::render::{CONTENT_SECURITY_POLICY, RenderError, Theme};
use crate::shop::Shop;
use crate::views::{ErrorView, Frame, Link, Meta};
use crate::visit::{Visit, collection_url};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");
const NAV_LINKS_MAX: usize = 8;

/// Why a page cannot be shown; each becomes an error page.
#[derive(Debug)]
pub(crate) enum Trouble {
    NotFound,
    /// A form that another site sent.
    ForeignForm,
    /// Worth trying again soon.
    Busy,
    /// Written to the log where it happened.
    Broken,
}

impl Trouble {
    pub(crate) fn broken(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a page failed");
        Self::Broken
    }
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<stoa_storage::Error> for Trouble {
    fn from(error: stoa_storage::Error) -> Self {
        if error.is_transient() {
            Self::Busy
        } else {
            Self::broken(&error)
        }
    }
}
impl From<RenderError> for Trouble {
    fn from(error: RenderError) -> Self {
        tracing::error!(template = error.template, error = %error.source, "a template failed");
        Self::Broken
    }
}
impl From<CatalogError> for Trouble {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Storage(error) => error.into(),
            CatalogError::Cursor
            | CatalogError::UnknownCollection { .. }
            | CatalogError::Invalid { .. } => Self::NotFound,
        }
    }
}
impl From<CartError> for Trouble {
    fn from(error: CartError) -> Self {
        match error {
            CartError::Storage(error) => error.into(),
            CartError::NotFound | CartError::LineNotFound => Self::NotFound,
            // It was being paid for in the very moment; the next look finds its order.
            CartError::NotOpen => Self::Busy,
            other => Self::broken(&other),
        }
    }
}
impl From<CheckoutError> for Trouble {
    fn from(error: CheckoutError) -> Self {
        match error {
            CheckoutError::Storage(error) => error.into(),
            CheckoutError::CartNotFound => Self::NotFound,
            other => Self::broken(&other),
        }
    }
}
impl From<OrderError> for Trouble {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Storage(error) => error.into(),
            OrderError::NotFound => Self::NotFound,
            OrderError::Transition { .. } | OrderError::Invalid { .. } => Self::broken(&error),
        }
    }
}

impl Shop {
    /// What surrounds the page; `current` is the handle of the collection shown.
    pub(crate) fn frame(&self, visit: &Visit, all: &[CollectionView], current: &str) -> Frame {
        let tenant = &visit.tenant;
        let nav = all.iter().take(NAV_LINKS_MAX).map(|collection| Link {
            current: collection.handle == current,
            ..Link::new(&collection.title, collection_url(&collection.handle))
        });
        Frame {
            tagline: (self.welcome)(tenant).and_then(|welcome| welcome.tagline),
            currency: tenant.currency.to_string(),
            nav: nav.collect(),
            test_mode: tenant.test_mode,
            mailbox_url: tenant.test_mode.then(|| "/admin/mailbox".to_owned()),
            ..Frame::bare(&tenant.name)
        }
    }

    pub(crate) async fn plain_frame(&self, visit: &Visit) -> Result<Frame, Trouble> {
        let all = self.catalog.collections(visit.tenant_id()).await?;
        Ok(self.frame(visit, &all, ""))
    }

    /// The page, or the error page of its trouble.
    pub(crate) async fn answer(&self, visit: &Visit, made: Result<Response, Trouble>) -> Response {
        let trouble = match made {
            Ok(response) => return response,
            Err(trouble) => trouble,
        };
        // The page of a failure must not fail for the same reason.
        let frame = match self.plain_frame(visit).await {
            Ok(frame) => frame,
            Err(_) => self.frame(visit, &[], ""),
        };
        let status = trouble.status();
        let html = self
            .theme
            .error(&error_view(frame, status, Some(visit.request_id.as_str())));
        let mut response = match html {
            Ok(html) => private_page(status, html),
            Err(error) => (status, Trouble::from(error).status().to_string()).into_response(),
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A themed page for a status, for answers that are given before a shop is known. It must be sent
/// with [`CONTENT_SECURITY_POLICY`].
pub fn error_page(theme: &Theme, shop_name: &str, status: u16, request_id: &str) -> String {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let view = error_view(Frame::bare(shop_name), status, Some(request_id));
    theme.error(&view).unwrap_or_else(|_| status.to_string())
}

fn error_view(frame: Frame, status: StatusCode, request_id: Option<&str>) -> ErrorView {
    let (headline, text) = match status.as_u16() {
        401 => (
            "Please sign in",
            "This page is for the people who run the shop.",
        ),
        403 => (
            "That form came from somewhere else",
            "We only take forms sent from our own pages. Go back to the shop and try again.",
        ),
        404 => (
            "This page is not here",
            "The address may be mistyped, or the thing has been sold and taken down.",
        ),
        405 => (
            "This page cannot do that",
            "Go back to the shop and take another way.",
        ),
        429 | 503 => (
            "The shop is very busy",
            "Please wait a moment and try again. Nothing you did is lost.",
        ),
        400..=499 => ("We could not read that", "Please go back and try again."),
        _ => (
            "Something broke on our side",
            "It is not your fault, and we have been told. Please try again in a minute.",
        ),
    };
    ErrorView {
        meta: Meta::private(format!("{headline} · {}", frame.shop_name)),
        frame,
        status: status.as_u16(),
        headline: headline.to_owned(),
        text: text.to_owned(),
        request_id: request_id.map(str::to_owned),
    }
}

fn page(status: StatusCode, html: String, cache: HeaderValue) -> Response {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HTML);
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// A page of one shopper: nobody keeps it.
pub(crate) fn private_page(status: StatusCode, html: String) -> Response {
    page(status, html, NO_STORE)
}

/// A page that is the same for every shopper of the host: kept, and asked for again by its tag.
pub(crate) fn public_page(visit: &Visit, html: String) -> Response {
    let tag = ETag::of_bytes(html.as_bytes());
    let known = IfNoneMatch::from_headers(&visit.headers);
    let mut response = tag.respond(&known, || page(StatusCode::OK, html, REVALIDATE));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, REVALIDATE);
    // On the base host this header chooses the shop.
    headers.append(header::VARY, HeaderValue::from_static("stoa-tenant"));
    response
}

/// A file that changes only with its name or its tag.
pub(crate) fn file(
    known: &IfNoneMatch,
    body: &'static [u8],
    kind: &'static str,
    cache: &'static str,
) -> Response {
    let mut response = ETag::of_bytes(body).respond(known, || {
        (
            [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
            Body::from(body),
        )
    });
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// After a form: the browser gets the page by itself, and a reload does not send the form again.
pub(crate) fn see_other(location: &str) -> Response {
    let location = HeaderValue::from_str(location).expect("locations are encoded");
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Adds `Set-Cookie` lines.
pub(crate) fn with_cookies(
    mut response: Response,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
