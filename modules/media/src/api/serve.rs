//! Pictures as shoppers' browsers get them: for good, by a strong tag, in parts where asked for, and
//! unable to act as a page of the shop.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use stoa_rest::{
    ETag, HeaderMap, HeaderName, HeaderValue, IfNoneMatch, Path, Problem, State, StatusCode,
    Tenant, header,
};

use super::{Api, ApiState, problem};
use crate::application::{MediaError, Original, Shown};
use crate::domain::{Address, Slice, Wanted, slice};

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A drawing opened by itself is a document: it may style itself, and nothing else.
const HARMLESS: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
const ANYWHERE: HeaderValue = HeaderValue::from_static("cross-origin");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");

pub(super) async fn show(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path((key, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parsed = Address::parse(&key, &file);
    let (address, wanted, _) = parsed.ok_or_else(|| problem(MediaError::NotFound))?;
    let shown = api.gallery.show(tenant.id, address, wanted).await;
    let shown = shown.map_err(problem)?;
    let tag = tag(&key, wanted);
    let [(_, tag_header)] = tag.header();
    let mut response = if IfNoneMatch::from_headers(&headers).matches(&tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match shown {
            Shown::Version(bytes, format) => whole(bytes, format.mime()),
            Shown::Original(original) => part(&api, &original, &headers, &tag_header).await?,
        }
    };
    let out = response.headers_mut();
    out.insert(header::CACHE_CONTROL, FOR_GOOD);
    out.insert(header::CONTENT_SECURITY_POLICY, HARMLESS);
    out.insert(RESOURCE_POLICY, ANYWHERE);
    out.insert(header::ETAG, tag_header);
    Ok(response)
}

/// The key holds the sum of the content, so the same tag is always of the same bytes.
fn tag(key: &str, wanted: Wanted) -> ETag {
    match wanted {
        Wanted::Original(_) => ETag::of_bytes(key.as_bytes()),
        Wanted::Version { width, format } => {
            let extension = format.extension();
            ETag::of_bytes(format!("{key} {width} {extension}").as_bytes())
        }
    }
}

fn whole(bytes: Bytes, mime: &'static str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}

async fn part(
    api: &Api,
    original: &Original,
    headers: &HeaderMap,
    tag: &HeaderValue,
) -> Result<Response, Problem> {
    let asset = &original.asset;
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // A part of another entity would be of no use to who holds one of ours.
    let same = text(header::IF_RANGE).is_none_or(|held| held.as_bytes() == tag.as_bytes());
    let asked = text(header::RANGE).filter(|_| same);
    let (status, range) = match slice(asked, asset.bytes) {
        Slice::Whole => (StatusCode::OK, None),
        Slice::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Slice::Unsatisfiable => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            let total = format!("bytes */{}", asset.bytes);
            insert(&mut response, header::CONTENT_RANGE, &total);
            return Ok(response);
        }
    };
    let found = api.gallery.read(original, range.clone()).await;
    let found = found.map_err(problem)?;
    let length = found.range.end - found.range.start;
    let mut response = Response::new(Body::from_stream(found.pieces));
    *response.status_mut() = status;
    insert(&mut response, header::CONTENT_TYPE, asset.kind.mime());
    insert(&mut response, header::CONTENT_LENGTH, &length.to_string());
    response.headers_mut().insert(header::ACCEPT_RANGES, BYTES);
    if let Some(range) = range {
        let (first, last) = (range.start, range.end - 1);
        let told = format!("bytes {first}-{last}/{}", asset.bytes);
        insert(&mut response, header::CONTENT_RANGE, &told);
    }
    Ok(response)
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
