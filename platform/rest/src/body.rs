//! Request bodies, bounded in size and in patience. Never holds more than the route's limit.

use std::error::Error as StdError;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::HeaderValue;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::code;
use crate::problem::Problem;
use crate::serve::BodyTooSlow;

/// The size of a body where the route states none.
pub const BODY_BYTES_DEFAULT: usize = 1024 * 1024;

/// Refuses a body that says it is too large, and cuts off one that turns out to be.
pub(crate) fn limit(request: Request, bytes_max: usize) -> Result<Request, Problem> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let declared = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let mut request = request.map(|body| Body::new(Limited::new(body, bytes_max)));
    request.extensions_mut().insert(BodyLimit(bytes_max));
    // The limit above holds for axum's own extractors as well.
    axum::extract::DefaultBodyLimit::disable().apply(&mut request);
    Ok(request)
}

#[derive(Clone, Copy)]
struct BodyLimit(usize);

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(&code::PAYLOAD_TOO_LARGE)
        .with_detail(format!(
            "This route takes bodies of at most {bytes_max} bytes."
        ))
        .with_header(CONNECTION, HeaderValue::from_static("close"))
}

fn to_problem(error: axum::Error, limit: Option<BodyLimit>) -> Problem {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<LengthLimitError>() {
            return too_large(limit.map_or(BODY_BYTES_DEFAULT, |limit| limit.0));
        }
        if inner.is::<BodyTooSlow>() {
            return Problem::new(&code::REQUEST_TIMEOUT)
                .with_detail("The body stopped coming.")
                .with_header(CONNECTION, HeaderValue::from_static("close"));
        }
        cause = inner.source();
    }
    Problem::new(&code::MALFORMED_BODY).with_detail("The body broke off or is badly framed.")
}

/// The whole body, where its exact bytes matter: signatures and fingerprints.
#[derive(Debug, Clone)]
pub struct BodyBytes(pub Bytes);

impl<S: Sync> FromRequest<S> for BodyBytes {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let limit = request.extensions().get::<BodyLimit>().copied();
        let collected = request.into_body().collect().await;
        collected
            .map(|body| Self(body.to_bytes()))
            .map_err(|error| to_problem(error, limit))
    }
}

/// The body piece by piece, for uploads that must not lie in memory.
pub struct ClientBody {
    stream: BodyDataStream,
    limit: Option<BodyLimit>,
}

impl ClientBody {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        let piece = self.stream.next().await?;
        Some(piece.map_err(|error| to_problem(error, self.limit)))
    }
}

impl<S: Sync> FromRequest<S> for ClientBody {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let limit = request.extensions().get::<BodyLimit>().copied();
        Ok(Self {
            stream: request.into_body().into_data_stream(),
            limit,
        })
    }
}
