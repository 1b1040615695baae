//! Turns pages and failures into responses, each with its headers. Never shows the inside of a failure.

use std::future::Future;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use stoa_contracts::cart::CartError;
use stoa_contracts::catalog::CatalogError;
use stoa_contracts::checkout::CheckoutError;
use stoa_contracts::orders::OrderError;
use stoa_rest::{ETag, HeaderName, HeaderValue, IfNoneMatch, StatusCode, header};

use crate::pages::collection::popular;
use crate::render::{CONTENT_SECURITY_POLICY, Page, RenderError, Theme, serving};
use crate::shop::Shop;
use crate::views::{ErrorView, Frame, Meta};
use crate::visit::Visit;
use crate::words::{say, speaking};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

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
    /// The page, or the error page of its trouble.
    /// All its words are of the visit's language.
    pub(crate) fn answer<'a>(
        &'a self,
        visit: &'a Visit,
        making: impl Future<Output = Result<Response, Trouble>> + Send + 'a,
    ) -> impl Future<Output = Response> + Send + 'a {
        // Forms take many steps, whose states would be moved about with each answer.
        let making = Box::pin(making);
        let answering = async move {
            let made = making.await;
            self.answered(visit, made).await
        };
        speaking(visit.language, answering)
    }

    async fn answered(&self, visit: &Visit, made: Result<Response, Trouble>) -> Response {
        let trouble = match made {
            Ok(response) => return response,
            Err(trouble) => trouble,
        };
        // The page of a failure must not fail for the same reason.
        let shelves = self.shelves(visit).await.unwrap_or_default();
        let status = trouble.status();
        let lost = status == StatusCode::NOT_FOUND;
        let frame = self.frame(visit, &shelves, "");
        let view = ErrorView {
            search: lost,
            suggestions: if lost { popular(&shelves) } else { Vec::new() },
            ..error_view(frame, status, Some(visit.request_id.as_str()))
        };
        // What broke may have been the shop's own theme: only a lost way is told in it.
        let made = match lost && !serving::at_the_till(&visit.path) {
            true => self.private(visit, status, Page::Error(&view)).await,
            false => self
                .theme
                .error(&view)
                .map(|html| private_page(status, html))
                .map_err(Trouble::from),
        };
        let mut response = match made {
            Ok(page) => page,
            Err(trouble) => (status, trouble.status().to_string()).into_response(),
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
        meta: Meta::private(format!("{} · {}", say(headline), frame.shop_name)),
        frame,
        status: status.as_u16(),
        headline: say(headline),
        text: say(text),
        search: false,
        suggestions: Vec::new(),
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
    public(visit, ETag::of_bytes(html.as_bytes()), || {
        page(StatusCode::OK, html, REVALIDATE)
    })
}

/// As [`public_page`], for the page's own script.
pub(crate) fn public_json(visit: &Visit, value: &impl Serialize) -> Response {
    let body = serde_json::to_string(value).expect("plain structs of texts are JSON");
    public_file(visit, body, "application/json")
}

/// As [`public_page`], for programs.
pub(crate) fn public_file(visit: &Visit, body: String, kind: &'static str) -> Response {
    public(visit, ETag::of_bytes(body.as_bytes()), || {
        let kind = HeaderValue::from_static(kind);
        ([(header::CONTENT_TYPE, kind)], Body::from(body)).into_response()
    })
}

fn public(visit: &Visit, tag: ETag, body: impl FnOnce() -> Response) -> Response {
    let known = IfNoneMatch::from_headers(&visit.headers);
    let mut response = tag.respond(&known, body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, REVALIDATE);
    // On the base host this header chooses the shop.
    headers.append(header::VARY, HeaderValue::from_static("stoa-tenant"));
    if visit.varies() {
        const CHOSEN: HeaderValue = HeaderValue::from_static("accept-language, cookie");
        headers.append(header::VARY, CHOSEN);
    }
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

/// What was here is found there from now on.
pub(crate) fn moved_permanently(location: &str) -> Response {
    let location = HeaderValue::from_str(location).expect("locations are encoded");
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, REVALIDATE),
    ];
    (StatusCode::PERMANENT_REDIRECT, headers).into_response()
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
