//! What of a request decides how a page looks, as a short text. Parameters that no page knows are
//! left out of it, and out of the request that the page is made from.

use axum::body::Body;
use axum::extract::Request;
use axum::http::Uri;
use stoa_kernel::TenantId;
use stoa_rest::{HeaderName, Method, PlainRead, header};
use url::form_urlencoded;

use crate::render::serving::may_preview;
use crate::shop::Shop;
use crate::visit::{CURRENCY_PARAM, LANG_PARAM, currency, language, write_authority};

/// Asks for a part of a page.
const FRAGMENT: HeaderName = HeaderName::from_static("stoa-fragment");
const KEY_BYTES_MAX: usize = 1_024;
const KEY_BYTES_USUAL: usize = 256;
const PARAM_BYTES_MAX: usize = 512;
const PARAMS_MAX: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Home,
    Collection,
    Search,
    Product,
}

impl Kind {
    /// Whether the page looks another way for another value of the parameter.
    fn knows(self, name: &str) -> bool {
        const LISTED: [&str; 12] = [
            "q",
            "sort",
            "cursor",
            "before",
            "min",
            "max",
            "vendor",
            "type",
            "tag",
            "collection",
            "category",
            "available",
        ];
        let own = match self {
            Self::Home => false,
            Self::Product => matches!(name, "variant" | "option1" | "option2" | "option3"),
            Self::Collection | Self::Search => {
                LISTED.contains(&name)
                    || name.starts_with("option.")
                    || name.starts_with("attribute.")
            }
        };
        own || name == LANG_PARAM || name == CURRENCY_PARAM
    }
}

pub(crate) struct Asked {
    pub(crate) tenant: TenantId,
    pub(crate) key: String,
    /// Of what is known, in order.
    query: Option<String>,
}

impl Asked {
    /// `None` for what is not kept: previews, parts of pages, overlong addresses; and while it is
    /// not known what the shop is shown in.
    pub(crate) fn of(shop: &Shop, kind: Kind, read: &PlainRead<'_>) -> Option<Self> {
        let &PlainRead {
            tenant,
            uri,
            headers,
            now,
        } = read;
        if headers.contains_key(FRAGMENT) || may_preview(headers) {
            return None;
        }
        let query = match uri.query() {
            Some(query) => normal(kind, query)?,
            None => None,
        };
        let markets = shop.markets.known(tenant, now)?;
        let language = language(&markets, query.as_deref(), headers);
        let currency = currency(&markets, query.as_deref(), headers).unwrap_or(tenant.currency);
        let mut key = String::with_capacity(KEY_BYTES_USUAL);
        // The path names the kind. A break stands between two parts, which none of them holds.
        key.push_str(uri.path());
        key.push('\n');
        key.push_str(query.as_deref().unwrap_or_default());
        key.push('\n');
        write_authority(&mut key, headers, uri);
        for part in [
            if shop.cookies.secure { "s" } else { "" },
            language.as_str(),
            currency.as_str(),
            tenant.currency.as_str(),
            &tenant.name,
            if tenant.test_mode { "test" } else { "" },
            &markets.all,
        ] {
            key.push('\n');
            key.push_str(part);
        }
        let tenant = tenant.id;
        (key.len() <= KEY_BYTES_MAX).then_some(Self { tenant, key, query })
    }

    /// The request as the page is made from it: nothing in it that the key leaves out decides.
    pub(crate) fn plain_request(&self, sent: &Request) -> Request {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = self.uri(sent.uri());
        *request.headers_mut() = sent.headers().clone();
        request.headers_mut().remove(header::IF_NONE_MATCH);
        *request.extensions_mut() = sent.extensions().clone();
        request
    }

    fn uri(&self, sent: &Uri) -> Uri {
        let mut parts = sent.clone().into_parts();
        let all = match &self.query {
            Some(query) => format!("{}?{query}", sent.path()),
            None => sent.path().to_owned(),
        };
        parts.path_and_query = all.parse().ok().or(parts.path_and_query);
        Uri::from_parts(parts).unwrap_or_else(|_| sent.clone())
    }
}

/// What the page knows of the query, by name; values of one name in the order sent. `None` where
/// it is too much to be kept.
#[expect(
    clippy::option_option,
    reason = "no query, and none to be kept, are two answers"
)]
fn normal(kind: Kind, query: &str) -> Option<Option<String>> {
    let parsed = form_urlencoded::parse(query.as_bytes());
    let mut known: Vec<_> = parsed
        .filter(|(name, value)| !value.is_empty() && kind.knows(name))
        .take(PARAMS_MAX + 1)
        .collect();
    let fits = |value: &str| value.len() <= PARAM_BYTES_MAX;
    if known.len() > PARAMS_MAX || !known.iter().all(|(_, value)| fits(value)) {
        return None;
    }
    if known.is_empty() {
        return Some(None);
    }
    known.sort_by(|one, other| one.0.cmp(&other.0));
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(known);
    Some(Some(text.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> Option<Option<String>> {
        normal(Kind::Collection, query)
    }

    #[test]
    fn unknown_parameters_and_their_order_make_no_other_page() {
        let known = Some(Some("sort=price&vendor=a&vendor=b".to_owned()));
        assert_eq!(list("vendor=a&utm_source=x&sort=price&vendor=b"), known);
        assert_eq!(list("sort=price&vendor=a&fbclid=1&vendor=b&min="), known);
        assert_eq!(list("utm_source=x"), Some(None));
        assert_eq!(normal(Kind::Home, "sort=price&q=tea"), Some(None));
        let variant = Some(Some("lang=de&variant=v".to_owned()));
        assert_eq!(normal(Kind::Product, "variant=v&lang=de&sort=1"), variant);
    }

    #[test]
    fn what_is_too_long_or_too_much_is_not_kept() {
        assert_eq!(list(&format!("q={}", "x".repeat(513))), None);
        assert_eq!(list(&"tag=x&".repeat(33)), None);
        let much = format!("utm=1{}", "&tag=x".repeat(32));
        assert!(list(&much).is_some_and(|query| query.is_some()));
    }
}
