//! Routes for staff: settings, wordings, the log and the mailbox. Mail is personal data: no other
//! route shows it.

mod bodies;

use std::sync::Arc;

use stoa_contracts::notify::{Mail, Mailbox as _};
use stoa_rest::{
    Access, CursorKey, ErrorCode, ErrorPage, HeaderValue, Json, Method, Operation, Page, Path,
    Permission, Problem, Query, Routes, State, StatusCode, Tenant, code, header,
};
use stoa_storage::Error;

use self::bodies::{
    ListQuery, LogQuery, NotificationLetter, NotificationSettings, NotificationTemplate,
    PreviewBody, TemplateBody,
};
use crate::application::{Desk, DeskError, LocalMailbox, MailPosition, MailSummary};
use crate::infrastructure::{LogFilter, Logged};

pub const MAIL_NOT_FOUND: ErrorCode =
    ErrorCode::new("mail_not_found", 404, "There is no such mail");
pub const TEMPLATE_NOT_FOUND: ErrorCode = ErrorCode::new(
    "mail_template_not_found",
    404,
    "There is no such mail template",
);
pub const TEMPLATE_REFUSED: ErrorCode = ErrorCode::new(
    "mail_template_refused",
    422,
    "The mail template does not work",
);

const PAGES: [ErrorPage; 3] = [
    ErrorPage {
        code: &MAIL_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/mail_not_found.md"),
    },
    ErrorPage {
        code: &TEMPLATE_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/mail_template_not_found.md"),
    },
    ErrorPage {
        code: &TEMPLATE_REFUSED,
        markdown: include_str!("../../../docs/errors/mail_template_refused.md"),
    },
];

const MAIL: Access = Access::Staff(Permission::OrdersRead);
const READ: Access = Access::Staff(Permission::SettingsRead);
const WRITE: Access = Access::Staff(Permission::SettingsWrite);

const MAILBOX: &str = "/api/v1/admin/mailbox";
const MAILBOX_ONE: &str = "/api/v1/admin/mailbox/{mail_id}";
const LOG: &str = "/api/v1/admin/notifications";
const SETTINGS: &str = "/api/v1/admin/notifications/settings";
const TEMPLATES: &str = "/api/v1/admin/notifications/templates";
const TEMPLATE: &str = "/api/v1/admin/notifications/templates/{kind}/{locale}";
const PREVIEW: &str = "/api/v1/admin/notifications/templates/{kind}/{locale}/preview";

struct Api {
    desk: Desk,
    mailbox: Arc<LocalMailbox>,
    cursors: CursorKey,
}

type ApiState = State<Arc<Api>>;

pub(crate) fn routes(desk: Desk, mailbox: Arc<LocalMailbox>, cursors: CursorKey) -> Routes {
    let api = Arc::new(Api {
        desk,
        mailbox,
        cursors,
    });
    wording_routes(mail_routes(Routes::new("notify")))
        .error_pages(&PAGES)
        .with_state(api)
}

fn mail_routes(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let list = Operation::new("listMail", "Mail that stayed here, newest first")
        .description("For development: where a mail server is set up, mail goes out by it.")
        .query::<ListQuery>()
        .returns::<Page<MailSummary>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let one = Operation::new("getMail", "A mail with its text")
        .returns::<Mail>(200)
        .returns_problem(&MAIL_NOT_FOUND);
    let log = Operation::new(
        "listNotifications",
        "What was written to whom, newest first",
    )
    .description(
        "A `queued` mail is tried again over a day; a `failed` one is not. `answer` holds what \
             the mail server said last. Kept for 90 days.",
    )
    .query::<LogQuery>()
    .returns::<Page<Logged>>(200)
    .returns_problem(&code::INVALID_CURSOR);
    routes
        .route(Method::GET, MAILBOX, MAIL, list, list_mail)
        .route(Method::GET, MAILBOX_ONE, MAIL, one, get_mail)
        .route(Method::GET, LOG, MAIL, log, list_notifications)
}

fn wording_routes(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let settings = Operation::new("getNotificationSettings", "How the shop's mail goes out")
        .returns::<NotificationSettings>(200);
    let put_settings = Operation::new("putNotificationSettings", "Replaces all of them")
        .body::<NotificationSettings>()
        .returns::<NotificationSettings>(200);
    let list = Operation::new("listNotificationTemplates", "Every kind in every locale")
        .returns::<Page<NotificationTemplate>>(200);
    let get = Operation::new("getNotificationTemplate", "The wording of a kind of mail")
        .description("The built-in one where the shop has none of its own.")
        .returns::<NotificationTemplate>(200)
        .returns_problem(&TEMPLATE_NOT_FOUND);
    let put = Operation::new("putNotificationTemplate", "The shop's own wording")
        .description(
            "Templates are Jinja with `if`, `for` and simple filters; HTML is escaped. One that \
             fails on made-up facts is refused with the line and the reason. For `de-AT` the \
             wording of `de-AT`, then of `de`, then the built-in one is used.",
        )
        .body::<TemplateBody>()
        .returns::<NotificationTemplate>(200)
        .returns_problem(&TEMPLATE_NOT_FOUND)
        .returns_problem(&TEMPLATE_REFUSED);
    let delete = Operation::new("deleteNotificationTemplate", "Back to the built-in wording")
        .returns_empty(204)
        .returns_problem(&TEMPLATE_NOT_FOUND);
    let preview = Operation::new("previewNotificationTemplate", "A mail about made-up facts")
        .description("Parts that the body leaves out are those in use.")
        .body::<PreviewBody>()
        .returns::<NotificationLetter>(200)
        .returns_problem(&TEMPLATE_NOT_FOUND)
        .returns_problem(&TEMPLATE_REFUSED);
    routes
        .route(Method::GET, SETTINGS, READ, settings, get_settings)
        .route(Method::PUT, SETTINGS, WRITE, put_settings, replace_settings)
        .route(Method::GET, TEMPLATES, READ, list, list_templates)
        .route(Method::GET, TEMPLATE, READ, get, get_template)
        .route(Method::PUT, TEMPLATE, WRITE, put, put_template)
        .route(Method::DELETE, TEMPLATE, WRITE, delete, delete_template)
        .route(Method::POST, PREVIEW, READ, preview, preview_template)
}

