//! Entity tags: made from versions or bytes, compared with `If-Match` and `If-None-Match`.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::code;
use crate::problem::Problem;

/// Half of SHA-256: enough that two bodies never share a tag.
const TAG_BYTES: usize = 16;

/// What compression appends inside the quotes, so that each encoding has its own strong tag.
pub(crate) const ENCODING_SUFFIXES: [&str; 3] = ["-gzip", "-br", "-zstd"];

/// A strong entity tag, with its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(HeaderValue);

impl ETag {
    /// `"7"`: for rows that count their versions, so that `If-Match` can become a condition.
    pub fn of_version(version: i64) -> Self {
        Self::quoted(&version.to_string())
    }

    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::quoted(&hex::encode(&Sha256::digest(bytes)[..TAG_BYTES]))
    }

    /// One that was kept as text; `None` where it cannot be one.
    pub fn of_text(text: &str) -> Option<Self> {
        let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        sound.then(|| Self::quoted(text))
    }

    /// As [`Self::of_text`] takes it.
    pub fn text(&self) -> &str {
        self.opaque()
    }

    fn quoted(opaque: &str) -> Self {
        let text = format!("\"{opaque}\"");
        Self(HeaderValue::from_str(&text).expect("digits and letters are a header value"))
    }

    fn opaque(&self) -> &str {
        self.0.to_str().unwrap_or_default().trim_matches('"')
    }

    /// For `(etag.header(), Json(body))`.
    pub fn header(&self) -> [(HeaderName, HeaderValue); 1] {
        [(ETAG, self.0.clone())]
    }

    /// 304 where the client already holds this entity, else what `build` makes, with the tag.
    pub fn respond<R: IntoResponse>(
        &self,
        client: &IfNoneMatch,
        build: impl FnOnce() -> R,
    ) -> Response {
        if client.matches(self) {
            return (StatusCode::NOT_MODIFIED, self.header()).into_response();
        }
        let mut response = build().into_response();
        response.headers_mut().insert(ETAG, self.0.clone());
        response
    }
}

/// The tags of one header, without quotes, weakness marks and encoding suffixes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct TagList {
    any: bool,
    tags: Vec<String>,
}

impl TagList {
    /// `keep_weak`: `If-None-Match` compares weakly, `If-Match` strongly (RFC 9110, 8.8.3.2).
    fn parse(headers: &HeaderMap, name: &HeaderName, keep_weak: bool) -> Self {
        let mut list = Self::default();
        let texts = headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        for tag in texts.flat_map(|text| text.split(',')).map(str::trim) {
            let (weak, quoted) = match tag.strip_prefix("W/") {
                Some(rest) => (true, rest),
                None => (false, tag),
            };
            if tag == "*" {
                list.any = true;
            } else if !weak || keep_weak {
                let opaque = quoted.trim_matches('"');
                let suffix = ENCODING_SUFFIXES
                    .iter()
                    .find(|suffix| opaque.ends_with(**suffix));
                let bare = suffix.and_then(|suffix| opaque.strip_suffix(suffix));
                list.tags.push(bare.unwrap_or(opaque).to_owned());
            }
        }
        list
    }

    fn matches(&self, tag: &ETag) -> bool {
        self.any || self.tags.iter().any(|own| own == tag.opaque())
    }
}

/// What the client already holds; empty where it says nothing.
#[derive(Debug, Clone, Default)]
pub struct IfNoneMatch(TagList);

impl IfNoneMatch {
    pub fn from_headers(headers: &HeaderMap) -> Self {
        match headers.contains_key(IF_NONE_MATCH) {
            true => Self(TagList::parse(headers, &IF_NONE_MATCH, true)),
            false => Self::default(),
        }
    }
    pub fn matches(&self, tag: &ETag) -> bool {
        self.0.matches(tag)
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::from_headers(&parts.headers))
    }
}

/// What the client last saw of the thing it changes. As a plain extractor it is required (428);
/// as `Option<IfMatch>` it is not.
#[derive(Debug, Clone)]
pub struct IfMatch(TagList);

impl IfMatch {
    /// 412 unless the client saw `current`.
    pub fn check(&self, current: &ETag) -> Result<(), Problem> {
        match self.0.matches(current) {
            true => Ok(()),
            false => Err(Problem::new(&code::PRECONDITION_FAILED)
                .with_header(ETAG, current.0.clone())
                .with_detail("It changed since you read it. Read it again and repeat the change.")),
        }
    }

    /// The version to put into a conditional UPDATE; `None` for `*`. A tag that is no version of
    /// ours cannot be current: 412.
    pub fn version(&self) -> Result<Option<i64>, Problem> {
        if self.0.any {
            return Ok(None);
        }
        match self.0.tags.as_slice() {
            [tag] => tag
                .parse()
                .map(Some)
                .map_err(|_| Problem::new(&code::PRECONDITION_FAILED)),
            _ => Err(Problem::new(&code::PRECONDITION_FAILED)
                .with_detail("Send exactly one strong entity tag in If-Match.")),
        }
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let present = parts.headers.contains_key(IF_MATCH);
        Ok(present.then(|| Self(TagList::parse(&parts.headers, &IF_MATCH, false))))
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        found.ok_or_else(|| {
            Problem::new(&code::PRECONDITION_REQUIRED)
                .with_detail("Send the ETag of what you read as If-Match, or `*`.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(value: &str) -> IfMatch {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, value.parse().expect("a header value"));
        IfMatch(TagList::parse(&headers, &IF_MATCH, false))
    }
    fn version(value: &str) -> Result<Option<i64>, u16> {
        if_match(value)
            .version()
            .map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn if_match_gives_the_version_for_the_update() {
        assert_eq!(version("\"7\""), Ok(Some(7)));
        assert_eq!(version("\"7-gzip\""), Ok(Some(7)));
        assert_eq!(version("*"), Ok(None));
        for stale in ["\"abc\"", "W/\"7\"", "\"7\", \"8\"", ""] {
            assert_eq!(version(stale), Err(412), "{stale}");
        }
        assert!(if_match("\"6\", \"7\"").check(&ETag::of_version(7)).is_ok());
        assert!(if_match("\"6\"").check(&ETag::of_version(7)).is_err());
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let client = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, value.parse().expect("a header value"));
            IfNoneMatch::from_headers(&headers)
        };
        let tag = ETag::of_bytes(b"stoa");
        let text = tag.0.to_str().expect("ASCII").to_owned();
        assert_eq!(text.len(), 34);
        assert!(client(&format!("\"x\", W/{text}")).matches(&tag));
        assert!(client("*").matches(&tag));
        assert!(!client("\"x\"").matches(&tag));
        assert!(!IfNoneMatch::from_headers(&HeaderMap::new()).matches(&tag));
    }
}
