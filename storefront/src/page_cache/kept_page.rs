//! A page ready to send: headers, body, and the body compressed once for all who take it so.

use std::sync::OnceLock;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use stoa_cache::{Blob, Stored};
use stoa_rest::{ETag, HeaderMap, HeaderName, HeaderValue, IfNoneMatch, StatusCode, header};

/// A browser asks each time, and may show what it has while it does.
const CACHE_CONTROL: HeaderValue =
    HeaderValue::from_static("public, max-age=0, stale-while-revalidate=10");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
/// Below it the headers of the encoding weigh more than it saves.
const COMPRESSED_BYTES_MIN: usize = 1024;
const LEVEL: u32 = 6;

pub(crate) struct KeptPage {
    tag: ETag,
    /// With the tag.
    headers: HeaderMap,
    body: Bytes,
    /// Made when first asked for; `None` where it saves too little.
    gzip: OnceLock<Option<Encoded>>,
}

struct Encoded {
    headers: HeaderMap,
    body: Bytes,
}

impl KeptPage {
    pub(crate) fn new(mut headers: HeaderMap, body: Bytes, tags: &[&str]) -> Self {
        headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
        headers.remove(header::CONTENT_LENGTH);
        if body.len() >= COMPRESSED_BYTES_MIN {
            headers.append(header::VARY, BY_ENCODING);
        }
        join_vary(&mut headers);
        let list = |separator| HeaderValue::from_str(&tags.join(separator)).ok();
        if let (Some(commas), Some(spaces)) = (list(","), list(" ")) {
            headers.insert(CACHE_TAG, commas);
            headers.insert(SURROGATE_KEY, spaces);
        }
        Self::of(headers, body)
    }

    fn of(mut headers: HeaderMap, body: Bytes) -> Self {
        let tag = ETag::of_bytes(&body);
        let [(name, value)] = tag.header();
        headers.insert(name, value);
        stoa_rest::reserve_lines(&mut headers);
        Self {
            tag,
            headers,
            body,
            gzip: OnceLock::new(),
        }
    }

    pub(crate) fn respond(&self, asked: &HeaderMap) -> Response {
        if asked.contains_key(header::IF_NONE_MATCH)
            && IfNoneMatch::from_headers(asked).matches(&self.tag)
        {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.headers_mut() = self.headers.clone();
            response.headers_mut().remove(header::CONTENT_TYPE);
            return response;
        }
        let gzip = match takes_gzip(asked) {
            true => self.gzip.get_or_init(|| self.compressed()).as_ref(),
            false => None,
        };
        let (headers, body) = match gzip {
            Some(gzip) => (&gzip.headers, &gzip.body),
            None => (&self.headers, &self.body),
        };
        let mut response = Response::new(Body::from(body.clone()));
        *response.headers_mut() = headers.clone();
        response
    }

    fn compressed(&self) -> Option<Encoded> {
        use std::io::Write as _;
        if self.body.len() < COMPRESSED_BYTES_MIN {
            return None;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
        encoder.write_all(&self.body).ok()?;
        let body = encoder.finish().ok()?;
        // The page's weight in memory was told before: what does not halve is not held twice.
        if body.len() > self.body.len() / 2 {
            return None;
        }
        let plain = self.headers.get(header::ETAG)?.to_str().ok()?;
        // Two encodings are two entities; the edge reads this mark when the tag comes back.
        let marked = format!("{}-gzip\"", plain.strip_suffix('"')?);
        let mut headers = self.headers.clone();
        headers.insert(header::ETAG, HeaderValue::from_str(&marked).ok()?);
        headers.insert(header::CONTENT_ENCODING, GZIP);
        Some(Encoded {
            headers,
            body: Bytes::from(body),
        })
    }
}

impl Stored for KeptPage {
    fn weight(&self) -> usize {
        // Headers are a few short lines; the compressed body is at most half of it.
        const HEADERS: usize = 2_048;
        HEADERS + self.body.len() + self.body.len() / 2
    }

    fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut lines = Vec::new();
        for (name, value) in &self.headers {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.push(b'\t');
            lines.extend_from_slice(value.as_bytes());
            lines.push(b'\n');
        }
        Blob {
            meta: Bytes::from(lines),
            body: self.body.clone(),
        }
        .to_bytes()
    }

