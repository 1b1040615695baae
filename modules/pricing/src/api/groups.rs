//! Customer groups over HTTP, as merchants make, fill and remove them. Holds no rule and no SQL.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{CustomerId, Timestamp};
use stoa_rest::{
    Access, IdempotentJson, IfMatch, Json, Limit, Method, Operation, Page, Path, Permission,
    Problem, Query, Routes, State, StatusCode, Tenant, code,
};

use super::{
    CUSTOMER_GROUP_IN_USE, CUSTOMER_GROUP_TAKEN, key_of, problem, storage_problem, stored,
    version_of, versioned,
};
use crate::application::{App, NewGroup};
use crate::domain::{GroupId, GroupTerms};
use crate::infrastructure::groups::GroupRow;

const ALL: &str = "/api/v1/admin/customer-groups";
const ONE: &str = "/api/v1/admin/customer-groups/{customer_group_id}";
const MEMBERS: &str = "/api/v1/admin/customer-groups/{customer_group_id}/members";

/// A group as it stands, without its members.
#[derive(Debug, Serialize, JsonSchema)]
struct GroupView {
    id: GroupId,
    #[serde(flatten)]
    terms: GroupTerms,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<GroupRow> for GroupView {
    fn from(row: GroupRow) -> Self {
        Self {
            id: row.id,
            terms: row.terms,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct MembersQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Member {
    customer_id: CustomerId,
}

/// At most 1000 in one call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MembersPatch {
    #[serde(default)]
    add: Vec<CustomerId>,
    #[serde(default)]
    remove: Vec<CustomerId>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MembersChanged {
    /// How many came or went.
    changed: usize,
}

pub(super) fn routes() -> Routes<Arc<App>> {
    let reads = Access::Staff(Permission::CustomersRead);
    let writes = Access::Staff(Permission::CustomersWrite);
    let list = Operation::new(
        "listCustomerGroups",
        "List the customer groups, the oldest first",
    )
    .description("At most 100 of them.")
    .returns::<Page<GroupView>>(200);
    let create = Operation::new("createCustomerGroup", "Make a customer group")
        .description("Price lists that name it hold for its members only.")
        .body::<GroupTerms>()
        .returns::<GroupView>(201)
        .requires_idempotency_key()
        .returns_problem(&CUSTOMER_GROUP_TAKEN);
    let read = Operation::new("readCustomerGroup", "Read a customer group")
        .returns::<GroupView>(200)
        .returns_problem(&code::NOT_FOUND);
    let replace = Operation::new("replaceCustomerGroup", "Rename a customer group")
        .description("Its handle stays.")
        .body::<GroupTerms>()
        .returns::<GroupView>(200)
        .header("If-Match", false, super::IF_MATCH)
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&code::PRECONDITION_FAILED);
    let delete = Operation::new(
        "deleteCustomerGroup",
        "Remove a group that no price list names",
    )
    .returns_empty(204)
    .header("If-Match", false, super::IF_MATCH)
    .returns_problem(&code::NOT_FOUND)
    .returns_problem(&code::PRECONDITION_FAILED)
    .returns_problem(&CUSTOMER_GROUP_IN_USE);
    let members = Operation::new(
        "listCustomerGroupMembers",
        "List who is in a customer group",
    )
    .query::<MembersQuery>()
    .returns::<Page<Member>>(200)
    .returns_problem(&code::NOT_FOUND)
    .returns_problem(&code::INVALID_CURSOR);
    let change = Operation::new(
        "changeCustomerGroupMembers",
        "Put customers into a group and take others out",
    )
    .description("Repeated, it changes nothing.")
    .body::<MembersPatch>()
    .returns::<MembersChanged>(200)
    .returns_problem(&code::NOT_FOUND);
    Routes::new("pricing")
        .route(Method::GET, ALL, reads, list, list_groups)
        .route(Method::POST, ALL, writes, create, create_group)
        .route(Method::GET, ONE, reads, read, read_group)
        .route(Method::PUT, ONE, writes, replace, replace_group)
        .route(Method::DELETE, ONE, writes, delete, delete_group)
        .route(Method::GET, MEMBERS, reads, members, list_members)
        .route(Method::PATCH, MEMBERS, writes, change, change_members)
}

async fn list_groups(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<GroupView>>, Problem> {
    let rows = app.groups(tenant.id).await.map_err(problem)?;
    Ok(Json(Page::whole(rows).map(GroupView::from)))
}

async fn create_group(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    body: IdempotentJson<GroupTerms>,
) -> Result<Response, Problem> {
    let new = NewGroup {
        terms: body.value,
        key: key_of(body.scope),
        now: app.deps.now(),
        answer: |row| {
            serde_json::to_string(&GroupView::from(row)).expect("plain values always serialise")
        },
    };
    let made = app.create_group(tenant.id, tenant.currency, new).await;
    Ok(stored(StatusCode::CREATED, made.map_err(problem)?))
}

async fn read_group(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<GroupId>,
) -> Result<Response, Problem> {
    let row = app.group(tenant.id, id).await.map_err(problem)?;
    Ok(versioned(row.version, GroupView::from(row)))
}

async fn replace_group(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<GroupId>,
    seen: Option<IfMatch>,
    Json(body): Json<GroupTerms>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let set = app.replace_group(tenant.id, id, seen, body).await;
    let row = set.map_err(problem)?;
    Ok(versioned(row.version, GroupView::from(row)))
}

async fn delete_group(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<GroupId>,
    seen: Option<IfMatch>,
) -> Result<Response, Problem> {
    let seen = version_of(seen)?;
    let gone = app.delete_group(tenant.id, id, seen).await;
    gone.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn list_members(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<GroupId>,
    Query(query): Query<MembersQuery>,
) -> Result<Json<Page<Member>>, Problem> {
    let key = app.cursor_key().await;
    let key = key.map_err(|error| storage_problem(&error))?;
    let scope = format!("{} members of {id}", tenant.id);
    let decode = |cursor: String| key.decode::<CustomerId>(&scope, &cursor);
    let after = query.cursor.map(decode).transpose()?;
    let limit = query.limit.plus_one();
    let found = app.group_members(tenant.id, id, after, limit).await;
    let last = |row: &CustomerId| key.encode(&scope, row);
    let page = Page::of(found.map_err(problem)?, query.limit, last);
    Ok(Json(page.map(|customer_id| Member { customer_id })))
}

async fn change_members(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<GroupId>,
    Json(body): Json<MembersPatch>,
) -> Result<Json<MembersChanged>, Problem> {
    let changed = app
        .change_members(tenant.id, id, body.add, body.remove)
        .await
        .map_err(problem)?;
    Ok(Json(MembersChanged { changed }))
}
