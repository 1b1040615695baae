//! The merchant's view of payments over HTTP. Reads only: money moves elsewhere.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::Deps;
use stoa_contracts::payments::AttemptView;
use stoa_kernel::{AttemptId, OrderId};
use stoa_rest::{
    Access, CursorKey, ErrorPage, HeaderValue, Json, Limit, Method, Operation, Page, Pagination,
    Permission, Problem, Query, RequestTenant, Routes, State, Tenant, code, header,
};

use crate::PROVIDER_UNREACHABLE;
use crate::infrastructure;
use crate::provider::{Charge, ProviderError, TestProviderClient};

const PAGES: &[ErrorPage] = &[ErrorPage {
    code: &PROVIDER_UNREACHABLE,
    markdown: include_str!("../../../docs/errors/provider_unreachable.md"),
}];
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) deps: Deps,
    pub(crate) cursors: CursorKey,
    pub(crate) test: Option<Arc<TestProviderClient>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only attempts to pay this order.
    order_id: Option<OrderId>,
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChargesQuery {
    #[serde(default)]
    limit: Limit,
    /// The last charge already seen.
    cursor: Option<String>,
}

pub(crate) fn routes(state: Api) -> Routes {
    Routes::new("payments")
        .route(
            Method::GET,
            "/api/v1/admin/payments",
            Access::Staff(Permission::PaymentsRead),
            Operation::new("listPayments", "List payment attempts, newest first")
                .query::<ListQuery>()
                .returns::<Page<AttemptView>>(200)
                .returns_problem(&code::INVALID_CURSOR),
            list,
        )
        .route(
            Method::GET,
            "/api/v1/admin/payments/test/charges",
            Access::Staff(Permission::PaymentsRead),
            Operation::new(
                "listTestCharges",
                "List what the test provider has charged, oldest first",
            )
            .description(
                "The provider's own account of the money it took, for shops in test mode: a \
                     witness that knows nothing of the shop's database.",
            )
            .query::<ChargesQuery>()
            .returns::<Page<Charge>>(200)
            .returns_problem(&code::NOT_FOUND)
            .returns_problem(&PROVIDER_UNREACHABLE),
            charges,
        )
        .error_pages(PAGES)
        .with_state(state)
}

async fn list(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<AttemptView>>, Problem> {
    let order = query
        .order_id
        .map(|order| order.to_string())
        .unwrap_or_default();
    let scope = format!("{} payments order={order}", tenant.id);
    let before = match &query.cursor {
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
        None => AttemptId::from_u128(u128::MAX),
    };
    let db = api
        .deps
        .storage
        .db(tenant.id)
        .await
        .map_err(storage_problem)?;
    let rows = infrastructure::list(&db, query.order_id, before, query.limit.plus_one()).await;
    let rows = rows.map_err(storage_problem)?;
    Ok(Json(Page::of(rows, query.limit, |last| {
        api.cursors.encode(&scope, &last.id)
    })))
}

async fn charges(
    State(api): State<Api>,
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

fn storage_problem(error: stoa_storage::Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS),
        false => Problem::internal(error),
    }
}
