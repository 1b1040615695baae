//! Collections as merchants manage them, and the list that shoppers see as well.

use std::sync::Arc;

use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::{CollectionInput, CollectionView, MediaLink};
use stoa_kernel::{CollectionId, TenantId, Timestamp};
use stoa_rest::{
    Caller, IfMatch, Json, Limit, Page, Path, Problem, Query, State, StatusCode, Tenant,
    TraceContext,
};

use super::product_body::present;
use super::{cause, edit_problem, storage_problem, versioned};
use crate::application::{App, FoundCollection};
use crate::domain::{CollectionDraft, CollectionSort, Rule, slug_of};

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CollectionQuery {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
    /// A language tag; merchants' lists are shown as they were written.
    #[serde(default)]
    locale: Option<String>,
}

impl CollectionQuery {
    pub(super) fn locale(&self) -> Option<&str> {
        self.locale.as_deref()
    }
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectionBody {
    /// 1 to 255 lower-case letters, digits and -; made of the title where it is left out.
    #[serde(default)]
    handle: Option<String>,
    title: String,
    /// HTML; what could harm a reader is removed.
    #[serde(default)]
    description_html: String,
    #[serde(default)]
    image: Option<MediaLink>,
    /// Product handles, in order; none where there is a `rule`.
    #[serde(default)]
    products: Vec<String>,
    /// How it is ordered where nobody asks for another order: `manual` where it is left out, and
    /// `newest` beside a `rule`.
    #[serde(default)]
    sort: Option<CollectionSort>,
    /// What it holds by itself. A collection keeps its rule, or is filled by hand for good.
    #[serde(default)]
    rule: Option<Rule>,
}

/// Fields to change; `null` clears the image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectionPatch {
    #[serde(default)]
    handle: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description_html: Option<String>,
    #[serde(default, deserialize_with = "present")]
    image: Option<Option<MediaLink>>,
    #[serde(default)]
    products: Option<Vec<String>>,
    #[serde(default)]
    sort: Option<CollectionSort>,
    #[serde(default)]
    rule: Option<Rule>,
}

/// A collection with everything a merchant may change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AdminCollection {
    id: CollectionId,
    handle: String,
    title: String,
    description_html: String,
    image: Option<MediaLink>,
    /// Product handles, in order; empty where there is a `rule`.
    products: Vec<String>,
    sort: CollectionSort,
    rule: Option<Rule>,
    /// How far the products are looked through for a new rule; `null` where that is done.
    filling: Option<Filling>,
    /// Rises with every change; the ETag.
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Products are looked through in the background after a rule changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Filling {
    /// Products that were looked at.
    seen: i64,
    /// Those of them that came in or went out.
    changed: i64,
    began_at: Timestamp,
}

impl From<FoundCollection> for AdminCollection {
    fn from(found: FoundCollection) -> Self {
        let filling = found.filling.map(|work| Filling {
            seen: work.seen,
            changed: work.changed,
            began_at: work.began_at,
        });
        let collection = found.whole;
        let CollectionDraft { input, sort, rule } = collection.draft;
        Self {
            id: collection.id,
            handle: input.handle,
            title: input.title,
            description_html: input.description_html,
            image: input.image,
            products: input.products,
            sort,
            rule,
            filling,
            version: collection.version,
            created_at: collection.created_at,
            updated_at: collection.updated_at,
        }
    }
}

