//! One request of a shopper's browser: which shop, which host, what it sent. Decides nothing but
//! whether a form came from a page of ours.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use stoa_kernel::TenantId;
use stoa_rest::{HeaderMap, Problem, RequestId, RequestTenant, Tenant, TraceContext, header};

use crate::answer::Trouble;
use crate::shop::Shop;

const PARAM_LENGTH_MAX: usize = 2048;
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
    authority: String,
    query: Option<String>,
}

impl FromRequestParts<Shop> for Visit {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, Problem> {
        let Tenant(tenant) = Tenant::from_request_parts(parts, shop).await?;
        let request_id = RequestId::from_request_parts(parts, shop).await?;
        let trace = TraceContext::from_request_parts(parts, shop).await?;
        let authority = authority(parts);
        let scheme = if shop.cookies.secure { "https" } else { "http" };
        Ok(Self {
            tenant,
            request_id,
            trace,
            headers: parts.headers.clone(),
            origin: format!("{scheme}://{authority}"),
            path: parts.uri.path().to_owned(),
            authority,
            query: parts.uri.query().map(str::to_owned),
        })
    }
}

impl Visit {
    pub(crate) fn tenant_id(&self) -> TenantId {
        self.tenant.id
    }

    /// The first parameter of that name in the query; `None` for an empty one.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let query = self.query.as_deref()?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
            .filter(|value| !value.is_empty() && value.len() <= PARAM_LENGTH_MAX)
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

/// `Host`, or `:authority` over HTTP/2, with its port. The gate knows the host already; anything
/// that could leave an attribute or a header is dropped all the same.
fn authority(parts: &Parts) -> String {
    let sent = parts
        .headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = sent.or_else(|| parts.uri.authority().map(|all| all.as_str()));
    let kept = |c: &char| c.is_ascii_alphanumeric() || "-._:[]".contains(*c);
    authority
        .unwrap_or_default()
        .chars()
        .filter(kept)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// One step of a path, or a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PATH_KEPT).to_string()
}

pub(crate) fn product_url(handle: &str) -> String {
    format!("/products/{}", encoded(handle))
}

pub(crate) fn collection_url(handle: &str) -> String {
    format!("/collections/{}", encoded(handle))
}