    fn from_bytes(bytes: Bytes) -> Option<Self> {
        let Blob { meta, body } = Blob::from_bytes(bytes)?;
        let mut headers = HeaderMap::new();
        for line in meta.split(|&byte| byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let at = line.iter().position(|&byte| byte == b'\t')?;
            let name = HeaderName::from_bytes(&line[..at]).ok()?;
            headers.append(name, HeaderValue::from_bytes(&line[at + 1..]).ok()?);
        }
        headers.remove(header::ETAG);
        Some(Self::of(headers, body))
    }
}

/// One line of what were several: each of them is copied for every answer.
fn join_vary(headers: &mut HeaderMap) {
    let all = headers.get_all(header::VARY).iter();
    let names: Vec<&str> = all.filter_map(|value| value.to_str().ok()).collect();
    if let (2.., Ok(joined)) = (names.len(), HeaderValue::from_str(&names.join(", "))) {
        headers.insert(header::VARY, joined);
    }
}

/// Whether the client names gzip and does not refuse it.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| {
        accepted.split(',').any(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            let refused = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|weight| weight.trim_matches(['0', '.']).is_empty());
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> KeptPage {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        headers.append(header::VARY, HeaderValue::from_static("stoa-tenant"));
        let body = Bytes::copy_from_slice(body.as_bytes());
        KeptPage::new(headers, body, &["product-1", "home"])
    }

    /// Handlers tag and vary their answers as well.
    #[test]
    fn a_page_says_each_thing_once_in_either_encoding() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, HeaderValue::from_static("\"handler\""));
        for part in ["stoa-tenant", "accept-language, cookie"] {
            headers.append(header::VARY, HeaderValue::from_static(part));
        }
        let body = Bytes::from("tea ".repeat(2_000));
        let page = KeptPage::new(headers, body, &["home"]);
        let all = "stoa-tenant, accept-language, cookie, accept-encoding";
        for accepted in ["gzip", "identity"] {
            let answer = page.respond(&asked(header::ACCEPT_ENCODING, accepted));
            let vary: Vec<_> = answer.headers().get_all(header::VARY).iter().collect();
            assert_eq!(vary, [all], "{accepted}");
            let tags = answer.headers().get_all(header::ETAG).iter();
            assert_eq!(tags.count(), 1, "{accepted}");
        }
    }

    fn asked(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header value"));
        headers
    }

    #[test]
    fn a_page_comes_back_from_bytes_with_its_headers() {
        let page = page("<p>tea</p>");
        let bytes = Bytes::from(page.to_bytes().expect("short"));
        let back = KeptPage::from_bytes(bytes).expect("as it went");
        assert_eq!(back.body, page.body);
        assert_eq!(back.headers, page.headers);
        assert_eq!(back.headers[CACHE_TAG], "product-1,home");
        assert_eq!(back.headers[SURROGATE_KEY], "product-1 home");
        assert!(KeptPage::from_bytes(Bytes::from_static(b"no page")).is_none());
    }

    #[test]
    fn a_tag_that_is_known_saves_the_body_in_either_encoding() {
        let page = page(&"tea ".repeat(2_000));
        let plain = page.respond(&HeaderMap::new());
        let tag = plain.headers()[header::ETAG]
            .to_str()
            .expect("ASCII")
            .to_owned();
        let packed = page.respond(&asked(header::ACCEPT_ENCODING, "br, gzip;q=0.8"));
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        let packed_tag = packed.headers()[header::ETAG]
            .to_str()
            .expect("ASCII")
            .to_owned();
        assert_ne!(packed_tag, tag);
        for known in [tag, packed_tag] {
            let answer = page.respond(&asked(header::IF_NONE_MATCH, &known));
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(answer.headers().get(header::CONTENT_TYPE), None);
        }
        let other = page.respond(&asked(header::IF_NONE_MATCH, "\"other\""));
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (accepted, takes) in [
            ("gzip", true),
            ("deflate, GZIP", true),
            ("gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
        ] {
            assert_eq!(
                takes_gzip(&asked(header::ACCEPT_ENCODING, accepted)),
                takes,
                "{accepted}"
            );
        }
        let short = page("short").respond(&asked(header::ACCEPT_ENCODING, "gzip"));
        assert_eq!(short.headers().get(header::CONTENT_ENCODING), None);
    }
}
