//! Reads bodies, queries and paths into types, and says exactly which field was wrong.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::BodyBytes;
use crate::code;
use crate::problem::Problem;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON body, in or out. Types that must refuse unknown fields say `deny_unknown_fields`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

/// The query string. A wrong value is 422 and names the parameter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

/// The parameters of the path. One that does not parse names nothing: 404.
#[derive(Debug, Clone, Copy, Default)]
pub struct Path<T>(pub T);

/// A form sent by a browser.
#[derive(Debug, Clone, Copy, Default)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let BodyBytes(bytes) = BodyBytes::from_request(request, state).await?;
        parse_json(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => {
                let mut response = Response::new(Body::from(bytes));
                response.headers_mut().insert(CONTENT_TYPE, JSON);
                response
            }
            Err(error) => Problem::internal(error).into_response(),
        }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse_urlencoded(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if media_type(request.headers()).as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Problem::new(&code::UNSUPPORTED_MEDIA_TYPE)
                .with_detail("Send `Content-Type: application/x-www-form-urlencoded`."));
        }
        let BodyBytes(bytes) = BodyBytes::from_request(request, state).await?;
        parse_urlencoded(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::new(&code::NOT_FOUND)),
        }
    }
}

pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    match media_type(headers).as_deref() {
        Some("application/json") => Ok(()),
        Some(kind) if kind.starts_with("application/") && kind.ends_with("+json") => Ok(()),
        _ => Err(Problem::new(&code::UNSUPPORTED_MEDIA_TYPE)
            .with_detail("Send `Content-Type: application/json`.")),
    }
}

/// The media type in lower case, without its parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(
        value
            .split(';')
            .next()
            .unwrap_or(value)
            .trim()
            .to_ascii_lowercase(),
    )
}

pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        json_problem(path, error.inner())
    })?;
    reader
        .end()
        .map_err(|error| json_problem(String::new(), &error))?;
    Ok(value)
}

fn json_problem(path: String, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::new(&code::MALFORMED_JSON).with_detail(error.to_string());
    }
    let text = error.to_string();
    // The position says nothing to somebody who is told the field.
    let reason = text
        .rfind(" at line ")
        .map_or(text.as_str(), |end| &text[..end]);
    field_problem(path, reason)
}

fn parse_urlencoded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let reader = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(bytes));
    serde_path_to_error::deserialize(reader)
        .map_err(|error| field_problem(error.path().to_string(), &error.inner().to_string()))
}

/// serde names a missing or unknown field only in its message, not in the path.
fn field_problem(path: String, reason: &str) -> Problem {
    let parent = if path == "." { String::new() } else { path };
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| reason.strip_prefix(start))
        .and_then(|rest| rest.split('`').next());
    let field = match (parent.as_str(), named) {
        ("", Some(name)) => name.to_owned(),
        // An unknown field is already the last step of its path.
        (path, Some(name)) if path == name || path.ends_with(&format!(".{name}")) => {
            path.to_owned()
        }
        (path, Some(name)) => format!("{path}.{name}"),
        (path, None) => path.to_owned(),
    };
    let detail = match field.as_str() {
        "" => format!("The request is not valid: {reason}."),
        _ => format!("`{field}` is not valid: {reason}."),
    };
    Problem::invalid(field, reason).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only parsed")]
        lines: Vec<Line>,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[expect(dead_code, reason = "only parsed")]
        quantity: u8,
    }

    fn refusal(json: &str) -> (&'static str, String, String) {
        let problem = parse_json::<Order>(json.as_bytes()).expect_err(json);
        let error = problem.errors().first().cloned();
        let (field, reason) = error.map_or_else(Default::default, |e| (e.field, e.reason));
        (problem.code().code, field, reason)
    }

    #[test]
    fn a_refused_body_names_the_field() {
        let invalid =
            |field: &str, reason: &str| ("invalid_request", field.to_owned(), reason.to_owned());
        assert_eq!(
            refusal(r#"{"lines":[{"quantity":1},{"quantity":-1}]}"#),
            invalid(
                "lines[1].quantity",
                "invalid value: integer `-1`, expected u8"
            )
        );
        assert_eq!(
            refusal(r#"{"lines":[{}]}"#),
            invalid("lines[0].quantity", "missing field `quantity`")
        );
        assert_eq!(
            refusal(r#"{"lines":[{"quantity":1,"price":2}]}"#),
            invalid(
                "lines[0].price",
                "unknown field `price`, expected `quantity`"
            )
        );
        assert_eq!(refusal("{}"), invalid("lines", "missing field `lines`"));
        assert_eq!(
            refusal("[1]"),
            invalid("[0]", "invalid type: integer `1`, expected a sequence")
        );
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for text in ["", "{", "{\"lines\":[]} x", "\u{feff}{}", "nope"] {
            assert_eq!(refusal(text).0, "malformed_json", "{text}");
        }
    }
}
