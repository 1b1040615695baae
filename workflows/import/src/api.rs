//! The merchant's import routes: a file in, progress and issues out.

mod exports;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Currency, ImportId, Timestamp};
use stoa_rest::{
    Access, Caller, ClientBody, CursorKey, ErrorCode, ErrorPage, HeaderMap, HeaderName,
    HeaderValue, Json, Limit, Method, Operation, Page, Path, Permission, Problem, Query, Routes,
    State, StatusCode, Tenant, code, header,
};
use stoa_storage::Error;

use crate::application::{
    Counts, FILE_BYTES_MAX, Format, ImportError, ImportKind, ImportOptions, ImportState, Importer,
    Issue, Run, Spool,
};
use crate::shopify::{HeaderError, RowIssue, Severity};

pub const NOT_A_PRODUCT_FILE: ErrorCode =
    ErrorCode::new("not_a_product_file", 422, "The file is not a product file");

pub const NOT_AN_INVENTORY_FILE: ErrorCode = ErrorCode::new(
    "not_an_inventory_file",
    422,
    "The file is not a file of stock levels",
);

/// A gigabyte over a slow line.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(6 * 3600);
const BUSY_RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
/// Types that no page of another site can send without asking first; a plain form cannot.
const FILE_TYPES: [&str; 4] = [
    "text/csv",
    "application/csv",
    "application/vnd.ms-excel",
    "application/octet-stream",
];

#[derive(Clone)]
struct Api {
    importer: Importer,
    cursors: CursorKey,
}

pub(crate) fn routes(importer: Importer, cursors: CursorKey) -> Routes {
    let read = Access::Staff(Permission::ImportsRead);
    Routes::new("import")
        .route(
            Method::POST,
            "/api/v1/admin/imports",
            Access::Staff(Permission::ImportsWrite),
            Operation::new(
                "createImport",
                "Import a file of products or of stock levels",
            )
            .description(
                "`kind=products` takes Shopify's product CSV, in its classic and its new \
                     form, and what `/api/v1/admin/exports/products` gives; `kind=inventory` takes \
                     what `/api/v1/admin/exports/inventory` gives. The file is kept until it is \
                     imported in the background; follow `Location` for progress. Importing the \
                     same file again changes nothing. Pictures from elsewhere are fetched \
                     afterwards: see `/api/v1/admin/media/imports`.",
            )
            .query::<ImportQuery>()
            .body_of_type("text/csv")
            .body_limit(usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX))
            .time_limit(UPLOAD_TIME_MAX)
            .returns::<ImportView>(202)
            .returns_problem(&code::UNSUPPORTED_MEDIA_TYPE)
            .returns_problem(&NOT_A_PRODUCT_FILE)
            .returns_problem(&NOT_AN_INVENTORY_FILE),
            create_import,
        )
        .route(
            Method::GET,
            "/api/v1/admin/imports",
            read,
            Operation::new("listImports", "List imports")
                .description("Newest first.")
                .query::<ListQuery>()
                .returns::<Page<ImportView>>(200)
                .returns_problem(&code::INVALID_CURSOR),
            list_imports,
        )
        .route(
            Method::GET,
            "/api/v1/admin/imports/{id}",
            read,
            Operation::new("readImport", "Read an import's progress and issues")
                .query::<ListQuery>()
                .returns::<ImportDetail>(200)
                .returns_problem(&code::NOT_FOUND)
                .returns_problem(&code::INVALID_CURSOR),
            read_import,
        )
        .error_pages(&[ErrorPage {
            code: &NOT_A_PRODUCT_FILE,
            markdown: include_str!("../../../docs/errors/not_a_product_file.md"),
        }])
        .error_pages(&[ErrorPage {
            code: &NOT_AN_INVENTORY_FILE,
            markdown: include_str!("../../../docs/errors/not_an_inventory_file.md"),
        }])
        .merge(exports::routes())
        .with_state(Api { importer, cursors })
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ImportQuery {
    #[serde(default)]
    kind: ImportKind,
    /// Set stock also on variants that exist; otherwise only new ones get theirs from the file.
    #[serde(default)]
    set_stock: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ListQuery {
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ImportView {
    id: ImportId,
    kind: ImportKind,
    state: ImportState,
    format: Format,
    set_stock: bool,
    /// The currency of the file's prices: the shop's.
    currency: Currency,
    /// Columns of the file that an import does not keep.
    ignored_columns: Vec<String>,
    bytes: i64,
    /// SHA-256 of the file, once it is in.
    content_hash: Option<String>,
    /// Known once the file was read through.
    rows_total: Option<i64>,
    rows_read: i64,
    products: Counts,
    /// Issues that can be read; those in `issues_dropped` were only counted.
    issues_kept: i64,
    issues_dropped: i64,
    /// Why it failed.
    error: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ImportDetail {
    #[serde(flatten)]
    import: ImportView,
    issues: Page<IssueView>,
}

/// Something in the file that was refused (`error`: its product did not land) or changed.
#[derive(Debug, Serialize, JsonSchema)]
struct IssueView {
    /// Where the row starts.
    line: u64,
    /// As the file's header names it.
    column: Option<String>,
    value_excerpt: String,
    reason: String,
    severity: Severity,
}

type Created = (StatusCode, [(HeaderName, HeaderValue); 1], Json<ImportView>);

async fn create_import(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    headers: HeaderMap,
    body: ClientBody,
) -> Result<Created, Problem> {
    require_file_type(&headers)?;
    let options = ImportOptions {
        set_stock: query.set_stock,
        actor: caller.actor(),
    };
    let spool = api.importer.receive(tenant.id, query.kind, options);
    let id = receive(spool.await.map_err(failure)?, body).await?;
    let run = api.importer.run(tenant.id, id).await.map_err(failure)?;
    let run = run.ok_or_else(|| Problem::internal("an import just queued is not there"))?;
    let location = HeaderValue::from_str(&format!("/api/v1/admin/imports/{id}"))
        .expect("an id is letters and digits");
    let view = Json(ImportView::from(run));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], view))
}

