//! Other languages over HTTP: words for products and collections, and which the shop speaks.

use std::sync::Arc;

use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::{ProductOption, Seo, ShopLocales};
use stoa_kernel::{CollectionId, ProductId, TenantId};
use stoa_rest::{
    Access, Caller, IfNoneMatch, Json, Method, Operation, Page, Path, Permission, Problem, Routes,
    State, StatusCode, Tenant, TraceContext, code,
};

use super::{PRODUCT_BYTES_MAX, cause, edit_problem, public_json, storage_problem};
use crate::application::{App, Subject};
use crate::domain::{CategoryId, Translation};

pub(super) fn routes(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    const LOCALES: &str = "/api/v1/admin/locales";
    let spoken =
        Operation::new("readLocales", "Read the languages of the shop").returns::<ShopLocales>(200);
    let speak = Operation::new("putLocales", "Set the languages of the shop")
        .body::<ShopLocales>()
        .returns::<ShopLocales>(200);
    let writes = Access::Staff(Permission::ProductsWrite);
    category_words(collection_words(product_words(routes)))
        .route(
            Method::GET,
            "/api/v1/locales",
            Access::Shopper,
            spoken,
            locales,
        )
        .route(Method::PUT, LOCALES, writes, speak, put_locales)
}

fn product_words(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    const ALL: &str = "/api/v1/admin/products/{id}/translations";
    const ONE: &str = "/api/v1/admin/products/{id}/translations/{locale}";
    let all = listing("listProductTranslations", "List a product's languages");
    let put = putting("putProductTranslation", "Say a product in another language");
    let summary = "Delete a product's words of a language";
    let remove = removing("deleteProductTranslation", summary);
    let reads = Access::Staff(Permission::ProductsRead);
    let writes = Access::Staff(Permission::ProductsWrite);
    routes
        .route(Method::GET, ALL, reads, all, of_product)
        .route(Method::PUT, ONE, writes, put, put_of_product)
        .route(Method::DELETE, ONE, writes, remove, remove_of_product)
}

fn collection_words(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    const ALL: &str = "/api/v1/admin/collections/{id}/translations";
    const ONE: &str = "/api/v1/admin/collections/{id}/translations/{locale}";
    let all = listing(
        "listCollectionTranslations",
        "List a collection's languages",
    );
    let summary = "Say a collection in another language";
    let put = putting("putCollectionTranslation", summary);
    let summary = "Delete a collection's words of a language";
    let remove = removing("deleteCollectionTranslation", summary);
    let reads = Access::Staff(Permission::CollectionsRead);
    let writes = Access::Staff(Permission::CollectionsWrite);
    routes
        .route(Method::GET, ALL, reads, all, of_collection)
        .route(Method::PUT, ONE, writes, put, put_of_collection)
        .route(Method::DELETE, ONE, writes, remove, remove_of_collection)
}

fn category_words(routes: Routes<Arc<App>>) -> Routes<Arc<App>> {
    const ALL: &str = "/api/v1/admin/categories/{id}/translations";
    const ONE: &str = "/api/v1/admin/categories/{id}/translations/{locale}";
    let all = listing("listCategoryTranslations", "List a category's languages");
    let summary = "Say a category's title in another language";
    let put = putting("putCategoryTranslation", summary);
    let summary = "Delete a category's words of a language";
    let remove = removing("deleteCategoryTranslation", summary);
    let reads = Access::Staff(Permission::CollectionsRead);
    let writes = Access::Staff(Permission::CollectionsWrite);
    routes
        .route(Method::GET, ALL, reads, all, of_category)
        .route(Method::PUT, ONE, writes, put, put_of_category)
        .route(Method::DELETE, ONE, writes, remove, remove_of_category)
}

fn listing(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).returns::<Page<TranslationRow>>(200)
}

fn putting(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary)
        .description("What is left out is shown as it was written.")
        .body::<TranslationBody>()
        .returns_empty(204)
        .returns_problem(&code::NOT_FOUND)
        .body_limit(PRODUCT_BYTES_MAX)
}

fn removing(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary)
        .returns_empty(204)
        .returns_problem(&code::NOT_FOUND)
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TranslationBody {
    #[serde(default)]
    title: Option<String>,
    /// HTML; what could harm a reader is removed.
    #[serde(default)]
    description_html: Option<String>,
    #[serde(default)]
    seo: Seo,
    /// All options with all their values, in their order; none leaves them as they were written.
    #[serde(default)]
    options: Vec<ProductOption>,
}

