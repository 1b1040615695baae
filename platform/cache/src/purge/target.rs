//! Where a CDN takes purges, and in which words. Secrets stand in headers and are never shown.

use http::{HeaderName, HeaderValue, Uri};
use url::Url;

use crate::cache::CacheError;

/// What one call of Fastly takes.
const KEYS_PER_HEADER: usize = 256;
/// What one call of Cloudflare takes.
const TAGS_PER_BODY: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeStyle {
    /// `POST` with the tags in the header `Surrogate-Key`, as Fastly and Varnish take it.
    SurrogateKey,
    /// `POST` of `{"tags": [..]}`, as Cloudflare takes it.
    Json,
}

/// Where one CDN takes purges.
#[derive(Clone)]
pub struct PurgeTarget {
    style: PurgeStyle,
    url: Url,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl std::fmt::Debug for PurgeTarget {
    // Headers and URL may hold a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PurgeTarget")
            .field("style", &self.style)
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

impl PurgeTarget {
    /// Reads `surrogate+https://...` or `json+https://...`; `http` is for the same machine or a
    /// network one trusts.
    pub fn parse(text: &str) -> Result<Self, CacheError> {
        let bad = |reason| CacheError::PurgeUrl {
            // Without what may be a secret.
            url: shown(text),
            reason,
        };
        let (style, rest) = match text.split_once('+') {
            Some(("surrogate", rest)) => (PurgeStyle::SurrogateKey, rest),
            Some(("json", rest)) => (PurgeStyle::Json, rest),
            _ => return Err(bad("it begins with neither `surrogate+` nor `json+`")),
        };
        let url = Url::parse(rest).map_err(|_| bad("it is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(bad("it is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("a secret belongs into a header"));
        }
        let uri = url.as_str().parse().map_err(|_| bad("it is no URL"))?;
        Ok(Self {
            style,
            url,
            uri,
            headers: Vec::new(),
        })
    }

    /// `Fastly-Key`, `Authorization` or whatever else the CDN wants.
    pub fn with_header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.push((name, value));
        self
    }

    pub(super) fn style(&self) -> PurgeStyle {
        self.style
    }
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }
    pub(super) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
    pub(super) fn tags_max(&self) -> usize {
        match self.style {
            // Tags have at most 128 bytes; 8 kB of a header is what servers take.
            PurgeStyle::SurrogateKey => KEYS_PER_HEADER / 4,
            PurgeStyle::Json => TAGS_PER_BODY,
        }
    }
}

/// Without what may be a secret: user, password and query.
fn shown(text: &str) -> String {
    let text = text.split('?').next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_its_style_and_holds_no_secret_in_its_url() {
        let fastly = PurgeTarget::parse("surrogate+https://api.example/service/x/purge");
        let fastly = fastly.expect("a target");
        assert_eq!(fastly.style(), PurgeStyle::SurrogateKey);
        assert_eq!(fastly.uri().path(), "/service/x/purge");
        assert_eq!(fastly.host(), "api.example");
        for bad in [
            "https://api.example/purge",
            "json+ftp://api.example/",
            "json+https://user:secret@api.example/",
            "ftp://api.example/?key=secret",
            "json+nothing",
        ] {
            let error = PurgeTarget::parse(bad).expect_err(bad).to_string();
            let told = error.replace("a secret belongs", "");
            assert!(!told.contains("secret"), "{error}");
        }
    }
}
