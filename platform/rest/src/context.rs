//! What is known of a request once it was let in: tenant, caller, ids. Set by the guard only.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use stoa_kernel::{Currency, IdSource, TenantId};
use stoa_telemetry::Labels;

use crate::access::Caller;
use crate::problem::Problem;
use crate::routes::RouteInfo;

/// The longest `X-Request-Id` taken over from a client.
const REQUEST_ID_LENGTH_MAX: usize = 128;

/// The shop that a request is for: reads as [`TenantInfo`]. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTenant(Arc<TenantInfo>);

/// What every request needs to know of its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantInfo {
    pub id: TenantId,
    pub slug: String,
    pub name: String,
    pub currency: Currency,
    /// Whether the built-in test payment provider is on.
    pub test_mode: bool,
}

impl RequestTenant {
    pub fn new(info: TenantInfo) -> Self {
        Self(Arc::new(info))
    }
}

impl std::ops::Deref for RequestTenant {
    type Target = TenantInfo;
    fn deref(&self) -> &TenantInfo {
        &self.0
    }
}

/// Names one request in logs and problems: the client's `X-Request-Id`, or one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Named);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    ByClient(HeaderValue),
    /// Hexadecimal digits.
    ByTrace([u8; 32]),
}

impl RequestId {
    /// The client's own, if it is short and of letters, digits and `._:-`.
    pub(crate) fn from_client(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get("x-request-id")?;
        let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:-".contains(byte);
        let bytes = value.as_bytes();
        let fits = (1..=REQUEST_ID_LENGTH_MAX).contains(&bytes.len());
        (fits && bytes.iter().all(sane)).then(|| Self(Named::ByClient(value.clone())))
    }

    pub(crate) fn from_trace(trace: TraceContext) -> Self {
        Self(Named::ByTrace(trace.digits()))
    }

    pub fn as_str(&self) -> &str {
        match &self.0 {
            Named::ByClient(value) => value.to_str().unwrap_or_default(),
            Named::ByTrace(digits) => std::str::from_utf8(digits).unwrap_or_default(),
        }
    }
    /// Where the client chose it.
    pub(crate) fn of_client(&self) -> Option<&str> {
        matches!(self.0, Named::ByClient(_)).then(|| self.as_str())
    }
    pub(crate) fn to_header(&self) -> HeaderValue {
        match &self.0 {
            Named::ByClient(value) => value.clone(),
            Named::ByTrace(digits) => {
                HeaderValue::from_bytes(digits).expect("hexadecimal digits are a header value")
            }
        }
    }
}

/// The W3C trace that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    /// The caller's span; 0 where the trace begins here.
    parent_id: u64,
    sampled: bool,
}

impl TraceContext {
    pub(crate) fn from_headers(headers: &HeaderMap, ids: &dyn IdSource) -> Self {
        let sent = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok());
        sent.and_then(Self::parse).unwrap_or_else(|| Self {
            trace_id: ids.next_u128().max(1),
            parent_id: 0,
            sampled: false,
        })
    }

    /// Reads `00-<trace id>-<parent id>-<flags>`; `None` for anything else, zero ids included.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, parent, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lower_hex = |part: &str, length: usize| {
            part.len() == length
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let well_formed = lower_hex(version, 2)
            && lower_hex(trace, 32)
            && lower_hex(parent, 16)
            && lower_hex(flags, 2);
        // A later version may carry more parts, version 00 may not, and ff is no version.
        if !well_formed || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|&id| id != 0)?;
        let parent_id = u64::from_str_radix(parent, 16).ok().filter(|&id| id != 0)?;
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        Some(Self {
            trace_id,
            parent_id,
            sampled,
        })
    }

    pub fn trace_id_hex(&self) -> String {
        self.digits().map(char::from).iter().collect()
    }
    /// The trace id in hexadecimal digits.
    fn digits(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.trace_id.to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        digits
    }
    pub fn parent_id(&self) -> u64 {
        self.parent_id
    }
    pub fn sampled(&self) -> bool {
        self.sampled
    }
}

/// Everything the guard found out, shared by all extractors of one request.
#[derive(Debug)]
pub struct RequestContext {
    pub request_id: RequestId,
    pub trace: TraceContext,
    pub tenant: Option<RequestTenant>,
    pub caller: Caller,
    pub route: Arc<RouteInfo>,
}

/// What lines that are logged meanwhile say of the request.
pub(crate) struct RequestLabels {
    pub(crate) trace: TraceContext,
    pub(crate) id: RequestId,
    pub(crate) tenant: OnceLock<RequestTenant>,
}

impl Labels for RequestLabels {
    fn trace_id(&self) -> String {
        self.trace.trace_id_hex()
    }
    fn tenant(&self) -> Option<&str> {
        self.tenant.get().map(|tenant| tenant.slug.as_str())
    }
    fn request_id(&self) -> Option<&str> {
        self.id.of_client()
    }
}

/// The address of the peer of a TCP connection (a proxy's, behind one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub SocketAddr);

pub(crate) fn context_of(parts: &Parts) -> Result<&Arc<RequestContext>, Problem> {
    parts
        .extensions
        .get::<Arc<RequestContext>>()
        .ok_or_else(|| Problem::internal("the route was not declared through `Routes`"))
}

/// The tenant of the request. Only on routes whose access has one.
#[derive(Debug, Clone)]
pub struct Tenant(pub RequestTenant);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let tenant = context_of(parts)?.tenant.clone();
        tenant
            .map(Self)
            .ok_or_else(|| Problem::internal("the route's access has no tenant"))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(context_of(parts)?.caller.clone())
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(context_of(parts)?.request_id.clone())
    }
}

impl<S: Sync> FromRequestParts<S> for TraceContext {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(context_of(parts)?.trace)
    }
}

impl<S: Sync> axum::extract::OptionalFromRequestParts<S> for ClientAddr {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_traces_are_taken_over() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::parse(good).expect("the example of the W3C");
        assert_eq!(trace.trace_id_hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(trace.sampled() && trace.parent_id() == 0x00f0_67aa_0ba9_02b7);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wild_request_id_is_not_echoed() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", value.parse().expect("a header value"));
            RequestId::from_client(&headers).map(|id| id.as_str().to_owned())
        };
        assert_eq!(id("abc-1.2:3_x").as_deref(), Some("abc-1.2:3_x"));
        assert_eq!(id("<script>"), None);
        assert_eq!(id(&"a".repeat(129)), None);
    }
}
