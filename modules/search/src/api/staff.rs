//! How staff look at search and steer it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::ProductId;
use stoa_rest::{Json, Problem, State, StatusCode, Tenant};

use super::{Api, problem};
use crate::application::PinSet;
use crate::domain::rules::{Pin, Scope};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SearchStatus {
    /// Whether it answers.
    ready: bool,
    /// Whether it has caught up with all changes since it was opened or built.
    current: bool,
    documents: u64,
    /// The last event that is in it.
    position: i64,
    /// On disk.
    bytes: u64,
    /// The language of texts that are no translations, as the index was built with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    rebuilding: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuild: Option<Rebuild>,
}

/// An index being built.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SearchRebuild")]
pub(crate) struct Rebuild {
    /// `missing`, `version`, `torn`, `epoch`, `gap`, `locale` or `asked`.
    reason: String,
    /// Documents in it so far.
    documents: u64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SearchSynonyms")]
pub(crate) struct Synonyms {
    /// At most 500 groups of 2 to 10 texts, each of 1 to 4 words, that mean the same.
    groups: Vec<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SearchSettings")]
pub(crate) struct Settings {
    /// The language of texts that are no translations; `null` for the installation's.
    locale: Option<String>,
}

/// What one query or collection puts first and hides.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SearchPins")]
pub(crate) struct PinsBody {
    /// Either a query, compared by its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// Or a collection's handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    #[serde(default)]
    pins: Vec<PinBody>,
    #[serde(default)]
    hidden: Vec<ProductId>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SearchPin")]
pub(crate) struct PinBody {
    product_id: ProductId,
    /// From 1 to 250.
    position: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AllSearchPins")]
pub(crate) struct AllPins {
    data: Vec<PinsBody>,
}

pub(crate) async fn status(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
) -> Result<Json<SearchStatus>, Problem> {
    let status = api.answers.status(tenant.id).await.map_err(problem)?;
    Ok(Json(SearchStatus {
        ready: status.locale.is_some(),
        current: status.is_current,
        documents: status.documents,
        position: status.position,
        bytes: status.bytes,
        locale: status.locale,
        rebuilding: status.rebuilding.is_some(),
        rebuild: status.rebuilding.map(|(reason, documents)| Rebuild {
            reason: reason.as_str().to_owned(),
            documents,
        }),
    }))
}

pub(crate) async fn rebuild(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
) -> Result<StatusCode, Problem> {
    api.steering.rebuild(tenant.id);
    Ok(StatusCode::ACCEPTED)
}

pub(crate) async fn synonyms(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
) -> Result<Json<Synonyms>, Problem> {
    let stored = api.steering.read(tenant.id).await.map_err(problem)?;
    Ok(Json(Synonyms {
        groups: stored.groups,
    }))
}

pub(crate) async fn set_synonyms(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Json(body): Json<Synonyms>,
) -> Result<Json<Synonyms>, Problem> {
    let groups = body.groups.clone();
    let set = api.steering.set_synonyms(tenant.id, groups).await;
    set.map_err(problem)?;
    Ok(Json(body))
}

pub(crate) async fn pins(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
) -> Result<Json<AllPins>, Problem> {
    let stored = api.steering.read(tenant.id).await.map_err(problem)?;
    let mut by_term: BTreeMap<(&'static str, String), PinsBody> = BTreeMap::new();
    for pin in stored.pins {
        let body = by_term
            .entry((pin.scope.as_str(), pin.term.clone()))
            .or_default();
        match pin.scope {
            Scope::Query => body.query = Some(pin.term),
            Scope::Collection => body.collection = Some(pin.term),
        }
        match pin.pin.position {
            Some(position) => body.pins.push(PinBody {
                product_id: pin.pin.product,
                position,
            }),
            None => body.hidden.push(pin.pin.product),
        }
    }
    Ok(Json(AllPins {
        data: by_term.into_values().collect(),
    }))
}

pub(crate) async fn set_pins(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Json(body): Json<PinsBody>,
) -> Result<StatusCode, Problem> {
    let (scope, term) = match (body.query, body.collection) {
        (Some(query), None) => (Scope::Query, query),
        (None, Some(handle)) => (Scope::Collection, handle),
        _ => {
            return Err(Problem::invalid(
                "query",
                "or `collection` must be given, not both",
            ));
        }
    };
    let pinned = body.pins.iter().map(|pin| Pin {
        product: pin.product_id,
        position: Some(pin.position),
    });
    let hidden = body.hidden.iter().map(|product| Pin {
        product: *product,
        position: None,
    });
    let pins = pinned.chain(hidden).collect();
    let set = PinSet { scope, term, pins };
    api.steering
        .set_pins(tenant.id, set)
        .await
        .map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn settings(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
) -> Result<Json<Settings>, Problem> {
    let locale = api.steering.locale(tenant.id).await.map_err(problem)?;
    Ok(Json(Settings {
        locale: Some(locale),
    }))
}

pub(crate) async fn set_settings(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Json(body): Json<Settings>,
) -> Result<Json<Settings>, Problem> {
    let set = api.steering.set_locale(tenant.id, body.locale).await;
    set.map_err(problem)?;
    let locale = api.steering.locale(tenant.id).await.map_err(problem)?;
    Ok(Json(Settings {
        locale: Some(locale),
    }))
}
