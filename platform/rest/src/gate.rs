//! The port through which requests get a tenant and a caller. Implemented by tenancy, not here.

use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::time::Instant;

use crate::access::Caller;
use crate::code;
use crate::context::RequestTenant;
use crate::problem::Problem;

/// Answers for every request whose route asks for it; on the hot path, so it should answer from
/// memory.
#[async_trait]
pub trait Gate: Send + Sync + 'static {
    /// The tenant of `host` (lower case, without its port; empty where the client sent none).
    /// `tenant_header` is `Stoa-Tenant`; whether this host may use it is the gate's to say.
    /// `None` becomes 404 `unknown_host`.
    async fn tenant(
        &self,
        host: &str,
        tenant_header: Option<&str>,
    ) -> Result<Option<RequestTenant>, Problem>;

    /// As [`Gate::tenant`] without a header, of what is known without waiting; `None` where it is not.
    fn known_tenant(&self, _host: &str, _now: Instant) -> Option<RequestTenant> {
        None
    }

    /// Whom `credential` stands for. An unknown one is 401 `unauthorized`, one of another tenant
    /// 403 `wrong_tenant`. `None` means anonymous; the guard does not ask then.
    async fn caller(
        &self,
        tenant: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem>;
}

/// The key from `Authorization: Bearer <key>`, or from `Basic`, where it is the password, for
/// browsers. Its text form never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    secret: String,
}

/// Far above any key of ours.
const CREDENTIAL_LENGTH_MAX: usize = 4096;

impl Credential {
    pub fn new(secret: impl Into<String>) -> Self {
        Self {
            secret: secret.into(),
        }
    }

    /// The key as sent. Hash it; never log or store it.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// `None` where there is no `Authorization` header.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Ok(None);
        };
        let unreadable = || {
            Problem::new(&code::UNAUTHORIZED).with_detail(
                "Send `Authorization: Bearer <key>`, or Basic with the key as password.",
            )
        };
        let text = value.to_str().map_err(|_| unreadable())?;
        let (scheme, rest) = text.split_once(' ').ok_or_else(unreadable)?;
        let rest = rest.trim();
        if rest.is_empty() || rest.len() > CREDENTIAL_LENGTH_MAX {
            return Err(unreadable());
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Some(Self::new(rest)));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(unreadable());
        }
        let decoded = STANDARD.decode(rest).map_err(|_| unreadable())?;
        let pair = String::from_utf8(decoded).map_err(|_| unreadable())?;
        let (_, password) = pair.split_once(':').ok_or_else(unreadable)?;
        Ok(Some(Self::new(password)))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential([masked])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().expect("a header value"));
        Credential::from_headers(&headers)
            .map(|found| found.map(|credential| credential.secret().to_owned()))
            .map_err(|problem| problem.code().code)
    }

    #[test]
    fn keys_come_as_bearer_or_as_basic_password() {
        assert_eq!(parse("Bearer sk_1"), Ok(Some("sk_1".into())));
        assert_eq!(parse("basic YWRtaW46c2tfMTp4"), Ok(Some("sk_1:x".into())));
        for value in [
            "Bearer",
            "Bearer ",
            "Digest x",
            "Basic !!!",
            "Basic YWRtaW4=",
        ] {
            assert_eq!(parse(value), Err("unauthorized"), "{value}");
        }
        assert!(matches!(
            Credential::from_headers(&HeaderMap::new()),
            Ok(None)
        ));
        assert_eq!(
            format!("{:?}", Credential::new("sk_1")),
            "Credential([masked])"
        );
    }
}