async fn receive(mut spool: Spool, mut body: ClientBody) -> Result<ImportId, Problem> {
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => spool.push(&piece).await.map_err(refusal)?,
            Err(problem) => {
                if let Err(error) = spool.discard().await {
                    tracing::warn!(%error, "a broken upload stays until the next sweep");
                }
                return Err(problem);
            }
        }
    }
    spool.finish(Duration::ZERO).await.map_err(refusal)
}

async fn list_imports(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<ImportView>>, Problem> {
    let scope = format!("{} imports", tenant.id);
    let before = match &query.cursor {
        None => ImportId::from_u128(u128::MAX),
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let runs = api
        .importer
        .runs(tenant.id, before, query.limit.plus_one())
        .await;
    let page = Page::of(runs.map_err(failure)?, query.limit, |last| {
        api.cursors.encode(&scope, &last.id)
    });
    Ok(Json(page.map(ImportView::from)))
}

async fn read_import(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(id): Path<ImportId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ImportDetail>, Problem> {
    let scope = format!("{} import {id} issues", tenant.id);
    let after = match &query.cursor {
        None => 0,
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let run = api.importer.run(tenant.id, id).await.map_err(failure)?;
    let run = run.ok_or_else(|| Problem::not_found("There is no such import."))?;
    let issues = api
        .importer
        .numbered_issues(tenant.id, id, after, query.limit.plus_one())
        .await;
    let page = Page::of(issues.map_err(failure)?, query.limit, |last| {
        api.cursors.encode(&scope, &last.ord)
    });
    Ok(Json(ImportDetail {
        import: run.into(),
        issues: page.map(IssueView::from),
    }))
}

fn require_file_type(headers: &HeaderMap) -> Result<(), Problem> {
    let sent = headers.get(header::CONTENT_TYPE);
    let media_type = sent
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .map(|text| text.trim().to_ascii_lowercase());
    match media_type {
        Some(sent) if FILE_TYPES.contains(&sent.as_str()) => Ok(()),
        _ => Err(Problem::new(&code::UNSUPPORTED_MEDIA_TYPE)
            .with_detail("Send the file itself as the body, with `Content-Type: text/csv`.")),
    }
}

fn refusal(error: ImportError) -> Problem {
    match error {
        ImportError::Header(error) => not_a_product_file(&error),
        ImportError::TooLarge { bytes_max } => Problem::new(&code::PAYLOAD_TOO_LARGE)
            .with_detail(format!("A file has at most {bytes_max} bytes; split it.")),
        ImportError::Storage(error) => failure(error),
        ImportError::Abandoned => Problem::new(&code::REQUEST_TIMEOUT)
            .with_detail("The file stood still for so long that its import was given up."),
        other @ (ImportError::Io(_) | ImportError::Failed { .. }) => Problem::internal(other),
    }
}

/// One field per column that is missing.
fn not_a_product_file(error: &HeaderError) -> Problem {
    let problem = Problem::new(&NOT_A_PRODUCT_FILE).with_detail(error.to_string());
    match error {
        HeaderError::NoLevels { missing } => {
            let problem = Problem::new(&NOT_AN_INVENTORY_FILE).with_detail(error.to_string());
            missing.iter().fold(problem, |problem, column| {
                problem.with_field(*column, "the file has no such column")
            })
        }
        HeaderError::Missing { missing } => missing.iter().fold(problem, |problem, column| {
            problem.with_field(*column, "the file has no such column")
        }),
        HeaderError::Twice { first, second } => {
            problem.with_field(second, format!("means the same as `{first}`"))
        }
        HeaderError::Empty | HeaderError::Csv(_) => problem,
    }
}

fn failure(error: Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, BUSY_RETRY_AFTER),
        false => Problem::internal(error),
    }
}

impl From<Run> for ImportView {
    fn from(run: Run) -> Self {
        Self {
            id: run.id,
            kind: run.format.kind(),
            state: run.state,
            format: run.format,
            set_stock: run.set_stock,
            currency: run.currency,
            ignored_columns: run.ignored_columns,
            bytes: run.bytes,
            content_hash: run.content_hash.map(hex::encode),
            rows_total: run.rows_total,
            rows_read: run.rows_read,
            products: run.products,
            issues_kept: run.issues_kept,
            issues_dropped: run.issues_dropped,
            error: run.error,
            created_at: run.created_at,
            updated_at: run.updated_at,
            finished_at: run.finished_at,
        }
    }
}

impl From<Issue> for IssueView {
    fn from(found: Issue) -> Self {
        let RowIssue {
            line,
            column,
            value_excerpt,
            reason,
            severity,
        } = found.issue;
        Self {
            line,
            column,
            value_excerpt,
            reason,
            severity,
        }
    }
}
