//! The tree of categories over HTTP, as merchants change it and as shoppers see it. Checks nothing
//! itself.

use std::sync::Arc;

use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::{Catalog as _, CatalogError, CategoryView, ProductSummary};
use stoa_kernel::Timestamp;
use stoa_rest::{
    Access, Caller, IfMatch, IfNoneMatch, Json, Method, Operation, Page, Path, Permission, Problem,
    Query, Routes, State, StatusCode, Tenant, TraceContext, code,
};

use super::product_body::present;
use super::shopper::{CollectedQuery, LocaleQuery, page};
use super::{
    CATEGORY_IN_USE, HANDLE_TAKEN, PRODUCT_BYTES_MAX, catalog_problem, cause, edit_problem,
    public_json, storage_problem, versioned,
};
use crate::application::{App, CategoryDraft, ListRequest, Placed, order_of};
use crate::domain::{AttributeRule, Category, CategoryId, Tree, slug_of};
use crate::infrastructure::lists::{ListFilter, ListOrder};

pub(super) fn routes(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    shopper(admin(routes))
}

fn shopper(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    let tree = Operation::new("listCategories", "Read the tree of categories")
        .description(
            "All of them, every branch before what grows from it, siblings in the merchant's order.",
        )
        .query::<LocaleQuery>()
        .returns::<Page<CategoryView>>(200);
    let products = Operation::new("listCategoryProducts", "List the products of a category")
        .description(
            "With those of everything below it; newest first where no `sort` is asked for.",
        )
        .query::<CollectedQuery>()
        .returns::<Page<ProductSummary>>(200)
        .returns_problem(&code::INVALID_CURSOR)
        .returns_problem(&code::NOT_FOUND);
    const PRODUCTS: &str = "/api/v1/categories/{handle}/products";
    let (get, anyone) = (Method::GET, Access::Shopper);
    routes
        .route(get.clone(), "/api/v1/categories", anyone, tree, read_tree)
        .route(get, PRODUCTS, anyone, products, branch_products)
}

fn admin(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    const ALL: &str = "/api/v1/admin/categories";
    const ONE: &str = "/api/v1/admin/categories/{id}";
    let reads = Access::Staff(Permission::CollectionsRead);
    let writes = Access::Staff(Permission::CollectionsWrite);
    let list = Operation::new("listAdminCategories", "Read the tree of categories")
        .description("All of them, every branch before what grows from it.")
        .returns::<Page<AdminCategory>>(200);
    let create = Operation::new("createCategory", "Create a category")
        .body::<CategoryBody>()
        .returns::<AdminCategory>(201)
        .returns_problem(&HANDLE_TAKEN)
        .body_limit(PRODUCT_BYTES_MAX);
    let read = Operation::new("readAdminCategory", "Read a category with its version")
        .returns::<AdminCategory>(200)
        .returns_problem(&code::NOT_FOUND);
    let patch = Operation::new("updateCategory", "Change or move a category")
        .description(
            "Fields left out stay as they are. What is below it moves with it; pages and lists of \
             its products follow in the background.",
        )
        .body::<CategoryPatch>()
        .returns::<AdminCategory>(200)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&HANDLE_TAKEN)
        .body_limit(PRODUCT_BYTES_MAX);
    let delete = Operation::new("deleteCategory", "Delete a category, not its products")
        .description("Its products, and the categories below it, go to the one it grew from.")
        .returns_empty(204)
        .requires_if_match()
        .returns_problem(&code::NOT_FOUND)
        .returns_problem(&CATEGORY_IN_USE);
    routes
        .route(Method::GET, ALL, reads, list, all)
        .route(Method::POST, ALL, writes, create, make)
        .route(Method::GET, ONE, reads, read, one)
        .route(Method::PATCH, ONE, writes, patch, update)
        .route(Method::DELETE, ONE, writes, delete, remove)
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CategoryBody {
    /// 1 to 255 lower-case letters, digits and -; made of the title where it is left out.
    #[serde(default)]
    handle: Option<String>,
    title: String,
    /// The handle of the category it grows from; at the root where it is left out.
    #[serde(default)]
    parent: Option<String>,
    /// Its place among its siblings, from 0; the last where it is left out.
    #[serde(default)]
    position: Option<u32>,
    /// What its products, and those below it, should tell; at most 100.
    #[serde(default)]
    attributes: Vec<AttributeRule>,
}

