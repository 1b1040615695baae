//! The routes of themes, for staff.

mod bodies;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use stoa_contracts::themes::ThemeId;
use stoa_rest::{
    Access, Caller, ClientBody, ErrorCode, ErrorPage, HeaderMap, HeaderName, HeaderValue, Json,
    Method, Operation, Page, Path, Permission, Problem, Routes, State, StatusCode, Tenant,
    TraceContext, code, header,
};
use stoa_storage::Cause;

use self::bodies::{SettingsBody, Theme, ThemeDetail, ThemeLink, ThemeState};
use crate::application::{Asked, Desk, DeskError};
use crate::domain::ARCHIVE_BYTES_MAX;

pub const THEME_NOT_FOUND: ErrorCode =
    ErrorCode::new("theme_not_found", 404, "There is no such theme");
pub const THEME_REFUSED: ErrorCode =
    ErrorCode::new("theme_refused", 422, "The theme cannot be used");
pub const THEME_IN_USE: ErrorCode =
    ErrorCode::new("theme_in_use", 409, "The theme is what shoppers see");
pub const THEME_NO_EARLIER: ErrorCode =
    ErrorCode::new("theme_no_earlier", 409, "There is no theme to go back to");

const PAGES: [ErrorPage; 4] = [
    ErrorPage {
        code: &THEME_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/theme_not_found.md"),
    },
    ErrorPage {
        code: &THEME_REFUSED,
        markdown: include_str!("../../../docs/errors/theme_refused.md"),
    },
    ErrorPage {
        code: &THEME_IN_USE,
        markdown: include_str!("../../../docs/errors/theme_in_use.md"),
    },
    ErrorPage {
        code: &THEME_NO_EARLIER,
        markdown: include_str!("../../../docs/errors/theme_no_earlier.md"),
    },
];

const READ: Access = Access::Staff(Permission::ThemesRead);
const WRITE: Access = Access::Staff(Permission::ThemesWrite);

const ALL: &str = "/api/v1/admin/themes";
const BUILT_IN: &str = "/api/v1/admin/themes/default.zip";
const ROLL_BACK: &str = "/api/v1/admin/themes/rollback";
const ONE: &str = "/api/v1/admin/themes/{theme_id}";
const PUBLISH: &str = "/api/v1/admin/themes/{theme_id}/publish";
const PREVIEW: &str = "/api/v1/admin/themes/{theme_id}/preview";
const SETTINGS: &str = "/api/v1/admin/themes/{theme_id}/settings";
const FILE: &str = "/api/v1/admin/themes/{theme_id}/files/{*path}";

/// What the built-in theme is called where one is published.
const DEFAULT: &str = "default";
const ZIP: &str = "application/zip";
/// To receive 10 MiB, wait for a turn, and make every page.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(120);
/// Where the storefront takes preview links.
const PREVIEW_PATH: &str = "/theme-preview/";

type ApiState = State<Arc<Desk>>;

pub(crate) fn routes(desk: Desk) -> Routes {
    switching(looking(Routes::new("themes")))
        .error_pages(&PAGES)
        .with_state(Arc::new(desk))
}