/// A page of collections by title.
pub(crate) async fn page_of(
    app: &App,
    tenant: TenantId,
    query: &CollectionQuery,
) -> Result<Page<CollectionView>, Problem> {
    let scope = format!("{tenant} collections");
    let decode = |cursor: &String| app.cursors.decode::<(String, CollectionId)>(&scope, cursor);
    let after = query.cursor.as_ref().map(decode).transpose()?;
    let after = after.as_ref().map(|(title, id)| (title.as_str(), *id));
    let rows = app
        .list_collections(tenant, after, query.limit.plus_one())
        .await;
    let last = |row: &CollectionView| {
        app.cursors
            .encode(&scope, &(row.title.to_lowercase(), row.id))
    };
    Ok(Page::of(
        rows.map_err(|error| storage_problem(&error))?,
        query.limit,
        last,
    ))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Query(query): Query<CollectionQuery>,
) -> Result<Json<Page<CollectionView>>, Problem> {
    page_of(&app, tenant.id, &query).await.map(Json)
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Json(body): Json<CollectionBody>,
) -> Result<Response, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let description_html = app
        .clean_html(&body.description_html)
        .map_err(edit_problem)?;
    let handle = body.handle.clone().unwrap_or_else(|| slug_of(&body.title));
    let input = CollectionInput {
        handle,
        title: body.title,
        description_html,
        image: body.image,
        products: body.products,
    };
    let draft = CollectionDraft {
        input,
        sort: sort_after(body.sort, &body.rule),
        rule: body.rule,
    };
    let created = app
        .create_collection(tenant.id, draft, cause)
        .await
        .map_err(edit_problem)?;
    Ok(answer(StatusCode::CREATED, created.into()))
}

pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CollectionId>,
) -> Result<Response, Problem> {
    let found = app
        .whole_collection(tenant.id, id)
        .await
        .map_err(edit_problem)?;
    Ok(answer(StatusCode::OK, found.into()))
}

pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CollectionId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
    Json(mut body): Json<CollectionBody>,
) -> Result<Response, Problem> {
    body.description_html = app
        .clean_html(&body.description_html)
        .map_err(edit_problem)?;
    let change = move |now: CollectionDraft| {
        let body = body.clone();
        let input = CollectionInput {
            handle: body.handle.unwrap_or(now.input.handle),
            title: body.title,
            description_html: body.description_html,
            image: body.image,
            products: body.products,
        };
        CollectionDraft {
            input,
            sort: sort_after(body.sort, &body.rule),
            rule: body.rule,
        }
    };
    let cause = cause(&caller, trace, app.deps.now());
    let edited = app
        .edit_collection(tenant.id, id, seen.version()?, cause, change)
        .await;
    Ok(answer(StatusCode::OK, edited.map_err(edit_problem)?.into()))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CollectionId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
    Json(mut patch): Json<CollectionPatch>,
) -> Result<Response, Problem> {
    if let Some(html) = &patch.description_html {
        patch.description_html = Some(app.clean_html(html).map_err(edit_problem)?);
    }
    let change = move |was: CollectionDraft| {
        let (patch, now) = (patch.clone(), was.input);
        let input = CollectionInput {
            handle: patch.handle.unwrap_or(now.handle),
            title: patch.title.unwrap_or(now.title),
            description_html: patch.description_html.unwrap_or(now.description_html),
            image: patch.image.unwrap_or(now.image),
            products: patch.products.unwrap_or(now.products),
        };
        CollectionDraft {
            input,
            sort: patch.sort.unwrap_or(was.sort),
            rule: patch.rule.or(was.rule),
        }
    };
    let cause = cause(&caller, trace, app.deps.now());
    let edited = app
        .edit_collection(tenant.id, id, seen.version()?, cause, change)
        .await;
    Ok(answer(StatusCode::OK, edited.map_err(edit_problem)?.into()))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CollectionId>,
    caller: Caller,
    trace: TraceContext,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let deleted = app
        .delete_collection(tenant.id, id, seen.version()?, cause)
        .await;
    deleted
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

fn sort_after(said: Option<CollectionSort>, rule: &Option<Rule>) -> CollectionSort {
    said.unwrap_or(match rule {
        Some(_) => CollectionSort::Newest,
        None => CollectionSort::Manual,
    })
}

fn answer(status: StatusCode, collection: AdminCollection) -> Response {
    versioned(status, collection.version, collection)
}
