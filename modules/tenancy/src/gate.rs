//! Finds the tenant of a host and the caller behind a key. Answers from memory where it can.

use std::net::{IpAddr, Ipv6Addr};

use async_trait::async_trait;
use stoa_rest::{Caller, Credential, Gate, Problem, RequestTenant, TenantInfo, code};
use stoa_storage::{Storage, Tenant};
use tokio::time::Instant;

use crate::application::{Tenancy, TenancyError};
use crate::domain::{KeyKind, SLUG_LENGTH_MAX};
use crate::hosts::HostBook;

/// The longest name that DNS knows. What is longer names nobody, and is remembered nowhere.
const HOST_LENGTH_MAX: usize = 253;
/// The tenant that plain `localhost` shows.
const DEMO_SLUG: &str = "demo";

pub(crate) struct TenancyGate {
    storage: Storage,
    tenancy: Tenancy,
    base_domain: Option<String>,
    by_host: HostBook,
}

/// What a host name says of its tenant.
#[derive(Debug, PartialEq, Eq)]
enum HostName<'h> {
    /// This machine or the base domain itself: the header decides, else the demo tenant.
    Base,
    Slug(&'h str),
    Custom,
}

impl TenancyGate {
    pub(crate) fn new(storage: Storage, tenancy: Tenancy, base_domain: Option<String>) -> Self {
        Self {
            storage,
            tenancy,
            base_domain,
            by_host: HostBook::default(),
        }
    }

    fn classify<'h>(&self, host: &'h str) -> HostName<'h> {
        let base = self.base_domain.as_deref();
        // Nothing else in brackets: what names a tenant is remembered, and must be short.
        let in_brackets = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let is_ip = host.parse::<IpAddr>().is_ok()
            || in_brackets.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
        if host.is_empty() || host == "localhost" || is_ip || Some(host) == base {
            return HostName::Base;
        }
        let under = |domain: &str| {
            host.strip_suffix(domain)
                .and_then(|rest| rest.strip_suffix('.'))
        };
        match under("localhost").or_else(|| base.and_then(under)) {
            Some(slug) if !slug.contains('.') => HostName::Slug(slug),
            _ => HostName::Custom,
        }
    }

    async fn look_up(
        &self,
        host: &str,
        tenant_header: Option<&str>,
    ) -> Result<Option<RequestTenant>, Problem> {
        let found = match self.classify(host) {
            HostName::Base => {
                self.storage
                    .tenant_by_slug(tenant_header.unwrap_or(DEMO_SLUG))
                    .await
            }
            HostName::Slug(slug) => self.storage.tenant_by_slug(slug).await,
            HostName::Custom => match self.storage.tenant_by_host(host).await {
                Ok(Some(id)) => self.storage.tenant(id).await.map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            },
        };
        Ok(found
            .map_err(|error| unavailable(&error))?
            .map(request_tenant))
    }
}

#[async_trait]
impl Gate for TenancyGate {
    async fn tenant(
        &self,
        host: &str,
        tenant_header: Option<&str>,
    ) -> Result<Option<RequestTenant>, Problem> {
        let too_long = tenant_header.is_some_and(|slug| slug.len() > SLUG_LENGTH_MAX);
        if host.len() > HOST_LENGTH_MAX || too_long {
            return Ok(None);
        }
        if tenant_header.is_some() {
            return self.look_up(host, tenant_header).await;
        }
        let now = Instant::now();
        if let Some(known) = self.known_tenant(host, now) {
            return Ok(Some(known));
        }
        let found = self.look_up(host, None).await?;
        if let Some(tenant) = &found {
            self.by_host.insert(host, tenant.clone(), now);
        }
        Ok(found)
    }

    fn known_tenant(&self, host: &str, now: Instant) -> Option<RequestTenant> {
        self.by_host.get(host, now)
    }

    async fn caller(
        &self,
        tenant: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let Some(credential) = credential else {
            return Ok(Caller::Anonymous);
        };
        let known = self.tenancy.recognise(credential.secret()).await;
        let known = known.map_err(|error| match error {
            TenancyError::Storage(error) => unavailable(&error),
            other => Problem::internal(other),
        })?;
        let key = known.ok_or_else(|| Problem::new(&code::UNAUTHORIZED))?;
        match (key.kind, tenant, key.tenant) {
            (KeyKind::Operator, ..) => Ok(Caller::Operator),
            (_, Some(asked), Some(own)) if asked.id != own => {
                Err(Problem::new(&code::WRONG_TENANT))
            }
            (KeyKind::Secret, ..) => Ok(Caller::Staff {
                key: key.id,
                permissions: key.permissions,
            }),
            (KeyKind::Publishable, ..) => Ok(Caller::Publishable { key: key.id }),
        }
    }
}

fn request_tenant(tenant: Tenant) -> RequestTenant {
    RequestTenant::new(TenantInfo {
        id: tenant.id,
        slug: tenant.slug,
        name: tenant.name,
        currency: tenant.currency,
        test_mode: tenant.test_mode,
    })
}

fn unavailable(error: &stoa_storage::Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY),
        false => Problem::internal(error),
    }
}
