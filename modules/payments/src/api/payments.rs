//! Payment attempts: read, captured, let go of; and the test provider's own list of charges.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::payments::{AttemptView, Payments as _};
use stoa_kernel::{AttemptId, Money, OrderId, TenantId};
use stoa_rest::{
    IdempotentJson, Json, Limit, Page, Pagination, Path, Problem, Query, RequestTenant, State,
    Tenant, code,
};

use super::Api;
use super::problems::{self, PAYMENT_NOT_FOUND, PROVIDER_UNREACHABLE};
use crate::infrastructure::attempts;
use crate::provider::{Charge, ProviderError, TestProviderClient};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Only those of this order.
    pub(super) order_id: Option<OrderId>,
    #[serde(default)]
    pub(super) limit: Limit,
    pub(super) cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChargesQuery {
    #[serde(default)]
    limit: Limit,
    /// The last charge already seen.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptureBody {
    /// All that is left, where it is missing.
    amount: Option<Money>,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<AttemptView>>, Problem> {
    let order = query.order_id.map(|order| order.to_string());
    let scope = format!("{} payments order={}", tenant.id, order.unwrap_or_default());
    let before = match &query.cursor {
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
        None => AttemptId::from_u128(u128::MAX),
    };
    let db = api.db(tenant.id).await?;
    let rows = attempts::list(&db, query.order_id, before, query.limit.plus_one()).await;
    let rows = rows.map_err(problems::storage)?;
    Ok(Json(Page::of(rows, query.limit, |last| {
        api.cursors.encode(&scope, &last.id)
    })))
}

pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(attempt): Path<String>,
) -> Result<Json<AttemptView>, Problem> {
    view(&api, tenant.id, attempt_id(&attempt)?).await.map(Json)
}

pub(super) async fn capture(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(attempt): Path<String>,
    body: IdempotentJson<CaptureBody>,
) -> Result<Json<AttemptView>, Problem> {
    let attempt = attempt_id(&attempt)?;
    view(&api, tenant.id, attempt).await?;
    let key = format!("{} {}", body.scope.caller, body.scope.key);
    let captured = api
        .desk
        .capture(tenant.id, attempt, body.value.amount, &key)
        .await;
    captured.map(Json).map_err(problems::payment)
}

pub(super) async fn abandon(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(attempt): Path<String>,
) -> Result<Json<AttemptView>, Problem> {
    let attempt = attempt_id(&attempt)?;
    view(&api, tenant.id, attempt).await?;
    let abandoned = api.desk.abandon(tenant.id, attempt).await;
    abandoned.map_err(problems::abandon)?;
    view(&api, tenant.id, attempt).await.map(Json)
}

pub(super) async fn charges(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(query): Query<ChargesQuery>,
) -> Result<Json<Page<Charge>>, Problem> {
    let client = test_provider(&api, &tenant)?;
    let answer = client
        .charges(tenant.id, query.limit.get(), query.cursor.as_deref())
        .await;
    let list = answer.map_err(|error| match error {
        ProviderError::Refused { code, .. } if code == "unknown_charge" => {
            Problem::new(&code::INVALID_CURSOR).with_field("cursor", "names no charge of this shop")
        }
        error => {
            tracing::warn!(%error, "the test provider did not list its charges");
            Problem::new(&PROVIDER_UNREACHABLE)
        }
    })?;
    let last = list
        .data
        .last()
        .filter(|_| list.has_more)
        .map(|charge| charge.id.clone());
    let pagination = Pagination {
        cursor: last,
        has_more: list.has_more,
    };
    Ok(Json(Page {
        data: list.data,
        pagination,
    }))
}

async fn view(api: &Api, tenant: TenantId, attempt: AttemptId) -> Result<AttemptView, Problem> {
    let found = attempts::by_id(&api.db(tenant).await?, attempt).await;
    let found = found.map_err(problems::storage)?;
    found
        .map(|attempt| attempt.view)
        .ok_or_else(|| Problem::new(&PAYMENT_NOT_FOUND))
}

fn attempt_id(text: &str) -> Result<AttemptId, Problem> {
    text.parse().map_err(|_| Problem::new(&PAYMENT_NOT_FOUND))
}

fn test_provider<'a>(
    api: &'a Api,
    tenant: &RequestTenant,
) -> Result<&'a TestProviderClient, Problem> {
    match &api.test {
        Some(client) if tenant.test_mode => Ok(client),
        _ => Err(Problem::not_found(
            "This shop does not use the test payment provider.",
        )),
    }
}
