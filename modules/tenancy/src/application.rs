//! Makes tenants and keys, and recognises keys. Never stores or logs a key, only its hash.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use stoa_contracts::Deps;
use stoa_contracts::pricing::Pricing;
use stoa_kernel::{ApiKeyId, TenantId};
use stoa_rest::PermissionSet;
use stoa_storage::{NewTenant, Tenant};

use crate::domain::{KeyKind, Slug, SlugError, key_hash, key_text};
use crate::infrastructure::{self as store, KeyRow};

/// How long a key revoked by another process may go on working.
const KEY_TTL: Duration = Duration::from_secs(1);
const KEYS_CACHED_MAX: u64 = 100_000;
const NAME_LENGTH_MAX: usize = 255;

#[derive(Debug, Clone, thiserror::Error)]
pub enum TenancyError {
    #[error(transparent)]
    Slug(#[from] SlugError),
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error("no tenant `{slug}`")]
    TenantNotFound { slug: String },
    #[error("no such key")]
    KeyNotFound,
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// `None` for the operator's own.
    pub tenant: Option<TenantId>,
    pub kind: KeyKind,
    pub name: String,
    /// What a secret key may do; publishable keys may do nothing that needs a permission.
    pub permissions: PermissionSet,
}

/// Use cases over tenants and keys. Cheap to clone.
#[derive(Clone)]
pub struct Tenancy {
    deps: Deps,
    pricing: Arc<dyn Pricing>,
    recognised: Cache<[u8; 32], Option<KeyRow>>,
}

impl Tenancy {
    pub(crate) fn new(deps: Deps, pricing: Arc<dyn Pricing>) -> Self {
        let recognised = Cache::builder()
            .max_capacity(KEYS_CACHED_MAX)
            .time_to_live(KEY_TTL)
            .build();
        Self {
            deps,
            pricing,
            recognised,
        }
    }

    /// Makes a tenant with a cell and its first settings.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<Tenant, TenancyError> {
        Slug::new(&new.slug)?;
        check_name(&new.name)?;
        let tenant = self.deps.storage.create_tenant(new).await?;
        self.pricing
            .ensure_settings(tenant.id, tenant.currency)
            .await?;
        tracing::info!(tenant = %tenant.slug, id = %tenant.id, "tenant created");
        Ok(tenant)
    }

    pub async fn tenants(&self) -> Result<Vec<Tenant>, TenancyError> {
        Ok(self.deps.storage.tenants().await?)
    }

    pub async fn tenant(&self, slug: &str) -> Result<Tenant, TenancyError> {
        let found = self.deps.storage.tenant_by_slug(slug).await?;
        found.ok_or_else(|| TenancyError::TenantNotFound {
            slug: slug.to_owned(),
        })
    }

    /// Makes a key; the returned text is shown once and cannot be had again.
    pub async fn create_key(&self, new: NewKey) -> Result<(ApiKeyId, String), TenancyError> {
        check_name(&new.name)?;
        if (new.kind == KeyKind::Operator) != new.tenant.is_none() {
            let reason = "operator keys have no tenant, all others have one".to_owned();
            return Err(TenancyError::Invalid {
                field: "kind",
                reason,
            });
        }
        let mut secret = [0_u8; 32];
        getrandom::fill(&mut secret).map_err(|error| stoa_storage::Error::Io {
            context: "asking the system for randomness".to_owned(),
            message: error.to_string(),
        })?;
        let text = key_text(new.kind, &secret);
        let now = self.deps.now();
        let row = KeyRow {
            id: self.deps.ids.make(now),
            tenant: new.tenant,
            kind: new.kind,
            name: new.name,
            permissions: match new.kind {
                KeyKind::Secret => new.permissions,
                KeyKind::Publishable | KeyKind::Operator => PermissionSet::EMPTY,
            },
            created_at: now,
            revoked_at: None,
        };
        let id = row.id;
        store::insert(&self.deps.storage.control(), row, key_hash(&text)).await?;
        Ok((id, text))
    }

    pub(crate) async fn keys(&self, tenant: TenantId) -> Result<Vec<KeyRow>, TenancyError> {
        Ok(store::list(&self.deps.storage.control(), Some(tenant)).await?)
    }

    /// Whether the tenant has a secret key, revoked ones included.
    pub async fn has_secret_key(&self, tenant: TenantId) -> Result<bool, TenancyError> {
        let keys = self.keys(tenant).await?;
        Ok(keys.iter().any(|key| key.kind == KeyKind::Secret))
    }

    /// Whether the operator has any key.
    pub async fn has_operator_key(&self) -> Result<bool, TenancyError> {
        Ok(!store::list(&self.deps.storage.control(), None)
            .await?
            .is_empty())
    }

    pub(crate) async fn revoke(&self, tenant: TenantId, id: ApiKeyId) -> Result<(), TenancyError> {
        let now = self.deps.now();
        match store::revoke(&self.deps.storage.control(), tenant, id, now).await? {
            true => {
                self.recognised.invalidate_all();
                Ok(())
            }
            false => Err(TenancyError::KeyNotFound),
        }
    }

    /// The key behind `text`, unless it is unknown or revoked.
    pub(crate) async fn recognise(&self, text: &str) -> Result<Option<KeyRow>, TenancyError> {
        let hash = key_hash(text);
        if let Some(known) = self.recognised.get(&hash) {
            return Ok(known);
        }
        let found = store::find(&self.deps.storage.control(), hash).await?;
        let found = found.filter(|key| key.revoked_at.is_none());
        self.recognised.insert(hash, found.clone());
        Ok(found)
    }
}

fn check_name(name: &str) -> Result<(), TenancyError> {
    match name.trim().is_empty() || name.len() > NAME_LENGTH_MAX {
        true => Err(TenancyError::Invalid {
            field: "name",
            reason: format!("must have 1 to {NAME_LENGTH_MAX} characters"),
        }),
        false => Ok(()),
    }
}