/// What is said in one language.
#[derive(Debug, Serialize, JsonSchema)]
struct TranslationRow {
    locale: String,
    title: Option<String>,
    description_html: Option<String>,
    seo: Seo,
    options: Vec<ProductOption>,
}

async fn listed(
    app: &App,
    tenant: TenantId,
    subject: Subject,
) -> Result<Json<Page<TranslationRow>>, Problem> {
    let found = app
        .translations(tenant, subject)
        .await
        .map_err(edit_problem)?;
    let row = |(locale, words): (String, Translation)| TranslationRow {
        locale,
        title: words.title,
        description_html: words.description_html,
        seo: words.seo,
        options: words.options,
    };
    Ok(Json(Page::whole(found.into_iter().map(row).collect())))
}

async fn of_product(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<ProductId>,
) -> Result<Json<Page<TranslationRow>>, Problem> {
    listed(&app, tenant.id, Subject::Product(id)).await
}

async fn of_collection(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CollectionId>,
) -> Result<Json<Page<TranslationRow>>, Problem> {
    listed(&app, tenant.id, Subject::Collection(id)).await
}

fn words(app: &App, body: TranslationBody) -> Result<Translation, Problem> {
    let html = body.description_html.map(|html| app.clean_html(&html));
    Ok(Translation {
        title: body.title,
        description_html: html.transpose().map_err(edit_problem)?,
        seo: body.seo,
        options: body.options,
    })
}

async fn put_of_product(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path((id, locale)): Path<(ProductId, String)>,
    caller: Caller,
    trace: TraceContext,
    Json(body): Json<TranslationBody>,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let words = Some(words(&app, body)?);
    let subject = Subject::Product(id);
    let put = app.put_translation(tenant.id, subject, &locale, words, cause);
    put.await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

async fn put_of_collection(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path((id, locale)): Path<(CollectionId, String)>,
    caller: Caller,
    trace: TraceContext,
    Json(body): Json<TranslationBody>,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    if !body.options.is_empty() {
        return Err(Problem::invalid("options", "belong to products"));
    }
    let words = Some(words(&app, body)?);
    let subject = Subject::Collection(id);
    let put = app.put_translation(tenant.id, subject, &locale, words, cause);
    put.await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

async fn remove_of_product(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path((id, locale)): Path<(ProductId, String)>,
    caller: Caller,
    trace: TraceContext,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let gone = app.put_translation(tenant.id, Subject::Product(id), &locale, None, cause);
    gone.await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

async fn remove_of_collection(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path((id, locale)): Path<(CollectionId, String)>,
    caller: Caller,
    trace: TraceContext,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let gone = app.put_translation(tenant.id, Subject::Collection(id), &locale, None, cause);
    gone.await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

async fn of_category(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path(id): Path<CategoryId>,
) -> Result<Json<Page<TranslationRow>>, Problem> {
    listed(&app, tenant.id, Subject::Category(id)).await
}

async fn put_of_category(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path((id, locale)): Path<(CategoryId, String)>,
    caller: Caller,
    trace: TraceContext,
    Json(body): Json<TranslationBody>,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    if body.description_html.is_some() || !body.options.is_empty() || body.seo != Seo::default() {
        return Err(Problem::invalid("title", "is all that a category says"));
    }
    let words = Some(words(&app, body)?);
    let subject = Subject::Category(id);
    let put = app.put_translation(tenant.id, subject, &locale, words, cause);
    put.await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

async fn remove_of_category(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path((id, locale)): Path<(CategoryId, String)>,
    caller: Caller,
    trace: TraceContext,
) -> Result<StatusCode, Problem> {
    let cause = cause(&caller, trace, app.deps.now());
    let gone = app.put_translation(tenant.id, Subject::Category(id), &locale, None, cause);
    gone.await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(edit_problem)
}

async fn locales(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    let found = app.shop_locales(tenant.id).await;
    public_json(&found.map_err(|error| storage_problem(&error))?, &client)
}

async fn put_locales(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Json(body): Json<ShopLocales>,
) -> Result<Json<ShopLocales>, Problem> {
    let put = app.put_shop_locales(tenant.id, body).await;
    put.map(Json).map_err(edit_problem)
}
