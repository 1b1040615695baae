//! One request of a shopper's browser: which shop, which host, what it sent. Decides nothing but
//! whether a form came from a page of ours.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use stoa_kernel::{Currency, TenantId};
use stoa_rest::{HeaderMap, Problem, RequestId, RequestTenant, Tenant, TraceContext, header};

use crate::answer::Trouble;
use crate::cookies::{CURRENCY, LANGUAGE, preference};
use crate::shop::{Markets, Shop};
use crate::words::Language;

const PARAM_LENGTH_MAX: usize = 2048;
/// Far above any filter of ours.
const PARAMS_MAX: usize = 200;
pub(crate) const LANG_PARAM: &str = "lang";
pub(crate) const CURRENCY_PARAM: &str = "currency";
const PATH_KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

pub(crate) struct Visit {
    pub(crate) tenant: RequestTenant,
    pub(crate) request_id: RequestId,
    pub(crate) trace: TraceContext,
    pub(crate) headers: HeaderMap,
    /// `https://shop.example`, as the browser sees this shop.
    pub(crate) origin: String,
    pub(crate) path: String,
    /// By the address, else by the cookie, else as the browser likes it.
    pub(crate) language: Language,
    /// By the address, else by the cookie, else the shop's own.
    pub(crate) currency: Currency,
    /// What the shop offers.
    pub(crate) markets: Arc<Markets>,
    authority: String,
    query: Option<String>,
}

impl FromRequestParts<Shop> for Visit {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, Problem> {
        let Tenant(tenant) = Tenant::from_request_parts(parts, shop).await?;
        let request_id = RequestId::from_request_parts(parts, shop).await?;
        let trace = TraceContext::from_request_parts(parts, shop).await?;
        let authority = authority(&parts.headers, &parts.uri);
        let scheme = if shop.cookies.secure { "https" } else { "http" };
        let markets = shop.markets.of(&tenant).await;
        let query = parts.uri.query();
        Ok(Self {
            language: language(&markets, query, &parts.headers),
            currency: currency(&markets, query, &parts.headers).unwrap_or(tenant.currency),
            markets,
            tenant,
            request_id,
            trace,
            headers: parts.headers.clone(),
            origin: format!("{scheme}://{authority}"),
            path: parts.uri.path().to_owned(),
            authority,
            query: query.map(str::to_owned),
        })
    }
}

impl Visit {
    pub(crate) fn tenant_id(&self) -> TenantId {
        self.tenant.id
    }

    /// The first parameter of that name in the query; `None` for an empty one.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        param(self.query.as_deref(), name)
    }

    /// All parameters of the query, in their order.
    pub(crate) fn params(&self) -> impl Iterator<Item = (String, String)> {
        let query = self.query.as_deref().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .filter(|(_, value)| !value.is_empty() && value.len() <= PARAM_LENGTH_MAX)
            .take(PARAMS_MAX)
    }

    /// Path and query of the page, for links that lead back to it.
    pub(crate) fn here(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Whether the page depends on what the browser sends beside the address.
    pub(crate) fn varies(&self) -> bool {
        let said = |name| self.param(name).is_some();
        (self.markets.languages.len() > 1 && !said(LANG_PARAM))
            || (self.markets.currencies.len() > 1 && !said(CURRENCY_PARAM))
    }

    /// The address of `path` in `language`: that of the shop's first carries no mark.
    pub(crate) fn in_language(&self, path: &str, language: Language) -> String {
        if self.markets.languages.first() == Some(&language) {
            return format!("{}{path}", self.origin);
        }
        let mark = if path.contains('?') { '&' } else { '?' };
        format!(
            "{}{path}{mark}{LANG_PARAM}={}",
            self.origin,
            language.as_str()
        )
    }

    /// For the catalog: `None` is as products are written.
    pub(crate) fn locale(&self) -> Option<&str> {
        self.markets.locale(self.language)
    }

    pub(crate) fn accepts(&self, media_type: &str) -> bool {
        let accept = self.headers.get(header::ACCEPT);
        accept
            .and_then(|value| value.to_str().ok())
            .is_some_and(|all| all.contains(media_type))
    }

    /// Whether the script asks for the cart's drawer alone.
    pub(crate) fn wants_drawer(&self) -> bool {
        let part = self.headers.get("stoa-fragment");
        part.is_some_and(|part| part == "drawer")
    }

    /// Refuses a form that a page of another origin sent. A client that is no browser sends
    /// neither header, holds no cookie it did not ask for, and may pass.
    pub(crate) fn own_form(&self) -> Result<(), Trouble> {
        let text = |name: &str| {
            self.headers
                .get(name)
                .map(|value| value.to_str().unwrap_or("?"))
        };
        // The scheme is left out: behind a proxy that ends TLS ours is not the browser's.
        let own_origin = text("origin").is_none_or(|origin| {
            origin.split_once("://").is_some_and(|(_, authority)| {
                !authority.is_empty() && authority.eq_ignore_ascii_case(&self.authority)
            })
        });
        let own_site =
            text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
        if own_origin && own_site {
            Ok(())
        } else {
            Err(Trouble::ForeignForm)
        }
    }
}

fn param(query: Option<&str>, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query?.as_bytes())
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
        .filter(|value| !value.is_empty() && value.len() <= PARAM_LENGTH_MAX)
}

pub(crate) fn language(markets: &Markets, query: Option<&str>, headers: &HeaderMap) -> Language {
    let offered = |language: &Language| markets.languages.contains(language);
    let by_address = param(query, LANG_PARAM).and_then(|tag| Language::of_tag(&tag));
    let by_cookie = || preference(headers, LANGUAGE).and_then(Language::of_tag);
    let by_liking = || {
        let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        Language::accepted(header, &markets.languages)
    };
    by_address
        .filter(offered)
        .or_else(|| by_cookie().filter(offered))
        .or_else(by_liking)
        .or_else(|| markets.languages.first().copied())
        .unwrap_or(Language::English)
}

pub(crate) fn currency(
    markets: &Markets,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Option<Currency> {
    let offered = |currency: &Currency| markets.currencies.contains(currency);
    let by_address = param(query, CURRENCY_PARAM).and_then(|code| code.parse().ok());
    let by_cookie = || preference(headers, CURRENCY).and_then(|code| code.parse().ok());
    by_address
        .filter(offered)
        .or_else(|| by_cookie().filter(offered))
}

/// `Host`, or `:authority` over HTTP/2, with its port. The gate knows the host already; anything
/// that could leave an attribute or a header is dropped all the same.
pub(crate) fn authority(headers: &HeaderMap, uri: &Uri) -> String {
    let mut text = String::new();
    write_authority(&mut text, headers, uri);
    text
}

/// Adds [`authority`] to `text`.
pub(crate) fn write_authority(text: &mut String, headers: &HeaderMap, uri: &Uri) {
    let sent = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = sent.or_else(|| uri.authority().map(|all| all.as_str()));
    let kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    let bytes = authority.unwrap_or_default().bytes().filter(kept);
    text.extend(bytes.map(|byte| char::from(byte.to_ascii_lowercase())));
}

/// One step of a path, or a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PATH_KEPT).to_string()
}

pub(crate) fn product_url(handle: &str) -> String {
    format!("/products/{}", encoded(handle))
}

pub(crate) fn category_url(handle: &str) -> String {
    format!("/categories/{}", encoded(handle))
}

pub(crate) fn collection_url(handle: &str) -> String {
    format!("/collections/{}", encoded(handle))
}
