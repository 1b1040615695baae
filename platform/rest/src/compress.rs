//! Compresses what is worth it for clients that ask. Costs two header look-ups for those that do not.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use http::{Extensions, HeaderMap, HeaderValue, Request, StatusCode, Version};
use http_body::Body as _;
use tower::ServiceExt as _;
use tower_http::compression::Compression;

use crate::etag::ENCODING_SUFFIXES;

/// Below this the headers of the encoding weigh more than it saves.
const COMPRESSED_BYTES_MIN: u64 = 1024;

const VARY_BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// Whether the response goes out as it is to a client with this `Accept-Encoding`; says then what
/// it depends on.
pub(crate) fn is_done(accepted: Option<&HeaderValue>, response: &mut Response) -> bool {
    let done = !is_worth_it(response);
    if !done && accepted.is_none() {
        vary_by_encoding(response.headers_mut());
    }
    done || accepted.is_none()
}

/// `accepted` is the client's `Accept-Encoding`.
pub(crate) async fn apply(accepted: Option<HeaderValue>, mut response: Response) -> Response {
    let done = is_done(accepted.as_ref(), &mut response);
    let Some(accepted) = accepted.filter(|_| !done) else {
        return response;
    };
    let mut request = Request::new(());
    request
        .headers_mut()
        .insert(http::header::ACCEPT_ENCODING, accepted);
    let mut given = Some(response);
    let inner = tower::service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(given.take().unwrap_or_default()))
    });
    let always = |_: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| true;
    let compression = Compression::new(inner).no_deflate().compress_when(always);
    let mut response = match compression.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    vary_by_encoding(response.headers_mut());
    mark_tag(&mut response);
    response
}

/// Unless it says so.
fn vary_by_encoding(headers: &mut HeaderMap) {
    let says_so = |value: &HeaderValue| {
        if value.as_bytes().ends_with(b"accept-encoding") {
            return true;
        }
        let names = value.to_str().unwrap_or_default().split(',');
        names
            .map(str::trim)
            .any(|name| name.eq_ignore_ascii_case("accept-encoding"))
    };
    if !headers.get_all(VARY).iter().any(says_so) {
        headers.append(VARY, VARY_BY_ENCODING);
    }
}

fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    let Some(kind) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let compressible = kind.starts_with("application/json")
        || (kind.starts_with("text/") && !kind.starts_with("text/event-stream"))
        || kind.starts_with("application/javascript")
        || kind.starts_with("application/problem+json")
        || kind.starts_with("application/xml")
        || kind.starts_with("image/svg+xml");
    let size = response.body().size_hint();
    let large = size
        .upper()
        .is_none_or(|bytes| bytes >= COMPRESSED_BYTES_MIN);
    compressible
        && large
        && response.status() != StatusCode::PARTIAL_CONTENT
        && !headers.contains_key(CONTENT_ENCODING)
}

/// Two encodings of one body are two entities: a strong tag must tell them apart.
fn mark_tag(response: &mut Response) {
    let headers = response.headers();
    let encoding = headers
        .get(CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok());
    let tag = headers.get(ETAG).and_then(|value| value.to_str().ok());
    let (Some(encoding), Some(tag)) = (encoding, tag) else {
        return;
    };
    let suffix = ENCODING_SUFFIXES
        .iter()
        .find(|suffix| suffix[1..] == *encoding);
    let (Some(suffix), Some(open)) = (suffix, tag.strip_suffix('"')) else {
        return;
    };
    if tag.starts_with('"')
        && let Ok(marked) = HeaderValue::from_str(&format!("{open}{suffix}\""))
    {
        response.headers_mut().insert(ETAG, marked);
    }
}
