//! Promotions over HTTP, as merchants make, change and remove them. Holds no rule and no SQL.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{PromotionId, Timestamp};
use stoa_rest::{
    Access, IdempotentJson, IfMatch, Json, Limit, Method, Operation, Page, Path, Permission,
    Problem, Query, Routes, State, StatusCode, Tenant, code,
};

use super::{
    COUPON_CODE_TAKEN, PROMOTION_IN_USE, key_of, problem, storage_problem, stored, version_of,
    versioned,
};
use crate::application::{App, NewPromotion};
use crate::domain::PromotionTerms;
use crate::infrastructure::promotions::PromotionRow;

const ALL: &str = "/api/v1/admin/promotions";
const ONE: &str = "/api/v1/admin/promotions/{promotion_id}";
const BYTES_MAX: usize = 256 * 1024;

/// A promotion as it stands.
#[derive(Debug, Serialize, JsonSchema)]
struct PromotionView {
    id: PromotionId,
    #[serde(flatten)]
    terms: PromotionTerms,
    /// Counted while it has a budget.
    uses: i64,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<PromotionRow> for PromotionView {
    fn from(row: PromotionRow) -> Self {
        Self {
            id: row.id,
            terms: row.terms,
            uses: row.uses,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct PromotionQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

pub(super) fn routes() -> Routes<Arc<App>> {
    let reads = Access::Staff(Permission::PricesRead);
    let writes = Access::Staff(Permission::PricesWrite);
    let list = Operation::new("listPromotions", "List promotions, the oldest first")
        .query::<PromotionQuery>()
        .returns::<Page<PromotionView>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let create = Operation::new("createPromotion", "Make a promotion")
        .description("With codes it is a coupon; without, it comes by itself.")
        .body::<PromotionTerms>()
        .returns::<PromotionView>(201)
        .requires_idempotency_key()
        .returns_problem(&COUPON_CODE_TAKEN)
        .body_limit(BYTES_MAX);
    let read = Operation::new("readPromotion", "Read a promotion with its uses")
        .returns::<PromotionView>(200)
        .returns_problem(&code::NOT_FOUND);
    let replace = Operation::new("replacePromotion", "Replace a promotion")
        .description("Its uses stay counted.")
        .body::<PromotionTerms>()
        .returns::<PromotionView>(200)
        .header("If-Match", false, super::IF_MATCH)
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&code::PRECONDITION_FAILED)
        .returns_problem(&COUPON_CODE_TAKEN)
        .body_limit(BYTES_MAX);
    let delete = Operation::new("deletePromotion", "Remove a promotion that no order holds")
        .returns_empty(204)
        .header("If-Match", false, super::IF_MATCH)
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&code::PRECONDITION_FAILED)
        .returns_problem(&PROMOTION_IN_USE);
    Routes::new("pricing")
        .route(Method::GET, ALL, reads, list, list_promotions)
        .route(Method::POST, ALL, writes, create, create_promotion)
        .route(Method::GET, ONE, reads, read, read_promotion)
        .route(Method::PUT, ONE, writes, replace, replace_promotion)
        .route(Method::DELETE, ONE, writes, delete, delete_promotion)
}

async fn list_promotions(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Query(query): Query<PromotionQuery>,
) -> Result<Json<Page<PromotionView>>, Problem> {
    let key = app.cursor_key().await;
    let key = key.map_err(|error| storage_problem(&error))?;
    let scope = format!("{} promotions", tenant.id);
    let decode = |cursor: String| key.decode::<PromotionId>(&scope, &cursor);
    let after = query.cursor.map(decode).transpose()?;
    let rows = app
        .promotions(tenant.id, after, query.limit.plus_one())
        .await;
    let last = |row: &PromotionRow| key.encode(&scope, &row.id);
    let page = Page::of(rows.map_err(problem)?, query.limit, last);
    Ok(Json(page.map(PromotionView::from)))
}

async fn create_promotion(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    body: IdempotentJson<PromotionTerms>,
) -> Result<Response, Problem> {
    let new = NewPromotion {
        terms: body.value,
        key: key_of(body.scope),
        now: app.deps.now(),
        answer: |row| {
            serde_json::to_string(&PromotionView::from(row)).expect("plain values always serialise")
        },
    };
    let made = app.create_promotion(tenant.id, tenant.currency, new).await;
    Ok(stored(StatusCode::CREATED, made.map_err(problem)?))
}

async fn read_promotion(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<PromotionId>,
) -> Result<Response, Problem> {
    let found = app.promotion(tenant.id, id).await;
    let row = found.map_err(problem)?;
    Ok(versioned(row.version, PromotionView::from(row)))
}

async fn replace_promotion(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<PromotionId>,
    seen: Option<IfMatch>,
    Json(body): Json<PromotionTerms>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let row = app
        .replace_promotion(tenant.id, id, seen, body)
        .await
        .map_err(problem)?;
    Ok(versioned(row.version, PromotionView::from(row)))
}

async fn delete_promotion(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<PromotionId>,
    seen: Option<IfMatch>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let gone = app.delete_promotion(tenant.id, id, seen).await;
    gone.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