/// Fields to change; a `parent` of `null` moves it to the root.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CategoryPatch {
    #[serde(default)]
    handle: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default, deserialize_with = "present")]
    parent: Option<Option<String>>,
    #[serde(default)]
    position: Option<u32>,
    #[serde(default)]
    attributes: Option<Vec<AttributeRule>>,
}

/// A category with everything a merchant may change.
#[derive(Debug, Serialize, JsonSchema)]
struct AdminCategory {
    id: CategoryId,
    handle: String,
    title: String,
    /// The handle of the category it grows from.
    parent: Option<String>,
    /// 0 at the root.
    depth: usize,
    /// Among its siblings, from 0.
    position: i64,
    attributes: Vec<AttributeRule>,
    /// Rises with every change; the ETag.
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl AdminCategory {
    fn of(category: Category, tree: &Tree) -> Self {
        let parent = category.parent.and_then(|parent| tree.get(parent));
        Self {
            depth: tree.depth(category.id).unwrap_or_default(),
            parent: parent.map(|parent| parent.handle.clone()),
            id: category.id,
            handle: category.handle,
            title: category.title,
            position: category.position,
            attributes: category.attributes,
            version: category.version,
            created_at: category.created_at,
            updated_at: category.updated_at,
        }
    }
}

fn answer(status: StatusCode, placed: Placed) -> Response {
    let version = placed.category.version;
    versioned(
        status,
        version,
        AdminCategory::of(placed.category, &placed.tree),
    )
}

fn place(position: Option<u32>) -> Option<usize> {
    position.map(|position| usize::try_from(position).unwrap_or(usize::MAX))
}

async fn all(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<AdminCategory>>, Problem> {
    let busy = |error| storage_problem(&error);
    let db = app.deps.storage.db(tenant.id).await.map_err(busy)?;
    let tree = app.tree_now(&db).await.map_err(busy)?;
    let rows = tree
        .all()
        .map(|(category, _)| AdminCategory::of(category.clone(), &tree));
    Ok(Json(Page::whole(rows.collect())))
}

async fn make(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Json(body): Json<CategoryBody>,
) -> Result<Response, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let draft = CategoryDraft {
        handle: body.handle.unwrap_or_else(|| slug_of(&body.title)),
        title: body.title,
        parent: body.parent,
        position: place(body.position),
        attributes: body.attributes,
    };
    let made = app.create_category(tenant.id, draft, cause).await;
    Ok(answer(StatusCode::CREATED, made.map_err(edit_problem)?))
}

async fn one(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CategoryId>,
) -> Result<Response, Problem> {
    let found = app.category(tenant.id, id).await;
    Ok(answer(StatusCode::OK, found.map_err(edit_problem)?))
}

async fn update(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CategoryId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
    Json(patch): Json<CategoryPatch>,
) -> Result<Response, Problem> {
    let change = move |now: CategoryDraft| {
        let patch = patch.clone();
        CategoryDraft {
            handle: patch.handle.unwrap_or(now.handle),
            title: patch.title.unwrap_or(now.title),
            parent: patch.parent.unwrap_or(now.parent),
            position: place(patch.position),
            attributes: patch.attributes.unwrap_or(now.attributes),
        }
    };
    let cause = cause(&caller, trace, app.deps.now());
    let edited = app
        .edit_category(tenant.id, id, seen.version()?, cause, change)
        .await;
    Ok(answer(StatusCode::OK, edited.map_err(edit_problem)?))
}

async fn remove(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CategoryId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let deleted = app
        .delete_category(tenant.id, id, seen.version()?, cause)
        .await;
    deleted
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

async fn read_tree(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Query(query): Query<LocaleQuery>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    let found = app.categories(tenant.id, query.locale()).await;
    public_json(&Page::whole(found.map_err(catalog_problem)?), &client)
}

async fn branch_products(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(handle): Path<String>,
    Query(query): Query<CollectedQuery>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    let order = query
        .sort
        .map_or(ListOrder::Newest, |sort| order_of(sort, false));
    let request = ListRequest {
        filter: ListFilter::Category(handle),
        order,
        currency: query.currency.unwrap_or(tenant.currency),
        limit: query.limit.get(),
        cursor: query.cursor,
        locale: query.locale,
    };
    match app.list(tenant.id, &request).await {
        Err(CatalogError::UnknownCollection { handle }) => Err(Problem::not_found(format!(
            "There is no category `{handle}`."
        ))),
        found => page(found, &client),
    }
}