fn looking(routes: Routes<Arc<Desk>>) -> Routes<Arc<Desk>> {
    let list =
        Operation::new("listThemes", "The shop's themes, newest first").returns::<Page<Theme>>(200);
    let upload = Operation::new("uploadTheme", "Looks at a theme and keeps it")
        .description(
            "A zip archive of `theme.toml`, `templates/`, `assets/` and `locales/`. Every page is \
             made with sample data before anything is kept; `errors[]` names files, lines and \
             reasons. It is shown to nobody until it is published. 200 where the shop has the very \
             same theme already.",
        )
        .body_of_type(ZIP)
        .body_limit(ARCHIVE_BYTES_MAX)
        .time_limit(UPLOAD_TIME_MAX)
        .returns::<ThemeDetail>(201)
        .returns::<ThemeDetail>(200)
        .returns_problem(&THEME_REFUSED)
        .returns_problem(&code::TOO_BUSY);
    let built_in = Operation::new("downloadDefaultTheme", "The built-in theme, to start from")
        .returns_type(200, ZIP);
    let one = Operation::new("getTheme", "A theme, its files and its last failures")
        .returns::<ThemeDetail>(200)
        .returns_problem(&THEME_NOT_FOUND);
    let file = Operation::new("getThemeFile", "One file of a theme, as it was uploaded")
        .returns_type(200, "application/octet-stream")
        .returns_problem(&THEME_NOT_FOUND);
    let delete = Operation::new("deleteTheme", "Removes a theme that shoppers do not see")
        .returns_empty(204)
        .returns_problem(&THEME_NOT_FOUND)
        .returns_problem(&THEME_IN_USE);
    routes
        .route(Method::GET, ALL, READ, list, list_themes)
        .route(Method::POST, ALL, WRITE, upload, upload_theme)
        .route(Method::GET, BUILT_IN, READ, built_in, download_default)
        .route(Method::GET, ONE, READ, one, get_theme)
        .route(Method::GET, FILE, READ, file, get_file)
        .route(Method::DELETE, ONE, WRITE, delete, delete_theme)
}

fn switching(routes: Routes<Arc<Desk>>) -> Routes<Arc<Desk>> {
    let publish = Operation::new("publishTheme", "Shows shoppers this theme")
        .description("`default` is the built-in theme.")
        .returns::<ThemeState>(200)
        .returns_problem(&THEME_NOT_FOUND);
    let roll_back = Operation::new("rollBackTheme", "Shows shoppers the theme before")
        .description("Twice leads back to where it began.")
        .returns::<ThemeState>(200)
        .returns_problem(&THEME_NO_EARLIER);
    let preview = Operation::new("previewTheme", "A link that shows a theme to one browser")
        .description("Valid for 30 minutes. Pages shown by it are cached by nobody.")
        .returns::<ThemeLink>(200)
        .returns_problem(&THEME_NOT_FOUND);
    let set = Operation::new("changeThemeSettings", "Sets what the body names")
        .description("`null` goes back to the theme's default.")
        .body::<SettingsBody>()
        .returns::<ThemeDetail>(200)
        .returns_problem(&THEME_NOT_FOUND);
    routes
        .route(Method::POST, PUBLISH, WRITE, publish, publish_theme)
        .route(Method::POST, ROLL_BACK, WRITE, roll_back, roll_back_theme)
        .route(Method::POST, PREVIEW, WRITE, preview, preview_theme)
        .route(Method::PATCH, SETTINGS, WRITE, set, change_settings)
}

async fn list_themes(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<Theme>>, Problem> {
    let (shop, themes) = desk.list(tenant.id).await.map_err(problem)?;
    let themes = themes.into_iter().map(|theme| Theme::new(&theme, &shop));
    Ok(Json(Page::whole(themes.collect())))
}

async fn upload_theme(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    headers: HeaderMap,
    mut body: ClientBody,
) -> Result<
    (
        StatusCode,
        [(HeaderName, HeaderValue); 1],
        Json<ThemeDetail>,
    ),
    Problem,
> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if kind.is_none_or(|kind| !kind.trim().eq_ignore_ascii_case(ZIP)) {
        return Err(Problem::new(&code::UNSUPPORTED_MEDIA_TYPE)
            .with_detail("Send the theme as `application/zip`."));
    }
    let mut receiver = desk.receive().map_err(problem)?;
    while let Some(piece) = body.next().await {
        receiver.push(&piece?).map_err(problem)?;
    }
    let asked = asked(&desk, &caller, &trace, tenant.id);
    let uploaded = desk.keep(asked, receiver).await.map_err(problem)?;
    let location = format!("{ALL}/{}", uploaded.detail.theme.id);
    let location = HeaderValue::from_str(&location).expect("an id is letters and digits");
    let status = match uploaded.new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let detail = ThemeDetail::from(uploaded.detail);
    Ok((status, [(header::LOCATION, location)], Json(detail)))
}

async fn download_default(State(desk): ApiState) -> Result<Response, Problem> {
    let archive = desk.built_in().await.map_err(problem)?;
    Ok(attachment(
        archive,
        ZIP,
        "attachment; filename=\"stoa-theme.zip\"",
    ))
}

