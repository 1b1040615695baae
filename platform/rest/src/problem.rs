//! Refusals as RFC 9457 problem documents. Never carries the inside of a failure to a client.

use std::borrow::Cow;
use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::code::{self, ErrorCode};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// One field of a request that was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FieldError {
    /// The path of the field, such as `lines[0].quantity`.
    pub field: String,
    pub reason: String,
}

/// A refusal: an [`ErrorCode`] with the facts of this request.
#[derive(Clone)]
pub struct Problem(Box<Parts>);

#[derive(Clone)]
struct Parts {
    code: ErrorCode,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    headers: HeaderMap,
}

impl Problem {
    pub fn new(code: &'static ErrorCode) -> Self {
        let headers = HeaderMap::new();
        Self(Box::new(Parts {
            code: *code,
            detail: None,
            errors: Vec::new(),
            headers,
        }))
    }

    /// 500 for a failure of ours: `error` goes to the log with its causes, not to the client.
    pub fn internal(error: impl fmt::Display) -> Self {
        tracing::error!(error = %format_args!("{error:#}"), "a request failed on our side");
        Self::new(&code::INTERNAL)
    }

    /// 404 that says what was looked for.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(&code::NOT_FOUND).with_detail(detail)
    }

    /// 422 that names one field.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(&code::INVALID_REQUEST).with_field(field, reason)
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, reason: impl Into<String>) -> Self {
        self.0.errors.push(FieldError {
            field: field.into(),
            reason: reason.into(),
        });
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The document as it goes over the wire.
    pub(crate) fn to_json(&self, request_id: Option<&str>) -> Vec<u8> {
        let parts = &self.0;
        let document = Document {
            kind: format!("/docs/errors/{}", parts.code.code),
            title: parts.code.title,
            status: parts.code.status,
            code: parts.code.code,
            detail: parts.detail.as_deref(),
            errors: &parts.errors,
            request_id,
        };
        serde_json::to_vec(&document).expect("strings and numbers always serialise")
    }
}

/// The wire form, in the order of RFC 9457 with our members after it.
#[derive(Serialize)]
struct Document<'p> {
    #[serde(rename = "type")]
    kind: String,
    title: &'p str,
    status: u16,
    code: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'p str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'p str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json(None)));
        *response.status_mut() = self.status();
        response.headers_mut().extend(self.0.headers.clone());
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        // The guard writes the document again, with the id of the request.
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_json(None)))
    }
}
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = self.0.detail.as_deref().unwrap_or(self.0.code.title);
        write!(f, "{} ({}): {detail}", self.0.code.code, self.0.code.status)
    }
}
impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_why_and_where() {
        let problem = Problem::invalid("lines[0].quantity", "must be at least 1")
            .with_detail("The cart cannot be changed like that.");
        assert_eq!(
            String::from_utf8(problem.to_json(Some("r1"))).expect("JSON is UTF-8"),
            concat!(
                r#"{"type":"/docs/errors/invalid_request","title":"A field is not valid","#,
                r#""status":422,"code":"invalid_request","#,
                r#""detail":"The cart cannot be changed like that.","#,
                r#""errors":[{"field":"lines[0].quantity","reason":"must be at least 1"}],"#,
                r#""request_id":"r1"}"#
            )
        );
        assert_eq!(
            problem.to_string(),
            "invalid_request (422): The cart cannot be changed like that."
        );
    }
}
