//! The shop's own ways to pay, as staff set them up. Secrets go in and never come out.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::Timestamp;
use stoa_rest::{
    ETag, HeaderName, HeaderValue, IfMatch, Json, Page, Path, Problem, State, StatusCode, Tenant,
};

use super::Api;
use super::problems;
use crate::application::NewSecrets;
use crate::domain::{Capture, ProviderDraft, ProviderKind};
use crate::infrastructure::providers::StoredProvider;

const fn active_default() -> bool {
    true
}

/// A new way to pay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderBody {
    /// What a checkout names as `payment.provider`: 1 to 40 of `a-z0-9-_`.
    id: String,
    kind: ProviderKind,
    title: String,
    /// Where the provider is; `https://api.stripe.com` unless another is named.
    base_url: Option<String>,
    /// For the provider's script in the browser.
    public_key: Option<String>,
    /// Whether a confirmation takes the money, or staff do later.
    #[serde(default)]
    capture: Capture,
    /// Shown when chosen; for manual methods how to pay.
    instructions: Option<String>,
    /// Ways to pay are shown in this order.
    #[serde(default)]
    position: i64,
    /// Whether shoppers may choose it.
    #[serde(default = "active_default")]
    active: bool,
    /// Write-only.
    secret_key: Option<String>,
    /// Write-only: what the provider signs its calls with.
    webhook_secret: Option<String>,
}

/// Everything about a way to pay that may change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderChange {
    title: String,
    /// Where the provider is; `https://api.stripe.com` unless another is named.
    base_url: Option<String>,
    /// For the provider's script in the browser.
    public_key: Option<String>,
    /// Whether a confirmation takes the money, or staff do later.
    #[serde(default)]
    capture: Capture,
    /// Shown when chosen; for manual methods how to pay.
    instructions: Option<String>,
    /// Ways to pay are shown in this order.
    #[serde(default)]
    position: i64,
    /// Whether shoppers may choose it.
    #[serde(default = "active_default")]
    active: bool,
    /// Write-only.
    secret_key: Option<String>,
    /// Write-only: what the provider signs its calls with.
    webhook_secret: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ProviderView {
    id: String,
    kind: ProviderKind,
    title: String,
    base_url: Option<String>,
    public_key: Option<String>,
    capture: Capture,
    instructions: Option<String>,
    position: i64,
    active: bool,
    has_secret_key: bool,
    has_webhook_secret: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

type Tagged = ([(HeaderName, HeaderValue); 1], Json<ProviderView>);

impl ProviderView {
    fn new(stored: StoredProvider) -> Self {
        let draft = stored.draft;
        Self {
            id: draft.id,
            kind: draft.kind,
            title: draft.title,
            base_url: draft.base_url,
            public_key: draft.public_key,
            capture: draft.capture,
            instructions: draft.instructions,
            position: draft.position,
            active: draft.active,
            has_secret_key: stored.sealed_key.is_some(),
            has_webhook_secret: stored.sealed_webhook_secret.is_some(),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }

    fn tagged(stored: StoredProvider) -> Tagged {
        let tag = ETag::of_version(stored.version).header();
        (tag, Json(Self::new(stored)))
    }
}

impl ProviderBody {
    fn split(self) -> (ProviderDraft, NewSecrets) {
        let rest = ProviderChange {
            title: self.title,
            base_url: self.base_url,
            public_key: self.public_key,
            capture: self.capture,
            instructions: self.instructions,
            position: self.position,
            active: self.active,
            secret_key: self.secret_key,
            webhook_secret: self.webhook_secret,
        };
        rest.split(self.id, self.kind)
    }
}

impl ProviderChange {
    fn split(self, id: String, kind: ProviderKind) -> (ProviderDraft, NewSecrets) {
        let secrets = NewSecrets {
            key: self.secret_key,
            webhook: self.webhook_secret,
        };
        let draft = ProviderDraft {
            id,
            kind,
            title: self.title,
            base_url: self.base_url,
            public_key: self.public_key,
            capture: self.capture,
            instructions: self.instructions,
            position: self.position,
            active: self.active,
        };
        (draft, secrets)
    }
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<ProviderView>>, Problem> {
    let all = api.desk.providers_of(tenant.id).await;
    let all = all.map_err(problems::setup)?;
    let views = all.into_iter().map(ProviderView::new).collect();
    Ok(Json(Page::whole(views)))
}

pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(provider): Path<String>,
) -> Result<Tagged, Problem> {
    let found = api.desk.provider_of(tenant.id, &provider).await;
    found.map(ProviderView::tagged).map_err(problems::setup)
}

pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Json(body): Json<ProviderBody>,
) -> Result<(StatusCode, Tagged), Problem> {
    let (draft, secrets) = body.split();
    let added = api.desk.add_provider(tenant.id, draft, secrets).await;
    let added = added.map_err(problems::setup)?;
    Ok((StatusCode::CREATED, ProviderView::tagged(added)))
}

pub(super) async fn change(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(provider): Path<String>,
    seen: IfMatch,
    Json(body): Json<ProviderChange>,
) -> Result<Tagged, Problem> {
    let known = api.desk.provider_of(tenant.id, &provider).await;
    let known = known.map_err(problems::setup)?;
    seen.check(&ETag::of_version(known.version))?;
    let (draft, secrets) = body.split(provider, known.draft.kind);
    let changed = api
        .desk
        .change_provider(tenant.id, draft, secrets, known.version)
        .await;
    changed.map(ProviderView::tagged).map_err(problems::setup)
}

pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(provider): Path<String>,
) -> Result<StatusCode, Problem> {
    let removed = api.desk.remove_provider(tenant.id, &provider).await;
    removed.map_err(problems::setup)?;
    Ok(StatusCode::NO_CONTENT)
}