async fn get_theme(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
    Path(id): Path<String>,
) -> Result<Json<ThemeDetail>, Problem> {
    let detail = desk.get(tenant.id, theme_id(&id)?).await;
    Ok(Json(detail.map_err(problem)?.into()))
}

async fn get_file(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
    Path((id, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let file = desk.file(tenant.id, theme_id(&id)?, path).await;
    let bytes = file.map_err(problem)?;
    // Never as what it is: opened on this host, markup or script of a theme would act for staff.
    Ok(attachment(bytes, "application/octet-stream", "attachment"))
}

async fn delete_theme(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let asked = asked(&desk, &caller, &trace, tenant.id);
    desk.remove(asked, theme_id(&id)?).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn publish_theme(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(id): Path<String>,
) -> Result<Json<ThemeState>, Problem> {
    let theme = match id.as_str() {
        DEFAULT => None,
        id => Some(theme_id(id)?),
    };
    let asked = asked(&desk, &caller, &trace, tenant.id);
    let shop = desk.publish(asked, theme).await.map_err(problem)?;
    Ok(Json(ThemeState::from(shop)))
}

async fn roll_back_theme(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
) -> Result<Json<ThemeState>, Problem> {
    let asked = asked(&desk, &caller, &trace, tenant.id);
    let shop = desk.roll_back(asked).await.map_err(problem)?;
    Ok(Json(ThemeState::from(shop)))
}

async fn preview_theme(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
    Path(id): Path<String>,
) -> Result<Json<ThemeLink>, Problem> {
    let link = desk.preview(tenant.id, theme_id(&id)?).await;
    let (token, expires_at) = link.map_err(problem)?;
    Ok(Json(ThemeLink {
        path: format!("{PREVIEW_PATH}{token}"),
        expires_at,
    }))
}

async fn change_settings(
    State(desk): ApiState,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(id): Path<String>,
    Json(body): Json<SettingsBody>,
) -> Result<Json<ThemeDetail>, Problem> {
    let asked = asked(&desk, &caller, &trace, tenant.id);
    let detail = desk.set(asked, theme_id(&id)?, body.settings).await;
    Ok(Json(detail.map_err(problem)?.into()))
}

fn asked(
    desk: &Desk,
    caller: &Caller,
    trace: &TraceContext,
    tenant: stoa_kernel::TenantId,
) -> Asked {
    let cause = Cause {
        trace: Some(trace.trace_id_hex()),
        ..Cause::new(caller.actor(), desk.now())
    };
    Asked { tenant, cause }
}

fn theme_id(text: &str) -> Result<ThemeId, Problem> {
    text.parse().map_err(|_| Problem::new(&THEME_NOT_FOUND))
}

fn attachment(bytes: Vec<u8>, kind: &'static str, disposition: &'static str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn problem(error: DeskError) -> Problem {
    match error {
        DeskError::NotFound => Problem::new(&THEME_NOT_FOUND),
        DeskError::InUse => Problem::new(&THEME_IN_USE)
            .with_detail("Publish another theme first, `default` for the built-in one."),
        DeskError::NoEarlier => Problem::new(&THEME_NO_EARLIER),
        DeskError::Refused(faults) => {
            let refused = Problem::new(&THEME_REFUSED)
                .with_detail("Nothing was kept. `errors` says what to correct.");
            faults.into_iter().fold(refused, |problem, fault| {
                let reason = match fault.line {
                    Some(line) => format!("line {line}: {}", fault.reason),
                    None => fault.reason,
                };
                problem.with_field(fault.file, reason)
            })
        }
        DeskError::Crowded => busy(),
        DeskError::TooLarge => Problem::new(&code::PAYLOAD_TOO_LARGE),
        DeskError::Invalid { field, reason } => Problem::invalid(field, reason),
        DeskError::Broken(reason) => Problem::internal(reason),
        DeskError::Storage(error) if error.is_transient() => busy(),
        DeskError::Storage(error) => Problem::internal(error),
    }
}

fn busy() -> Problem {
    Problem::new(&code::TOO_BUSY).with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}
