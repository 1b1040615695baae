//! Refunds and disputes, for staff to read. Refunds are opened where orders are cared for.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::payments::RefundView;
use stoa_kernel::{DisputeId, RefundId};
use stoa_rest::{Json, Limit, Page, Path, Problem, Query, State, Tenant};

use super::Api;
use super::payments::ListQuery;
use super::problems::{self, REFUND_NOT_FOUND};
use crate::infrastructure::news::{self, Dispute};
use crate::infrastructure::refunds;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DisputesQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<RefundView>>, Problem> {
    let order = query.order_id.map(|order| order.to_string());
    let scope = format!("{} refunds order={}", tenant.id, order.unwrap_or_default());
    let before = match &query.cursor {
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
        None => RefundId::from_u128(u128::MAX),
    };
    let db = api.db(tenant.id).await?;
    let rows = refunds::list(&db, query.order_id, before, query.limit.plus_one()).await;
    let rows = rows.map_err(problems::storage)?;
    Ok(Json(Page::of(rows, query.limit, |last| {
        api.cursors.encode(&scope, &last.id)
    })))
}

pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(refund): Path<String>,
) -> Result<Json<RefundView>, Problem> {
    let missing = || Problem::new(&REFUND_NOT_FOUND);
    let refund: RefundId = refund.parse().map_err(|_| missing())?;
    let found = refunds::by_id(&api.db(tenant.id).await?, refund).await;
    let found = found.map_err(problems::storage)?;
    found.map(|refund| Json(refund.view)).ok_or_else(missing)
}

pub(super) async fn disputes(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(query): Query<DisputesQuery>,
) -> Result<Json<Page<Dispute>>, Problem> {
    let scope = format!("{} disputes", tenant.id);
    let before = match &query.cursor {
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
        None => DisputeId::from_u128(u128::MAX),
    };
    let db = api.db(tenant.id).await?;
    let rows = news::list(&db, before, query.limit.plus_one()).await;
    let rows = rows.map_err(problems::storage)?;
    Ok(Json(Page::of(rows, query.limit, |last| {
        api.cursors.encode(&scope, &last.id)
    })))
}