async fn list_mail(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<MailSummary>>, Problem> {
    let scope = format!("{} mailbox", tenant.id);
    let after = position(&api, &scope, query.cursor.as_deref())?;
    let found = api
        .mailbox
        .summaries(tenant.id, after, query.limit.plus_one())
        .await;
    let page = Page::of(found.map_err(storage_problem)?, query.limit, |last| {
        let position: MailPosition = (last.sent_at.micros(), last.id);
        api.cursors.encode(&scope, &position)
    });
    Ok(Json(page))
}

async fn get_mail(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(mail): Path<String>,
) -> Result<Json<Mail>, Problem> {
    let missing = || Problem::new(&MAIL_NOT_FOUND);
    let id = mail.parse().map_err(|_| missing())?;
    let found = api.mailbox.read(tenant.id, id).await;
    found
        .map_err(storage_problem)?
        .map(Json)
        .ok_or_else(missing)
}

async fn list_notifications(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Query(query): Query<LogQuery>,
) -> Result<Json<Page<Logged>>, Problem> {
    let scope = format!("{} mail {:?} {:?}", tenant.id, query.state, query.kind);
    let filter = LogFilter {
        state: query.state,
        kind: query.kind.map(|kind| kind.as_str()),
        before: position(&api, &scope, query.cursor.as_deref())?,
        limit: query.limit.plus_one(),
    };
    let found = api.desk.log(tenant.id, filter).await.map_err(problem)?;
    Ok(Json(Page::of(found, query.limit, |last| {
        let position: MailPosition = (last.queued_at.micros(), last.id);
        api.cursors.encode(&scope, &position)
    })))
}

async fn get_settings(
    State(api): ApiState,
    Tenant(tenant): Tenant,
) -> Result<Json<NotificationSettings>, Problem> {
    let settings = api.desk.settings(tenant.id).await.map_err(problem)?;
    Ok(Json(settings.into()))
}

async fn replace_settings(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Json(body): Json<NotificationSettings>,
) -> Result<Json<NotificationSettings>, Problem> {
    let kept = api.desk.put_settings(tenant.id, body.into()).await;
    Ok(Json(kept.map_err(problem)?.into()))
}

async fn list_templates(
    State(api): ApiState,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<NotificationTemplate>>, Problem> {
    let found = api.desk.templates(tenant.id).await.map_err(problem)?;
    Ok(Json(Page::whole(
        found.into_iter().map(NotificationTemplate::from).collect(),
    )))
}

async fn get_template(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path((kind, locale)): Path<(String, String)>,
) -> Result<Json<NotificationTemplate>, Problem> {
    let found = api.desk.template(tenant.id, &kind, &locale).await;
    Ok(Json(found.map_err(problem)?.into()))
}

async fn put_template(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path((kind, locale)): Path<(String, String)>,
    Json(body): Json<TemplateBody>,
) -> Result<Json<NotificationTemplate>, Problem> {
    let kept = api
        .desk
        .put_template(tenant.id, &kind, &locale, body.into())
        .await;
    Ok(Json(kept.map_err(problem)?.into()))
}

async fn delete_template(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path((kind, locale)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let removed = api.desk.remove_template(tenant.id, &kind, &locale).await;
    removed.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn preview_template(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path((kind, locale)): Path<(String, String)>,
    Json(body): Json<PreviewBody>,
) -> Result<Json<NotificationLetter>, Problem> {
    let made = api
        .desk
        .preview(tenant.id, &kind, &locale, body.into())
        .await;
    Ok(Json(made.map_err(problem)?.into()))
}

fn position(api: &Api, scope: &str, cursor: Option<&str>) -> Result<Option<MailPosition>, Problem> {
    cursor
        .map(|cursor| api.cursors.decode::<MailPosition>(scope, cursor))
        .transpose()
}

fn problem(error: DeskError) -> Problem {
    match error {
        DeskError::NotFound => Problem::new(&TEMPLATE_NOT_FOUND),
        DeskError::Refused(refused) => {
            let reason = match refused.line {
                Some(line) => format!("line {line}: {}", refused.reason),
                None => refused.reason,
            };
            Problem::new(&TEMPLATE_REFUSED).with_field(refused.field, reason)
        }
        DeskError::Invalid(invalid) => Problem::invalid(invalid.field, invalid.reason),
        DeskError::Storage(error) => storage_problem(error),
    }
}

fn storage_problem(error: Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
        false => Problem::internal(error),
    }
}
